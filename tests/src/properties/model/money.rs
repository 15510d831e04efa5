//! Captures, refunds, the release of the escrow, and every account.

use uuid::Uuid;

use super::super::world::REFUND_LIMIT;
use super::{Back, Capture, Line, Model, Pay, Stand, Verdict};

/// The nearest whole number, halves up.
const fn round(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator) / (2 * denominator)
}

/// What of a fee stays after refunds of so much.
pub const fn kept(amount: i128, fee: i128, refunded: i128) -> i128 {
    fee - round(fee * refunded, amount)
}

/// The tax in a fee.
pub const fn tax(fee: i128) -> i128 {
    fee - round(fee * 10, 11)
}

impl Model {
    /// Debits an account; a negative amount credits it.
    pub fn debit(&mut self, account: &str, amount: i128) {
        let balance = self.accounts.entry(account.to_owned()).or_default();
        *balance += amount;
        if *balance == 0 {
            self.accounts.remove(account);
        }
    }

    /// Credits an account.
    pub fn credit(&mut self, account: &str, amount: i128) {
        self.debit(account, -amount);
    }

    fn escrow(&self, deal: usize) -> String {
        let kind = if self.deals[deal].goods.is_some() { "order_escrow" } else { "escrow" };
        format!("{kind}:{}", self.deals[deal].id)
    }

    /// The account of what a person is owed.
    pub fn payable_account(&self, person: usize) -> String {
        format!("host_payable:{}", self.cast.people[person])
    }

    fn pay(&mut self, deal: usize) -> Option<&mut Pay> {
        self.deals[deal].pay.as_mut()
    }

    /// Refunds asked of the provider.
    pub fn refunded(&self, deal: usize) -> i128 {
        let backs = self.deals[deal].pay.iter().flat_map(|pay| &pay.backs);
        backs.filter(|back| !matches!(back.stand, Stand::Proposed(_))).map(|back| back.amount).sum()
    }

    /// What was captured and not asked back.
    pub fn left(&self, deal: usize) -> i128 {
        let paid = self.deals[deal].pay.as_ref().is_some_and(|pay| pay.capture == Capture::Paid);
        if paid { self.deals[deal].total - self.refunded(deal) } else { 0 }
    }

    /// What a payer's confirmation must be answered.
    pub fn may_confirm(&self, deal: usize, who: usize, amount: i128, order_matches: bool) -> Verdict {
        if who != self.deals[deal].guest {
            let unknown = if self.deals[deal].goods.is_some() { "SYS007" } else { "BOOKING001" };
            return Err(if who == self.host(deal) { "AUTH010" } else { unknown });
        }
        let Some(pay) = &self.deals[deal].pay else { return Err("BOOKING004") };
        if amount != self.deals[deal].total || !order_matches {
            return Err("PAY002");
        }
        match pay.capture {
            Capture::Asking(_) | Capture::Unknown(_) => Err("PAY008"),
            Capture::Paid | Capture::Voided => Err("PAY003"),
            Capture::Expired => Err("PAY004"),
            Capture::Waiting if self.now >= pay.due => Err("PAY004"),
            Capture::Waiting => Ok(()),
        }
    }

    /// A confirmation that went through.
    pub fn confirm(&mut self, deal: usize) {
        if let Some(pay) = self.pay(deal) {
            pay.attempts += 1;
            pay.capture = Capture::Asking(pay.attempts);
        }
    }

    /// The provider says that it captured; with the id of the refund, should the money be late.
    pub fn captured(&mut self, deal: usize, paid_at: i64, late: Option<Uuid>) {
        let (total, escrow, open) = (self.deals[deal].total, self.escrow(deal), self.deals[deal].awaits_payment());
        let Some(pay) = self.pay(deal) else { return };
        if pay.capture == Capture::Paid || pay.attempts == 0 {
            return;
        }
        (pay.capture, pay.paid_at) = (Capture::Paid, paid_at);
        self.debit("psp_clearing", total);
        self.credit(&escrow, total);
        if open {
            self.deals[deal].paid();
        } else if let Some(late) = late {
            self.give_back(deal, late, total);
        }
    }

    /// The provider says no to an attempt.
    pub fn declined(&mut self, deal: usize, attempt: u32) {
        let open = self.deals[deal].awaits_payment();
        let Some(pay) = self.pay(deal) else { return };
        if [Capture::Asking(attempt), Capture::Unknown(attempt)].contains(&pay.capture) {
            pay.capture = if open { Capture::Waiting } else { Capture::Expired };
        }
    }

    /// The provider says nothing of an attempt.
    pub fn silent(&mut self, deal: usize, attempt: u32) {
        let Some(pay) = self.pay(deal) else { return };
        if pay.capture == Capture::Asking(attempt) {
            pay.capture = Capture::Unknown(attempt);
        }
    }

    /// What a refund by a person must be answered.
    pub fn may_refund(&self, deal: usize, amount: Option<i128>) -> Verdict {
        let left = self.left(deal);
        let amount = amount.unwrap_or(left);
        if left == 0 || amount > left {
            return Err("PAY006");
        }
        if amount <= 0 { Err("SYS003") } else { Ok(()) }
    }

    /// A refund that went through, or waits for a second person.
    pub fn refund(&mut self, deal: usize, id: Uuid, amount: Option<i128>, who: usize) {
        let amount = amount.unwrap_or_else(|| self.left(deal));
        let backs = self.deals[deal].pay.iter().flat_map(|pay| &pay.backs);
        // Many small ones are one large.
        let alone: i128 = backs.filter(|back| back.by_one).map(|back| back.amount).sum();
        let within = alone + amount <= REFUND_LIMIT;
        if within {
            self.give_back(deal, id, amount);
        } else if let Some(pay) = self.pay(deal) {
            pay.backs.push(Back { id, amount, stand: Stand::Proposed(who), by_one: false });
        }
        if let Some(back) = self.back(deal, id) {
            back.by_one = within;
        }
    }

    fn back(&mut self, deal: usize, id: Uuid) -> Option<&mut Back> {
        self.pay(deal)?.backs.iter_mut().find(|back| back.id == id)
    }

    /// What the second person must be answered.
    pub fn may_agree(&self, deal: usize, id: Uuid, who: usize) -> Verdict {
        let mut backs = self.deals[deal].pay.iter().flat_map(|pay| &pay.backs);
        let Some(back) = backs.find(|back| back.id == id) else { return Err("SYS007") };
        match back.stand {
            Stand::Proposed(by) if by == who => Err("SETTLE003"),
            Stand::Proposed(_) if back.amount > self.left(deal) => Err("PAY006"),
            Stand::Proposed(_) => Ok(()),
            Stand::Open | Stand::Failed | Stand::Done => Err("PAY003"),
        }
    }

    /// An agreement that went through.
    pub fn agree(&mut self, deal: usize, id: Uuid) {
        let Some(pay) = self.pay(deal) else { return };
        let Some(at) = pay.backs.iter().position(|back| back.id == id) else { return };
        let amount = pay.backs.remove(at).amount;
        self.give_back(deal, id, amount);
    }

    /// Money that is to go back: from the escrow, or from all who had a share of it.
    pub fn give_back(&mut self, deal: usize, id: Uuid, amount: i128) {
        let (total, fee, host) = (self.deals[deal].total, self.deals[deal].fee, self.host(deal));
        let before = self.refunded(deal);
        let (then, now) = (kept(total, fee, before), kept(total, fee, before + amount));
        let (share, taxes) = (then - now, tax(then) - tax(now));
        let Some(pay) = self.pay(deal) else { return };
        let (released, payment) = (pay.released, pay.id);
        pay.backs.push(Back { id, amount, stand: Stand::Open, by_one: false });
        self.credit("refund_payable", amount);
        if !released {
            let escrow = self.escrow(deal);
            self.debit(&escrow, amount);
            return;
        }
        let account = self.payable_account(host);
        self.debit(&account, amount - share);
        self.debit("fee_revenue", share - taxes);
        self.debit("vat_payable", taxes);
        let Some(owed) = self.owed.get_mut(&host) else { return };
        owed.balance -= amount - share;
        if let Some(line) = owed.lines.iter_mut().find(|line| line.payment == payment && line.batch.is_none()) {
            line.net -= amount - share;
        }
    }

    /// The provider gave it back.
    pub fn went_back(&mut self, deal: usize, id: Uuid) {
        let Some(back) = self.back(deal, id) else { return };
        if matches!(back.stand, Stand::Open | Stand::Failed) {
            back.stand = Stand::Done;
            let amount = back.amount;
            self.debit("refund_payable", amount);
            self.credit("psp_clearing", amount);
        }
    }

    /// The provider refused to.
    pub fn stayed(&mut self, deal: usize, id: Uuid) {
        if let Some(back) = self.back(deal, id).filter(|back| back.stand == Stand::Open) {
            back.stand = Stand::Failed;
        }
    }

    /// It is asked again.
    pub fn retry(&mut self, deal: usize, id: Uuid) {
        if let Some(back) = self.back(deal, id).filter(|back| back.stand == Stand::Failed) {
            back.stand = Stand::Open;
        }
    }

    /// What is left in escrow goes to platform, tax office and host.
    pub fn release(&mut self, deal: usize) {
        let (rest, now, host, escrow) = (self.left(deal), self.now, self.host(deal), self.escrow(deal));
        let fee = kept(self.deals[deal].total, self.deals[deal].fee, self.refunded(deal));
        let Some(pay) = self.pay(deal).filter(|pay| !pay.released && rest > 0) else { return };
        pay.released = true;
        let payment = pay.id;
        let account = self.payable_account(host);
        self.debit(&escrow, rest);
        self.credit("fee_revenue", fee - tax(fee));
        self.credit("vat_payable", tax(fee));
        self.credit(&account, rest - fee);
        if let Some(owed) = self.owed.get_mut(&host) {
            owed.balance += rest - fee;
            owed.lines.push(Line { payment, net: rest - fee, earned: now, batch: None });
        }
    }
}
