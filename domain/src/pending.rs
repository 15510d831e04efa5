//! How many requests of one guest wait for an answer: a limit that holds (BOOKING007).
//!
//! One stream per guest, written beside the booking whenever a request begins or stops to wait.

use std::collections::BTreeSet;

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::BookingId;

/// What happened to a guest's waiting requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A request waits.
    PendingRequestOpened {
        /// Which.
        booking: BookingId,
    },
    /// It no longer does.
    PendingRequestClosed {
        /// Which.
        booking: BookingId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PendingRequestOpened { .. } => "PendingRequestOpened",
            Self::PendingRequestClosed { .. } => "PendingRequestClosed",
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

/// A guest's waiting requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PendingRequests {
    /// Which.
    pub waiting: BTreeSet<BookingId>,
}

/// What may be asked.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// One more.
    Open {
        /// Which.
        booking: BookingId,
        /// As many may wait.
        limit: usize,
    },
    /// One fewer.
    Close {
        /// Which.
        booking: BookingId,
    },
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many wait as may.
    #[error("too many requests are waiting")]
    TooMany,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::TooMany => Refused::code("BOOKING007"),
        }
    }
}

impl Decider for PendingRequests {
    const KIND: &'static str = "pending";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Open { limit, .. } if self.waiting.len() >= limit => Err(Refusal::TooMany),
            Command::Open { booking, .. } => Ok(vec![Event::PendingRequestOpened { booking }]),
            Command::Close { booking } if self.waiting.contains(&booking) => Ok(vec![Event::PendingRequestClosed { booking }]),
            Command::Close { .. } => Ok(Vec::new()),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::PendingRequestOpened { booking } => self.waiting.insert(*booking),
            Event::PendingRequestClosed { booking } => self.waiting.remove(booking),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::given;

    fn booking(n: u128) -> BookingId {
        BookingId::new(Uuid::from_u128(n))
    }

    fn opened(n: u128) -> Event {
        Event::PendingRequestOpened { booking: booking(n) }
    }

    fn closed(n: u128) -> Event {
        Event::PendingRequestClosed { booking: booking(n) }
    }

    #[test]
    fn so_many_requests_wait_and_no_more() {
        let open = |n, limit| Command::Open { booking: booking(n), limit };
        given::<PendingRequests>([]).when(open(1, 1)).then([opened(1)]);
        given::<PendingRequests>([]).when(open(1, 0)).refused("BOOKING007", "");
        given::<PendingRequests>([opened(1), opened(2)]).when(open(3, 3)).then([opened(3)]);
        given::<PendingRequests>([opened(1), opened(2)]).when(open(3, 2)).refused("BOOKING007", "");
        given::<PendingRequests>([opened(1), opened(2), closed(1)]).when(open(3, 2)).then([opened(3)]);
    }

    #[test]
    fn a_request_stops_to_wait_once() {
        let close = |n| Command::Close { booking: booking(n) };
        given::<PendingRequests>([opened(1)]).when(close(1)).then([closed(1)]);
        given::<PendingRequests>([opened(1)]).when(close(2)).then([]);
        given::<PendingRequests>([opened(1), closed(1)]).when(close(1)).then([]);
    }
}
