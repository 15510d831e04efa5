//! The flags of accounts and transfers: bits, and their names.

use kernel::Side;

/// How a transfer is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransferFlags(pub u16);

impl TransferFlags {
    /// It stands and falls with the next one of its batch.
    pub const LINKED: Self = Self(1);
    /// It only holds the amount; another transfer posts or voids it.
    pub const PENDING: Self = Self(1 << 1);
    /// It posts a pending transfer, all or a part of it; the rest is free again.
    pub const POST_PENDING_TRANSFER: Self = Self(1 << 2);
    /// It voids a pending transfer.
    pub const VOID_PENDING_TRANSFER: Self = Self(1 << 3);
    /// At most as much as the debit account can be debited within its credits.
    pub const BALANCING_DEBIT: Self = Self(1 << 4);
    /// At most as much as the credit account can be credited within its debits.
    pub const BALANCING_CREDIT: Self = Self(1 << 5);
    /// It closes the debit account; voiding it opens the account again.
    pub const CLOSING_DEBIT: Self = Self(1 << 6);
    /// It closes the credit account; voiding it opens the account again.
    pub const CLOSING_CREDIT: Self = Self(1 << 7);
    /// Refused: timestamps come from this program alone.
    pub const IMPORTED: Self = Self(1 << 8);

    /// Every flag with its name.
    pub const NAMES: [(Self, &str); 9] = [
        (Self::LINKED, "linked"),
        (Self::PENDING, "pending"),
        (Self::POST_PENDING_TRANSFER, "post_pending_transfer"),
        (Self::VOID_PENDING_TRANSFER, "void_pending_transfer"),
        (Self::BALANCING_DEBIT, "balancing_debit"),
        (Self::BALANCING_CREDIT, "balancing_credit"),
        (Self::CLOSING_DEBIT, "closing_debit"),
        (Self::CLOSING_CREDIT, "closing_credit"),
        (Self::IMPORTED, "imported"),
    ];

    /// Are all of these set?
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Is any of these set?
    #[must_use]
    pub const fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// These, too.
    #[must_use]
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// Does it post or void a pending transfer?
    #[must_use]
    pub const fn resolves(self) -> bool {
        self.any(Self::POST_PENDING_TRANSFER.with(Self::VOID_PENDING_TRANSFER))
    }

    /// Does it close the account on this side?
    #[must_use]
    pub const fn closes(self, side: Side) -> bool {
        match side {
            Side::Debit => self.has(Self::CLOSING_DEBIT),
            Side::Credit => self.has(Self::CLOSING_CREDIT),
        }
    }

    /// Is a bit set that means nothing?
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        self.0 >> Self::NAMES.len() != 0
    }

    /// The flag of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }
}

/// The rules of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccountFlags(pub u16);

impl AccountFlags {
    /// It is created together with the next one of its batch, or not at all.
    pub const LINKED: Self = Self(1);
    /// Its debits, pending ones included, stay within its posted credits.
    pub const DEBITS_MUST_NOT_EXCEED_CREDITS: Self = Self(1 << 1);
    /// Its credits, pending ones included, stay within its posted debits.
    pub const CREDITS_MUST_NOT_EXCEED_DEBITS: Self = Self(1 << 2);
    /// Its counters after each of its transfers are kept.
    pub const HISTORY: Self = Self(1 << 3);
    /// Refused: timestamps come from this program alone.
    pub const IMPORTED: Self = Self(1 << 4);
    /// It is created closed.
    pub const CLOSED: Self = Self(1 << 5);

    /// Every flag with its name.
    pub const NAMES: [(Self, &str); 6] = [
        (Self::LINKED, "linked"),
        (Self::DEBITS_MUST_NOT_EXCEED_CREDITS, "debits_must_not_exceed_credits"),
        (Self::CREDITS_MUST_NOT_EXCEED_DEBITS, "credits_must_not_exceed_debits"),
        (Self::HISTORY, "history"),
        (Self::IMPORTED, "imported"),
        (Self::CLOSED, "closed"),
    ];

    /// Are all of these set?
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These, too.
    #[must_use]
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// Is a bit set that means nothing?
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        self.0 >> Self::NAMES.len() != 0
    }

    /// The flag of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }
}
