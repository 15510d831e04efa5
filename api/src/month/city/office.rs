//! What happens behind the counter: refunds, settlements, blocks, and a look at all live slots.

use domain::ids::{RefundId, SettlementId};
use kernel::Timestamp;

use super::{City, Fate, Task};
use crate::month::driver::{AnyError, Driver, Office};
use crate::month::market::overlap;
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::story::{Story, scaled};

/// A refund above this waits for a second person.
const LIMIT_WON: i128 = 1_000_000;
/// Payouts of a settlement that the bank declines at first.
const DECLINED_PAYOUTS: usize = 14;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

impl<D: Driver> City<'_, D> {
    pub(super) async fn refund(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let deal = &self.deals[number];
        let (story, total_won, returned) = (deal.story, deal.total_won, deal.returned);
        let Some(payment) = deal.bill.as_ref().map(|bill| bill.payment) else { return Ok(()) };
        let big = story == Story::BigPart && total_won > LIMIT_WON;
        let won = if story == Story::TooMuchBack {
            total_won + 1
        } else if big {
            LIMIT_WON + 1 + i128::from(self.rng.between(0, i64::try_from(total_won - LIMIT_WON - 1)?))
        } else {
            (total_won * i128::from(self.rng.between(10, 40)) / 100).max(1)
        };
        let by = self.driver.office(if big { Office::Finance } else { Office::Support }).await?;
        match self.driver.refund(by, payment, won).await? {
            Ok(None) => {
                self.deals[number].goodwill_won += won;
                self.tally.count(if returned { Kind::PartAfter } else { Kind::PartBefore });
            }
            Ok(Some(refund)) => {
                match self.driver.approve_refund(by, payment, refund).await? {
                    Err(no) if no.0 == "SETTLE003" => self.tally.count(Kind::SamePerson),
                    Err(no) => self.surprise("approve one's own refund", &no),
                    Ok(()) => self.findings.push(format!("{payment}: the same person proposed and approved {refund}")),
                }
                self.deals[number].goodwill_won += won;
                self.later(later(at, 30), Task::Consent(number, refund));
            }
            Err(no) if no.0 == "PAY006" => self.tally.count(Kind::TooMuchBack),
            Err(no) => self.surprise("refund", &no),
        }
        Ok(())
    }

    pub(super) async fn consent(&mut self, number: usize, refund: RefundId) -> Result<(), AnyError> {
        let Some(payment) = self.deals[number].bill.as_ref().map(|bill| bill.payment) else { return Ok(()) };
        let by = self.driver.office(Office::SecondFinance).await?;
        match self.driver.approve_refund(by, payment, refund).await? {
            Ok(()) => self.tally.count(Kind::BigPart),
            Err(no) => self.surprise("approve a refund", &no),
        }
        Ok(())
    }

    /// Hosts try to close a time that is taken.
    pub(super) async fn block_taken_time(&mut self, at: Timestamp) -> Result<(), AnyError> {
        let lots = self.stalls.iter().enumerate().flat_map(|(stall, found)| found.lots.iter().map(move |lot| (stall, *lot)));
        // Paid bookings do not vanish by themselves in the meantime.
        let paid = |deal: usize| self.deals[deal].paid_at.is_some();
        let taken: Vec<_> = lots.filter(|(_, lot)| lot.live && lot.span.0 > later(at, HOUR) && paid(lot.deal)).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let (stall, lot) = *self.rng.pick(&taken);
        let host = self.hosts[self.stalls[stall].car.host];
        let span = (later(lot.span.0, -HOUR), later(lot.span.0, HOUR));
        match self.driver.block(host, self.stalls[stall].vehicle, span).await? {
            Err(no) if no.0 == "AVL002" => self.tally.count(Kind::BlockRefused),
            Err(no) => self.surprise("block", &no),
            Ok(()) => {
                self.findings.push(format!("{} was blocked over a live booking", self.stalls[stall].vehicle));
                self.stalls[stall].blocks.push(span);
            }
        }
        Ok(())
    }

    /// All that was earned before today.
    pub(super) async fn open_settlement(&mut self, at: Timestamp, fate: Fate) -> Result<(), AnyError> {
        let finance = self.driver.office(Office::Finance).await?;
        match self.driver.open_settlement(finance, later(at, -DAY / 2)).await? {
            Ok(settlement) => {
                self.tally.count(Kind::SettlementOpened);
                self.later(later(at, 2 * HOUR), Task::DecideSettlement(fate, settlement));
                match self.driver.approve_settlement(finance, settlement).await? {
                    Err(no) if no.0 == "SETTLE003" => self.tally.count(Kind::SamePerson),
                    Err(no) => self.surprise("approve one's own settlement", &no),
                    Ok(()) => self.findings.push(format!("the same person opened and approved {settlement}")),
                }
            }
            Err(no) => self.surprise("open a settlement", &no),
        }
        Ok(())
    }

    pub(super) async fn decide_settlement(&mut self, fate: Fate, settlement: SettlementId) -> Result<(), AnyError> {
        let second = self.driver.office(Office::SecondFinance).await?;
        let (kind, answer) = match fate {
            Fate::Cancelled => (Kind::SettlementCancelled, self.driver.cancel_settlement(second, settlement).await?),
            Fate::Approved => {
                self.bank_in_reach &= self.driver.decline_payouts(scaled(DECLINED_PAYOUTS, self.plan.percent))?;
                (Kind::SettlementApproved, self.driver.approve_settlement(second, settlement).await?)
            }
        };
        match answer {
            Ok(()) => self.tally.count(kind),
            Err(no) => self.surprise("decide on a settlement", &no),
        }
        Ok(())
    }

    /// No two live slots of a car overlap, as Daybook itself shows them.
    pub(super) async fn compare_slots(&mut self, at: Timestamp) -> Result<(), AnyError> {
        self.slot_checks += 1;
        for stall in 0..self.stalls.len() {
            let vehicle = self.stalls[stall].vehicle;
            let mut taken = self.driver.taken(vehicle, (at, later(at, 20 * DAY))).await?;
            // A block may reach into the time that is kept free around a rental.
            taken.retain(|span| !self.stalls[stall].blocks.contains(span));
            taken.sort_unstable();
            for pair in taken.windows(2) {
                if overlap(pair[0], pair[1]) {
                    self.findings.push(format!("{vehicle} has live slots that overlap: {:?} and {:?}", pair[0], pair[1]));
                }
            }
        }
        Ok(())
    }
}
