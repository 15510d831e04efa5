#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kernel::{Actor, Currency};
use uuid::Uuid;

use super::lines::Fees;
use super::number::{self, FeeNumbers};
use super::*;
use crate::ids::{BookingId, PaymentId, RefundId};
use crate::payable::{self, Earning};
use crate::payment::split;
use crate::testing::{given, moment};

const HOST: UserId = UserId::new(Uuid::from_u128(1));

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn month() -> Month {
    "2026-10".parse().unwrap()
}

fn credited(fee: i128, gross: i128) -> payable::Event {
    let (payment, purpose) = (PaymentId::new(Uuid::from_u128(7)), BookingId::new(Uuid::from_u128(8)).into());
    let earned_at = moment("2026-10-20T00:00:00Z");
    payable::Event::EarningCredited {
        earning: Earning { payment, purpose, gross: won(gross), fee: won(fee), net: won(gross - fee), earned_at },
    }
}

fn reversed(gross: i128, fee: i128) -> payable::Event {
    let (payment, refund) = (PaymentId::new(Uuid::from_u128(7)), RefundId::new(Uuid::from_u128(9)));
    payable::Event::EarningReversed { payment, refund, amount: won(gross - fee), gross: won(gross) }
}

fn draft(lines: Vec<FeeLine>) -> Command {
    let recipient = Recipient { registration_number: None, name: None };
    let number = "2026-10-000001".to_owned();
    let (supplier, zero) = (Supplier::default(), won(0));
    Command::Issue(Box::new(Draft { host: HOST, month: month(), number, supplier, recipient, lines, through: 3, zero }))
}

fn line(fees: &mut Fees, event: &payable::Event) -> FeeLine {
    fees.line(event, moment("2026-10-21T00:00:00Z")).unwrap().unwrap()
}

#[test]
fn an_invoice_says_what_was_earned_with_and_without_vat() {
    let mut fees = Fees::default();
    let lines = vec![line(&mut fees, &credited(6_000, 40_000)), line(&mut fees, &reversed(20_000, 3_000))];
    let now = moment("2026-11-04T15:00:00Z");
    let events = FeeBook::default().decide(At { now, actor: Actor::Anonymous, command: draft(lines.clone()) }).unwrap();
    let [Event::FeeInvoiceIssued { supply, vat, total, written_on: day, lines: count, .. }, Event::FeeInvoiceLinesRecorded { .. }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    // 6,000 hold 545 of VAT; what is kept, 3,000, holds 273.
    assert_eq!((supply.minor(), vat.minor(), total.minor(), *count), (2_727, 273, 3_000, 2));
    assert_eq!((day.to_string(), due_on(month()).to_string()), ("2026-10-31".to_owned(), "2026-11-10".to_owned()));
    assert_eq!(issued_from(month()), now);
    given::<FeeBook>(events).at(now).when(draft(lines)).then([]);
}

#[test]
fn a_month_that_is_not_over_and_one_without_fees_have_none() {
    let some = vec![line(&mut Fees::default(), &credited(1, 7))];
    given::<FeeBook>([]).at(moment("2026-10-31T14:59:59Z")).when(draft(some)).refused("LEDGER003", "month");
    given::<FeeBook>([]).at(moment("2026-11-05T00:00:00Z")).when(draft(Vec::new())).then([]);
    assert_eq!(Fees::default().line(&credited(0, 7), moment("2026-10-20T00:00:00Z")), Ok(None));
}

#[test]
fn numbers_have_no_gaps() {
    let invoice = id_of(HOST, month());
    let first = number::Event::FeeInvoiceNumbered { invoice, number: 1 };
    given::<FeeNumbers>([]).when(number::Command::Next(invoice)).then([first.clone()]);
    assert_eq!(FeeNumbers::default().evolve(&first).text(month()), "2026-10-000001");
    given::<FeeNumbers>([first]).when(number::Command::Next(invoice)).then([number::Event::FeeInvoiceNumbered { invoice, number: 2 }]);
}

/// Whatever is given back in whichever steps, the lines add up to the fee that is kept and to the VAT in it.
#[test]
fn lines_add_up_to_what_is_kept() {
    for (amount, fee) in [(10_007, 1_501), (100, 15), (7, 1), (3, 3), (999, 0), (1_000_003, 150_000)] {
        for parts in [vec![], vec![1, 1, 1], vec![amount / 3, amount / 3], vec![amount / 2], vec![amount - 1], vec![amount]] {
            let (amount, fee, mut refunded, mut fees) = (won(amount), won(fee), won(0), Fees::default());
            let at = moment("2026-10-20T00:00:00Z");
            let mut lines: Vec<FeeLine> = fees.line(&credited(fee.minor(), amount.minor()), at).unwrap().into_iter().collect();
            for part in parts {
                let (share, _) = split::refund_shares(amount, fee, refunded, won(part)).unwrap();
                refunded = refunded.plus(won(part)).unwrap();
                lines.extend(fees.line(&reversed(part, share.minor()), at).unwrap());
            }
            let kept = split::fee_kept(amount, fee, refunded).unwrap();
            let sum = |of: fn(&FeeLine) -> Money| lines.iter().map(|line| of(line).minor()).sum::<i128>();
            assert_eq!((sum(|line| line.fee), sum(|line| line.vat)), (kept.minor(), split::vat_in(kept).unwrap().minor()));
        }
    }
}
