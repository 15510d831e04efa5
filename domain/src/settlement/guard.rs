//! One batch under review at a time: the stream `settlementguard-open` (SETTLE002).

use kernel::{At, Decider, DomainEvent, Fact, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::ids::SettlementId;

/// The id of the only stream of its kind.
pub const GUARD_ID: &str = "open";

/// What happened to the guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A batch is under review.
    SettlementGuardTaken {
        /// Which.
        settlement: SettlementId,
    },
    /// It no longer is.
    SettlementGuardFreed {
        /// Which.
        settlement: SettlementId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::SettlementGuardTaken { .. } => "SettlementGuardTaken",
            Self::SettlementGuardFreed { .. } => "SettlementGuardFreed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// The batch under review, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SettlementGuard {
    /// Which.
    pub open: Option<SettlementId>,
}

/// What may be asked of the guard.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Begin a review.
    Take(SettlementId),
    /// End it.
    Free(SettlementId),
}

impl Decider for SettlementGuard {
    const KIND: &'static str = "settlementguard";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match (at.command, self.open) {
            (Command::Take(_), Some(_)) => Err(Refusal::AnotherOpen),
            (Command::Take(settlement), None) => Ok(vec![Event::SettlementGuardTaken { settlement }]),
            (Command::Free(settlement), Some(open)) if open == settlement => Ok(vec![Event::SettlementGuardFreed { settlement }]),
            (Command::Free(_), _) => Ok(Vec::new()),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::SettlementGuardTaken { settlement } => Self { open: Some(*settlement) },
            Event::SettlementGuardFreed { .. } => Self { open: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::given;

    fn batch(n: u128) -> SettlementId {
        SettlementId::new(Uuid::from_u128(n))
    }

    fn taken(n: u128) -> Event {
        Event::SettlementGuardTaken { settlement: batch(n) }
    }

    fn freed(n: u128) -> Event {
        Event::SettlementGuardFreed { settlement: batch(n) }
    }

    #[test]
    fn one_batch_is_under_review_at_a_time() {
        given::<SettlementGuard>([]).when(Command::Take(batch(1))).then([taken(1)]);
        for again in [1, 2] {
            given::<SettlementGuard>([taken(1)]).when(Command::Take(batch(again))).refused("SETTLE002", "");
        }
        given::<SettlementGuard>([taken(1), freed(1)]).when(Command::Take(batch(2))).then([taken(2)]);
    }

    #[test]
    fn only_the_batch_itself_frees_it() {
        given::<SettlementGuard>([taken(1)]).when(Command::Free(batch(1))).then([freed(1)]);
        given::<SettlementGuard>([taken(1)]).when(Command::Free(batch(2))).then([]);
        given::<SettlementGuard>([]).when(Command::Free(batch(1))).then([]);
    }
}
