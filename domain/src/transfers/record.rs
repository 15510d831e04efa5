//! Accounts and transfers as they are recorded, and what a transfer does to the four counters of its accounts.

use kernel::Side;
use serde::{Deserialize, Serialize};

use super::event::decimal;
use super::flags::{AccountFlags, TransferFlags};

/// Stands for "all of it" where a transfer posts a pending one, and for "as much as possible" where it balances.
pub const AMOUNT_MAX: u128 = u128::MAX;
/// Amounts and counters are below 2¹²⁷.
pub const LIMIT: u128 = 1 << 127;

/// An account as it was created; it never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Chosen by the client: neither 0 nor 2¹²⁸ − 1.
    pub id: u128,
    /// The client's own.
    pub user_data_128: u128,
    /// The client's own.
    pub user_data_64: u64,
    /// The client's own.
    pub user_data_32: u32,
    /// What it counts, for example a currency; transfers stay within one.
    pub ledger: u32,
    /// What kind of account it is, by the client's own list.
    pub code: u16,
    /// Its rules.
    pub flags: AccountFlags,
    /// When it was created, in nanoseconds since 1970; 0 before.
    pub timestamp: u64,
}

/// A transfer: as it is asked for, and, with its timestamp, as it was recorded. A recorded one never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Chosen by the client: neither 0 nor 2¹²⁸ − 1.
    pub id: u128,
    /// The account that is debited; 0 where it posts or voids: that of the pending transfer.
    pub debit_account_id: u128,
    /// The account that is credited; 0 where it posts or voids: that of the pending transfer.
    pub credit_account_id: u128,
    /// How much; zero is legal.
    pub amount: u128,
    /// The pending transfer that it posts or voids, else 0.
    pub pending_id: u128,
    /// The client's own.
    pub user_data_128: u128,
    /// The client's own.
    pub user_data_64: u64,
    /// The client's own.
    pub user_data_32: u32,
    /// Seconds until a pending transfer expires; 0: never.
    pub timeout: u32,
    /// The ledger of its accounts; 0 where it posts or voids: that of the pending transfer.
    pub ledger: u32,
    /// Why it happened, by the client's own list; 0 where it posts or voids: that of the pending transfer.
    pub code: u16,
    /// How it is to be done.
    pub flags: TransferFlags,
    /// When it was recorded, in nanoseconds since 1970; 0 before. Rises with every transfer and account of its ledger.
    pub timestamp: u64,
}

impl Transfer {
    /// When it expires, in nanoseconds since 1970: exactly at its timestamp plus its timeout. `None` when it never does.
    #[must_use]
    pub const fn expires_at(&self) -> Option<u64> {
        match self.timeout {
            0 => None,
            seconds => Some(self.timestamp.saturating_add(seconds as u64 * super::NANOSECONDS)),
        }
    }

    /// The account on a side.
    #[must_use]
    pub const fn account(&self, side: Side) -> u128 {
        match side {
            Side::Debit => self.debit_account_id,
            Side::Credit => self.credit_account_id,
        }
    }
}

/// The four counters of an account. The posted ones only ever grow; a pending one falls when what it counts is posted, voided
/// or expires. No signed balance is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Debits that are not decided yet.
    #[serde(with = "decimal")]
    pub debits_pending: u128,
    /// Debits that happened.
    #[serde(with = "decimal")]
    pub debits_posted: u128,
    /// Credits that are not decided yet.
    #[serde(with = "decimal")]
    pub credits_pending: u128,
    /// Credits that happened.
    #[serde(with = "decimal")]
    pub credits_posted: u128,
}

impl Counters {
    const fn side(&mut self, side: Side) -> (&mut u128, &mut u128) {
        match side {
            Side::Debit => (&mut self.debits_pending, &mut self.debits_posted),
            Side::Credit => (&mut self.credits_pending, &mut self.credits_posted),
        }
    }
}

/// The counters of both accounts after a transfer, of those that keep a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// Of the account that was debited.
    pub debit: Option<Counters>,
    /// Of the account that was credited.
    pub credit: Option<Counters>,
}

impl After {
    /// The counters of the account on a side.
    #[must_use]
    pub const fn side(&self, side: Side) -> Option<&Counters> {
        match side {
            Side::Debit => self.debit.as_ref(),
            Side::Credit => self.credit.as_ref(),
        }
    }
}

/// What a transfer that posts or voids needs to know of the pending one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its amount.
    pub amount: u128,
    /// Its flags.
    pub flags: TransferFlags,
}

/// A transfer that was recorded, with all that its effect depends on: nobody needs to look anything up to fold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The transfer, with the accounts, amount, ledger and code that it came to.
    pub transfer: Transfer,
    /// The pending transfer that it posts or voids.
    pub resolves: Option<Resolved>,
    /// The counters after it.
    pub after: Option<Box<After>>,
}

/// A pending transfer that expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The pending transfer.
    pub id: u128,
    /// The account that it would have debited.
    pub debit_account_id: u128,
    /// The account that it would have credited.
    pub credit_account_id: u128,
    /// How much.
    pub amount: u128,
    /// The ledger of its accounts.
    pub ledger: u32,
    /// Its flags.
    pub flags: TransferFlags,
    /// When it was released, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The counters after it.
    pub after: Option<Box<After>>,
}

/// What happens to the accounts of a transfer, the same on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Added to what is pending.
    pub held: u128,
    /// Taken from what is pending.
    pub released: u128,
    /// Added to what is posted.
    pub posted: u128,
    /// The sides whose account is closed.
    pub closes: TransferFlags,
    /// The sides whose account is open again.
    pub reopens: TransferFlags,
}

impl Effect {
    /// The counters of the account on a side, and whether it is closed, after this. Total: what the rules never let happen is cut off.
    pub fn apply(&self, side: Side, counters: &mut Counters, closed: &mut bool) {
        let (pending, posted) = counters.side(side);
        *pending = pending.saturating_add(self.held).saturating_sub(self.released);
        *posted = posted.saturating_add(self.posted);
        if self.closes.closes(side) {
            *closed = true;
        }
        if self.reopens.closes(side) {
            *closed = false;
        }
    }
}

impl Movement {
    /// What it does to its accounts.
    #[must_use]
    pub fn effect(&self) -> Effect {
        let Transfer { amount, flags, .. } = self.transfer;
        let none = Effect::default();
        match &self.resolves {
            None if flags.has(TransferFlags::PENDING) => Effect { held: amount, closes: flags, ..none },
            None => Effect { posted: amount, ..none },
            Some(pending) if flags.has(TransferFlags::VOID_PENDING_TRANSFER) => {
                Effect { released: pending.amount, reopens: pending.flags, ..none }
            }
            Some(pending) => Effect { released: pending.amount, posted: amount, ..none },
        }
    }
}

impl Expiry {
    /// What it does to its accounts.
    #[must_use]
    pub fn effect(&self) -> Effect {
        Effect { released: self.amount, reopens: self.flags, ..Effect::default() }
    }

    /// The account on a side.
    #[must_use]
    pub const fn account(&self, side: Side) -> u128 {
        match side {
            Side::Debit => self.debit_account_id,
            Side::Credit => self.credit_account_id,
        }
    }
}
