//! The one shape of an aggregate: pure `decide` and `evolve`, bridged to cqrs-es.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::journal::{JournalEntry, Unbalanced};
use crate::upcast::Upcasts;

/// A command with the circumstances that it is decided in.
#[derive(Clone, Debug)]
pub struct At<C> {
    /// The business clock, read once per command.
    pub now: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// What is asked.
    pub command: C,
}

/// A stored event that may move value.
pub trait Fact: DomainEvent {
    /// The journal entry that this event posts: a pure function of this one event (L1). Most events post none.
    ///
    /// # Errors
    /// [`Unbalanced`]; the log then refuses the whole command.
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }

    /// Every shape that such events were ever stored in, and how each is read today. `None`: there has only been today's.
    fn upcasts() -> Option<&'static Upcasts> {
        None
    }
}

/// The rules of one aggregate. Both functions are pure: time, ids, prices and policies come in with the command.
pub trait Decider: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of its streams.
    const KIND: &'static str;
    /// Are its events large (up to megabytes), and its state too large to be written down? Then a fold reads few events at a time, and
    /// no snapshots are kept.
    const BULKY: bool = false;
    /// One variant per intent.
    type Command: Send;
    /// One variant per fact: the storage format.
    type Event: Fact + 'static;
    /// One variant per rule that may be broken.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// What the command would make happen, or which rule it breaks. An empty list: it already has happened.
    ///
    /// # Errors
    /// The first rule broken, in the order in which the requirement lists them.
    fn decide(&self, at: At<Self::Command>) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// The state after one more event. Total: it never fails and never panics.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// The state after a history.
    #[must_use]
    fn fold<'e>(events: impl IntoIterator<Item = &'e Self::Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }
}

/// Makes any [`Decider`] a cqrs-es aggregate (a blanket implementation would break the orphan rule).
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct EventSourced<D: Decider>(pub D);

impl<D: Decider> Default for EventSourced<D> {
    fn default() -> Self {
        Self(D::default())
    }
}

impl<D: Decider> Aggregate for EventSourced<D> {
    const TYPE: &'static str = D::KIND;
    type Command = At<D::Command>;
    type Event = D::Event;
    type Error = D::Refusal;
    type Services = ();

    async fn handle(&mut self, at: At<D::Command>, (): &(), sink: &EventSink<Self>) -> Result<(), D::Refusal> {
        for event in self.0.decide(at)? {
            // write() applies the event to self too.
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: D::Event) {
        self.0 = std::mem::take(&mut self.0).evolve(&event);
    }
}
