//! Guests pay, or do not.

use domain::cancellation::CancellationPolicy::{self, Flexible, Standard, Strict};
use kernel::Timestamp;

use super::{Card, City, Deal, Task, Who};
use crate::month::driver::{AnyError, Driver, Status};
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::story::{Manner, Story, Window};

const HOUR: i64 = 60;

impl<D: Driver> City<'_, D> {
    pub(super) async fn pay(&mut self, at: Timestamp, number: usize, card: Card) -> Result<(), AnyError> {
        let deal = &self.deals[number];
        let (guest, booking, story) = (deal.guest, deal.booking, deal.story);
        let Some(bill) = deal.bill.clone() else {
            self.findings.push(format!("{booking} was approved and has no bill"));
            return Ok(());
        };
        let key = payment_key(number, deal, card);
        match self.driver.pay(guest, booking.into(), &bill, &key).await? {
            Ok(()) => self.paid(at, number).await?,
            Err(no) => match no.0.as_str() {
                "PAY001" => {
                    self.tally.count(Kind::Declined);
                    if card == Card::First && story != Story::DeclinedForGood {
                        self.later(later(at, 2), Task::Pay(number, Card::Second));
                    }
                }
                // The first attempt is still open: nothing but its answer, or the end of the window, ends it.
                "PAY008" if card == Card::Second => {
                    self.tally.count(Kind::StillUnknown);
                    let after = later(self.deals[number].due_at, 1);
                    self.later(after, Task::Look(number));
                }
                "PAY008" => {
                    self.tally.count(Kind::Unknown);
                    self.deals[number].unknown = true;
                    if story != Story::LateMoney {
                        self.later(later(at, 1), Task::Look(number));
                    }
                }
                "PAY004" if story == Story::PaidTooLate => self.tally.count(Kind::PaidTooLate),
                _ => self.surprise("pay", &no),
            },
        }
        Ok(())
    }

    /// See what has become of a booking while nobody looked.
    pub(super) async fn look(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        if self.deals[number].over {
            return Ok(());
        }
        let Deal { guest, booking, unknown, .. } = self.deals[number];
        let status = self.see(number).await?;
        match status {
            Status::Approved if unknown && self.driver.see(guest, booking).await?.confirmed => {
                self.tally.count(Kind::UnknownPaid);
                self.paid(at, number).await?;
            }
            Status::Approved if unknown && at < self.deals[number].due_at => {
                self.later(later(at, 1), Task::Pay(number, Card::Second));
            }
            Status::Pending | Status::Approved | Status::Active => {
                self.findings.push(format!("{booking} is still {status:?} at {at}"));
            }
            Status::Rejected | Status::Completed | Status::Cancelled => {}
        }
        Ok(())
    }

    /// A paid booking goes the way of its story.
    async fn paid(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        self.tally.count(Kind::Paid);
        self.deals[number].paid_at = Some(at);
        let Deal { story, span: (start, _), .. } = self.deals[number];
        let (soon, before) = (later(at, 3), later(start, -20).max(later(at, 5)));
        match story {
            Story::GuestCancels(policy, window) => {
                let (from, to) = cancelling(policy, window, start, at);
                let when = self.between(from.max(soon), to.max(soon));
                self.later(when, Task::Cancel(number, Who::Guest));
            }
            Story::HostCancels | Story::AdminCancels => {
                let who = if story == Story::HostCancels { Who::Host } else { Who::Admin };
                let when = self.between(soon, before);
                self.later(when, Task::Cancel(number, who));
            }
            Story::PartThenHostCancels => {
                let middle = self.between(soon, before);
                let end = self.between(middle, before.max(later(middle, 1)));
                self.later(middle, Task::Refund(number));
                self.later(end.max(later(middle, 1)), Task::Cancel(number, Who::Host));
            }
            Story::NoShow => {
                let when = later(start, self.rng.between(31, 80));
                self.later(when, Task::NoShow(number));
            }
            _ => {
                if story == Story::PartBefore {
                    let when = self.between(soon, before);
                    self.later(when, Task::Refund(number));
                }
                let (early, late) = if story == Story::Following { (1, 10) } else { (-14, 15) };
                let when = later(start, self.rng.between(early, late));
                self.later(when.max(soon), Task::Start(number));
            }
        }
        Ok(())
    }
}

/// The provider's key of an authorisation; its beginning tells the sandbox how to behave.
fn payment_key(number: usize, deal: &Deal, card: Card) -> String {
    let scenario = match (deal.story, card, deal.manner) {
        (Story::LateMoney, ..) => "late",
        (Story::DeclinedForGood, ..) => "declined",
        (Story::RefundRefused, ..) => "ok-refundfail",
        (Story::RefundUnknown, ..) => "ok-refundunknown",
        (_, Card::Second, _) | (_, Card::First, Manner::Fine) => "ok",
        (_, Card::First, Manner::Twice) => "twice",
        (_, Card::First, Manner::SecondCard) => "declined",
        (_, Card::First, Manner::Timeout) => "timeout",
        (_, Card::First, Manner::Late) => "late",
        (_, Card::First, Manner::Lost) => "lost",
    };
    let card = match card {
        Card::First => 1,
        Card::Second => 2,
    };
    format!("sandbox-{scenario}-{number:05}-{card}")
}

/// From when to when a guest calls a booking off so that it falls into a window.
fn cancelling(policy: CancellationPolicy, window: Window, start: Timestamp, paid: Timestamp) -> (Timestamp, Timestamp) {
    let (all_h, half_h) = match policy {
        Flexible => (1, 0),
        Standard => (24, 0),
        Strict => (168, 48),
    };
    let before = |hours: i64, minutes: i64| later(start, -hours * HOUR + minutes);
    match (policy, window) {
        (_, Window::All) => (paid, before(all_h, -5)),
        (_, Window::Grace) => (paid, later(paid, 25)),
        (_, Window::Half) => (before(all_h, 5).max(later(paid, 32)), before(half_h, -5)),
        (Strict, Window::Nothing) => (before(half_h, 5), before(0, -10)),
        (Flexible | Standard, Window::Nothing) => (later(start, 1), later(start, 25)),
    }
}
