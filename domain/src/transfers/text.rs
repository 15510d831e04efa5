//! Numbers as text: most of the bytes of a batch, written without the machinery of formatting.

/// 10¹⁹, the largest power of ten in 64 bits.
const CHUNK: u128 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;
/// Digits of 2⁶⁴ − 1.
const MOST_DIGITS: usize = 20;

/// Writes a number.
pub(super) fn number(line: &mut String, number: u128) {
    match u64::try_from(number) {
        Ok(small) => digits(line, small, 1),
        Err(_) => {
            self::number(line, number / CHUNK);
            // A remainder fits.
            digits(line, u64::try_from(number % CHUNK).unwrap_or_default(), CHUNK_DIGITS);
        }
    }
}

/// Writes numbers, a space before each.
pub(super) fn numbers<const N: usize>(line: &mut String, numbers: [u128; N]) {
    for found in numbers {
        line.push(' ');
        number(line, found);
    }
}

/// Writes at least so many digits.
fn digits(line: &mut String, mut rest: u64, least: usize) {
    let (mut digits, mut first) = ([b'0'; MOST_DIGITS], MOST_DIGITS);
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    // Digits are ASCII.
    line.push_str(str::from_utf8(&digits[first.min(MOST_DIGITS - least)..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_the_formatter_writes_them() {
        let edges = [0, 1, 9, 10, u128::from(u64::MAX), CHUNK, CHUNK - 1, CHUNK + 7, CHUNK * CHUNK, u128::MAX];
        let powers = (0..128).flat_map(|n| [1_u128 << n, (1 << n) - 1, (1 << n) / 7 * 10]);
        for found in edges.into_iter().chain(powers) {
            let mut line = String::new();
            number(&mut line, found);
            assert_eq!(line, found.to_string());
        }
        let mut line = String::from("0");
        numbers(&mut line, [7, 0, u128::MAX]);
        assert_eq!(line, format!("0 7 0 {}", u128::MAX));
    }
}
