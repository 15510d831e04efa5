#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::UserId;
use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{after, book, by, caller, now, refusal};

fn request() -> RequestPhotoUpload {
    let sha256 = "0".repeat(64);
    RequestPhotoUpload { vehicle_id: None, booking_id: None, content_type: "image/png".into(), bytes: 9, sha256 }
}

#[tokio::test]
async fn a_ticket_is_for_one_thing_that_exists_and_is_ones_own() {
    let book = book().await;
    let user = by(UserId::new(Uuid::from_u128(1)));
    let refused = |input: RequestPhotoUpload| {
        let (ctx, user) = (&book.ctx, &user);
        async move { refusal(request_photo_upload(ctx, user, &input, now()).await) }
    };
    let (vehicle_id, booking_id) = (Some(VehicleId::new(Uuid::nil())), Some(BookingId::new(Uuid::nil())));
    assert_eq!(refused(request()).await, ("SYS003".into(), String::new()));
    assert_eq!(refused(RequestPhotoUpload { vehicle_id, booking_id, ..request() }).await, ("SYS003".into(), String::new()));
    assert_eq!(refused(RequestPhotoUpload { vehicle_id, ..request() }).await, ("SYS007".into(), "vehicleId".into()));
    assert_eq!(refused(RequestPhotoUpload { booking_id, ..request() }).await.0, "BOOKING001");
}

#[tokio::test]
async fn bytes_without_a_ticket_are_not_kept() {
    let book = book().await;
    let came = StoreUpload { upload_id: UploadId::new(Uuid::nil()), sha256: "0".repeat(64), bytes: 9 };
    let result = store_upload(&book.ctx, &caller(Actor::Anonymous), &came, after(1)).await;
    assert_eq!(refusal(result), ("SYS007".into(), "uploadId".into()));
}
