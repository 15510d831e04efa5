//! L1 to L4 for random amounts, fees and sequences of refunds, in every asset there is (exponents 0 to 18): nothing is created or lost.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use kernel::{Actor, At, Decider, Fact, Side};

use super::super::split::{fee_kept, vat_in};
use super::*;
use crate::ledger::{FEE_REVENUE, PSP_CLEARING, REFUND_PAYABLE, VAT_PAYABLE, escrow, host_payable};

/// Sequences in each asset.
const SEQUENCES: u64 = 300;
/// The largest amount of money: 28 digits.
const MOST: u128 = kernel::money::MAX_MINOR.unsigned_abs();

/// A reproducible sequence of numbers.
struct Dice(u128);

impl Dice {
    fn number(&mut self) -> u128 {
        self.0 = self.0.wrapping_mul(0xda94_2042_e4dd_58b5_0000_0000_0000_0001).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 ^ self.0 >> 67
    }

    fn below(&mut self, end: u128) -> u128 {
        self.number() % end.max(1)
    }

    /// From 1 to a number, as often small as large.
    fn up_to(&mut self, most: i128) -> i128 {
        let most = most.unsigned_abs().max(1);
        let shift = self.below(u128::from(u128::BITS - most.leading_zeros()));
        i128::try_from(1 + self.below((most >> shift).max(1))).unwrap()
    }
}

/// A payment with its books, kept from the entries of its events alone.
struct Books {
    payment: Payment,
    accounts: BTreeMap<String, i128>,
    refunds: u128,
}

impl Books {
    fn run(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        let events = self.payment.decide(At { now: at(5), actor: Actor::Anonymous, command })?;
        for event in &events {
            for posting in event.entry().unwrap().iter().flat_map(kernel::JournalEntry::postings) {
                assert!(posting.amount.minor() >= 0, "{event:?}");
                let signed = if posting.side == Side::Debit { posting.amount.minor() } else { -posting.amount.minor() };
                *self.accounts.entry(posting.account.clone()).or_default() += signed;
            }
            self.payment = std::mem::take(&mut self.payment).evolve(event);
        }
        assert_eq!(self.accounts.values().sum::<i128>(), 0, "L1 after {events:?}");
        Ok(events)
    }

    /// What stands on the credit side of an account.
    fn owed(&self, account: &str) -> i128 {
        -self.accounts.get(account).copied().unwrap_or_default()
    }

    /// A refund of so much, sometimes completed at once.
    fn refund(&mut self, amount: Money, complete: bool) -> Money {
        self.refunds += 1;
        let refund = RefundId::new(Uuid::from_u128(self.refunds));
        let cause = RefundCause::Goodwill;
        let asked = Command::RequestRefund { refund, amount: Some(amount), cause, reason: None, by: None, limit: None };
        let events = self.run(asked).unwrap();
        let [Event::RefundRequested { fee_share, vat_share, .. }] = events[..] else { panic!("{events:?}") };
        assert!((0..=amount.minor()).contains(&fee_share.minor()), "{fee_share} of {amount}");
        assert!((0..=fee_share.minor()).contains(&vat_share.minor()), "{vat_share} of {fee_share}");
        if complete {
            self.run(Command::CompleteRefund { refund, reference: "r".into() }).unwrap();
        }
        fee_share
    }
}

fn captured(amount: Money, fee: Money) -> Books {
    let mut books = Books { payment: Payment::default(), accounts: BTreeMap::new(), refunds: 0 };
    let order = Order { purpose: BOOKING, payer: PAYER, host: HOST, order_id: ORDER_ID.to_owned(), amount, fee, due_at: at(120) };
    books.run(Command::Request(Box::new(order))).unwrap();
    books.run(confirm(|(_, _, asked)| *asked = amount)).unwrap();
    books.run(capture(None)).unwrap();
    assert_eq!((books.owed(&escrow(BOOKING)), books.owed(PSP_CLEARING)), (amount.minor(), -amount.minor()));
    books
}

/// One payment from its capture to its end; says whether a product left 128 bits on the way.
fn play(dice: &mut Dice, currency: Currency) -> bool {
    let money = |minor| Money::new(minor, currency);
    let amount = money(dice.up_to(i128::try_from(MOST).unwrap()));
    let fee = match dice.below(3) {
        0 => money(dice.up_to(amount.minor()).min(amount.minor())),
        1 => money(0),
        _ => amount.basis_points(u32::try_from(dice.below(10_001)).unwrap()).unwrap(),
    };
    let mut books = captured(amount, fee);
    let (mut refunded, mut shares, mut released) = (money(0), money(0), false);
    let release_at = dice.below(6);
    for step in 0..5 {
        if step == release_at && refunded < amount {
            books.run(Command::ReleaseEscrow).unwrap();
            released = true;
        }
        let left = amount.minus(refunded).unwrap();
        let part = if dice.below(8) == 0 { left } else { money(dice.up_to(left.minor()).min(left.minor())) };
        if left.is_zero() {
            let more = Command::RequestRefund {
                refund: RefundId::new(Uuid::from_u128(99)),
                amount: Some(money(1)),
                cause: RefundCause::Goodwill,
                reason: None,
                by: None,
                limit: None,
            };
            assert_eq!(books.run(more), Err(Refusal::ExceedsPaid), "L3");
            continue;
        }
        let share = books.refund(part, dice.below(2) == 0);
        (refunded, shares) = (refunded.plus(part).unwrap(), shares.plus(share).unwrap());
        let kept = fee_kept(amount, fee, refunded).unwrap();
        assert_eq!(shares.plus(kept), Ok(fee), "L2: {refunded} of {amount} with a fee of {fee}");
    }
    books.run(Command::ReleaseEscrow).unwrap();
    let over = released || refunded < amount;
    let kept = fee_kept(amount, fee, refunded).unwrap();
    let (net, vat) = (amount.minus(refunded).unwrap().minus(kept).unwrap(), vat_in(kept).unwrap());
    assert_eq!(books.owed(&escrow(BOOKING)), 0, "L4");
    assert_eq!(books.owed(&host_payable(HOST)), net.minor(), "{amount}, {fee}, {refunded}, {over}");
    assert_eq!((books.owed(VAT_PAYABLE), books.owed(FEE_REVENUE)), (vat.minor(), kept.minor() - vat.minor()));
    assert!(books.owed(REFUND_PAYABLE) >= 0 && net.minor() >= 0 && refunded <= amount, "L3");
    fee.minor().unsigned_abs().checked_mul(refunded.minor().unsigned_abs()).is_none_or(|product| product > u128::MAX / 2)
}

#[test]
fn nothing_is_created_or_lost_in_any_asset() {
    let mut dice = Dice(0x00DA_1B00_u128);
    let exponents: Vec<_> = Currency::ALL.iter().map(|currency| currency.exponent()).collect();
    assert!(exponents.contains(&0) && exponents.contains(&18), "{exponents:?}");
    for currency in Currency::ALL {
        let wide = (0..SEQUENCES).filter(|_| play(&mut dice, currency)).count();
        assert!(wide >= 10, "only {wide} products of {currency} were wide");
    }
}
