//! How the sandbox can be told to misbehave: by the payment key, by the payee, or by a script.

use std::collections::{HashMap, VecDeque};

use crate::provider::ProviderError;

/// A kind of call that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`PaymentProvider::confirm`](crate::PaymentProvider::confirm)
    Confirm,
    /// [`PaymentProvider::cancel`](crate::PaymentProvider::cancel)
    Cancel,
    /// [`PayoutBank::pay`](crate::PayoutBank::pay)
    Pay,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A definite no.
    Decline,
    /// Money moves, but the answer is lost: unknown. Only a re-query tells, after so many that stay unknown too.
    Hide {
        /// Re-queries that stay unknown.
        silent_finds: u32,
    },
    /// The request is lost: nothing moves, the outcome is unknown, and a re-query finds nothing.
    Lose,
    /// The request is lost and no re-query is ever answered.
    Silence,
}

/// The longest script per kind of call.
pub const MAX_SCRIPT: usize = 10_000;

/// The script has no place for another fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox's script is full")]
pub struct ScriptFull;

/// The faults that the next calls of one kind meet, one each, in order.
#[derive(Debug, Default)]
pub(super) struct Script(VecDeque<Fault>);

impl Script {
    pub fn push(&mut self, fault: Fault) -> Result<(), ScriptFull> {
        if self.0.len() == MAX_SCRIPT {
            return Err(ScriptFull);
        }
        self.0.push_back(fault);
        Ok(())
    }

    pub fn next(&mut self) -> Option<Fault> {
        self.0.pop_front()
    }
}

/// What a payment key asks for. `None`: no key that the sandbox has ever given out.
pub(super) fn of_payment_key(payment_key: &str) -> Option<Option<Fault>> {
    if payment_key.starts_with("sandbox-ok-") || payment_key.starts_with("sandbox-twice-") {
        return Some(None);
    }
    of_prefix(payment_key).map(Some)
}

/// What a payee asks for: the same prefixes; everybody else is paid.
pub(super) fn of_payee(payee: &str) -> Option<Fault> {
    of_prefix(payee)
}

fn of_prefix(text: &str) -> Option<Fault> {
    let (scenario, _) = text.strip_prefix("sandbox-")?.split_once('-')?;
    of_word(scenario)
}

/// A fault by its word.
pub(super) fn of_word(word: &str) -> Option<Fault> {
    match word {
        "declined" => Some(Fault::Decline),
        "timeout" => Some(Fault::Hide { silent_finds: 0 }),
        "late" => Some(Fault::Hide { silent_finds: 1 }),
        "lost" => Some(Fault::Lose),
        "never" => Some(Fault::Silence),
        _ => None,
    }
}

/// What a payment key asks for its cancels; `first`: none of its cancels has failed that way before.
pub(super) fn of_refund(payment_key: &str, first: bool) -> Option<Fault> {
    if payment_key.contains("-refundunknown-") {
        return Some(Fault::Hide { silent_finds: 0 });
    }
    if first && payment_key.contains("-refundfail-") {
        return Some(Fault::Decline);
    }
    (first && payment_key.contains("-refundlost-")).then_some(Fault::Lose)
}

/// How often the provider tells that a payment was captured.
pub(super) fn notices(payment_key: &str) -> u32 {
    if payment_key.starts_with("sandbox-twice-") { 2 } else { 1 }
}

/// Keys whose true state is not told yet.
#[derive(Debug, Default)]
pub(super) struct Hidden(HashMap<String, Silence>);

#[derive(Clone, Copy, Debug)]
enum Silence {
    /// So many re-queries more.
    Finds(u32),
    Forever,
}

impl Hidden {
    /// Hides a key for so many re-queries; the one after tells.
    pub fn hide(&mut self, key: &str, silent_finds: u32) {
        self.0.insert(key.to_owned(), Silence::Finds(silent_finds));
    }

    /// Hides a key for good.
    pub fn silence(&mut self, key: &str) {
        self.0.insert(key.to_owned(), Silence::Forever);
    }

    /// Is the key hidden?
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A re-query: an error while the key stays hidden.
    pub fn ask(&mut self, key: &str) -> Result<(), ProviderError> {
        match self.0.get_mut(key) {
            None => Ok(()),
            Some(Silence::Forever) => Err(no_answer()),
            Some(Silence::Finds(0)) => {
                self.0.remove(key);
                Ok(())
            }
            Some(Silence::Finds(finds)) => {
                *finds -= 1;
                Err(no_answer())
            }
        }
    }
}

/// What the caller sees of a lost request and of a lost answer alike.
pub(super) fn no_answer() -> ProviderError {
    ProviderError::unknown("the sandbox did not answer")
}
