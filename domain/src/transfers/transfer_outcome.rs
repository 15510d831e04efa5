//! What a rule of transfers says, by name.

use super::answer::Outcome;

/// What became of a transfer. In the order in which the rules are looked at: the first that is broken is reported (docs/transfers.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferOutcome {
    /// Done.
    Created,
    /// The last item of a linked chain must not be linked itself.
    LinkedEventChainOpen,
    /// Another item of its linked chain was refused.
    LinkedEventFailed,
    /// Importing with a timestamp of the past is not supported.
    ImportedNotSupported,
    /// A flag that is not defined is set.
    ReservedFlag,
    /// The id must not be zero.
    IdMustNotBeZero,
    /// The id must not be 2^128-1.
    IdMustNotBeIntMax,
    /// The id exists with different flags.
    ExistsWithDifferentFlags,
    /// The id exists with a different pending id.
    ExistsWithDifferentPendingId,
    /// The id exists with a different timeout.
    ExistsWithDifferentTimeout,
    /// The id exists with a different debit account.
    ExistsWithDifferentDebitAccountId,
    /// The id exists with a different credit account.
    ExistsWithDifferentCreditAccountId,
    /// The id exists with a different amount.
    ExistsWithDifferentAmount,
    /// The id exists with a different user_data_128.
    ExistsWithDifferentUserData128,
    /// The id exists with a different user_data_64.
    ExistsWithDifferentUserData64,
    /// The id exists with a different user_data_32.
    ExistsWithDifferentUserData32,
    /// The id exists with a different ledger.
    ExistsWithDifferentLedger,
    /// The id exists with a different code.
    ExistsWithDifferentCode,
    /// It exists already, with the same fields.
    Exists,
    /// This id was refused before. Please use a new one.
    IdAlreadyFailed,
    /// These flags exclude each other.
    FlagsAreMutuallyExclusive,
    /// The debit account's id must not be zero.
    DebitAccountIdMustNotBeZero,
    /// The debit account's id must not be 2^128-1.
    DebitAccountIdMustNotBeIntMax,
    /// The credit account's id must not be zero.
    CreditAccountIdMustNotBeZero,
    /// The credit account's id must not be 2^128-1.
    CreditAccountIdMustNotBeIntMax,
    /// The two accounts must be different.
    AccountsMustBeDifferent,
    /// Only a transfer that posts or voids has a pending id.
    PendingIdMustBeZero,
    /// A transfer that posts or voids needs a pending id.
    PendingIdMustNotBeZero,
    /// The pending id must not be 2^128-1.
    PendingIdMustNotBeIntMax,
    /// The pending id must differ from the transfer's own.
    PendingIdMustBeDifferent,
    /// Only a pending transfer has a timeout.
    TimeoutReservedForPendingTransfer,
    /// A transfer that closes an account must be pending.
    ClosingTransferMustBePending,
    /// The ledger must not be zero.
    LedgerMustNotBeZero,
    /// The code must not be zero.
    CodeMustNotBeZero,
    /// The debit account does not exist.
    DebitAccountNotFound,
    /// The credit account does not exist.
    CreditAccountNotFound,
    /// The two accounts are of different ledgers.
    AccountsMustHaveTheSameLedger,
    /// The transfer's ledger is not that of its accounts.
    TransferMustHaveTheSameLedgerAsAccounts,
    /// The pending transfer does not exist.
    PendingTransferNotFound,
    /// The transfer that it names is not a pending one.
    PendingTransferNotPending,
    /// The pending transfer has a different debit account.
    PendingTransferHasDifferentDebitAccountId,
    /// The pending transfer has a different credit account.
    PendingTransferHasDifferentCreditAccountId,
    /// The pending transfer has a different ledger.
    PendingTransferHasDifferentLedger,
    /// The pending transfer has a different code.
    PendingTransferHasDifferentCode,
    /// The amount exceeds that of the pending transfer.
    ExceedsPendingTransferAmount,
    /// A void is of the whole pending amount.
    PendingTransferHasDifferentAmount,
    /// The pending transfer was posted already.
    PendingTransferAlreadyPosted,
    /// The pending transfer was voided already.
    PendingTransferAlreadyVoided,
    /// The pending transfer has expired.
    PendingTransferExpired,
    /// The debit account is closed.
    DebitAccountAlreadyClosed,
    /// The credit account is closed.
    CreditAccountAlreadyClosed,
    /// The debit account's pending debits would reach 2^127.
    OverflowsDebitsPending,
    /// The credit account's pending credits would reach 2^127.
    OverflowsCreditsPending,
    /// The debit account's posted debits would reach 2^127.
    OverflowsDebitsPosted,
    /// The credit account's posted credits would reach 2^127.
    OverflowsCreditsPosted,
    /// The debit account's pending and posted debits together would reach 2^127.
    OverflowsDebits,
    /// The credit account's pending and posted credits together would reach 2^127.
    OverflowsCredits,
    /// The time of expiry cannot be represented.
    OverflowsTimeout,
    /// The debit account's debits would exceed its credits.
    ExceedsCredits,
    /// The credit account's credits would exceed its debits.
    ExceedsDebits,
}

impl TransferOutcome {
    /// All of them, in order.
    pub const ALL: [Self; 60] = [
        Self::Created,
        Self::LinkedEventChainOpen,
        Self::LinkedEventFailed,
        Self::ImportedNotSupported,
        Self::ReservedFlag,
        Self::IdMustNotBeZero,
        Self::IdMustNotBeIntMax,
        Self::ExistsWithDifferentFlags,
        Self::ExistsWithDifferentPendingId,
        Self::ExistsWithDifferentTimeout,
        Self::ExistsWithDifferentDebitAccountId,
        Self::ExistsWithDifferentCreditAccountId,
        Self::ExistsWithDifferentAmount,
        Self::ExistsWithDifferentUserData128,
        Self::ExistsWithDifferentUserData64,
        Self::ExistsWithDifferentUserData32,
        Self::ExistsWithDifferentLedger,
        Self::ExistsWithDifferentCode,
        Self::Exists,
        Self::IdAlreadyFailed,
        Self::FlagsAreMutuallyExclusive,
        Self::DebitAccountIdMustNotBeZero,
        Self::DebitAccountIdMustNotBeIntMax,
        Self::CreditAccountIdMustNotBeZero,
        Self::CreditAccountIdMustNotBeIntMax,
        Self::AccountsMustBeDifferent,
        Self::PendingIdMustBeZero,
        Self::PendingIdMustNotBeZero,
        Self::PendingIdMustNotBeIntMax,
        Self::PendingIdMustBeDifferent,
        Self::TimeoutReservedForPendingTransfer,
        Self::ClosingTransferMustBePending,
        Self::LedgerMustNotBeZero,
        Self::CodeMustNotBeZero,
        Self::DebitAccountNotFound,
        Self::CreditAccountNotFound,
        Self::AccountsMustHaveTheSameLedger,
        Self::TransferMustHaveTheSameLedgerAsAccounts,
        Self::PendingTransferNotFound,
        Self::PendingTransferNotPending,
        Self::PendingTransferHasDifferentDebitAccountId,
        Self::PendingTransferHasDifferentCreditAccountId,
        Self::PendingTransferHasDifferentLedger,
        Self::PendingTransferHasDifferentCode,
        Self::ExceedsPendingTransferAmount,
        Self::PendingTransferHasDifferentAmount,
        Self::PendingTransferAlreadyPosted,
        Self::PendingTransferAlreadyVoided,
        Self::PendingTransferExpired,
        Self::DebitAccountAlreadyClosed,
        Self::CreditAccountAlreadyClosed,
        Self::OverflowsDebitsPending,
        Self::OverflowsCreditsPending,
        Self::OverflowsDebitsPosted,
        Self::OverflowsCreditsPosted,
        Self::OverflowsDebits,
        Self::OverflowsCredits,
        Self::OverflowsTimeout,
        Self::ExceedsCredits,
        Self::ExceedsDebits,
    ];

    /// Its public name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::LinkedEventChainOpen => "linked_event_chain_open",
            Self::LinkedEventFailed => "linked_event_failed",
            Self::ImportedNotSupported => "imported_not_supported",
            Self::ReservedFlag => "reserved_flag",
            Self::IdMustNotBeZero => "id_must_not_be_zero",
            Self::IdMustNotBeIntMax => "id_must_not_be_int_max",
            Self::ExistsWithDifferentFlags => "exists_with_different_flags",
            Self::ExistsWithDifferentPendingId => "exists_with_different_pending_id",
            Self::ExistsWithDifferentTimeout => "exists_with_different_timeout",
            Self::ExistsWithDifferentDebitAccountId => "exists_with_different_debit_account_id",
            Self::ExistsWithDifferentCreditAccountId => "exists_with_different_credit_account_id",
            Self::ExistsWithDifferentAmount => "exists_with_different_amount",
            Self::ExistsWithDifferentUserData128 => "exists_with_different_user_data_128",
            Self::ExistsWithDifferentUserData64 => "exists_with_different_user_data_64",
            Self::ExistsWithDifferentUserData32 => "exists_with_different_user_data_32",
            Self::ExistsWithDifferentLedger => "exists_with_different_ledger",
            Self::ExistsWithDifferentCode => "exists_with_different_code",
            Self::Exists => "exists",
            Self::IdAlreadyFailed => "id_already_failed",
            Self::FlagsAreMutuallyExclusive => "flags_are_mutually_exclusive",
            Self::DebitAccountIdMustNotBeZero => "debit_account_id_must_not_be_zero",
            Self::DebitAccountIdMustNotBeIntMax => "debit_account_id_must_not_be_int_max",
            Self::CreditAccountIdMustNotBeZero => "credit_account_id_must_not_be_zero",
            Self::CreditAccountIdMustNotBeIntMax => "credit_account_id_must_not_be_int_max",
            Self::AccountsMustBeDifferent => "accounts_must_be_different",
            Self::PendingIdMustBeZero => "pending_id_must_be_zero",
            Self::PendingIdMustNotBeZero => "pending_id_must_not_be_zero",
            Self::PendingIdMustNotBeIntMax => "pending_id_must_not_be_int_max",
            Self::PendingIdMustBeDifferent => "pending_id_must_be_different",
            Self::TimeoutReservedForPendingTransfer => "timeout_reserved_for_pending_transfer",
            Self::ClosingTransferMustBePending => "closing_transfer_must_be_pending",
            Self::LedgerMustNotBeZero => "ledger_must_not_be_zero",
            Self::CodeMustNotBeZero => "code_must_not_be_zero",
            Self::DebitAccountNotFound => "debit_account_not_found",
            Self::CreditAccountNotFound => "credit_account_not_found",
            Self::AccountsMustHaveTheSameLedger => "accounts_must_have_the_same_ledger",
            Self::TransferMustHaveTheSameLedgerAsAccounts => "transfer_must_have_the_same_ledger_as_accounts",
            Self::PendingTransferNotFound => "pending_transfer_not_found",
            Self::PendingTransferNotPending => "pending_transfer_not_pending",
            Self::PendingTransferHasDifferentDebitAccountId => "pending_transfer_has_different_debit_account_id",
            Self::PendingTransferHasDifferentCreditAccountId => "pending_transfer_has_different_credit_account_id",
            Self::PendingTransferHasDifferentLedger => "pending_transfer_has_different_ledger",
            Self::PendingTransferHasDifferentCode => "pending_transfer_has_different_code",
            Self::ExceedsPendingTransferAmount => "exceeds_pending_transfer_amount",
            Self::PendingTransferHasDifferentAmount => "pending_transfer_has_different_amount",
            Self::PendingTransferAlreadyPosted => "pending_transfer_already_posted",
            Self::PendingTransferAlreadyVoided => "pending_transfer_already_voided",
            Self::PendingTransferExpired => "pending_transfer_expired",
            Self::DebitAccountAlreadyClosed => "debit_account_already_closed",
            Self::CreditAccountAlreadyClosed => "credit_account_already_closed",
            Self::OverflowsDebitsPending => "overflows_debits_pending",
            Self::OverflowsCreditsPending => "overflows_credits_pending",
            Self::OverflowsDebitsPosted => "overflows_debits_posted",
            Self::OverflowsCreditsPosted => "overflows_credits_posted",
            Self::OverflowsDebits => "overflows_debits",
            Self::OverflowsCredits => "overflows_credits",
            Self::OverflowsTimeout => "overflows_timeout",
            Self::ExceedsCredits => "exceeds_credits",
            Self::ExceedsDebits => "exceeds_debits",
        }
    }

    /// Does the refusal depend on what may change? Then its id is refused for ever, so that a retry cannot change the outcome.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::DebitAccountNotFound
                | Self::CreditAccountNotFound
                | Self::PendingTransferNotFound
                | Self::ExceedsCredits
                | Self::ExceedsDebits
                | Self::DebitAccountAlreadyClosed
                | Self::CreditAccountAlreadyClosed
        )
    }
}

impl Outcome for TransferOutcome {
    const CREATED: Self = Self::Created;
    const CHAIN_OPEN: Self = Self::LinkedEventChainOpen;
    const CHAIN_FAILED: Self = Self::LinkedEventFailed;

    fn name(self) -> &'static str {
        Self::name(self)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}
