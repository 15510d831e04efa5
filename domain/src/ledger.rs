//! The chart of accounts and the posting rules (domain.md §3.4): each entry a pure function of exactly one event.
//!
//! Only payments and payouts post. An amount of zero posts nothing; what does not balance cannot be constructed.

use kernel::{JournalEntry, Unbalanced};

use crate::ids::UserId;
use crate::purpose::Purpose;
use crate::{payment, payout};

/// What the payment provider holds for us.
pub const PSP_CLEARING: &str = "psp_clearing";
/// Refunds under way.
pub const REFUND_PAYABLE: &str = "refund_payable";
/// The platform's fees, net of VAT.
pub const FEE_REVENUE: &str = "fee_revenue";
/// VAT in the fees.
pub const VAT_PAYABLE: &str = "vat_payable";
/// Payouts under way.
pub const PAYOUT_IN_TRANSIT: &str = "payout_in_transit";
/// Our bank account.
pub const BANK: &str = "bank";

/// What the payment provider charges us, net of VAT.
pub const PSP_FEE_EXPENSE: &str = "psp_fee_expense";
/// The VAT in what the provider charges: it is given back to us.
pub const PSP_FEE_VAT: &str = "psp_fee_vat";
/// What the provider charged more (or less) than was agreed, until somebody has explained it.
pub const PSP_VARIANCE: &str = "psp_variance";
/// Money whose reason is not known yet.
pub const SUSPENSE: &str = "suspense";

/// Money of one booking or order that belongs to nobody yet.
#[must_use]
pub fn escrow(purpose: Purpose) -> String {
    match purpose {
        Purpose::Booking(booking) => format!("escrow:{}", booking.uuid()),
        Purpose::ShopOrder(order) => format!("order_escrow:{}", order.uuid()),
    }
}

/// What a host or a seller is owed; who is both has one account.
#[must_use]
pub fn host_payable(host: UserId) -> String {
    format!("host_payable:{}", host.uuid())
}

/// The class of an account: what its normal side is, and where reports put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountClass {
    /// Debit: what we hold.
    Asset,
    /// Credit: what we owe.
    Liability,
    /// Credit: what we earned.
    Income,
    /// Debit: what it cost.
    Expense,
}

impl AccountClass {
    /// Lower-case name, as reports filter by it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }
}

/// The accounts there are, by the part of the name before a colon, with their classes.
pub const CHART: [(&str, AccountClass); 13] = [
    (PSP_CLEARING, AccountClass::Asset),
    (BANK, AccountClass::Asset),
    ("escrow", AccountClass::Liability),
    ("order_escrow", AccountClass::Liability),
    (REFUND_PAYABLE, AccountClass::Liability),
    ("host_payable", AccountClass::Liability),
    (PAYOUT_IN_TRANSIT, AccountClass::Liability),
    (VAT_PAYABLE, AccountClass::Liability),
    (FEE_REVENUE, AccountClass::Income),
    (PSP_FEE_EXPENSE, AccountClass::Expense),
    (PSP_FEE_VAT, AccountClass::Asset),
    (PSP_VARIANCE, AccountClass::Expense),
    (SUSPENSE, AccountClass::Liability),
];

/// Families whose accounts belong to somebody: an aggregate guards each of them.
const OWNED: [&str; 3] = ["escrow", "order_escrow", "host_payable"];

/// Is it an account (or a family of accounts) that an aggregate guards?
#[must_use]
pub fn is_owned(account: &str) -> bool {
    OWNED.contains(&family_of(account))
}

/// What the chart knows an account by: the part of its name before a colon.
#[must_use]
pub fn family_of(account: &str) -> &str {
    account.split(':').next().unwrap_or_default()
}

/// The class of an account by name; `None` when the chart has no such account.
#[must_use]
pub fn class_of(account: &str) -> Option<AccountClass> {
    let family = family_of(account);
    CHART.into_iter().find(|(name, _)| *name == family).map(|(_, class)| class)
}

/// The reference under which a refund's entries are found.
fn refund_reference(refund: crate::ids::RefundId) -> String {
    refund.to_string()
}

/// What a payment's event posts.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up.
pub fn payment_entry(event: &payment::Event) -> Result<Option<JournalEntry>, Unbalanced> {
    use payment::Event as E;
    match event {
        E::PaymentCompleted { purpose, amount, paid_at, .. } => JournalEntry::draft("payment_completed", purpose, *paid_at)
            .debit(PSP_CLEARING, *amount)
            .credit(escrow(*purpose), *amount)
            .balance(),
        E::RefundRequested { refund, purpose, amount, released: false, at, .. } => {
            JournalEntry::draft("refund_requested", refund_reference(*refund), *at)
                .debit(escrow(*purpose), *amount)
                .credit(REFUND_PAYABLE, *amount)
                .balance()
        }
        E::RefundRequested { refund, host, amount, fee_share, vat_share, released: true, at, .. } => {
            let less = |a: &kernel::Money, b: &kernel::Money| a.with_minor(a.minor() - b.minor());
            JournalEntry::draft("refund_requested", refund_reference(*refund), *at)
                .debit(host_payable(*host), less(amount, fee_share))
                .debit(FEE_REVENUE, less(fee_share, vat_share))
                .debit(VAT_PAYABLE, *vat_share)
                .credit(REFUND_PAYABLE, *amount)
                .balance()
        }
        E::RefundCompleted { refund, amount, at, .. } => JournalEntry::draft("refund_completed", refund_reference(*refund), *at)
            .debit(REFUND_PAYABLE, *amount)
            .credit(PSP_CLEARING, *amount)
            .balance(),
        E::EscrowReleased { purpose, host, amount, fee, vat, net, at } => JournalEntry::draft("escrow_released", purpose, *at)
            .debit(escrow(*purpose), *amount)
            .credit(FEE_REVENUE, fee.with_minor(fee.minor() - vat.minor()))
            .credit(VAT_PAYABLE, *vat)
            .credit(host_payable(*host), *net)
            .balance(),
        E::PaymentRequested { .. }
        | E::PaymentConfirmStarted { .. }
        | E::PaymentFailed { .. }
        | E::PaymentOutcomeUnknown { .. }
        | E::ProviderNoticeReceived { .. }
        | E::PaymentExpired { .. }
        | E::PaymentVoided { .. }
        | E::RefundProposed { .. }
        | E::RefundRetried { .. }
        | E::RefundFailed { .. }
        | E::RefundUnknown { .. }
        | E::PaymentSettled { .. }
        | E::PaymentUnsettled { .. } => Ok(None),
    }
}

/// What a payout's event posts.
///
/// # Errors
/// [`Unbalanced`] when the event's amounts do not add up.
pub fn payout_entry(event: &payout::Event) -> Result<Option<JournalEntry>, Unbalanced> {
    use payout::Event as E;
    match event {
        E::PayoutRequested { payout, host, amount, at, .. } => JournalEntry::draft("payout_requested", payout, *at)
            .debit(host_payable(*host), *amount)
            .credit(PAYOUT_IN_TRANSIT, *amount)
            .balance(),
        E::PayoutCompleted { payout, amount, at, .. } => {
            JournalEntry::draft("payout_completed", payout, *at).debit(PAYOUT_IN_TRANSIT, *amount).credit(BANK, *amount).balance()
        }
        E::PayoutFailed { payout, host, amount, at, .. } => JournalEntry::draft("payout_failed", payout, *at)
            .debit(PAYOUT_IN_TRANSIT, *amount)
            .credit(host_payable(*host), *amount)
            .reversing(payout)
            .balance(),
        E::PayoutReturned { payout, host, amount, at, .. } => JournalEntry::draft("payout_returned", payout, *at)
            .debit(BANK, *amount)
            .credit(host_payable(*host), *amount)
            .reversing(payout)
            .balance(),
        E::PayoutUnknown { .. } | E::PayoutNoticeReceived { .. } => Ok(None),
    }
}

#[cfg(test)]
mod tests;
