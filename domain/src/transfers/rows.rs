//! Rows of an event: one line of text each, so that a batch of thousands is small and can still be read (docs/transfers.md).
//!
//! `0 1001 1 2 500 700 10 0` is the first item of its batch: transfer 1001 debits account 1 and credits account 2 by 500 in ledger
//! 700 with code 10 and no flags. What is not zero follows by name.

use std::fmt::Write as _;
use std::str::{FromStr, SplitAsciiWhitespace};
use std::sync::{Arc, OnceLock};

use serde::de::Error as _;
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::flags::{AccountFlags, TransferFlags};
use super::record::{Account, After, Counters, Expiry, Movement, Resolved, Transfer};
use super::text::{number, numbers};

/// Bytes of an ordinary line.
const LINE: usize = 64;

/// What a row is of.
pub trait Row: Sized + PartialEq + Send + Sync {
    /// Its id, and that of the pending transfer that it resolves: by what it is found. The same one twice where there is only one.
    fn ids(&self) -> [u128; 2];

    /// When it was recorded, in nanoseconds since 1970.
    fn timestamp(&self) -> u64;

    /// The accounts that it touches; the same one twice where it is only one.
    fn accounts(&self) -> [u128; 2];

    /// Writes what follows the timestamp.
    fn write(&self, line: &mut String);

    /// Reads what follows the timestamp; `None` when it is no such row.
    fn read(words: &mut Words<'_>, timestamp: u64) -> Option<Self>;
}

/// The words of a line.
pub struct Words<'l>(SplitAsciiWhitespace<'l>);

impl<'l> Words<'l> {
    fn next<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    fn named(&mut self) -> Option<(&'l str, &'l str)> {
        self.0.next().map(|word| word.split_once('=').unwrap_or((word, "")))
    }
}

/// The rows of one event, in the order of their timestamps. Cheap to clone.
#[derive(Debug)]
pub struct Rows<T>(Arc<Table<T>>);

#[derive(Debug)]
struct Table<T> {
    list: Vec<T>,
    /// (id, place), sorted; made when somebody first looks for one.
    by_id: OnceLock<Vec<(u128, usize)>>,
    /// (account, place), sorted; made when somebody first looks for one.
    by_account: OnceLock<Vec<(u128, usize)>>,
}

impl<T: Row> Rows<T> {
    /// Rows in the order of their timestamps.
    #[must_use]
    pub fn new(list: Vec<T>) -> Self {
        Self(Arc::new(Table { list, by_id: OnceLock::new(), by_account: OnceLock::new() }))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.list.iter()
    }

    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0.list
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.list.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.list.is_empty()
    }

    /// The rows of an id, in order: the one that bears it, and the one that resolves the transfer of that id.
    pub fn of_id(&self, id: u128) -> impl Iterator<Item = &T> {
        self.places(self.by_id(), id)
    }

    /// The rows that touch an account, in order.
    pub fn of_account(&self, account: u128) -> impl Iterator<Item = &T> {
        self.places(self.by_account(), account)
    }

    /// The ids that rows are of, each once.
    pub fn ids(&self) -> impl Iterator<Item = u128> {
        self.by_id().chunk_by(|one, next| one.0 == next.0).map(|same| same[0].0)
    }

    /// The accounts touched, each once.
    pub fn accounts(&self) -> impl Iterator<Item = u128> {
        self.by_account().chunk_by(|one, next| one.0 == next.0).map(|same| same[0].0)
    }

    fn by_id(&self) -> &[(u128, usize)] {
        self.0.by_id.get_or_init(|| self.sorted(T::ids))
    }

    fn by_account(&self) -> &[(u128, usize)] {
        self.0.by_account.get_or_init(|| self.sorted(T::accounts))
    }

    /// Places by key, each once.
    fn sorted(&self, keys: fn(&T) -> [u128; 2]) -> Vec<(u128, usize)> {
        let mut index: Vec<_> = self.iter().enumerate().flat_map(|(place, row)| keys(row).map(|key| (key, place))).collect();
        index.sort_unstable();
        index.dedup();
        index
    }

    fn places<'r>(&'r self, index: &'r [(u128, usize)], key: u128) -> impl Iterator<Item = &'r T> {
        let from = index.partition_point(|(found, _)| *found < key);
        index[from..].iter().take_while(move |(found, _)| *found == key).map(|(_, place)| &self.0.list[*place])
    }
}

impl<T> Clone for Rows<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Rows<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.list == other.0.list
    }
}

impl<T: Row> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let from = self.0.list.first().map_or(0, |row| row.timestamp());
        let mut rows = serializer.serialize_struct("Rows", 2)?;
        rows.serialize_field("from", &from)?;
        rows.serialize_field("rows", &Lines { rows: &self.0.list, from })?;
        rows.end()
    }
}

/// Rows as lines whose timestamps count from another.
struct Lines<'r, T> {
    rows: &'r [T],
    from: u64,
}

impl<T: Row> Serialize for Lines<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut lines, mut line) = (serializer.serialize_seq(Some(self.rows.len()))?, String::new());
        for row in self.rows {
            line.clear();
            number(&mut line, row.timestamp().saturating_sub(self.from).into());
            row.write(&mut line);
            lines.serialize_element(&line)?;
        }
        lines.end()
    }
}

#[derive(Deserialize)]
struct Stored {
    from: u64,
    rows: Vec<String>,
}

impl<'de, T: Row> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { from, rows } = Stored::deserialize(deserializer)?;
        let row = |line: &String| parse(line, from).ok_or_else(|| D::Error::custom(format!("no row: {line:?}")));
        Ok(Self::new(rows.iter().map(row).collect::<Result<_, _>>()?))
    }
}

/// A row of a line whose timestamp counts from another.
pub(super) fn parse<T: Row>(line: &str, from: u64) -> Option<T> {
    let mut words = Words(line.split_ascii_whitespace());
    let timestamp = words.next::<u64>()?.checked_add(from)?;
    T::read(&mut words, timestamp)
}

/// A row as a line of its own, with its whole timestamp.
pub(super) fn line(row: &impl Row) -> String {
    let mut line = row.timestamp().to_string();
    row.write(&mut line);
    line
}

/// What is not zero, by name. Writing to a string cannot fail.
fn named(line: &mut String, values: &[(&str, u128)]) {
    for (name, value) in values.iter().filter(|(_, value)| *value != 0) {
        let _ = write!(line, " {name}={value}");
    }
}

fn write_after(line: &mut String, after: Option<&After>) {
    let sides = after.map_or([("debit", None), ("credit", None)], |after| [("debit", after.debit), ("credit", after.credit)]);
    for (name, counters) in sides {
        if let Some(Counters { debits_pending, debits_posted, credits_pending, credits_posted }) = counters {
            let _ = write!(line, " {name}={debits_pending},{debits_posted},{credits_pending},{credits_posted}");
        }
    }
}

fn read_counters(text: &str) -> Option<Counters> {
    let mut numbers = text.split(',').map(|number| number.parse().ok());
    let mut next = || numbers.next()?;
    let counters = Counters { debits_pending: next()?, debits_posted: next()?, credits_pending: next()?, credits_posted: next()? };
    numbers.next().is_none().then_some(counters)
}

impl Row for Account {
    fn ids(&self) -> [u128; 2] {
        [self.id; 2]
    }

    fn timestamp(&self) -> u64 {
        self.timestamp
    }

    fn accounts(&self) -> [u128; 2] {
        [self.id; 2]
    }

    fn write(&self, line: &mut String) {
        let Self { id, user_data_128, user_data_64, user_data_32, ledger, code, flags, .. } = *self;
        numbers(line, [id, ledger.into(), code.into(), flags.0.into()]);
        named(line, &[("user_data_128", user_data_128), ("user_data_64", user_data_64.into()), ("user_data_32", user_data_32.into())]);
    }

    fn read(words: &mut Words<'_>, timestamp: u64) -> Option<Self> {
        let (id, ledger, code, flags) = (words.next()?, words.next()?, words.next()?, AccountFlags(words.next()?));
        let mut account = Self { id, ledger, code, flags, timestamp, ..Self::default() };
        while let Some((name, value)) = words.named() {
            match name {
                "user_data_128" => account.user_data_128 = value.parse().ok()?,
                "user_data_64" => account.user_data_64 = value.parse().ok()?,
                "user_data_32" => account.user_data_32 = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(account)
    }
}

impl Row for Movement {
    fn ids(&self) -> [u128; 2] {
        let Transfer { id, pending_id, .. } = self.transfer;
        [id, if self.resolves.is_some() { pending_id } else { id }]
    }

    fn timestamp(&self) -> u64 {
        self.transfer.timestamp
    }

    fn accounts(&self) -> [u128; 2] {
        [self.transfer.debit_account_id, self.transfer.credit_account_id]
    }

    fn write(&self, line: &mut String) {
        self.transfer.write(line);
        if let Some(Resolved { amount, flags }) = self.resolves {
            let _ = write!(line, " of={amount},{}", flags.0);
        }
        write_after(line, self.after.as_deref());
    }

    fn read(words: &mut Words<'_>, timestamp: u64) -> Option<Self> {
        let (id, debit_account_id, credit_account_id, amount) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let (ledger, code, flags) = (words.next()?, words.next()?, TransferFlags(words.next()?));
        let transfer = Transfer { id, debit_account_id, credit_account_id, amount, ledger, code, flags, timestamp, ..Transfer::default() };
        let mut movement = Self { transfer, resolves: None, after: None };
        while let Some((name, value)) = words.named() {
            movement.read_named(name, value)?;
        }
        Some(movement)
    }
}

impl Movement {
    fn read_named(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "pending_id" => self.transfer.pending_id = value.parse().ok()?,
            "timeout" => self.transfer.timeout = value.parse().ok()?,
            "user_data_128" => self.transfer.user_data_128 = value.parse().ok()?,
            "user_data_64" => self.transfer.user_data_64 = value.parse().ok()?,
            "user_data_32" => self.transfer.user_data_32 = value.parse().ok()?,
            "of" => {
                let (amount, flags) = value.split_once(',')?;
                self.resolves = Some(Resolved { amount: amount.parse().ok()?, flags: TransferFlags(flags.parse().ok()?) });
            }
            "debit" => self.after.get_or_insert_default().debit = Some(read_counters(value)?),
            "credit" => self.after.get_or_insert_default().credit = Some(read_counters(value)?),
            _ => return None,
        }
        Some(())
    }
}

impl Transfer {
    fn write(&self, line: &mut String) {
        let Self { id, debit_account_id, credit_account_id, amount, ledger, code, flags, .. } = *self;
        numbers(line, [id, debit_account_id, credit_account_id, amount, ledger.into(), code.into(), flags.0.into()]);
        let data = [("user_data_128", self.user_data_128), ("user_data_64", self.user_data_64.into())];
        named(line, &[("pending_id", self.pending_id), ("timeout", self.timeout.into())]);
        named(line, &data);
        named(line, &[("user_data_32", self.user_data_32.into())]);
    }
}

impl Row for Expiry {
    fn ids(&self) -> [u128; 2] {
        [self.id; 2]
    }

    fn timestamp(&self) -> u64 {
        self.timestamp
    }

    fn accounts(&self) -> [u128; 2] {
        [self.debit_account_id, self.credit_account_id]
    }

    fn write(&self, line: &mut String) {
        let Self { id, debit_account_id, credit_account_id, amount, ledger, flags, .. } = *self;
        numbers(line, [id, debit_account_id, credit_account_id, amount, ledger.into(), flags.0.into()]);
        write_after(line, self.after.as_deref());
    }

    fn read(words: &mut Words<'_>, timestamp: u64) -> Option<Self> {
        let (id, debit_account_id, credit_account_id, amount) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let (ledger, flags) = (words.next()?, TransferFlags(words.next()?));
        let mut after = None::<Box<After>>;
        while let Some((name, value)) = words.named() {
            let after = after.get_or_insert_default();
            let side = match name {
                "debit" => &mut after.debit,
                "credit" => &mut after.credit,
                _ => return None,
            };
            *side = Some(read_counters(value)?);
        }
        Some(Self { id, debit_account_id, credit_account_id, amount, ledger, flags, timestamp, after })
    }
}

/// What is asked for, as text: what tells one request from another.
impl Serialize for Transfer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = String::with_capacity(LINE);
        self.write(&mut line);
        serializer.serialize_str(&line)
    }
}

/// What is asked for, as text.
impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&line(self))
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text, 0).ok_or_else(|| D::Error::custom("no account"))
    }
}

impl Serialize for Movement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&line(self))
    }
}

impl<'de> Deserialize<'de> for Movement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text, 0).ok_or_else(|| D::Error::custom("no transfer"))
    }
}
