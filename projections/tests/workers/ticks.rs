//! A business of one event, a model that adds it up, and the same sum spelled out.

use std::collections::BTreeMap;
use std::fmt::Display;

use daybook_projections::views::{Query, Views};
use daybook_projections::{Column, Known, Poison, ReadModel, Unreadable, Value};
use eventlog::{CommandMeta, Log, Recorded};
use kernel::upcast::Decoded;
use kernel::{Actor, At, Decider, DomainEvent, Fact, Refusal, Refused, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tick {
    Ticked { by: i64 },
}

impl DomainEvent for Tick {
    fn event_type(&self) -> String {
        "Ticked".into()
    }
    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Tick {}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ticks;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("never")]
pub enum Never {}

impl Refusal for Never {
    fn refused(&self) -> Refused {
        match *self {}
    }
}

impl Decider for Ticks {
    const KIND: &'static str = "tick";
    type Command = i64;
    type Event = Tick;
    type Refusal = Never;
    fn decide(&self, at: At<i64>) -> Result<Vec<Tick>, Never> {
        Ok(vec![Tick::Ticked { by: at.command }])
    }
    fn evolve(self, _: &Tick) -> Self {
        self
    }
}

pub fn decode(recorded: &Recorded) -> Result<Decoded<Tick>, Unreadable> {
    recorded.events::<Tick>().map_err(|error| Unreadable(error.to_string()))
}

/// Appends one event, however long the server is away; the position of it.
pub async fn append(log: &Log, id: impl Display, by: i64) -> u64 {
    let id = id.to_string();
    // The same command again is answered by its receipt.
    let meta = CommandMeta::new("tick", Actor::system("test"), Timestamp::UNIX_EPOCH).keyed(Uuid::now_v7().to_string(), "tick");
    for _ in 0..200 {
        let done = log.execute(&meta, |session| {
            let id = id.clone();
            async move {
                let mut ticks = session.load::<Ticks>(id).await?;
                session.decide(&mut ticks, by)?;
                Ok(())
            }
        });
        match done.await {
            Ok(done) => return done.receipt.position,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    panic!("the log does not come back");
}

pub struct Sums;

impl ReadModel<Tick> for Sums {
    const NAME: &'static str = "sums";
    const VERSION: u32 = 1;
    type Row = i64;

    fn columns() -> &'static [Column] {
        const COLUMNS: [Column; 1] = [Column::bigint("sum").indexed()];
        &COLUMNS
    }
    fn keys(event: &Known<Tick>) -> Vec<String> {
        vec![event.stream().to_string(), "all".into()]
    }
    fn apply(_: &str, row: Option<i64>, event: &Known<Tick>) -> Result<Option<i64>, Poison> {
        let Tick::Ticked { by } = event.event;
        Ok(Some(row.unwrap_or(0) + by))
    }
    fn index(_: &str, row: &i64) -> Vec<Value> {
        vec![(*row).into()]
    }
}

pub async fn rows(views: &Views<Tick>) -> BTreeMap<String, i64> {
    views.all::<Sums>(&Query::new(), 10_000).await.unwrap().into_iter().collect()
}

/// What the rows should be.
pub async fn fold(log: &Log) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for event in log.read(0, 5_000).await.unwrap() {
        let Decoded::One(Tick::Ticked { by }) = decode(&event).unwrap() else { panic!("one event each") };
        *sums.entry(event.stream.to_string()).or_insert(0) += by;
        *sums.entry("all".to_owned()).or_insert(0) += by;
    }
    sums
}
