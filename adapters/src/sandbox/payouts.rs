//! The bank's counter: who was paid. Pure; time comes in with every call.

use std::collections::{HashMap, HashSet};

use kernel::Timestamp;

use super::book::{Entry, Outcome, Subject};
use super::fault::{self, Fault, Hidden, Script, no_answer};
use super::request::{DUPLICATE_PAYOUT, Decision, PAYOUT_REJECTED, Request, check_payout, invalid};
use crate::provider::{PayoutOrder, PayoutResult, PayoutState, ProviderError};

/// What the book adds up to, and what the caller may not see of it yet.
#[derive(Default)]
pub(super) struct Payouts {
    /// Every order that has a line, by idempotency key.
    orders: HashMap<String, Entry>,
    paid: HashSet<String>,
    hidden: Hidden,
    pub script: Script,
}

impl Payouts {
    /// What a book adds up to. Faults that are told by the payee are back in place; scripted ones are forgotten.
    pub fn replay(entries: &[Entry]) -> Self {
        let mut payouts = Self::default();
        entries.iter().for_each(|entry| payouts.apply(entry));
        payouts
    }

    pub fn pay(&mut self, order: PayoutOrder, at: Timestamp) -> Decision<PayoutResult> {
        if let Err(no) = check_payout(&order) {
            return Decision::unbooked(Err(no));
        }
        let PayoutOrder { payout, payee, amount, idempotency_key: key } = order;
        let subject = Subject::Payout { payout: payout.clone(), payee: payee.clone() };
        if let Some(first) = self.orders.get(&key) {
            let same = first.subject == subject && first.amount == amount;
            let answer = if same { self.repeated(first) } else { Err(invalid("the idempotency key belongs to another payout")) };
            return Decision::unbooked(answer);
        }
        if self.hidden.contains(&key) {
            return Decision::unbooked(Err(no_answer()));
        }
        let line = Request { at, subject, amount, idempotency_key: key.clone() };
        if self.paid.contains(&payout) {
            return self.book(line.declined(DUPLICATE_PAYOUT, "the payout was paid already"));
        }
        match self.script.next().or_else(|| fault::of_payee(&payee)) {
            None => self.book(line.booked()),
            Some(Fault::Decline) => self.book(line.declined(PAYOUT_REJECTED, "the payee's bank rejected the payout")),
            Some(Fault::Hide { silent_finds }) => {
                let Decision { entry, .. } = self.book(line.booked());
                self.hidden.hide(&key, silent_finds);
                Decision { answer: Err(no_answer()), entry }
            }
            Some(Fault::Lose) => Decision::unbooked(Err(no_answer())),
            Some(Fault::Silence) => {
                self.hidden.silence(&key);
                Decision::unbooked(Err(no_answer()))
            }
        }
    }

    pub fn find(&mut self, idempotency_key: &str) -> Result<PayoutState, ProviderError> {
        self.hidden.ask(idempotency_key)?;
        let entry = self.orders.get(idempotency_key).ok_or(ProviderError::NotFound)?;
        Ok(match answer(entry) {
            Ok(result) => PayoutState::Paid(result),
            Err((code, message)) => PayoutState::Declined { code, message },
        })
    }

    fn repeated(&self, first: &Entry) -> Result<PayoutResult, ProviderError> {
        if self.hidden.contains(&first.idempotency_key) {
            return Err(no_answer());
        }
        answer(first).map_err(|(code, message)| ProviderError::Declined { code, message })
    }

    fn book(&mut self, entry: Entry) -> Decision<PayoutResult> {
        self.apply(&entry);
        let answer = answer(&entry).map_err(|(code, message)| ProviderError::Declined { code, message });
        Decision { answer, entry: Some(entry) }
    }

    /// The one way in which a line changes what is known, when it is written and when it is read back.
    fn apply(&mut self, entry: &Entry) {
        // Only payouts are in the bank's book: the sandbox checks that when it opens it.
        let Subject::Payout { payout, payee } = &entry.subject else { return };
        self.orders.insert(entry.idempotency_key.clone(), entry.clone());
        if entry.is_booked() {
            self.paid.insert(payout.clone());
            if let Some(Fault::Hide { silent_finds }) = fault::of_payee(payee) {
                self.hidden.hide(&entry.idempotency_key, silent_finds);
            }
        }
    }
}

fn answer(entry: &Entry) -> Result<PayoutResult, (String, String)> {
    match &entry.outcome {
        Outcome::Booked { reference } => Ok(PayoutResult { reference: reference.clone(), paid_at: entry.at }),
        Outcome::Declined { code, message } => Err((code.clone(), message.clone())),
    }
}
