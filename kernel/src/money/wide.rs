//! Products of amounts, which 128 bits do not hold: 100 ether times a fee of 15 is 1.5 · 10³⁹ in minor units.

/// `a · b / divisor`, and the remainder; `None` when the quotient leaves 128 bits, or the divisor is zero.
pub(super) fn mul_div(a: u128, b: u128, divisor: u128) -> Option<(u128, u128)> {
    if divisor == 0 {
        return None;
    }
    match a.checked_mul(b) {
        Some(product) => Some((product / divisor, product % divisor)),
        None => divide(multiply(a, b), divisor),
    }
}

/// The upper and the lower half of a product.
const fn multiply(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, middle, cross, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
    let carried = (low >> 64) + (middle & LOW) + (cross & LOW);
    (high + (middle >> 64) + (cross >> 64) + (carried >> 64), carried << 64 | low & LOW)
}

/// Bit by bit, as on paper.
fn divide((high, low): (u128, u128), divisor: u128) -> Option<(u128, u128)> {
    if high >= divisor {
        return None;
    }
    let (mut rest, mut quotient) = (high, 0_u128);
    for bit in (0..u128::BITS).rev() {
        // The bit that is shifted out says that the rest is larger than any divisor.
        let over = rest >> 127 == 1;
        rest = rest << 1 | low >> bit & 1;
        quotient <<= 1;
        if over || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every size.
    fn numbers() -> impl Iterator<Item = u128> {
        let mut state = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
        let mut next = move || {
            state = state.wrapping_mul(0xda94_2042_e4dd_58b5_0000_0000_0000_0001).wrapping_add(0x1405_7b7e_f767_814f);
            state ^ state >> 67
        };
        (0..4_000).map(move |n| next() >> (n * 7 % 128))
    }

    #[test]
    fn a_quotient_and_its_rest_make_up_the_product() {
        let all: Vec<_> = numbers().collect();
        let mut wide = 0;
        for three in all.windows(3) {
            let [a, b, divisor] = [three[0], three[1], three[2].max(1)];
            let Some((quotient, rest)) = mul_div(a, b, divisor) else {
                assert!(multiply(a, b).0 >= divisor, "{a} · {b} / {divisor}");
                continue;
            };
            let (high, low) = multiply(quotient, divisor);
            let (low, carry) = low.overflowing_add(rest);
            assert!(rest < divisor && (high + u128::from(carry), low) == multiply(a, b), "{a} · {b} / {divisor}");
            wide += usize::from(a.checked_mul(b).is_none());
        }
        assert!(wide > 300, "only {wide} products were wide");
        assert_eq!(mul_div(1, 1, 0), None);
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), Some((u128::MAX, 0)));
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX - 1), None);
    }
}
