//! The smallest decider that shows everything: a tally that counts, is claimed once, and posts.

use daybook_eventlog::{CommandMeta, ExecuteError, Executed, Log, Session, Stop};
use kernel::{Actor, At, Currency, Decider, DomainEvent, Fact, JournalEntry, Money, Refusal, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Added { amount: i64, note: String },
    Claimed { by: Actor },
    Posted { debit: i128, credit: i128 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Added { .. } => "Added",
            Self::Claimed { .. } => "Claimed",
            Self::Posted { .. } => "Posted",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        match self {
            Self::Added { .. } | Self::Claimed { .. } => Ok(None),
            Self::Posted { debit, credit } => {
                let won = |minor| Money::new(minor, Currency::Krw);
                JournalEntry::draft("posted", "tally", Timestamp::UNIX_EPOCH).debit("a", won(*debit)).credit("b", won(*credit)).balance()
            }
        }
    }
}

#[derive(Clone, Debug)]
pub enum Command {
    Add(i64),
    Note(String),
    Claim,
    Post(i128, i128),
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("taken by {by}")]
pub struct Taken {
    by: Actor,
}

impl Refusal for Taken {
    fn refused(&self) -> Refused {
        Refused::code("TALLY001").with("by", &self.by)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub total: i64,
    pub claimed_by: Option<Actor>,
}

impl Decider for Tally {
    const KIND: &'static str = "tally";
    type Command = Command;
    type Event = Event;
    type Refusal = Taken;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Taken> {
        match (at.command, &self.claimed_by) {
            (Command::Add(amount), _) => Ok(vec![Event::Added { amount, note: String::new() }]),
            (Command::Note(note), _) => Ok(vec![Event::Added { amount: 0, note }]),
            (Command::Claim, None) => Ok(vec![Event::Claimed { by: at.actor }]),
            (Command::Claim, Some(by)) => Err(Taken { by: by.clone() }),
            (Command::Post(debit, credit), _) => Ok(vec![Event::Posted { debit, credit }]),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Added { amount, .. } => self.total += amount,
            Event::Claimed { by } => self.claimed_by = Some(by.clone()),
            Event::Posted { .. } => {}
        }
        self
    }
}

/// A command without a key.
pub fn command() -> CommandMeta {
    CommandMeta::new("tally", Actor::system("test"), Timestamp::from_microsecond(1_000_000_000_000_000).unwrap())
}

/// Decides one command on one stream; gives the total.
pub async fn decide(session: Session, id: String, what: Command) -> Result<i64, Stop> {
    let mut tally = session.load::<Tally>(id).await?;
    session.decide(&mut tally, what)?;
    Ok(tally.total)
}

/// Executes one command on one stream.
pub async fn execute(log: &Log, meta: &CommandMeta, id: &str, what: Command) -> Result<Executed<i64>, ExecuteError> {
    log.execute(meta, |session| decide(session, id.to_owned(), what.clone())).await
}

/// Adds to a tally, which nothing refuses.
pub async fn add(log: &Log, id: &str, amount: i64) -> Executed<i64> {
    execute(log, &command(), id, Command::Add(amount)).await.unwrap()
}
