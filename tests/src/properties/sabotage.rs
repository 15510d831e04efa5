//! Named broken rules: each makes the check of its property fail, or the check would prove nothing.

use domain::sabotage::Rule;

use super::audit::Property;

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A rule of the domain, behind its test-only switch.
    Domain(Rule),
    /// Every third journal entry loses a posting on its way to the books.
    LostPosting,
    /// A reader skips an event now and then.
    SkippedEvent,
    /// The last event of a command is not appended.
    TornAppend,
    /// A repeated command has lost its key.
    ForgottenKey,
}

/// Every property with the rule that is broken to make it fail.
pub const SABOTAGES: [(Property, Sabotage); 22] = [
    (Property::D1, Sabotage::Domain(Rule::Buffers)),
    (Property::D2, Sabotage::Domain(Rule::Windows)),
    (Property::D3, Sabotage::Domain(Rule::Release)),
    (Property::D4, Sabotage::Domain(Rule::Expiry)),
    (Property::D5, Sabotage::Domain(Rule::Overlap)),
    (Property::D6, Sabotage::Domain(Rule::RefundWindow)),
    (Property::D7, Sabotage::Domain(Rule::StartedIncrement)),
    (Property::D8, Sabotage::Domain(Rule::OneTrip)),
    (Property::L1, Sabotage::LostPosting),
    (Property::L2, Sabotage::Domain(Rule::CumulativeRounding)),
    (Property::L3, Sabotage::Domain(Rule::RefundLimit)),
    (Property::L4, Sabotage::Domain(Rule::EscrowRelease)),
    (Property::L5, Sabotage::Domain(Rule::LineClaim)),
    (Property::L6, Sabotage::Domain(Rule::Unsettle)),
    (Property::L7, Sabotage::Domain(Rule::LateMoney)),
    (Property::L8, Sabotage::Domain(Rule::UnknownAlert)),
    (Property::S1, Sabotage::Domain(Rule::Oversell)),
    (Property::S2, Sabotage::Domain(Rule::StockRelease)),
    (Property::S3, Sabotage::Domain(Rule::Restock)),
    (Property::E1, Sabotage::SkippedEvent),
    (Property::E2, Sabotage::TornAppend),
    (Property::E3, Sabotage::ForgottenKey),
];

/// Breaks a rule of the domain for this thread while it lives.
pub struct Broken;

impl Broken {
    /// Breaks it, if it is one of the domain's.
    pub fn rule(sabotage: Option<Sabotage>) -> Self {
        domain::sabotage::set(match sabotage {
            Some(Sabotage::Domain(rule)) => Some(rule),
            Some(Sabotage::LostPosting | Sabotage::SkippedEvent | Sabotage::TornAppend | Sabotage::ForgottenKey) | None => None,
        });
        Self
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        domain::sabotage::set(None);
    }
}
