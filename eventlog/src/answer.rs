//! What a command answers: with its type for who asked, and as JSON for its receipt and all that lies between.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::codec::DecodeError;
use crate::command::CommandMeta;
use crate::error::{LogError, Stop};
use crate::session::Session;

/// What a command is answered, as its receipt keeps it; `null` for one that has no receipt.
pub(crate) type Kept = Box<RawValue>;

/// A command's function without its types: what lies between it and the store is compiled once, not for each command.
pub(crate) trait Run: Sync {
    fn run(&self, session: Session) -> Pin<Box<dyn Future<Output = Result<Kept, Stop>> + Send + '_>>;
}

/// A command's function with what it returned last.
pub(crate) struct Typed<T, F> {
    run: F,
    keyed: bool,
    last: Mutex<Option<T>>,
}

impl<T, F> Typed<T, F> {
    /// A function; what it returns is kept when its command is `keyed`.
    pub(crate) const fn new(run: F, keyed: bool) -> Self {
        Self { run, keyed, last: Mutex::new(None) }
    }

    /// What it returned last.
    pub(crate) fn last(self) -> Option<T> {
        self.last.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, F, Fut> Run for Typed<T, F>
where
    T: Serialize + Send,
    F: Fn(Session) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, Stop>> + Send,
{
    fn run(&self, session: Session) -> Pin<Box<dyn Future<Output = Result<Kept, Stop>> + Send + '_>> {
        Box::pin(async move {
            let value = (self.run)(session).await?;
            let kept = if self.keyed { to_raw_value(&value).map_err(unwritable)? } else { RawValue::NULL.to_owned() };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(kept)
        })
    }
}

/// A value as a receipt keeps it.
pub(crate) fn json(value: &impl Serialize) -> Result<String, LogError> {
    serde_json::to_string(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> LogError {
    LogError::Encode { what: "result".into(), reason: error.to_string() }
}

/// What a receipt keeps of a command.
pub(crate) fn read<T: DeserializeOwned>(command: &CommandMeta, json: &str) -> Result<T, LogError> {
    serde_json::from_str(json)
        .map_err(|source| DecodeError { event_type: format!("receipt of {}", command.name), schema_version: 1, source }.into())
}
