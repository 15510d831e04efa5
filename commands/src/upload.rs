//! Tickets to upload one photo each (VEH-10, BKG-08).

use domain::booking::Booking;
use domain::ids::{BookingId, UploadId, VehicleId, user_of};
use domain::upload::{self, Target, Upload};
use domain::vehicle::Vehicle;
use eventlog::{ExecuteError, Executed, Session, Stop};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access;
use crate::context::{Caller, Context};

/// Input of [`request_photo_upload`].
#[derive(Clone, Debug, Serialize)]
pub struct RequestPhotoUpload {
    /// The vehicle that the photo is to be of; else a booking.
    pub vehicle_id: Option<VehicleId>,
    /// The booking whose trip the photo is to show; else a vehicle.
    pub booking_id: Option<BookingId>,
    /// Media type.
    pub content_type: String,
    /// Size.
    pub bytes: i64,
    /// Digest, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A ticket as its holder needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadTicket {
    /// The upload.
    pub upload: UploadId,
    /// Real time at which it stops working.
    pub expires_at: Timestamp,
}

/// Gives a ticket to the owner of a vehicle or a party of a booking.
///
/// # Errors
/// SYS003 (neither or both targets), SYS007, BOOKING001, AUTH010, FILE001; or the log's.
pub async fn request_photo_upload(
    ctx: &Context,
    caller: &Caller,
    input: &RequestPhotoUpload,
    now_real: Timestamp,
) -> Result<Executed<UploadTicket>, ExecuteError> {
    let id = UploadId::new(ctx.ids.mint());
    let announced = Announced { content_type: input.content_type.clone(), bytes: input.bytes, sha256: input.sha256.clone() };
    let announced = &announced;
    ctx.execute("requestPhotoUpload", caller, input, |s| async move {
        let target = target(&s, input).await?;
        ticket(&s, id, target, announced, now_real).await
    })
    .await
}

/// What somebody says of the bytes to come; input of [`request_own_upload`].
#[derive(Clone, Debug, Serialize)]
pub struct Announced {
    /// Media type.
    pub content_type: String,
    /// Size.
    pub bytes: i64,
    /// Digest, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Gives a ticket to anybody who is signed in, for a picture of themselves or a paper of their business.
///
/// # Errors
/// AUTH002, FILE001; or the log's.
pub async fn request_own_upload(
    ctx: &Context,
    caller: &Caller,
    input: &Announced,
    now_real: Timestamp,
) -> Result<Executed<UploadTicket>, ExecuteError> {
    let id = UploadId::new(ctx.ids.mint());
    ctx.execute("requestOwnUpload", caller, input, |s| async move {
        let target = Target::Person(access::actor_of(&s)?);
        ticket(&s, id, target, input, now_real).await
    })
    .await
}

async fn ticket(s: &Session, id: UploadId, target: Target, announced: &Announced, now_real: Timestamp) -> Result<UploadTicket, Stop> {
    let mut upload = s.fresh::<Upload>(id.uuid()).await?;
    let Announced { content_type, bytes, sha256 } = announced.clone();
    s.decide(&mut upload, upload::Command::Request { target, content_type, bytes, sha256, now_real })?;
    let ticket = upload.ticket_of(user_of(s.actor()))?;
    Ok(UploadTicket { upload: id, expires_at: ticket.expires_at })
}

/// What the photo is of, if the caller may put photos there.
async fn target(s: &Session, input: &RequestPhotoUpload) -> Result<Target, Stop> {
    match (input.vehicle_id, input.booking_id) {
        (Some(vehicle), None) => {
            s.load::<Vehicle>(vehicle.uuid()).await?.listing_of(user_of(s.actor()))?;
            Ok(Target::Vehicle(vehicle))
        }
        (None, Some(booking)) => {
            access::party_of(&*s.load::<Booking>(booking.uuid()).await?, access::actor_of(s)?)?;
            Ok(Target::Booking(booking))
        }
        (None, None) | (Some(_), Some(_)) => Err(upload::Refusal::BadTarget.into()),
    }
}

/// Input of [`store_upload`]: what came with a ticket and is kept already.
#[derive(Clone, Debug, Serialize)]
pub struct StoreUpload {
    /// The ticket's upload.
    pub upload_id: UploadId,
    /// Digest of what came.
    pub sha256: String,
    /// Size of what came.
    pub bytes: u64,
}

/// Records that the announced bytes arrived. The bytes are stored first: an upload that counts as stored can be read.
///
/// # Errors
/// SYS007, FILE001; or the log's.
pub async fn store_upload(
    ctx: &Context,
    caller: &Caller,
    input: &StoreUpload,
    now_real: Timestamp,
) -> Result<Executed<UploadId>, ExecuteError> {
    ctx.execute("storeUpload", caller, input, |s| async move {
        let mut upload = s.load::<Upload>(input.upload_id.uuid()).await?;
        s.decide(&mut upload, upload::Command::Store { sha256: input.sha256.clone(), bytes: input.bytes, now_real })?;
        Ok(input.upload_id)
    })
    .await
}

#[cfg(test)]
mod tests;
