//! A toy business: counters that are raised and cleared, three models of them, and a way to feed a log.

use std::fmt::Display;

use daybook_projections::{Column, Known, Poison, ReadModel, Unreadable, Value};
use domain::geo::GeoPoint;
use eventlog::{CommandMeta, Log, Recorded};
use kernel::upcast::{Decoded, Upcasts};
use kernel::{Actor, At, Decider, DomainEvent, Fact, JournalEntry, Refusal, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Toy {
    Added {
        amount: i64,
    },
    Cleared {},
    /// No model can apply it.
    Spoiled {},
    /// Nothing can read it.
    Garbled {},
    /// A process sets a timer for it, in seconds since 1970.
    Alarmed {
        due: i64,
    },
    /// A process takes the timer away.
    Calmed {},
    /// A process makes an outside call for it.
    Asked {
        what: String,
    },
    /// What came of a process's reaction, by the reaction's id.
    Answered {
        id: String,
    },
}

impl DomainEvent for Toy {
    fn event_type(&self) -> String {
        match self {
            Self::Added { .. } => "Added",
            Self::Cleared {} => "Cleared",
            Self::Spoiled {} => "Spoiled",
            Self::Garbled {} => "Garbled",
            Self::Alarmed { .. } => "Alarmed",
            Self::Calmed {} => "Calmed",
            Self::Asked { .. } => "Asked",
            Self::Answered { .. } => "Answered",
        }
        .into()
    }
    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Toy {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }

    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Toys;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("never")]
pub enum Never {}

impl Refusal for Never {
    fn refused(&self) -> Refused {
        match *self {}
    }
}

impl Decider for Toys {
    const KIND: &'static str = "toy";
    type Command = Vec<Toy>;
    type Event = Toy;
    type Refusal = Never;
    fn decide(&self, at: At<Vec<Toy>>) -> Result<Vec<Toy>, Never> {
        Ok(at.command)
    }
    fn evolve(self, _: &Toy) -> Self {
        self
    }
}

pub fn decode(recorded: &Recorded) -> Result<Decoded<Toy>, Unreadable> {
    if recorded.stream.kind() != Toys::KIND || recorded.event_type == "Calmed" && recorded.stream.id() == "foreign" {
        return Ok(Decoded::none());
    }
    match recorded.events::<Toy>() {
        Ok(Decoded::One(Toy::Garbled {})) => Err(Unreadable("garbled".into())),
        Ok(event) => Ok(event),
        Err(error) => Err(Unreadable(error.to_string())),
    }
}

/// Appends events to a toy's stream; the log's position after them.
pub async fn append(log: &Log, id: impl Display, events: Vec<Toy>) -> u64 {
    append_once(log, id, events, None).await
}

/// The same under an idempotency key.
pub async fn append_once(log: &Log, id: impl Display, events: Vec<Toy>, key: Option<&str>) -> u64 {
    let mut meta = CommandMeta::new("toy", Actor::system("test"), Timestamp::UNIX_EPOCH);
    if let Some(key) = key {
        meta = meta.keyed(key, "toy");
    }
    let id = id.to_string();
    let done = log.execute(&meta, |session| {
        let (id, events) = (id.clone(), events.clone());
        async move {
            let mut toys = session.load::<Toys>(id).await?;
            session.decide(&mut toys, events)?;
            Ok(())
        }
    });
    done.await.unwrap().receipt.position
}

pub fn added(amount: i64) -> Toy {
    Toy::Added { amount }
}

/// One row per toy, and one of all of them.
pub struct Tallies;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub sum: i64,
    pub events: i64,
    pub first: u64,
    pub owner: Uuid,
    pub at: Timestamp,
}

impl ReadModel<Toy> for Tallies {
    const NAME: &'static str = "tallies";
    const VERSION: u32 = 1;
    type Row = Tally;

    fn columns() -> &'static [Column] {
        const COLUMNS: [Column; 6] = [
            Column::bigint("sum").indexed(),
            Column::bool("even"),
            Column::text("label").indexed().searched(),
            Column::uuid("owner").listed_by("at"),
            Column::timestamp("at"),
            Column::bigint("end").nullable(),
        ];
        &COLUMNS
    }

    fn keys(event: &Known<Toy>) -> Vec<String> {
        match &event.event {
            Toy::Added { .. } | Toy::Cleared {} | Toy::Spoiled {} => vec![event.stream().to_string(), "all".into()],
            Toy::Garbled {} | Toy::Alarmed { .. } | Toy::Calmed {} | Toy::Asked { .. } | Toy::Answered { .. } => Vec::new(),
        }
    }

    fn apply(key: &str, row: Option<Tally>, event: &Known<Toy>) -> Result<Option<Tally>, Poison> {
        let row = row.unwrap_or_else(|| Tally {
            sum: 0,
            events: 0,
            first: event.position(),
            owner: Uuid::from_u128(u128::from(event.position())),
            at: event.recorded.occurred_at,
        });
        match &event.event {
            Toy::Added { amount } => Ok(Some(Tally { sum: row.sum + amount, events: row.events + 1, ..row })),
            // The row of all toys is never deleted, and no toy's poison is its poison.
            Toy::Cleared {} | Toy::Spoiled {} if key == "all" => Ok(Some(Tally { events: row.events + 1, ..row })),
            Toy::Cleared {} => Ok(None),
            Toy::Spoiled {} => Err(Poison::new("spoiled")),
            Toy::Garbled {} | Toy::Alarmed { .. } | Toy::Calmed {} | Toy::Asked { .. } | Toy::Answered { .. } => Ok(Some(row)),
        }
    }

    fn index(key: &str, row: &Tally) -> Vec<Value> {
        let big = (row.sum > 100).then_some(row.sum);
        vec![row.sum.into(), (row.sum % 2 == 0).into(), key.into(), row.owner.into(), row.at.into(), big.into()]
    }

    /// On a meridian, the greater the sum the further north.
    fn place(row: &Tally) -> Option<GeoPoint> {
        let north = i32::try_from(row.sum.clamp(-1_000, 1_000)).ok()?;
        GeoPoint::new(370_000_000 + north * 10_000, 1_270_000_000).ok()
    }
}

/// The same, of money.
pub struct Monies;

impl ReadModel<Toy> for Monies {
    const NAME: &'static str = "monies";
    const VERSION: u32 = 1;
    const POSTS_MONEY: bool = true;
    type Row = Tally;

    fn columns() -> &'static [Column] {
        &[]
    }
    fn keys(event: &Known<Toy>) -> Vec<String> {
        Tallies::keys(event)
    }
    fn apply(key: &str, row: Option<Tally>, event: &Known<Toy>) -> Result<Option<Tally>, Poison> {
        Tallies::apply(key, row, event)
    }
    fn index(_: &str, _: &Tally) -> Vec<Value> {
        Vec::new()
    }
}

/// A newer shape of the first.
pub struct Tallies2;

impl ReadModel<Toy> for Tallies2 {
    const NAME: &'static str = "tallies";
    const VERSION: u32 = 2;
    type Row = i64;

    fn columns() -> &'static [Column] {
        const COLUMNS: [Column; 1] = [Column::bigint("total")];
        &COLUMNS
    }
    fn keys(event: &Known<Toy>) -> Vec<String> {
        Tallies::keys(event)
    }
    fn apply(_: &str, row: Option<i64>, event: &Known<Toy>) -> Result<Option<i64>, Poison> {
        let Toy::Added { amount } = event.event else { return Ok(row) };
        Ok(Some(row.unwrap_or(0) + amount))
    }
    fn index(_: &str, row: &i64) -> Vec<Value> {
        vec![(*row).into()]
    }
}
