//! What happened how often, and whether it all adds up.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use domain::cancellation::CancellationPolicy::{self, Flexible, Standard, Strict};
use serde_json::{Value, json};

use super::audit::Difference;
use super::story::Window;

/// A kind of thing that happens in a month. Counted from what Daybook answered and what became of it, never from what
/// somebody meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A request was made.
    Requested,
    /// It took its slot.
    Accepted,
    /// The slot was taken.
    Conflict,
    /// Only the time that is kept free around another rental was in the way.
    BufferConflict,
    /// Outside the opening hours, or blocked.
    Closed,
    /// A host's own car.
    OwnCar,
    /// Past, too short, too soon or too far ahead.
    Unbookable,
    /// The price was another.
    OtherPrice,
    /// A block was refused, since a booking lies in it.
    BlockRefused,
    /// Approved at once.
    Instant,
    /// Approved by the host.
    Approved,
    /// Declined by the host.
    Rejected,
    /// Not answered in time.
    Expired,
    /// Called off by the guest before an answer.
    Withdrawn,
    /// Not paid in time.
    Lapsed,
    /// Called off by the guest before it was paid.
    UnpaidByGuest,
    /// Called off by the host before it was paid.
    UnpaidByHost,
    /// Paid.
    Paid,
    /// Declined by the provider.
    Declined,
    /// The provider's answer was unknown at first.
    Unknown,
    /// It turned out to be paid.
    UnknownPaid,
    /// It turned out never to have arrived.
    UnknownLost,
    /// Refused, since the first attempt was still open.
    StillUnknown,
    /// Refused, since the window was over.
    PaidTooLate,
    /// Captured when the booking had lapsed, and given back.
    LateMoney,
    /// Called off by the guest, by policy and window.
    ByGuest(Policy, Window),
    /// Called off by the host after it was paid.
    ByHost,
    /// Called off by an administrator.
    ByAdmin,
    /// The guest did not come.
    NoShow,
    /// A trip began.
    TripStarted,
    /// The car was not back yet.
    NotBack,
    /// Back long before the end.
    Early,
    /// Back in time.
    OnTime,
    /// Back after the grace.
    LateReturn,
    /// A part was given back before the trip.
    PartBefore,
    /// A part was given back after the trip.
    PartAfter,
    /// More than the limit was given back, with a second person's consent.
    BigPart,
    /// The same person wanted to consent.
    SamePerson,
    /// More than was paid was to be given back.
    TooMuchBack,
    /// The provider refused a refund, which was made later.
    RefundRepeated,
    /// The provider's answer to a refund was lost; it was found made.
    RefundFound,
    /// A settlement was opened.
    SettlementOpened,
    /// Approved by a second person.
    SettlementApproved,
    /// Called off.
    SettlementCancelled,
    /// A host was paid.
    PayoutMade,
    /// The bank refused a payout.
    PayoutFailed,
    /// A host was paid after a refusal.
    PayoutRepeated,
    /// Somebody wanted to buy.
    ShopAsked,
    /// The order took its units.
    ShopOrdered,
    /// Too few units were free.
    ShopShort,
    /// A seller's own product.
    ShopOwn,
    /// The price was another.
    ShopOtherPrice,
    /// More than one buyer may have.
    ShopOverLimit,
    /// An order was paid.
    ShopPaid,
    /// Not paid in time.
    ShopExpired,
    /// Captured when the order had expired, and given back.
    ShopLateMoney,
    /// Called off before it was paid.
    ShopUnpaidCancel,
    /// Called off by the buyer, and given back.
    ShopByBuyer,
    /// Called off by the seller, and given back.
    ShopBySeller,
    /// A part left first.
    ShopPart,
    /// Everything left.
    ShopShipped,
    /// It had left already.
    ShopCancelTooLate,
    /// The buyer said that it arrived.
    ShopDelivered,
    /// A part came back.
    ShopPartBack,
    /// Everything came back.
    ShopAllBack,
    /// The time to return was over.
    ShopBackTooLate,
    /// Confirmed by time.
    ShopCompleted,
}

/// A cancellation policy, in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Flexible.
    Flexible,
    /// Standard.
    Standard,
    /// Strict.
    Strict,
}

impl From<CancellationPolicy> for Policy {
    fn from(policy: CancellationPolicy) -> Self {
        match policy {
            Flexible => Self::Flexible,
            Standard => Self::Standard,
            Strict => Self::Strict,
        }
    }
}

/// How often each kind must occur in a whole month, in the order of the table.
const LEAST: u64 = 20;
const KINDS: [(Kind, &str, u64); 76] = [
    (Kind::Requested, "booking requests", 5_000),
    (Kind::Accepted, "  accepted", LEAST),
    (Kind::Conflict, "  refused: slot taken (BOOKING002)", LEAST),
    (Kind::BufferConflict, "  refused: buffer of another rental (BOOKING002)", LEAST),
    (Kind::Closed, "  refused: closed or blocked (BOOKING003)", LEAST),
    (Kind::OwnCar, "  refused: own car (BOOKING005)", LEAST),
    (Kind::Unbookable, "  refused: past, short, soon or far (BOOKING006)", LEAST),
    (Kind::OtherPrice, "  refused: price changed (BOOKING010)", LEAST),
    (Kind::BlockRefused, "blocks refused over live bookings (AVL002)", LEAST),
    (Kind::Instant, "instant bookings", LEAST),
    (Kind::Approved, "approved by the host", LEAST),
    (Kind::Rejected, "rejected by the host", LEAST),
    (Kind::Expired, "requests expired", LEAST),
    (Kind::Withdrawn, "withdrawn before an answer", LEAST),
    (Kind::Lapsed, "payments lapsed", LEAST),
    (Kind::UnpaidByGuest, "cancelled unpaid by the guest", LEAST),
    (Kind::UnpaidByHost, "cancelled unpaid by the host", LEAST),
    (Kind::Paid, "paid", LEAST),
    (Kind::Declined, "payments declined (PAY001)", LEAST),
    (Kind::Unknown, "payments unknown at first (PAY008)", LEAST),
    (Kind::UnknownPaid, "  found paid", LEAST),
    (Kind::UnknownLost, "  never arrived", LEAST),
    (Kind::StillUnknown, "  refused: first attempt still open (PAY008)", LEAST),
    (Kind::PaidTooLate, "refused: past due (PAY004)", LEAST),
    (Kind::LateMoney, "late money, refunded in full", LEAST),
    (Kind::ByGuest(Policy::Flexible, Window::All), "guest cancels, flexible, 100 %", LEAST),
    (Kind::ByGuest(Policy::Flexible, Window::Half), "guest cancels, flexible, 50 %", LEAST),
    (Kind::ByGuest(Policy::Flexible, Window::Nothing), "guest cancels, flexible, 0 %", LEAST),
    (Kind::ByGuest(Policy::Standard, Window::All), "guest cancels, standard, 100 %", LEAST),
    (Kind::ByGuest(Policy::Standard, Window::Grace), "guest cancels, standard, 100 % soon after paying", LEAST),
    (Kind::ByGuest(Policy::Standard, Window::Half), "guest cancels, standard, 50 %", LEAST),
    (Kind::ByGuest(Policy::Standard, Window::Nothing), "guest cancels, standard, 0 %", LEAST),
    (Kind::ByGuest(Policy::Strict, Window::All), "guest cancels, strict, 100 %", LEAST),
    (Kind::ByGuest(Policy::Strict, Window::Half), "guest cancels, strict, 50 %", LEAST),
    (Kind::ByGuest(Policy::Strict, Window::Nothing), "guest cancels, strict, 0 %", LEAST),
    (Kind::ByHost, "host cancels", LEAST),
    (Kind::ByAdmin, "administrator cancels", LEAST),
    (Kind::NoShow, "no-shows", LEAST),
    (Kind::TripStarted, "trips started", LEAST),
    (Kind::NotBack, "  refused: car not back yet (BOOKING015)", LEAST),
    (Kind::Early, "trips ended early", LEAST),
    (Kind::OnTime, "trips ended in time", LEAST),
    (Kind::LateReturn, "trips ended late", LEAST),
    (Kind::PartBefore, "partial refunds before the trip", LEAST),
    (Kind::PartAfter, "partial refunds after the trip", LEAST),
    (Kind::BigPart, "refunds above the limit, second person", LEAST),
    (Kind::SamePerson, "refused: same person (SETTLE003)", LEAST),
    (Kind::TooMuchBack, "refused: more than was paid (PAY006)", LEAST),
    (Kind::RefundRepeated, "refunds refused by the provider, repeated", LEAST),
    (Kind::RefundFound, "refunds unknown at first, found made", LEAST),
    (Kind::SettlementOpened, "settlements opened", 3),
    (Kind::SettlementApproved, "settlements approved", 2),
    (Kind::SettlementCancelled, "settlements cancelled", 1),
    (Kind::PayoutMade, "payouts made", LEAST),
    (Kind::PayoutFailed, "payouts failed", LEAST),
    (Kind::PayoutRepeated, "payouts repeated after a failure", LEAST),
    (Kind::ShopAsked, "shop orders", 3_000),
    (Kind::ShopOrdered, "  accepted", LEAST),
    (Kind::ShopShort, "  refused: units short (SHOP001)", LEAST),
    (Kind::ShopOwn, "  refused: own product (SHOP002)", LEAST),
    (Kind::ShopOtherPrice, "  refused: price changed (SHOP003)", LEAST),
    (Kind::ShopOverLimit, "  refused: limit per buyer (SHOP004)", LEAST),
    (Kind::ShopPaid, "orders paid", LEAST),
    (Kind::ShopExpired, "orders expired, units free again", LEAST),
    (Kind::ShopLateMoney, "late money of orders, refunded in full", LEAST),
    (Kind::ShopUnpaidCancel, "orders cancelled unpaid", LEAST),
    (Kind::ShopByBuyer, "orders cancelled by the buyer, refunded", LEAST),
    (Kind::ShopBySeller, "orders cancelled by the seller, refunded", LEAST),
    (Kind::ShopPart, "parcels with a part", LEAST),
    (Kind::ShopShipped, "orders shipped", LEAST),
    (Kind::ShopCancelTooLate, "  refused: shipped already (SHOP005)", LEAST),
    (Kind::ShopDelivered, "deliveries confirmed", LEAST),
    (Kind::ShopPartBack, "returns of a part", LEAST),
    (Kind::ShopAllBack, "returns of everything", LEAST),
    (Kind::ShopBackTooLate, "  refused: after 7 days (SHOP006)", LEAST),
    (Kind::ShopCompleted, "purchases confirmed after 7 days", LEAST),
];

/// How often each kind happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Kind, u64>);

impl Tally {
    /// One more.
    pub fn count(&mut self, kind: Kind) {
        self.add(kind, 1);
    }

    /// So many more.
    pub fn add(&mut self, kind: Kind, times: u64) {
        *self.0.entry(kind).or_default() += times;
    }

    /// How often so far.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }
}

/// A family of accounts, ours beside the expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Accounts with this name before the colon.
    pub accounts: usize,
    /// Sum of ours, debits less credits in won.
    pub ours_won: i128,
    /// Sum of the expected.
    pub expected_won: i128,
}

/// How a month went.
#[derive(Clone, Debug)]
pub struct Report {
    /// Percent of the whole.
    pub percent: usize,
    /// How often what happened.
    pub tally: Tally,
    /// Could payouts be made to fail?
    pub bank_in_reach: bool,
    /// Accounts by family.
    pub families: BTreeMap<String, Family>,
    /// Accounts that show something else than they should.
    pub differences: Vec<Difference>,
    /// Whatever else does not hold.
    pub findings: Vec<String>,
    /// Finished bookings whose escrow was looked at.
    pub finished: usize,
    /// Finished orders whose escrow was looked at.
    pub sold: usize,
    /// Looks at live slots, each at all cars.
    pub slot_checks: usize,
    /// Answers that nobody had planned for, by what was asked and the code.
    pub surprises: BTreeMap<String, u64>,
    /// Real time from the first command to the last check.
    pub took: Duration,
}

/// Differences that are printed; beyond that only their number.
const SHOWN: usize = 50;

impl Report {
    /// Kinds that occurred too seldom, with how often they should have.
    #[must_use]
    pub fn too_seldom(&self) -> Vec<(&'static str, u64, u64)> {
        let needed = |least: u64| if least < LEAST { least } else { least * self.percent as u64 / 100 };
        let reachable = |kind: Kind| self.bank_in_reach || !matches!(kind, Kind::PayoutFailed | Kind::PayoutRepeated);
        let all = KINDS.iter().filter(|(kind, ..)| reachable(*kind));
        let rows = all.map(|(kind, label, least)| (label.trim_start(), self.tally.of(*kind), needed(*least)));
        rows.filter(|(_, found, least)| found < least).collect()
    }

    /// Does everything hold?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.differences.is_empty() && self.findings.is_empty() && self.too_seldom().is_empty()
    }

    /// One object with stable keys.
    #[must_use]
    pub fn json(&self) -> Value {
        let kinds: Vec<_> =
            KINDS.iter().map(|(kind, label, _)| json!({ "kind": label.trim_start(), "count": self.tally.of(*kind) })).collect();
        let accounts: Vec<_> = self
            .families
            .iter()
            .map(|(name, family)| {
                let (ours, expected) = (family.ours_won.to_string(), family.expected_won.to_string());
                json!({ "account": name, "accounts": family.accounts, "ours": ours, "expected": expected })
            })
            .collect();
        let difference =
            |d: &Difference| json!({ "account": d.account, "ours": d.ours_won.to_string(), "expected": d.expected_won.to_string() });
        json!({
            "scale": self.percent,
            "kinds": kinds,
            "accounts": accounts,
            "finishedBookings": self.finished,
            "finishedOrders": self.sold,
            "slotChecks": self.slot_checks,
            "differences": self.differences.iter().take(SHOWN).map(difference).collect::<Vec<_>>(),
            "findings": self.findings,
            "tooSeldom": self.too_seldom().iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(),
            "surprises": self.surprises,
            "holds": self.holds(),
            "seconds": self.took.as_secs(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "What happened                                        times")?;
        for (kind, label, _) in &KINDS {
            writeln!(f, "{label:<50} {:>7}", self.tally.of(*kind))?;
        }
        writeln!(f, "\nAccounts (debits less credits, won)      ours        expected")?;
        for (name, family) in &self.families {
            let Family { accounts, ours_won, expected_won } = family;
            let mark = if ours_won == expected_won { "equal" } else { "DIFFERENT" };
            writeln!(f, "{:<26} {ours_won:>16} {expected_won:>16}  {mark}", format!("{name} ({accounts})"))?;
        }
        for difference in self.differences.iter().take(SHOWN) {
            let Difference { account, ours_won, expected_won } = difference;
            writeln!(f, "DIFFERENT {account}: ours {ours_won}, expected {expected_won}")?;
        }
        if self.differences.len() > SHOWN {
            writeln!(f, "… and {} more", self.differences.len() - SHOWN)?;
        }
        for (what, times) in &self.surprises {
            writeln!(f, "unplanned: {what} ({times})")?;
        }
        for finding in self.findings.iter().take(SHOWN) {
            writeln!(f, "WRONG {finding}")?;
        }
        for (label, found, least) in self.too_seldom() {
            writeln!(f, "TOO SELDOM {label}: {found}, at least {least}")?;
        }
        let escrow = if self.differences.iter().any(|d| d.account.contains("escrow:")) { "NOT zero" } else { "zero" };
        writeln!(f, "\nescrow {escrow} for {} finished bookings and {} finished orders", self.finished, self.sold)?;
        writeln!(f, "live slots compared {} times for all cars", self.slot_checks)?;
        write!(f, "{} in {} s", if self.holds() { "all equal" } else { "DOES NOT HOLD" }, self.took.as_secs())
    }
}
