#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::payment::{Attempt, Event as E};

use super::*;
use crate::models::testing::{History, at, bought, id, order, payment_completed, person, refund_requested, terms, won};

const PAYMENT: u128 = 7;

fn after(events: impl IntoIterator<Item = E>) -> PaymentRow {
    let payment: PaymentId = id(PAYMENT);
    let asked = E::PaymentRequested { order: Box::new(order()) };
    let history =
        std::iter::once(asked).chain(events).fold(History::default(), |history, event| history.on(payment, Event::Payment(event)));
    history.row::<Payments>(&payment.to_string()).unwrap()
}

fn started(number: u32) -> E {
    E::PaymentConfirmStarted { attempt: Attempt { number, payment_key: format!("sandbox-{number}") } }
}

fn declined(attempt: u32) -> E {
    E::PaymentFailed { attempt, code: "REJECT_CARD".into() }
}

fn unknown(attempt: u32) -> E {
    E::PaymentOutcomeUnknown { attempt, since: at(3), asked: 0, ask_again_at: at(4), escalated: false }
}

fn refunded(refund: u128, amount: i128) -> E {
    E::RefundCompleted { refund: id(refund), amount: won(amount), reference: "psp-r".into(), at: at(9) }
}

#[test]
fn a_new_payment_is_pending_and_found_by_its_order() {
    let row = after([]);
    assert_eq!(
        (row.phase, row.status(), row.refunded, row.host_amount()),
        (PaymentPhase::Pending, PaymentStatus::Pending, won(0), won(20_400))
    );
    let expected: [Value; 6] =
        [terms().guest.into(), terms().host.into(), row.purpose.uuid().into(), "order-0001".into(), "PENDING".into(), at(1).into()];
    assert_eq!(Payments::index("", &row), expected);
}

#[test]
fn a_decline_belongs_to_its_attempt_and_the_next_one_pays() {
    let row = after([started(1), declined(1)]);
    assert_eq!((row.phase, row.last_failure.as_deref()), (PaymentPhase::Pending, Some("REJECT_CARD")));
    let row = after([started(1), declined(1), started(2)]);
    assert_eq!((row.phase, row.last_failure.as_deref()), (PaymentPhase::Confirming, None));
    let row = after([started(1), declined(1), started(2), payment_completed(false)]);
    assert_eq!((row.status(), row.paid_at, row.method.as_deref()), (PaymentStatus::Completed, Some(at(3)), Some("card")));
    let declined = AttemptOutcome::Declined { code: "REJECT_CARD".into() };
    assert_eq!(row.attempt_at(2).map(|a| (a.number, &a.outcome)), Some((1, &declined)));
    assert_eq!(row.attempt_at(4).map(|a| (a.number, &a.outcome, a.started_at)), Some((2, &AttemptOutcome::Completed, at(4))));
    assert_eq!(row.attempt_at(5), None);
}

#[test]
fn unknown_stays_pending_until_the_provider_answers() {
    let row = after([started(1), unknown(1)]);
    assert_eq!((row.phase, row.status(), row.unknown_since), (PaymentPhase::Unknown, PaymentStatus::Pending, Some(at(3))));
    assert_eq!(row.attempts[0].outcome, AttemptOutcome::Unknown);
    let row = after([started(1), unknown(1), payment_completed(false)]);
    assert_eq!((row.phase, row.unknown_since, &row.attempts[0].outcome), (PaymentPhase::Completed, None, &AttemptOutcome::Completed));
}

#[test]
fn unpaid_ends_are_failures() {
    let row = after([started(1), declined(1), E::PaymentExpired { purpose: bought() }]);
    assert_eq!((row.phase, row.status(), row.last_failure.is_some()), (PaymentPhase::Expired, PaymentStatus::Failed, true));
    let row = after([E::PaymentVoided { purpose: bought() }]);
    assert_eq!((row.phase, row.status()), (PaymentPhase::Voided, PaymentStatus::Failed));
}

#[test]
fn refunds_count_when_the_money_went_back() {
    let paid = [started(1), payment_completed(false), refund_requested(id(21), won(10_000))];
    let row = after(paid.clone());
    assert_eq!((row.phase, row.refunded, row.refund(id(21)).unwrap().status), (PaymentPhase::Completed, won(0), RefundStatus::Requested));
    let failed = E::RefundFailed { refund: id(21), code: "LATER".into(), attempt: 1, retry_at: Some(at(90)) };
    let row = after(paid.clone().into_iter().chain([failed.clone()]));
    let refund = row.refund(id(21)).unwrap();
    assert_eq!((refund.status, refund.failure.as_deref(), refund.retry_at), (RefundStatus::Failed, Some("LATER"), Some(at(90))));
    let again = [failed, E::RefundRetried { refund: id(21), attempt: 2 }, refunded(21, 10_000)];
    let part: Vec<_> = paid.into_iter().chain(again).collect();
    let row = after(part.clone());
    assert_eq!((row.phase, row.status(), row.refunded), (PaymentPhase::PartiallyRefunded, PaymentStatus::Completed, won(10_000)));
    let refund = row.refund(id(21)).unwrap();
    assert_eq!((refund.attempt, refund.status, refund.completed_at, &refund.failure), (2, RefundStatus::Completed, Some(at(9)), &None));
    let row = after(part.into_iter().chain([refund_requested(id(22), won(14_000)), refunded(22, 14_000)]));
    assert_eq!((row.phase, row.status(), row.refunded), (PaymentPhase::Refunded, PaymentStatus::Refunded, won(24_000)));
}

#[test]
fn an_approved_refund_keeps_its_reason_and_both_persons() {
    let (asker, approver) = (id(50), id(51));
    let reason = Some(person(terms().guest, "flat tyre"));
    let proposed = E::RefundProposed { refund: id(21), amount: won(10_000), by: asker, reason: reason.clone() };
    let row = after([started(1), payment_completed(false), proposed.clone()]);
    assert_eq!(row.refund(id(21)).map(|r| (r.status, r.requested_by, r.fee_share)), Some((RefundStatus::Proposed, Some(asker), won(0))));
    let mut approved = refund_requested(id(21), won(10_000));
    if let E::RefundRequested { requested_by, approved_by, cause, .. } = &mut approved {
        (*requested_by, *approved_by, *cause) = (Some(asker), Some(approver), RefundCause::Goodwill);
    }
    let row = after([started(1), payment_completed(false), proposed, approved]);
    assert_eq!(row.refunds.len(), 1);
    let refund = row.refund(id(21)).unwrap();
    assert_eq!((refund.status, refund.requested_by, refund.approved_by), (RefundStatus::Requested, Some(asker), Some(approver)));
    assert_eq!((&refund.reason, refund.requested_at, refund.fee_share), (&reason, at(4), won(1_500)));
}

#[test]
fn released_settled_and_unsettled() {
    let (purpose, host, amount) = (bought(), terms().host, won(24_000));
    let released = E::EscrowReleased { purpose, host, amount, fee: won(3_600), vat: won(327), net: won(20_400), at: at(8) };
    let settled = E::PaymentSettled { settlement: id(1), payout: id(60) };
    let so_far = [started(1), payment_completed(false), released, settled];
    let row = after(so_far.clone());
    assert_eq!((row.release.map(|r| (r.net, r.at)), row.settled_at()), (Some((won(20_400), at(8))), Some(at(5))));
    let row = after(so_far.into_iter().chain([E::PaymentUnsettled { payout: id(60) }]));
    assert_eq!((row.settled_at(), row.status()), (None, PaymentStatus::Completed));
}

#[test]
fn what_names_no_attempt_or_refund_is_a_poison() {
    let payment: PaymentId = id(PAYMENT);
    let asked = || History::default().on(payment, Event::Payment(E::PaymentRequested { order: Box::new(order()) }));
    for wrong in [declined(1), unknown(1), refunded(21, 1), E::RefundRetried { refund: id(21), attempt: 2 }] {
        assert!(asked().on(payment, Event::Payment(wrong.clone())).is_poison::<Payments>(), "{wrong:?}");
        assert!(History::default().on(payment, Event::Payment(wrong)).is_poison::<Payments>());
    }
}
