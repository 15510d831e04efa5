//! The log under test, through its public functions alone: receipts, digests, sealing and the balance check as they come.

use std::collections::VecDeque;

use eventlog::{CommandMeta, ExecuteError, Executed, Log, Stop};
use kernel::{Actor, Timestamp};
use uuid::Uuid;

use crate::booking::{Booking, Command, Journey, MESSAGE, Refusal, STALE};
use crate::clients::{Client, Contestant};
use crate::error::Failure;

/// A replayed command is so many commands old.
const REMEMBERED: usize = 64;

/// What the clients of [`Daybook`] do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Bookings of their own, one after the other.
    Spread,
    /// The same, with so many bad commands in a hundred: half replays of old keys, half on stale versions.
    Bad(u32),
    /// All of them write on this one booking.
    Hot(Uuid),
}

/// The log with a mix of commands.
pub struct Daybook {
    /// The log.
    pub log: Log,
    /// What its clients do.
    pub mix: Mix,
}

/// A command that was sent.
#[derive(Clone)]
struct Sent {
    booking: Uuid,
    command: Command,
    key: String,
    position: u64,
    version: u64,
}

/// One client.
pub struct DaybookClient {
    log: Log,
    mix: Mix,
    actor: Actor,
    journey: Journey,
    sent: VecDeque<Sent>,
    /// Hundredths of a bad command that are due.
    due: u32,
    replay_next: bool,
}

impl Contestant for Daybook {
    type Client = DaybookClient;

    async fn client(&self) -> Result<DaybookClient, Failure> {
        let journey = Journey::new();
        let actor = Actor::User(journey.guest);
        let (log, mix) = (self.log.clone(), self.mix);
        Ok(DaybookClient { log, mix, actor, journey, sent: VecDeque::new(), due: 0, replay_next: true })
    }
}

impl Client for DaybookClient {
    async fn next(&mut self) -> Result<u64, Failure> {
        let (booking, command, version) = match self.mix {
            Mix::Spread => self.journey.next(),
            Mix::Hot(booking) => (booking, Command::Note { guest: self.journey.guest, note: MESSAGE.to_owned() }, 0),
            Mix::Bad(percent) => {
                self.due += percent;
                if self.due >= 100 && !self.sent.is_empty() {
                    self.due -= 100;
                    return self.bad().await;
                }
                self.journey.next()
            }
        };
        let key = Uuid::new_v4().to_string();
        let done = send(&self.log, &self.actor, &key, booking, &command, None).await?;
        if done.receipt.replayed || done.receipt.event_ids.len() != 1 {
            return Err(Failure::Wrong(format!("a fresh command was answered with {:?}", done.receipt)));
        }
        if let Mix::Bad(_) = self.mix {
            let position = done.receipt.position;
            self.sent.push_back(Sent { booking, command, key, position, version });
            if self.sent.len() > REMEMBERED {
                self.sent.pop_front();
            }
        }
        Ok(1)
    }
}

impl DaybookClient {
    /// A command that must append nothing, and must be answered all the same.
    async fn bad(&mut self) -> Result<u64, Failure> {
        self.replay_next = !self.replay_next;
        if self.replay_next { self.stale().await } else { self.replay().await }
    }

    /// An old command once more: the first answer comes back.
    async fn replay(&self) -> Result<u64, Failure> {
        let Some(old) = self.sent.front() else { return Ok(0) };
        let done = send(&self.log, &self.actor, &old.key, old.booking, &old.command, None).await?;
        if !done.receipt.replayed || done.receipt.position != old.position {
            return Err(Failure::Wrong(format!("a replay of position {} was answered with {:?}", old.position, done.receipt)));
        }
        Ok(0)
    }

    /// A command of somebody who has not seen the booking's last event: refused, and the refusal is kept.
    async fn stale(&self) -> Result<u64, Failure> {
        let Some(last) = self.sent.back() else { return Ok(0) };
        let (key, command) = (Uuid::new_v4().to_string(), Command::Note { guest: self.journey.guest, note: MESSAGE.to_owned() });
        match send(&self.log, &self.actor, &key, last.booking, &command, Some(last.version - 1)).await {
            Err(ExecuteError::Refused { refused, replayed: false }) if refused.code == STALE => Ok(0),
            Err(error) => Err(error.into()),
            Ok(done) => Err(Failure::Wrong(format!("a stale command was answered with {:?}", done.receipt))),
        }
    }
}

/// One keyed command on one booking, as a service would send it.
pub async fn send(
    log: &Log,
    actor: &Actor,
    key: &str,
    booking: Uuid,
    command: &Command,
    expected: Option<u64>,
) -> Result<Executed<Uuid>, ExecuteError> {
    let input = serde_json::to_vec(&(booking, command, expected)).unwrap_or_default();
    let meta = CommandMeta::new("bench", actor.clone(), Timestamp::now()).keyed(key, input);
    log.execute(&meta, |session| async move {
        let mut loaded = match command {
            Command::Request { .. } if expected.is_none() => session.fresh::<Booking>(booking).await?,
            Command::Request { .. } | Command::Approve { .. } | Command::Pay | Command::Note { .. } => {
                session.load::<Booking>(booking).await?
            }
        };
        if expected.is_some_and(|expected| expected != loaded.version) {
            return Err(Stop::from(Refusal::Stale));
        }
        session.decide(&mut loaded, command.clone())?;
        Ok(booking)
    })
    .await
}

/// A booking on which notes can be written.
pub async fn requested(log: &Log) -> Result<Uuid, Failure> {
    let mut journey = Journey::new();
    let (booking, command, _) = journey.next();
    send(log, &Actor::User(journey.guest), &Uuid::new_v4().to_string(), booking, &command, None).await?;
    Ok(booking)
}
