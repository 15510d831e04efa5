use domain::ids::{BookingId, PaymentId, UserId};
use kernel::{Currency, Money, Timestamp};
use projections::models::payments::AttemptRow;
use uuid::Uuid;

use super::*;

fn row(phase: PaymentPhase, outcomes: impl IntoIterator<Item = AttemptOutcome>) -> PaymentRow {
    let won = |minor| Money::new(minor, Currency::Krw);
    let started_at = Timestamp::UNIX_EPOCH;
    let attempt = |(number, outcome)| AttemptRow { number, event_id: Uuid::nil(), position: number.into(), outcome, started_at };
    PaymentRow {
        id: PaymentId::new(Uuid::from_u128(1)),
        purpose: BookingId::new(Uuid::from_u128(2)).into(),
        payer: UserId::new(Uuid::from_u128(3)),
        host: UserId::new(Uuid::from_u128(4)),
        order_id: "order-0001".into(),
        amount: won(24_000),
        fee: won(3_600),
        due_at: started_at,
        phase,
        attempts: (1..).zip(outcomes).map(attempt).collect(),
        last_failure: None,
        unknown_since: None,
        escalated: false,
        method: None,
        reference: None,
        paid_at: None,
        late: false,
        refunds: Vec::new(),
        refunded: won(0),
        release: None,
        settled: None,
        created_at: started_at,
    }
}

fn declined() -> AttemptOutcome {
    AttemptOutcome::Declined { code: "REJECT_CARD".into() }
}

fn said(row: &PaymentRow, attempt: u32) -> Option<String> {
    verdict(row, attempt).map(|refused| refused.code)
}

#[test]
fn the_present_state_of_the_payment_speaks() {
    use AttemptOutcome::{Completed, Confirming, Unknown};
    let open = "PAY008".to_owned();
    assert_eq!(said(&row(PaymentPhase::Confirming, [Confirming]), 1), Some(open.clone()));
    assert_eq!(said(&row(PaymentPhase::Unknown, [Unknown]), 1), Some(open.clone()));
    assert_eq!(said(&row(PaymentPhase::Completed, [Completed]), 1), None);
    assert_eq!(said(&row(PaymentPhase::Pending, [declined()]), 1), Some("PAY001".to_owned()));
    assert_eq!(said(&row(PaymentPhase::Expired, [declined()]), 1), Some("PAY001".to_owned()));
    // The key of a declined attempt, repeated while another is under way, and after it was paid.
    assert_eq!(said(&row(PaymentPhase::Confirming, [declined(), Confirming]), 1), Some(open));
    assert_eq!(said(&row(PaymentPhase::Completed, [declined(), Completed]), 1), None);
    assert_eq!(said(&row(PaymentPhase::Refunded, [declined(), Completed]), 1), None);
}
