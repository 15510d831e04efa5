//! The sandbox's own books: one JSON object a line, only ever appended to.
//!
//! ```text
//! {"kind":"confirm","at":"2026-05-04T01:00:00Z","payment_key":"sandbox-ok-1","order_id":"payment-…","amount":"12000",
//!  "currency":"KRW","minor":"12000","idempotency_key":"…","outcome":"booked","reference":"sbx_…"}
//! ```
//!
//! Written from the calls received alone, so an auditor may hold them against our events: [`Book::read`] needs nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use kernel::{Currency, Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest line, in bytes; every field of a request is limited, so that none comes near.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A payment to capture.
    Confirm {
        /// The provider's key of the payment.
        payment_key: String,
        /// The order that it pays.
        order_id: String,
    },
    /// Money to give back.
    Cancel {
        /// The provider's key of the payment.
        payment_key: String,
        /// The order that was paid.
        order_id: String,
    },
    /// A host to pay.
    Payout {
        /// The payout, paid at most once.
        payout: String,
        /// Whom.
        payee: String,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Money has moved.
    Booked {
        /// The other side's own key of the movement.
        reference: String,
    },
    /// Nothing has moved.
    Declined {
        /// The other side's code.
        code: String,
        /// The other side's words.
        message: String,
    },
}

/// One line of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Line", try_from = "Line")]
pub struct Entry {
    /// The business time of the call.
    pub at: Timestamp,
    /// What was asked for.
    pub subject: Subject,
    /// How much.
    pub amount: Money,
    /// The key that it was asked with.
    pub idempotency_key: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Entry {
    /// Has money moved?
    #[must_use]
    pub const fn is_booked(&self) -> bool {
        match self.outcome {
            Outcome::Booked { .. } => true,
            Outcome::Declined { .. } => false,
        }
    }
}

/// Why a book cannot be opened, read or added up.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file cannot be read or written.
    #[error("the sandbox's book: {0}")]
    Io(#[from] io::Error),
    /// Another process or another sandbox has it open; two would not know of each other's calls.
    #[error("the sandbox's book is in use")]
    InUse,
    /// A line that was written whole makes no sense.
    #[error("the sandbox's book, line {line}: {cause}")]
    Corrupt {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// The amounts cannot be added up.
    #[error("the sandbox's book: {0}")]
    Amount(#[from] MoneyError),
}

/// What the provider has of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTotal {
    /// Captured.
    pub captured: Money,
    /// Given back.
    pub cancelled: Money,
}

/// A book as an auditor reads it, without opening it for writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Every line, in order.
    pub entries: Vec<Entry>,
}

impl Book {
    /// Reads a book. A last line that is not finished yet is no entry; a missing file is an empty book.
    ///
    /// # Errors
    /// [`BookError::Io`] or [`BookError::Corrupt`].
    pub fn read(path: &Path) -> Result<Self, BookError> {
        match File::open(path) {
            Ok(file) => Ok(Self { entries: scan(&file)?.entries }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Captured and given back, per order id.
    ///
    /// # Errors
    /// [`BookError::Amount`] when an order was paid in two currencies or a sum overflows.
    pub fn orders(&self) -> Result<BTreeMap<String, OrderTotal>, BookError> {
        let mut orders = BTreeMap::<String, OrderTotal>::new();
        for entry in self.entries.iter().filter(|entry| entry.is_booked()) {
            let (order_id, captured) = match &entry.subject {
                Subject::Confirm { order_id, .. } => (order_id, true),
                Subject::Cancel { order_id, .. } => (order_id, false),
                Subject::Payout { .. } => continue,
            };
            let nothing = Money::zero(entry.amount.currency());
            let total = orders.entry(order_id.clone()).or_insert(OrderTotal { captured: nothing, cancelled: nothing });
            let sum = if captured { &mut total.captured } else { &mut total.cancelled };
            *sum = sum.plus(entry.amount)?;
        }
        Ok(orders)
    }

    /// Paid out, per payee and currency.
    ///
    /// # Errors
    /// [`BookError::Amount`] when a sum overflows.
    pub fn payouts(&self) -> Result<BTreeMap<(String, Currency), Money>, BookError> {
        let mut payees = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.is_booked()) {
            let Subject::Payout { payee, .. } = &entry.subject else { continue };
            let currency = entry.amount.currency();
            let sum = payees.entry((payee.clone(), currency)).or_insert(Money::zero(currency));
            *sum = sum.plus(entry.amount)?;
        }
        Ok(payees)
    }
}

/// A book read to its end.
pub(super) struct Scan {
    pub entries: Vec<Entry>,
    /// Bytes of finished lines; what follows is a line that a crash tore.
    pub finished_bytes: u64,
}

/// Reads every finished line from where the file stands.
pub(super) fn scan(file: &File) -> Result<Scan, BookError> {
    let mut reader = BufReader::new(file);
    let mut scan = Scan { entries: Vec::new(), finished_bytes: 0 };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let line = scan.entries.len() + 1;
        let length = io::Read::take(&mut reader, MAX_LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
        if bytes.last() != Some(&b'\n') {
            return if length < MAX_LINE_BYTES {
                Ok(scan)
            } else {
                Err(BookError::Corrupt { line, cause: "longer than any line".to_owned() })
            };
        }
        let entry = serde_json::from_slice(&bytes).map_err(|error| BookError::Corrupt { line, cause: error.to_string() })?;
        scan.entries.push(entry);
        scan.finished_bytes += length as u64;
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Confirm,
    Cancel,
    Payout,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Booked,
    Declined,
}

/// An entry as it stands in the file: flat, so that a person or a spreadsheet can read it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: Kind,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payee: Option<String>,
    amount: String,
    currency: Currency,
    minor: String,
    idempotency_key: String,
    outcome: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Self {
        let (kind, [payment_key, order_id, payout, payee]) = match entry.subject {
            Subject::Confirm { payment_key, order_id } => (Kind::Confirm, [Some(payment_key), Some(order_id), None, None]),
            Subject::Cancel { payment_key, order_id } => (Kind::Cancel, [Some(payment_key), Some(order_id), None, None]),
            Subject::Payout { payout, payee } => (Kind::Payout, [None, None, Some(payout), Some(payee)]),
        };
        let (outcome, [reference, code, message]) = match entry.outcome {
            Outcome::Booked { reference } => (Verdict::Booked, [Some(reference), None, None]),
            Outcome::Declined { code, message } => (Verdict::Declined, [None, Some(code), Some(message)]),
        };
        let (amount, currency, minor) = (entry.amount.decimal(), entry.amount.currency(), entry.amount.minor().to_string());
        let (at, idempotency_key) = (entry.at, entry.idempotency_key);
        Self { kind, at, payment_key, order_id, payout, payee, amount, currency, minor, idempotency_key, outcome, reference, code, message }
    }
}

impl TryFrom<Line> for Entry {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let subject = match (line.kind, line.payment_key, line.order_id, line.payout, line.payee) {
            (Kind::Confirm, Some(payment_key), Some(order_id), None, None) => Subject::Confirm { payment_key, order_id },
            (Kind::Cancel, Some(payment_key), Some(order_id), None, None) => Subject::Cancel { payment_key, order_id },
            (Kind::Payout, None, None, Some(payout), Some(payee)) => Subject::Payout { payout, payee },
            (Kind::Confirm | Kind::Cancel | Kind::Payout, ..) => return Err("the subject does not go with the kind".to_owned()),
        };
        let outcome = match (line.outcome, line.reference, line.code, line.message) {
            (Verdict::Booked, Some(reference), None, None) => Outcome::Booked { reference },
            (Verdict::Declined, None, Some(code), Some(message)) => Outcome::Declined { code, message },
            (Verdict::Booked | Verdict::Declined, ..) => return Err("the details do not go with the outcome".to_owned()),
        };
        let amount = Money::parse(&line.amount, line.currency).map_err(|error| error.to_string())?;
        // Two spellings of one amount: a slip of either shows.
        if amount.minor().to_string() != line.minor || !amount.is_positive() {
            return Err("amount and minor units differ or are not positive".to_owned());
        }
        Ok(Self { at: line.at, subject, amount, idempotency_key: line.idempotency_key, outcome })
    }
}
