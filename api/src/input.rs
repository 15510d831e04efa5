//! Reading the input of mutations: ids, keys, and refusals before a command is even made.

use async_graphql::ID;
use commands::{Caller, ExecuteError};
use kernel::id::Kind;
use kernel::{Id, Refused};

use crate::errors::ApiError;
use crate::reading::Reader;

/// A refusal of the input itself: answered like a command's, but never stored under the key.
#[must_use]
pub const fn invalid(refused: Refused) -> ExecuteError {
    ExecuteError::Refused { refused, replayed: false }
}

/// An id of this kind; any other text names nothing, and says so with the kind's own code.
///
/// # Errors
/// The code at the field.
pub fn id<K: Kind>(text: &ID, code: &str, field: &str) -> Result<Id<K>, ExecuteError> {
    text.parse().map_err(|_| invalid(Refused::at(code, &[field])))
}

impl Reader<'_> {
    /// The viewer as a caller of a command for which somebody must be signed in.
    ///
    /// # Errors
    /// AUTH002, or SYS003 for an impossible key.
    pub fn caller(&self, key: Option<String>) -> Result<Caller, ExecuteError> {
        self.viewer.person().map_err(|_: ApiError| invalid(Refused::code(crate::errors::SIGN_IN)))?;
        self.anyone(key)
    }

    /// The viewer as a caller of a command that nobody does for another: not by an API key.
    ///
    /// # Errors
    /// AUTH002, AUTH010 for a program, or SYS003 for an impossible key.
    pub fn in_person(&self, key: Option<String>) -> Result<Caller, ExecuteError> {
        let caller = self.caller(key)?;
        if self.viewer.session.is_some() { Ok(caller) } else { Err(invalid(Refused::code(crate::errors::FORBIDDEN))) }
    }

    /// The viewer as a caller of a command that is open to all.
    ///
    /// # Errors
    /// SYS003 for an impossible key.
    pub fn anyone(&self, key: Option<String>) -> Result<Caller, ExecuteError> {
        self.viewer.caller(key, self.meta).map_err(invalid)
    }

    /// The same for what says by itself whom it is about (an address, a code): those who are not signed in have no names to keep their
    /// keys apart by, and nobody can use up another's.
    ///
    /// # Errors
    /// SYS003 for an impossible key.
    pub fn anyone_about(&self, key: Option<String>, about: &str) -> Result<Caller, ExecuteError> {
        let mut caller = self.anyone(key)?;
        caller.key = caller.key.map(|key| self.app.ctx.keys.mark(&[about, &key]));
        Ok(caller)
    }
}
