//! Opening a book to look into it: nothing is migrated, no key is read, no personal value can be opened.

use eventlog::{Config, KeySource, Log, Recorded};
use projections::models;
use projections::views::ViewError;
use projections::views::Views;
use projections::views::rebuild::RebuildError;
use serde_json::{Value, json};

use crate::cli::{Common, Exit, Failed};

/// The log of a book.
pub(crate) async fn log(common: &Common) -> Result<Log, Failed> {
    // The secret keys receipts only, and none is written here.
    Ok(Log::open(Config { url: common.store()?, secret: [0; 32], migrate: false, keys: KeySource::Absent }).await?)
}

/// The read side of a book with all of its models.
pub(crate) async fn views(common: &Common) -> Result<Views, Failed> {
    let views = Views::open(log(common).await?, projections::decode).await?;
    models::install_all(&views).await?;
    Ok(views)
}

/// Ends with the read side.
pub(crate) async fn close(views: &Views) {
    views.close().await;
    views.log().close().await;
}

impl From<ViewError> for Failed {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Log(error) => error.into(),
            ViewError::Store(_) => Self::new(Exit::Unavailable, error, "check the address, and that the database is up and may be written"),
            ViewError::Definition { .. } => Self::new(Exit::Refused, error, "`rebuild NAME --restart` begins anew"),
            ViewError::AheadOfLog { .. } => {
                Self::new(Exit::Refused, error, "the log has lost its end: restore it, or delete the read models")
            }
            ViewError::Lagging { .. }
            | ViewError::Parked { .. }
            | ViewError::NotInstalled(_)
            | ViewError::Unknown(_)
            | ViewError::Row { .. }
            | ViewError::Query { .. }
            | ViewError::Page(_) => Self::new(Exit::Failure, error, ""),
        }
    }
}

impl From<RebuildError> for Failed {
    fn from(error: RebuildError) -> Self {
        let (exit, hint) = match error {
            RebuildError::View(error) => return error.into(),
            RebuildError::Unknown(_) => (Exit::Usage, "`daybook-replay rebuild --help` names the models"),
            RebuildError::Busy(_) => (Exit::Refused, "wait for the other rebuild to end, or stop it"),
            RebuildError::Overtaken(_) => (Exit::Refused, "run it again: it goes on where the other one is"),
            RebuildError::Halted { .. } => (Exit::Refused, "mend what the event needs in the program, and run it again"),
            RebuildError::LiveBehind { .. } => (Exit::Refused, "start a worker, which moves the live model on"),
            RebuildError::NoPrevious(_) => (Exit::Refused, "only what a rebuild has replaced can be gone back to"),
            RebuildError::Died(_) => (Exit::Failure, "run it again: it goes on where it was"),
        };
        Self::new(exit, error, hint)
    }
}

/// A digest as people write it.
pub(crate) fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An event as one line of JSON.
pub(crate) fn event_json(event: &Recorded) -> Value {
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
    json!({
        "position": event.position,
        "stream": event.stream.to_string(),
        "version": event.version,
        "event_id": event.event_id,
        "type": event.event_type,
        "schema_version": event.schema_version,
        "recorded_at": event.recorded_at.to_string(),
        "occurred_at": event.occurred_at.to_string(),
        "actor": event.actor.to_string(),
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "command_id": event.command_id,
        "payload": payload,
    })
}

/// An event as one line for people.
pub(crate) fn event_text(event: &Recorded) -> String {
    let Recorded { position, stream, version, event_type, recorded_at, actor, payload, .. } = event;
    format!("{position:>8} {recorded_at} {stream}@{version} {event_type} by {actor} {payload}")
}
