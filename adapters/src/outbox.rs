//! Mail and SMS (NTF-07), with a console for development that prints what would be sent.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::BoxFuture;

/// How many messages a [`ConsoleMessenger`] remembers.
pub const MAX_REMEMBERED: usize = 1_000;
/// The longest subject, in characters.
pub const MAX_SUBJECT_CHARS: usize = 200;
/// The longest text, in characters.
pub const MAX_TEXT_CHARS: usize = 10_000;
/// The longest address or number, in bytes.
pub const MAX_RECIPIENT_BYTES: usize = 255;

/// Whom a message goes to, and so by which way. Shown masked; the plain address leaves only with the message (SEC-12).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A mail address.
    Email(String),
    /// A phone number, by SMS.
    Phone(String),
}

impl Recipient {
    fn text(&self) -> &str {
        match self {
            Self::Email(text) | Self::Phone(text) => text,
        }
    }
}

/// The masked form: `g***@example.com`, `010-****-5678`.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(address) => f.write_str(&mask_email(address)),
            Self::Phone(number) => f.write_str(&mask_phone(number)),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A message to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whom it goes to.
    pub to: Recipient,
    /// One line; an SMS shows it before the text.
    pub subject: String,
    /// The text, plain.
    pub text: String,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessengerError {
    /// Empty, too long, or with control characters (a line break in a header would let a text add headers of its own).
    #[error("the message's {0} is empty, too long or has control characters")]
    Malformed(&'static str),
    /// The service did not take it; it may be sent again, at the risk of arriving twice.
    #[error("not delivered: {cause}")]
    Undelivered {
        /// What went wrong; for the log.
        cause: String,
    },
}

impl MessengerError {
    /// May the same message be sent again?
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Undelivered { .. } => true,
            Self::Malformed(_) => false,
        }
    }
}

/// Sends messages to people.
pub trait Messenger: Send + Sync {
    /// Hands a message over; a yes means taken, not read.
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), MessengerError>>;

    /// Hands a message over under a key of the sender's: the same key again is the same message, which goes out once. As long as the
    /// service remembers keys; a day, with those that there are.
    fn send_once<'a>(&'a self, key: &'a str, message: Message) -> BoxFuture<'a, Result<(), MessengerError>>;
}

impl Message {
    /// Is it one that any service would take?
    ///
    /// # Errors
    /// [`MessengerError::Malformed`] with the part that is wrong.
    pub fn check(&self) -> Result<(), MessengerError> {
        let to = self.to.text();
        if to.is_empty() || to.len() > MAX_RECIPIENT_BYTES || to.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(MessengerError::Malformed("recipient"));
        }
        if self.subject.is_empty() || self.subject.chars().count() > MAX_SUBJECT_CHARS || self.subject.chars().any(char::is_control) {
            return Err(MessengerError::Malformed("subject"));
        }
        let stray = |c: char| c.is_control() && c != '\n' && c != '\t';
        if self.text.is_empty() || self.text.chars().count() > MAX_TEXT_CHARS || self.text.chars().any(stray) {
            return Err(MessengerError::Malformed("text"));
        }
        Ok(())
    }
}

/// Prints messages through `tracing` (target `daybook::outbox`) and remembers the last [`MAX_REMEMBERED`]. For development
/// and tests only: the text, with any code in it, stands in the log.
#[derive(Debug, Default)]
pub struct ConsoleMessenger {
    sent: Mutex<VecDeque<Message>>,
    keys: Keys,
}

impl ConsoleMessenger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages remembered, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn take_once(&self, key: &str, message: Message) -> Result<(), MessengerError> {
        message.check()?;
        if self.keys.is_new(key) { self.take(message) } else { Ok(()) }
    }

    fn take(&self, message: Message) -> Result<(), MessengerError> {
        message.check()?;
        tracing::info!(target: "daybook::outbox", to = %message.to, subject = %message.subject, "{}", message.text);
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() == MAX_REMEMBERED {
            sent.pop_front();
        }
        sent.push_back(message);
        Ok(())
    }
}

impl Messenger for ConsoleMessenger {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), MessengerError>> {
        Box::pin(async move { self.take(message) })
    }

    fn send_once<'a>(&'a self, key: &'a str, message: Message) -> BoxFuture<'a, Result<(), MessengerError>> {
        Box::pin(async move { self.take_once(key, message) })
    }
}

/// The last keys that were seen, [`MAX_REMEMBERED`] of them.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<VecDeque<String>>);

impl Keys {
    /// Notes a key; false when it was seen before.
    pub(crate) fn is_new(&self, key: &str) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.iter().any(|other| other == key) {
            return false;
        }
        if seen.len() == MAX_REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(key.to_owned());
        true
    }
}

/// `010-1234-5678` and `+821012345678` become `010-****-5678` and `+82-****-5678`: the first three digits' worth and the last
/// four. A number too short for that is hidden whole.
#[must_use]
pub fn mask_phone(number: &str) -> String {
    let shown: Vec<char> = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    if shown.len() < 9 {
        return "****".to_owned();
    }
    let (head, tail) = (shown[..3].iter().collect::<String>(), shown[shown.len() - 4..].iter().collect::<String>());
    format!("{head}-****-{tail}")
}

/// `gildong@example.com` becomes `g***@example.com`.
#[must_use]
pub fn mask_email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().map(String::from).unwrap_or_default()),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn code(number: usize) -> Message {
        Message { to: Recipient::Phone("01012345678".to_owned()), subject: "Code".to_owned(), text: format!("{number:06}") }
    }

    #[test]
    fn people_are_masked_wherever_they_are_shown() {
        for (number, masked) in [
            ("010-1234-5678", "010-****-5678"),
            ("01012345678", "010-****-5678"),
            ("+82 10 1234 5678", "+82-****-5678"),
            ("12345678", "****"),
            ("", "****"),
        ] {
            assert_eq!(mask_phone(number), masked, "{number}");
        }
        for (address, masked) in [("gildong@example.com", "g***@example.com"), ("@example.com", "***@example.com"), ("nobody", "***")] {
            assert_eq!(mask_email(address), masked, "{address}");
        }
        assert_eq!(format!("{:?}", Recipient::Phone("010-1234-5678".to_owned())), "010-****-5678");
    }

    #[tokio::test]
    async fn the_last_thousand_are_remembered() {
        let console = ConsoleMessenger::new();
        for number in 0..=MAX_REMEMBERED {
            console.send(code(number)).await.unwrap();
        }
        let sent = console.sent();
        assert_eq!((sent.len(), sent[0].clone(), sent[MAX_REMEMBERED - 1].clone()), (MAX_REMEMBERED, code(1), code(MAX_REMEMBERED)));
    }

    #[tokio::test]
    async fn the_same_key_goes_out_once() {
        let console = ConsoleMessenger::new();
        for key in ["a", "b", "a"] {
            console.send_once(key, code(1)).await.unwrap();
        }
        assert_eq!(console.sent().len(), 2);
    }

    #[tokio::test]
    async fn headers_cannot_be_smuggled_in() {
        let console = ConsoleMessenger::new();
        let to = Recipient::Email("a@example.com\r\nBcc: b@example.com".to_owned());
        for (message, part) in [
            (Message { to, ..code(1) }, "recipient"),
            (Message { subject: "Hi\nBcc: x@example.com".to_owned(), ..code(1) }, "subject"),
            (Message { subject: "s".repeat(MAX_SUBJECT_CHARS + 1), ..code(1) }, "subject"),
            (Message { text: "bell\u{7}".to_owned(), ..code(1) }, "text"),
            (Message { text: String::new(), ..code(1) }, "text"),
        ] {
            assert_eq!(console.send(message).await, Err(MessengerError::Malformed(part)));
        }
        assert!(console.sent().is_empty());
        console.send(Message { text: "안녕하세요\n코드: 123456".to_owned(), ..code(1) }).await.unwrap();
    }
}
