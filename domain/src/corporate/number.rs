//! Korean business registration numbers: nine digits and one that checks them.

/// A registration number whose check digit is right, as its ten digits.
#[derive(Clone, PartialEq, Eq)]
pub struct BusinessNumber(String);

/// The text is no registration number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a business registration number")]
pub struct NotABusinessNumber;

/// What the first nine digits are multiplied by.
const WEIGHTS: [u32; 9] = [1, 3, 7, 1, 3, 7, 1, 3, 5];

impl BusinessNumber {
    /// Reads `123-45-67890`, with or without the hyphens.
    ///
    /// # Errors
    /// [`NotABusinessNumber`] when it has not ten digits, or the last one does not check the others.
    pub fn parse(value: &str) -> Result<Self, NotABusinessNumber> {
        let trimmed = value.trim();
        if !trimmed.chars().all(|c| c.is_ascii_digit() || c == '-') {
            return Err(NotABusinessNumber);
        }
        let text: String = trimmed.chars().filter(char::is_ascii_digit).collect();
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
        let [.., ninth, check] = digits.as_slice() else { return Err(NotABusinessNumber) };
        let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum::<u32>() + 5 * ninth / 10;
        let right = digits.len() == 10 && (10 - sum % 10) % 10 == *check;
        // Nobody has the number zero, although its check digit is right.
        if right && digits.iter().any(|digit| *digit != 0) { Ok(Self(text)) } else { Err(NotABusinessNumber) }
    }

    /// The ten digits: the form under which a number is unique.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for BusinessNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BusinessNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digit_checks_the_others() {
        // Published numbers of large companies.
        for good in ["124-81-00998", "1208147521", "220-81-62517"] {
            assert!(BusinessNumber::parse(good).is_ok(), "{good}");
        }
        assert_eq!(BusinessNumber::parse(" 124-81-00998 ").as_ref().map(BusinessNumber::digits), Ok("1248100998"));
        for bad in ["", "124-81-00999", "124-81-0099", "124-81-009988", "124 81 00998", "０124810099", "0000000000", "abc"] {
            assert!(BusinessNumber::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mistyped_digit_is_noticed() {
        let right = "1248100998";
        let noticed = (0..10).flat_map(|at| (0..10u8).map(move |digit| (at, char::from(b'0' + digit)))).filter(|&(at, digit)| {
            let mut typed: Vec<char> = right.chars().collect();
            typed[at] = digit;
            BusinessNumber::parse(&typed.into_iter().collect::<String>()).is_err()
        });
        // Only the ninth digit's tenth can hide a mistake.
        assert!(noticed.count() >= 85);
    }
}
