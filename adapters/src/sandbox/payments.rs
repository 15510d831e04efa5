//! The provider's counter: which payments are captured and given back. Pure; time comes in with every call.

use std::collections::{HashMap, HashSet};

use kernel::{Money, Timestamp};

use super::book::{Entry, Outcome, Subject};
use super::fault::{self, Fault, Hidden, Script, no_answer};
use super::request::{
    ALREADY_CANCELLED, ALREADY_PROCESSED, CARD_REJECTED, Decision, INVALID, NOT_CANCELABLE, REFUND_REJECTED, Request, check_cancel,
    check_confirm, invalid,
};
use crate::provider::{
    CancelRequest, Cancellation, ConfirmRequest, Confirmation, PaymentOutcome, ProviderCancel, ProviderError, ProviderPayment,
};

/// How every sandbox payment is paid.
const METHOD: &str = "card";

/// What the book adds up to, and what the caller may not see of it yet.
#[derive(Default)]
pub(super) struct Payments {
    /// Every confirm and cancel that has a line, by idempotency key.
    confirms: HashMap<String, Entry>,
    cancels: HashMap<String, Entry>,
    captured: HashMap<String, Captured>,
    paid_orders: HashSet<String>,
    /// The last refused attempt of a payment key.
    declined: HashMap<String, Entry>,
    /// Payment keys of which a refund went wrong on purpose, once.
    failed_refunds: HashSet<String>,
    hidden: Hidden,
    pub confirm_script: Script,
    pub cancel_script: Script,
}

struct Captured {
    order_id: String,
    amount: Money,
    cancelled: Money,
    confirmation: Confirmation,
    cancels: Vec<ProviderCancel>,
}

impl Payments {
    /// What a book adds up to. Faults that are told by the key are back in place; scripted ones are forgotten.
    pub fn replay(entries: &[Entry]) -> Self {
        let mut payments = Self::default();
        entries.iter().for_each(|entry| payments.apply(entry));
        payments
    }

    pub fn confirm(&mut self, request: ConfirmRequest, at: Timestamp) -> Decision<Confirmation> {
        if let Err(no) = check_confirm(&request) {
            return Decision::unbooked(Err(no));
        }
        if let Some(first) = self.confirms.get(&request.idempotency_key) {
            return Decision::unbooked(
                self.repeated(first, &request.payment_key, Some(&request.order_id), request.amount).map(confirmation),
            );
        }
        let ConfirmRequest { payment_key, order_id, amount, idempotency_key } = request;
        let paid = self.captured.contains_key(&payment_key) || self.paid_orders.contains(&order_id);
        if !paid && self.hidden.contains(&payment_key) {
            return Decision::unbooked(Err(no_answer()));
        }
        let by_key = fault::of_payment_key(&payment_key);
        let line = Request { at, subject: Subject::Confirm { payment_key: payment_key.clone(), order_id }, amount, idempotency_key };
        let Some(by_key) = by_key else {
            return self.book(line.declined(INVALID, "no such payment key")).map_yes(confirmation);
        };
        if paid {
            return self.book(line.declined(ALREADY_PROCESSED, "the payment or its order is paid already")).map_yes(confirmation);
        }
        match self.confirm_script.next().or(by_key) {
            None => self.book(line.booked()),
            Some(Fault::Decline) => self.book(line.declined(CARD_REJECTED, "the card was rejected")),
            Some(Fault::Hide { silent_finds }) => self.book_hidden(line.booked(), &payment_key, silent_finds),
            Some(Fault::Lose) => Decision::unbooked(Err(no_answer())),
            Some(Fault::Silence) => self.silence(&payment_key),
        }
        .map_yes(confirmation)
    }

    pub fn find(&mut self, payment_key: &str, order_id: &str) -> Result<ProviderPayment, ProviderError> {
        self.hidden.ask(payment_key)?;
        if let Some(captured) = self.captured.get(payment_key) {
            return if captured.order_id == order_id { Ok(captured.shown()) } else { Err(ProviderError::NotFound) };
        }
        if fault::of_payment_key(payment_key) == Some(Some(Fault::Silence)) {
            return Err(no_answer());
        }
        self.declined.get(payment_key).and_then(|entry| refused(entry, order_id)).ok_or(ProviderError::NotFound)
    }

    pub fn cancel(&mut self, request: CancelRequest, at: Timestamp) -> Decision<Cancellation> {
        if let Err(no) = check_cancel(&request) {
            return Decision::unbooked(Err(no));
        }
        if let Some(first) = self.cancels.get(&request.idempotency_key) {
            return Decision::unbooked(self.repeated(first, &request.payment_key, None, request.amount).map(cancellation));
        }
        // The reason is free text about a person and stays out of the book.
        let CancelRequest { payment_key, amount, reason: _, idempotency_key } = request;
        let Some(captured) = self.captured.get(&payment_key) else { return Decision::unbooked(Err(ProviderError::NotFound)) };
        let refusal = captured.refuses(amount);
        let subject = Subject::Cancel { payment_key: payment_key.clone(), order_id: captured.order_id.clone() };
        let line = Request { at, subject, amount, idempotency_key };
        if let Some((code, message)) = refusal {
            return self.book(line.declined(code, message)).map_yes(cancellation);
        }
        let first = !self.failed_refunds.contains(&payment_key);
        match self.cancel_script.next().or_else(|| fault::of_refund(&payment_key, first)) {
            None => self.book(line.booked()),
            Some(Fault::Decline) => self.book(line.declined(REFUND_REJECTED, "the refund was rejected")),
            Some(Fault::Hide { silent_finds }) => self.book_hidden(line.booked(), &payment_key, silent_finds),
            Some(Fault::Lose) => {
                self.failed_refunds.insert(payment_key);
                Decision::unbooked(Err(no_answer()))
            }
            Some(Fault::Silence) => self.silence(&payment_key),
        }
        .map_yes(cancellation)
    }

    /// The same idempotency key again: the same answer, which stays lost until a re-query has told.
    fn repeated(&self, first: &Entry, payment_key: &str, order_id: Option<&str>, amount: Money) -> Result<Entry, ProviderError> {
        let (key, order) = payment_of(&first.subject);
        if key != payment_key || order_id.is_some_and(|asked| order != asked) || first.amount != amount {
            return Err(invalid("the idempotency key belongs to another request"));
        }
        match &first.outcome {
            Outcome::Booked { .. } if self.hidden.contains(payment_key) => Err(no_answer()),
            Outcome::Booked { .. } => Ok(first.clone()),
            Outcome::Declined { code, message } => Err(ProviderError::declined(code, message)),
        }
    }

    fn book(&mut self, entry: Entry) -> Decision<Entry> {
        self.apply(&entry);
        let answer = match &entry.outcome {
            Outcome::Booked { .. } => Ok(entry.clone()),
            Outcome::Declined { code, message } => Err(ProviderError::declined(code, message)),
        };
        Decision { answer, entry: Some(entry) }
    }

    fn book_hidden(&mut self, entry: Entry, payment_key: &str, silent_finds: u32) -> Decision<Entry> {
        self.apply(&entry);
        self.hidden.hide(payment_key, silent_finds);
        Decision { answer: Err(no_answer()), entry: Some(entry) }
    }

    fn silence(&mut self, payment_key: &str) -> Decision<Entry> {
        self.hidden.silence(payment_key);
        Decision::unbooked(Err(no_answer()))
    }

    /// The one way in which a line changes what is known, when it is written and when it is read back.
    fn apply(&mut self, entry: &Entry) {
        let key = entry.idempotency_key.clone();
        match &entry.subject {
            Subject::Confirm { payment_key, order_id } => {
                self.confirms.insert(key, entry.clone());
                self.apply_confirm(entry, payment_key, order_id);
            }
            Subject::Cancel { payment_key, .. } => {
                self.cancels.insert(key, entry.clone());
                self.apply_cancel(entry, payment_key);
            }
            // Never in the provider's book: the sandbox checks that when it opens it.
            Subject::Payout { .. } => {}
        }
    }

    fn apply_confirm(&mut self, entry: &Entry, payment_key: &str, order_id: &str) {
        match &entry.outcome {
            Outcome::Declined { .. } => {
                self.declined.insert(payment_key.to_owned(), entry.clone());
            }
            Outcome::Booked { .. } => {
                self.paid_orders.insert(order_id.to_owned());
                self.captured.insert(payment_key.to_owned(), Captured::new(entry.clone(), order_id));
                if let Some(Some(Fault::Hide { silent_finds })) = fault::of_payment_key(payment_key) {
                    self.hidden.hide(payment_key, silent_finds);
                }
            }
        }
    }

    fn apply_cancel(&mut self, entry: &Entry, payment_key: &str) {
        match &entry.outcome {
            Outcome::Declined { code, .. } if code == REFUND_REJECTED => {
                self.failed_refunds.insert(payment_key.to_owned());
            }
            Outcome::Declined { .. } => {}
            Outcome::Booked { .. } => {
                if let Some(captured) = self.captured.get_mut(payment_key) {
                    captured.cancelled = captured.cancelled.with_minor(captured.cancelled.minor().saturating_add(entry.amount.minor()));
                    let (idempotency_key, amount) = (entry.idempotency_key.clone(), entry.amount);
                    captured.cancels.push(ProviderCancel { idempotency_key, amount, cancellation: cancellation(entry.clone()) });
                }
                if let Some(Fault::Hide { silent_finds }) = fault::of_refund(payment_key, false) {
                    self.hidden.hide(payment_key, silent_finds);
                }
            }
        }
    }
}

impl Captured {
    fn new(entry: Entry, order_id: &str) -> Self {
        let (amount, cancelled) = (entry.amount, Money::zero(entry.amount.currency()));
        Self { order_id: order_id.to_owned(), amount, cancelled, confirmation: confirmation(entry), cancels: Vec::new() }
    }

    fn shown(&self) -> ProviderPayment {
        let outcome = PaymentOutcome::Confirmed(self.confirmation.clone());
        ProviderPayment { outcome, amount: self.amount, cancelled: self.cancelled, cancels: self.cancels.clone() }
    }

    /// Why so much cannot be given back.
    fn refuses(&self, amount: Money) -> Option<(&'static str, &'static str)> {
        let left_minor = self.amount.minor() - self.cancelled.minor();
        if amount.currency() != self.amount.currency() {
            Some((INVALID, "the payment has another currency"))
        } else if left_minor == 0 {
            Some((ALREADY_CANCELLED, "all of the payment was given back already"))
        } else {
            (amount.minor() > left_minor).then_some((NOT_CANCELABLE, "more than what is left of the payment"))
        }
    }
}

impl Decision<Entry> {
    fn map_yes<T>(self, shape: impl FnOnce(Entry) -> T) -> Decision<T> {
        Decision { answer: self.answer.map(shape), entry: self.entry }
    }
}

fn confirmation(entry: Entry) -> Confirmation {
    Confirmation { method: METHOD.to_owned(), approved_at: entry.at, reference: reference(entry.outcome) }
}

fn cancellation(entry: Entry) -> Cancellation {
    Cancellation { cancelled_at: entry.at, reference: reference(entry.outcome) }
}

fn reference(outcome: Outcome) -> String {
    match outcome {
        Outcome::Booked { reference } => reference,
        // A line that moved nothing has no reference, and nobody asks for one.
        Outcome::Declined { .. } => String::new(),
    }
}

fn refused(entry: &Entry, order_id: &str) -> Option<ProviderPayment> {
    let Outcome::Declined { code, message } = &entry.outcome else { return None };
    let outcome = PaymentOutcome::Declined { code: code.clone(), message: message.clone() };
    let cancelled = Money::zero(entry.amount.currency());
    (payment_of(&entry.subject).1 == order_id).then_some(ProviderPayment { outcome, amount: entry.amount, cancelled, cancels: Vec::new() })
}

fn payment_of(subject: &Subject) -> (&str, &str) {
    match subject {
        Subject::Confirm { payment_key, order_id } | Subject::Cancel { payment_key, order_id } => (payment_key, order_id),
        Subject::Payout { payout, payee } => (payout, payee),
    }
}
