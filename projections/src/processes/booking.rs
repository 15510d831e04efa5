//! Booking and payment: expiry of requests, payment windows, captures and what becomes of unknown ones (domain.md §7).

use domain::ids::{BookingId, PaymentId};
use domain::{booking, payment};

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// Requests expire and unpaid approvals lapse.
#[derive(Debug)]
pub struct BookingDeadlines;

impl Process for BookingDeadlines {
    const NAME: &'static str = "booking-deadlines";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::Booking(happened) = &event.event else { return Vec::new() };
        let Some(booking) = id_of(event).map(BookingId::new) else { return Vec::new() };
        let (expiry, lapse) = (format!("expiry:{booking}"), format!("lapse:{booking}"));
        match happened {
            booking::Event::BookingRequested { expires_at, .. } => {
                vec![Reaction::Timer { key: expiry, due: *expires_at, intent: Intent::ExpireRequest { booking } }]
            }
            booking::Event::BookingApproved { payment_due_at, .. } => vec![
                Reaction::CancelTimer { key: expiry },
                Reaction::Timer { key: lapse, due: *payment_due_at, intent: Intent::LapsePayment { booking } },
            ],
            booking::Event::BookingRejected { .. } => vec![Reaction::CancelTimer { key: expiry }],
            booking::Event::BookingConfirmed { .. } => vec![Reaction::CancelTimer { key: lapse }],
            booking::Event::BookingCancelled { .. } => {
                vec![Reaction::CancelTimer { key: expiry }, Reaction::CancelTimer { key: lapse }]
            }
            booking::Event::PickupPhotoAttached { .. }
            | booking::Event::ReturnPhotoAttached { .. }
            | booking::Event::TripStarted { .. }
            | booking::Event::TripEnded { .. }
            | booking::Event::BookingCompleted { .. } => Vec::new(),
        }
    }
}

/// Captures and refunds at the provider; a timeout is unknown, so it is asked again until it answers.
#[derive(Debug)]
pub struct ProviderCalls;

impl Process for ProviderCalls {
    const NAME: &'static str = "provider-calls";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::Payment(happened) = &event.event else { return Vec::new() };
        let Some(payment) = id_of(event).map(PaymentId::new) else { return Vec::new() };
        match happened {
            payment::Event::PaymentConfirmStarted { attempt } => {
                vec![Reaction::Effect(Call::Capture { payment, attempt: attempt.number })]
            }
            payment::Event::PaymentOutcomeUnknown { attempt, ask_again_at, .. } => vec![Reaction::Timer {
                key: format!("capture:{payment}"),
                due: *ask_again_at,
                intent: Intent::AskCapture { payment, attempt: *attempt },
            }],
            payment::Event::RefundRequested { refund, .. } | payment::Event::RefundRetried { refund, .. } => {
                vec![Reaction::Effect(Call::Refund { payment, refund: *refund })]
            }
            payment::Event::RefundUnknown { refund, ask_again_at, .. } => vec![Reaction::Timer {
                key: format!("refund:{refund}"),
                due: *ask_again_at,
                intent: Intent::AskRefund { payment, refund: *refund },
            }],
            payment::Event::RefundFailed { refund, retry_at: Some(retry_at), .. } => vec![Reaction::Timer {
                key: format!("refund:{refund}"),
                due: *retry_at,
                intent: Intent::RetryRefund { payment, refund: *refund },
            }],
            payment::Event::ProviderNoticeReceived { .. } => vec![Reaction::Effect(Call::Notice { payment })],
            payment::Event::PaymentRequested { .. }
            | payment::Event::PaymentFailed { .. }
            | payment::Event::PaymentCompleted { .. }
            | payment::Event::PaymentExpired { .. }
            | payment::Event::PaymentVoided { .. }
            | payment::Event::RefundProposed { .. }
            | payment::Event::RefundCompleted { .. }
            | payment::Event::RefundFailed { .. }
            | payment::Event::EscrowReleased { .. }
            | payment::Event::PaymentSettled { .. }
            | payment::Event::PaymentUnsettled { .. } => Vec::new(),
        }
    }
}
