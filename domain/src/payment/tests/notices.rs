use super::*;
use crate::payment::notice::{MAX_NOTICES, order_number, payment_of};

const PAYMENT: crate::ids::PaymentId = crate::ids::PaymentId::new(Uuid::from_u128(9));

fn notice(id: &str, payment_key: Option<&str>) -> Command {
    Command::ReceiveNotice { notice: id.to_owned(), payment_key: payment_key.map(str::to_owned) }
}

fn received(id: &str) -> Event {
    Event::ProviderNoticeReceived { notice: id.to_owned() }
}

fn refunded(event: Option<Event>) -> Vec<Event> {
    let refund = RefundId::new(Uuid::from_u128(1));
    let (purpose, amount, at) = (BOOKING, won(10_007), at(0));
    let (reason, requested_by, approved_by) = (None, None, None);
    let (fee_share, vat_share, cause) = (won(1_501), won(136), RefundCause::Cancellation);
    let requested = Event::RefundRequested {
        refund,
        purpose,
        host: HOST,
        amount,
        fee_share,
        vat_share,
        released: false,
        cause,
        reason,
        requested_by,
        approved_by,
        at,
    };
    paid().into_iter().chain([requested]).chain(event).collect()
}

#[test]
fn an_order_number_leads_to_its_payment_in_one_spelling() {
    assert_eq!(order_number(PAYMENT), ORDER_ID);
    assert_eq!(payment_of(ORDER_ID), Some(PAYMENT));
    let shouted = order_number(crate::ids::PaymentId::new(Uuid::from_u128(u128::MAX))).to_uppercase().replace("DB-", "db-");
    for other in
        ["", "db-", "db-9", "00000000000000000000000000000009", "db-00000000-0000-0000-0000-000000000009", &shouted, &"d".repeat(70_000)]
    {
        assert_eq!(payment_of(other), None, "{}", &other[..other.len().min(40)]);
    }
}

#[test]
fn a_notice_is_noted_while_something_is_open_at_the_provider() {
    for phase in ["declined", "confirming", "unknown", "expired after a decline", "voided"] {
        payment(phase).when(notice("n", Some("key-1"))).then([received("n")]);
        payment(phase).when(notice("n", None)).then([received("n")]);
    }
    // Nobody was asked for the money yet, or all is known.
    for phase in ["pending", "expired", "completed"] {
        payment(phase).when(notice("n", None)).then([]);
    }
    payment("absent").when(notice("n", None)).refused("SYS007", "paymentId");
}

#[test]
fn a_notice_may_tell_of_a_refund_that_is_under_way() {
    let refund = RefundId::new(Uuid::from_u128(1));
    let failed = Event::RefundFailed { refund, code: "c".to_owned(), attempt: 1, retry_at: None };
    let silent = Event::RefundUnknown { refund, since: at(0), asked: 0, ask_again_at: at(1), escalated: false };
    for open in [None, Some(failed), Some(silent)] {
        given::<Payment>(refunded(open)).when(notice("n", None)).then([received("n")]);
    }
    let done = Event::RefundCompleted { refund, amount: won(10_007), reference: "r".to_owned(), at: at(0) };
    given::<Payment>(refunded(Some(done))).when(notice("n", None)).then([]);
}

#[test]
fn a_notice_of_another_attempt_is_of_no_use() {
    payment("confirming").when(notice("n", Some("key-2"))).then([]);
    given::<Payment>([asked(), attempt(1), failed(1), attempt(2)]).when(notice("n", Some("key-1"))).then([]);
}

#[test]
fn a_repeated_notice_is_one_and_there_is_an_end_to_them() {
    let once = || given::<Payment>([asked(), attempt(1), received("n")]);
    once().when(notice("n", None)).then([]);
    let state = once().when(notice("m", None)).then([received("m")]);
    assert!(matches!(state.phase(), Some(Phase::Confirming { .. })), "a notice changes nothing by itself");
    let many = (0..MAX_NOTICES).map(|n| received(&n.to_string()));
    let full: Vec<Event> = [asked(), attempt(1)].into_iter().chain(many).collect();
    given::<Payment>(full).when(notice("one more", None)).then([]);
}
