//! Text from outside, as the rules want it: normalised (NFC), trimmed, bounded and of the right alphabet.
//!
//! A validator says only *that* a text does not do; the module that asked gives the refusal its code and field.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};

/// Longest e-mail address, in characters (IAM-01).
pub const MAX_EMAIL_CHARS: usize = 255;
/// Letters and digits that a licence plate may have at most.
pub const MAX_PLATE_CHARS: usize = 20;
/// Longest licence plate as shown, separators included.
const MAX_SHOWN_PLATE_CHARS: usize = 30;
/// Characters that a password may have: a floor against guessing, a ceiling against hashing for an attacker.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// Why a text does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left after trimming.
    #[error("empty")]
    Empty,
    /// More characters than allowed, counted after normalisation.
    #[error("longer than {max} characters")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// A control character, an emoji, or another character that has no place in this text.
    #[error("a character that is not allowed")]
    Forbidden,
    /// The characters are fine, their arrangement is not.
    #[error("malformed")]
    Malformed,
}

/// A single line: make, model, colour, address. No control or invisible character, no emoji or pictograph.
///
/// # Errors
/// [`TextError`] when it is empty, longer than `max_chars`, or holds a forbidden character.
pub fn line(value: &str, max_chars: usize) -> Result<String, TextError> {
    bounded(normalised(value), max_chars, |c| !is_invisible(c) && !is_pictograph(c))
}

/// A person's name: a [`line`] without symbols of any kind.
///
/// # Errors
/// As [`line`].
pub fn name(value: &str, max_chars: usize) -> Result<String, TextError> {
    let symbol = |c: char| c.general_category_group() == GeneralCategoryGroup::Symbol;
    let name = bounded(normalised(value), max_chars, |c| !is_invisible(c) && !is_pictograph(c) && !symbol(c))?;
    if name.chars().any(char::is_alphabetic) { Ok(name) } else { Err(TextError::Malformed) }
}

/// Free text: line breaks (as `\n`), tabs and emoji are welcome, other control characters and direction overrides are not.
///
/// # Errors
/// As [`line`].
pub fn note(value: &str, max_chars: usize) -> Result<String, TextError> {
    let unified = value.replace("\r\n", "\n");
    let text: String = unified.trim().nfc().collect();
    bounded(text, max_chars, |c| matches!(c, '\n' | '\t') || !(c.is_control() || is_unassigned(c) || is_direction_override(c)))
}

/// A licence plate: 1 to 20 letters and digits, spaces and hyphens between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate {
    shown: String,
    claimed: String,
}

impl Plate {
    /// Reads a plate.
    ///
    /// # Errors
    /// [`TextError`] when it holds anything else, nothing at all, or too much.
    pub fn parse(value: &str) -> Result<Self, TextError> {
        let sign = |c: char| {
            matches!(c.general_category_group(), GeneralCategoryGroup::Letter) || c.general_category() == GeneralCategory::DecimalNumber
        };
        let shown = bounded(normalised(value), MAX_SHOWN_PLATE_CHARS, |c| sign(c) || matches!(c, ' ' | '-'))?;
        match shown.chars().filter(|&c| sign(c)).count() {
            0 => Err(TextError::Empty),
            1..=MAX_PLATE_CHARS => {
                // Compatibility forms too: a plate typed in full-width letters is the same plate.
                let claimed = shown.chars().filter(|&c| sign(c)).nfkc().flat_map(char::to_uppercase).collect();
                Ok(Self { shown, claimed })
            }
            _ => Err(TextError::TooLong { max: MAX_PLATE_CHARS }),
        }
    }

    /// As its owner wrote it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The form under which a plate is unique: no separators, upper case.
    #[must_use]
    pub fn claimed(&self) -> &str {
        &self.claimed
    }
}

/// A telephone number: domestic Korean (kept as digits, `01012345678`) or international (kept as E.164, `+821012345678`).
///
/// # Errors
/// [`TextError`] when it is neither.
pub fn phone(value: &str) -> Result<String, TextError> {
    let (international, rest) = match value.trim().strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, value.trim()),
    };
    if rest.is_empty() {
        return Err(TextError::Empty);
    }
    if !rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')')) {
        return Err(TextError::Forbidden);
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let trunk = digits.starts_with('0');
    let fits = if international { !trunk && (7..=15).contains(&digits.len()) } else { trunk && (9..=11).contains(&digits.len()) };
    match (fits && !digits.starts_with("00"), international) {
        (true, true) => Ok(format!("+{digits}")),
        (true, false) => Ok(digits),
        (false, _) => Err(TextError::Malformed),
    }
}

/// The number of a driver's licence: 8 to 20 letters and digits, kept without the hyphens and spaces between them.
///
/// # Errors
/// [`TextError`] when it is anything else.
pub fn licence_number(value: &str) -> Result<String, TextError> {
    let text = bounded(normalised(value), MAX_SHOWN_PLATE_CHARS, |c| c.is_alphanumeric() || matches!(c, ' ' | '-'))?;
    let number: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    if (8..=20).contains(&number.chars().count()) { Ok(number) } else { Err(TextError::Malformed) }
}

/// An e-mail address of sane syntax; whether it exists is proved by mail, not by grammar.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// [`TextError`] when it is empty, too long or no `local@domain.tld`.
    pub fn parse(value: &str) -> Result<Self, TextError> {
        let text = bounded(normalised(value), MAX_EMAIL_CHARS, |c| !c.is_whitespace() && !is_invisible(c) && !is_pictograph(c))?;
        let (local, domain) = text.rsplit_once('@').ok_or(TextError::Malformed)?;
        let atom = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c));
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let sane = local.len() <= 64 && local.split('.').all(atom) && domain.contains('.') && domain.split('.').all(label);
        if sane { Ok(Self(text)) } else { Err(TextError::Malformed) }
    }

    /// As its owner wrote it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0
    }

    /// The form under which an address is unique: case-folded.
    #[must_use]
    pub fn claimed(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(…)")
    }
}

/// NFC, without white space at either end. A control character at an end stays, so that it is refused rather than hidden.
fn normalised(value: &str) -> String {
    value.trim_matches(|c: char| c.is_whitespace() && !c.is_control()).nfc().collect()
}

fn bounded(text: String, max: usize, allowed: impl Fn(char) -> bool) -> Result<String, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    if text.chars().all(allowed) { Ok(text) } else { Err(TextError::Forbidden) }
}

/// Characters that change how a line reads without showing: controls, zero widths, direction marks, line separators.
fn is_invisible(c: char) -> bool {
    let breaks = matches!(c.general_category(), GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator);
    // Blank although they count as letters; used to fake an empty name.
    let filler = matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    breaks || filler || c.is_control() || is_unassigned(c) || c.general_category() == GeneralCategory::Format
}

fn is_unassigned(c: char) -> bool {
    matches!(c.general_category(), GeneralCategory::Unassigned | GeneralCategory::PrivateUse | GeneralCategory::Surrogate)
}

/// Emoji, their building blocks, and the blocks of pictures that are no emoji (chess, cards, dingbats).
fn is_pictograph(c: char) -> bool {
    let part = matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}');
    let block = matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}');
    part || block || (!c.is_ascii() && c.is_emoji_char())
}

/// Embeddings, overrides and isolates: they make a text read other than it is stored.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_normalised_and_counted_in_characters() {
        assert_eq!(line("  현대  ", 50).as_deref(), Ok("현대"), "decomposed syllables are composed");
        assert_eq!(line(&"가".repeat(50), 50).map(|t| t.chars().count()), Ok(50));
        assert_eq!(line(&"가".repeat(51), 50), Err(TextError::TooLong { max: 50 }));
        assert_eq!(line(" \u{3000} ", 50), Err(TextError::Empty));
        assert_eq!(line("㈜한국렌터카 1층 #203 (강남)", 50).as_deref(), Ok("㈜한국렌터카 1층 #203 (강남)"));
    }

    #[test]
    fn a_line_refuses_what_cannot_be_seen_and_what_is_a_picture() {
        for bad in
            ["a\nb", "a\u{7}", "a\n", "a\0b", "a\u{200b}b", "a\u{202e}b", "a\u{2028}b", "🚗", "a👍🏽", "1\u{fe0f}\u{20e3}", "♛", "a\u{e000}"]
        {
            assert_eq!(line(bad, 50), Err(TextError::Forbidden), "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_letters_and_no_symbols() {
        for good in ["김민준", "Jean-Luc O’Brien Jr.", "Nguyễn Thị", "Guest 2", "李小龍"] {
            assert_eq!(name(good, 100).as_deref(), Ok(good));
        }
        for bad in ["", "   ", "123", "Kim🙂", "a+b", "<b>", "₩", "ㅤ", &"a".repeat(300)] {
            assert!(name(bad, 100).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_note_keeps_lines_and_emoji() {
        assert_eq!(note(" 안녕하세요 👍🏽\r\n곧 만나요 ", 100).as_deref(), Ok("안녕하세요 👍🏽\n곧 만나요"));
        for bad in ["a\u{0}b", "a\u{1b}[31m", "a\u{202e}b", "a\rb"] {
            assert_eq!(note(bad, 100), Err(TextError::Forbidden), "{bad:?}");
        }
    }

    #[test]
    fn a_plate_is_claimed_without_its_separators() {
        let claimed = |text: &str| Plate::parse(text).map(|p| p.claimed().to_owned());
        assert_eq!(claimed("12가 3456").as_deref(), Ok("12가3456"));
        assert_eq!(claimed("b-ab 1234").as_deref(), Ok("BAB1234"));
        assert_eq!(claimed("ＢＡＢ１２３４").as_deref(), Ok("BAB1234"));
        assert_eq!(claimed("12가3456").as_deref(), Ok("12가3456"));
        for bad in ["", "--", "12가_3456", "12가🚗", "12가\n3456", &"1".repeat(21)] {
            assert!(Plate::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_phone_is_domestic_or_international() {
        for (text, kept) in [
            ("010-1234-5678", "01012345678"),
            ("02 123 4567", "021234567"),
            ("+82 10-1234-5678", "+821012345678"),
            ("+1 (415) 555-2671", "+14155552671"),
        ] {
            assert_eq!(phone(text).as_deref(), Ok(kept), "{text}");
        }
        for bad in
            ["", "+", "12345678", "0012345678", "010-1234-567890", "+0123456789", "010-ABCD-5678", "０１０12345678", "+1", "0101234🙂678"]
        {
            assert!(phone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_email_is_claimed_case_folded() {
        let claimed = |text: &str| Email::parse(text).map(|e| e.claimed());
        assert_eq!(claimed(" Min.Jun@Example.COM ").as_deref(), Ok("min.jun@example.com"));
        assert_eq!(claimed("민준@예시.한국").as_deref(), Ok("민준@예시.한국"));
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "a",
            "a@b",
            "@example.com",
            "a@",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@-x.com",
            "a@x..com",
            "a@@x.com",
            "a🙂@x.com",
            &long,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }
}
