//! D5: many requests for one instant at once.

use commands::booking::RequestBooking;
use commands::{Caller, ExecuteError};
use domain::ids::VehicleId;
use tokio::task::JoinSet;

use super::audit::{Findings, Property, Violation};
use super::dice::Dice;
use super::model::{HOUR, MINUTE};
use super::play::instant;
use super::sabotage::{Broken, Sabotage};
use super::world::{World, beginning};

/// So many ask at once.
const CALLERS: usize = 12;

/// Rounds of requests that all hold one instant; of each exactly one is accepted, and the others are told BOOKING002.
pub async fn run(seed: u64, rounds: usize, sabotage: Option<Sabotage>) -> Vec<Violation> {
    let _broken = Broken::rule(sabotage);
    let world = World::new(seed).await;
    let (mut dice, mut findings) = (Dice::new(seed), Findings::default());
    for round in 0..rounds {
        let at = beginning().as_microsecond() + (round as i64 + 1) * 30 * HOUR;
        // Ask from another car each round, or the guests' limit on waiting requests would answer.
        let vehicle_id = VehicleId::new(world.cast.cars[round % world.cast.cars.len()]);
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (from, to) = (at - dice.between(0, 60) * MINUTE, at + dice.between(60, 120) * MINUTE);
            let (starts_at, ends_at) = (instant(from), instant(to));
            let input = RequestBooking { vehicle_id, starts_at, ends_at, message: None, expected_total: None };
            let caller = Caller { key: Some(format!("{round}/{number}")), ..world.caller(number % 4, None) };
            let ctx = world.ctx.clone();
            callers.spawn(async move { commands::booking::request_booking(&ctx, &caller, &input).await });
        }
        let (mut accepted, mut told, mut winner) = (0, Vec::new(), None);
        while let Some(answer) = callers.join_next().await {
            match answer.unwrap() {
                Ok(done) => (accepted, winner) = (accepted + 1, Some(done.value)),
                Err(ExecuteError::Refused { refused, .. }) => told.push(refused.code),
                Err(other) => told.push(other.to_string()),
            }
        }
        let right = accepted == 1 && told.iter().all(|code| code == "BOOKING002");
        findings.hold(Property::D5, right, || format!("of {CALLERS} {accepted} were accepted, the others told {told:?}"));
        if let Some(booking) = winner {
            free(&world, booking).await;
        }
    }
    findings.0
}

/// The winner lets go, so that no guest reaches the limit on waiting requests.
async fn free(world: &World, booking_id: domain::ids::BookingId) {
    let host_of = |owner| world.caller(owner, None);
    for owner in super::world::HOSTS {
        let input = commands::booking::Answer { booking_id, response: Some("죄송합니다".to_owned()) };
        // The other host is told that there is no such booking.
        commands::booking::reject_booking(&world.ctx, &host_of(owner), &input).await.ok();
    }
}
