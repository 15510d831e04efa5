//! What operators had done with a read model: built anew beside the live one, stopped for a while. The stream `projection-…` is
//! the record of it; who and when stand in its events, and workers act on nothing else.
//!
//! ```text
//! follows the log ── pause ──▶ stands still ── resume ──▶ follows the log
//!
//! nothing built   ── rebuild ─▶ being built ── finished or failed ──▶ nothing built
//! ```

use kernel::{At, Decider, DomainEvent, Fact, NotAStream, Personal, Refused, StreamName, upcast::Upcasts};
use serde::{Deserialize, Serialize};

/// The stream of a read model, by its name.
///
/// # Errors
/// [`NotAStream`] for a name that no read model can have.
pub fn stream(name: &str) -> Result<StreamName, NotAStream> {
    StreamName::new(Projection::KIND, name)
}

/// How a rebuild ended that went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// Version of the model.
    pub version: u32,
    /// The generation that was built.
    pub generation: u32,
    /// The position that both were compared at.
    pub position: u64,
    /// Rows of the live model; none where no live one had ever caught up.
    pub live_rows: Option<u64>,
    /// Rows of the one that was built.
    pub built_rows: Option<u64>,
    /// Rows that are not the same in both.
    pub differences: u64,
    /// Do readers see the built one now?
    pub switched: bool,
}

// --- events -------------------------------------------------------------------------------------------------

/// What was done with a read model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It is to be built anew.
    ProjectionRebuildRequested {
        /// The model.
        projection: String,
        /// 1, 2, …: which rebuild of this model.
        number: u32,
        /// Only build and compare.
        dry_run: bool,
        /// Switch although rows differ: the live model is what is wrong.
        accept: bool,
        /// Why, in the operator's words.
        reason: Personal<String>,
    },
    /// It was built and compared.
    ProjectionRebuilt {
        /// The model.
        projection: String,
        /// Which rebuild.
        number: u32,
        /// How it ended.
        built: Built,
    },
    /// It could not be built; the live model is as it was.
    ProjectionRebuildFailed {
        /// The model.
        projection: String,
        /// Which rebuild.
        number: u32,
        /// What was in the way; never personal data.
        error: String,
    },
    /// It stands still from here on.
    ProjectionPaused {
        /// The model.
        projection: String,
        /// Why, in the operator's words.
        reason: Personal<String>,
    },
    /// It follows the log again.
    ProjectionResumed {
        /// The model.
        projection: String,
        /// Why, in the operator's words.
        reason: Personal<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ProjectionRebuildRequested { .. } => "ProjectionRebuildRequested",
            Self::ProjectionRebuilt { .. } => "ProjectionRebuilt",
            Self::ProjectionRebuildFailed { .. } => "ProjectionRebuildFailed",
            Self::ProjectionPaused { .. } => "ProjectionPaused",
            Self::ProjectionResumed { .. } => "ProjectionResumed",
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

// --- state --------------------------------------------------------------------------------------------------

/// A read model, as far as decisions of operators go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// Rebuilds that were asked for.
    pub rebuilds: u32,
    /// Is the last of them still under way?
    pub rebuilding: bool,
    /// Does it stand still because an operator wants it to?
    pub paused: bool,
}

impl Projection {
    /// Is this rebuild under way?
    #[must_use]
    pub const fn is_open(&self, number: u32) -> bool {
        self.rebuilding && self.rebuilds == number
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be done with a read model. Each names the model, as its stream does.
#[derive(Clone, Debug)]
pub enum Command {
    /// Build it anew.
    Rebuild {
        /// The model.
        projection: String,
        /// Only build and compare.
        dry_run: bool,
        /// Switch although rows differ.
        accept: bool,
        /// Why.
        reason: Personal<String>,
    },
    /// A rebuild went through.
    Finish {
        /// The model.
        projection: String,
        /// Which rebuild.
        number: u32,
        /// How it ended.
        built: Built,
    },
    /// A rebuild could not be done.
    Fail {
        /// The model.
        projection: String,
        /// Which rebuild.
        number: u32,
        /// What was in the way.
        error: String,
    },
    /// Stop it.
    Pause {
        /// The model.
        projection: String,
        /// Why.
        reason: Personal<String>,
    },
    /// Let it go on.
    Resume {
        /// The model.
        projection: String,
        /// Why.
        reason: Personal<String>,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One rebuild at a time.
    #[error("it is being rebuilt")]
    Rebuilding,
    /// It stands still already.
    #[error("it is paused")]
    Paused,
    /// It does not stand still.
    #[error("it is not paused")]
    NotPaused,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Rebuilding | Self::Paused | Self::NotPaused => Refused::at("SYS006", &["name"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Projection {
    const KIND: &'static str = "projection";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Rebuild { .. } if self.rebuilding => Err(Refusal::Rebuilding),
            Command::Rebuild { projection, dry_run, accept, reason } => {
                let number = self.rebuilds.saturating_add(1);
                Ok(vec![Event::ProjectionRebuildRequested { projection, number, dry_run, accept, reason }])
            }
            // The answer of a worker that was thought dead: the rebuild has ended otherwise.
            Command::Finish { number, .. } | Command::Fail { number, .. } if !self.is_open(number) => Ok(Vec::new()),
            Command::Finish { projection, number, built } => Ok(vec![Event::ProjectionRebuilt { projection, number, built }]),
            Command::Fail { projection, number, error } => Ok(vec![Event::ProjectionRebuildFailed { projection, number, error }]),
            Command::Pause { .. } if self.paused => Err(Refusal::Paused),
            Command::Pause { projection, reason } => Ok(vec![Event::ProjectionPaused { projection, reason }]),
            Command::Resume { .. } if !self.paused => Err(Refusal::NotPaused),
            Command::Resume { projection, reason } => Ok(vec![Event::ProjectionResumed { projection, reason }]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::ProjectionRebuildRequested { number, .. } => Self { rebuilds: *number, rebuilding: true, ..self },
            Event::ProjectionRebuilt { .. } | Event::ProjectionRebuildFailed { .. } => Self { rebuilding: false, ..self },
            Event::ProjectionPaused { .. } => Self { paused: true, ..self },
            Event::ProjectionResumed { .. } => Self { paused: false, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Actor, Timestamp};

    use super::*;

    fn decide(state: Projection, command: Command) -> Result<Vec<Event>, Refusal> {
        state.decide(At { now: Timestamp::UNIX_EPOCH, actor: Actor::Anonymous, command })
    }

    fn name() -> String {
        "bookings".to_owned()
    }

    fn reason() -> Personal<String> {
        Personal::retained(uuid::Uuid::nil(), "a column was wrong".to_owned())
    }

    fn rebuild() -> Command {
        Command::Rebuild { projection: name(), dry_run: false, accept: false, reason: reason() }
    }

    fn built() -> Built {
        Built { version: 1, generation: 2, position: 9, live_rows: Some(3), built_rows: Some(3), differences: 0, switched: true }
    }

    #[test]
    fn one_rebuild_at_a_time_and_only_the_open_one_ends() {
        let begun = decide(Projection::default(), rebuild()).unwrap_or_default();
        let state = Projection::fold(&begun);
        assert!(state.is_open(1));
        assert_eq!(decide(state, rebuild()), Err(Refusal::Rebuilding));
        let finish = |number| Command::Finish { projection: name(), number, built: built() };
        assert_eq!(decide(state, finish(2)), Ok(Vec::new()));
        let ended = decide(state, finish(1)).unwrap_or_default();
        let state = ended.iter().fold(state, Projection::evolve);
        assert_eq!((state.rebuilding, state.rebuilds), (false, 1));
        assert_eq!(decide(state, Command::Fail { projection: name(), number: 1, error: "late".to_owned() }), Ok(Vec::new()));
        assert!(matches!(decide(state, rebuild()).as_deref(), Ok([Event::ProjectionRebuildRequested { number: 2, .. }])));
    }

    #[test]
    fn what_is_paused_is_resumed_and_nothing_else_is() {
        let (pause, resume) =
            (Command::Pause { projection: name(), reason: reason() }, Command::Resume { projection: name(), reason: reason() });
        let running = Projection::default();
        assert_eq!(decide(running, resume.clone()), Err(Refusal::NotPaused));
        let paused = running.evolve(&decide(running, pause.clone()).unwrap_or_default()[0]);
        assert_eq!(decide(paused, pause), Err(Refusal::Paused));
        assert_eq!(paused.evolve(&decide(paused, resume).unwrap_or_default()[0]), running);
    }
}
