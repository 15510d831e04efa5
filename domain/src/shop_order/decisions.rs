//! Decisions of [`ShopOrder`], one function per intent.

use kernel::jiff::SignedDuration;
use kernel::{Money, Personal, Timestamp};

use super::{
    ANSWER_WINDOW, Address, CancelledBy, DELIVERY_WINDOW, Deal, Event, MAX_LINES, MAX_QUANTITY, PAYMENT_WINDOW, REST_WINDOW, RETURN_WINDOW,
    Refusal, Returning, ShopOrder, Status, Terms, Tracking, Units, sum,
};
use crate::ids::{PaymentId, ProductId, UserId};

impl ShopOrder {
    /// What was agreed, unless there is no such order.
    #[must_use]
    pub fn deal(&self) -> Option<&Deal> {
        match self {
            Self::Absent => None,
            Self::Placed { deal, .. }
            | Self::Paid { deal, .. }
            | Self::Shipped { deal, .. }
            | Self::Delivered { deal, .. }
            | Self::Completed { deal, .. }
            | Self::Returned { deal }
            | Self::Cancelled { deal }
            | Self::Expired { deal } => Some(deal),
        }
    }

    /// The terms, unless there is no such order.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        self.deal().map(|deal| &deal.terms)
    }

    /// Where it stands, unless there is no such order.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        Some(match self {
            Self::Absent => return None,
            Self::Placed { .. } => Status::Placed,
            Self::Paid { shipped, .. } if shipped.is_empty() => Status::Paid,
            Self::Paid { .. } => Status::PartiallyShipped,
            Self::Shipped { .. } => Status::Shipped,
            Self::Delivered { .. } => Status::Delivered,
            Self::Completed { .. } => Status::Completed,
            Self::Returned { .. } => Status::Returned,
            Self::Cancelled { .. } => Status::Cancelled,
            Self::Expired { .. } => Status::Expired,
        })
    }

    /// Units of a product that are promised and have not left (S2).
    #[must_use]
    pub fn unshipped(&self, product: ProductId) -> u32 {
        let ordered = |deal: &Deal| deal.terms.line(product).map_or(0, |line| line.quantity);
        match self {
            Self::Placed { deal, .. } => ordered(deal),
            Self::Paid { deal, shipped, .. } => ordered(deal).saturating_sub(shipped.get(&product).copied().unwrap_or_default()),
            Self::Absent
            | Self::Shipped { .. }
            | Self::Delivered { .. }
            | Self::Completed { .. }
            | Self::Returned { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. } => 0,
        }
    }

    fn wrong_state(&self) -> Refusal {
        match self {
            Self::Absent => Refusal::NotFound,
            _ => Refusal::WrongState,
        }
    }

    pub(super) fn place(
        &self,
        terms: Box<Terms>,
        address: Personal<Address>,
        payment: PaymentId,
        expected_total: Option<Money>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if !matches!(self, Self::Absent) {
            return Err(Refusal::WrongState);
        }
        if let Some(expected) = expected_total {
            if expected.currency() != terms.total.currency() {
                return Err(Refusal::WrongCurrency);
            }
            if expected != terms.total {
                return Err(Refusal::PriceChanged);
            }
        }
        Ok(vec![Event::ShopOrderPlaced { terms, address, payment, payment_due_at: after(now, PAYMENT_WINDOW) }])
    }

    pub(super) fn expire(&self, now: Timestamp) -> Vec<Event> {
        match self {
            Self::Placed { due_at, .. } if now >= *due_at => vec![Event::ShopOrderExpired {}],
            _ => Vec::new(),
        }
    }

    pub(super) fn cancel(
        &self,
        by: CancelledBy,
        person: UserId,
        reason: Personal<String>,
        left: Money,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let refund = match self {
            Self::Placed { deal, .. } => deal.terms.total.with_minor(0),
            Self::Paid { deal, shipped, .. } if shipped.is_empty() => deal.terms.total.min(left),
            // The seller may still send the rest; a buyer who waits for it has to until it is late.
            Self::Paid { rest_due_at, .. } if by == CancelledBy::Buyer && rest_due_at.is_none_or(|due_at| now < due_at) => {
                return Err(Refusal::WrongState);
            }
            Self::Paid { deal, shipped, .. } => return cut(deal, shipped, Some((person, reason)), left, now),
            _ => return Err(self.wrong_state()),
        };
        Ok(vec![Event::ShopOrderCancelled { by, person, reason, refund }])
    }

    pub(super) fn cut_short(&self, left: Money, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        match self {
            Self::Paid { deal, shipped, rest_due_at: Some(due_at) } if now >= *due_at => cut(deal, shipped, None, left, now),
            // A timer that comes late has nothing to do.
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn ship(&self, listed: &[(ProductId, u32)], tracking: Personal<Tracking>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Self::Paid { deal, shipped, rest_due_at } = self else { return Err(self.wrong_state()) };
        let (units, complete) = take(&deal.terms, shipped, listed)?;
        let delivery_due_at = complete.then(|| after(now, DELIVERY_WINDOW));
        // Further parcels give no more time.
        let rest_due_at = (!complete).then(|| rest_due_at.unwrap_or_else(|| after(now, REST_WINDOW)));
        Ok(vec![Event::ShopOrderShipped { units, tracking, complete, shipped_at: now, delivery_due_at, rest_due_at }])
    }

    pub(super) fn deliver(&self, by: Option<UserId>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let early = |due_at: &Timestamp| by.is_none() && now < *due_at;
        match self {
            Self::Shipped { delivery_due_at, .. } if early(delivery_due_at) => Ok(Vec::new()),
            Self::Shipped { .. } => {
                Ok(vec![Event::ShopOrderDelivered { delivered_at: now, confirm_due_at: after(now, RETURN_WINDOW), by }])
            }
            // A timer that comes late has nothing to do.
            _ if by.is_none() => Ok(Vec::new()),
            _ => Err(self.wrong_state()),
        }
    }

    pub(super) fn request_return(
        &self,
        listed: &[(ProductId, u32)],
        reason: Personal<String>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let (deal, delivered_at, returned) = match self {
            Self::Delivered { deal, delivered_at, returned, returning: None, .. } => (deal, delivered_at, returned),
            // It was delivered, and the time to return is over.
            Self::Completed { .. } => return Err(Refusal::TooLateToReturn),
            _ => return Err(self.wrong_state()),
        };
        // The timer may be late, the rule is not.
        if now > after(*delivered_at, RETURN_WINDOW) {
            return Err(Refusal::TooLateToReturn);
        }
        // What never left cannot come back.
        let (units, _) = take(&deal.terms, &sum(returned.clone(), &deal.cut), listed)?;
        Ok(vec![Event::ReturnRequested { units, reason, answer_due_at: after(now, ANSWER_WINDOW) }])
    }

    pub(super) fn approve_return(&self, by: UserId, left: Money, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Self::Delivered { deal, returned, returning: Some(Returning { units, .. }), confirm_due_at, .. } = self else {
            return Err(self.wrong_state());
        };
        let refund = worth(&deal.terms, units)?.min(left);
        let back: u32 = returned.values().chain(units.values()).chain(deal.cut.values()).sum();
        let complete = back >= deal.terms.units();
        let confirm_due_at = now.max(*confirm_due_at);
        Ok(vec![Event::ReturnApproved { units: units.clone(), refund, complete, confirm_due_at, by }])
    }

    pub(super) fn decline_return(&self, by: UserId, reason: Personal<String>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Self::Delivered { returning: Some(_), confirm_due_at, .. } = self else { return Err(self.wrong_state()) };
        Ok(vec![Event::ReturnDeclined { by: Some(by), reason: Some(reason), confirm_due_at: now.max(*confirm_due_at) }])
    }

    pub(super) fn withdraw_return(&self, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Self::Delivered { returning: Some(_), confirm_due_at, .. } = self else { return Err(self.wrong_state()) };
        Ok(vec![Event::ReturnWithdrawn { confirm_due_at: now.max(*confirm_due_at) }])
    }

    pub(super) fn lapse_return(&self, now: Timestamp) -> Vec<Event> {
        match self {
            Self::Delivered { returning: Some(Returning { due_at, .. }), confirm_due_at, .. } if now >= *due_at => {
                vec![Event::ReturnDeclined { by: None, reason: None, confirm_due_at: now.max(*confirm_due_at) }]
            }
            _ => Vec::new(),
        }
    }

    /// A return that waits for the seller keeps the money in escrow.
    pub(super) fn complete(&self, now: Timestamp) -> Vec<Event> {
        match self {
            Self::Delivered { confirm_due_at, returning: None, .. } if now >= *confirm_due_at => {
                vec![Event::ShopOrderCompleted { completed_at: now }]
            }
            _ => Vec::new(),
        }
    }
}

fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Ends a partly shipped order with what left: the price of the rest goes back.
fn cut(
    deal: &Deal,
    shipped: &Units,
    person: Option<(UserId, Personal<String>)>,
    left: Money,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let (units, _) = take(&deal.terms, shipped, &[])?;
    let refund = worth(&deal.terms, &units)?.min(left);
    let (by, reason) = person.unzip();
    Ok(vec![Event::ShopOrderCutShort { units, refund, by, reason, delivery_due_at: after(now, DELIVERY_WINDOW) }])
}

/// What the units cost when they were ordered.
fn worth(terms: &Terms, units: &Units) -> Result<Money, Refusal> {
    let zero = terms.total.with_minor(0);
    let amount = |(product, quantity): (&ProductId, &u32)| {
        let price = terms.line(*product).map_or(zero, |line| line.unit_price);
        price.ratio(i128::from(*quantity), 1)
    };
    Ok(units.iter().map(amount).try_fold(zero, |total, part| total.plus(part?))?)
}

/// The units that somebody listed, when the order has so many beside those that are `gone`; and whether nothing is left then.
/// Nothing listed means all that is left.
fn take(terms: &Terms, gone: &Units, listed: &[(ProductId, u32)]) -> Result<(Units, bool), Refusal> {
    let left = |product: &ProductId| {
        let ordered = terms.line(*product).map_or(0, |line| line.quantity);
        ordered.saturating_sub(gone.get(product).copied().unwrap_or_default())
    };
    if listed.len() > MAX_LINES {
        return Err(Refusal::BadInput("lines"));
    }
    let mut units = Units::new();
    for (index, (product, quantity)) in listed.iter().enumerate() {
        let fits = (1..=MAX_QUANTITY).contains(quantity) && *quantity <= left(product);
        if !fits || units.insert(*product, *quantity).is_some() {
            return Err(Refusal::BadQuantity(index));
        }
    }
    if listed.is_empty() {
        units = terms.lines.iter().map(|line| (line.product, left(&line.product))).filter(|(_, quantity)| *quantity > 0).collect();
    }
    if units.is_empty() {
        return Err(Refusal::WrongState);
    }
    let complete = terms.lines.iter().all(|line| left(&line.product) == units.get(&line.product).copied().unwrap_or_default());
    Ok((units, complete))
}
