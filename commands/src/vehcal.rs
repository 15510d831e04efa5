//! A vehicle's calendar: windows, blocked periods, booking policy (domain.md §3.2).

use domain::cancellation::CancellationPolicy;
use domain::ids::{VehicleId, user_of};
use domain::vehcal::{BookingPolicy, Command, Refusal, VehicleCalendar, WindowInput};
use domain::vehicle::Vehicle;
use eventlog::{ExecuteError, Executed, Session, Stop};
use kernel::{Period, Timestamp};
use serde::Serialize;

use crate::access;
use crate::booking::BadPeriod;
use crate::context::{Caller, Context};

/// Input of [`set_weekly_availability`].
#[derive(Clone, Debug, Serialize)]
pub struct SetWeeklyAvailability {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
    /// All windows; none: always open.
    pub windows: Vec<WindowInput>,
}

/// Input of [`block_period`].
#[derive(Clone, Debug, Serialize)]
pub struct BlockPeriod {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
    /// From.
    pub starts_at: Timestamp,
    /// Up to.
    pub ends_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// Input of [`set_booking_policy`]: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PolicyChange {
    /// Approve at once.
    pub instant_book: Option<bool>,
    /// Least minutes before the start.
    pub min_notice_minutes: Option<i32>,
    /// Furthest start in days.
    pub max_advance_days: Option<i32>,
    /// Shortest rental.
    pub min_duration_minutes: Option<i32>,
    /// Longest rental.
    pub max_duration_minutes: Option<i32>,
    /// Kept free before.
    pub buffer_before_minutes: Option<i32>,
    /// Kept free after.
    pub buffer_after_minutes: Option<i32>,
    /// What cancelling guests get back.
    pub cancellation: Option<CancellationPolicy>,
    /// No trip without pickup photos.
    pub require_pickup_photos: Option<bool>,
}

/// Input of [`set_booking_policy`].
#[derive(Clone, Debug, Serialize)]
pub struct SetBookingPolicy {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
    /// What changes.
    pub change: PolicyChange,
}

/// Replaces the weekly windows (AVL-05).
///
/// # Errors
/// SYS007, AUTH010, AVL001.
pub async fn set_weekly_availability(
    ctx: &Context,
    caller: &Caller,
    input: &SetWeeklyAvailability,
) -> Result<Executed<VehicleId>, ExecuteError> {
    ctx.execute("setWeeklyAvailability", caller, input, |s| async move {
        let mut calendar = own_calendar(&s, input.vehicle_id).await?;
        s.decide(&mut calendar, Command::SetWeeklyWindows(input.windows.clone()))?;
        Ok(input.vehicle_id)
    })
    .await
}

/// Closes a period (AVL-04).
///
/// # Errors
/// SYS007, AUTH010, SYS003 for an empty period, AVL002 with the live bookings in it.
pub async fn block_period(ctx: &Context, caller: &Caller, input: &BlockPeriod) -> Result<Executed<VehicleId>, ExecuteError> {
    let block = ctx.ids.mint();
    ctx.execute("blockPeriod", caller, input, |s| async move {
        let mut calendar = own_calendar(&s, input.vehicle_id).await?;
        let period = Period::new(input.starts_at, input.ends_at).ok_or(BadPeriod)?;
        let reason = access::optional_note(access::actor_of(&s)?, "reason", input.reason.as_deref())?;
        s.decide(&mut calendar, Command::BlockPeriod { block, period, reason })?;
        Ok(input.vehicle_id)
    })
    .await
}

/// Changes the booking policy.
///
/// # Errors
/// SYS007, AUTH010, AVL003.
pub async fn set_booking_policy(ctx: &Context, caller: &Caller, input: &SetBookingPolicy) -> Result<Executed<VehicleId>, ExecuteError> {
    ctx.execute("setBookingPolicy", caller, input, |s| async move {
        let mut calendar = own_calendar(&s, input.vehicle_id).await?;
        let policy = changed(calendar.state.policy, &input.change)?;
        s.decide(&mut calendar, Command::SetPolicy(policy))?;
        Ok(input.vehicle_id)
    })
    .await
}

/// The calendar of a vehicle for its owner; the vehicle is checked at its version too.
async fn own_calendar(s: &Session, vehicle_id: VehicleId) -> Result<eventlog::Loaded<VehicleCalendar>, Stop> {
    let vehicle = s.load::<Vehicle>(vehicle_id.uuid()).await?;
    vehicle.listing_of(user_of(s.actor()))?;
    s.load::<VehicleCalendar>(vehicle_id.uuid()).await
}

fn changed(now: BookingPolicy, change: &PolicyChange) -> Result<BookingPolicy, Refusal> {
    let number = |given: Option<i32>, kept: u32| given.map_or(Ok(kept), |n| u32::try_from(n).map_err(|_| Refusal::BadPolicy));
    Ok(BookingPolicy {
        instant_book: change.instant_book.unwrap_or(now.instant_book),
        min_notice_minutes: number(change.min_notice_minutes, now.min_notice_minutes)?,
        max_advance_days: number(change.max_advance_days, now.max_advance_days)?,
        min_duration_minutes: number(change.min_duration_minutes, now.min_duration_minutes)?,
        max_duration_minutes: number(change.max_duration_minutes, now.max_duration_minutes)?,
        buffer_before_minutes: number(change.buffer_before_minutes, now.buffer_before_minutes)?,
        buffer_after_minutes: number(change.buffer_after_minutes, now.buffer_after_minutes)?,
        cancellation: change.cancellation.unwrap_or(now.cancellation),
        require_pickup_photos: change.require_pickup_photos.unwrap_or(now.require_pickup_photos),
    })
}
