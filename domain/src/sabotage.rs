//! Rules that tests may break, to prove that the property tests would notice (architecture.md §6).
//!
//! Without the feature `sabotage`, which no program enables, nothing here can be switched on: [`broken`] is the constant no.

/// A rule that a test may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Slots keep clear of each other's buffers (D1).
    Buffers,
    /// A slot lies inside the windows and outside blocked periods (D2).
    Windows,
    /// A booking that ends gives its slot back (D3).
    Release,
    /// A request can only be approved before it expires (D4).
    Expiry,
    /// Slots never overlap (D5).
    Overlap,
    /// After the start a guest gets nothing back (D6).
    RefundWindow,
    /// A started increment is paid in full (D7).
    StartedIncrement,
    /// One guest has the vehicle at a time (D8).
    OneTrip,
    /// Refunds round cumulatively (L2).
    CumulativeRounding,
    /// Refunds never exceed what was captured (L3).
    RefundLimit,
    /// The end of a booking empties its escrow (L4).
    EscrowRelease,
    /// A line in a batch is in no other (L5).
    LineClaim,
    /// A payout that came back unsettles its payments (L6).
    Unsettle,
    /// Late money is accepted as a fact (L7).
    LateMoney,
    /// A payment that is unknown for too long is an operator's business (L8).
    UnknownAlert,
    /// No unit is promised twice (S1).
    Oversell,
    /// An order that ends unshipped gives its units back (S2).
    StockRelease,
    /// What comes back is sold again (S3).
    Restock,
}

#[cfg(feature = "sabotage")]
std::thread_local! {
    static BROKEN: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

/// Breaks one rule, or none, for all that this thread decides from now on.
#[cfg(feature = "sabotage")]
pub fn set(rule: Option<Rule>) {
    BROKEN.set(rule);
}

/// Is the rule broken?
#[cfg(feature = "sabotage")]
#[must_use]
pub fn broken(rule: Rule) -> bool {
    BROKEN.get() == Some(rule)
}

/// Is the rule broken? Never.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn broken(_: Rule) -> bool {
    false
}
