//! What the end of a booking does to its slot, its payment and its host's payable, always in the append that ends it
//! (domain.md §3.4, "Escrow is part of the payment's stream").

use domain::booking::{self, Booking};
use domain::ids::{BookingId, PaymentId, RefundId};
use domain::payable::{self, Earning, Payable};
use domain::payment::{self, Payment, RefundCause};
use domain::pending::{self, PendingRequests};
use domain::vehcal::{self, VehicleCalendar};
use eventlog::{Loaded, Session, Stop};
use kernel::{Money, Personal};

/// What becomes of a payment that nobody made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnpaid {
    /// Its window is over.
    Expire,
    /// It is no longer wanted.
    Void,
}

/// How a booking ends without a trip.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    unpaid: IfUnpaid,
    /// What the guest gets back of what was paid, and under which id.
    refund: Option<(RefundId, Money)>,
}

impl Ending {
    /// Nothing was paid.
    #[must_use]
    pub const fn unpaid(unpaid: IfUnpaid) -> Self {
        Self { unpaid, refund: None }
    }

    /// With the refund that the cancellation froze.
    #[must_use]
    pub fn cancelled(events: &[booking::Event], refund: RefundId) -> Self {
        let amount = events.iter().find_map(|event| match event {
            booking::Event::BookingCancelled { refund, .. } => Some(*refund),
            _ => None,
        });
        Self { unpaid: IfUnpaid::Void, refund: amount.map(|amount| (refund, amount)) }
    }
}

/// Frees the slot, ends the waiting, and settles the payment of a booking that ended without a trip.
///
/// # Errors
/// Of the log, or amounts out of range.
pub async fn end_booking(s: &Session, id: BookingId, booking: &Loaded<Booking>, ending: &Ending) -> Result<(), Stop> {
    let Some(terms) = booking.terms() else { return Ok(()) };
    let mut calendar = s.load::<VehicleCalendar>(terms.vehicle.uuid()).await?;
    s.decide(&mut calendar, vehcal::Command::ReleaseSlot(id))?;
    let mut waiting = s.load::<PendingRequests>(terms.guest.uuid()).await?;
    s.decide(&mut waiting, pending::Command::Close { booking: id })?;
    let Some(payment_id) = booking.payment() else { return Ok(()) };
    let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
    s.decide(
        &mut payment,
        match ending.unpaid {
            IfUnpaid::Expire => payment::Command::Expire,
            IfUnpaid::Void => payment::Command::Void,
        },
    )?;
    let captured = payment.phase().is_some_and(payment::Phase::captured);
    // The policy speaks of the whole payment: what was given back before counts towards it.
    let refunded = payment.refunded().map_or(0, Money::minor);
    let owed = ending.refund.map(|(refund, amount)| (refund, amount.with_minor(amount.minor() - refunded)));
    if let Some((refund, amount)) = owed.filter(|(_, amount)| captured && amount.is_positive()) {
        request_refund(s, payment_id, &mut payment, RefundOrder::system(refund, amount, RefundCause::Cancellation)).await?;
    }
    release(s, payment_id, &mut payment).await
}

/// Ends the slot and gives host and platform what is in escrow, after a trip.
///
/// # Errors
/// Of the log, or amounts out of range.
pub async fn complete_booking(s: &Session, id: BookingId, booking: &Loaded<Booking>) -> Result<(), Stop> {
    let (Some(terms), Some(payment_id)) = (booking.terms(), booking.payment()) else { return Ok(()) };
    let mut calendar = s.load::<VehicleCalendar>(terms.vehicle.uuid()).await?;
    s.decide(&mut calendar, vehcal::Command::EndSlot(id))?;
    let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
    release(s, payment_id, &mut payment).await
}

/// A refund that is asked for.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// Its new id.
    pub refund: RefundId,
    /// How much; none: all that is left.
    pub amount: Option<Money>,
    /// Why.
    pub cause: RefundCause,
    /// In somebody's words.
    pub reason: Option<Personal<String>>,
    /// Who asks, when a person does, and above which amount a second one must agree.
    pub by: Option<(domain::ids::UserId, Money)>,
}

impl RefundOrder {
    fn system(refund: RefundId, amount: Money, cause: RefundCause) -> Self {
        Self { refund, amount: Some(amount), cause, reason: None, by: None }
    }
}

/// Asks for a refund; what the host had earned of it is taken back in the same append.
///
/// # Errors
/// PAY006, SYS003.
pub async fn request_refund(s: &Session, payment_id: PaymentId, payment: &mut Loaded<Payment>, order: RefundOrder) -> Result<(), Stop> {
    let RefundOrder { refund, amount, cause, reason, by } = order;
    let (by, limit) = by.unzip();
    let events = s.decide(payment, payment::Command::RequestRefund { refund, amount, cause, reason, by, limit })?;
    reverse_earnings(s, payment_id, &events).await
}

/// Mirrors refunds after the escrow's release on the host's payable.
///
/// # Errors
/// Of the log.
pub async fn reverse_earnings(s: &Session, payment_id: PaymentId, events: &[payment::Event]) -> Result<(), Stop> {
    for event in events {
        if let payment::Event::RefundRequested { refund, host, amount: gross, fee_share, released: true, .. } = event {
            let amount = gross.with_minor(gross.minor() - fee_share.minor());
            let mut payable = s.load::<Payable>(host.uuid()).await?;
            let reverse = payable::Command::Reverse { payment: payment_id, refund: *refund, amount, gross: *gross };
            s.decide(&mut payable, reverse)?;
        }
    }
    Ok(())
}

/// Releases what is left in escrow and credits the host's part to their payable.
async fn release(s: &Session, payment_id: PaymentId, payment: &mut Loaded<Payment>) -> Result<(), Stop> {
    for event in s.decide(payment, payment::Command::ReleaseEscrow)? {
        if let payment::Event::EscrowReleased { booking, host, amount: gross, fee, net, at, .. } = event {
            let earning = Earning { payment: payment_id, booking, gross, fee, net, earned_at: at };
            let mut payable = s.load::<Payable>(host.uuid()).await?;
            s.decide(&mut payable, payable::Command::Credit(earning))?;
        }
    }
    Ok(())
}
