//! A batch: its items one after the other, linked ones all or none, and what is due before it.

use std::sync::Arc;

use kernel::{Side, Timestamp};

use super::answer::{Answer, Answers, Outcome};
use super::event::{Event, RefusedId};
use super::record::{After, Counters, Effect, Expiry, Movement};
use super::rows::Rows;
use super::{
    Account, AccountFlags, AccountOutcome, MAX_ACCOUNTS, MAX_BATCH, MAX_EXPIRED, MAX_TRANSFERS, Refusal, Transfer, TransferFlags,
    TransferLedger, TransferOutcome, Used,
};

/// The answers to a batch and what happened.
pub type Decided<O> = (Answers<O>, Vec<Event>);

impl TransferLedger {
    /// Creates accounts; one answer for each, in order. Linked ones are all created or none.
    ///
    /// # Errors
    /// [`Refusal`], for the whole batch.
    pub fn create_accounts(&self, now: Timestamp, asked: &[Account]) -> Result<Decided<AccountOutcome>, Refusal> {
        within("accounts", asked.len(), self.accounts.len(), MAX_ACCOUNTS)?;
        let mut work = Work::new(self.clone(), self.next_timestamp(now));
        let answers = in_chains(&mut work, asked, |account| account.flags.has(AccountFlags::LINKED), Work::open, |_, _, _| {});
        let created = (!work.created.is_empty()).then(|| Event::AccountsCreated { accounts: Rows::new(work.created) });
        Ok((answers, created.into_iter().collect()))
    }

    /// Records transfers; one answer for each, in order. Linked ones are all recorded or none. What has expired is released first.
    ///
    /// # Errors
    /// [`Refusal`], for the whole batch.
    pub fn create_transfers(&self, now: Timestamp, asked: &[Transfer]) -> Result<Decided<TransferOutcome>, Refusal> {
        within("transfers", asked.len(), self.transfers.len(), MAX_TRANSFERS)?;
        let mut ledger = self.clone();
        let mut events = ledger.release_due(now);
        let before = ledger.look_again();
        let first = ledger.next_timestamp(now);
        let mut work = Work::new(ledger, first);
        let linked = |transfer: &Transfer| transfer.flags.has(TransferFlags::LINKED);
        let answers = in_chains(&mut work, asked, linked, Work::transfer, Work::remember);
        if !work.created.is_empty() || !work.refused.is_empty() {
            let look_again = Some(work.ledger.look_again()).filter(|after| *after != before);
            events.push(Event::TransfersCreated { transfers: Rows::new(work.created), refused: work.refused, look_again });
        }
        Ok((answers, events))
    }

    /// Releases what has expired; nothing when nothing has.
    pub(super) fn release(&self, now: Timestamp) -> Vec<Event> {
        self.clone().release_due(now)
    }

    fn release_due(&mut self, now: Timestamp) -> Vec<Event> {
        let first = self.next_timestamp(now);
        let due: Vec<_> = self.deadlines.iter().take_while(|deadline| deadline.expires_at <= first).take(MAX_EXPIRED).collect();
        let mut expired = Vec::with_capacity(due.len());
        for (timestamp, deadline) in (first..).zip(due) {
            let Some(transfer) = self.transfer(deadline.id).map(|movement| movement.transfer) else { continue };
            let Transfer { id, debit_account_id, credit_account_id, amount, ledger, flags, .. } = transfer;
            let mut expiry = Expiry { id, debit_account_id, credit_account_id, amount, ledger, flags, timestamp, after: None };
            expiry.after = self.after([debit_account_id, credit_account_id], &expiry.effect());
            self.expire(&expiry);
            expired.push(Arc::new(expiry));
        }
        let look_again = self.look_again();
        let released = (!expired.is_empty()).then(|| Event::TransfersExpired { expired: Rows::new(expired), look_again });
        released.into_iter().collect()
    }

    /// The timestamp of a batch's first item: the clock's, unless that has been given already.
    pub(super) fn next_timestamp(&self, now: Timestamp) -> u64 {
        let now = u64::try_from(now.as_nanosecond().max(0)).unwrap_or(u64::MAX);
        now.max(self.last.saturating_add(1))
    }

    /// What the counters of two accounts will be, of those that keep a history.
    fn after(&self, [debit, credit]: [u128; 2], effect: &Effect) -> Option<Box<After>> {
        let counters = |side, id| {
            let mut holding = self.account(id).filter(|holding| holding.account.flags.has(AccountFlags::HISTORY))?.clone();
            holding.apply(side, effect);
            Some(holding.counters)
        };
        let (debit, credit) = (counters(Side::Debit, debit), counters(Side::Credit, credit));
        (debit.is_some() || credit.is_some()).then(|| Box::new(After { debit, credit }))
    }

    /// The sums of each counter over all accounts: debits equal credits, pending and posted, at every point (L1).
    #[must_use]
    pub fn totals(&self) -> Counters {
        self.holdings().fold(Counters::default(), |sum, holding| Counters {
            debits_pending: sum.debits_pending.saturating_add(holding.counters.debits_pending),
            debits_posted: sum.debits_posted.saturating_add(holding.counters.debits_posted),
            credits_pending: sum.credits_pending.saturating_add(holding.counters.credits_pending),
            credits_posted: sum.credits_posted.saturating_add(holding.counters.credits_posted),
        })
    }
}

fn within(field: &'static str, asked: usize, known: usize, room: usize) -> Result<(), Refusal> {
    match asked {
        1..=MAX_BATCH if known + asked <= room => Ok(()),
        1..=MAX_BATCH => Err(Refusal::Full(field)),
        _ => Err(Refusal::BatchSize { field, limit: MAX_BATCH }),
    }
}

/// A batch at work on a state of its own.
struct Work<T> {
    ledger: TransferLedger,
    /// The timestamp of the first item; the others follow, refused ones included.
    first: u64,
    created: Vec<Arc<T>>,
    refused: Vec<RefusedId>,
}

impl<T> Work<T> {
    const fn new(ledger: TransferLedger, first: u64) -> Self {
        Self { ledger, first, created: Vec::new(), refused: Vec::new() }
    }
}

impl Work<Account> {
    fn open(&mut self, place: usize, asked: &Account) -> Answer<AccountOutcome> {
        if let Err(answer) = self.ledger.judge_account(asked) {
            return answer;
        }
        let timestamp = self.first.saturating_add(place as u64);
        let account = Account { timestamp, ..*asked };
        self.ledger.open_account(account);
        self.created.push(Arc::new(account));
        Answer { outcome: AccountOutcome::Created, timestamp }
    }
}

impl Work<Movement> {
    fn transfer(&mut self, place: usize, asked: &Transfer) -> Answer<TransferOutcome> {
        let timestamp = self.first.saturating_add(place as u64);
        let mut movement = match self.ledger.judge_transfer(timestamp, asked) {
            Ok(movement) => movement,
            Err(answer) => return answer,
        };
        let accounts = [movement.transfer.debit_account_id, movement.transfer.credit_account_id];
        movement.after = self.ledger.after(accounts, &movement.effect());
        let movement = Arc::new(movement);
        self.ledger.record(Arc::clone(&movement));
        self.created.push(movement);
        Answer { outcome: TransferOutcome::Created, timestamp }
    }

    /// What was refused for a reason that may pass stays refused. Not undone with its chain.
    fn remember(&mut self, asked: &Transfer, outcome: TransferOutcome) {
        if outcome.is_transient() {
            self.ledger.transfers.insert(asked.id, Used::Refused);
            self.refused.push(RefusedId { id: asked.id, why: outcome.name().to_owned() });
        }
    }
}

/// A chain of linked items, and what to go back to when one of them is refused.
struct Chain {
    start: usize,
    ledger: TransferLedger,
    created: usize,
    broken: bool,
}

/// Does one item after the other, the items of a chain all or none: of a broken one, the first that was refused says why, and the
/// others that it stood and fell with them.
fn in_chains<T, I, O: Outcome>(
    work: &mut Work<T>,
    asked: &[I],
    linked: impl Fn(&I) -> bool,
    one: impl Fn(&mut Work<T>, usize, &I) -> Answer<O>,
    remember: impl Fn(&mut Work<T>, &I, O),
) -> Answers<O> {
    let refused = |outcome| Answer { outcome, timestamp: 0 };
    let (mut answers, mut chain) = (Vec::with_capacity(asked.len()), None::<Chain>);
    for (place, item) in asked.iter().enumerate() {
        let linked = linked(item);
        if linked && chain.is_none() {
            chain = Some(Chain { start: place, ledger: work.ledger.clone(), created: work.created.len(), broken: false });
        }
        let broken = chain.as_ref().is_some_and(|chain| chain.broken);
        let answer = if linked && place + 1 == asked.len() {
            refused(O::CHAIN_OPEN)
        } else if broken {
            refused(O::CHAIN_FAILED)
        } else {
            one(work, place, item)
        };
        if answer.outcome != O::CREATED && !broken {
            if let Some(chain) = &mut chain {
                chain.broken = true;
                work.ledger.clone_from(&chain.ledger);
                work.created.truncate(chain.created);
                answers[chain.start..].fill(refused(O::CHAIN_FAILED));
            }
            remember(work, item, answer.outcome);
        }
        answers.push(answer);
        if !linked {
            chain = None;
        }
    }
    Answers(answers)
}
