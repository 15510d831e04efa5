//! Who may call what: one rule per operation ([`rules`]), enforced in one place.
//!
//! A [`Gate`] stands before each root type of the schema. It finds the operation's rule and lets the call through or turns it
//! away before its arguments are even read; an operation without a rule is nobody's. What somebody may do to a *thing* is
//! decided where the thing is loaded (`commands::access`, the nodes' `visible`); the rule says what that decision is, and
//! `tests/tests/scenario/authorisation.rs` holds the two against each other for every operation, role, own and other.

mod gate;
pub mod rules;

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::user::Role;
use kernel::Refused;

use crate::errors::{FORBIDDEN, SIGN_IN};
use crate::viewer::Viewer;

pub use gate::Gate;
pub use rules::RULES;

/// A root type of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// What can be asked.
    Query,
    /// What can be done.
    Mutation,
    /// What can be watched.
    Subscription,
}

impl Root {
    /// Its name in the schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Subscription => "Subscription",
        }
    }
}

/// Who may call an operation at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody, signed in or not.
    Everybody,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever holds one of these roles.
    Holders(&'static [Role]),
}

/// How somebody has to stand to the thing that an operation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The vehicle's owner.
    Owner,
    /// The booking's host.
    Host,
    /// The booking's guest or host; the buyer or seller of an order.
    Party,
    /// Who pays.
    Payer,
    /// The seller of the product or of the order.
    Seller,
    /// The buyer of the order.
    Buyer,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing that is anybody's in particular, or what is the caller's by construction.
    Nothing,
    /// A thing that the call names. It is for those who stand so to it and for the holders of these offices; to everybody else
    /// it does not exist, or is not theirs to touch.
    Thing {
        /// How one has to stand to it.
        standing: Standing,
        /// Who may without standing so.
        offices: &'static [Role],
    },
}

/// The rule of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The root type that has it.
    pub root: Root,
    /// The operation, as the schema names it.
    pub operation: &'static str,
    /// Who may call it.
    pub who: Who,
    /// What it is about.
    pub over: Over,
    /// How much of its caller's allowance one call takes (SEC-03, SEC-04): 1, or more where it is sensitive.
    pub weight: u32,
}

impl Rule {
    /// The rule of an operation, if it has one.
    #[must_use]
    pub fn of(root: Root, operation: &str) -> Option<&'static Self> {
        static INDEX: LazyLock<HashMap<(Root, &'static str), &'static Rule>> =
            LazyLock::new(|| RULES.iter().map(|rule| ((rule.root, rule.operation), rule)).collect());
        INDEX.get(&(root, operation)).copied()
    }
}

impl Who {
    /// Lets a viewer through.
    ///
    /// # Errors
    /// AUTH002 when nobody is signed in, AUTH010 when no role fits.
    pub fn admit(self, viewer: &Viewer) -> Result<(), Refused> {
        match self {
            Self::Everybody => Ok(()),
            Self::SignedIn | Self::Holders(_) if viewer.user.is_none() => Err(Refused::code(SIGN_IN)),
            Self::Holders(roles) if !viewer.is_any(roles) => Err(Refused::code(FORBIDDEN)),
            Self::SignedIn | Self::Holders(_) => Ok(()),
        }
    }
}

/// Lets a viewer call an operation, or do the same thing beside GraphQL. Without a rule nobody passes.
///
/// # Errors
/// AUTH002 when nobody is signed in, AUTH010 when no role fits or nobody has said who may.
pub fn admit(root: Root, operation: &str, viewer: &Viewer) -> Result<(), Refused> {
    match Rule::of(root, operation) {
        Some(rule) => rule.who.admit(viewer),
        None => {
            tracing::error!(operation, "an operation has no rule in api/src/access/rules.rs");
            Err(Refused::code(FORBIDDEN))
        }
    }
}
