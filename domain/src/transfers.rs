//! Accounts and transfers as a product of their own, with TigerBeetle's semantics (ledger-and-audit.md §1; docs/transfers.md).
//!
//! A transfer ledger is one stream with a single writer and its accounts in memory; a batch is one event. It is cheap to clone:
//! what a batch does not touch is shared with the state before it.
//!
//! A transfer: `recorded`, or `pending → posted (all or a part) | voided | expired`, resolved at most once.

use std::sync::Arc;

use kernel::{At, Decider, Refused, Side, Timestamp};
use serde::{Deserialize, Serialize};

mod account_outcome;
mod accounts;
mod answer;
mod batch;
mod deadlines;
mod event;
mod flags;
mod name;
mod record;
mod rows;
mod rules;
mod shared;
mod text;
mod transfer_outcome;
mod trie;

pub use account_outcome::AccountOutcome;
pub use answer::{Answer, Answers, Outcome};
pub use event::{Event, LookAgain, RefusedId};
pub use flags::{AccountFlags, TransferFlags};
pub use name::{LedgerName, NotALedger};
pub use record::{AMOUNT_MAX, Account, After, Counters, Effect, Expiry, LIMIT, Movement, Resolved, Transfer};
pub use rows::{Row, Rows, Words};
pub use transfer_outcome::TransferOutcome;

use deadlines::{Deadline, Deadlines};
use shared::Shared;
use trie::Trie;

/// Most items of a batch.
pub const MAX_BATCH: usize = 8_000;
/// Most transfers that one event releases; what is due beyond them comes with the next.
const MAX_EXPIRED: usize = 8_000;
/// Most accounts of one ledger; they are kept in memory.
pub const MAX_ACCOUNTS: usize = 10_000_000;
/// Most transfers of one ledger, refused ids included; their ids are kept in memory, so that none is ever used twice.
pub const MAX_TRANSFERS: usize = 50_000_000;
/// Of a second.
const NANOSECONDS: u64 = 1_000_000_000;

/// An account as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// As it was created.
    pub account: Account,
    /// Its four counters.
    pub counters: Counters,
    /// It takes no transfer but one that voids a pending one.
    pub closed: bool,
}

impl Holding {
    /// An account that was just created.
    #[must_use]
    pub const fn new(account: Account) -> Self {
        let counters = Counters { debits_pending: 0, debits_posted: 0, credits_pending: 0, credits_posted: 0 };
        Self { account, counters, closed: account.flags.has(AccountFlags::CLOSED) }
    }

    /// The account after what a transfer does to its side.
    pub fn apply(&mut self, side: Side, effect: &Effect) {
        effect.apply(side, &mut self.counters, &mut self.closed);
    }
}

/// What became of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Used {
    /// A transfer was recorded under it: at this row of this batch. Plain numbers, so that a copied leaf of the map costs no counting of
    /// references.
    Recorded {
        /// Counted from 0.
        batch: u32,
        /// Counted from 0.
        row: u32,
    },
    /// It was refused for ever.
    Refused,
}

/// What became of a pending transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Open,
    Posted,
    Voided,
    Expired,
}

/// The state of a transfer ledger; empty when it does not exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransferLedger {
    accounts: Trie<Shared<Holding>>,
    transfers: Trie<Used>,
    /// The rows of the events that recorded transfers, shared with them.
    batches: Trie<Rows<Movement>>,
    /// The rows of a batch at work; empty when it is done. Not copied with a chain's way back, which is why it is no part of `batches`.
    #[serde(skip)]
    open: Vec<Movement>,
    /// What became of the transfers that were created pending.
    pending: Trie<Fate>,
    deadlines: Deadlines,
    /// The last timestamp given, in nanoseconds since 1970.
    last: u64,
}

/// What may be asked of a transfer ledger. Who may ask is the caller's to check.
#[derive(Clone, Debug)]
pub enum Command {
    /// Create accounts.
    CreateAccounts(Arc<[Account]>),
    /// Record transfers.
    CreateTransfers(Arc<[Transfer]>),
    /// Release what has expired.
    Expire,
}

/// Why a whole batch is refused; what is wrong with one of its items is that item's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing, or more than a batch may hold.
    #[error("a batch has 1 to {limit} items")]
    BatchSize {
        /// The input field.
        field: &'static str,
        /// So many are allowed.
        limit: usize,
    },
    /// The ledger can take no more of them.
    #[error("the ledger has no room for more {0}")]
    Full(&'static str),
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::BatchSize { field, limit } => Refused::at("SYS003", &[field]).with("limit", limit),
            Self::Full(field) => Refused::at("TRANSFER001", &[field]),
        }
    }
}

impl TransferLedger {
    /// An account, if it exists.
    #[must_use]
    pub fn account(&self, id: u128) -> Option<&Holding> {
        self.accounts.get(id).map(|holding| &**holding)
    }

    /// A transfer, if it was recorded.
    #[must_use]
    pub fn transfer(&self, id: u128) -> Option<&Movement> {
        match self.transfers.get(id)? {
            Used::Recorded { batch, row } => self.row(*batch, *row),
            Used::Refused => None,
        }
    }

    fn row(&self, batch: u32, row: u32) -> Option<&Movement> {
        let closed = self.batches.get(batch.into());
        closed.map_or(&*self.open, Rows::as_slice).get(row as usize)
    }

    /// Every account.
    pub fn holdings(&self) -> impl Iterator<Item = &Holding> {
        self.accounts.iter().map(|(_, holding)| &**holding)
    }

    /// When the next pending transfer expires, rounded up to the clock's microsecond.
    #[must_use]
    pub fn look_again(&self) -> LookAgain {
        let Some(first) = self.deadlines.first() else { return LookAgain::Never {} };
        let micros = i64::try_from(first.expires_at.div_ceil(1_000)).unwrap_or(i64::MAX);
        LookAgain::At { at: Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX) }
    }

    fn open_account(&mut self, account: Account) {
        self.last = self.last.max(account.timestamp);
        self.accounts.insert(account.id, Shared::new(Holding::new(account)));
    }

    /// Takes a movement in as a row of a batch; the row itself is added by the caller.
    fn record(&mut self, movement: &Movement, batch: usize, row: usize) {
        let transfer = &movement.transfer;
        self.last = self.last.max(transfer.timestamp);
        self.move_both([transfer.debit_account_id, transfer.credit_account_id], &movement.effect());
        if movement.resolves.is_some() {
            let voided = transfer.flags.has(TransferFlags::VOID_PENDING_TRANSFER);
            self.resolve(transfer.pending_id, if voided { Fate::Voided } else { Fate::Posted });
        } else if transfer.flags.has(TransferFlags::PENDING) {
            self.pending.insert(transfer.id, Fate::Open);
            if let Some(deadline) = deadline(transfer) {
                self.deadlines.insert(deadline);
            }
        }
        self.transfers.insert(transfer.id, Used::Recorded { batch: place(batch), row: place(row) });
    }

    /// The rows of a batch that is done.
    fn close(&mut self, rows: Rows<Movement>) {
        if !rows.is_empty() {
            self.batches.insert(self.batches.len() as u128, rows);
        }
    }

    fn expire(&mut self, expiry: &Expiry) {
        self.last = self.last.max(expiry.timestamp);
        self.move_both([expiry.debit_account_id, expiry.credit_account_id], &expiry.effect());
        self.resolve(expiry.id, Fate::Expired);
    }

    fn move_both(&mut self, [debit, credit]: [u128; 2], effect: &Effect) {
        for (side, id) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if let Some(holding) = self.accounts.get_mut(id) {
                holding.make_mut().apply(side, effect);
            }
        }
    }

    fn resolve(&mut self, pending: u128, fate: Fate) {
        self.pending.insert(pending, fate);
        if let Some(deadline) = self.transfer(pending).and_then(|movement| deadline(&movement.transfer)) {
            self.deadlines.remove(deadline);
        }
    }
}

/// A place in memory: there are at most [`MAX_TRANSFERS`] rows, and as many batches.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn deadline(transfer: &Transfer) -> Option<Deadline> {
    let expires_at = transfer.expires_at()?;
    Some(Deadline { expires_at, timestamp: transfer.timestamp, id: transfer.id })
}

impl Decider for TransferLedger {
    const KIND: &'static str = "transferledger";
    const BULKY: bool = true;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::CreateAccounts(accounts) => self.clone().create_accounts(at.now, &accounts).map(|(_, events)| events),
            Command::CreateTransfers(transfers) => self.clone().create_transfers(at.now, &transfers).map(|(_, events)| events),
            Command::Expire => Ok(self.clone().release(at.now)),
        }
    }

    /// Takes as long as the batch is large, not the ledger.
    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::AccountsCreated { accounts } => accounts.iter().for_each(|account| self.open_account(*account)),
            Event::TransfersCreated { transfers, refused, .. } => {
                // Its rows first: one may resolve another.
                let batch = self.batches.len();
                self.close(transfers.clone());
                transfers.iter().zip(0..).for_each(|(movement, row)| self.record(movement, batch, row));
                refused.iter().for_each(|refused| self.transfers.insert(refused.id, Used::Refused));
            }
            Event::TransfersExpired { expired, .. } => expired.iter().for_each(|expiry| self.expire(expiry)),
        }
        self
    }
}

#[cfg(test)]
mod tests;
