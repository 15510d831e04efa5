//! What every public code says, in Korean and in English, and its HTTP-like status (domain.md §4).
//!
//! The texts are a table, `catalogue/messages.txt`: code | status | Korean | English. Codes are added, never changed or reused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kernel::Refused;

const TABLE: &str = include_str!("catalogue/messages.txt");

/// The languages that messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Korean, unless the client prefers English.
    #[default]
    Ko,
    /// English.
    En,
}

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// HTTP-like status, for `extensions.status`.
    pub status: u16,
    /// Korean text; `{name}` stands for a parameter.
    pub ko: &'static str,
    /// English text with the same parameters.
    pub en: &'static str,
}

static ENTRIES: LazyLock<BTreeMap<&'static str, Entry>> = LazyLock::new(|| TABLE.lines().filter_map(read).collect());

/// A line of the table; a comment or an empty line is none.
fn read(line: &'static str) -> Option<(&'static str, Entry)> {
    let mut cells = line.split('|').map(str::trim);
    let (code, status, ko, en) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    Some((code, Entry { status: status.parse().ok()?, ko, en }))
}

/// What a code says, if it exists.
#[must_use]
pub fn find(code: &str) -> Option<Entry> {
    ENTRIES.get(code).copied()
}

/// Every code with what it says, in the order of codes.
pub fn all() -> impl Iterator<Item = (&'static str, Entry)> {
    ENTRIES.iter().map(|(code, entry)| (*code, *entry))
}

/// The HTTP-like status of a code; 500 for one that is not in the catalogue.
#[must_use]
pub fn status(code: &str) -> u16 {
    find(code).map_or(500, |entry| entry.status)
}

/// The message of a refusal, its parameters filled in (`?` for a missing one). An unknown code says what SYS001 says.
#[must_use]
pub fn message(refused: &Refused, language: Language) -> String {
    let Some(entry) = find(&refused.code).or_else(|| find("SYS001")) else { return refused.code.clone() };
    let text = match language {
        Language::Ko => entry.ko,
        Language::En => entry.en,
    };
    fill(text, &refused.params)
}

/// One pass, so that a value with braces in it is not taken for a parameter.
fn fill(text: &str, params: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(params.get(name).map_or("?", String::as_str));
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Vec<&str> {
        text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn every_line_of_the_table_is_a_code_with_both_texts() {
        let lines: Vec<_> = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(lines.len(), ENTRIES.len(), "a line is malformed, or a code is used twice");
        for line in lines {
            assert_eq!(line.split('|').count(), 4, "{line}");
        }
        for (code, entry) in all() {
            let (family, number) = code.split_at(code.len() - 3);
            assert!(family.bytes().all(|b| b.is_ascii_uppercase()) && number.bytes().all(|b| b.is_ascii_digit()), "{code}");
            assert!((200..600).contains(&entry.status), "{code}: {}", entry.status);
            let korean = |c: char| ('가'..='힣').contains(&c);
            assert!(entry.ko.chars().any(korean) && entry.ko.ends_with('.'), "{code}: {}", entry.ko);
            assert!(entry.en.is_ascii() && entry.en.ends_with('.'), "{code}: {}", entry.en);
            assert_eq!(parameters(entry.ko), parameters(entry.en), "{code}");
        }
    }

    #[test]
    fn codes_of_a_family_are_numbered_without_gaps() {
        let mut last = ("", 0);
        for (code, _) in all() {
            let (family, number) = code.split_at(code.len() - 3);
            let number = number.parse::<u32>().unwrap_or_default();
            assert_eq!(number, if last.0 == family { last.1 + 1 } else { 1 }, "{code}");
            last = (family, number);
        }
    }

    #[test]
    fn messages_are_filled_once() {
        let limited = Refused::code("SYS002").with("seconds", 30);
        assert_eq!(message(&limited, Language::Ko), "요청이 너무 많습니다. 30초 후 다시 시도해 주세요.");
        assert_eq!(message(&limited, Language::En), "Too many requests. Please try again in 30 seconds.");
        assert_eq!(fill("{a}{b}", &BTreeMap::from([("a".into(), "{b}".into())])), "{b}?");
    }

    #[test]
    fn an_unknown_code_shows_nothing_internal() {
        let unknown = Refused::code("NOPE123");
        assert_eq!(message(&unknown, Language::En), message(&Refused::code("SYS001"), Language::En));
        assert_eq!(status("NOPE123"), 500);
    }
}
