//! A process that echoes, the desk that does its work, and a clock that is only ever moved.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daybook_projections::Known;
use daybook_projections::process::{BusinessClock, Process, Reaction, ReactionId, Runtime, Work, WorkError};
use daybook_projections::views::Views;
use eventlog::Log;
use kernel::Timestamp;
use kernel::upcast::Decoded;
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::toy::{Toy, append_once, decode};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Intent {
    Answer {},
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub what: String,
}

/// Answers what is added and what rings, asks what is to be asked.
pub struct Echo;

impl Process<Toy> for Echo {
    const NAME: &'static str = "echo";
    type Intent = Intent;
    type Call = Call;
    const AT_ONCE: usize = 4;

    fn react(event: &Known<Toy>) -> Vec<Reaction<Intent, Call>> {
        let key = event.stream().to_string();
        match &event.event {
            Toy::Added { amount } => (0..*amount).map(|_| Reaction::Command(Intent::Answer {})).collect(),
            Toy::Alarmed { due } => {
                vec![Reaction::Timer { key, due: Timestamp::from_second(*due).unwrap(), intent: Intent::Answer {} }]
            }
            Toy::Calmed {} => vec![Reaction::CancelTimer { key }],
            Toy::Asked { what } => vec![Reaction::Effect(Call { what: what.clone() })],
            Toy::Cleared {} | Toy::Spoiled {} | Toy::Garbled {} | Toy::Answered { .. } => Vec::new(),
        }
    }
}

/// Does the work, remembers it, and fails when told to.
pub struct Desk {
    pub log: Log,
    pub calls: Mutex<Vec<(String, u32)>>,
    /// Performs, and then says that it did not.
    pub forgetful: AtomicBool,
    pub fatal: AtomicBool,
}

impl Desk {
    async fn answer(&self, id: &ReactionId) {
        append_once(&self.log, "answers", vec![Toy::Answered { id: id.to_string() }], Some(id.as_str())).await;
    }

    pub fn calls(&self) -> Vec<(String, u32)> {
        self.calls.lock().unwrap().clone()
    }
}

#[derive(Clone)]
pub struct Hand(pub Arc<Desk>);

impl Work for Hand {
    type Intent = Intent;
    type Call = Call;

    async fn perform(&self, intent: Intent, id: ReactionId) -> Result<(), WorkError> {
        let Intent::Answer {} = intent;
        if self.0.fatal.load(SeqCst) {
            return Err(WorkError::Fatal { reason: "cannot".into() });
        }
        assert!(id.causation.is_some() && id.correlation.is_some());
        self.0.answer(&id).await;
        if self.0.forgetful.swap(false, SeqCst) {
            return Err(WorkError::Retry { after: None, reason: "forgot".into() });
        }
        Ok(())
    }

    async fn call(&self, call: Call, id: ReactionId, attempt: u32) -> Result<(), WorkError> {
        self.0.calls.lock().unwrap().push((id.to_string(), attempt));
        match call.what.as_str() {
            "never" => Err(WorkError::Retry { after: Some(Duration::from_millis(1)), reason: "nobody there".into() }),
            "third" if attempt < 3 => Err(WorkError::Retry { after: Some(Duration::from_millis(1)), reason: "busy".into() }),
            "nonsense" => Err(WorkError::Fatal { reason: "no such thing".into() }),
            _ => {
                self.0.answer(&id).await;
                Ok(())
            }
        }
    }
}

/// A business clock in seconds that is only ever moved.
#[derive(Clone, Default)]
pub struct Frozen(pub Arc<AtomicI64>);

impl BusinessClock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(SeqCst)).unwrap()
    }
}

pub struct Set {
    pub desk: Arc<Desk>,
    pub clock: Frozen,
}

impl Set {
    pub fn of(book: &Book) -> Self {
        let (forgetful, fatal) = (AtomicBool::new(false), AtomicBool::new(false));
        let desk = Desk { log: book.log.clone(), calls: Mutex::default(), forgetful, fatal };
        Self { desk: Arc::new(desk), clock: Frozen::default() }
    }

    pub async fn manual(&self, views: &Views<Toy>) -> Runtime<Hand, Toy> {
        Runtime::builder(views, Hand(self.desk.clone()), self.clock.clone()).process::<Echo>().manual().await.unwrap()
    }

    pub async fn background(&self, views: &Views<Toy>) -> Runtime<Hand, Toy> {
        Runtime::builder(views, Hand(self.desk.clone()), self.clock.clone()).process::<Echo>().start().await.unwrap()
    }
}

/// The ids of all reactions that became events, in order.
pub async fn answers(book: &Book) -> Vec<String> {
    let events = book.log.read(0, 5_000).await.unwrap();
    let answer = |event| match decode(&event) {
        Ok(Decoded::One(Toy::Answered { id })) => Some(id),
        _ => None,
    };
    events.into_iter().filter_map(answer).collect()
}

pub fn alarm(due: i64) -> Vec<Toy> {
    vec![Toy::Alarmed { due }]
}

pub fn ask(what: &str) -> Vec<Toy> {
    vec![Toy::Asked { what: what.into() }]
}
