//! What every account must show, worked out from the provider's book, the bank's and the price list alone: who rented
//! what at which price, and what the policy promised. No event of Daybook is read here, and none of its arithmetic used.

use std::collections::{BTreeMap, BTreeSet};

use adapters::sandbox::{Entry, Subject};
use domain::cancellation::CancellationPolicy::{self, Flexible, Standard, Strict};
use domain::ids::{BookingId, UserId};
use kernel::Timestamp;

use super::driver::Books;
use super::market::Rounding as _;
use super::report::{Kind, Tally};
use super::story::Window;

/// The platform's fee in percent of the price, VAT included.
const FEE_PERCENT: i128 = 15;
/// In a payment key: the sandbox makes its refunds and loses the answers.
const LOST_ANSWER: &str = "-refundunknown-";
const HOUR_S: i64 = 3_600;
const GRACE_S: i64 = 30 * 60;

mod sale;
pub use sale::Sale;

/// Who called a booking off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its guest, then.
    ByGuest(Timestamp),
    /// Its host or an administrator.
    ByOthers,
    /// The guest did not come.
    NoShow,
}

/// One booking as its people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub booking: BookingId,
    /// Who rents out.
    pub host: UserId,
    /// By the price list.
    pub total_won: i128,
    /// What the car's policy was.
    pub cancellation: CancellationPolicy,
    /// When the rental was to start.
    pub starts_at: Timestamp,
    /// Under which number it was to be paid, if it came to that.
    pub order_id: Option<String>,
    /// Was it ever a paid booking?
    pub confirmed: bool,
    /// Was it unknown for a time whether it was paid?
    pub unknown: bool,
    /// Is it over, one way or another?
    pub finished: bool,
    /// How it was called off.
    pub ended: Option<Ended>,
    /// Given back by staff.
    pub goodwill_won: i128,
}

/// What the books and the price list come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Debits less credits in won, by account.
    pub accounts: BTreeMap<String, i128>,
    /// Where books and price list disagree.
    pub findings: Vec<String>,
}

/// An account that shows something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub account: String,
    /// What it shows, debits less credits in won.
    pub ours_won: i128,
    /// What it should show.
    pub expected_won: i128,
}

/// The part of a paid price that a guest gets back.
#[must_use]
pub fn window(policy: CancellationPolicy, starts_at: Timestamp, paid_at: Timestamp, at: Timestamp) -> Window {
    let lead_s = starts_at.as_second() - at.as_second();
    let (all_h, half_h) = match policy {
        Flexible => (1, 0),
        Standard => (24, 0),
        Strict => (168, 48),
    };
    if at >= starts_at {
        Window::Nothing
    } else if lead_s >= all_h * HOUR_S {
        Window::All
    } else if policy == Standard && at.as_second() - paid_at.as_second() <= GRACE_S {
        Window::Grace
    } else if lead_s >= half_h * HOUR_S {
        Window::Half
    } else {
        Window::Nothing
    }
}

/// What every account must show.
#[must_use]
pub fn expected(records: &[Record], sales: &[Sale], books: &Books) -> Expected {
    let mut sums = Expected::default();
    let mut orders = orders(books);
    for record in records {
        let Some(order) = record.order_id.as_ref().and_then(|id| orders.remove(id)) else { continue };
        if order.captured_won > 0 {
            sums.booking(record, &order);
        }
    }
    for sale in sales {
        if let Some(order) = orders.remove(&sale.order_id).filter(|order| order.captured_won > 0) {
            sums.sale(sale, &order);
        }
    }
    for (order_id, order) in orders.iter().filter(|(_, order)| order.captured_won > 0) {
        sums.findings.push(format!("the provider has {} won for order {order_id}, which nobody knows", order.captured_won));
    }
    for entry in booked(&books.bank.entries) {
        if let Subject::Payout { payee, .. } = &entry.subject {
            let host = payee.strip_prefix("user-").unwrap_or(payee);
            sums.add(format!("host_payable:{host}"), entry.amount.minor());
            sums.add("bank", -entry.amount.minor());
        }
    }
    sums
}

impl Expected {
    fn add(&mut self, account: impl Into<String>, debit_won: i128) {
        *self.accounts.entry(account.into()).or_default() += debit_won;
    }

    fn booking(&mut self, record: &Record, order: &Order) {
        let Order { captured_won: captured, returned_won: returned, .. } = *order;
        if captured != record.total_won {
            let total = record.total_won;
            self.findings.push(format!("{}: the provider captured {captured} won, the price list says {total}", record.booking));
        }
        let promised = promised_won(record, order);
        if returned != promised {
            self.findings.push(format!("{}: the provider gave {returned} won back, the policy promises {promised}", record.booking));
        }
        self.add("psp_clearing", captured - returned);
        let escrow = format!("escrow:{}", record.booking.uuid());
        if !record.finished {
            self.add(escrow, returned - captured);
            return;
        }
        self.add(escrow, 0);
        let fee = (captured * FEE_PERCENT).div_half_up(100);
        let kept = fee - (fee * returned).div_half_up(captured);
        let vat = kept - (kept * 10).div_half_up(11);
        self.add("fee_revenue", vat - kept);
        self.add("vat_payable", -vat);
        self.add(format!("host_payable:{}", record.host.uuid()), returned + kept - captured);
    }
}

/// What the guest was to get back of a captured price.
fn promised_won(record: &Record, order: &Order) -> i128 {
    let price = order.captured_won;
    let called_off = match record.ended {
        // The money came when there was no booking left for it.
        _ if !record.confirmed => price,
        None | Some(Ended::NoShow) => 0,
        Some(Ended::ByOthers) => price,
        Some(Ended::ByGuest(at)) => match window(record.cancellation, record.starts_at, order.paid_at, at) {
            Window::All | Window::Grace => price,
            Window::Half => (price * 50).div_half_up(100),
            Window::Nothing => 0,
        },
    };
    price.min(called_off + record.goodwill_won)
}

/// What the provider has of an order.
struct Order {
    captured_won: i128,
    returned_won: i128,
    paid_at: Timestamp,
}

fn orders(books: &Books) -> BTreeMap<String, Order> {
    let mut orders = BTreeMap::new();
    for entry in booked(&books.provider.entries) {
        let (order_id, captured, returned) = match &entry.subject {
            Subject::Confirm { order_id, .. } => (order_id, entry.amount.minor(), 0),
            Subject::Cancel { order_id, .. } => (order_id, 0, entry.amount.minor()),
            Subject::Payout { .. } => continue,
        };
        let first = Order { captured_won: 0, returned_won: 0, paid_at: entry.at };
        let order = orders.entry(order_id.clone()).or_insert(first);
        order.captured_won += captured;
        order.returned_won += returned;
    }
    orders
}

fn booked(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.is_booked())
}

/// Every account that shows something else than it should; one that is not there shows nothing.
#[must_use]
pub fn differences(ours: &BTreeMap<String, i128>, expected: &BTreeMap<String, i128>) -> Vec<Difference> {
    let accounts: BTreeSet<_> = ours.keys().chain(expected.keys()).collect();
    let shown = |of: &BTreeMap<String, i128>, account: &String| of.get(account).copied().unwrap_or(0);
    accounts
        .into_iter()
        .map(|account| Difference { account: account.clone(), ours_won: shown(ours, account), expected_won: shown(expected, account) })
        .filter(|found| found.ours_won != found.expected_won)
        .collect()
}

/// Counts what only the books of the world outside can tell.
pub(super) fn count_outside(tally: &mut Tally, records: &[Record], sales: &[Sale], books: &Books) {
    let orders = orders(books);
    let paid = |record: &Record| record.order_id.as_ref().and_then(|id| orders.get(id)).is_some_and(|order| order.captured_won > 0);
    let late = records.iter().filter(|record| !record.confirmed && paid(record)).count();
    tally.add(Kind::LateMoney, late as u64);
    tally.add(Kind::UnknownLost, records.iter().filter(|record| record.unknown && !paid(record)).count() as u64);
    sale::count(tally, sales, |id| orders.get(id).is_some_and(|order| order.captured_won > 0));
    count_payouts(tally, books);
    count_refunds(tally, books);
}

fn count_payouts(tally: &mut Tally, books: &Books) {
    let mut refused = BTreeSet::new();
    for entry in &books.bank.entries {
        if let Subject::Payout { payee, .. } = &entry.subject {
            if !entry.is_booked() {
                tally.count(Kind::PayoutFailed);
                refused.insert(payee);
                continue;
            }
            tally.count(Kind::PayoutMade);
            if refused.remove(payee) {
                tally.count(Kind::PayoutRepeated);
            }
        }
    }
}

fn count_refunds(tally: &mut Tally, books: &Books) {
    let mut refused = BTreeMap::new();
    for entry in &books.provider.entries {
        if let Subject::Cancel { payment_key, .. } = &entry.subject {
            if !entry.is_booked() {
                refused.insert(payment_key, entry.amount);
            } else if refused.get(payment_key) == Some(&entry.amount) {
                refused.remove(payment_key);
                tally.count(Kind::RefundRepeated);
            } else if payment_key.contains(LOST_ANSWER) {
                tally.count(Kind::RefundFound);
            }
        }
    }
}

#[cfg(test)]
mod tests;
