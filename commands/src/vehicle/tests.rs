#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::UserId;
use domain::user::Role;
use kernel::{Actor, Currency};
use uuid::Uuid;

use super::*;
use crate::testing::{Book, book, by, caller, events, now, refusal, sign_up, verify};
use crate::upload::{RequestPhotoUpload, StoreUpload, request_photo_upload, store_upload};

fn car(plate: &str) -> RegisterVehicle {
    RegisterVehicle {
        license_plate: plate.to_owned(),
        make: "현대".to_owned(),
        model: "아이오닉 5".to_owned(),
        year: 2025,
        color: None,
        fuel_type: Some(FuelType::Electric),
        transmission: None,
        hourly_rate: Money::new(12_000, Currency::Krw),
        location_address: "서울특별시 중구 세종대로 110".to_owned(),
        location: None,
        time_zone: "Asia/Seoul".to_owned(),
        description: None,
    }
}

async fn photo(book: &Book, owner: UserId, vehicle: VehicleId) -> UploadId {
    let sha256 = "0".repeat(64);
    let request = RequestPhotoUpload {
        vehicle_id: Some(vehicle),
        booking_id: None,
        content_type: "image/png".into(),
        bytes: 9,
        sha256: sha256.clone(),
    };
    let upload_id = request_photo_upload(&book.ctx, &by(owner), &request, now()).await.unwrap().value.upload;
    let came = StoreUpload { upload_id, sha256, bytes: 9 };
    store_upload(&book.ctx, &caller(Actor::Anonymous), &came, now()).await.unwrap();
    upload_id
}

#[tokio::test]
async fn a_plate_is_registered_once_however_it_is_written() {
    let book = book().await;
    let (host, other) = (UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
    register_vehicle(&book.ctx, &by(host), &car("12가 3456")).await.unwrap();
    let taken = register_vehicle(&book.ctx, &by(other), &RegisterVehicle { year: 1900, ..car("12가-3456") }).await;
    assert_eq!(refusal(taken), ("VEH001".into(), "licensePlate".into()));
    assert_eq!(refusal(register_vehicle(&book.ctx, &by(host), &car("🚗")).await), ("VEH002".into(), "licensePlate".into()));
    let nowhere = RegisterVehicle { time_zone: "Asia/Nowhere".into(), ..car("34나5678") };
    assert_eq!(refusal(register_vehicle(&book.ctx, &by(host), &nowhere).await), ("SYS003".into(), "timeZone".into()));
    assert_eq!(events(&book).await, ["PlateClaimed", "VehicleRegistered"]);
    register_vehicle(&book.ctx, &by(other), &car("34나5678")).await.unwrap();
}

#[tokio::test]
async fn a_keyed_registration_is_answered_again() {
    let book = book().await;
    let caller = crate::Caller { key: Some("once".into()), ..by(UserId::new(Uuid::from_u128(1))) };
    let first = register_vehicle(&book.ctx, &caller, &car("12가3456")).await.unwrap();
    let again = register_vehicle(&book.ctx, &caller, &car("12가3456")).await.unwrap();
    assert_eq!((again.value, again.receipt.replayed), (first.value, true));
    assert_eq!(events(&book).await.len(), 2);
}

#[tokio::test]
async fn from_registration_to_activation() {
    let book = book().await;
    let host = sign_up(&book, "host@example.com", Role::Host).await.user;
    let vehicle_id = register_vehicle(&book.ctx, &by(host), &car("12가3456")).await.unwrap().value;
    let activate = || async { activate_vehicle(&book.ctx, &by(host), &ActivateVehicle { vehicle_id }).await };
    assert_eq!(refusal(activate().await).0, "VEH004");

    let upload_id = photo(&book, host, vehicle_id).await;
    attach_vehicle_photo(&book.ctx, &by(host), &AttachVehiclePhoto { vehicle_id, upload_id }).await.unwrap();
    assert_eq!(refusal(activate().await).0, "VEH004");

    let found = GeoPoint::parse("37.5665", "126.978").unwrap();
    locate_vehicle(&book.ctx, &caller(Actor::system("geocode")), &LocateVehicle { vehicle_id, found: Ok(found) }).await.unwrap();
    assert_eq!(refusal(activate().await).0, "VEH004");

    verify(&book, host).await;
    assert_eq!(activate().await.unwrap().value, vehicle_id);
    assert!(activate().await.unwrap().receipt.event_ids.is_empty(), "it is active already");
    let (vehicle, _) = book.ctx.log.load::<Vehicle>(vehicle_id.uuid()).await.unwrap();
    assert!(vehicle.listing().unwrap().is_active());
}

#[tokio::test]
async fn a_photo_is_attached_once_by_its_owner() {
    let book = book().await;
    let (host, other) = (UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
    let vehicle_id = register_vehicle(&book.ctx, &by(host), &car("12가3456")).await.unwrap().value;
    let second = register_vehicle(&book.ctx, &by(host), &car("34나5678")).await.unwrap().value;
    let upload_id = photo(&book, host, vehicle_id).await;
    let attach = |user, vehicle_id, upload_id| {
        let ctx = &book.ctx;
        async move { attach_vehicle_photo(ctx, &by(user), &AttachVehiclePhoto { vehicle_id, upload_id }).await }
    };
    let missing = UploadId::new(Uuid::nil());
    assert_eq!(refusal(attach(host, VehicleId::new(Uuid::nil()), missing).await), ("SYS007".into(), "vehicleId".into()));
    assert_eq!(refusal(attach(other, vehicle_id, missing).await).0, "SYS007");
    assert_eq!(refusal(attach(host, vehicle_id, missing).await), ("SYS007".into(), "uploadId".into()));
    assert_eq!(refusal(attach(host, second, upload_id).await).0, "FILE001");
    attach(host, vehicle_id, upload_id).await.unwrap();
    assert_eq!(refusal(attach(host, vehicle_id, upload_id).await).0, "FILE001");
}
