//! A decider that betrays every wrong decision: each event names the one that it was decided upon.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_eventlog::{CommandMeta, Decision, ExecuteError, Executed, Joint, Log, LogError, Receipt, Recorded, Session, Stop};
use kernel::{Actor, At, Decider, DomainEvent, Fact, JournalEntry, Refusal, Refused, StreamName, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};

/// The one event of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Linked(Link),
}

/// What it says: which operation it came from, and the operation of the event before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub op: String,
    pub after: Option<String>,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Nothing refuses it.
    Add,
    /// Refused while the chain is held.
    Hold,
    /// Refused while it is not.
    Free,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "Linked".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
}

/// The state: the last operation and who holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    pub last: Option<String>,
    pub held_by: Option<String>,
}

/// A refusal that names all that it was decided on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("held by {:?} after {:?}", .0.held_by, .0.last)]
pub struct No(Chain);

impl Refusal for No {
    fn refused(&self) -> Refused {
        let text = |op: &Option<String>| op.clone().unwrap_or_default();
        Refused::code("CHAIN001").with("last", text(&self.0.last)).with("held_by", text(&self.0.held_by))
    }
}

impl Decider for Chain {
    const KIND: &'static str = "chain";
    type Command = (String, What);
    type Event = Event;
    type Refusal = No;

    fn decide(&self, at: At<(String, What)>) -> Result<Vec<Event>, No> {
        let (op, what) = at.command;
        match (what, &self.held_by) {
            (What::Hold, Some(_)) | (What::Free, None) => Err(No(self.clone())),
            (What::Add, _) | (What::Hold, None) | (What::Free, Some(_)) => {
                Ok(vec![Event::Linked(Link { op, after: self.last.clone(), what })])
            }
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        let Event::Linked(link) = event;
        match link.what {
            What::Add => {}
            What::Hold => self.held_by = Some(link.op.clone()),
            What::Free => self.held_by = None,
        }
        self.last = Some(link.op.clone());
        self
    }
}

/// One command: the same operation on each of some chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its name, and its idempotency key.
    pub name: String,
    pub chains: Vec<String>,
    pub what: What,
    pub keyed: bool,
    /// Writes to the vault as well, which the store does under the head's lock.
    pub secret: bool,
}

/// What a client heard.
#[derive(Clone, Debug)]
pub enum Heard {
    /// It is in.
    In(Receipt),
    /// Refused on this state.
    Refused(Chain),
    /// Nothing of it is in.
    Failed(LogError),
    /// Perhaps.
    Unknown,
}

impl Op {
    pub fn add(name: impl Into<String>, chain: &str) -> Self {
        Self { name: name.into(), chains: vec![chain.to_owned()], what: What::Add, keyed: true, secret: false }
    }

    pub fn on(name: impl Into<String>, chain: &str, what: What) -> Self {
        Self { what, ..Self::add(name, chain) }
    }

    pub fn unkeyed(self) -> Self {
        Self { keyed: false, ..self }
    }

    pub fn locked(self) -> Self {
        Self { secret: true, ..self }
    }

    pub fn meta(&self, now: Timestamp) -> CommandMeta {
        let meta = CommandMeta::new("chain", Actor::system("client"), now);
        if self.keyed { meta.keyed(&self.name, self.name.as_bytes()) } else { meta }
    }

    /// The command's function.
    pub async fn decide(self, session: Session) -> Result<Chain, Stop> {
        let mut state = Chain::default();
        for chain in &self.chains {
            let mut loaded = session.load::<Chain>(chain).await?;
            session.decide(&mut loaded, (self.name.clone(), self.what))?;
            state = loaded.state;
        }
        if self.secret {
            session.put_secret("last", &self.name);
        }
        Ok(state)
    }

    /// Executes it once.
    pub async fn run(&self, log: &Log) -> Heard {
        self.run_at(log, Timestamp::from_second(1_700_000_000).unwrap()).await
    }

    /// Executes it once, at a time of the business clock.
    pub async fn run_at(&self, log: &Log, now: Timestamp) -> Heard {
        let meta = self.meta(now);
        // Half of those that can be are decided together with others.
        let joins = self.chains.len() == 1 && !self.secret && self.name.bytes().map(usize::from).sum::<usize>().is_multiple_of(2);
        let answer = if joins {
            let stream = StreamName::new(Chain::KIND, &self.chains[0]).unwrap();
            log.execute_together(&meta, stream, Arc::new(self.clone())).await
        } else {
            log.execute(&meta, |session| self.clone().decide(session)).await
        };
        Heard::of(self, answer)
    }

    /// Executes it, under its key again and again where the store fails, until there is an answer.
    pub async fn insist(&self, log: &Log) -> Heard {
        assert!(self.keyed, "only a key makes a retry safe");
        for _ in 0..200 {
            match self.run(log).await {
                Heard::Failed(error) => assert!(error.retryable(), "{}: {error}", self.name),
                Heard::Unknown => {}
                heard @ (Heard::In(_) | Heard::Refused(_)) => return heard,
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{}: no answer", self.name)
    }
}

impl Joint for Op {
    type State = Chain;
    type Answer = Chain;

    fn weight(&self) -> usize {
        1
    }

    fn decide(&self, command: &CommandMeta, state: &mut Chain) -> Result<Decision<Self>, Stop> {
        let at = At { now: command.now, actor: command.actor.clone(), command: (self.name.clone(), self.what) };
        let events = Decider::decide(state, at)?;
        *state = events.iter().fold(std::mem::take(state), Chain::evolve);
        Ok((state.clone(), events))
    }
}

impl Heard {
    /// What the answer to an operation says.
    pub fn of(op: &Op, answer: Result<Executed<Chain>, ExecuteError>) -> Self {
        match answer {
            Ok(done) => {
                assert_eq!(done.value.last.as_ref(), Some(&op.name), "an answer of somebody else");
                Self::In(done.receipt)
            }
            Err(ExecuteError::Refused { refused, .. }) => Self::Refused(refused_on(&refused)),
            Err(ExecuteError::Log(LogError::Unknown(_))) => Self::Unknown,
            Err(ExecuteError::Log(error)) => Self::Failed(error),
            Err(error @ (ExecuteError::Conflict | ExecuteError::KeyReused | ExecuteError::Unbalanced(_))) => {
                panic!("{}: {error}", op.name)
            }
        }
    }

    pub fn receipt(&self) -> &Receipt {
        match self {
            Self::In(receipt) => receipt,
            other => panic!("not in: {other:?}"),
        }
    }
}

fn refused_on(refused: &Refused) -> Chain {
    assert_eq!(refused.code, "CHAIN001");
    let text = |name: &str| refused.params.get(name).cloned().filter(|text| !text.is_empty());
    Chain { last: text("last"), held_by: text("held_by") }
}

/// What a stored event of a chain says.
pub fn link(event: &Recorded) -> Link {
    let Event::Linked(link) = event.decode().unwrap();
    link
}

/// All that anybody heard, by operation: the last word on each.
pub type Words = BTreeMap<String, (Op, Heard)>;
