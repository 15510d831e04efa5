//! The posting rules of domain.md §3.4 by tables: accounts, sides, amounts.

use kernel::{Currency, Money, Side, Timestamp};
use uuid::Uuid;

use super::*;
use crate::ids::{BookingId, PaymentId, PayoutId, RefundId, SettlementId, ShopOrderId};
use crate::payment::{Attempt, Order, RefundCause};
use crate::testing::moment;

const BOOKING: Purpose = Purpose::Booking(BookingId::new(Uuid::from_u128(1)));
const SHOP_ORDER: Purpose = Purpose::ShopOrder(ShopOrderId::new(Uuid::from_u128(1)));
const HOST: UserId = UserId::new(Uuid::from_u128(2));
const REFUND: RefundId = RefundId::new(Uuid::from_u128(3));
const PAYOUT: PayoutId = PayoutId::new(Uuid::from_u128(4));
const BATCH: SettlementId = SettlementId::new(Uuid::from_u128(5));

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn at() -> Timestamp {
    moment("2026-11-02T00:00:00Z")
}

fn completed(amount: i128) -> payment::Event {
    let (method, reference) = ("card".to_owned(), "r".to_owned());
    payment::Event::PaymentCompleted { purpose: BOOKING, amount: won(amount), fee: won(1), paid_at: at(), method, reference, late: false }
}

fn refund(amount: i128, fee_share: i128, vat_share: i128, released: bool) -> payment::Event {
    let (amount, fee_share, vat_share) = (won(amount), won(fee_share), won(vat_share));
    payment::Event::RefundRequested {
        refund: REFUND,
        purpose: BOOKING,
        host: HOST,
        amount,
        fee_share,
        vat_share,
        released,
        cause: RefundCause::Goodwill,
        reason: None,
        requested_by: None,
        approved_by: None,
        at: at(),
    }
}

fn refunded(amount: i128) -> payment::Event {
    payment::Event::RefundCompleted { refund: REFUND, amount: won(amount), reference: "r".to_owned(), at: at() }
}

fn released(amount: i128, fee: i128, vat: i128, net: i128) -> payment::Event {
    let (amount, fee, vat, net) = (won(amount), won(fee), won(vat), won(net));
    payment::Event::EscrowReleased { purpose: BOOKING, host: HOST, amount, fee, vat, net, at: at() }
}

/// The postings of an entry, as signed amounts: debits above zero, credits below.
fn signed(entry: Result<Option<JournalEntry>, Unbalanced>) -> Vec<(String, i128)> {
    let Some(entry) = entry.unwrap_or_else(|error| panic!("{error}")) else { return Vec::new() };
    assert_eq!(entry.effective_at(), at());
    let postings = entry.postings().iter();
    let signed: Vec<_> = postings
        .map(|posting| {
            assert!(posting.amount.is_positive() && class_of(&posting.account).is_some(), "{posting:?}");
            (posting.account.clone(), if posting.side == Side::Debit { posting.amount.minor() } else { -posting.amount.minor() })
        })
        .collect();
    assert_eq!(signed.iter().map(|(_, amount)| amount).sum::<i128>(), 0);
    signed
}

fn expected(rows: &[(&str, i128)]) -> Vec<(String, i128)> {
    let name = |account: &str| match account {
        "escrow" => escrow(BOOKING),
        "host_payable" => host_payable(HOST),
        other => other.to_owned(),
    };
    rows.iter().map(|(account, amount)| (name(account), *amount)).collect()
}

#[test]
fn what_a_payment_posts() {
    let rows: [(payment::Event, &[(&str, i128)]); 12] = [
        (completed(100), &[("psp_clearing", 100), ("escrow", -100)]),
        (refund(100, 15, 1, false), &[("escrow", 100), ("refund_payable", -100)]),
        (refund(100, 15, 1, true), &[("host_payable", 85), ("fee_revenue", 14), ("vat_payable", 1), ("refund_payable", -100)]),
        (refund(100, 1, 1, true), &[("host_payable", 99), ("vat_payable", 1), ("refund_payable", -100)]),
        (refund(100, 0, 0, true), &[("host_payable", 100), ("refund_payable", -100)]),
        (refund(1, 1, 0, true), &[("fee_revenue", 1), ("refund_payable", -1)]),
        (refunded(100), &[("refund_payable", 100), ("psp_clearing", -100)]),
        (released(100, 15, 1, 85), &[("escrow", 100), ("fee_revenue", -14), ("vat_payable", -1), ("host_payable", -85)]),
        (released(100, 0, 0, 100), &[("escrow", 100), ("host_payable", -100)]),
        (released(100, 100, 9, 0), &[("escrow", 100), ("fee_revenue", -91), ("vat_payable", -9)]),
        (completed(0), &[]),
        (released(0, 0, 0, 0), &[]),
    ];
    for (event, postings) in rows {
        assert_eq!(signed(payment_entry(&event)), expected(postings), "{event:?}");
    }
}

#[test]
fn what_a_payout_posts() {
    use payout::Event as E;
    let (settlement, host, amount, lines, attempt, payout) = (BATCH, HOST, won(85), vec![], 1, PAYOUT);
    let (reference, code) = ("r".to_owned(), "c".to_owned());
    let requested = E::PayoutRequested { payout, settlement, host, amount, lines: lines.clone(), attempt, at: at() };
    let completed = E::PayoutCompleted { payout, settlement, amount, lines: lines.clone(), reference, at: at() };
    let failed = E::PayoutFailed { payout, settlement, host, amount, code, attempt, at: at() };
    let returned = E::PayoutReturned { payout, settlement, host, amount, lines, attempt, at: at() };
    let unknown = E::PayoutUnknown { since: at(), asked: 0, ask_again_at: at(), escalated: false };
    let rows: [(E, &[(&str, i128)]); 5] = [
        (requested, &[("host_payable", 85), ("payout_in_transit", -85)]),
        (completed, &[("payout_in_transit", 85), ("bank", -85)]),
        (failed, &[("payout_in_transit", 85), ("host_payable", -85)]),
        (returned, &[("bank", 85), ("host_payable", -85)]),
        (unknown, &[]),
    ];
    for (event, postings) in rows {
        assert_eq!(signed(payout_entry(&event)), expected(postings), "{event:?}");
    }
}

#[test]
fn the_rest_of_a_payments_events_move_nothing() {
    use payment::Event as E;
    let (amount, payer) = (won(100), HOST);
    let order = Order { purpose: BOOKING, payer, host: HOST, order_id: "db-000001".to_owned(), amount, fee: won(15), due_at: at() };
    for event in [
        E::PaymentRequested { order: Box::new(order) },
        E::PaymentConfirmStarted { attempt: Attempt { number: 1, payment_key: "k".to_owned() } },
        E::PaymentFailed { attempt: 1, code: "c".to_owned() },
        E::PaymentOutcomeUnknown { attempt: 1, since: at(), asked: 0, ask_again_at: at(), escalated: true },
        E::ProviderNoticeReceived { notice: "n".to_owned() },
        E::PaymentExpired { purpose: BOOKING },
        E::PaymentVoided { purpose: BOOKING },
        E::RefundProposed { refund: REFUND, amount, by: HOST, reason: None },
        E::RefundRetried { refund: REFUND, attempt: 2 },
        E::RefundFailed { refund: REFUND, code: "c".to_owned(), attempt: 1, retry_at: None },
        E::RefundUnknown { refund: REFUND, since: at(), asked: 0, ask_again_at: at(), escalated: false },
        E::PaymentSettled { settlement: BATCH, payout: PAYOUT },
        E::PaymentUnsettled { payout: PAYOUT },
    ] {
        assert_eq!(payment_entry(&event), Ok(None), "{event:?}");
    }
}

#[test]
fn an_event_whose_amounts_do_not_add_up_posts_nothing_at_all() {
    assert!(payment_entry(&released(100, 15, 1, 84)).is_err());
    assert!(payment_entry(&released(100, 15, 16, 85)).is_err(), "more tax than fee");
    assert!(payment_entry(&refund(100, 101, 1, true)).is_err(), "more fee than refund");
    assert!(payment_entry(&completed(-1)).is_err());
}

#[test]
fn entries_are_found_by_what_they_are_about() {
    let about = |entry: Result<Option<JournalEntry>, Unbalanced>| {
        let entry = entry.ok().flatten().unwrap_or_else(|| panic!("no entry"));
        (entry.kind().to_owned(), entry.reference().to_owned(), entry.reverses().map(str::to_owned))
    };
    let plain = |kind: &str, reference: String| (kind.to_owned(), reference, None);
    assert_eq!(about(payment_entry(&completed(1))), plain("payment_completed", BOOKING.to_string()));
    assert_eq!(about(payment_entry(&refund(1, 0, 0, false))), plain("refund_requested", REFUND.to_string()));
    assert_eq!(about(payment_entry(&refund(1, 0, 0, true))), plain("refund_requested", REFUND.to_string()));
    assert_eq!(about(payment_entry(&refunded(1))), plain("refund_completed", REFUND.to_string()));
    assert_eq!(about(payment_entry(&released(1, 0, 0, 1))), plain("escrow_released", BOOKING.to_string()));
    let (payout, settlement, host, amount, code) = (PAYOUT, BATCH, HOST, won(1), "c".to_owned());
    let failed = payout::Event::PayoutFailed { payout, settlement, host, amount, code, attempt: 1, at: at() };
    assert_eq!(about(payout_entry(&failed)), ("payout_failed".to_owned(), PAYOUT.to_string(), Some(PAYOUT.to_string())));
}

#[test]
fn every_account_has_its_class() {
    for (account, class, name) in [
        ("psp_clearing".to_owned(), AccountClass::Asset, "asset"),
        ("bank".to_owned(), AccountClass::Asset, "asset"),
        (escrow(BOOKING), AccountClass::Liability, "liability"),
        (escrow(SHOP_ORDER), AccountClass::Liability, "liability"),
        (host_payable(HOST), AccountClass::Liability, "liability"),
        ("refund_payable".to_owned(), AccountClass::Liability, "liability"),
        ("payout_in_transit".to_owned(), AccountClass::Liability, "liability"),
        ("vat_payable".to_owned(), AccountClass::Liability, "liability"),
        ("fee_revenue".to_owned(), AccountClass::Income, "income"),
    ] {
        assert_eq!((class_of(&account), class.name()), (Some(class), name), "{account}");
    }
    assert_eq!(AccountClass::Expense.name(), "expense");
    for unknown in ["", "escrow_x", "fee_revenues", ":escrow"] {
        assert_eq!(class_of(unknown), None, "{unknown}");
    }
    let payment = PaymentId::new(Uuid::from_u128(9));
    assert_ne!(escrow(BOOKING), escrow(BookingId::new(payment.uuid()).into()), "each booking has its own");
}

#[test]
fn a_sale_posts_as_a_rental_does_with_an_escrow_of_its_own() {
    let of_order = |event| match event {
        payment::Event::PaymentCompleted { amount, fee, paid_at, method, reference, late, .. } => {
            payment::Event::PaymentCompleted { purpose: SHOP_ORDER, amount, fee, paid_at, method, reference, late }
        }
        payment::Event::EscrowReleased { host, amount, fee, vat, net, at, .. } => {
            payment::Event::EscrowReleased { purpose: SHOP_ORDER, host, amount, fee, vat, net, at }
        }
        other => other,
    };
    let (order, seller) = (escrow(SHOP_ORDER), host_payable(HOST));
    assert_ne!(order, escrow(BOOKING), "a booking and an order of one UUID never share money");
    let sold = [(PSP_CLEARING.to_owned(), 100), (order.clone(), -100)];
    assert_eq!(signed(payment_entry(&of_order(completed(100)))), sold);
    assert_eq!(signed(payment_entry(&of_order(released(100, 0, 0, 100)))), [(order, 100), (seller, -100)], "no fee until one is set");
}
