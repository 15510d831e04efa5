//! One line of a batch: a transfer as JSON.

use std::fmt;

use domain::transfers::{Transfer, TransferFlags};
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A JSON number may be as large as every reader of JSON keeps exactly.
const MAX_JSON_NUMBER: u64 = 1 << 53;

/// A transfer as a client writes it; what is left out is zero.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    id: Whole,
    debit_account_id: Whole,
    credit_account_id: Whole,
    amount: Whole,
    pending_id: Whole,
    user_data_128: Whole,
    user_data_64: Small<u64>,
    user_data_32: Small<u32>,
    timeout: Small<u32>,
    ledger: Small<u32>,
    code: Small<u16>,
    flags: Flags,
}

/// The transfer of a line.
///
/// # Errors
/// What is wrong with it, in English, for the developer of the client.
pub fn read(line: &[u8]) -> Result<Transfer, String> {
    // A list of values would be read by their places.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("a line is an object".to_owned());
    }
    serde_json::from_slice::<Line>(line).map(Transfer::from).map_err(|wrong| wrong.to_string())
}

impl From<Line> for Transfer {
    fn from(line: Line) -> Self {
        Self {
            id: line.id.0,
            debit_account_id: line.debit_account_id.0,
            credit_account_id: line.credit_account_id.0,
            amount: line.amount.0,
            pending_id: line.pending_id.0,
            user_data_128: line.user_data_128.0,
            user_data_64: line.user_data_64.0,
            user_data_32: line.user_data_32.0,
            timeout: line.timeout.0,
            ledger: line.ledger.0,
            code: line.code.0,
            flags: line.flags.0,
            timestamp: 0,
        }
    }
}

/// A whole number of up to 128 bits: a string of digits, or a JSON number that is exact everywhere.
#[derive(Debug, Default)]
struct Whole(u128);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 to 2^128 - 1, in a string above 2^53")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u128, E> {
        if number <= MAX_JSON_NUMBER { Ok(number.into()) } else { Err(E::invalid_value(Unexpected::Unsigned(number), &self)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u128, E> {
        let digits = (1..=39).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A number of fewer bits.
#[derive(Debug, Default)]
struct Small<N>(N);

impl<'de, N: TryFrom<u128>> Deserialize<'de> for Small<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Whole::deserialize(deserializer)?.0;
        N::try_from(number).map(Self).map_err(|_| D::Error::custom(format!("{number} is too large for its field")))
    }
}

/// A list of names, or the bits.
#[derive(Debug, Default)]
struct Flags(TransferFlags);

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagsVisitor).map(Self)
    }
}

struct FlagsVisitor;

impl<'de> Visitor<'de> for FlagsVisitor {
    type Value = TransferFlags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of flags by name, or their bits as a number")
    }

    fn visit_u64<E: Error>(self, bits: u64) -> Result<TransferFlags, E> {
        u16::try_from(bits).map(TransferFlags).map_err(|_| E::invalid_value(Unexpected::Unsigned(bits), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<TransferFlags, A::Error> {
        let mut flags = TransferFlags::default();
        while let Some(name) = names.next_element::<String>()? {
            flags = flags.with(TransferFlags::named(&name).ok_or_else(|| A::Error::custom(format!("no flag is called {name:?}")))?);
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn read(text: &str) -> Result<Transfer, String> {
        super::read(text.as_bytes())
    }

    #[test]
    fn a_line_is_a_transfer() {
        let transfer = read(
            r#"{"id":"340282366920938463463374607431768211454","amount":"5","debit_account_id":7,"flags":["linked","pending"],"code":1}"#,
        );
        let expected = Transfer {
            id: u128::MAX - 1,
            amount: 5,
            debit_account_id: 7,
            code: 1,
            flags: TransferFlags::LINKED.with(TransferFlags::PENDING),
            ..Transfer::default()
        };
        assert_eq!(transfer.unwrap(), expected);
        assert_eq!(read(r#"{"flags":3}"#).unwrap().flags, expected.flags);
        assert_eq!(read("{}").unwrap(), Transfer::default());
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        let wrong = [
            r#"{"id":9007199254740994}"#,
            r#"{"id":-1}"#,
            r#"{"id":1.5}"#,
            r#"{"id":"1e3"}"#,
            r#"{"id":""}"#,
            r#"{"id":"340282366920938463463374607431768211456"}"#,
            r#"{"code":65536}"#,
            r#"{"timeout":"4294967296"}"#,
            r#"{"flags":["closed"]}"#,
            r#"{"flags":65536}"#,
            r#"{"timestamp":1}"#,
            r#"{"id":null}"#,
            "[]",
            "",
        ];
        assert_eq!(wrong.iter().filter(|text| read(text).is_ok()).collect::<Vec<_>>(), Vec::<&&str>::new());
    }
}
