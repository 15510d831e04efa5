#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod chains;
mod ladder;
mod lives;
mod naive;
mod random;
mod resolving;

use kernel::jiff::SignedDuration;

use super::*;
use crate::testing::moment;

use TransferFlags as F;
use TransferOutcome as O;

/// Begins every test.
fn start() -> Timestamp {
    moment("2026-11-02T00:00:00Z")
}

fn later(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn account(id: u128) -> Account {
    Account { id, ledger: 1, code: 1, ..Account::default() }
}

fn limited(id: u128, flags: AccountFlags) -> Account {
    Account { flags, ..account(id) }
}

fn transfer(id: u128, debit: u128, credit: u128, amount: u128) -> Transfer {
    Transfer { id, debit_account_id: debit, credit_account_id: credit, amount, ledger: 1, code: 1, ..Transfer::default() }
}

fn flagged(transfer: Transfer, flags: F) -> Transfer {
    Transfer { flags: transfer.flags.with(flags), ..transfer }
}

fn pending(transfer: Transfer, timeout: u32) -> Transfer {
    Transfer { timeout, ..flagged(transfer, F::PENDING) }
}

/// Posts so much of a pending transfer.
fn post(id: u128, pending_id: u128, amount: u128) -> Transfer {
    Transfer { id, pending_id, amount, flags: F::POST_PENDING_TRANSFER, ..Transfer::default() }
}

fn void(id: u128, pending_id: u128) -> Transfer {
    Transfer { id, pending_id, flags: F::VOID_PENDING_TRANSFER, ..Transfer::default() }
}

/// A ledger with what has happened to it, every batch checked for what holds everywhere.
#[derive(Default)]
struct Book {
    ledger: TransferLedger,
    events: Vec<Event>,
}

impl Book {
    /// A ledger with these accounts.
    fn of(accounts: &[Account]) -> Self {
        let mut book = Self::default();
        assert!(book.open(start(), accounts).iter().all(|outcome| *outcome == AccountOutcome::Created));
        book
    }

    fn open(&mut self, now: Timestamp, accounts: &[Account]) -> Vec<AccountOutcome> {
        let mut done = self.ledger.clone();
        let (answers, events) = done.create_accounts(now, accounts).unwrap();
        self.take(events);
        assert_eq!(self.ledger, done, "what was decided is what its events make");
        answers.0.iter().map(|answer| answer.outcome).collect()
    }

    fn run(&mut self, now: Timestamp, transfers: &[Transfer]) -> Vec<O> {
        let mut done = self.ledger.clone();
        let (answers, events) = done.create_transfers(now, transfers).unwrap();
        self.take(events);
        assert_eq!(self.ledger, done, "what was decided is what its events make");
        for (asked, answer) in transfers.iter().zip(&answers.0) {
            let recorded = self.ledger.transfer(asked.id).map_or(0, |movement| movement.transfer.timestamp);
            assert!(answer.outcome != O::Created || answer.timestamp == recorded, "{asked:?}: {answer:?}");
        }
        answers.0.iter().map(|answer| answer.outcome).collect()
    }

    /// Transfers at the beginning, none of which may be refused.
    fn done(&mut self, transfers: &[Transfer]) {
        assert_eq!(self.run(start(), transfers), vec![O::Created; transfers.len()]);
    }

    fn expire(&mut self, now: Timestamp) -> usize {
        let events = self.ledger.clone().release(now);
        let released = events.len();
        self.take(events);
        released
    }

    /// Takes events in as they are stored.
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let stored = serde_json::to_string(&event).unwrap();
            let read: Event = serde_json::from_str(&stored).unwrap();
            assert_eq!(read, event, "it changed in storage");
            self.ledger = std::mem::take(&mut self.ledger).evolve(&read);
            self.events.push(read);
        }
        let totals = self.ledger.totals();
        assert_eq!((totals.debits_pending, totals.debits_posted), (totals.credits_pending, totals.credits_posted));
    }

    /// Pending and posted debits, pending and posted credits.
    fn counters(&self, id: u128) -> [u128; 4] {
        let Counters { debits_pending, debits_posted, credits_pending, credits_posted } = self.ledger.account(id).unwrap().counters;
        [debits_pending, debits_posted, credits_pending, credits_posted]
    }
}
