//! A second driver of the processes, independent of the runtime: it reads the log, keeps a list of what is to be done, and
//! does it late, twice, or out of order.

use std::collections::BTreeMap;

use domain::settlement::Deferral;
use domain::{booking, payment, payout, settlement, shop_order};
use eventlog::Recorded;
use kernel::Timestamp;
use uuid::Uuid;

use super::dice::Dice;
use super::model::DAY;
use super::outside::Outside;

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Work {
    Expire { booking: Uuid },
    Lapse { booking: Uuid },
    ExpireOrder { order: Uuid },
    CutShort { order: Uuid },
    LapseReturn { order: Uuid },
    AssumeDelivery { order: Uuid },
    ConfirmPurchase { order: Uuid },
    Capture { payment: Uuid, attempt: u32 },
    AskCapture { payment: Uuid, attempt: u32 },
    Notice { payment: Uuid, notice: u64 },
    AskNoticed { payment: Uuid },
    Refund { payment: Uuid, refund: Uuid },
    AskRefund { payment: Uuid, refund: Uuid },
    RetryRefund { payment: Uuid, refund: Uuid },
    PayHost { settlement: Uuid, host: Uuid },
    Payout { payout: Uuid },
    AskPayout { payout: Uuid },
    SendBack { payout: Uuid },
    Settle { payment: Uuid, settlement: Uuid, payout: Uuid },
    Unsettle { payment: Uuid, payout: Uuid },
}

/// Something to be done at a time, under a key where the first answer must stand.
#[derive(Clone, Debug)]
pub struct Task {
    pub due: i64,
    number: u64,
    pub work: Work,
    pub key: Option<String>,
}

/// What the driver has read of the log, and what it has to do.
#[derive(Clone, Debug, Default)]
pub struct Driver {
    tasks: Vec<Task>,
    next: u64,
    /// Order number and amount of each payment.
    pub orders: BTreeMap<Uuid, (String, i128)>,
    /// The card of each attempt.
    pub cards: BTreeMap<(Uuid, u32), String>,
    /// The attempt of each payment that is under way.
    pub open: BTreeMap<Uuid, u32>,
    /// Amount and attempt of each refund.
    pub refunds: BTreeMap<Uuid, (i128, u32)>,
    /// Amount of each payout.
    pub payouts: BTreeMap<Uuid, i128>,
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

impl Driver {
    /// Takes note of an event and of what it asks for.
    pub fn read(&mut self, recorded: &Recorded, event: &domain::Event, dice: &mut Dice, calm: bool) {
        let Ok(id) = Uuid::try_parse(recorded.stream.id()) else { return };
        let mut asked = Vec::new();
        match event {
            domain::Event::Booking(event) => of_booking(id, event, &mut asked),
            domain::Event::ShopOrder(event) => of_order(id, event, &mut asked),
            domain::Event::Payment(event) => self.of_payment(id, micros(recorded.occurred_at), event, &mut asked),
            domain::Event::Payout(event) => self.of_payout(id, micros(recorded.occurred_at), event, dice, &mut asked),
            domain::Event::Settlement(settlement::Event::SettlementApproved { settlement, hosts, .. }) => {
                let now = micros(recorded.occurred_at);
                asked.extend(hosts.iter().map(|host| (now, Work::PayHost { settlement: settlement.uuid(), host: host.uuid() })));
            }
            // What is below the minimum is looked at again in a month, which no sequence waits for.
            domain::Event::Settlement(settlement::Event::PayoutDeferred { host, why: Deferral::ClosedDay, until: Some(until), .. }) => {
                asked.push((micros(*until), Work::PayHost { settlement: id, host: host.uuid() }));
            }
            _ => {}
        }
        for (index, (due, work)) in asked.into_iter().enumerate() {
            let key = work.is_keyed().then(|| format!("{}/{index}", recorded.position));
            self.note(due, work, key, dice, calm);
        }
    }

    /// Puts something on the list: late and twice at times.
    fn note(&mut self, due: i64, work: Work, key: Option<String>, dice: &mut Dice, calm: bool) {
        // Marks of one payment follow each other in the order of the log, as one process sets them.
        let ordered = matches!(work, Work::Settle { .. } | Work::Unsettle { .. });
        let late = if calm || ordered || dice.chance(60) { 0 } else { Outside::lateness(dice) };
        if !calm && !ordered && dice.chance(10) {
            let again = due + late + Outside::lateness(dice);
            // A reaction that is repeated keeps its key, or has lost it.
            let key = key.clone().filter(|_| dice.chance(70));
            self.push(again, work.clone(), key);
        }
        self.push(due + late, work, key);
    }

    /// Puts something on the list as it is.
    pub fn push(&mut self, due: i64, work: Work, key: Option<String>) {
        self.next += 1;
        self.tasks.push(Task { due, number: self.next, work, key });
    }

    /// When the next thing falls due.
    pub fn next_due(&self) -> Option<i64> {
        self.tasks.iter().map(|task| task.due).min()
    }

    /// Takes the first thing that has fallen due.
    pub fn take(&mut self, now: i64) -> Option<Task> {
        let (at, _) = self.tasks.iter().enumerate().filter(|(_, task)| task.due <= now).min_by_key(|(_, task)| (task.due, task.number))?;
        Some(self.tasks.remove(at))
    }

    /// The payment behind an order number.
    pub fn payment_of(&self, order: &str) -> Option<Uuid> {
        self.orders.iter().find(|(_, (known, _))| known == order).map(|(payment, _)| *payment)
    }

    fn of_payment(&mut self, payment: Uuid, now: i64, event: &payment::Event, asked: &mut Vec<(i64, Work)>) {
        use payment::Event as E;
        match event {
            E::PaymentRequested { order } => {
                self.orders.insert(payment, (order.order_id.clone(), order.amount.minor()));
            }
            E::PaymentConfirmStarted { attempt } => {
                self.cards.insert((payment, attempt.number), attempt.payment_key.clone());
                self.open.insert(payment, attempt.number);
                asked.push((now, Work::Capture { payment, attempt: attempt.number }));
            }
            E::PaymentOutcomeUnknown { attempt, ask_again_at, .. } => {
                asked.push((micros(*ask_again_at), Work::AskCapture { payment, attempt: *attempt }));
            }
            E::ProviderNoticeReceived { .. } => asked.push((now, Work::AskNoticed { payment })),
            E::PaymentFailed { .. } | E::PaymentCompleted { .. } => {
                self.open.remove(&payment);
            }
            E::RefundRequested { refund, amount, .. } => {
                self.refunds.insert(refund.uuid(), (amount.minor(), 1));
                asked.push((now, Work::Refund { payment, refund: refund.uuid() }));
            }
            E::RefundRetried { refund, attempt } => {
                if let Some((_, known)) = self.refunds.get_mut(&refund.uuid()) {
                    *known = *attempt;
                }
                asked.push((now, Work::Refund { payment, refund: refund.uuid() }));
            }
            E::RefundUnknown { refund, ask_again_at, .. } => {
                asked.push((micros(*ask_again_at), Work::AskRefund { payment, refund: refund.uuid() }));
            }
            E::RefundFailed { refund, retry_at: Some(at), .. } => {
                asked.push((micros(*at), Work::RetryRefund { payment, refund: refund.uuid() }));
            }
            _ => {}
        }
    }

    fn of_payout(&mut self, payout: Uuid, now: i64, event: &payout::Event, dice: &mut Dice, asked: &mut Vec<(i64, Work)>) {
        use payout::Event as E;
        let again = |settlement: &domain::ids::SettlementId, host: &domain::ids::UserId| {
            (now + DAY, Work::PayHost { settlement: settlement.uuid(), host: host.uuid() })
        };
        match event {
            E::PayoutRequested { amount, .. } => {
                self.payouts.insert(payout, amount.minor());
                asked.push((now, Work::Payout { payout }));
            }
            E::PayoutUnknown { ask_again_at, .. } => asked.push((micros(*ask_again_at), Work::AskPayout { payout })),
            E::PayoutNoticeReceived { .. } => asked.push((now, Work::AskPayout { payout })),
            E::PayoutCompleted { settlement, lines, .. } => {
                let settlement = settlement.uuid();
                asked.extend(lines.iter().map(|line| (now, Work::Settle { payment: line.uuid(), settlement, payout })));
                if dice.chance(35) {
                    asked.push((now + dice.between(0, 3 * DAY), Work::SendBack { payout }));
                }
            }
            E::PayoutFailed { settlement, host, .. } => asked.push(again(settlement, host)),
            E::PayoutReturned { settlement, host, lines, .. } => {
                asked.extend(lines.iter().map(|line| (now, Work::Unsettle { payment: line.uuid(), payout })));
                asked.push(again(settlement, host));
            }
        }
    }
}

fn of_booking(booking: Uuid, event: &booking::Event, asked: &mut Vec<(i64, Work)>) {
    match event {
        booking::Event::BookingRequested { expires_at, .. } => asked.push((micros(*expires_at), Work::Expire { booking })),
        booking::Event::BookingApproved { payment_due_at, .. } => asked.push((micros(*payment_due_at), Work::Lapse { booking })),
        _ => {}
    }
}

fn of_order(order: Uuid, event: &shop_order::Event, asked: &mut Vec<(i64, Work)>) {
    use shop_order::Event as E;
    match event {
        E::ShopOrderPlaced { payment_due_at, .. } => asked.push((micros(*payment_due_at), Work::ExpireOrder { order })),
        E::ShopOrderShipped { rest_due_at: Some(due), .. } => asked.push((micros(*due), Work::CutShort { order })),
        E::ShopOrderShipped { delivery_due_at: Some(due), .. } | E::ShopOrderCutShort { delivery_due_at: due, .. } => {
            asked.push((micros(*due), Work::AssumeDelivery { order }));
        }
        E::ReturnRequested { answer_due_at, .. } => asked.push((micros(*answer_due_at), Work::LapseReturn { order })),
        E::ShopOrderDelivered { confirm_due_at, .. }
        | E::ReturnApproved { confirm_due_at, .. }
        | E::ReturnDeclined { confirm_due_at, .. }
        | E::ReturnWithdrawn { confirm_due_at } => {
            asked.push((micros(*confirm_due_at), Work::ConfirmPurchase { order }));
        }
        _ => {}
    }
}

impl Work {
    /// Answers from outside have no key of their own: they are decided on the state that they find.
    const fn is_keyed(&self) -> bool {
        match self {
            Self::Expire { .. }
            | Self::Lapse { .. }
            | Self::ExpireOrder { .. }
            | Self::CutShort { .. }
            | Self::LapseReturn { .. }
            | Self::AssumeDelivery { .. }
            | Self::ConfirmPurchase { .. }
            | Self::RetryRefund { .. }
            | Self::PayHost { .. }
            | Self::Settle { .. }
            | Self::Unsettle { .. } => true,
            Self::Capture { .. }
            | Self::AskCapture { .. }
            | Self::Notice { .. }
            | Self::AskNoticed { .. }
            | Self::Refund { .. }
            | Self::AskRefund { .. }
            | Self::Payout { .. }
            | Self::AskPayout { .. }
            | Self::SendBack { .. } => false,
        }
    }
}
