//! Carries an action out through the real commands, and in the model.

use commands::booking::{Answer, CancelBooking, Readings, RequestBooking};
use commands::payment::{ApproveRefund, ConfirmPayment, RequestRefund};
use commands::settlement::CancelSettlement;
use commands::vehcal::{BlockPeriod, PolicyChange, SetBookingPolicy, SetWeeklyAvailability};
use commands::{Caller, Context, ExecuteError, Executed};
use domain::ids::{BookingId, PaymentId, RefundId, SettlementId, ShopOrderId, VehicleId};
use domain::purpose::Purpose;
use domain::vehcal::WindowInput;
use eventlog::{Receipt, Recorded};
use kernel::{Currency, Money, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::action::{Action, Policy};
use super::model::{Model, Verdict};
use super::shop;

/// What a command that went through answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub receipt: Receipt,
    pub value: Value,
}

/// What became of a command: an answer, or the code of a refusal and whether it was told before.
pub type Outcome = Result<Done, (String, bool)>;

/// Puts an outcome into one shape, whatever the command returns.
pub fn outcome<T: Into<Value>>(result: Result<Executed<T>, ExecuteError>) -> Outcome {
    match result {
        Ok(Executed { receipt, value }) => Ok(Done { receipt, value: value.into() }),
        Err(ExecuteError::Refused { refused, replayed }) => Err((refused.code, replayed)),
        Err(ExecuteError::KeyReused) => Err(("SYS004".to_owned(), false)),
        Err(other) => panic!("the log failed: {other}"),
    }
}

/// Like [`outcome`], for an answer that has a text.
pub fn text<T: ToString>(result: Result<Executed<T>, ExecuteError>) -> Outcome {
    outcome(result.map(|Executed { receipt, value }| Executed { receipt, value: value.to_string() }))
}

/// Microseconds as an instant.
pub fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

fn won(amount: i128) -> Money {
    Money::new(amount, Currency::Krw)
}

/// The real thing.
pub async fn perform(ctx: &Context, caller: &Caller, model: &Model, action: &Action) -> Outcome {
    let booking_id = |deal: usize| BookingId::new(model.deals[deal].id);
    let vehicle_id = |car: usize| VehicleId::new(model.cast.cars[car]);
    let payment_id = |deal: usize| PaymentId::new(model.deals[deal].pay.as_ref().map_or(Uuid::nil(), |pay| pay.id));
    let order_of = |deal: usize| ShopOrderId::new(model.deals[deal].id);
    let settlement_id = |batch: usize| SettlementId::new(model.batches[batch].id);
    let words = || Some("사정이 생겼습니다".to_owned());
    match action {
        Action::Request(wish) => {
            let currency = |won| if won { Currency::Krw } else { Currency::Usd };
            let expected_total = wish.expected.map(|(total, won)| Money::new(total, currency(won)));
            let (starts_at, ends_at, message) = (instant(wish.from), instant(wish.to), None);
            let input = RequestBooking { vehicle_id: vehicle_id(wish.car), starts_at, ends_at, message, expected_total };
            text(commands::booking::request_booking(ctx, caller, &input).await)
        }
        Action::Approve { deal, .. } => {
            let input = Answer { booking_id: booking_id(*deal), response: None };
            text(commands::booking::approve_booking(ctx, caller, &input).await)
        }
        Action::Reject { deal, .. } => {
            let input = Answer { booking_id: booking_id(*deal), response: words() };
            text(commands::booking::reject_booking(ctx, caller, &input).await)
        }
        Action::Cancel { deal, .. } => {
            let input = CancelBooking { booking_id: booking_id(*deal), reason: "사정이 생겼습니다".to_owned() };
            text(commands::booking::cancel_booking(ctx, caller, &input).await)
        }
        Action::NoShow { deal, .. } => text(commands::booking::report_no_show(ctx, caller, booking_id(*deal)).await),
        Action::Start { deal, odometer, .. } => {
            let input = Readings { booking_id: booking_id(*deal), odometer_km: *odometer, fuel_percent: None };
            text(commands::booking::start_trip(ctx, caller, &input).await)
        }
        Action::End { deal, odometer, .. } => {
            let input = Readings { booking_id: booking_id(*deal), odometer_km: *odometer, fuel_percent: Some(50) };
            text(commands::booking::end_trip(ctx, caller, &input).await)
        }
        Action::Confirm { deal, amount, order_matches, card, .. } => {
            let order_id = if *order_matches { order_id(payment_id(*deal).uuid()) } else { "db-another".to_owned() };
            let purpose = match model.deals[*deal].goods {
                Some(_) => Purpose::ShopOrder(order_of(*deal)),
                None => Purpose::Booking(booking_id(*deal)),
            };
            let (payment_key, amount) = (format!("card-{card}"), won(*amount));
            let input = ConfirmPayment { purpose, payment_key, order_id, amount };
            let result = commands::payment::confirm_payment(ctx, caller, &input).await;
            text(result.map(|Executed { receipt, value }| Executed { receipt, value: format!("{}/{}", value.payment, value.attempt) }))
        }
        Action::Refund { deal, amount, .. } => {
            let input = RequestRefund { payment_id: payment_id(*deal), amount: amount.map(won), reason: "사과".to_owned() };
            text(commands::payment::request_refund(ctx, caller, &input).await)
        }
        Action::Agree { deal, back, .. } => {
            let input = ApproveRefund { payment_id: payment_id(*deal), refund_id: RefundId::new(*back) };
            text(commands::payment::approve_refund(ctx, caller, &input).await)
        }
        Action::Shop(action) => shop::perform(ctx, caller, model, action).await,
        Action::OpenBatch { end, .. } => text(commands::settlement::open_settlement(ctx, caller, instant(*end)).await),
        Action::Sign { batch, .. } => text(commands::settlement::approve_settlement(ctx, caller, settlement_id(*batch)).await),
        Action::CallOff { batch, .. } => {
            let input = CancelSettlement { settlement_id: settlement_id(*batch), reason: "다시 확인".to_owned() };
            text(commands::settlement::cancel_settlement(ctx, caller, &input).await)
        }
        Action::Block { car, period, .. } => {
            let (starts_at, ends_at) = (instant(period.0), instant(period.1));
            let input = BlockPeriod { vehicle_id: vehicle_id(*car), starts_at, ends_at, reason: None };
            text(commands::vehcal::block_period(ctx, caller, &input).await)
        }
        Action::Windows { car, windows, .. } => {
            let window = |(day, first, last): &(u8, u16, u16)| WindowInput { day: *day, start: Some(*first), end: Some(*last) };
            let input = SetWeeklyAvailability { vehicle_id: vehicle_id(*car), windows: windows.iter().map(window).collect() };
            text(commands::vehcal::set_weekly_availability(ctx, caller, &input).await)
        }
        Action::SetPolicy { car, policy, .. } => {
            let input = SetBookingPolicy { vehicle_id: vehicle_id(*car), change: change(policy) };
            text(commands::vehcal::set_booking_policy(ctx, caller, &input).await)
        }
    }
}

/// Our order number of a payment at the provider.
pub fn order_id(payment: Uuid) -> String {
    format!("db-{}", payment.simple())
}

fn change(policy: &Policy) -> PolicyChange {
    PolicyChange {
        instant_book: Some(policy.instant),
        min_notice_minutes: Some(policy.notice_minutes),
        max_duration_minutes: Some(policy.longest_minutes),
        buffer_before_minutes: Some(policy.before_minutes),
        buffer_after_minutes: Some(policy.after_minutes),
        cancellation: Some(policy.refunds),
        ..PolicyChange::default()
    }
}

/// What the model says that the answer must be.
pub fn foresee(model: &Model, action: &Action) -> Verdict {
    match action {
        Action::Request(wish) => model.may_request(wish),
        Action::Approve { deal, who } => model.may_approve(*deal, *who),
        Action::Reject { deal, who } => model.may_reject(*deal, *who),
        Action::Cancel { deal, who } => model.may_cancel(*deal, *who),
        Action::NoShow { deal, who } => model.may_report(*deal, *who),
        Action::Start { deal, who, odometer } => model.may_start(*deal, *who, *odometer),
        Action::End { deal, who, odometer } => model.may_finish(*deal, *who, *odometer),
        Action::Confirm { deal, who, amount, order_matches, .. } => model.may_confirm(*deal, *who, *amount, *order_matches),
        Action::Refund { deal, amount, .. } => match model.deals[*deal].pay {
            None => Err("SYS007"),
            Some(_) => model.may_refund(*deal, *amount),
        },
        Action::Agree { deal, back, who } => model.may_agree(*deal, *back, *who),
        Action::Shop(action) => shop::foresee(model, action),
        Action::OpenBatch { end, .. } => model.may_open(*end),
        Action::Sign { batch, who } => model.may_sign(*batch, *who),
        Action::CallOff { batch, .. } => model.may_call_off(*batch),
        Action::Block { car, who, period } => model.may_block(*car, *who, *period),
        Action::Windows { car, who, .. } | Action::SetPolicy { car, who, .. } if *who != model.cars[*car].owner => Err("AUTH010"),
        Action::Windows { windows, .. } => {
            let twice = windows.iter().enumerate().any(|(at, window)| windows[..at].iter().any(|other| other.0 == window.0));
            if twice { Err("AVL001") } else { Ok(()) }
        }
        Action::SetPolicy { policy, .. } => {
            if policy.before_minutes > 1_440 || policy.after_minutes > 1_440 {
                Err("AVL003")
            } else {
                Ok(())
            }
        }
    }
}

/// Ids that a command minted, as its events show them.
pub struct Minted {
    pub payment: Option<Uuid>,
    pub refund: Option<Uuid>,
}

impl Minted {
    /// Reads them; amounts and states are the model's own business.
    pub fn of(events: &[(Recorded, domain::Event)]) -> Self {
        let mut minted = Self { payment: None, refund: None };
        for (_, event) in events {
            match event {
                domain::Event::Booking(domain::booking::Event::BookingApproved { payment, .. }) => minted.payment = Some(payment.uuid()),
                domain::Event::ShopOrder(domain::shop_order::Event::ShopOrderPlaced { payment, .. }) => {
                    minted.payment = Some(payment.uuid())
                }
                domain::Event::Payment(
                    domain::payment::Event::RefundRequested { refund, .. } | domain::payment::Event::RefundProposed { refund, .. },
                ) => minted.refund = Some(refund.uuid()),
                _ => {}
            }
        }
        minted
    }
}

fn last_id(value: &Value) -> Uuid {
    let text = value.as_str().unwrap_or_default();
    text.split_once('-').and_then(|(_, id)| Uuid::try_parse(id).ok()).unwrap_or_default()
}

/// Does the same in the model.
pub fn follow(model: &mut Model, action: &Action, done: &Done, minted: &Minted) {
    match action {
        Action::Request(wish) => model.request(wish, last_id(&done.value), minted.payment),
        Action::Approve { deal, .. } => model.approve(*deal, minted.payment.unwrap_or_default()),
        Action::Reject { deal, .. } => model.reject(*deal),
        Action::Cancel { deal, who } => model.cancel(*deal, *who, minted.refund),
        Action::NoShow { deal, .. } => model.report(*deal),
        Action::Start { deal, odometer, .. } => model.start(*deal, *odometer),
        Action::End { deal, .. } => model.finish(*deal),
        Action::Confirm { deal, .. } => model.confirm(*deal),
        Action::Refund { deal, amount, who } => model.refund(*deal, minted.refund.unwrap_or_default(), *amount, *who),
        Action::Agree { deal, back, .. } => model.agree(*deal, *back),
        Action::Shop(action) => shop::follow(model, action, last_id(&done.value), minted),
        Action::OpenBatch { who, end } => model.open(last_id(&done.value), *end, *who),
        Action::Sign { batch, .. } => model.sign(*batch),
        Action::CallOff { batch, .. } => model.call_off(*batch),
        Action::Block { car, period, .. } => model.cars[*car].blocks.push(*period),
        Action::Windows { car, windows, .. } => model.cars[*car].windows.clone_from(windows),
        Action::SetPolicy { car, policy, .. } => {
            let rules = &mut model.cars[*car].rules;
            let minutes = |minutes: i32| i64::from(minutes) * super::model::MINUTE;
            (rules.instant, rules.refunds, rules.notice) = (policy.instant, policy.refunds, minutes(policy.notice_minutes));
            (rules.before, rules.after) = (minutes(policy.before_minutes), minutes(policy.after_minutes));
            rules.longest = minutes(policy.longest_minutes);
        }
    }
}
