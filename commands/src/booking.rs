//! Bookings, from request to return (domain.md §3.3). What belongs together happens in one append: a request takes its
//! slot, an approval asks for its payment, an end settles the escrow.

use domain::booking::{Booking, Command, Event, Photo, PhotoPhase, Refusal, Terms};
use domain::cancellation::CancelCause;
use domain::ids::{BookingId, PaymentId, RefundId, UploadId, UserId, VehicleId};
use domain::pending::{self, PendingRequests};
use domain::pricing;
use domain::upload::{self, Target, Upload};
use domain::user::{Role, User};
use domain::vehcal::{self, SlotRequest, VehicleCalendar};
use domain::vehicle::{self, Vehicle};
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use kernel::{Money, Period, Refused, Timestamp};
use serde::Serialize;

use crate::access::{self, Denied, actor_of};
use crate::context::{Caller, Context};
use crate::escrow::{self, Bill, Ending, IfUnpaid};

/// The end is not after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the period is empty or runs backwards")]
pub struct BadPeriod;

impl kernel::Refusal for BadPeriod {
    fn refused(&self) -> Refused {
        Refused::at("SYS003", &["endsAt"])
    }
}

/// Input of [`request_booking`].
#[derive(Clone, Debug, Serialize)]
pub struct RequestBooking {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
    /// From.
    pub starts_at: Timestamp,
    /// Up to.
    pub ends_at: Timestamp,
    /// The guest's words.
    pub message: Option<String>,
    /// The total that the guest was shown.
    pub expected_total: Option<Money>,
}

/// Input of [`approve_booking`] and [`reject_booking`].
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Which booking.
    pub booking_id: BookingId,
    /// The host's words.
    pub response: Option<String>,
}

/// Input of [`cancel_booking`].
#[derive(Clone, Debug, Serialize)]
pub struct CancelBooking {
    /// Which booking.
    pub booking_id: BookingId,
    /// Why.
    pub reason: String,
}

/// Input of [`attach_booking_photo`].
#[derive(Clone, Debug, Serialize)]
pub struct AttachBookingPhoto {
    /// Which booking.
    pub booking_id: BookingId,
    /// Before or after the trip.
    pub phase: PhotoPhase,
    /// Where its bytes are.
    pub upload_id: UploadId,
    /// As its maker says.
    pub taken_at: Option<Timestamp>,
}

/// Input of [`start_trip`] and [`end_trip`].
#[derive(Clone, Debug, Serialize)]
pub struct Readings {
    /// Which booking.
    pub booking_id: BookingId,
    /// Odometer in kilometres.
    pub odometer_km: i32,
    /// Fuel or charge, 0 to 100.
    pub fuel_percent: Option<i32>,
}

/// Asks for a slot; with instant booking it is approved in the same append (BKG-03, BKG-09).
///
/// # Errors
/// SYS007, SYS003, BOOKING002, 003, 005, 006, 007, 010, in this order.
pub async fn request_booking(ctx: &Context, caller: &Caller, input: &RequestBooking) -> Result<Executed<BookingId>, ExecuteError> {
    let (booking_id, payment_id) = (BookingId::new(ctx.ids.mint()), PaymentId::new(ctx.ids.mint()));
    let settings = &ctx.settings;
    ctx.execute("requestBooking", caller, input, |s| async move {
        let guest = actor_of(&s)?;
        let vehicle = s.load::<Vehicle>(input.vehicle_id.uuid()).await?;
        let listing = vehicle.listing()?.clone();
        // A host who was locked out or leaves has no cars to offer. Checked at its version, so that an erasure misses no booking.
        if s.load::<User>(listing.owner.uuid()).await?.active().is_none() {
            return Err(vehicle::Refusal::Unknown.into());
        }
        if !s.load::<User>(guest.uuid()).await?.is_verified() {
            return Err(Denied::Forbidden.into());
        }
        let period = Period::new(input.starts_at, input.ends_at).ok_or(BadPeriod)?;
        let message = access::optional_note(guest, "message", input.message.as_deref())?;
        let mut calendar = s.load::<VehicleCalendar>(input.vehicle_id.uuid()).await?;
        let policy = calendar.state.policy;
        let (owner, active, zone) = (listing.owner, listing.is_active(), listing.time_zone.to_string());
        let slot = SlotRequest { booking: booking_id, period, guest, owner, active, zone };
        s.decide(&mut calendar, vehcal::Command::HoldSlot(slot))?;
        let mut waiting = s.load::<PendingRequests>(guest.uuid()).await?;
        let limit = settings.max_pending_per_guest;
        s.decide(&mut waiting, pending::Command::Open { booking: booking_id, limit })?;
        let price = pricing::price(listing.hourly_rate, &period, settings.billing_increment_minutes, settings.booking_fee_bps)
            .map_err(Refusal::from)?;
        let terms = Box::new(Terms {
            vehicle: input.vehicle_id,
            guest,
            host: owner,
            period,
            price,
            cancellation: policy.cancellation,
            require_pickup_photos: policy.require_pickup_photos,
            instant: policy.instant_book,
        });
        let mut booking = s.fresh::<Booking>(booking_id.uuid()).await?;
        s.decide(&mut booking, Command::Request { terms, message, expected_total: input.expected_total })?;
        if policy.instant_book {
            approve(&s, &mut booking, booking_id, payment_id, None, true).await?;
        }
        Ok(booking_id)
    })
    .await
}

/// Agrees to a request and asks for its payment (BKG-05).
///
/// # Errors
/// BOOKING001, AUTH010, BOOKING004, BOOKING008.
pub async fn approve_booking(ctx: &Context, caller: &Caller, input: &Answer) -> Result<Executed<BookingId>, ExecuteError> {
    let payment_id = PaymentId::new(ctx.ids.mint());
    ctx.execute("approveBooking", caller, input, |s| async move {
        let host = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        access::as_host(&booking, host)?;
        let response = access::optional_note(host, "response", input.response.as_deref())?;
        approve(&s, &mut booking, input.booking_id, payment_id, response, false).await?;
        Ok(input.booking_id)
    })
    .await
}

async fn approve(
    s: &Session,
    booking: &mut Loaded<Booking>,
    booking_id: BookingId,
    payment_id: PaymentId,
    response: Option<kernel::Personal<String>>,
    auto: bool,
) -> Result<(), Stop> {
    s.decide(booking, Command::Approve { payment: payment_id, response, auto })?;
    let (Booking::Approved { due_at, .. }, Some(terms)) = (&booking.state, booking.state.terms()) else {
        return Err(Refusal::WrongState.into());
    };
    let (amount, fee) = (terms.price.total, terms.price.platform_fee);
    let bill = Bill { purpose: booking_id.into(), payer: terms.guest, earner: terms.host, amount, fee, due_at: *due_at };
    escrow::ask(s, payment_id, bill).await?;
    let mut waiting = s.load::<PendingRequests>(terms.guest.uuid()).await?;
    s.decide(&mut waiting, pending::Command::Close { booking: booking_id })?;
    Ok(())
}

/// Declines a request and frees its slot (BKG-06).
///
/// # Errors
/// BOOKING001, AUTH010, SYS003, BOOKING004.
pub async fn reject_booking(ctx: &Context, caller: &Caller, input: &Answer) -> Result<Executed<BookingId>, ExecuteError> {
    ctx.execute("rejectBooking", caller, input, |s| async move {
        let host = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        access::as_host(&booking, host)?;
        let response = access::note(host, "response", input.response.as_deref().unwrap_or_default())?;
        s.decide(&mut booking, Command::Reject { response })?;
        end(&s, input.booking_id, &booking, &Ending::unpaid(IfUnpaid::Void)).await?;
        Ok(input.booking_id)
    })
    .await
}

/// Ends a booking before its trip, settles what was paid and frees the slot (BKG-07).
///
/// # Errors
/// BOOKING001, SYS003, BOOKING004.
pub async fn cancel_booking(ctx: &Context, caller: &Caller, input: &CancelBooking) -> Result<Executed<BookingId>, ExecuteError> {
    let refund = RefundId::new(ctx.ids.mint());
    ctx.execute("cancelBooking", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        let cause = cancel_cause(&booking, by, caller)?;
        let reason = access::record(by, "reason", &input.reason)?;
        let events = s.decide(&mut booking, Command::Cancel { cause, by, reason })?;
        end(&s, input.booking_id, &booking, &cancelled(&events, refund)).await?;
        Ok(input.booking_id)
    })
    .await
}

/// Guest and host act for themselves; an administrator may end any booking.
fn cancel_cause(booking: &Booking, by: UserId, caller: &Caller) -> Result<CancelCause, Refusal> {
    let terms = booking.terms().ok_or(Refusal::NotFound)?;
    if by == terms.guest {
        Ok(CancelCause::Guest)
    } else if by == terms.host {
        Ok(CancelCause::Host)
    } else if caller.is_any(&[Role::Admin]) {
        Ok(CancelCause::Admin)
    } else {
        Err(Refusal::NotFound)
    }
}

/// The guest did not come: the host keeps their share.
///
/// # Errors
/// BOOKING001, AUTH010, BOOKING004, BOOKING006.
pub async fn report_no_show(ctx: &Context, caller: &Caller, booking_id: BookingId) -> Result<Executed<BookingId>, ExecuteError> {
    let refund = RefundId::new(ctx.ids.mint());
    ctx.execute("reportNoShow", caller, &booking_id, |s| async move {
        let by = actor_of(&s)?;
        let mut booking = s.load::<Booking>(booking_id.uuid()).await?;
        access::as_host(&booking, by)?;
        let events = s.decide(&mut booking, Command::ReportNoShow { by })?;
        end(&s, booking_id, &booking, &cancelled(&events, refund)).await?;
        Ok(booking_id)
    })
    .await
}

/// Adds a photo; its upload is used in the same append (BKG-08).
///
/// # Errors
/// BOOKING001, SYS007, BOOKING011, FILE001.
pub async fn attach_booking_photo(ctx: &Context, caller: &Caller, input: &AttachBookingPhoto) -> Result<Executed<BookingId>, ExecuteError> {
    ctx.execute("attachBookingPhoto", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        access::party_of(&booking, by)?;
        let mut upload = s.load::<Upload>(input.upload_id.uuid()).await?;
        let sha256 = upload.ticket_of(Some(by))?.sha256.clone();
        let photo = Photo { upload: input.upload_id, sha256, taken_at: input.taken_at, by };
        s.decide(&mut booking, Command::AttachPhoto { phase: input.phase, photo })?;
        s.decide(&mut upload, upload::Command::Use { target: Target::Booking(input.booking_id) })?;
        Ok(input.booking_id)
    })
    .await
}

/// The vehicle leaves.
///
/// # Errors
/// BOOKING001, SYS003, BOOKING004, BOOKING012, BOOKING015.
pub async fn start_trip(ctx: &Context, caller: &Caller, input: &Readings) -> Result<Executed<BookingId>, ExecuteError> {
    ctx.execute("startTrip", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        let vehicle = access::party_of(&booking, by)?.vehicle;
        let (odometer_km, fuel_percent) = readings(input)?;
        s.decide(&mut booking, Command::StartTrip { odometer_km, fuel_percent, by })?;
        let mut calendar = s.load::<VehicleCalendar>(vehicle.uuid()).await?;
        s.decide(&mut calendar, vehcal::Command::StartSlot(input.booking_id))?;
        Ok(input.booking_id)
    })
    .await
}

/// The vehicle is back: the slot ends and the host has earned their share, in one append.
///
/// # Errors
/// BOOKING001, SYS003, BOOKING004, BOOKING013.
pub async fn end_trip(ctx: &Context, caller: &Caller, input: &Readings) -> Result<Executed<BookingId>, ExecuteError> {
    ctx.execute("endTrip", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut booking = s.load::<Booking>(input.booking_id.uuid()).await?;
        access::party_of(&booking, by)?;
        let (odometer_km, fuel_percent) = readings(input)?;
        s.decide(&mut booking, Command::EndTrip { odometer_km, fuel_percent, by })?;
        complete(&s, input.booking_id, &booking).await?;
        Ok(input.booking_id)
    })
    .await
}

fn readings(input: &Readings) -> Result<(u32, Option<u8>), Refusal> {
    let odometer = u32::try_from(input.odometer_km).map_err(|_| Refusal::BadReading("odometerKm"))?;
    let fuel = input.fuel_percent.map(u8::try_from).transpose().map_err(|_| Refusal::BadReading("fuelPercent"))?;
    Ok((odometer, fuel))
}

/// Nobody answered in time; changes nothing when somebody did.
///
/// # Errors
/// Of the log only.
pub async fn expire_request(ctx: &Context, caller: &Caller, booking_id: BookingId) -> Result<Executed<BookingId>, ExecuteError> {
    end_unpaid(ctx, "expireRequest", caller, booking_id, Command::Expire).await
}

/// Nobody paid in time: the slot is free again (domain.md §7); changes nothing when somebody did.
///
/// # Errors
/// Of the log only.
pub async fn lapse_payment(ctx: &Context, caller: &Caller, booking_id: BookingId) -> Result<Executed<BookingId>, ExecuteError> {
    end_unpaid(ctx, "lapsePayment", caller, booking_id, Command::Lapse).await
}

async fn end_unpaid(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    booking_id: BookingId,
    command: Command,
) -> Result<Executed<BookingId>, ExecuteError> {
    let then = move |s, booking: Loaded<Booking>, _| async move {
        let ending = Ending::unpaid(IfUnpaid::Expire);
        end(&s, booking_id, &booking, &ending).await
    };
    ctx.change(name, caller, booking_id, command, then).await
}

/// The ending that a cancellation froze.
fn cancelled(events: &[Event], refund: RefundId) -> Ending {
    let amount = events.iter().find_map(|event| match event {
        Event::BookingCancelled { refund, .. } => Some(*refund),
        _ => None,
    });
    Ending::cancelled(refund, amount)
}

/// Frees the slot, ends the waiting, and settles the payment of a booking that ended without a trip.
async fn end(s: &Session, id: BookingId, booking: &Booking, ending: &Ending) -> Result<(), Stop> {
    let Some(terms) = booking.terms() else { return Ok(()) };
    let mut calendar = s.load::<VehicleCalendar>(terms.vehicle.uuid()).await?;
    s.decide(&mut calendar, vehcal::Command::ReleaseSlot(id))?;
    let mut waiting = s.load::<PendingRequests>(terms.guest.uuid()).await?;
    s.decide(&mut waiting, pending::Command::Close { booking: id })?;
    match booking.payment() {
        Some(payment) => escrow::close(s, payment, ending).await,
        None => Ok(()),
    }
}

/// Ends the slot and gives host and platform what is in escrow, after a trip.
async fn complete(s: &Session, id: BookingId, booking: &Booking) -> Result<(), Stop> {
    let (Some(terms), Some(payment)) = (booking.terms(), booking.payment()) else { return Ok(()) };
    let mut calendar = s.load::<VehicleCalendar>(terms.vehicle.uuid()).await?;
    s.decide(&mut calendar, vehcal::Command::EndSlot(id))?;
    escrow::release(s, payment).await
}
