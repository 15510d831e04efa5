//! The answers of a batch, one for each of its items, and what they say in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalogue::Language;

const TABLE: &str = include_str!("messages.txt");

static MESSAGES: LazyLock<BTreeMap<&'static str, [&'static str; 2]>> = LazyLock::new(|| TABLE.lines().filter_map(read).collect());

/// A line of the table; a comment or an empty line is none.
fn read(line: &'static str) -> Option<(&'static str, [&'static str; 2])> {
    if line.starts_with('#') {
        return None;
    }
    let mut cells = line.split('|').map(str::trim);
    Some((cells.next()?, [cells.next()?, cells.next()?]))
}

/// The result of one item, of whatever kind.
pub trait Outcome: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// It was created.
    const CREATED: Self;
    /// It is the last of its batch, and linked to the next.
    const CHAIN_OPEN: Self;
    /// Another one of its chain was refused.
    const CHAIN_FAILED: Self;

    /// Its public name, for example `exceeds_credits`.
    fn name(self) -> &'static str;

    /// The result of that name.
    fn named(name: &str) -> Option<Self>;

    /// What it says to a person.
    fn message(self, language: Language) -> &'static str {
        let texts = MESSAGES.get(self.name()).copied().unwrap_or_default();
        match language {
            Language::Ko => texts[0],
            Language::En => texts[1],
        }
    }
}

/// The answer to one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<O> {
    /// What became of it.
    pub outcome: O,
    /// When it was created, now or before, in nanoseconds since 1970; 0 when it does not exist.
    pub timestamp: u64,
}

/// The answers to a batch, in the order of its items. Kept in a receipt, where runs of created items take one word:
/// `created@1793577600000000000*8000 exists@17…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers<O>(pub Vec<Answer<O>>);

impl<O: Outcome> Serialize for Answers<O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        let follows = |one: &Answer<O>, next: &Answer<O>| {
            one.outcome == next.outcome && (next.timestamp == one.timestamp && one.timestamp == 0 || next.timestamp == one.timestamp + 1)
        };
        for run in self.0.chunk_by(follows) {
            let Answer { outcome, timestamp } = run[0];
            let at = if timestamp == 0 { String::new() } else { format!("@{timestamp}") };
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{at}*{} ", outcome.name(), run.len());
        }
        serializer.serialize_str(text.trim_end())
    }
}

impl<'de, O: Outcome> Deserialize<'de> for Answers<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut answers = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let run = word.split_once('*').and_then(|(what, count)| {
                let (name, timestamp) = what.split_once('@').map_or(Some((what, 0)), |(name, at)| Some((name, at.parse().ok()?)))?;
                Some((O::named(name)?, timestamp, count.parse::<u32>().ok()?))
            });
            let (outcome, first, count) = run.ok_or_else(|| D::Error::custom(format!("no run of answers: {word:?}")))?;
            let timestamp = |n: u32| if first == 0 { 0 } else { first + u64::from(n) };
            answers.extend((0..count).map(|n| Answer { outcome, timestamp: timestamp(n) }));
        }
        Ok(Self(answers))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::super::{AccountOutcome, TransferOutcome};
    use super::*;

    #[test]
    fn every_result_has_its_texts_and_every_text_a_result() {
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(lines, MESSAGES.len(), "a line is malformed, or a code is there twice");
        let names = TransferOutcome::ALL.map(Outcome::name).into_iter().chain(AccountOutcome::ALL.map(Outcome::name));
        for name in names.clone() {
            let [korean, english] = MESSAGES.get(name).unwrap_or_else(|| panic!("{name} has no texts"));
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)) && korean.ends_with('.'), "{korean}");
            assert!(english.is_ascii() && english.ends_with('.'), "{english}");
        }
        assert!(MESSAGES.keys().all(|code| names.clone().any(|name| name == *code)));
    }

    #[test]
    fn answers_survive_their_receipt() {
        let answer = |outcome, timestamp| Answer { outcome, timestamp };
        let created = (100..8_000).map(|n| answer(TransferOutcome::Created, n));
        let refused = [answer(TransferOutcome::ExceedsCredits, 0), answer(TransferOutcome::ExceedsCredits, 0)];
        let rest = [answer(TransferOutcome::Exists, 7), answer(TransferOutcome::Created, 8_003)];
        let answers = Answers(created.chain(refused).chain(rest).collect());
        let json = serde_json::to_string(&answers).unwrap();
        assert_eq!(json, r#""created@100*7900 exceeds_credits*2 exists@7*1 created@8003*1""#);
        assert_eq!(serde_json::from_str::<Answers<TransferOutcome>>(&json).unwrap(), answers);
        let none = Answers::<AccountOutcome>(Vec::new());
        assert_eq!(serde_json::from_str::<Answers<AccountOutcome>>(&serde_json::to_string(&none).unwrap()).unwrap(), none);
        assert!(serde_json::from_str::<Answers<AccountOutcome>>(r#""nonsense*1""#).is_err());
    }
}
