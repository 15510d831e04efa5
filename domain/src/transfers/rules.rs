//! The rules of a transfer, in their order (docs/transfers.md): the first that is broken is the answer.

use super::record::{AMOUNT_MAX, LIMIT, Movement, Resolved, Transfer};
use super::{AccountFlags, Answer, Fate, Holding, NANOSECONDS, TransferFlags as F, TransferLedger, TransferOutcome as O, Used};

/// Flags that a transfer which posts or voids cannot have.
const NOT_WHEN_RESOLVING: F = F::PENDING.with(F::BALANCING_DEBIT).with(F::BALANCING_CREDIT).with(F::CLOSING_DEBIT).with(F::CLOSING_CREDIT);

impl TransferLedger {
    /// What becomes of one transfer at a timestamp: its movement, or its answer.
    pub(super) fn judge_transfer(&self, timestamp: u64, asked: &Transfer) -> Result<Movement, Answer<O>> {
        let refused = |outcome| Answer { outcome, timestamp: 0 };
        if asked.flags.has(F::IMPORTED) {
            return Err(refused(O::ImportedNotSupported));
        }
        if asked.flags.is_unknown() {
            return Err(refused(O::ReservedFlag));
        }
        if asked.id == 0 {
            return Err(refused(O::IdMustNotBeZero));
        }
        if asked.id == u128::MAX {
            return Err(refused(O::IdMustNotBeIntMax));
        }
        match self.transfers.get(asked.id) {
            Some(Used::Recorded { batch, row }) => {
                // The row is there: both are written in one step.
                let known = self.row(*batch, *row).map_or(asked, |known| &known.transfer);
                let outcome = self.differs(asked, known);
                let timestamp = if outcome == O::Exists { known.timestamp } else { 0 };
                return Err(Answer { outcome, timestamp });
            }
            Some(Used::Refused) => return Err(refused(O::IdAlreadyFailed)),
            None => {}
        }
        let judged = if asked.flags.resolves() { self.judge_second(timestamp, asked) } else { self.judge_first(timestamp, asked) };
        judged.map_err(refused)
    }

    /// A transfer that is single, or the first of two phases.
    fn judge_first(&self, timestamp: u64, asked: &Transfer) -> Result<Movement, O> {
        well_formed(asked)?;
        let debit = self.account(asked.debit_account_id).ok_or(O::DebitAccountNotFound)?;
        let credit = self.account(asked.credit_account_id).ok_or(O::CreditAccountNotFound)?;
        if debit.account.ledger != credit.account.ledger {
            return Err(O::AccountsMustHaveTheSameLedger);
        }
        if asked.ledger != debit.account.ledger {
            return Err(O::TransferMustHaveTheSameLedgerAsAccounts);
        }
        if debit.closed {
            return Err(O::DebitAccountAlreadyClosed);
        }
        if credit.closed {
            return Err(O::CreditAccountAlreadyClosed);
        }
        let amount = balanced(asked, debit, credit);
        overflows(asked.flags, amount, debit, credit)?;
        // The clock's last instant is far away, but it is there.
        if u64::from(asked.timeout).checked_mul(NANOSECONDS).and_then(|timeout| timestamp.checked_add(timeout)).is_none() {
            return Err(O::OverflowsTimeout);
        }
        exceeds(amount, debit, credit)?;
        Ok(Movement { transfer: Transfer { amount, timestamp, ..*asked }, resolves: None, after: None })
    }

    /// A transfer that posts or voids a pending one.
    fn judge_second(&self, timestamp: u64, asked: &Transfer) -> Result<Movement, O> {
        let voids = asked.flags.has(F::VOID_PENDING_TRANSFER);
        names_a_pending_one(asked)?;
        let pending = self.transfer(asked.pending_id).ok_or(O::PendingTransferNotFound)?.transfer;
        let fate = self.pending.get(asked.pending_id).ok_or(O::PendingTransferNotPending)?;
        fits_the_pending_one(asked, &pending)?;
        let whole = if voids { 0 } else { AMOUNT_MAX };
        let amount = if asked.amount == whole { pending.amount } else { asked.amount };
        if amount > pending.amount {
            return Err(O::ExceedsPendingTransferAmount);
        }
        if voids && amount < pending.amount {
            return Err(O::PendingTransferHasDifferentAmount);
        }
        match fate {
            Fate::Open => {}
            Fate::Posted => return Err(O::PendingTransferAlreadyPosted),
            Fate::Voided => return Err(O::PendingTransferAlreadyVoided),
            Fate::Expired => return Err(O::PendingTransferExpired),
        }
        // Exact, whether its amount was released already or not.
        if pending.expires_at().is_some_and(|end| end <= timestamp) {
            return Err(O::PendingTransferExpired);
        }
        let closed = |account: u128| !voids && self.account(account).is_some_and(|holding| holding.closed);
        if closed(pending.debit_account_id) {
            return Err(O::DebitAccountAlreadyClosed);
        }
        if closed(pending.credit_account_id) {
            return Err(O::CreditAccountAlreadyClosed);
        }
        Ok(resolving(timestamp, asked, &pending, amount))
    }

    /// The first field that differs from that of the transfer of the same id.
    fn differs(&self, asked: &Transfer, transfer: &Transfer) -> O {
        let fields = [
            (asked.flags != transfer.flags, O::ExistsWithDifferentFlags),
            (asked.pending_id != transfer.pending_id, O::ExistsWithDifferentPendingId),
            (asked.timeout != transfer.timeout, O::ExistsWithDifferentTimeout),
        ];
        if let Some((_, outcome)) = fields.into_iter().find(|(differs, _)| *differs) {
            return outcome;
        }
        let meant = match self.transfer(transfer.pending_id).filter(|_| transfer.flags.resolves()) {
            // What it left out was that of the pending transfer, and would be again.
            Some(pending) => completed(asked, &pending.transfer),
            None => *asked,
        };
        // A transfer that balances says how much at most.
        let balancing = transfer.flags.any(F::BALANCING_DEBIT.with(F::BALANCING_CREDIT));
        let other_amount = if balancing { asked.amount < transfer.amount } else { meant.amount != transfer.amount };
        let fields = [
            (meant.debit_account_id != transfer.debit_account_id, O::ExistsWithDifferentDebitAccountId),
            (meant.credit_account_id != transfer.credit_account_id, O::ExistsWithDifferentCreditAccountId),
            (other_amount, O::ExistsWithDifferentAmount),
            (meant.user_data_128 != transfer.user_data_128, O::ExistsWithDifferentUserData128),
            (meant.user_data_64 != transfer.user_data_64, O::ExistsWithDifferentUserData64),
            (meant.user_data_32 != transfer.user_data_32, O::ExistsWithDifferentUserData32),
            (meant.ledger != transfer.ledger, O::ExistsWithDifferentLedger),
            (meant.code != transfer.code, O::ExistsWithDifferentCode),
        ];
        fields.into_iter().find(|(differs, _)| *differs).map_or(O::Exists, |(_, outcome)| outcome)
    }
}

/// What can be said of a first transfer without looking at the ledger.
const fn well_formed(asked: &Transfer) -> Result<(), O> {
    let Transfer { debit_account_id: debit, credit_account_id: credit, flags, .. } = *asked;
    if debit == 0 {
        return Err(O::DebitAccountIdMustNotBeZero);
    }
    if debit == u128::MAX {
        return Err(O::DebitAccountIdMustNotBeIntMax);
    }
    if credit == 0 {
        return Err(O::CreditAccountIdMustNotBeZero);
    }
    if credit == u128::MAX {
        return Err(O::CreditAccountIdMustNotBeIntMax);
    }
    if debit == credit {
        return Err(O::AccountsMustBeDifferent);
    }
    if asked.pending_id != 0 {
        return Err(O::PendingIdMustBeZero);
    }
    if asked.timeout != 0 && !flags.has(F::PENDING) {
        return Err(O::TimeoutReservedForPendingTransfer);
    }
    if flags.any(F::CLOSING_DEBIT.with(F::CLOSING_CREDIT)) && !flags.has(F::PENDING) {
        return Err(O::ClosingTransferMustBePending);
    }
    if asked.ledger == 0 {
        return Err(O::LedgerMustNotBeZero);
    }
    if asked.code == 0 {
        return Err(O::CodeMustNotBeZero);
    }
    Ok(())
}

/// What can be said of a second transfer without looking at the ledger.
const fn names_a_pending_one(asked: &Transfer) -> Result<(), O> {
    let both = F::POST_PENDING_TRANSFER.with(F::VOID_PENDING_TRANSFER);
    if asked.flags.has(both) || asked.flags.any(NOT_WHEN_RESOLVING) {
        return Err(O::FlagsAreMutuallyExclusive);
    }
    if asked.pending_id == 0 {
        return Err(O::PendingIdMustNotBeZero);
    }
    if asked.pending_id == u128::MAX {
        return Err(O::PendingIdMustNotBeIntMax);
    }
    if asked.pending_id == asked.id {
        return Err(O::PendingIdMustBeDifferent);
    }
    if asked.timeout != 0 {
        return Err(O::TimeoutReservedForPendingTransfer);
    }
    Ok(())
}

/// What it does not leave out must be that of the pending transfer.
const fn fits_the_pending_one(asked: &Transfer, pending: &Transfer) -> Result<(), O> {
    if asked.debit_account_id != 0 && asked.debit_account_id != pending.debit_account_id {
        return Err(O::PendingTransferHasDifferentDebitAccountId);
    }
    if asked.credit_account_id != 0 && asked.credit_account_id != pending.credit_account_id {
        return Err(O::PendingTransferHasDifferentCreditAccountId);
    }
    if asked.ledger != 0 && asked.ledger != pending.ledger {
        return Err(O::PendingTransferHasDifferentLedger);
    }
    if asked.code != 0 && asked.code != pending.code {
        return Err(O::PendingTransferHasDifferentCode);
    }
    Ok(())
}

/// A second transfer with what it left out.
const fn completed(asked: &Transfer, pending: &Transfer) -> Transfer {
    let whole = if asked.flags.has(F::VOID_PENDING_TRANSFER) { 0 } else { AMOUNT_MAX };
    Transfer {
        debit_account_id: if asked.debit_account_id == 0 { pending.debit_account_id } else { asked.debit_account_id },
        credit_account_id: if asked.credit_account_id == 0 { pending.credit_account_id } else { asked.credit_account_id },
        amount: if asked.amount == whole { pending.amount } else { asked.amount },
        user_data_128: if asked.user_data_128 == 0 { pending.user_data_128 } else { asked.user_data_128 },
        user_data_64: if asked.user_data_64 == 0 { pending.user_data_64 } else { asked.user_data_64 },
        user_data_32: if asked.user_data_32 == 0 { pending.user_data_32 } else { asked.user_data_32 },
        ledger: if asked.ledger == 0 { pending.ledger } else { asked.ledger },
        code: if asked.code == 0 { pending.code } else { asked.code },
        ..*asked
    }
}

const fn resolving(timestamp: u64, asked: &Transfer, pending: &Transfer, amount: u128) -> Movement {
    let transfer = Transfer { amount, timestamp, ..completed(asked, pending) };
    Movement { transfer, resolves: Some(Resolved { amount: pending.amount, flags: pending.flags }), after: None }
}

/// What a transfer comes to: as it says, or less where it balances.
fn balanced(asked: &Transfer, debit: &Holding, credit: &Holding) -> u128 {
    let mut amount = asked.amount;
    if asked.flags.has(F::BALANCING_DEBIT) {
        let used = debit.counters.debits_posted + debit.counters.debits_pending;
        amount = amount.min(debit.counters.credits_posted.saturating_sub(used));
    }
    if asked.flags.has(F::BALANCING_CREDIT) {
        let used = credit.counters.credits_posted + credit.counters.credits_pending;
        amount = amount.min(credit.counters.debits_posted.saturating_sub(used));
    }
    amount
}

/// Counters stay below 2¹²⁷, pending and posted ones also together: the second phase cannot overflow.
fn overflows(flags: F, amount: u128, debit: &Holding, credit: &Holding) -> Result<(), O> {
    let (debit, credit) = (&debit.counters, &credit.counters);
    let over = |counter: u128| amount >= LIMIT || counter + amount >= LIMIT;
    let pending = flags.has(F::PENDING);
    let counters = [
        (pending && over(debit.debits_pending), O::OverflowsDebitsPending),
        (pending && over(credit.credits_pending), O::OverflowsCreditsPending),
        (over(debit.debits_posted), O::OverflowsDebitsPosted),
        (over(credit.credits_posted), O::OverflowsCreditsPosted),
        (over(debit.debits_pending + debit.debits_posted), O::OverflowsDebits),
        (over(credit.credits_pending + credit.credits_posted), O::OverflowsCredits),
    ];
    counters.into_iter().find(|(over, _)| *over).map_or(Ok(()), |(_, outcome)| Err(outcome))
}

/// The limits of the accounts, looked at when an amount is first held, so that the second phase cannot break them.
const fn exceeds(amount: u128, debit: &Holding, credit: &Holding) -> Result<(), O> {
    let (d, c) = (&debit.counters, &credit.counters);
    if debit.account.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
        && d.debits_pending + d.debits_posted + amount > d.credits_posted
    {
        return Err(O::ExceedsCredits);
    }
    if credit.account.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)
        && c.credits_pending + c.credits_posted + amount > c.debits_posted
    {
        return Err(O::ExceedsDebits);
    }
    Ok(())
}
