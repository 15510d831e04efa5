//! What a booking or an order does to its payment, and its end to the payable of who earned it, always in the append that
//! does it (domain.md §3.4, "Escrow is part of the payment's stream").

use domain::ids::{PaymentId, RefundId, UserId};
use domain::payable::{self, Earning, Payable};
use domain::payment::{self, Payment, RefundCause};
use domain::purpose::Purpose;
use eventlog::{Loaded, Session, Stop};
use kernel::{Money, Personal, Timestamp};

/// What becomes of a payment that nobody made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnpaid {
    /// Its window is over.
    Expire,
    /// It is no longer wanted.
    Void,
}

/// How something that was bought ends before it is delivered.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    unpaid: IfUnpaid,
    /// What the payer gets back of what was paid, and under which id.
    refund: Option<(RefundId, Money)>,
}

impl Ending {
    /// Nothing was paid.
    #[must_use]
    pub const fn unpaid(unpaid: IfUnpaid) -> Self {
        Self { unpaid, refund: None }
    }

    /// It was called off, and so much of what was paid goes back.
    #[must_use]
    pub fn cancelled(refund: RefundId, amount: Option<Money>) -> Self {
        Self { unpaid: IfUnpaid::Void, refund: amount.map(|amount| (refund, amount)) }
    }
}

/// What is to be paid.
#[derive(Clone, Copy, Debug)]
pub struct Bill {
    /// For what.
    pub purpose: Purpose,
    /// Who pays.
    pub payer: UserId,
    /// Who earns it: the host, or the seller.
    pub earner: UserId,
    /// How much.
    pub amount: Money,
    /// The platform's share of it, VAT included.
    pub fee: Money,
    /// End of the payment window.
    pub due_at: Timestamp,
}

/// Asks for a payment, in the append that makes it due.
///
/// # Errors
/// PAY009.
pub async fn ask(s: &Session, payment_id: PaymentId, bill: Bill) -> Result<(), Stop> {
    let Bill { purpose, payer, earner: host, amount, fee, due_at } = bill;
    let order_id = payment::notice::order_number(payment_id);
    let order = payment::Order { purpose, payer, host, order_id, amount, fee, due_at };
    let mut payment = s.fresh::<Payment>(payment_id.uuid()).await?;
    s.decide(&mut payment, payment::Command::Request(Box::new(order)))?;
    Ok(())
}

/// Ends a payment with what it was for: unpaid, it is wanted no longer; paid, the refund goes back and the rest is released.
///
/// # Errors
/// Of the log, or amounts out of range.
pub async fn close(s: &Session, payment_id: PaymentId, ending: &Ending) -> Result<(), Stop> {
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
    release_left(s, payment_id, &mut payment).await
}

/// Gives who earned it and the platform what is left in escrow.
///
/// # Errors
/// Of the log, or amounts out of range.
pub async fn release(s: &Session, payment_id: PaymentId) -> Result<(), Stop> {
    let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
    release_left(s, payment_id, &mut payment).await
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
    pub by: Option<(UserId, Money)>,
}

impl RefundOrder {
    /// A refund that a rule asks for.
    #[must_use]
    pub const fn system(refund: RefundId, amount: Money, cause: RefundCause) -> Self {
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

/// Releases what is left in escrow and credits the part of who earned it to their payable.
async fn release_left(s: &Session, payment_id: PaymentId, payment: &mut Loaded<Payment>) -> Result<(), Stop> {
    for event in s.decide(payment, payment::Command::ReleaseEscrow)? {
        if let payment::Event::EscrowReleased { purpose, host, amount: gross, fee, net, at, .. } = event {
            let earning = Earning { payment: payment_id, purpose, gross, fee, net, earned_at: at };
            let mut payable = s.load::<Payable>(host.uuid()).await?;
            s.decide(&mut payable, payable::Command::Credit(earning))?;
        }
    }
    Ok(())
}
