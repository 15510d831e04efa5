//! What a rule of accounts says, by name.

use super::answer::Outcome;

/// What became of an account. In the order in which the rules are looked at: the first that is broken is reported (docs/transfers.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountOutcome {
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
    /// These flags exclude each other.
    FlagsAreMutuallyExclusive,
    /// The ledger must not be zero.
    LedgerMustNotBeZero,
    /// The code must not be zero.
    CodeMustNotBeZero,
}

impl AccountOutcome {
    /// All of them, in order.
    pub const ALL: [Self; 17] = [
        Self::Created,
        Self::LinkedEventChainOpen,
        Self::LinkedEventFailed,
        Self::ImportedNotSupported,
        Self::ReservedFlag,
        Self::IdMustNotBeZero,
        Self::IdMustNotBeIntMax,
        Self::ExistsWithDifferentFlags,
        Self::ExistsWithDifferentUserData128,
        Self::ExistsWithDifferentUserData64,
        Self::ExistsWithDifferentUserData32,
        Self::ExistsWithDifferentLedger,
        Self::ExistsWithDifferentCode,
        Self::Exists,
        Self::FlagsAreMutuallyExclusive,
        Self::LedgerMustNotBeZero,
        Self::CodeMustNotBeZero,
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
            Self::ExistsWithDifferentUserData128 => "exists_with_different_user_data_128",
            Self::ExistsWithDifferentUserData64 => "exists_with_different_user_data_64",
            Self::ExistsWithDifferentUserData32 => "exists_with_different_user_data_32",
            Self::ExistsWithDifferentLedger => "exists_with_different_ledger",
            Self::ExistsWithDifferentCode => "exists_with_different_code",
            Self::Exists => "exists",
            Self::FlagsAreMutuallyExclusive => "flags_are_mutually_exclusive",
            Self::LedgerMustNotBeZero => "ledger_must_not_be_zero",
            Self::CodeMustNotBeZero => "code_must_not_be_zero",
        }
    }
}

impl Outcome for AccountOutcome {
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
