//! The results of accounts and transfers, as the schema names them.

use async_graphql::Enum;

/// What became of an account; the first rule that is broken is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::transfers::AccountOutcome")]
pub enum CreateAccountOutcome {
    /// Done.
    #[graphql(name = "CREATED")]
    Created,
    /// The last item of a linked chain must not be linked itself.
    #[graphql(name = "LINKED_EVENT_CHAIN_OPEN")]
    LinkedEventChainOpen,
    /// Another item of its linked chain was refused.
    #[graphql(name = "LINKED_EVENT_FAILED")]
    LinkedEventFailed,
    /// Importing with a timestamp of the past is not supported.
    #[graphql(name = "IMPORTED_NOT_SUPPORTED")]
    ImportedNotSupported,
    /// A flag that is not defined is set.
    #[graphql(name = "RESERVED_FLAG")]
    ReservedFlag,
    /// The id must not be zero.
    #[graphql(name = "ID_MUST_NOT_BE_ZERO")]
    IdMustNotBeZero,
    /// The id must not be 2^128-1.
    #[graphql(name = "ID_MUST_NOT_BE_INT_MAX")]
    IdMustNotBeIntMax,
    /// The id exists with different flags.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_FLAGS")]
    ExistsWithDifferentFlags,
    /// The id exists with a different user_data_128.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_128")]
    ExistsWithDifferentUserData128,
    /// The id exists with a different user_data_64.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_64")]
    ExistsWithDifferentUserData64,
    /// The id exists with a different user_data_32.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_32")]
    ExistsWithDifferentUserData32,
    /// The id exists with a different ledger.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_LEDGER")]
    ExistsWithDifferentLedger,
    /// The id exists with a different code.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_CODE")]
    ExistsWithDifferentCode,
    /// It exists already, with the same fields.
    #[graphql(name = "EXISTS")]
    Exists,
    /// These flags exclude each other.
    #[graphql(name = "FLAGS_ARE_MUTUALLY_EXCLUSIVE")]
    FlagsAreMutuallyExclusive,
    /// The ledger must not be zero.
    #[graphql(name = "LEDGER_MUST_NOT_BE_ZERO")]
    LedgerMustNotBeZero,
    /// The code must not be zero.
    #[graphql(name = "CODE_MUST_NOT_BE_ZERO")]
    CodeMustNotBeZero,
}

/// What became of a transfer; the first rule that is broken is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::transfers::TransferOutcome")]
pub enum CreateTransferOutcome {
    /// Done.
    #[graphql(name = "CREATED")]
    Created,
    /// The last item of a linked chain must not be linked itself.
    #[graphql(name = "LINKED_EVENT_CHAIN_OPEN")]
    LinkedEventChainOpen,
    /// Another item of its linked chain was refused.
    #[graphql(name = "LINKED_EVENT_FAILED")]
    LinkedEventFailed,
    /// Importing with a timestamp of the past is not supported.
    #[graphql(name = "IMPORTED_NOT_SUPPORTED")]
    ImportedNotSupported,
    /// A flag that is not defined is set.
    #[graphql(name = "RESERVED_FLAG")]
    ReservedFlag,
    /// The id must not be zero.
    #[graphql(name = "ID_MUST_NOT_BE_ZERO")]
    IdMustNotBeZero,
    /// The id must not be 2^128-1.
    #[graphql(name = "ID_MUST_NOT_BE_INT_MAX")]
    IdMustNotBeIntMax,
    /// The id exists with different flags.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_FLAGS")]
    ExistsWithDifferentFlags,
    /// The id exists with a different pending id.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_PENDING_ID")]
    ExistsWithDifferentPendingId,
    /// The id exists with a different timeout.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_TIMEOUT")]
    ExistsWithDifferentTimeout,
    /// The id exists with a different debit account.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID")]
    ExistsWithDifferentDebitAccountId,
    /// The id exists with a different credit account.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID")]
    ExistsWithDifferentCreditAccountId,
    /// The id exists with a different amount.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_AMOUNT")]
    ExistsWithDifferentAmount,
    /// The id exists with a different user_data_128.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_128")]
    ExistsWithDifferentUserData128,
    /// The id exists with a different user_data_64.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_64")]
    ExistsWithDifferentUserData64,
    /// The id exists with a different user_data_32.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_USER_DATA_32")]
    ExistsWithDifferentUserData32,
    /// The id exists with a different ledger.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_LEDGER")]
    ExistsWithDifferentLedger,
    /// The id exists with a different code.
    #[graphql(name = "EXISTS_WITH_DIFFERENT_CODE")]
    ExistsWithDifferentCode,
    /// It exists already, with the same fields.
    #[graphql(name = "EXISTS")]
    Exists,
    /// This id was refused before. Please use a new one.
    #[graphql(name = "ID_ALREADY_FAILED")]
    IdAlreadyFailed,
    /// These flags exclude each other.
    #[graphql(name = "FLAGS_ARE_MUTUALLY_EXCLUSIVE")]
    FlagsAreMutuallyExclusive,
    /// The debit account's id must not be zero.
    #[graphql(name = "DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO")]
    DebitAccountIdMustNotBeZero,
    /// The debit account's id must not be 2^128-1.
    #[graphql(name = "DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX")]
    DebitAccountIdMustNotBeIntMax,
    /// The credit account's id must not be zero.
    #[graphql(name = "CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO")]
    CreditAccountIdMustNotBeZero,
    /// The credit account's id must not be 2^128-1.
    #[graphql(name = "CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX")]
    CreditAccountIdMustNotBeIntMax,
    /// The two accounts must be different.
    #[graphql(name = "ACCOUNTS_MUST_BE_DIFFERENT")]
    AccountsMustBeDifferent,
    /// Only a transfer that posts or voids has a pending id.
    #[graphql(name = "PENDING_ID_MUST_BE_ZERO")]
    PendingIdMustBeZero,
    /// A transfer that posts or voids needs a pending id.
    #[graphql(name = "PENDING_ID_MUST_NOT_BE_ZERO")]
    PendingIdMustNotBeZero,
    /// The pending id must not be 2^128-1.
    #[graphql(name = "PENDING_ID_MUST_NOT_BE_INT_MAX")]
    PendingIdMustNotBeIntMax,
    /// The pending id must differ from the transfer's own.
    #[graphql(name = "PENDING_ID_MUST_BE_DIFFERENT")]
    PendingIdMustBeDifferent,
    /// Only a pending transfer has a timeout.
    #[graphql(name = "TIMEOUT_RESERVED_FOR_PENDING_TRANSFER")]
    TimeoutReservedForPendingTransfer,
    /// A transfer that closes an account must be pending.
    #[graphql(name = "CLOSING_TRANSFER_MUST_BE_PENDING")]
    ClosingTransferMustBePending,
    /// The ledger must not be zero.
    #[graphql(name = "LEDGER_MUST_NOT_BE_ZERO")]
    LedgerMustNotBeZero,
    /// The code must not be zero.
    #[graphql(name = "CODE_MUST_NOT_BE_ZERO")]
    CodeMustNotBeZero,
    /// The debit account does not exist.
    #[graphql(name = "DEBIT_ACCOUNT_NOT_FOUND")]
    DebitAccountNotFound,
    /// The credit account does not exist.
    #[graphql(name = "CREDIT_ACCOUNT_NOT_FOUND")]
    CreditAccountNotFound,
    /// The two accounts are of different ledgers.
    #[graphql(name = "ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER")]
    AccountsMustHaveTheSameLedger,
    /// The transfer's ledger is not that of its accounts.
    #[graphql(name = "TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS")]
    TransferMustHaveTheSameLedgerAsAccounts,
    /// The pending transfer does not exist.
    #[graphql(name = "PENDING_TRANSFER_NOT_FOUND")]
    PendingTransferNotFound,
    /// The transfer that it names is not a pending one.
    #[graphql(name = "PENDING_TRANSFER_NOT_PENDING")]
    PendingTransferNotPending,
    /// The pending transfer has a different debit account.
    #[graphql(name = "PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID")]
    PendingTransferHasDifferentDebitAccountId,
    /// The pending transfer has a different credit account.
    #[graphql(name = "PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID")]
    PendingTransferHasDifferentCreditAccountId,
    /// The pending transfer has a different ledger.
    #[graphql(name = "PENDING_TRANSFER_HAS_DIFFERENT_LEDGER")]
    PendingTransferHasDifferentLedger,
    /// The pending transfer has a different code.
    #[graphql(name = "PENDING_TRANSFER_HAS_DIFFERENT_CODE")]
    PendingTransferHasDifferentCode,
    /// The amount exceeds that of the pending transfer.
    #[graphql(name = "EXCEEDS_PENDING_TRANSFER_AMOUNT")]
    ExceedsPendingTransferAmount,
    /// A void is of the whole pending amount.
    #[graphql(name = "PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT")]
    PendingTransferHasDifferentAmount,
    /// The pending transfer was posted already.
    #[graphql(name = "PENDING_TRANSFER_ALREADY_POSTED")]
    PendingTransferAlreadyPosted,
    /// The pending transfer was voided already.
    #[graphql(name = "PENDING_TRANSFER_ALREADY_VOIDED")]
    PendingTransferAlreadyVoided,
    /// The pending transfer has expired.
    #[graphql(name = "PENDING_TRANSFER_EXPIRED")]
    PendingTransferExpired,
    /// The debit account is closed.
    #[graphql(name = "DEBIT_ACCOUNT_ALREADY_CLOSED")]
    DebitAccountAlreadyClosed,
    /// The credit account is closed.
    #[graphql(name = "CREDIT_ACCOUNT_ALREADY_CLOSED")]
    CreditAccountAlreadyClosed,
    /// The debit account's pending debits would reach 2^127.
    #[graphql(name = "OVERFLOWS_DEBITS_PENDING")]
    OverflowsDebitsPending,
    /// The credit account's pending credits would reach 2^127.
    #[graphql(name = "OVERFLOWS_CREDITS_PENDING")]
    OverflowsCreditsPending,
    /// The debit account's posted debits would reach 2^127.
    #[graphql(name = "OVERFLOWS_DEBITS_POSTED")]
    OverflowsDebitsPosted,
    /// The credit account's posted credits would reach 2^127.
    #[graphql(name = "OVERFLOWS_CREDITS_POSTED")]
    OverflowsCreditsPosted,
    /// The debit account's pending and posted debits together would reach 2^127.
    #[graphql(name = "OVERFLOWS_DEBITS")]
    OverflowsDebits,
    /// The credit account's pending and posted credits together would reach 2^127.
    #[graphql(name = "OVERFLOWS_CREDITS")]
    OverflowsCredits,
    /// The time of expiry cannot be represented.
    #[graphql(name = "OVERFLOWS_TIMEOUT")]
    OverflowsTimeout,
    /// The debit account's debits would exceed its credits.
    #[graphql(name = "EXCEEDS_CREDITS")]
    ExceedsCredits,
    /// The credit account's credits would exceed its debits.
    #[graphql(name = "EXCEEDS_DEBITS")]
    ExceedsDebits,
}
