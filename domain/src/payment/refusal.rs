//! Why a payment says no.

use kernel::{MoneyError, Refused};

/// One variant per rule (domain.md §4, PAY).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such payment.
    #[error("no such payment")]
    NotFound,
    /// No such refund.
    #[error("no such refund")]
    RefundNotFound,
    /// The amount is in another currency.
    #[error("the amount is in another currency")]
    WrongCurrency,
    /// Not more than nothing.
    #[error("the amount is not positive")]
    NotPositive,
    /// A provider's key is empty, too long or malformed.
    #[error("the payment key is malformed")]
    BadKey,
    /// Amount or order are not what was agreed.
    #[error("amount or order differ from what was agreed")]
    Mismatch,
    /// Paid already, or no longer wanted.
    #[error("the payment is not pending")]
    NotPending,
    /// The payment was asked for already.
    #[error("a payment for this is open already")]
    AnotherOpen,
    /// The payment window is over.
    #[error("the payment window is over")]
    PastDue,
    /// The outcome of an earlier attempt is being found out.
    #[error("the outcome of an earlier attempt is being found out")]
    InProgress,
    /// Refunds would exceed what was captured.
    #[error("refunds would exceed what was captured")]
    ExceedsPaid,
    /// The same person proposed it.
    #[error("the same person proposed it")]
    SamePerson,
    /// The amount leaves the range of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("SYS007", &["paymentId"]),
            Self::RefundNotFound => Refused::at("SYS007", &["refundId"]),
            Self::WrongCurrency => Refused::at("SYS003", &["amount", "currency"]),
            Self::NotPositive => Refused::at("SYS003", &["amount", "amount"]),
            Self::BadKey => Refused::at("SYS003", &["paymentKey"]),
            Self::Mismatch => Refused::at("PAY002", &["amount"]),
            Self::NotPending => Refused::code("PAY003"),
            Self::AnotherOpen => Refused::code("PAY009"),
            Self::PastDue => Refused::code("PAY004"),
            Self::InProgress => Refused::code("PAY008"),
            Self::ExceedsPaid => Refused::at("PAY006", &["amount"]),
            Self::SamePerson => Refused::code("SETTLE003"),
            Self::Money(_) => Refused::at("SYS003", &["amount"]),
        }
    }
}
