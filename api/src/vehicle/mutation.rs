//! What changes vehicles and their calendars (domain.md §3.2).

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::upload::{self, RequestPhotoUpload};
use commands::vehcal::{self, BlockPeriod, PolicyChange, SetBookingPolicy, SetWeeklyAvailability};
use commands::vehicle::{self, ActivateVehicle, AttachVehiclePhoto, RegisterVehicle};
use commands::{Caller, ExecuteError};
use domain::cancellation::CancellationPolicy as Policy;
use domain::ids::VehicleId;
use domain::vehcal::WindowInput;

use super::{FuelType, Transmission, VehicleNode};
use crate::app::real_now;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::{DateTime, GeoPointInput, LocalTime, MoneyInput};
use crate::tokens::Purpose;

mod input;
pub use input::*;

/// What a vehicle's mutation answers.
#[derive(SimpleObject)]
pub struct VehiclePayload {
    /// The vehicle as of the receipt.
    vehicle: Option<VehicleNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<VehicleNode>> for VehiclePayload {
    fn from(Reply { entity, answer }: Reply<VehicleNode>) -> Self {
        Self { vehicle: entity, answer }
    }
}

/// Where to put the bytes of a photo.
#[derive(SimpleObject)]
pub struct PhotoUploadPayload {
    /// Names the photo; attach it once the bytes are there.
    upload_id: Option<ID>,
    /// PUT the bytes here, with the announced content type.
    upload_url: Option<String>,
    /// When the address stops working.
    expires_at: Option<DateTime>,
    #[graphql(flatten)]
    answer: Answer,
}

fn vehicle_id(text: &ID) -> Result<VehicleId, ExecuteError> {
    id(text, "SYS007", "vehicleId")
}

/// Mutations of vehicles.
#[derive(Default)]
pub struct VehicleMutation;

#[Object]
impl VehicleMutation {
    /// Lists a car of yours, inactive at first. Without coordinates its address is looked up.
    async fn register_vehicle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RegisterVehicleInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key.clone());
        let act = async |caller: Caller| vehicle::register_vehicle(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }

    /// Gives an address to put one photo to, of a vehicle of yours, of a trip that you take part in, or of yourself.
    async fn request_photo_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RequestPhotoUploadInput,
    ) -> Result<PhotoUploadPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.caller(input.idempotency_key.clone())?;
            match input.own() {
                Some(announced) => upload::request_own_upload(&reader.app.ctx, &caller, &announced, real_now()).await,
                None => upload::request_photo_upload(&reader.app.ctx, &caller, &input.command()?, real_now()).await,
            }
        };
        let outcome = outcome.await;
        let show = async |ticket: upload::UploadTicket, _| Ok(Some(ticket));
        let reply = reader.reply(input.client_mutation_id, outcome, show).await?;
        let Reply { entity, answer } = reply;
        let url = |ticket: &upload::UploadTicket| {
            let code = reader.app.tokens.code(Purpose::Upload, ticket.upload.uuid(), ticket.expires_at.as_second());
            format!("{}/uploads/{code}", reader.app.public_url)
        };
        Ok(PhotoUploadPayload {
            upload_url: entity.as_ref().map(url),
            upload_id: entity.as_ref().map(|ticket| ID(ticket.upload.to_string())),
            expires_at: entity.map(|ticket| ticket.expires_at.into()),
            answer,
        })
    }

    /// Adds an uploaded photo to a vehicle of yours.
    async fn attach_vehicle_photo(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: AttachVehiclePhotoInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let upload_id = id(&input.upload_id, "SYS007", "uploadId")?;
            let command = AttachVehiclePhoto { vehicle_id: vehicle_id(&input.vehicle_id)?, upload_id };
            vehicle::attach_vehicle_photo(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Opens a vehicle for bookings: it has a photo and coordinates, and you proved your address.
    async fn activate_vehicle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ActivateVehicleInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = ActivateVehicle { vehicle_id: vehicle_id(&input.vehicle_id)? };
            vehicle::activate_vehicle(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Sets when a vehicle of yours may be booked; no windows at all: always.
    async fn set_weekly_availability(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetWeeklyAvailabilityInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let windows = input.windows.iter().map(WeeklyWindowInput::stored).collect();
            let command = SetWeeklyAvailability { vehicle_id: vehicle_id(&input.vehicle_id)?, windows };
            vehcal::set_weekly_availability(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Closes a vehicle of yours for a period in which nobody has booked it.
    async fn block_period(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: BlockPeriodInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = BlockPeriod {
                vehicle_id: vehicle_id(&input.vehicle_id)?,
                starts_at: input.starts_at.instant(&["startsAt"]).map_err(invalid)?,
                ends_at: input.ends_at.instant(&["endsAt"]).map_err(invalid)?,
                reason: input.reason,
            };
            vehcal::block_period(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Sets what you ask of bookings; what is left out stays as it is. Bookings that were requested before keep their terms.
    async fn set_booking_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetBookingPolicyInput,
    ) -> Result<VehiclePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key.clone());
        let act = async |caller: Caller| {
            let command = SetBookingPolicy { vehicle_id: vehicle_id(&input.vehicle_id)?, change: input.change() };
            vehcal::set_booking_policy(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }
}
