//! The same rules once more, naively: no counters are kept, whatever is asked is added up from the list of all that happened.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Clone, Default)]
pub struct Naive {
    pub accounts: BTreeMap<u128, Account>,
    pub transfers: Vec<Transfer>,
    pub refused: BTreeSet<u128>,
    /// Pending transfers that were released because their time was over.
    pub expired: BTreeSet<u128>,
}

const SECOND: u64 = 1_000_000_000;

impl Naive {
    fn find(&self, id: u128) -> Option<&Transfer> {
        self.transfers.iter().find(|transfer| transfer.id == id)
    }

    fn is(transfer: &Transfer, name: &str) -> bool {
        let bit = TransferFlags::NAMES.iter().position(|(_, known)| *known == name).unwrap();
        transfer.flags.0 & (1 << bit) != 0
    }

    fn second(transfer: &Transfer) -> bool {
        Self::is(transfer, "post_pending_transfer") || Self::is(transfer, "void_pending_transfer")
    }

    fn resolution(&self, id: u128) -> Option<&Transfer> {
        self.transfers.iter().find(|other| Self::second(other) && other.pending_id == id)
    }

    fn open(&self, transfer: &Transfer) -> bool {
        Self::is(transfer, "pending") && self.resolution(transfer.id).is_none() && !self.expired.contains(&transfer.id)
    }

    /// Pending and posted debits, pending and posted credits.
    pub fn counters(&self, account: u128) -> [u128; 4] {
        let mut sums = [0; 4];
        for transfer in &self.transfers {
            let held = Self::is(transfer, "pending");
            if (held && !self.open(transfer)) || Self::is(transfer, "void_pending_transfer") {
                continue;
            }
            let place = if held { 0 } else { 1 };
            if transfer.debit_account_id == account {
                sums[place] += transfer.amount;
            }
            if transfer.credit_account_id == account {
                sums[place + 2] += transfer.amount;
            }
        }
        sums
    }

    /// Closed by a transfer that is still pending or was posted.
    pub fn closed(&self, account: u128) -> bool {
        let voided = |transfer: &Transfer| self.resolution(transfer.id).is_some_and(|by| Self::is(by, "void_pending_transfer"));
        let closes = |transfer: &&Transfer| {
            (transfer.debit_account_id == account && Self::is(transfer, "closing_debit"))
                || (transfer.credit_account_id == account && Self::is(transfer, "closing_credit"))
        };
        self.transfers.iter().filter(|t| Self::is(t, "pending")).filter(closes).any(|t| !voided(t) && !self.expired.contains(&t.id))
    }

    pub fn release(&mut self, now: u64) {
        let due = |t: &&Transfer| self.open(t) && t.timeout > 0 && t.timestamp + u64::from(t.timeout) * SECOND <= now;
        let due: Vec<_> = self.transfers.iter().filter(due).map(|transfer| transfer.id).collect();
        self.expired.extend(due);
    }

    /// Does a batch whose first item has this timestamp.
    pub fn run(&mut self, first: u64, batch: &[Transfer]) -> Vec<&'static str> {
        let mut results = vec![""; batch.len()];
        let mut at = 0;
        while at < batch.len() {
            let rest = batch[at..].iter().position(|transfer| !Self::is(transfer, "linked"));
            let (end, closed) = rest.map_or((batch.len(), false), |rest| (at + rest + 1, true));
            let mut attempt = self.clone();
            let broken = (at..end).find_map(|place| {
                let open = !closed && place + 1 == end;
                let why = if open { Err("linked_event_chain_open") } else { attempt.one(first + place as u64, &batch[place]) };
                why.err().map(|why| (place, why))
            });
            match broken {
                None => {
                    *self = attempt;
                    results[at..end].fill("created");
                }
                Some((place, why)) => {
                    results[at..end].fill("linked_event_failed");
                    results[place] = why;
                    if !closed {
                        results[end - 1] = "linked_event_chain_open";
                    }
                    let kept = ["debit_account_not_found", "credit_account_not_found", "pending_transfer_not_found", "exceeds_credits"];
                    if kept.contains(&why) || why == "exceeds_debits" || why.ends_with("account_already_closed") {
                        self.refused.insert(batch[place].id);
                    }
                }
            }
            at = end;
        }
        results
    }

    fn one(&mut self, now: u64, t: &Transfer) -> Result<(), &'static str> {
        if let Some(known) = self.find(t.id) {
            return Err(self.known(t, known));
        }
        if self.refused.contains(&t.id) {
            return Err("id_already_failed");
        }
        let done = if Self::second(t) { self.resolving(now, t)? } else { self.single(t)? };
        self.transfers.push(Transfer { timestamp: now, ..done });
        Ok(())
    }

    fn known(&self, t: &Transfer, known: &Transfer) -> &'static str {
        let pending = Self::second(known).then(|| self.find(known.pending_id).unwrap());
        let or = |given: u128, of: fn(&Transfer) -> u128| if given == 0 { pending.map_or(0, of) } else { given };
        let amount = match pending {
            Some(p) if Self::is(t, "void_pending_transfer") => {
                if t.amount == 0 {
                    p.amount
                } else {
                    t.amount
                }
            }
            Some(p) => {
                if t.amount == u128::MAX {
                    p.amount
                } else {
                    t.amount
                }
            }
            None if Self::is(t, "balancing_debit") || Self::is(t, "balancing_credit") => t.amount.min(known.amount),
            None => t.amount,
        };
        let same = [
            ("flags", t.flags == known.flags),
            ("pending_id", t.pending_id == known.pending_id),
            ("timeout", t.timeout == known.timeout),
            ("debit_account_id", or(t.debit_account_id, |p| p.debit_account_id) == known.debit_account_id),
            ("credit_account_id", or(t.credit_account_id, |p| p.credit_account_id) == known.credit_account_id),
            ("amount", amount == known.amount),
            ("user_data_128", or(t.user_data_128, |p| p.user_data_128) == known.user_data_128),
            ("ledger", or(t.ledger.into(), |p| p.ledger.into()) == u128::from(known.ledger)),
            ("code", or(t.code.into(), |p| p.code.into()) == u128::from(known.code)),
        ];
        let field = same.into_iter().find(|(_, same)| !same).map(|(field, _)| format!("exists_with_different_{field}"));
        field.map_or("exists", |name| O::ALL.into_iter().map(O::name).find(|known| *known == name).unwrap())
    }

    fn single(&self, t: &Transfer) -> Result<Transfer, &'static str> {
        let is = |name| Self::is(t, name);
        if t.debit_account_id == t.credit_account_id {
            return Err("accounts_must_be_different");
        }
        if t.timeout > 0 && !is("pending") {
            return Err("timeout_reserved_for_pending_transfer");
        }
        if (is("closing_debit") || is("closing_credit")) && !is("pending") {
            return Err("closing_transfer_must_be_pending");
        }
        let debit = self.accounts.get(&t.debit_account_id).ok_or("debit_account_not_found")?;
        let credit = self.accounts.get(&t.credit_account_id).ok_or("credit_account_not_found")?;
        if debit.ledger != credit.ledger {
            return Err("accounts_must_have_the_same_ledger");
        }
        if t.ledger != debit.ledger {
            return Err("transfer_must_have_the_same_ledger_as_accounts");
        }
        if self.closed(debit.id) {
            return Err("debit_account_already_closed");
        }
        if self.closed(credit.id) {
            return Err("credit_account_already_closed");
        }
        let ([dp, dd, _, dc], [_, cd, cp, cc]) = (self.counters(debit.id), self.counters(credit.id));
        let mut amount = t.amount;
        if is("balancing_debit") {
            amount = amount.min(if dc > dp + dd { dc - dp - dd } else { 0 });
        }
        if is("balancing_credit") {
            amount = amount.min(if cd > cp + cc { cd - cp - cc } else { 0 });
        }
        if debit.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) && dp + dd + amount > dc {
            return Err("exceeds_credits");
        }
        if credit.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) && cp + cc + amount > cd {
            return Err("exceeds_debits");
        }
        Ok(Transfer { amount, ..*t })
    }

    fn resolving(&self, now: u64, t: &Transfer) -> Result<Transfer, &'static str> {
        let voids = Self::is(t, "void_pending_transfer");
        if voids && Self::is(t, "post_pending_transfer") || Self::is(t, "pending") {
            return Err("flags_are_mutually_exclusive");
        }
        if t.pending_id == 0 {
            return Err("pending_id_must_not_be_zero");
        }
        if t.pending_id == t.id {
            return Err("pending_id_must_be_different");
        }
        let p = *self.find(t.pending_id).ok_or("pending_transfer_not_found")?;
        if !Self::is(&p, "pending") {
            return Err("pending_transfer_not_pending");
        }
        if t.debit_account_id != 0 && t.debit_account_id != p.debit_account_id {
            return Err("pending_transfer_has_different_debit_account_id");
        }
        let amount = match (voids, t.amount) {
            (true, 0) | (false, u128::MAX) => p.amount,
            (_, amount) => amount,
        };
        if amount > p.amount {
            return Err("exceeds_pending_transfer_amount");
        }
        if voids && amount != p.amount {
            return Err("pending_transfer_has_different_amount");
        }
        match self.resolution(p.id) {
            Some(by) if Self::is(by, "void_pending_transfer") => return Err("pending_transfer_already_voided"),
            Some(_) => return Err("pending_transfer_already_posted"),
            None => {}
        }
        if p.timeout > 0 && now >= p.timestamp + u64::from(p.timeout) * SECOND {
            return Err("pending_transfer_expired");
        }
        if !voids && self.closed(p.debit_account_id) {
            return Err("debit_account_already_closed");
        }
        if !voids && self.closed(p.credit_account_id) {
            return Err("credit_account_already_closed");
        }
        let user_data_128 = if t.user_data_128 == 0 { p.user_data_128 } else { t.user_data_128 };
        Ok(Transfer { id: t.id, amount, flags: t.flags, pending_id: t.pending_id, timeout: 0, user_data_128, ..p })
    }
}
