//! Batches and payouts.

use std::collections::BTreeMap;

use domain::calendar::banks_pay_at;
use uuid::Uuid;

use super::super::play::instant;
use super::super::world::{HOLDING_DAYS, MINIMUM_PAYOUT};
use super::{Batch, DAY, Line, Model, Owed, Stage, Turn, Verdict};

impl Owed {
    /// What may be paid for lines of so much: less what later refunds took, never more than is owed.
    fn payable(&self, net: i128) -> i128 {
        let under_way = |batch: Option<Uuid>| self.leaving.iter().any(|(_, leaving, _)| batch == Some(*leaving));
        let lines: i128 = self.lines.iter().filter(|line| !under_way(line.batch)).map(|line| line.net).sum();
        let missing = (lines - self.balance).max(0);
        (net - missing).min(self.balance).max(0)
    }

    fn of_batch(&self, batch: Uuid) -> i128 {
        self.lines.iter().filter(|line| line.batch == Some(batch)).map(|line| line.net).sum()
    }

    fn free(&mut self, batch: Uuid) {
        for line in self.lines.iter_mut().filter(|line| line.batch == Some(batch)) {
            line.batch = None;
        }
    }
}

impl Model {
    /// What opening a batch must be answered.
    pub fn may_open(&self, end: i64) -> Verdict {
        if end > self.now {
            return Err("SETTLE001");
        }
        let open = self.batches.iter().any(|batch| batch.stage == Stage::Open);
        if open { Err("SETTLE002") } else { Ok(()) }
    }

    /// A batch that was opened.
    pub fn open(&mut self, id: Uuid, end: i64, opener: usize) {
        let rested = self.now - i64::from(HOLDING_DAYS) * DAY;
        let free = |line: &Line| line.batch.is_none() && line.earned < end && line.earned <= rested;
        let mut turns = BTreeMap::new();
        for (host, owed) in &mut self.owed {
            let net: i128 = owed.lines.iter().filter(|line| free(line)).map(|line| line.net).sum();
            if !owed.lines.iter().any(free) || owed.payable(net) < MINIMUM_PAYOUT {
                continue;
            }
            for line in owed.lines.iter_mut().filter(|line| free(line)) {
                line.batch = Some(id);
            }
            turns.insert(*host, Turn::Waiting);
        }
        self.batches.push(Batch { id, opener, stage: Stage::Open, turns });
    }

    /// The batch by its id.
    pub fn batch(&self, id: Uuid) -> Option<usize> {
        self.batches.iter().position(|batch| batch.id == id)
    }

    /// What the second person must be answered.
    pub fn may_sign(&self, batch: usize, who: usize) -> Verdict {
        let Batch { stage, opener, .. } = &self.batches[batch];
        if *stage != Stage::Open {
            return Err("SYS006");
        }
        if *opener == who { Err("SETTLE003") } else { Ok(()) }
    }

    /// A batch that two people agreed to.
    pub fn sign(&mut self, batch: usize) {
        self.batches[batch].stage = Stage::Approved;
        self.close(batch);
    }

    /// What calling a batch off must be answered.
    pub fn may_call_off(&self, batch: usize) -> Verdict {
        if self.batches[batch].stage == Stage::Open { Ok(()) } else { Err("SYS006") }
    }

    /// A batch that was called off.
    pub fn call_off(&mut self, batch: usize) {
        self.batches[batch].stage = Stage::Cancelled;
        let id = self.batches[batch].id;
        for owed in self.owed.values_mut() {
            owed.free(id);
        }
    }

    /// The next payout to a host of a batch, or none; `payout` is the id that it would have.
    pub fn pay_host(&mut self, batch: usize, host: usize, payout: Uuid) {
        let (id, turn) = (self.batches[batch].id, self.batches[batch].turns.get(&host).copied());
        let account = self.payable_account(host);
        let Some(owed) = self.owed.get_mut(&host) else { return };
        let claimed = owed.of_batch(id);
        let (net, attempt) = match turn {
            Some(Turn::Waiting) => (claimed, 1),
            Some(Turn::Unpaid(amount, attempt)) => (if claimed == 0 { amount } else { claimed }, attempt + 1),
            Some(Turn::Paying(..) | Turn::Paid(..) | Turn::Skipped) | None => return,
        };
        let amount = owed.payable(net);
        if amount == 0 {
            // What the host owed has used the lines up.
            owed.lines.retain(|line| line.batch != Some(id));
            self.batches[batch].turns.insert(host, Turn::Skipped);
            self.close(batch);
        } else if !banks_pay_at(instant(self.now)) {
            // It is asked again on the next business day.
        } else if amount < MINIMUM_PAYOUT {
            if turn == Some(Turn::Waiting) {
                self.batches[batch].turns.insert(host, Turn::Unpaid(amount, 0));
                self.close(batch);
            }
        } else {
            owed.balance -= amount;
            owed.leaving.push((payout, id, amount));
            self.batches[batch].turns.insert(host, Turn::Paying(payout, amount, attempt));
            self.batches[batch].stage = Stage::Approved;
            self.debit(&account, amount);
            self.credit("payout_in_transit", amount);
        }
    }

    fn find(&self, payout: Uuid) -> Option<(usize, usize, Turn)> {
        let of = |turn: &Turn| match turn {
            Turn::Paying(id, ..) | Turn::Paid(id, ..) => *id == payout,
            Turn::Waiting | Turn::Unpaid(..) | Turn::Skipped => false,
        };
        self.batches.iter().enumerate().find_map(|(batch, known)| {
            let (host, turn) = known.turns.iter().find(|(_, turn)| of(turn))?;
            Some((batch, *host, *turn))
        })
    }

    /// The bank paid.
    pub fn arrived(&mut self, payout: Uuid) {
        let Some((batch, host, Turn::Paying(_, amount, attempt))) = self.find(payout) else { return };
        let id = self.batches[batch].id;
        if let Some(owed) = self.owed.get_mut(&host) {
            owed.leaving.retain(|(known, ..)| *known != payout);
            owed.lines.retain(|line| line.batch != Some(id));
        }
        self.batches[batch].turns.insert(host, Turn::Paid(payout, amount, attempt));
        self.debit("payout_in_transit", amount);
        self.credit("bank", amount);
        self.close(batch);
    }

    /// The bank refused.
    pub fn bounced(&mut self, payout: Uuid) {
        if let Some((batch, host, Turn::Paying(_, amount, attempt))) = self.find(payout) {
            self.debit("payout_in_transit", amount);
            self.owe_again(batch, host, payout, amount, attempt);
        }
    }

    /// The money came back.
    pub fn came_back(&mut self, payout: Uuid) {
        if let Some((batch, host, Turn::Paid(_, amount, attempt))) = self.find(payout) {
            self.debit("bank", amount);
            self.owe_again(batch, host, payout, amount, attempt);
        }
    }

    fn owe_again(&mut self, batch: usize, host: usize, payout: Uuid, amount: i128, attempt: u32) {
        let account = self.payable_account(host);
        self.credit(&account, amount);
        if let Some(owed) = self.owed.get_mut(&host) {
            owed.balance += amount;
            owed.leaving.retain(|(known, ..)| *known != payout);
        }
        self.batches[batch].turns.insert(host, Turn::Unpaid(amount, attempt));
        self.close(batch);
    }

    fn close(&mut self, batch: usize) {
        let open = |turn: &Turn| matches!(turn, Turn::Waiting | Turn::Paying(..));
        if !self.batches[batch].turns.values().any(open) {
            self.batches[batch].stage = Stage::Over;
        }
    }
}
