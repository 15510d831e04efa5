//! Who is told what because of which event, and what leaves the house (domain.md §3.5, §7 Notification fan-out). One command per
//! notification; whom it concerns is in the event, or in the state of the thing that it is about.

use std::collections::BTreeMap;
use std::fmt::Display;

use commands::inbox::{Addressee, Notice};
use domain::cancellation::CancelCause;
use domain::ids::{BookingId, PaymentId, PayoutId, SessionId, ShopOrderId, UserId};
use domain::inbox::Channel;
use domain::{api_key, booking, inbox, payment, payout, session, shop_order, user};
use kernel::Timestamp;
use uuid::Uuid;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// Tells people what has happened, and sends it out.
#[derive(Debug)]
pub struct Notifications;

impl Process for Notifications {
    const NAME: &'static str = "notifications";
    type Intent = Intent;
    type Call = Call;
    /// Inboxes do not know of each other, and many people are told at a time.
    const AT_ONCE: usize = 32;

    fn react(event: &Known) -> Reactions {
        let Some(id) = id_of(event) else { return Vec::new() };
        match &event.event {
            domain::Event::Inbox(happened) => out(event.position(), UserId::new(id), happened),
            other => told(event, id, other),
        }
    }
}

/// One thing to be told, and to whom.
type Telling = (Addressee, &'static str, Vec<(&'static str, String)>);

fn told(event: &Known, id: Uuid, happened: &domain::Event) -> Reactions {
    let (about, tellings) = match happened {
        domain::Event::Booking(happened) => (Some(BookingId::new(id).to_string()), of_booking(BookingId::new(id), happened)),
        domain::Event::Payment(happened) => (Some(PaymentId::new(id).to_string()), of_payment(PaymentId::new(id), happened)),
        domain::Event::Payout(happened) => (Some(PayoutId::new(id).to_string()), of_payout(PayoutId::new(id), happened)),
        domain::Event::ShopOrder(happened) => (Some(ShopOrderId::new(id).to_string()), of_order(ShopOrderId::new(id), happened)),
        domain::Event::User(happened) => (None, of_user(UserId::new(id), happened)),
        domain::Event::Session(session::Event::SessionReuseDetected { .. }) => {
            (None, vec![(Addressee::Holder(SessionId::new(id)), "SESSION_STOLEN", vec![])])
        }
        domain::Event::ApiKey(api_key::Event::ApiKeyIssued { user, .. }) => {
            (None, vec![(Addressee::User(*user), "API_KEY_ISSUED", vec![])])
        }
        _ => return Vec::new(),
    };
    let source = format!("event-{}", event.recorded.event_id);
    let notice = |(to, template, params): Telling| {
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>();
        let happened_at = event.recorded.occurred_at;
        let notice = Notice { to, source: source.clone(), happened_at, template: template.to_owned(), about: about.clone(), params };
        Reaction::Command(Intent::Notify { notice })
    };
    tellings.into_iter().map(notice).collect()
}

fn moment(name: &'static str, at: &Timestamp) -> (&'static str, String) {
    (name, at.to_string())
}

fn amount(amount: impl Display) -> Vec<(&'static str, String)> {
    vec![("amount", amount.to_string())]
}

fn of_booking(booking: BookingId, happened: &booking::Event) -> Vec<Telling> {
    let (guest, host) = (Addressee::Guest(booking), Addressee::Host(booking));
    match happened {
        booking::Event::BookingRequested { terms, expires_at, .. } if !terms.instant => {
            let params = vec![moment("startsAt", &terms.period.start()), moment("answerAt", expires_at)];
            vec![(Addressee::User(terms.host), "BOOKING_REQUESTED", params)]
        }
        booking::Event::BookingApproved { payment_due_at, .. } => vec![(guest, "BOOKING_APPROVED", vec![moment("payAt", payment_due_at)])],
        booking::Event::BookingRejected { .. } => vec![(guest, "BOOKING_REJECTED", vec![])],
        booking::Event::BookingConfirmed { .. } => vec![(guest, "BOOKING_CONFIRMED", vec![]), (host, "BOOKING_CONFIRMED", vec![])],
        booking::Event::BookingCancelled { cause, .. } => match cause {
            CancelCause::Guest => vec![(host, "BOOKING_CANCELLED", vec![])],
            CancelCause::Host => vec![(guest, "BOOKING_CANCELLED", vec![])],
            CancelCause::Admin => vec![(guest, "BOOKING_CANCELLED", vec![]), (host, "BOOKING_CANCELLED", vec![])],
            CancelCause::Expired => vec![(guest, "BOOKING_EXPIRED", vec![])],
            CancelCause::PaymentLapsed => vec![(guest, "BOOKING_LAPSED", vec![]), (host, "BOOKING_LAPSED", vec![])],
            CancelCause::NoShow => vec![(guest, "NO_SHOW_REPORTED", vec![])],
        },
        booking::Event::BookingCompleted { .. } => vec![(host, "TRIP_ENDED", vec![])],
        booking::Event::BookingRequested { .. }
        | booking::Event::PickupPhotoAttached { .. }
        | booking::Event::ReturnPhotoAttached { .. }
        | booking::Event::TripStarted { .. }
        | booking::Event::TripEnded { .. } => vec![],
    }
}

fn of_payment(payment: PaymentId, happened: &payment::Event) -> Vec<Telling> {
    let payer = Addressee::Payer(payment);
    match happened {
        payment::Event::PaymentCompleted { amount: paid, late, .. } => {
            vec![(payer, if *late { "PAYMENT_LATE" } else { "PAYMENT_COMPLETED" }, amount(paid))]
        }
        payment::Event::PaymentFailed { .. } => vec![(payer, "PAYMENT_FAILED", vec![])],
        payment::Event::RefundCompleted { amount: refunded, .. } => vec![(payer, "REFUND_COMPLETED", amount(refunded))],
        payment::Event::PaymentRequested { .. }
        | payment::Event::PaymentConfirmStarted { .. }
        | payment::Event::PaymentOutcomeUnknown { .. }
        | payment::Event::ProviderNoticeReceived { .. }
        | payment::Event::PaymentExpired { .. }
        | payment::Event::PaymentVoided { .. }
        | payment::Event::RefundProposed { .. }
        | payment::Event::RefundRequested { .. }
        | payment::Event::RefundRetried { .. }
        | payment::Event::RefundUnknown { .. }
        | payment::Event::RefundFailed { .. }
        | payment::Event::EscrowReleased { .. }
        | payment::Event::PaymentSettled { .. }
        | payment::Event::PaymentUnsettled { .. } => vec![],
    }
}

fn of_payout(payout: PayoutId, happened: &payout::Event) -> Vec<Telling> {
    match happened {
        payout::Event::PayoutCompleted { amount: paid, .. } => vec![(Addressee::Payee(payout), "PAYOUT_PAID", amount(paid))],
        payout::Event::PayoutFailed { host, amount: due, .. } | payout::Event::PayoutReturned { host, amount: due, .. } => {
            vec![(Addressee::User(*host), "PAYOUT_FAILED", amount(due))]
        }
        payout::Event::PayoutRequested { .. } | payout::Event::PayoutUnknown { .. } | payout::Event::PayoutNoticeReceived { .. } => vec![],
    }
}

fn of_order(order: ShopOrderId, happened: &shop_order::Event) -> Vec<Telling> {
    let seller = Addressee::Seller(order);
    match happened {
        shop_order::Event::ShopOrderPaid { .. } => vec![(seller, "SHOP_ORDER_PAID", vec![])],
        shop_order::Event::ShopOrderShipped { .. } => vec![(Addressee::Buyer(order), "SHOP_ORDER_SHIPPED", vec![])],
        shop_order::Event::ReturnRequested { answer_due_at, .. } => {
            vec![(seller, "RETURN_REQUESTED", vec![moment("answerAt", answer_due_at)])]
        }
        shop_order::Event::ShopOrderPlaced { .. }
        | shop_order::Event::ShopOrderExpired {}
        | shop_order::Event::ShopOrderCancelled { .. }
        | shop_order::Event::ShopOrderCutShort { .. }
        | shop_order::Event::ShopOrderDelivered { .. }
        | shop_order::Event::ReturnDeclined { .. }
        | shop_order::Event::ReturnWithdrawn { .. }
        | shop_order::Event::ReturnApproved { .. }
        | shop_order::Event::ShopOrderCompleted { .. } => vec![],
    }
}

fn of_user(user: UserId, happened: &user::Event) -> Vec<Telling> {
    use user::Event as E;
    let template = match happened {
        E::PasswordChanged { .. } => "PASSWORD_CHANGED",
        E::EmailChanged { .. } => "EMAIL_CHANGED",
        E::DriverLicenceVerified { .. } => "LICENCE_VERIFIED",
        E::DriverLicenceRejected { .. } => "LICENCE_REJECTED",
        E::UserRegistered { .. }
        | E::RoleGranted { .. }
        | E::RoleRevoked { .. }
        | E::EmailVerified {}
        | E::PhoneVerified {}
        | E::SessionsRevoked { .. }
        | E::ProfileUpdated { .. }
        | E::ProfileImageSet { .. }
        | E::EmailChangeRequested { .. }
        | E::UserSuspended { .. }
        | E::UserReactivated {}
        | E::UserDeactivated {}
        | E::UserErasureRequested { .. }
        | E::UserErasureBlocked { .. }
        | E::UserErased { .. }
        | E::DriverLicenceSubmitted { .. }
        | E::DriverLicenceExpired {}
        | E::TermsAccepted { .. }
        | E::ConsentGranted { .. }
        | E::ConsentWithdrawn { .. }
        | E::PreferencesSet { .. } => return vec![],
    };
    vec![(Addressee::User(user), template, vec![])]
}

/// What leaves the house, now or when its time has come.
fn out(position: u64, user: UserId, happened: &inbox::Event) -> Reactions {
    use inbox::Event as E;
    let send = |notification, created, channels: &[Channel]| {
        let call = |channel: &Channel| Call::Deliver { user, notification, channel: *channel, created };
        channels.iter().map(call).map(Reaction::Effect).collect()
    };
    let wait = |notification, created, due| {
        let intent = Intent::ReleaseNotification { user, notification, created };
        vec![Reaction::Timer { key: format!("release:{notification}"), due, intent }]
    };
    match happened {
        E::NotificationCreated { notification, deliver_at: Some(due), .. } => wait(*notification, position, *due),
        E::NotificationCreated { notification, channels, deliver_at: None, .. } => send(*notification, position, channels),
        E::NotificationDeferred { notification, created, until } => wait(*notification, *created, *until),
        E::NotificationReleased { notification, created, channels, .. } => send(*notification, *created, channels),
        E::NotificationArchived { notification, .. } => vec![Reaction::CancelTimer { key: format!("release:{notification}") }],
        E::NotificationRead { .. } | E::AllNotificationsRead { .. } | E::DeliverySucceeded { .. } | E::DeliveryFailed { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
