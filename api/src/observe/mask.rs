//! Phone numbers in log lines.

use std::borrow::Cow;

/// Korean mobile numbers with their middle hidden: `010-1234-5678` becomes `010-****-5678`.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("01") && !text.contains("+82") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("01").into_iter().chain(rest.find("+82")).min() {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        // A number inside a longer run of letters or digits is an id or an amount.
        let fresh = !out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.');
        match phone(tail).filter(|_| fresh) {
            Some((length, last)) => {
                out.push_str("010-****-");
                out.push_str(last);
                rest = &tail[length..];
            }
            None => {
                let step = 2.min(tail.len());
                out.push_str(&tail[..step]);
                rest = &tail[step..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Length of the phone number that the text begins with, and its last four digits.
fn phone(text: &str) -> Option<(usize, &str)> {
    let national = text.strip_prefix("+82").map(|rest| rest.trim_start_matches(['-', ' ']));
    let start = text.len() - national.unwrap_or(text).len();
    let body = &text[start..];
    let digits_wanted = match (national.is_some(), body.starts_with("10"), body.starts_with("010")) {
        (true, true, _) => 10,
        (_, _, true) => 11,
        _ => return None,
    };
    let mut digits = 0;
    let mut end = 0;
    for (index, c) in body.char_indices() {
        match c {
            '0'..='9' => {
                digits += 1;
                end = index + 1;
            }
            '-' | ' ' if digits < digits_wanted => {}
            _ => break,
        }
        if digits > digits_wanted {
            return None;
        }
    }
    let last = body.get(end.checked_sub(4)?..end)?;
    (digits == digits_wanted && last.bytes().all(|b| b.is_ascii_digit())).then_some((start + end, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_masked_and_nothing_else() {
        for (text, shown) in [
            ("call 010-1234-5678 now", "call 010-****-5678 now"),
            ("\"01012345678\"", "\"010-****-5678\""),
            ("+82 10-1234-5678.", "010-****-5678."),
            ("+821012345678", "010-****-5678"),
            ("position 0101234567890", "position 0101234567890"),
            ("0193a0a0-0010-7000-8000-000000000000", "0193a0a0-0010-7000-8000-000000000000"),
            ("2026-01-01T01:01:01", "2026-01-01T01:01:01"),
            ("nothing", "nothing"),
            ("01", "01"),
            ("+82", "+82"),
            ("010-12", "010-12"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }
}
