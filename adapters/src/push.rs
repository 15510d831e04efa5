//! Push messages to devices (NTF-05), in the form that FCM takes them, with a console for development that prints what would be sent.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::BoxFuture;
use crate::outbox::Keys;

/// The largest message, in bytes of its JSON (FCM's own limit).
pub const MAX_PAYLOAD_BYTES: usize = 4_096;
/// The stub knows no device whose token starts like this.
const GONE: &str = "sandbox-unregistered";
/// The stub is out of reach for tokens that start like this.
const DOWN: &str = "sandbox-down";

/// A message to one device: what it shows, and a data payload for its program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushMessage {
    /// One line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// For the program on the device.
    pub data: BTreeMap<String, String>,
}

/// What stands where a text was cut.
const ELLIPSIS: char = '…';

impl PushMessage {
    /// The same, with as much of the body as the service takes.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        if self.size() <= MAX_PAYLOAD_BYTES {
            return self;
        }
        let body = std::mem::take(&mut self.body);
        let Some(mut room) = MAX_PAYLOAD_BYTES.checked_sub(self.size() + ELLIPSIS.len_utf8()) else { return self };
        for character in body.chars() {
            // Some characters are longer in JSON.
            let length = serde_json::to_string(&character).map_or(usize::MAX, |json| json.len() - 2);
            let Some(left) = room.checked_sub(length) else { break };
            self.body.push(character);
            room = left;
        }
        self.body.push(ELLIPSIS);
        self
    }

    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }
}

/// Why a message did not go out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The service knows no device by this token any more: never try it again.
    #[error("the device is not registered any more")]
    Unregistered,
    /// The service did not take it; it may be sent again under the same key.
    #[error("not delivered: {cause}")]
    Undelivered {
        /// What went wrong; for the log.
        cause: String,
    },
    /// The message is too large, whatever is left out of its text.
    #[error("the message is too large")]
    TooLarge,
}

/// Sends push messages.
pub trait Push: Send + Sync {
    /// Hands a message for one device over; the same key again is the same message, which goes out once.
    fn push<'a>(&'a self, key: &'a str, token: &'a str, message: PushMessage) -> BoxFuture<'a, Result<(), PushError>>;
}

/// Prints messages through `tracing` (target `daybook::outbox`), without the device's token. For development and tests.
#[derive(Debug, Default)]
pub struct ConsolePush {
    keys: Keys,
}

impl ConsolePush {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn take(&self, key: &str, token: &str, message: &PushMessage) -> Result<(), PushError> {
        if message.size() > MAX_PAYLOAD_BYTES {
            return Err(PushError::TooLarge);
        }
        if token.starts_with(GONE) {
            return Err(PushError::Unregistered);
        }
        if token.starts_with(DOWN) {
            return Err(PushError::Undelivered { cause: "the sandbox is out of reach".to_owned() });
        }
        if self.keys.is_new(key) {
            tracing::info!(target: "daybook::outbox", to = "a device", subject = %message.title, "{}", message.body);
        }
        Ok(())
    }
}

impl Push for ConsolePush {
    fn push<'a>(&'a self, key: &'a str, token: &'a str, message: PushMessage) -> BoxFuture<'a, Result<(), PushError>> {
        Box::pin(async move { self.take(key, token, &message) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> PushMessage {
        let data = BTreeMap::from([("template".to_owned(), "BOOKING_APPROVED".to_owned())]);
        PushMessage { title: "예약 승인".to_owned(), body: body.to_owned(), data }
    }

    #[tokio::test]
    async fn a_long_text_is_cut_to_what_the_service_takes() {
        let console = ConsolePush::new();
        let long = message(&"가\"\n".repeat(3_000));
        assert_eq!(console.push("a", "t", long.clone()).await, Err(PushError::TooLarge));
        let cut = long.fitted();
        assert!(cut.size() <= MAX_PAYLOAD_BYTES && cut.size() > MAX_PAYLOAD_BYTES - 16 && cut.body.ends_with('…'), "{}", cut.size());
        assert_eq!(console.push("a", "t", cut).await, Ok(()));
        assert_eq!(message("짧다").fitted(), message("짧다"));
    }

    #[tokio::test]
    async fn the_sandbox_knows_devices_that_are_gone() {
        let console = ConsolePush::new();
        assert_eq!(console.push("a", "sandbox-unregistered-1", message("x")).await, Err(PushError::Unregistered));
        assert!(matches!(console.push("a", "sandbox-down-1", message("x")).await, Err(PushError::Undelivered { .. })));
    }
}
