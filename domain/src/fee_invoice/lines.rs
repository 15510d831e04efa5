//! The lines of an invoice, read off what was earned and given back.

use std::collections::BTreeMap;

use kernel::{Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::calendar::Month;
use crate::ids::PaymentId;
use crate::payable;
use crate::payment::split::vat_in;
use crate::purpose::Purpose;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeLineKind {
    /// A booking or order ended: its fee was earned.
    Earned,
    /// A refund after that: a part of its fee goes back.
    Returned,
}

/// One fee; negative where it goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeLine {
    /// What it is.
    pub kind: FeeLineKind,
    /// Of which payment.
    pub payment: PaymentId,
    /// For what.
    pub purpose: Purpose,
    /// What the payer paid or got back.
    pub gross: Money,
    /// The fee, VAT included.
    pub fee: Money,
    /// The VAT in it, as it was posted.
    pub vat: Money,
    /// The day it counts for.
    pub at: Timestamp,
}

/// Follows a payable from its beginning and yields the fees of it.
#[derive(Clone, Debug, Default)]
pub struct Fees {
    /// What is kept of the fee of each payment.
    kept: BTreeMap<PaymentId, (Purpose, Money)>,
}

impl Fees {
    /// The line that an event of the payable is; none where no fee moved. The VAT is that of cumulative rounding, as it was posted
    /// (domain.md §3.4: w = v before − v after).
    ///
    /// # Errors
    /// [`MoneyError`] when an amount leaves the range.
    pub fn line(&mut self, event: &payable::Event, at: Timestamp) -> Result<Option<FeeLine>, MoneyError> {
        match event {
            payable::Event::EarningCredited { earning } => {
                self.kept.insert(earning.payment, (earning.purpose, earning.fee));
                let (payment, purpose, gross, fee, at) = (earning.payment, earning.purpose, earning.gross, earning.fee, earning.earned_at);
                let line = FeeLine { kind: FeeLineKind::Earned, payment, purpose, gross, fee, vat: vat_in(fee)?, at };
                Ok((!fee.is_zero()).then_some(line))
            }
            payable::Event::EarningReversed { payment, amount, gross, .. } => {
                let Some((purpose, before)) = self.kept.get(payment).copied() else { return Ok(None) };
                let back = gross.minus(*amount)?;
                let after = before.minus(back)?;
                self.kept.insert(*payment, (purpose, after));
                let minus = |money: Money| money.with_minor(-money.minor());
                let vat = vat_in(before)?.minus(vat_in(after)?)?;
                let (kind, payment) = (FeeLineKind::Returned, *payment);
                let line = FeeLine { kind, payment, purpose, gross: minus(*gross), fee: minus(back), vat: minus(vat), at };
                Ok((!back.is_zero()).then_some(line))
            }
            payable::Event::LinesClaimed { .. }
            | payable::Event::LinesReleased { .. }
            | payable::Event::LinesOffset { .. }
            | payable::Event::PayoutReserved { .. }
            | payable::Event::PayoutClosed { .. }
            | payable::Event::Recredited { .. }
            | payable::Event::PayoutHeld { .. }
            | payable::Event::PayoutHeldBack { .. }
            | payable::Event::PayoutReleased { .. } => Ok(None),
        }
    }
}

/// The month whose invoice a payable's event is for, when it is for one.
#[must_use]
pub fn month_of(event: &payable::Event, occurred_at: Timestamp) -> Option<Month> {
    match event {
        payable::Event::EarningCredited { earning } => (!earning.fee.is_zero()).then(|| Month::of(earning.earned_at)),
        payable::Event::EarningReversed { amount, gross, .. } => (amount != gross).then(|| Month::of(occurred_at)),
        payable::Event::LinesClaimed { .. }
        | payable::Event::LinesReleased { .. }
        | payable::Event::LinesOffset { .. }
        | payable::Event::PayoutReserved { .. }
        | payable::Event::PayoutClosed { .. }
        | payable::Event::Recredited { .. }
        | payable::Event::PayoutHeld { .. }
        | payable::Event::PayoutHeldBack { .. }
        | payable::Event::PayoutReleased { .. } => None,
    }
}
