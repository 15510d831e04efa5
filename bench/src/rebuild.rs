//! Rebuilding read models from a whole log, beside the peer's way: its `QueryReplay` with a `GenericQuery`, which loads and stores
//! a view for every event, over the same events of bookings.

use std::sync::Arc;
use std::time::Instant;

use cqrs_es::persist::{GenericQuery, QueryReplay};
use cqrs_es::{EventEnvelope, View};
use domain::booking::{self, Booking, Terms};
use domain::cancellation::CancellationPolicy;
use domain::ids::{BookingId, PaymentId, UserId, VehicleId};
use domain::payment;
use domain::pricing::Price;
use domain::purpose::Purpose;
use eventlog::{CommandMeta, Log, Stop};
use kernel::{Actor, At, Currency, Decider, DomainEvent as _, EventSourced, Money, Period, Timestamp};
use postgres_es::{PostgresEventRepository, PostgresViewRepository, default_postgress_pool};
use projections::models::{Bookings, Journal};
use projections::views::Views;
use projections::views::rebuild::RebuildOptions;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::error::Failure;
use crate::peer::SCHEMA;
use crate::place::{Place, Raw, Server, run};
use crate::report::Printer;

/// Events of one booking and its payment.
const EVENTS: u64 = 10;
/// Of which the booking's own.
const BOOKING_EVENTS: u64 = 6;
/// Bookings that one command appends.
const BATCH: u64 = 50;
/// Commands under way at a time.
const WRITERS: u64 = 8;
/// The view's table, as its documentation has it.
const VIEW: &str = "create table booking_view (view_id text not null primary key, version bigint not null, payload json not null)";

/// Fills a log, rebuilds `bookings` and the journal from it, and lets the peer replay the bookings' events, or the first so many.
pub async fn rebuild(server: &Server, printer: Printer, events: u64, peer_events: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let bookings = events.div_ceil(EVENTS).div_ceil(BATCH) * BATCH;
    fill(&log, bookings, BATCH, false).await?;
    server.settle().await?;
    let views = Views::open(log.clone(), projections::decode).await?;
    views.install::<Bookings>().await?;
    views.install::<Journal>().await?;
    let mut rates = Vec::new();
    for name in ["bookings", "journal"] {
        let rebuilt = views.rebuild(name, &RebuildOptions::default(), &mut ()).await?;
        if rebuilt.position != bookings * EVENTS || !rebuilt.switched {
            return Err(Failure::Wrong(format!("{name} stands at {} of {}", rebuilt.position, bookings * EVENTS)));
        }
        let rate = rebuilt.events as f64 / rebuilt.total.as_secs_f64();
        rates.push(rate);
        let seconds = rebuilt.total.as_secs_f64();
        printer.figures(name, &[("events", rebuilt.events as f64), ("seconds", seconds), ("events_per_s", rate.round())])?;
    }
    views.close().await;
    log.close().await;
    if server.is_postgres() && peer_events > 0 {
        server.settle().await?;
        let replayed = bookings.min(peer_events.div_ceil(BOOKING_EVENTS));
        let rate = peer(server, replayed).await?;
        let own = rates.first().copied().unwrap_or_default() * BOOKING_EVENTS as f64 / EVENTS as f64;
        let events = (replayed * BOOKING_EVENTS) as f64;
        let figures =
            [("events", events), ("events_per_s", rate.round()), ("ours_of_the_same_kind_per_s", own.round()), ("ratio", own / rate)];
        printer.figures("postgres-es replay", &figures)?;
    }
    Ok(())
}

/// The number of a booking makes its ids, so that both sides have the same.
fn id<K>(number: u64, salt: u128) -> kernel::Id<K> {
    kernel::Id::new(Uuid::from_u128((u128::from(number) << 64 | salt) | 0x8000_7000_8000_0000_0000))
}

/// What happens to a booking and to its payment.
fn story(number: u64) -> Result<(Vec<booking::Event>, Vec<payment::Event>), Failure> {
    let wrong = |what: &str| Failure::Wrong(format!("{what} of booking {number}"));
    let start = Timestamp::from_second(1_800_000_000 + i64::try_from(number).unwrap_or(0) * 60).map_err(|_| wrong("the time"))?;
    let end = Timestamp::from_second(start.as_second() + 7_200).map_err(|_| wrong("the time"))?;
    let period = Period::new(start, end).ok_or_else(|| wrong("the period"))?;
    let won = |minor| Money::new(minor, Currency::Krw);
    let (total, fee, net) = (won(24_000), won(3_600), won(20_400));
    let (guest, host): (UserId, UserId) = (id(number % 5_000, 1), id(number % 700, 2));
    let (vehicle, payment): (VehicleId, PaymentId) = (id(number % 900, 3), id(number, 4));
    let booking: BookingId = id(number, 5);
    let purpose = Purpose::Booking(booking);
    let price = Price { total, platform_fee: fee, host_amount: net, fee_bps: 1_500, lines: Vec::new() };
    let terms = Terms {
        vehicle,
        guest,
        host,
        period,
        price,
        cancellation: CancellationPolicy::Standard,
        require_pickup_photos: false,
        instant: false,
    };
    let order = payment::Order { purpose, payer: guest, host, order_id: format!("order-{number}"), amount: total, fee, due_at: start };
    let ridden = vec![
        booking::Event::BookingRequested { terms: Box::new(terms), message: None, expires_at: start },
        booking::Event::BookingApproved { payment, payment_due_at: start, response: None, auto: false },
        booking::Event::BookingConfirmed { payment, paid_at: start },
        booking::Event::TripStarted { odometer_km: 100, fuel_percent: Some(80), by: host },
        booking::Event::TripEnded { odometer_km: 180, fuel_percent: Some(60), late_minutes: 0, by: host },
        booking::Event::BookingCompleted { completed_at: end },
    ];
    let vat = fee.basis_points(909).map_err(|_| wrong("the VAT"))?;
    let paid = vec![
        payment::Event::PaymentRequested { order: Box::new(order) },
        payment::Event::PaymentConfirmStarted { attempt: payment::Attempt { number: 1, payment_key: "sandbox-ok".into() } },
        payment::Event::PaymentCompleted {
            purpose,
            amount: total,
            fee,
            paid_at: start,
            method: "card".into(),
            reference: format!("psp-{number}"),
            late: false,
        },
        payment::Event::EscrowReleased { purpose, host, amount: total, fee, vat, net, at: end },
    ];
    Ok((ridden, paid))
}

/// What moves the money of a booking: its capture and the release of its escrow, two journal entries.
pub fn paid(number: u64) -> Result<(PaymentId, Vec<payment::Event>), Failure> {
    let (_, mut events) = story(number)?;
    Ok((id(number, 4), events.split_off(events.len() - 2)))
}

/// Appends so many events, or a few more, by a keyed command for each booking and its payment; says how many.
pub async fn keyed(log: &Log, events: u64) -> Result<u64, Failure> {
    let bookings = events.div_ceil(EVENTS);
    fill(log, bookings, 1, true).await?;
    Ok(bookings * EVENTS)
}

async fn fill(log: &Log, bookings: u64, batch: u64, keyed: bool) -> Result<(), Failure> {
    let mut writers = JoinSet::new();
    let share = (bookings / batch).div_ceil(WRITERS) * batch;
    for writer in 0..WRITERS {
        let log = log.clone();
        let (from, to) = ((writer * share).min(bookings), ((writer + 1) * share).min(bookings));
        writers.spawn(async move {
            for first in (from..to).step_by(usize::try_from(batch).unwrap_or(1)) {
                let stories = (first..first + batch).map(|number| Ok((number, story(number)?))).collect::<Result<Vec<_>, Failure>>()?;
                let stories = Arc::new(stories);
                let meta = CommandMeta::new("fill", Actor::system("bench"), Timestamp::now());
                let meta = if keyed { meta.keyed(Uuid::new_v4().to_string(), first.to_be_bytes()) } else { meta };
                log.execute(&meta, |session| {
                    let stories = Arc::clone(&stories);
                    async move {
                        for (number, (ridden, paid)) in stories.iter() {
                            let mut booking = session.load::<Ridden>(id::<()>(*number, 5).uuid()).await?;
                            session.decide(&mut booking, ridden.clone())?;
                            let mut payment = session.load::<Paid>(id::<()>(*number, 4).uuid()).await?;
                            session.decide(&mut payment, paid.clone())?;
                        }
                        Ok::<_, Stop>(())
                    }
                })
                .await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(|e| Failure::Wrong(format!("a writer died: {e}")))??;
    }
    Ok(())
}

/// A booking's stream that takes any story.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ridden;

/// A payment's stream that takes any story.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Paid;

/// Never happens.
#[derive(Clone, Debug, thiserror::Error)]
#[error("never")]
pub enum Never {}

impl kernel::Refusal for Never {
    fn refused(&self) -> kernel::Refused {
        match *self {}
    }
}

impl Decider for Ridden {
    const KIND: &'static str = Booking::KIND;
    type Command = Vec<booking::Event>;
    type Event = booking::Event;
    type Refusal = Never;
    fn decide(&self, at: At<Self::Command>) -> Result<Vec<booking::Event>, Never> {
        Ok(at.command)
    }
    fn evolve(self, _: &booking::Event) -> Self {
        self
    }
}

impl Decider for Paid {
    const KIND: &'static str = payment::Payment::KIND;
    type Command = Vec<payment::Event>;
    type Event = payment::Event;
    type Refusal = Never;
    fn decide(&self, at: At<Self::Command>) -> Result<Vec<payment::Event>, Never> {
        Ok(at.command)
    }
    fn evolve(self, _: &payment::Event) -> Self {
        self
    }
}

/// The peer's view of a booking: its state.
#[derive(Debug, Default, Serialize, Deserialize)]
struct BookingView {
    state: Booking,
}

impl View<EventSourced<Booking>> for BookingView {
    fn update(&mut self, event: &EventEnvelope<EventSourced<Booking>>) {
        self.state = std::mem::take(&mut self.state).evolve(&event.payload);
    }
}

/// Events a second of the peer's replay.
async fn peer(server: &Server, bookings: u64) -> Result<f64, Failure> {
    let place = server.fresh().await?;
    let (Place::Postgres { url, .. }, Raw::Postgres(mut db)) = (&place, place.raw().await?) else {
        return Err(Failure::Usage("postgres-es needs PostgreSQL".into()));
    };
    run(&mut db, SCHEMA.to_owned()).await?;
    run(&mut db, VIEW.to_owned()).await?;
    let mut sink = db.copy_in_raw("copy events from stdin").await?;
    for number in 0..bookings {
        let mut lines = String::new();
        for (sequence, event) in (1..).zip(story(number)?.0) {
            let payload = serde_json::to_string(&event)?.replace('\\', "\\\\");
            let (kind, version) = (event.event_type(), event.event_version());
            lines.push_str(&format!("booking\t{}\t{sequence}\t{kind}\t{version}\t{payload}\t{{}}\n", id::<()>(number, 5).uuid()));
        }
        sink.send(lines.into_bytes()).await?;
    }
    sink.finish().await?;
    run(&mut db, "analyze".to_owned()).await?;
    let pool = default_postgress_pool(url).await;
    let views = PostgresViewRepository::<BookingView, EventSourced<Booking>>::new("booking_view", pool.clone());
    let replay = QueryReplay::new(PostgresEventRepository::new(pool), GenericQuery::new(Arc::new(views)));
    let began = Instant::now();
    replay.replay_all().await.map_err(|e| Failure::Peer(e.to_string()))?;
    let took = began.elapsed();
    let (rows, versions): (i64, i64) =
        sqlx::query_as("select count(*), coalesce(sum(version), 0)::bigint from booking_view").fetch_one(&mut db).await?;
    if u64::try_from(rows) != Ok(bookings) || u64::try_from(versions) != Ok(bookings * BOOKING_EVENTS) {
        return Err(Failure::Wrong(format!("the peer has {rows} views of {versions} events")));
    }
    Ok((bookings * BOOKING_EVENTS) as f64 / took.as_secs_f64())
}
