//! The flags of accounts and transfers, as the schema names them.

use async_graphql::Enum;
use domain::transfers::{AccountFlags, TransferFlags};

/// How a transfer is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TransferFlag {
    /// It stands and falls with the next one of its batch.
    Linked,
    /// It only holds the amount; another transfer posts or voids it.
    Pending,
    /// It posts a pending transfer, all or a part; the rest is free again.
    PostPendingTransfer,
    /// It voids a pending transfer.
    VoidPendingTransfer,
    /// At most as much as keeps the debit account within its credits.
    BalancingDebit,
    /// At most as much as keeps the credit account within its debits.
    BalancingCredit,
    /// It closes the debit account; voiding it opens the account again.
    ClosingDebit,
    /// It closes the credit account; voiding it opens the account again.
    ClosingCredit,
    /// Refused: timestamps come from the log alone.
    Imported,
}

const TRANSFER: [(TransferFlag, TransferFlags); 9] = [
    (TransferFlag::Linked, TransferFlags::LINKED),
    (TransferFlag::Pending, TransferFlags::PENDING),
    (TransferFlag::PostPendingTransfer, TransferFlags::POST_PENDING_TRANSFER),
    (TransferFlag::VoidPendingTransfer, TransferFlags::VOID_PENDING_TRANSFER),
    (TransferFlag::BalancingDebit, TransferFlags::BALANCING_DEBIT),
    (TransferFlag::BalancingCredit, TransferFlags::BALANCING_CREDIT),
    (TransferFlag::ClosingDebit, TransferFlags::CLOSING_DEBIT),
    (TransferFlag::ClosingCredit, TransferFlags::CLOSING_CREDIT),
    (TransferFlag::Imported, TransferFlags::IMPORTED),
];

impl TransferFlag {
    /// The flags that are set.
    pub fn of(flags: TransferFlags) -> Vec<Self> {
        TRANSFER.into_iter().filter(|(_, bit)| flags.has(*bit)).map(|(flag, _)| flag).collect()
    }

    /// The bits of a list.
    pub fn bits(flags: &[Self]) -> TransferFlags {
        let set = TRANSFER.into_iter().filter(|(flag, _)| flags.contains(flag));
        set.fold(TransferFlags::default(), |bits, (_, bit)| bits.with(bit))
    }
}

/// The rules of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AccountFlag {
    /// It is created together with the next one of its batch, or not at all.
    Linked,
    /// Its debits, pending ones included, stay within its posted credits.
    DebitsMustNotExceedCredits,
    /// Its credits, pending ones included, stay within its posted debits.
    CreditsMustNotExceedDebits,
    /// Its counters after each of its transfers are kept.
    History,
    /// Refused: timestamps come from the log alone.
    Imported,
    /// It is created closed.
    Closed,
}

const ACCOUNT: [(AccountFlag, AccountFlags); 6] = [
    (AccountFlag::Linked, AccountFlags::LINKED),
    (AccountFlag::DebitsMustNotExceedCredits, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS),
    (AccountFlag::CreditsMustNotExceedDebits, AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS),
    (AccountFlag::History, AccountFlags::HISTORY),
    (AccountFlag::Imported, AccountFlags::IMPORTED),
    (AccountFlag::Closed, AccountFlags::CLOSED),
];

impl AccountFlag {
    /// The flags that are set.
    pub fn of(flags: AccountFlags) -> Vec<Self> {
        ACCOUNT.into_iter().filter(|(_, bit)| flags.has(*bit)).map(|(flag, _)| flag).collect()
    }

    /// The bits of a list.
    pub fn bits(flags: &[Self]) -> AccountFlags {
        let set = ACCOUNT.into_iter().filter(|(flag, _)| flags.contains(flag));
        set.fold(AccountFlags::default(), |bits, (_, bit)| bits.with(bit))
    }
}
