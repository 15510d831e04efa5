//! Carries out what the driver has on its list: the calls outside, and the commands that tell of their answers.

use commands::Caller;
use commands::payment::{CaptureAnswer, Confirming, ReceiveNotice, TransferAnswer};
use domain::ids::{BookingId, PaymentId, PayoutId, RefundId, SettlementId, ShopOrderId, UserId};
use uuid::Uuid;

use super::audit::Property;
use super::driver::Work;
use super::model::DAY;
use super::outside::{Outside, Reply};
use super::play::{Done, Outcome, instant, outcome};
use super::sequence::Sequence;

impl Sequence {
    /// Notices of captures that came after everybody had given them up.
    /// Notices are late, overtake one another and come twice; one that was lost is sent again, days later. Others are forged.
    pub(super) fn hear_notices(&mut self) {
        for order in self.outside.arrivals(self.model.now) {
            let Some(payment) = self.driver.payment_of(&order) else { continue };
            let copies = if self.outside.calm { 1 } else { self.dice.between(1, 3) };
            let notice = self.dice.next();
            for _ in 0..copies {
                let late = if self.outside.calm || self.dice.chance(40) { 0 } else { self.dice.between(0, 3 * DAY) };
                self.driver.push(self.model.now + late, Work::Notice { payment, notice }, None);
            }
        }
        if !self.outside.calm && self.dice.chance(3) {
            let payments: Vec<_> = self.driver.orders.keys().copied().collect();
            if let Some(payment) = self.dice.pick(&payments) {
                let notice = self.dice.next();
                self.driver.push(self.model.now, Work::Notice { payment, notice }, None);
            }
        }
    }

    pub(super) async fn perform_work(&mut self, work: Work, key: Option<String>) {
        self.remember(format!("{} {work:?}", instant(self.model.now)));
        let by = Caller::system("driver", key, Uuid::nil());
        match work {
            Work::Expire { booking } => {
                let told = commands::booking::expire_request(&self.world.ctx, &by, BookingId::new(booking)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(booking)
                {
                    self.model.expire(deal);
                }
            }
            Work::Lapse { booking } => {
                let told = commands::booking::lapse_payment(&self.world.ctx, &by, BookingId::new(booking)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(booking)
                {
                    self.model.lapse(deal);
                }
            }
            Work::ExpireOrder { order } => {
                let told = commands::shop_order::expire_shop_order(&self.world.ctx, &by, ShopOrderId::new(order)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(order)
                {
                    self.model.expire_order(deal);
                }
            }
            Work::CutShort { order } => {
                let told = commands::shop_order::cut_short(&self.world.ctx, &by, ShopOrderId::new(order)).await;
                let told = outcome(told.map(text));
                let replayed = told.as_ref().is_ok_and(|done| done.receipt.replayed);
                let refund = self.last_refund(&told).await;
                if let Some(deal) = self.model.deal(order).filter(|_| !replayed) {
                    self.model.cut_late_rest(deal, refund);
                }
            }
            Work::LapseReturn { order } => {
                let told = commands::shop_order::lapse_return(&self.world.ctx, &by, ShopOrderId::new(order)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(order)
                {
                    self.model.lapse_return(deal);
                }
            }
            Work::AssumeDelivery { order } => {
                let told = commands::shop_order::assume_delivery(&self.world.ctx, &by, ShopOrderId::new(order)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(order)
                {
                    self.model.assume_delivery(deal);
                }
            }
            Work::ConfirmPurchase { order } => {
                let told = commands::shop_order::complete_shop_order(&self.world.ctx, &by, ShopOrderId::new(order)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal(order)
                {
                    self.model.confirm_purchase(deal);
                }
            }
            Work::Capture { payment, attempt } => self.capture(&by, payment, attempt).await,
            Work::AskCapture { payment, attempt } => self.ask_capture(&by, payment, attempt).await,
            Work::Notice { payment, notice } => self.notice(&by, payment, notice).await,
            Work::AskNoticed { payment } => self.ask_noticed(&by, payment).await,
            Work::Refund { payment, refund } => self.refund(&by, payment, refund, false).await,
            Work::AskRefund { payment, refund } => self.refund(&by, payment, refund, true).await,
            Work::RetryRefund { payment, refund } => {
                let told = commands::payment::retry_refund(&self.world.ctx, &by, PaymentId::new(payment), RefundId::new(refund)).await;
                if self.settled(outcome(told.map(text))).await
                    && let Some(deal) = self.model.deal_of(payment)
                {
                    self.model.retry(deal, refund);
                }
            }
            Work::PayHost { settlement, host } => self.pay_host(&by, settlement, host).await,
            Work::Payout { payout } => self.payout(&by, payout, false).await,
            Work::AskPayout { payout } => self.payout(&by, payout, true).await,
            Work::SendBack { payout } => self.send_back(&by, payout).await,
            Work::Settle { payment, settlement, payout } => {
                let (settlement, payout) = (SettlementId::new(settlement), PayoutId::new(payout));
                let told = commands::payment::settle_payment(&self.world.ctx, &by, PaymentId::new(payment), settlement, payout).await;
                self.settled(outcome(told.map(text))).await;
            }
            Work::Unsettle { payment, payout } => {
                let told = commands::payment::unsettle_payment(&self.world.ctx, &by, PaymentId::new(payment), PayoutId::new(payout)).await;
                self.settled(outcome(told.map(text))).await;
            }
        }
    }

    /// What timers and answers say is never refused; `false` when it was said before.
    async fn settled(&mut self, told: Outcome) -> bool {
        self.audit.findings.hold(Property::Model, told.is_ok(), || format!("a timer or an answer was refused: {told:?}"));
        let done = told.ok();
        self.catch_up(done.as_ref()).await;
        done.is_some_and(|Done { receipt, .. }| !receipt.replayed)
    }

    async fn capture(&mut self, by: &Caller, payment: Uuid, attempt: u32) {
        let Some((order, amount)) = self.driver.orders.get(&payment).cloned() else { return };
        // An attempt that is over is not made again: its money would come unasked.
        if self.driver.open.get(&payment) != Some(&attempt) {
            return;
        }
        let card = self.driver.cards.get(&(payment, attempt)).cloned().unwrap_or_default();
        let fate = self.outside.fate(&mut self.dice, self.model.now);
        let reply = self.outside.capture(&order, &card, amount, fate, self.model.now);
        self.captured(by, payment, attempt, reply).await;
    }

    async fn ask_capture(&mut self, by: &Caller, payment: Uuid, attempt: u32) {
        let Some((order, _)) = self.driver.orders.get(&payment).cloned() else { return };
        // Whoever asks late may ask about an attempt that is over: what is true is true.
        let reply = if self.outside.silent(&mut self.dice) { Reply::Silence } else { self.outside.find(&order) };
        self.captured(by, payment, attempt, reply).await;
    }

    async fn notice(&mut self, by: &Caller, payment: Uuid, notice: u64) {
        let input = ReceiveNotice { payment_id: PaymentId::new(payment), notice: format!("{notice:032x}"), payment_key: None };
        let told = commands::payment::receive_notice(&self.world.ctx, by, &input).await;
        self.settled(outcome(told.map(text))).await;
    }

    /// Whatever a notice said, only money that is in the provider's book counts; silence is asked again.
    async fn ask_noticed(&mut self, by: &Caller, payment: Uuid) {
        let Some((order, _)) = self.driver.orders.get(&payment).cloned() else { return };
        if self.outside.silent(&mut self.dice) {
            let again = self.model.now + Outside::lateness(&mut self.dice);
            self.driver.push(again, Work::AskNoticed { payment }, None);
            return;
        }
        let reply = self.outside.find(&order);
        if matches!(reply, Reply::Done(_)) {
            self.captured(by, payment, 1, reply).await;
        }
    }

    async fn captured(&mut self, by: &Caller, payment: Uuid, attempt: u32, reply: Reply) {
        let answer = match reply {
            Reply::Done(at) => CaptureAnswer::Captured { paid_at: instant(at), method: "card".to_owned(), reference: "ref".to_owned() },
            Reply::Refused => CaptureAnswer::Declined { code: "REJECT_CARD_PAYMENT".to_owned() },
            Reply::NotFound => CaptureAnswer::Declined { code: "NOT_FOUND_PAYMENT".to_owned() },
            Reply::Silence => CaptureAnswer::Unknown,
        };
        let confirming = Confirming { payment: PaymentId::new(payment), attempt };
        let told = commands::payment::record_capture(&self.world.ctx, by, confirming, &answer).await;
        let told = outcome(told.map(text));
        let late = self.last_refund(&told).await;
        let Some(deal) = self.model.deal_of(payment) else { return };
        match reply {
            Reply::Done(at) => self.model.captured(deal, at, late),
            Reply::Refused | Reply::NotFound => self.model.declined(deal, attempt),
            Reply::Silence => self.model.silent(deal, attempt),
        }
    }

    /// The refund that came with a late capture, or with a late rest.
    async fn last_refund(&mut self, told: &Outcome) -> Option<Uuid> {
        self.audit.findings.hold(Property::Model, told.is_ok(), || format!("a capture or a timer was refused: {told:?}"));
        let events = self.catch_up(told.as_ref().ok()).await;
        super::play::Minted::of(&events).refund
    }

    async fn refund(&mut self, by: &Caller, payment: Uuid, refund: Uuid, ask: bool) {
        let Some((order, _)) = self.driver.orders.get(&payment).cloned() else { return };
        let Some((amount, attempt)) = self.driver.refunds.get(&refund).copied() else { return };
        let (key, now) = (format!("{refund}/{attempt}"), self.model.now);
        let found = match ask {
            true if self.outside.silent(&mut self.dice) => Reply::Silence,
            true => self.outside.find_refund(&order, &key),
            false => Reply::NotFound,
        };
        // What never arrived is sent again under the same key.
        let reply = if found == Reply::NotFound {
            let fate = self.outside.fate(&mut self.dice, now);
            self.outside.refund(&order, &key, amount, fate, now)
        } else {
            found
        };
        let (payment_id, refund_id) = (PaymentId::new(payment), RefundId::new(refund));
        let told = commands::payment::record_refund(&self.world.ctx, by, payment_id, refund_id, &transfer(reply)).await;
        if !self.settled(outcome(told.map(text))).await {
            return;
        }
        let Some(deal) = self.model.deal_of(payment) else { return };
        match reply {
            Reply::Done(_) => self.model.went_back(deal, refund),
            Reply::Refused => self.model.stayed(deal, refund),
            Reply::Silence | Reply::NotFound => {}
        }
    }

    async fn pay_host(&mut self, by: &Caller, settlement: Uuid, host: Uuid) {
        let told = commands::settlement::pay_host(&self.world.ctx, by, SettlementId::new(settlement), UserId::new(host)).await;
        let told = outcome(told.map(text));
        self.audit.findings.hold(Property::Model, told.is_ok(), || format!("a payout was refused: {told:?}"));
        let events = self.catch_up(told.as_ref().ok()).await;
        if told.is_ok_and(|done| done.receipt.replayed) {
            return;
        }
        let payout = events.iter().find_map(|(_, event)| match event {
            domain::Event::Payout(domain::payout::Event::PayoutRequested { payout, .. }) => Some(payout.uuid()),
            _ => None,
        });
        if let (Some(batch), Some(host)) = (self.model.batch(settlement), self.model.person(host)) {
            self.model.pay_host(batch, host, payout.unwrap_or_default());
        }
    }

    async fn payout(&mut self, by: &Caller, payout: Uuid, ask: bool) {
        let Some(amount) = self.driver.payouts.get(&payout).copied() else { return };
        let (name, now) = (payout.to_string(), self.model.now);
        let found = match ask {
            true if self.outside.silent(&mut self.dice) => Reply::Silence,
            true => self.outside.find_payout(&name),
            false => Reply::NotFound,
        };
        let reply = if found == Reply::NotFound {
            let fate = self.outside.fate(&mut self.dice, now);
            self.outside.pay(&name, amount, fate, now)
        } else {
            found
        };
        let told = commands::settlement::record_payout(&self.world.ctx, by, PayoutId::new(payout), &transfer(reply)).await;
        if self.settled(outcome(told.map(text))).await {
            match reply {
                Reply::Done(_) => self.model.arrived(payout),
                Reply::Refused => self.model.bounced(payout),
                Reply::Silence | Reply::NotFound => {}
            }
        }
    }

    async fn send_back(&mut self, by: &Caller, payout: Uuid) {
        let amount = self.driver.payouts.remove(&payout).unwrap_or(0);
        self.outside.send_back(amount);
        let told = commands::settlement::return_payout(&self.world.ctx, by, PayoutId::new(payout)).await;
        if self.settled(outcome(told.map(text))).await {
            self.model.came_back(payout);
        }
    }
}

fn transfer(reply: Reply) -> TransferAnswer {
    match reply {
        Reply::Done(_) => TransferAnswer::Done { reference: "ref".to_owned() },
        Reply::Refused => TransferAnswer::Declined { code: "NO".to_owned() },
        Reply::Silence | Reply::NotFound => TransferAnswer::Unknown,
    }
}

fn text<T: ToString>(done: commands::Executed<T>) -> commands::Executed<String> {
    commands::Executed { receipt: done.receipt, value: done.value.to_string() }
}
