use kernel::Currency;
use kernel::jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::ids::BookingId;
use crate::testing::{Given, given, moment};

mod notices;
mod refunds;
mod rounding;
mod splits;

const PAYER: UserId = UserId::new(Uuid::from_u128(1));
const HOST: UserId = UserId::new(Uuid::from_u128(2));
const BOOKING: Purpose = Purpose::Booking(BookingId::new(Uuid::from_u128(3)));
const MICRO: SignedDuration = SignedDuration::from_micros(1);
const ORDER_ID: &str = "db-00000000000000000000000000000009";

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

/// So many minutes after the clock of the sentences.
fn at(minutes: i64) -> Timestamp {
    moment("2026-11-02T00:00:00Z") + SignedDuration::from_mins(minutes)
}

/// 10,007 won with a fee of 1,501, due in two hours.
fn order() -> Box<Order> {
    let (amount, fee) = (won(10_007), won(1_501));
    Box::new(Order { purpose: BOOKING, payer: PAYER, host: HOST, order_id: ORDER_ID.to_owned(), amount, fee, due_at: at(120) })
}

fn asked() -> Event {
    Event::PaymentRequested { order: order() }
}

fn attempt(number: u32) -> Event {
    Event::PaymentConfirmStarted { attempt: Attempt { number, payment_key: format!("key-{number}") } }
}

fn failed(attempt: u32) -> Event {
    Event::PaymentFailed { attempt, code: "REJECT_CARD_PAYMENT".to_owned() }
}

fn unknown(attempt: u32) -> Event {
    Event::PaymentOutcomeUnknown { attempt, since: at(0), asked: 0, ask_again_at: at(0) + SignedDuration::from_secs(5), escalated: false }
}

fn completed(late: bool) -> Event {
    let (method, reference) = ("card".to_owned(), "ref-1".to_owned());
    Event::PaymentCompleted { purpose: BOOKING, amount: won(10_007), fee: won(1_501), paid_at: at(5), method, reference, late }
}

fn released() -> Event {
    let (amount, fee, vat, net) = (won(10_007), won(1_501), won(136), won(8_506));
    Event::EscrowReleased { purpose: BOOKING, host: HOST, amount, fee, vat, net, at: at(0) }
}

const EXPIRED: Event = Event::PaymentExpired { purpose: BOOKING };
const VOIDED: Event = Event::PaymentVoided { purpose: BOOKING };

fn paid() -> Vec<Event> {
    vec![asked(), attempt(1), completed(false)]
}

/// A history into each phase of the capture, by name.
fn histories() -> [(&'static str, Vec<Event>); 9] {
    [
        ("absent", vec![]),
        ("pending", vec![asked()]),
        ("declined", vec![asked(), attempt(1), failed(1)]),
        ("confirming", vec![asked(), attempt(1)]),
        ("unknown", vec![asked(), attempt(1), unknown(1)]),
        ("completed", paid()),
        ("expired", vec![asked(), EXPIRED]),
        ("expired after a decline", vec![asked(), attempt(1), failed(1), EXPIRED]),
        ("voided", vec![asked(), attempt(1), failed(1), VOIDED]),
    ]
}

fn payment(phase: &str) -> Given<Payment> {
    given(histories().into_iter().find(|(name, _)| *name == phase).unwrap_or_else(|| panic!("{phase}")).1)
}

fn confirm(change: impl FnOnce(&mut (String, String, Money))) -> Command {
    let mut input = ("key-1".to_owned(), ORDER_ID.to_owned(), won(10_007));
    change(&mut input);
    let (payment_key, order_id, amount) = input;
    Command::StartConfirm { payment_key, order_id, amount }
}

fn capture(late: Option<RefundId>) -> Command {
    Command::Complete { paid_at: at(5), method: "card".to_owned(), reference: "ref-1".to_owned(), late }
}

fn decline(attempt: u32, open: bool) -> Command {
    Command::Decline { attempt, code: "REJECT_CARD_PAYMENT".to_owned(), open }
}

#[test]
fn a_payment_is_asked_for_once() {
    let state = payment("absent").when(Command::Request(order())).then([asked()]);
    assert_eq!((state.order(), state.refunded()), (Some(&*order()), Some(won(0))));
    for (_, history) in histories().into_iter().skip(1) {
        given::<Payment>(history).when(Command::Request(order())).refused("PAY009", "");
    }
}

#[test]
fn nothing_can_be_asked_of_no_payment() {
    let refund = RefundId::new(Uuid::from_u128(1));
    let request = |by| Command::RequestRefund { refund, amount: None, cause: RefundCause::Goodwill, reason: None, by, limit: None };
    let (settlement, payout) = (SettlementId::new(Uuid::from_u128(2)), PayoutId::new(Uuid::from_u128(3)));
    let (reference, code) = ("r".to_owned(), "c".to_owned());
    for command in [
        confirm(|_| {}),
        capture(None),
        decline(1, true),
        Command::MarkUnknown { attempt: 1 },
        Command::Expire,
        Command::Void,
        request(None),
        Command::ApproveRefund { refund, by: HOST },
        Command::CompleteRefund { refund, reference },
        Command::FailRefund { refund, code },
        Command::MarkRefundUnknown { refund },
        Command::RetryRefund { refund },
        Command::ReleaseEscrow,
        Command::Settle { settlement, payout },
        Command::Unsettle { payout },
    ] {
        payment("absent").when(command).refused("SYS007", "paymentId");
    }
}

#[test]
fn the_payer_confirms_what_was_agreed() {
    payment("pending").when(confirm(|_| {})).then([attempt(1)]);
    payment("declined").when(confirm(|input| "key-2".clone_into(&mut input.0))).then([attempt(2)]);
    for key in [String::new(), "x".repeat(201), "a b".to_owned(), "키".to_owned(), "a\n".to_owned()] {
        payment("pending").when(confirm(|input| input.0 = key)).refused("SYS003", "paymentKey");
    }
    payment("pending").when(confirm(|input| input.2 = Money::new(10_007, Currency::Usd))).refused("SYS003", "amount.currency");
    for amount in [10_006, 10_008, 0, -10_007] {
        payment("pending").when(confirm(|input| input.2 = won(amount))).refused("PAY002", "amount");
    }
    payment("pending").when(confirm(|input| input.1.push('0'))).refused("PAY002", "amount");
    // Malformed before currency before mismatch before phase.
    payment("expired")
        .when(confirm(|input| *input = (String::new(), String::new(), Money::zero(Currency::Usd))))
        .refused("SYS003", "paymentKey");
    payment("expired").when(confirm(|input| input.2 = Money::zero(Currency::Usd))).refused("SYS003", "amount.currency");
    payment("expired").when(confirm(|input| input.2 = won(1))).refused("PAY002", "amount");
}

#[test]
fn only_what_is_pending_and_in_time_is_confirmed() {
    let again = || confirm(|input| "key-2".clone_into(&mut input.0));
    for (phase, code) in [
        ("confirming", "PAY008"),
        ("unknown", "PAY008"),
        ("completed", "PAY003"),
        ("voided", "PAY003"),
        ("expired", "PAY004"),
        ("expired after a decline", "PAY004"),
    ] {
        payment(phase).when(again()).refused(code, "");
        payment(phase).at(at(500)).when(again()).refused(code, "");
    }
    payment("pending").at(at(120) - MICRO).when(confirm(|_| {})).then([attempt(1)]);
    payment("pending").at(at(120)).when(confirm(|_| {})).refused("PAY004", "");
    payment("declined").at(at(120)).when(again()).refused("PAY004", "");
}

#[test]
fn a_capture_completes_the_payment_once() {
    for phase in ["confirming", "unknown", "declined"] {
        let state = payment(phase).when(capture(None)).then([completed(false)]);
        assert!(state.phase().is_some_and(Phase::captured), "{phase}");
    }
    // Where no attempt was made, nobody can have paid; what is paid is paid once.
    for phase in ["pending", "expired", "completed"] {
        payment(phase).when(capture(None)).then([]);
        payment(phase).when(capture(Some(RefundId::new(Uuid::from_u128(1))))).then([]);
    }
}

#[test]
fn late_money_is_accepted_and_given_back_in_full() {
    let refund = RefundId::new(Uuid::from_u128(1));
    let requested = Event::RefundRequested {
        refund,
        purpose: BOOKING,
        host: HOST,
        amount: won(10_007),
        fee_share: won(1_501),
        vat_share: won(136),
        released: false,
        cause: RefundCause::LateMoney,
        reason: None,
        requested_by: None,
        approved_by: None,
        at: at(0),
    };
    for phase in ["confirming", "unknown", "declined", "expired after a decline", "voided"] {
        let state = payment(phase).when(capture(Some(refund))).then([completed(true), requested.clone()]);
        assert_eq!(state.refunded(), Some(won(10_007)), "{phase}");
        let given_back = Command::CompleteRefund { refund, reference: "r".to_owned() };
        let history = histories().into_iter().find(|(name, _)| *name == phase).map(|(_, history)| history).unwrap_or_default();
        let done = Event::RefundCompleted { refund, amount: won(10_007), reference: "r".to_owned(), at: at(0) };
        given::<Payment>(history.into_iter().chain([completed(true), requested.clone()])).when(given_back).then([done]);
    }
}

#[test]
fn a_decline_is_an_attempt() {
    for phase in ["confirming", "unknown"] {
        let state = payment(phase).when(decline(1, true)).then([failed(1)]);
        assert!(matches!(state.phase(), Some(Phase::Pending { last_failure: Some(code), .. }) if code == "REJECT_CARD_PAYMENT"));
        let state = payment(phase).when(decline(1, false)).then([failed(1), EXPIRED]);
        assert!(matches!(state.phase(), Some(Phase::Expired { .. })));
        payment(phase).when(decline(2, true)).then([]);
    }
    for phase in ["pending", "declined", "completed", "expired", "voided"] {
        payment(phase).when(decline(1, true)).then([]);
        payment(phase).when(Command::MarkUnknown { attempt: 1 }).then([]);
    }
}

#[test]
fn an_unknown_outcome_is_asked_for_ever_more_slowly() {
    payment("confirming").when(Command::MarkUnknown { attempt: 1 }).then([unknown(1)]);
    payment("confirming").when(Command::MarkUnknown { attempt: 2 }).then([]);
    let asked_again = |now: Timestamp, times, wait, escalated| {
        let ask_again_at = now + SignedDuration::from_secs(wait);
        let event = Event::PaymentOutcomeUnknown { attempt: 1, since: at(0), asked: times + 1, ask_again_at, escalated };
        let before = Event::PaymentOutcomeUnknown { attempt: 1, since: at(0), asked: times, ask_again_at: now, escalated: false };
        given::<Payment>([asked(), attempt(1), before]).at(now).when(Command::MarkUnknown { attempt: 1 }).then([event]);
    };
    asked_again(at(0) + SignedDuration::from_secs(5), 0, 15, false);
    asked_again(at(1), 1, 60, false);
    asked_again(at(6), 2, 300, false);
    asked_again(at(60) - MICRO, 4, 1_800, false);
    asked_again(at(60), 4, 1_800, true);
    asked_again(at(99_999), 40, 86_400, true);
}

#[test]
fn only_a_pending_payment_expires_or_is_voided() {
    for phase in ["pending", "declined"] {
        payment(phase).when(Command::Expire).then([EXPIRED]);
        payment(phase).when(Command::Void).then([VOIDED]);
    }
    for phase in ["confirming", "unknown", "completed", "expired", "expired after a decline", "voided"] {
        payment(phase).when(Command::Expire).then([]);
        payment(phase).when(Command::Void).then([]);
    }
}

#[test]
fn it_is_settled_by_its_latest_payout() {
    let (settlement, first, second) = (SettlementId::new(Uuid::from_u128(2)), payout(3), payout(4));
    let settled = |payout| Event::PaymentSettled { settlement, payout };
    let history = || paid().into_iter().chain([released()]);
    given::<Payment>(history()).when(Command::Settle { settlement, payout: first }).then([settled(first)]);
    let once = || given::<Payment>(history().chain([settled(first)]));
    once().when(Command::Settle { settlement, payout: first }).then([]);
    once().when(Command::Settle { settlement, payout: second }).then([settled(second)]);
    once().when(Command::Unsettle { payout: second }).then([]);
    let returned = Event::PaymentUnsettled { payout: first };
    let state = once().when(Command::Unsettle { payout: first }).then([returned.clone()]);
    assert!(matches!(state, Payment::Requested { settled: None, .. }));
    let back = || given::<Payment>(history().chain([settled(first), returned.clone()]));
    back().when(Command::Unsettle { payout: first }).then([]);
    back().when(Command::Settle { settlement, payout: second }).then([settled(second)]);
}

fn payout(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(n))
}

#[test]
fn every_event_is_taken_in_any_order() {
    let refund = RefundId::new(Uuid::from_u128(1));
    let events: Vec<Event> = histories()
        .into_iter()
        .flat_map(|(_, history)| history)
        .chain([
            released(),
            Event::RefundRetried { refund, attempt: 2 },
            Event::RefundCompleted { refund, amount: won(1), reference: "r".to_owned(), at: at(0) },
            Event::RefundFailed { refund, code: "c".to_owned(), attempt: 1, retry_at: None },
            Event::PaymentUnsettled { payout: payout(1) },
            Event::ProviderNoticeReceived { notice: "n".to_owned() },
        ])
        .collect();
    for first in &events {
        for second in &events {
            let state = Payment::fold([first, second]);
            let exists = [first, second].iter().any(|event| matches!(event, Event::PaymentRequested { .. }));
            assert_eq!(state != Payment::Absent, exists);
        }
    }
}

#[test]
fn what_was_stored_when_only_bookings_were_paid_for_still_reads() {
    let stored = format!(r#"{{"PaymentVoided":{{"booking":"{BOOKING}"}}}}"#);
    assert_eq!(serde_json::from_str::<Event>(&stored).ok(), Some(VOIDED));
    let now = serde_json::to_string(&VOIDED).unwrap_or_default();
    assert_eq!(now, format!(r#"{{"PaymentVoided":{{"purpose":"{BOOKING}"}}}}"#));
}
