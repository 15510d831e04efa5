//! Many events at once, through the log like any others: a command decides on a hundred bookings, or writes a thousand
//! notes on one.

use std::sync::Arc;

use eventlog::{CommandMeta, Log, LogError, Session, Stop};
use kernel::{Actor, Timestamp};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::booking::{Booking, Command, Journey, MESSAGE};
use crate::error::Failure;

/// Bookings that one command decides on, three events each.
const BOOKINGS: u64 = 100;
/// Notes that one command writes.
const NOTES: u64 = 1_000;
/// Commands under way at a time.
const WRITERS: u64 = 8;

/// Appends paid bookings until there are so many events more, at least; says how many.
pub async fn bookings(log: &Log, events: u64) -> Result<u64, Failure> {
    let commands = events.div_ceil(3 * BOOKINGS);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = log.clone();
        let share = commands / WRITERS + u64::from(writer < commands % WRITERS);
        writers.spawn(async move {
            for _ in 0..share {
                let ids: Arc<[Uuid]> = (0..BOOKINGS).map(|_| Uuid::now_v7()).collect();
                log.execute(&meta(), |session| many(session, ids.clone())).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(|e| Failure::Wrong(format!("a writer died: {e}")))??;
    }
    Ok(commands * 3 * BOOKINGS)
}

async fn many(session: Session, ids: Arc<[Uuid]>) -> Result<u64, Stop> {
    let mut journey = Journey::new();
    for &id in ids.iter() {
        let mut booking = session.load::<Booking>(id).await?;
        for _ in 0..3 {
            session.decide(&mut booking, journey.next().1)?;
        }
    }
    Ok(BOOKINGS)
}

/// Appends so many notes to one booking.
pub async fn notes(log: &Log, booking: Uuid, events: u64) -> Result<(), Failure> {
    let guest = Uuid::now_v7();
    let mut left = events;
    while left > 0 {
        let count = left.min(NOTES);
        left -= count;
        log.execute(&meta(), |session| async move {
            let mut loaded = session.load::<Booking>(booking).await?;
            for _ in 0..count {
                session.decide(&mut loaded, Command::Note { guest, note: MESSAGE.to_owned() })?;
            }
            Ok::<_, Stop>(count)
        })
        .await?;
    }
    Ok(())
}

/// Reads a whole log and decodes each event; says how many there were.
pub async fn read_all(log: &Log) -> Result<u64, Failure> {
    let mut position = 0;
    loop {
        let page = log.read(position, eventlog::MAX_READ).await?;
        let Some(last) = page.last() else { return Ok(position) };
        for recorded in &page {
            recorded.decode::<crate::booking::Event>().map_err(LogError::from)?;
        }
        position = last.position;
    }
}

fn meta() -> CommandMeta {
    CommandMeta::new("fill", Actor::system("bench"), Timestamp::now())
}
