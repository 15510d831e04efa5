//! What buyer and seller agreed on when the order was placed.

use kernel::{Money, MoneyError};
use serde::{Deserialize, Serialize};

use super::Units;
use crate::ids::{ProductId, UserId};

/// So many units of one product, at the price of that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Which product.
    pub product: ProductId,
    /// What it was called.
    pub name: String,
    /// How many units.
    pub quantity: u32,
    /// Of one unit.
    pub unit_price: Money,
    /// Of all of them.
    pub amount: Money,
}

impl OrderLine {
    /// A line at today's price.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn new(product: ProductId, name: String, quantity: u32, unit_price: Money) -> Result<Self, MoneyError> {
        Ok(Self { product, name, quantity, unit_price, amount: unit_price.ratio(i128::from(quantity), 1)? })
    }
}

/// Frozen when the order is placed: nothing of it changes when a product or its price does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Who buys.
    pub buyer: UserId,
    /// Who sells all of it.
    pub seller: UserId,
    /// What, in the order in which the buyer listed it.
    pub lines: Vec<OrderLine>,
    /// Σ lines: what the buyer pays (S3).
    pub total: Money,
    /// The platform's share of it, VAT included.
    pub platform_fee: Money,
    /// The seller's share.
    pub seller_amount: Money,
    /// The platform's share in basis points.
    pub fee_bps: u32,
}

impl Terms {
    /// Adds up the lines of an order and shares their total; the fee is rounded half up.
    ///
    /// # Errors
    /// [`MoneyError`] when the total leaves the range of money, or a line is in another currency.
    pub fn new(buyer: UserId, seller: UserId, lines: Vec<OrderLine>, zero: Money, fee_bps: u32) -> Result<Self, MoneyError> {
        let total = lines.iter().try_fold(zero, |sum, line| sum.plus(line.amount))?;
        let platform_fee = total.basis_points(fee_bps)?;
        Ok(Self { buyer, seller, lines, total, platform_fee, seller_amount: total.minus(platform_fee)?, fee_bps })
    }

    /// Is the person the buyer or the seller?
    #[must_use]
    pub fn is_party(&self, user: UserId) -> bool {
        user == self.buyer || user == self.seller
    }

    /// The line of a product.
    #[must_use]
    pub fn line(&self, product: ProductId) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.product == product)
    }

    /// What was ordered, by product.
    #[must_use]
    pub fn by_product(&self) -> Units {
        self.lines.iter().map(|line| (line.product, line.quantity)).collect()
    }

    /// Units in all.
    #[must_use]
    pub fn units(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}
