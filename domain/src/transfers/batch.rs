//! A batch: its items one after the other, linked ones all or none, and what is due before it.

use kernel::{Side, Timestamp};

use super::answer::{Answer, Answers, Outcome};
use super::event::{Event, RefusedId};
use super::record::{After, Counters, Effect, Expiry};
use super::rows::Rows;
use super::{
    Account, AccountFlags, AccountOutcome, MAX_ACCOUNTS, MAX_BATCH, MAX_EXPIRED, MAX_TRANSFERS, Refusal, Transfer, TransferFlags,
    TransferLedger, TransferOutcome, Used,
};

/// The answers to a batch and what happened.
pub type Decided<O> = (Answers<O>, Vec<Event>);

impl TransferLedger {
    /// Creates accounts; one answer for each, in order. Linked ones are all created or none. The ledger is then as the events make it,
    /// so that nothing is done twice.
    ///
    /// # Errors
    /// [`Refusal`], for the whole batch; the ledger is then as it was.
    pub fn create_accounts(&mut self, now: Timestamp, asked: &[Account]) -> Result<Decided<AccountOutcome>, Refusal> {
        within("accounts", asked.len(), self.accounts.len(), MAX_ACCOUNTS)?;
        let mut work = Work { first: self.next_timestamp(now), ledger: self, opened: Vec::new(), refused: Vec::new() };
        let answers = in_chains(&mut work, asked, |account| account.flags.has(AccountFlags::LINKED), Work::open, |_, _, _| {});
        let created = (!work.opened.is_empty()).then(|| Event::AccountsCreated { accounts: Rows::new(work.opened) });
        Ok((answers, created.into_iter().collect()))
    }

    /// Records transfers; one answer for each, in order. Linked ones are all recorded or none. What has expired is released first. The
    /// ledger is then as the events make it, so that nothing is done twice.
    ///
    /// # Errors
    /// [`Refusal`], for the whole batch; the ledger is then as it was.
    pub fn create_transfers(&mut self, now: Timestamp, asked: &[Transfer]) -> Result<Decided<TransferOutcome>, Refusal> {
        within("transfers", asked.len(), self.transfers.len(), MAX_TRANSFERS)?;
        let mut events = self.release(now);
        let before = self.look_again();
        self.open.reserve_exact(asked.len());
        let mut work = Work { first: self.next_timestamp(now), ledger: self, opened: Vec::new(), refused: Vec::new() };
        let linked = |transfer: &Transfer| transfer.flags.has(TransferFlags::LINKED);
        let answers = in_chains(&mut work, asked, linked, Work::transfer, Work::remember);
        let refused = work.refused;
        let transfers = Rows::new(std::mem::take(&mut self.open));
        self.close(transfers.clone());
        if !transfers.is_empty() || !refused.is_empty() {
            let look_again = Some(self.look_again()).filter(|after| *after != before);
            events.push(Event::TransfersCreated { transfers, refused, look_again });
        }
        Ok((answers, events))
    }

    /// Releases what has expired; nothing when nothing has.
    pub(super) fn release(&mut self, now: Timestamp) -> Vec<Event> {
        let first = self.next_timestamp(now);
        let due: Vec<_> = self.deadlines.iter().take_while(|deadline| deadline.expires_at <= first).take(MAX_EXPIRED).collect();
        let mut expired = Vec::with_capacity(due.len());
        for (timestamp, deadline) in (first..).zip(due) {
            let Some(transfer) = self.transfer(deadline.id).map(|movement| movement.transfer) else { continue };
            let Transfer { id, debit_account_id, credit_account_id, amount, ledger, flags, .. } = transfer;
            let mut expiry = Expiry { id, debit_account_id, credit_account_id, amount, ledger, flags, timestamp, after: None };
            expiry.after = self.after([debit_account_id, credit_account_id], &expiry.effect());
            self.expire(&expiry);
            expired.push(expiry);
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

/// A batch at work.
struct Work<'l> {
    ledger: &'l mut TransferLedger,
    /// The timestamp of the first item; the others follow, refused ones included.
    first: u64,
    opened: Vec<Account>,
    refused: Vec<RefusedId>,
}

impl Work<'_> {
    fn open(&mut self, place: usize, asked: &Account) -> Answer<AccountOutcome> {
        if let Err(answer) = self.ledger.judge_account(asked) {
            return answer;
        }
        let timestamp = self.first.saturating_add(place as u64);
        let account = Account { timestamp, ..*asked };
        self.ledger.open_account(account);
        self.opened.push(account);
        Answer { outcome: AccountOutcome::Created, timestamp }
    }

    fn transfer(&mut self, place: usize, asked: &Transfer) -> Answer<TransferOutcome> {
        let timestamp = self.first.saturating_add(place as u64);
        let mut movement = match self.ledger.judge_transfer(timestamp, asked) {
            Ok(movement) => movement,
            Err(answer) => return answer,
        };
        let accounts = [movement.transfer.debit_account_id, movement.transfer.credit_account_id];
        movement.after = self.ledger.after(accounts, &movement.effect());
        self.ledger.record(&movement, self.ledger.batches.len(), self.ledger.open.len());
        self.ledger.open.push(movement);
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
    /// Without the rows of the batch, which are only ever added to.
    ledger: TransferLedger,
    rows: usize,
    opened: usize,
    broken: bool,
}

impl Chain {
    fn begin(start: usize, work: &mut Work<'_>) -> Self {
        let rows = std::mem::take(&mut work.ledger.open);
        let ledger = work.ledger.clone();
        work.ledger.open = rows;
        Self { start, ledger, rows: work.ledger.open.len(), opened: work.opened.len(), broken: false }
    }

    fn undo(&mut self, work: &mut Work<'_>) {
        self.broken = true;
        let mut rows = std::mem::take(&mut work.ledger.open);
        rows.truncate(self.rows);
        work.ledger.clone_from(&self.ledger);
        work.ledger.open = rows;
        work.opened.truncate(self.opened);
    }
}

/// Does one item after the other, the items of a chain all or none: of a broken one, the first that was refused says why, and the
/// others that it stood and fell with them.
fn in_chains<'l, I, O: Outcome>(
    work: &mut Work<'l>,
    asked: &[I],
    linked: impl Fn(&I) -> bool,
    one: impl Fn(&mut Work<'l>, usize, &I) -> Answer<O>,
    remember: impl Fn(&mut Work<'l>, &I, O),
) -> Answers<O> {
    let refused = |outcome| Answer { outcome, timestamp: 0 };
    let (mut answers, mut chain) = (Vec::with_capacity(asked.len()), None::<Chain>);
    for (place, item) in asked.iter().enumerate() {
        let linked = linked(item);
        if linked && chain.is_none() {
            chain = Some(Chain::begin(place, work));
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
                chain.undo(work);
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
