//! Many booking requests at once, as the product's own events: the rows of a big model.

use std::sync::Arc;

use domain::booking::{Event, Terms};
use domain::cancellation::CancellationPolicy;
use domain::pricing::Price;
use eventlog::{CommandMeta, Log, Session, Stop};
use kernel::jiff::SignedDuration;
use kernel::{Actor, At, Currency, Decider, Id, Money, Period, Refusal, Refused, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::error::Failure;

/// Bookings of one command.
const BOOKINGS: u64 = 200;
/// Commands under way at a time.
const WRITERS: u64 = 8;
/// Bookings of one guest.
const PER_GUEST: u64 = 100;

/// What was filled in.
pub struct Filled {
    /// Keys of some of the bookings.
    pub bookings: Vec<String>,
    /// Their guests.
    pub guests: Vec<Uuid>,
}

/// A booking that takes any event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Raw;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("never")]
enum Never {}

impl Refusal for Never {
    fn refused(&self) -> Refused {
        match *self {}
    }
}

impl Decider for Raw {
    const KIND: &'static str = "booking";
    type Command = Event;
    type Event = Event;
    type Refusal = Never;

    fn decide(&self, at: At<Event>) -> Result<Vec<Event>, Never> {
        Ok(vec![at.command])
    }

    fn evolve(self, _: &Event) -> Self {
        self
    }
}

/// Appends so many requests.
pub async fn fill(log: &Log, rows: u64) -> Result<Filled, Failure> {
    let commands = rows.div_ceil(BOOKINGS);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = log.clone();
        let share = commands / WRITERS + u64::from(writer < commands % WRITERS);
        writers.spawn(async move {
            let mut filled = Filled { bookings: Vec::new(), guests: Vec::new() };
            for _ in 0..share {
                let guests: Vec<Uuid> = (0..BOOKINGS / PER_GUEST).map(|_| Uuid::new_v4()).collect();
                let ids: Arc<[Uuid]> = (0..BOOKINGS).map(|_| Uuid::now_v7()).collect();
                let meta = CommandMeta::new("fill", Actor::system("bench"), Timestamp::now());
                log.execute(&meta, |session| many(session, ids.clone(), guests.clone())).await?;
                filled.bookings.extend(ids.iter().step_by(10).map(|id| format!("booking-{id}")));
                filled.guests.extend(guests);
            }
            Ok::<_, Failure>(filled)
        });
    }
    let mut all = Filled { bookings: Vec::new(), guests: Vec::new() };
    while let Some(filled) = writers.join_next().await {
        let filled = filled.map_err(|e| Failure::Wrong(format!("a writer died: {e}")))??;
        all.bookings.extend(filled.bookings);
        all.guests.extend(filled.guests);
    }
    Ok(all)
}

async fn many(session: Session, ids: Arc<[Uuid]>, guests: Vec<Uuid>) -> Result<u64, Stop> {
    for (i, &id) in ids.iter().enumerate() {
        let mut booking = session.fresh::<Raw>(id).await?;
        session.decide(&mut booking, requested(guests[i % guests.len()]))?;
    }
    Ok(BOOKINGS)
}

/// A request as the product records it.
fn requested(guest: Uuid) -> Event {
    let won = |minor| Money::new(minor, Currency::Krw);
    let price = Price { total: won(24_000), platform_fee: won(3_600), host_amount: won(20_400), fee_bps: 1_500, lines: Vec::new() };
    let starts_at = Timestamp::now() + SignedDuration::from_hours(48);
    let period =
        Period::new(starts_at, starts_at + SignedDuration::from_hours(2)).unwrap_or_else(|| unreachable!("it ends after its start"));
    let terms = Terms {
        vehicle: Id::new(Uuid::now_v7()),
        guest: Id::new(guest),
        host: Id::new(Uuid::now_v7()),
        period,
        price,
        cancellation: CancellationPolicy::Standard,
        require_pickup_photos: false,
        instant: false,
    };
    Event::BookingRequested { terms: Box::new(terms), message: None, expires_at: starts_at }
}
