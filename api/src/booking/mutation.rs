//! What changes bookings.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::booking as command;
use domain::booking::PhotoPhase as Phase;
use domain::ids::BookingId;

use super::BookingNode;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::{DateTime, MoneyInput};

/// When a photo of the vehicle was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PhotoPhase {
    /// Before the trip.
    Pickup,
    /// After the trip.
    Return,
}

/// What a booking's mutation answers.
#[derive(SimpleObject)]
pub struct BookingPayload {
    /// The booking as of the receipt.
    booking: Option<BookingNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<BookingNode>> for BookingPayload {
    fn from(Reply { entity, answer }: Reply<BookingNode>) -> Self {
        Self { booking: entity, answer }
    }
}

/// A wish for a slot.
#[derive(InputObject)]
pub struct RequestBookingInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every new wish.
    idempotency_key: String,
    /// Which vehicle.
    vehicle_id: ID,
    /// Start of the rental.
    starts_at: DateTime,
    /// End of the rental.
    ends_at: DateTime,
    /// A word to the host, at most 1,000 characters.
    message: Option<String>,
    /// The total that you were shown; refused with BOOKING010 when it is no longer that.
    expected_total: Option<MoneyInput>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl RequestBookingInput {
    fn command(&self) -> Result<command::RequestBooking, commands::ExecuteError> {
        Ok(command::RequestBooking {
            vehicle_id: id(&self.vehicle_id, "SYS007", "vehicleId")?,
            starts_at: self.starts_at.instant(&["startsAt"]).map_err(invalid)?,
            ends_at: self.ends_at.instant(&["endsAt"]).map_err(invalid)?,
            message: self.message.clone(),
            expected_total: self.expected_total.as_ref().map(|m| m.money(&["expectedTotal"])).transpose().map_err(invalid)?,
        })
    }
}

/// A host's yes.
#[derive(InputObject)]
pub struct ApproveBookingInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// A word to the guest, at most 1,000 characters.
    response: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A host's no.
#[derive(InputObject)]
pub struct RejectBookingInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// A word to the guest, at most 1,000 characters.
    response: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An end before the trip.
#[derive(InputObject)]
pub struct CancelBookingInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A guest who did not come.
#[derive(InputObject)]
pub struct ReportNoShowInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A photo of the vehicle.
#[derive(InputObject)]
pub struct AttachBookingPhotoInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which booking.
    booking_id: ID,
    /// Before or after the trip.
    phase: PhotoPhase,
    /// The upload that holds its bytes.
    upload_id: ID,
    /// When it was taken.
    taken_at: Option<DateTime>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The vehicle leaves.
#[derive(InputObject)]
pub struct StartTripInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// Odometer in kilometres.
    odometer_km: i32,
    /// Fuel or charge in percent.
    fuel_percent: Option<i32>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The vehicle is back.
#[derive(InputObject)]
pub struct EndTripInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which booking.
    booking_id: ID,
    /// Odometer in kilometres.
    odometer_km: i32,
    /// Fuel or charge in percent.
    fuel_percent: Option<i32>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn booking_id(text: &ID) -> Result<BookingId, commands::ExecuteError> {
    id(text, "BOOKING001", "bookingId")
}

/// Mutations of bookings.
#[derive(Default)]
pub struct BookingMutation;

#[Object]
impl BookingMutation {
    /// Asks a host for a slot; it is held until they answer or the request expires. With instant booking it is approved at once.
    async fn request_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RequestBookingInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key.clone()));
        let act = async |caller: Caller| command::request_booking(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }

    /// The host agrees; the guest now has a payment window.
    async fn approve_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ApproveBookingInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::Answer { booking_id: booking_id(&input.booking_id)?, response: input.response };
            command::approve_booking(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// The host declines; the slot is free again.
    async fn reject_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RejectBookingInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::Answer { booking_id: booking_id(&input.booking_id)?, response: Some(input.response) };
            command::reject_booking(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Ends a booking before its trip; the refund follows the policy that was agreed on.
    async fn cancel_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: CancelBookingInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::CancelBooking { booking_id: booking_id(&input.booking_id)?, reason: input.reason };
            command::cancel_booking(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// The guest did not come: the host keeps their share. From 30 minutes after the start on.
    async fn report_no_show(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ReportNoShowInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::report_no_show(&reader.app.ctx, &caller, booking_id(&input.booking_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Adds a photo of the vehicle before or after the trip.
    async fn attach_booking_photo(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: AttachBookingPhotoInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = command::AttachBookingPhoto {
                booking_id: booking_id(&input.booking_id)?,
                phase: match input.phase {
                    PhotoPhase::Pickup => Phase::Pickup,
                    PhotoPhase::Return => Phase::Return,
                },
                upload_id: id(&input.upload_id, "SYS007", "uploadId")?,
                taken_at: input.taken_at.as_ref().map(|at| at.instant(&["takenAt"])).transpose().map_err(invalid)?,
            };
            command::attach_booking_photo(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// The vehicle leaves with its guest: from 15 minutes before the start on, once paid.
    async fn start_trip(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: StartTripInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let booking_id = booking_id(&input.booking_id)?;
            let command = command::Readings { booking_id, odometer_km: input.odometer_km, fuel_percent: input.fuel_percent };
            command::start_trip(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// The vehicle is back: the slot is free and the host has earned their share.
    async fn end_trip(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: EndTripInput,
    ) -> Result<BookingPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let booking_id = booking_id(&input.booking_id)?;
            let command = command::Readings { booking_id, odometer_km: input.odometer_km, fuel_percent: input.fuel_percent };
            command::end_trip(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
