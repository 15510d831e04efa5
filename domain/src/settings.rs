//! Numbers that an operator may choose (domain.md §5, §9). What a decision uses of them is frozen into its event.

use kernel::{Currency, Money};

use crate::fee_invoice::Supplier;

/// Fees, windows and limits of one book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The currency of rentals.
    pub currency: Currency,
    /// The platform's fee on bookings in basis points, VAT included (K24, PAY-03).
    pub booking_fee_bps: u32,
    /// The platform's fee on sales in the shop in basis points, VAT included; nothing until one is set (domain.md §9).
    pub shop_fee_bps: u32,
    /// Rentals are charged per started increment of so many minutes (K14).
    pub billing_increment_minutes: u32,
    /// How many requests of one guest may wait for an answer at a time (BOOKING007).
    pub max_pending_per_guest: usize,
    /// A refund above this needs a second person (domain.md §3.4).
    pub refund_approval_limit: Money,
    /// What the payment provider charges of a payment in basis points, VAT included, as the operator's contract with it says. There is
    /// no default: the specification names no rate. Without one the fee of a reported row is taken as it is, as long as its parts add up.
    pub provider_fee_bps: Option<u32>,
    /// Earnings younger than so many days are not settled yet.
    pub holding_days: u32,
    /// Less than this is not paid out.
    pub minimum_payout: Money,
    /// Who invoices the fees.
    pub supplier: Supplier,
}

impl Default for Settings {
    fn default() -> Self {
        let won = |minor| Money::new(minor, Currency::Krw);
        Self {
            currency: Currency::Krw,
            booking_fee_bps: 1_500,
            shop_fee_bps: 0,
            billing_increment_minutes: 10,
            max_pending_per_guest: 50,
            refund_approval_limit: won(1_000_000),
            provider_fee_bps: None,
            holding_days: 7,
            minimum_payout: won(1_000),
            supplier: Supplier::default(),
        }
    }
}
