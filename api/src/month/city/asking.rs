//! Guests look for a car and ask for it; hosts answer.

use domain::ids::UserId;
use kernel::Timestamp;

use super::{Card, City, Deal, Request, Task, Who};
use crate::month::driver::{AnyError, Driver, No, Span, Status, Wanted};
use crate::month::market::{Lot, on_the_ten, overlap};
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::story::{Story, Wish};

/// Places that somebody looks at before taking any.
const LOOKS: usize = 120;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// The latest hour at which a rental of a car with opening hours begins, and its greatest length in hours.
const LAST_START: i64 = 14;
const LONGEST: i64 = 8;

impl<D: Driver> City<'_, D> {
    pub(super) async fn ask(&mut self, at: Timestamp, request: Request) -> Result<(), AnyError> {
        let (stall, span, story) = self.place(at, request.story);
        let host = self.hosts[self.stalls[stall].car.host];
        let guest = if story == Story::OwnCar { host } else { self.guests[request.guest] };
        let price_won = self.stalls[stall].price_won(span);
        let total_won = if story == Story::OtherPrice { price_won + 1_000 } else { price_won };
        self.tally.count(Kind::Requested);
        let wanted = Wanted { vehicle: self.stalls[stall].vehicle, span, total_won };
        match self.driver.request(guest, &wanted).await? {
            Err(no) => self.turned_down(stall, span, &no),
            Ok(booking) => {
                self.tally.count(Kind::Accepted);
                self.check_accepted(stall, span, story, booking).await?;
                let manner = story.manner(&mut self.rng);
                let number = self.deals.len();
                let occupied = self.stalls[stall].occupied(span);
                self.stalls[stall].lots.push(Lot { deal: number, span, occupied, live: true });
                self.deals.push(Deal {
                    booking,
                    stall,
                    guest,
                    host,
                    span,
                    total_won,
                    story,
                    manner,
                    bill: None,
                    due_at: span.0,
                    unknown: false,
                    paid_at: None,
                    ended: None,
                    goodwill_won: 0,
                    returned: false,
                    over: false,
                });
                self.taken(at, number, guest).await?;
            }
        }
        Ok(())
    }

    /// A refusal that the month can explain is one of its kinds; one that it cannot is found.
    fn turned_down(&mut self, stall: usize, span: Span, no: &No) {
        let stall = &self.stalls[stall];
        let (in_the_way, rentals) = (stall.against(span).count(), stall.against(span).filter(|lot| overlap(lot.span, span)).count());
        let is_open = stall.is_open(span);
        let wrong = |what: &str| format!("{} refused {no:?} for {} to {}, although {what}", stall.vehicle, span.0, span.1);
        match no.0.as_str() {
            "BOOKING002" if rentals > 0 => self.tally.count(Kind::Conflict),
            "BOOKING002" if in_the_way > 0 => self.tally.count(Kind::BufferConflict),
            "BOOKING002" => self.findings.push(wrong("nothing was in the way")),
            "BOOKING003" if is_open => self.findings.push(wrong("it is open")),
            "BOOKING003" => self.tally.count(Kind::Closed),
            "BOOKING005" => self.tally.count(Kind::OwnCar),
            "BOOKING006" => self.tally.count(Kind::Unbookable),
            "BOOKING010" => self.tally.count(Kind::OtherPrice),
            _ => self.surprise("request", no),
        }
    }

    /// No two live slots of a car overlap, it was open, and the story was not one that cannot be accepted.
    async fn check_accepted(&mut self, stall: usize, span: Span, story: Story, booking: domain::ids::BookingId) -> Result<(), AnyError> {
        let others: Vec<_> = self.stalls[stall].against(span).map(|lot| lot.deal).collect();
        for other in others {
            // It may have ended by itself since it was last looked at.
            self.see(other).await?;
            if !self.deals[other].over {
                let other = self.deals[other].booking;
                self.findings.push(format!("{booking} was accepted although {other} has its slot"));
            }
        }
        if !self.stalls[stall].is_open(span) {
            self.findings.push(format!("{booking} was accepted although the car is closed"));
        }
        if matches!(story, Story::OwnCar | Story::Unbookable | Story::OtherPrice) {
            self.findings.push(format!("{booking} was accepted although {story:?}"));
        }
        Ok(())
    }

    /// What comes after a request that took its slot.
    async fn taken(&mut self, at: Timestamp, number: usize, guest: UserId) -> Result<(), AnyError> {
        let Deal { story, span, stall, booking, .. } = self.deals[number];
        if self.stalls[stall].car.policy.instant {
            let seen = self.driver.see(guest, booking).await?;
            if seen.status != Status::Approved {
                self.findings.push(format!("{booking} of an instant car is {:?}", seen.status));
            }
            self.tally.count(Kind::Instant);
            return self.approved(at, number).await;
        }
        let lead_min = (span.0.as_second() - at.as_second()) / 60;
        // Well before any request expires.
        let soon = later(at, self.rng.between(2, (lead_min / 4).clamp(3, 90)));
        match story {
            Story::Unanswered => self.later(later(at, 8 * HOUR + 1).min(span.0), Task::Look(number)),
            Story::Withdrawn => self.later(soon, Task::Cancel(number, Who::Guest)),
            _ => self.later(soon, Task::Answer(number)),
        }
        Ok(())
    }

    pub(super) async fn answer(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let Deal { host, booking, story, .. } = self.deals[number];
        if story == Story::Rejected {
            match self.driver.reject(host, booking).await? {
                Ok(()) => {
                    self.tally.count(Kind::Rejected);
                    self.over(number);
                }
                Err(no) => self.surprise("reject", &no),
            }
            return Ok(());
        }
        match self.driver.approve(host, booking).await? {
            Ok(()) => {
                self.tally.count(Kind::Approved);
                self.approved(at, number).await
            }
            Err(no) => {
                self.surprise("approve", &no);
                Ok(())
            }
        }
    }

    /// An approved booking is to be paid.
    async fn approved(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        self.see(number).await?;
        let Deal { story, due_at, .. } = self.deals[number];
        let window_min = (due_at.as_second() - at.as_second()) / 60;
        let soon = later(at, self.rng.between(1, (window_min / 3).clamp(2, 40)));
        let after = later(due_at, 1);
        match story {
            Story::Unpaid | Story::Unanswered | Story::Rejected | Story::Withdrawn => self.later(after, Task::Look(number)),
            Story::DeclinedForGood => {
                self.later(soon, Task::Pay(number, Card::First));
                self.later(after, Task::Look(number));
            }
            Story::PaidTooLate => {
                self.later(after, Task::Look(number));
                self.later(later(due_at, 5), Task::Pay(number, Card::First));
            }
            Story::LateMoney => {
                let moments = kernel::jiff::SignedDuration::from_secs(10);
                self.later(due_at.checked_sub(moments).unwrap_or(due_at), Task::Pay(number, Card::First));
                self.later(later(due_at, 5), Task::Look(number));
            }
            Story::UnpaidGuestCancels => self.later(soon, Task::Cancel(number, Who::Guest)),
            Story::UnpaidHostCancels => self.later(soon, Task::Cancel(number, Who::Host)),
            _ => self.later(soon, Task::Pay(number, Card::First)),
        }
        Ok(())
    }

    /// Which car, when, and what then: a story that finds no place for itself becomes a plain trip.
    fn place(&mut self, at: Timestamp, story: Story) -> (usize, Span, Story) {
        let placed = match story {
            Story::Clash => self.beside(at, |_, _| true).map(|(stall, lot)| (stall, (later(lot.span.0, 30), later(lot.span.1, 30)))),
            Story::BufferClash => self.in_the_buffer(at),
            Story::Closed => self.shut(at),
            Story::Unbookable => self.unbookable(at),
            Story::Following => self.behind_a_late_one(at),
            _ => None,
        };
        let degraded = match story {
            Story::Clash | Story::BufferClash | Story::Closed | Story::Unbookable => Story::Trip,
            other => other,
        };
        match placed {
            Some((stall, span)) => (stall, span, story),
            None => {
                let (stall, span) = self.somewhere(at, &degraded.wish());
                (stall, span, degraded)
            }
        }
    }

    /// A free place as wished; after many looks the last one, free or not.
    fn somewhere(&mut self, at: Timestamp, wish: &Wish) -> (usize, Span) {
        let mut last = None;
        for _ in 0..LOOKS {
            let stall = self.rng.below(self.stalls.len());
            let car = &self.stalls[stall].car;
            let fits = wish.cancellation.is_none_or(|policy| policy == car.policy.cancellation)
                && wish.instant.is_none_or(|instant| instant == car.policy.instant)
                && (!wish.plain || (car.hours.is_none() && car.policy.buffer_after == 0))
                && (!wish.dear || car.rate_won >= 20_000);
            if !fits {
                continue;
            }
            let has_hours = car.hours.is_some();
            let span = self.stretch(at, wish, has_hours);
            last = Some((stall, span));
            if self.stalls[stall].is_free(span) {
                break;
            }
        }
        last.unwrap_or_else(|| (0, self.stretch(at, wish, false)))
    }

    fn stretch(&mut self, at: Timestamp, wish: &Wish, by_day: bool) -> Span {
        let lead = self.rng.between(wish.lead.0, wish.lead.1);
        let length = self.rng.between(wish.length.0 / 10, wish.length.1 / 10) * 10;
        let start = on_the_ten(later(at, lead));
        if !by_day {
            return (start, later(start, length));
        }
        // In the morning of that day in Seoul, or of the next one.
        let midnight = later(self.plan.begins, (start.as_second() - self.plan.begins.as_second()) / 60 / DAY * DAY);
        let morning = later(midnight, self.rng.between(7, LAST_START) * HOUR);
        let start = if morning < start { later(morning, DAY) } else { morning };
        (start, later(start, length.min(LONGEST * HOUR)))
    }

    /// A live lot that begins in some time, chosen at random.
    fn beside(&mut self, at: Timestamp, fits: impl Fn(&Self, &Lot) -> bool) -> Option<(usize, Lot)> {
        let from = later(at, 3 * HOUR);
        let lots = self.stalls.iter().enumerate().flat_map(|(stall, found)| found.lots.iter().map(move |lot| (stall, *lot)));
        let live: Vec<_> = lots.filter(|(_, lot)| lot.live && lot.span.0 > from && fits(self, lot)).collect();
        if live.is_empty() { None } else { Some(*self.rng.pick(&live)) }
    }

    fn in_the_buffer(&mut self, at: Timestamp) -> Option<(usize, Span)> {
        let after = |lot: &Lot| (later(lot.span.1, 20), later(lot.span.1, 140));
        let (stall, lot) = self.beside(at, |city, lot| {
            let stall = &city.stalls[city.deals[lot.deal].stall];
            let span = after(lot);
            stall.car.policy.buffer_after > 20 && stall.against(span).all(|other| !overlap(other.span, span))
        })?;
        Some((stall, after(&lot)))
    }

    fn behind_a_late_one(&mut self, at: Timestamp) -> Option<(usize, Span)> {
        let after = |lot: &Lot| (lot.span.1, later(lot.span.1, 3 * HOUR));
        let (stall, lot) = self.beside(at, |city, lot| {
            let deal = &city.deals[lot.deal];
            deal.story == Story::LateTrip && city.stalls[deal.stall].is_free(after(lot))
        })?;
        Some((stall, after(&lot)))
    }

    /// A night at a car with opening hours, or a blocked day.
    fn shut(&mut self, at: Timestamp) -> Option<(usize, Span)> {
        let midnight = later(self.plan.begins, (at.as_second() - self.plan.begins.as_second()) / 60 / DAY * DAY + 2 * DAY);
        let night = (later(midnight, -2 * HOUR), later(midnight, 2 * HOUR));
        for _ in 0..LOOKS {
            let stall = self.rng.below(self.stalls.len());
            let found = &self.stalls[stall];
            let blocked = found.blocks.iter().find(|block| block.0 > later(at, 3 * HOUR)).map(|block| (block.0, later(block.0, 5 * HOUR)));
            if let Some(span) = found.car.hours.map(|_| night).or(blocked).filter(|span| found.against(*span).next().is_none()) {
                return Some((stall, span));
            }
        }
        None
    }

    /// Past, too short, too soon or too far ahead; otherwise free, so that just that is said.
    fn unbookable(&mut self, at: Timestamp) -> Option<(usize, Span)> {
        let from = on_the_ten(at);
        for _ in 0..LOOKS {
            let stall = self.rng.below(self.stalls.len());
            let (start, length) = match self.rng.below(4) {
                0 => (later(from, -3 * HOUR), 4 * HOUR),
                1 => (later(from, DAY), 30),
                2 if !self.stalls[stall].car.policy.instant => (later(from, 20), 2 * HOUR),
                _ => (later(from, 200 * DAY), 4 * HOUR),
            };
            let span = (start, later(start, length));
            if self.stalls[stall].is_free(span) {
                return Some((stall, span));
            }
        }
        None
    }
}
