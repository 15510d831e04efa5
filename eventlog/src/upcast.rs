//! Stored events as today's program knows them.
//!
//! A [`Recorded`] stays what it is: one row, one position, the bytes that were hashed. What it *says* comes through the table
//! of its event type (kernel's `upcast`), and may be one event, several, or none.

use std::sync::Arc;

use kernel::Fact;
use kernel::upcast::{self, Decoded, Unreadable};

use crate::error::LogError;
use crate::recorded::Recorded;

impl Recorded {
    /// What the event says today, in order.
    ///
    /// # Errors
    /// [`Unreadable`] when its type and version have no path to today's shapes of `E`, or its payload does not fit.
    pub fn events<E: Fact>(&self) -> Result<Decoded<E>, Unreadable> {
        upcast::decode(&self.event_type, self.schema_version, &self.payload)
    }
}

impl From<Unreadable> for LogError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}
