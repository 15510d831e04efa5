//! L2 by tables: what a refund takes from host, platform and tax office.

use super::super::split::{fee_kept, refund_shares, vat_in};
use super::won;

#[test]
fn what_of_a_fee_is_kept() {
    // amount, fee, refunded: kept = fee − round half up(fee · refunded / amount)
    for (amount, fee, refunded, kept) in [
        (10_007, 1_501, 0, 1_501),
        (10_007, 1_501, 10_007, 0),
        (10_007, 1_501, 1, 1_501),
        (10_007, 1_501, 3, 1_501),
        (10_007, 1_501, 4, 1_500),
        (100, 15, 3, 15),
        (100, 15, 4, 14),
        (2, 1, 1, 0),
        (1, 0, 1, 0),
        (0, 0, 0, 0),
        (1_000, 150, 333, 100),
        (1_000, 150, 666, 50),
    ] {
        assert_eq!(fee_kept(won(amount), won(fee), won(refunded)), Ok(won(kept)), "{fee} of {amount} less {refunded}");
    }
}

#[test]
fn the_tax_in_a_fee() {
    // fee − round half up(fee / 1.1)
    for (fee, vat) in [(0, 0), (1, 0), (5, 0), (6, 1), (10, 1), (11, 1), (110, 10), (1_501, 136), (1_500, 136), (4_500, 409), (100, 9)] {
        assert_eq!(vat_in(won(fee)), Ok(won(vat)), "{fee}");
    }
}

#[test]
fn parts_of_a_refund_add_up_exactly() {
    for (amount, fee) in [(10_007, 1_501), (100, 15), (7, 1), (3, 3), (999, 0), (1_000_003, 150_000)] {
        let vat = vat_in(won(fee)).map(kernel::Money::minor);
        for parts in [vec![1, 1, 1, 1, 1, 1], vec![amount / 3, amount / 3], vec![amount / 2], vec![amount - 1], vec![]] {
            let (mut before, mut fees, mut taxes) = (0, 0, 0);
            let rest = amount - parts.iter().sum::<i128>();
            for part in parts.into_iter().chain([rest]) {
                if part <= 0 || before + part > amount {
                    continue;
                }
                let (fee_share, vat_share) = refund_shares(won(amount), won(fee), won(before), won(part)).unwrap_or_else(|e| panic!("{e}"));
                assert!((0..=part).contains(&fee_share.minor()), "{part} of {amount}");
                assert!((0..=fee_share.minor()).contains(&vat_share.minor()), "{part} of {amount}");
                (before, fees, taxes) = (before + part, fees + fee_share.minor(), taxes + vat_share.minor());
                assert_eq!(fee_kept(won(amount), won(fee), won(before)).map(kernel::Money::minor), Ok(fee - fees));
            }
            if before == amount {
                assert_eq!((fees, Ok(taxes)), (fee, vat), "{amount}");
            }
        }
    }
}
