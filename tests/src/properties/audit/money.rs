//! L1–L8: every account, refund, line and payout, as the log has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::payable::Event as O;
use domain::payment::Event as P;
use domain::payout::Event as X;
use domain::purpose::Purpose;
use kernel::Side;
use uuid::Uuid;

use super::super::model::HOUR;
use super::super::model::money::{kept, tax};
use super::super::outside::Outside;
use super::{Findings, Property};

/// A payment that is unknown for longer is an operator's business (domain.md §7), in microseconds.
const UNKNOWN_FOR: i64 = HOUR;

#[derive(Clone, Debug)]
struct Known {
    /// What it is for.
    purpose: Purpose,
    order: String,
    amount: i128,
    fee: i128,
    captured: bool,
    /// An attempt is under way.
    open: bool,
    /// Nobody knows whether it was captured.
    unknown: bool,
    asked_back: i128,
    went_back: i128,
    /// Shares of the fee that refunds took.
    shares: i128,
    released: bool,
    settled: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payout {
    Open,
    Completed,
    Failed,
    Returned,
}

/// Every account, refund, line and payout.
#[derive(Clone, Debug, Default)]
pub struct MoneyAudit {
    /// Debits less credits of every account that is not zero.
    accounts: BTreeMap<String, i128>,
    payments: BTreeMap<Uuid, Known>,
    refunds: BTreeMap<Uuid, Uuid>,
    /// Batch and host of every line that is in a batch.
    lines: BTreeMap<Uuid, (Uuid, Uuid)>,
    payouts: BTreeMap<Uuid, Payout>,
    /// The latest payout of each payment.
    latest: BTreeMap<Uuid, Uuid>,
    /// Loses one posting of every third entry, to prove that it would be missed.
    pub loses_postings: bool,
    entries: u64,
}

impl MoneyAudit {
    /// One more event.
    pub fn read(&mut self, id: Uuid, at: i64, event: &domain::Event, findings: &mut Findings) {
        // A payout is measured against what was owed before it.
        if let domain::Event::Payout(X::PayoutRequested { host, amount, payout, .. }) = event {
            let owed = -self.accounts.get(&format!("host_payable:{}", host.uuid())).copied().unwrap_or(0);
            let fits = amount.is_positive() && amount.minor() <= owed;
            findings.hold(Property::L5, fits, || format!("{payout} of {amount} while {owed} is owed"));
        }
        self.post(event, findings);
        match event {
            domain::Event::Payment(event) => self.payment(id, at, event, findings),
            domain::Event::Payable(event) => self.payable(id, event, findings),
            domain::Event::Payout(event) => self.payout(event),
            _ => {}
        }
    }

    fn post(&mut self, event: &domain::Event, findings: &mut Findings) {
        let Some(entry) = event.entry().unwrap() else { return };
        self.entries += 1;
        let lost = usize::from(self.loses_postings && self.entries.is_multiple_of(3));
        let postings = entry.postings().iter().skip(lost);
        let mut excess = 0;
        for posting in postings {
            let amount = if posting.side == Side::Debit { posting.amount.minor() } else { -posting.amount.minor() };
            excess += amount;
            *self.accounts.entry(posting.account.clone()).or_default() += amount;
        }
        self.accounts.retain(|_, balance| *balance != 0);
        findings.hold(Property::L1, excess == 0, || format!("{} is out of balance by {excess}", entry.kind()));
        let trial: i128 = self.accounts.values().sum();
        findings.hold(Property::L1, trial == 0, || format!("the trial balance is {trial}"));
    }

    fn payment(&mut self, id: Uuid, at: i64, event: &P, findings: &mut Findings) {
        if let P::PaymentRequested { order } = event {
            let (purpose, amount, fee) = (order.purpose, order.amount.minor(), order.fee.minor());
            let known = Known {
                purpose,
                order: order.order_id.clone(),
                amount,
                fee,
                captured: false,
                open: false,
                unknown: false,
                asked_back: 0,
                went_back: 0,
                shares: 0,
                released: false,
                settled: None,
            };
            self.payments.insert(id, known);
            return;
        }
        if let P::RefundRequested { refund, .. } = event {
            self.refunds.insert(refund.uuid(), id);
        }
        let Some(known) = self.payments.get_mut(&id) else { return };
        match event {
            P::PaymentConfirmStarted { .. } => known.open = true,
            P::PaymentOutcomeUnknown { since, escalated, .. } => {
                let overdue = at - since.as_microsecond() >= UNKNOWN_FOR;
                findings
                    .hold(Property::L8, *escalated == overdue, || format!("{id} is unknown since {since}, an operator knows: {escalated}"));
                (known.open, known.unknown) = (true, true);
            }
            P::PaymentFailed { .. } => (known.open, known.unknown) = (false, false),
            P::PaymentCompleted { amount, fee, .. } => {
                (known.open, known.unknown, known.captured) = (false, false, true);
                let same = (amount.minor(), fee.minor()) == (known.amount, known.fee);
                findings.hold(Property::L2, same, || format!("{id} captured {amount} with a fee of {fee}"));
            }
            P::RefundRequested { amount, fee_share, vat_share, .. } => {
                known.refund(amount.minor(), fee_share.minor(), vat_share.minor(), findings)
            }
            P::RefundCompleted { amount, .. } => {
                known.went_back += amount.minor();
                findings.hold(Property::L3, known.went_back <= known.asked_back, || format!("{id} gave back {}", known.went_back));
            }
            P::EscrowReleased { amount, fee, vat, net, .. } => {
                known.released = true;
                let shares = (fee.minor() + known.shares, vat.minor(), fee.minor() + net.minor(), amount.minor() + known.asked_back);
                let right = (known.fee, tax(fee.minor()), amount.minor(), known.amount);
                findings.hold(Property::L2, shares == right, || format!("{id} releases {shares:?}, not {right:?}"));
            }
            P::PaymentSettled { payout, .. } => known.settled = Some(payout.uuid()),
            P::PaymentUnsettled { .. } => known.settled = None,
            P::PaymentRequested { .. }
            | P::ProviderNoticeReceived { .. }
            | P::PaymentExpired { .. }
            | P::PaymentVoided { .. }
            | P::RefundProposed { .. }
            | P::RefundRetried { .. }
            | P::RefundFailed { .. }
            | P::RefundUnknown { .. } => {}
        }
    }

    fn payable(&mut self, host: Uuid, event: &O, findings: &mut Findings) {
        match event {
            O::LinesClaimed { settlement, lines } => {
                for line in lines {
                    let before = self.lines.insert(line.uuid(), (settlement.uuid(), host));
                    findings.hold(Property::L5, before.is_none(), || format!("the line of {line} is in {before:?} and {settlement}"));
                }
            }
            O::LinesReleased { settlement } => self.lines.retain(|_, claim| *claim != (settlement.uuid(), host)),
            // Used up in its batch, and never free again.
            O::LinesOffset { .. } => {}
            O::EarningCredited { .. }
            | O::EarningReversed { .. }
            | O::PayoutReserved { .. }
            | O::PayoutClosed { .. }
            | O::Recredited { .. }
            | O::PayoutHeld { .. }
            | O::PayoutHeldBack { .. }
            | O::PayoutReleased { .. } => {}
        }
    }

    fn payout(&mut self, event: &X) {
        match event {
            X::PayoutRequested { payout, lines, .. } => {
                self.payouts.insert(payout.uuid(), Payout::Open);
                self.latest.extend(lines.iter().map(|line| (line.uuid(), payout.uuid())));
            }
            X::PayoutCompleted { payout, .. } => {
                self.payouts.insert(payout.uuid(), Payout::Completed);
            }
            X::PayoutFailed { payout, .. } => {
                self.payouts.insert(payout.uuid(), Payout::Failed);
            }
            X::PayoutReturned { payout, .. } => {
                self.payouts.insert(payout.uuid(), Payout::Returned);
            }
            X::PayoutUnknown { .. } | X::PayoutNoticeReceived { .. } => {}
        }
    }

    /// L4: the escrow of a booking or order that is over, and whose payment is final, is empty. No escrow is ever overdrawn.
    pub fn pause(&mut self, over: &[&BTreeSet<Uuid>], findings: &mut Findings) {
        for (id, known) in self.payments.iter().filter(|(_, known)| known.captured) {
            let escrow = self.accounts.get(&escrow(known.purpose)).copied().unwrap_or(0);
            let final_and_full = over.iter().any(|over| over.contains(&known.purpose.uuid())) && !known.open && escrow != 0;
            findings.hold(Property::L4, !final_and_full && escrow <= 0, || format!("{} of {id} is in escrow", -escrow));
        }
    }

    /// L6, when every mark is set.
    pub fn marked(&self, findings: &mut Findings) {
        for (id, known) in &self.payments {
            let paid = self.latest.get(id).filter(|payout| self.payouts.get(payout) == Some(&Payout::Completed));
            findings
                .hold(Property::L6, known.settled == paid.copied(), || format!("{id} is settled by {:?}, paid by {paid:?}", known.settled));
        }
    }

    /// L7, when nothing is under way; L8: nothing is unknown for ever.
    pub fn rest(&self, outside: &Outside, findings: &mut Findings) {
        let held = outside.held();
        for known in self.payments.values() {
            findings.hold(Property::L8, !known.unknown, || format!("{} is unknown for ever", known.order));
            let ours = if known.captured { known.amount - known.went_back } else { 0 };
            let theirs = held.get(&known.order).copied().unwrap_or(0);
            findings.hold(Property::L7, ours == theirs, || format!("{} holds {theirs} for us, our books say {ours}", known.order));
        }
        let (clearing, theirs) = (self.balance("psp_clearing"), held.values().sum::<i128>());
        findings.hold(Property::L7, clearing == theirs, || format!("psp_clearing is {clearing}, the provider holds {theirs}"));
        let (bank, left) = (-self.balance("bank"), outside.left_the_bank());
        findings.hold(Property::L7, bank == left, || format!("{bank} left the bank, its book says {left}"));
        findings.hold(Property::L7, self.balance("payout_in_transit") == 0, || "a payout is still in transit".to_owned());
    }

    fn balance(&self, account: &str) -> i128 {
        self.accounts.get(account).copied().unwrap_or(0)
    }

    /// Debits less credits of every account that is not zero.
    pub const fn accounts(&self) -> &BTreeMap<String, i128> {
        &self.accounts
    }
}

fn escrow(purpose: Purpose) -> String {
    match purpose {
        Purpose::Booking(booking) => format!("escrow:{}", booking.uuid()),
        Purpose::ShopOrder(order) => format!("order_escrow:{}", order.uuid()),
    }
}

impl Known {
    /// L2 and L3 at one more refund.
    fn refund(&mut self, amount: i128, share: i128, vat: i128, findings: &mut Findings) {
        let before = self.asked_back;
        self.asked_back += amount;
        self.shares += share;
        let fits = amount > 0 && self.captured && self.asked_back <= self.amount;
        findings.hold(Property::L3, fits, || format!("{} of {} are asked back", self.asked_back, self.amount));
        let (then, now) = (kept(self.amount, self.fee, before), kept(self.amount, self.fee, self.asked_back));
        let right = (then - now, tax(then) - tax(now));
        findings.hold(Property::L2, (share, vat) == right, || format!("a refund of {amount} takes {share} and {vat}, not {right:?}"));
        findings.hold(Property::L2, self.shares + now == self.fee, || format!("{} returned and {now} kept of {}", self.shares, self.fee));
    }
}
