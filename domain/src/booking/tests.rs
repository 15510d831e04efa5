use kernel::{Currency, MoneyError, Period};
use uuid::Uuid;

use super::decisions::{payment_due, request_expiry};
use super::*;
use crate::cancellation::CancellationPolicy;
use crate::ids::VehicleId;
use crate::pricing::{Price, PriceLine};
use crate::testing::{Given, given, moment};

mod trip;

const GUEST: UserId = UserId::new(Uuid::from_u128(1));
const HOST: UserId = UserId::new(Uuid::from_u128(2));
const ADMIN: UserId = UserId::new(Uuid::from_u128(3));
const PAYMENT: PaymentId = PaymentId::new(Uuid::from_u128(4));
const MICRO: SignedDuration = SignedDuration::from_micros(1);

/// So many minutes after the start of the trip, 2026-11-04T00:00:00Z: two days after the clock of the sentences. It lasts three hours.
fn at(minutes: i64) -> Timestamp {
    moment("2026-11-04T00:00:00Z") + SignedDuration::from_mins(minutes)
}

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn words(by: UserId, text: &str) -> Personal<String> {
    Personal::profile(by.uuid(), text.to_owned())
}

fn terms(change: impl FnOnce(&mut Terms)) -> Box<Terms> {
    let line = PriceLine { kind: "rental".to_owned(), description: "3 h".to_owned(), amount: won(30_001) };
    let price = Price { total: won(30_001), platform_fee: won(4_500), host_amount: won(25_501), fee_bps: 1_500, lines: vec![line] };
    let mut terms = Terms {
        vehicle: VehicleId::new(Uuid::from_u128(5)),
        guest: GUEST,
        host: HOST,
        period: Period::new(at(0), at(180)).unwrap_or_else(|| panic!("a period")),
        price,
        cancellation: CancellationPolicy::Standard,
        require_pickup_photos: false,
        instant: false,
    };
    change(&mut terms);
    Box::new(terms)
}

fn requested() -> Event {
    requested_with(|_| {})
}

fn requested_with(change: impl FnOnce(&mut Terms)) -> Event {
    Event::BookingRequested { terms: terms(change), message: None, expires_at: moment("2026-11-02T08:00:00Z") }
}

fn approved() -> Event {
    Event::BookingApproved { payment: PAYMENT, payment_due_at: moment("2026-11-02T02:00:00Z"), response: None, auto: false }
}

fn confirmed(paid_at: Timestamp) -> Event {
    Event::BookingConfirmed { payment: PAYMENT, paid_at }
}

fn cancelled(cause: CancelCause, by: Option<UserId>, refund: i128, host_penalty: Option<HostPenalty>) -> Event {
    let reason = by.filter(|_| cause != CancelCause::NoShow).map(|by| words(by, "사정"));
    Event::BookingCancelled { cause, by, reason, refund: won(refund), host_penalty }
}

fn started() -> Event {
    Event::TripStarted { odometer_km: 1_000, fuel_percent: Some(80), by: GUEST }
}

fn ended(minutes: i64) -> [Event; 2] {
    let late_minutes = if minutes > 210 { u32::try_from(minutes - 180).unwrap_or_default() } else { 0 };
    [
        Event::TripEnded { odometer_km: 1_100, fuel_percent: None, late_minutes, by: HOST },
        Event::BookingCompleted { completed_at: at(minutes) },
    ]
}

fn photo(n: u128) -> Photo {
    Photo { upload: UploadId::new(Uuid::from_u128(1_000 + n)), sha256: "ab".repeat(32), taken_at: None, by: GUEST }
}

/// A history into each state, by name; paid two days ahead.
fn histories() -> [(&'static str, Vec<Event>); 8] {
    let paid = || vec![requested(), approved(), confirmed(at(-2_880))];
    let with = |mut history: Vec<Event>, more: Vec<Event>| {
        history.extend(more);
        history
    };
    [
        ("absent", vec![]),
        ("pending", vec![requested()]),
        ("approved", vec![requested(), approved()]),
        ("confirmed", paid()),
        ("active", with(paid(), vec![started()])),
        ("completed", with(paid(), [vec![started()], ended(180).to_vec()].concat())),
        ("rejected", vec![requested(), Event::BookingRejected { response: words(HOST, "죄송합니다") }]),
        ("cancelled", with(paid(), vec![cancelled(CancelCause::Guest, Some(GUEST), 30_001, None)])),
    ]
}

fn history(name: &str) -> Vec<Event> {
    histories().into_iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}")).1
}

fn booking(state: &str) -> Given<Booking> {
    given(history(state))
}

fn request(expected_total: Option<Money>) -> Command {
    Command::Request { terms: terms(|_| {}), message: None, expected_total }
}

fn approve(auto: bool) -> Command {
    Command::Approve { payment: PAYMENT, response: None, auto }
}

fn reject() -> Command {
    Command::Reject { response: words(HOST, "죄송합니다") }
}

fn cancel(cause: CancelCause, by: UserId) -> Command {
    Command::Cancel { cause, by, reason: words(by, "사정") }
}

fn attach(phase: PhotoPhase) -> Command {
    Command::AttachPhoto { phase, photo: photo(0) }
}

fn start(odometer_km: u32, fuel_percent: Option<u8>) -> Command {
    Command::StartTrip { odometer_km, fuel_percent, by: GUEST }
}

fn end(odometer_km: u32, fuel_percent: Option<u8>) -> Command {
    Command::EndTrip { odometer_km, fuel_percent, by: HOST }
}

/// In all other states the command is refused: not found where there is nothing, else BOOKING004.
fn only_in(states: &[&str], now: Timestamp, command: &Command) {
    for (name, history) in histories().into_iter().filter(|(name, _)| !states.contains(name)) {
        let outcome = given::<Booking>(history).at(now).when(command.clone());
        if name == "absent" { outcome.refused("BOOKING001", "bookingId") } else { outcome.refused("BOOKING004", "") }
    }
}

#[test]
fn a_request_freezes_terms_and_expiry() {
    let state = booking("absent").when(request(None)).then([requested()]);
    assert!(state.is_live() && state.payment().is_none() && state.terms() == Some(&*terms(|_| {})));
    booking("absent").when(request(Some(won(30_001)))).then([requested()]);
    booking("absent").when(request(Some(won(30_000)))).refused("BOOKING010", "expectedTotal");
    booking("absent").when(request(Some(Money::new(30_001, Currency::Usd)))).refused("SYS003", "expectedTotal.currency");
    for (_, history) in histories().into_iter().skip(1) {
        given::<Booking>(history).when(request(Some(won(1)))).refused("BOOKING004", "");
    }
}

#[test]
fn a_request_expires_by_its_lead() {
    for (lead, wait) in [(48 * 60, 480), (601, 480), (600, 480), (599, 479), (300, 180), (240, 120), (239, 119), (60, 30), (20, 10)] {
        let expiry = request_expiry(at(-lead), at(0)).duration_since(at(-lead));
        // Below four hours: half the lead, here to the half minute.
        let wait = if lead < 240 { SignedDuration::from_secs(lead * 30) } else { SignedDuration::from_mins(wait) };
        assert_eq!(expiry, wait, "{lead} min ahead");
    }
    assert_eq!(request_expiry(at(-600) - MICRO, at(0)), at(-120) - MICRO);
    assert_eq!(request_expiry(at(-240) + MICRO + MICRO, at(0)), at(-120) + MICRO);
}

#[test]
fn a_payment_is_due_in_two_hours_or_half_an_hour_before_the_start() {
    for (lead, due) in [(2_880, 120), (151, 120), (150, 120), (149, 119), (60, 30), (41, 11), (40, 10), (39, 10), (10, 10)] {
        assert_eq!(payment_due(at(-lead), at(0)), at(due - lead), "{lead} min ahead");
    }
}

#[test]
fn the_host_approves_in_time() {
    let state = booking("pending").when(approve(false)).then([approved()]);
    assert_eq!((state.payment(), state.is_live()), (Some(PAYMENT), true));
    let expiry = moment("2026-11-02T08:00:00Z");
    let due = |payment_due_at, auto| Event::BookingApproved { payment: PAYMENT, payment_due_at, response: None, auto };
    let last = expiry - MICRO;
    booking("pending").at(last).when(approve(false)).then([due(last + SignedDuration::from_hours(2), false)]);
    booking("pending").at(expiry).when(approve(false)).refused("BOOKING008", "");
    booking("pending").at(expiry).when(approve(true)).then([due(expiry + SignedDuration::from_hours(2), true)]);
    only_in(&["pending"], at(-2_880), &approve(false));
}

#[test]
fn nothing_is_approved_in_the_last_ten_minutes() {
    let late = || given::<Booking>([Event::BookingRequested { terms: terms(|_| {}), message: None, expires_at: at(0) }]);
    let due = Event::BookingApproved { payment: PAYMENT, payment_due_at: at(0), response: None, auto: false };
    late().at(at(-10)).when(approve(false)).then([due]);
    late().at(at(-10) + MICRO).when(approve(false)).refused("BOOKING008", "");
    late().at(at(-10) + MICRO).when(approve(true)).refused("BOOKING008", "");
}

#[test]
fn the_host_rejects_what_is_pending() {
    let state = booking("pending").when(reject()).then([Event::BookingRejected { response: words(HOST, "죄송합니다") }]);
    assert!(!state.is_live());
    // Too late to approve is not too late to say no.
    let expired = booking("pending").at(moment("2026-11-02T09:00:00Z"));
    expired.when(reject()).then([Event::BookingRejected { response: words(HOST, "죄송합니다") }]);
    only_in(&["pending"], at(-2_880), &reject());
}

#[test]
fn timers_lose_politely() {
    let (expiry, due) = (moment("2026-11-02T08:00:00Z"), moment("2026-11-02T02:00:00Z"));
    booking("pending").at(expiry).when(Command::Expire).then([cancelled(CancelCause::Expired, None, 0, None)]);
    booking("pending").at(expiry - MICRO).when(Command::Expire).then([]);
    booking("approved").at(due).when(Command::Lapse).then([cancelled(CancelCause::PaymentLapsed, None, 0, None)]);
    booking("approved").at(due - MICRO).when(Command::Lapse).then([]);
    for (name, history) in histories() {
        if name != "pending" {
            given::<Booking>(history.clone()).at(at(9_999)).when(Command::Expire).then([]);
        }
        if name != "approved" {
            given::<Booking>(history).at(at(9_999)).when(Command::Lapse).then([]);
        }
    }
}

#[test]
fn money_confirms_only_what_waits_for_it() {
    let paid_at = moment("2026-11-02T03:00:00Z");
    booking("approved").at(paid_at).when(Command::Confirm { paid_at }).then([confirmed(paid_at)]);
    for (_, history) in histories().into_iter().filter(|(name, _)| *name != "approved") {
        given::<Booking>(history).when(Command::Confirm { paid_at }).then([]);
    }
}

#[test]
fn who_may_cancel_is_the_state_graphs() {
    use CancelCause::{Admin, Expired, Guest, Host, NoShow, PaymentLapsed};
    let double = Some(HostPenalty::Double);
    for (state, cause, allowed) in [
        ("pending", Guest, Some((0, None))),
        ("pending", Host, None),
        ("pending", Admin, None),
        ("approved", Guest, Some((0, None))),
        ("approved", Host, Some((0, double))),
        ("approved", Admin, None),
        ("confirmed", Guest, Some((30_001, None))),
        ("confirmed", Host, Some((30_001, double))),
        ("confirmed", Admin, Some((30_001, None))),
    ] {
        let by = if cause == Guest {
            GUEST
        } else if cause == Host {
            HOST
        } else {
            ADMIN
        };
        let outcome = booking(state).when(cancel(cause, by));
        match allowed {
            Some((refund, penalty)) => assert!(!outcome.then([cancelled(cause, Some(by), refund, penalty)]).is_live()),
            None => outcome.refused("BOOKING004", ""),
        }
    }
    for cause in [Expired, PaymentLapsed, NoShow] {
        only_in(&[], at(0), &cancel(cause, GUEST));
    }
    for (cause, by) in [(Guest, GUEST), (Host, HOST), (Admin, ADMIN)] {
        only_in(&["pending", "approved", "confirmed"], at(-2_880), &cancel(cause, by));
    }
}

#[test]
fn a_cancelling_guest_gets_back_what_the_window_says() {
    use CancellationPolicy::{Flexible, Standard, Strict};
    // Of 30,001 half is 15,000.5 and rounds up. Paid eight days ahead.
    for (policy, minutes, refund) in [
        (Flexible, -60, 30_001),
        (Flexible, -59, 15_001),
        (Flexible, 0, 0),
        (Standard, -1_440, 30_001),
        (Standard, -1_439, 15_001),
        (Standard, -1, 15_001),
        (Standard, 0, 0),
        (Standard, 500, 0),
        (Strict, -10_080, 30_001),
        (Strict, -10_079, 15_001),
        (Strict, -2_880, 15_001),
        (Strict, -2_879, 0),
    ] {
        let history = [requested_with(|terms| terms.cancellation = policy), approved(), confirmed(at(-8 * 1_440))];
        let outcome = given::<Booking>(history.clone()).at(at(minutes)).when(cancel(CancelCause::Guest, GUEST));
        outcome.then([cancelled(CancelCause::Guest, Some(GUEST), refund, None)]);
        let outcome = given::<Booking>(history).at(at(minutes)).when(cancel(CancelCause::Admin, ADMIN));
        outcome.then([cancelled(CancelCause::Admin, Some(ADMIN), 30_001, None)]);
    }
    let paid = || given::<Booking>([requested(), approved(), confirmed(at(-600))]);
    let grace = at(-570);
    paid().at(grace).when(cancel(CancelCause::Guest, GUEST)).then([cancelled(CancelCause::Guest, Some(GUEST), 30_001, None)]);
    paid().at(grace + MICRO).when(cancel(CancelCause::Guest, GUEST)).then([cancelled(CancelCause::Guest, Some(GUEST), 15_001, None)]);
}

#[test]
fn a_cancelling_host_is_penalised_by_the_lead() {
    let by_host = |now, penalty| {
        let history = [requested(), approved(), confirmed(at(-8 * 1_440))];
        let outcome = given::<Booking>(history).at(now).when(cancel(CancelCause::Host, HOST));
        outcome.then([cancelled(CancelCause::Host, Some(HOST), 30_001, Some(penalty))]);
    };
    by_host(at(-2_880) - MICRO, HostPenalty::Low);
    by_host(at(-2_880), HostPenalty::Double);
    by_host(at(60), HostPenalty::Double);
}

#[test]
fn a_guest_is_absent_after_half_an_hour() {
    let report = Command::ReportNoShow { by: HOST };
    let absent = cancelled(CancelCause::NoShow, Some(HOST), 0, None);
    booking("confirmed").at(at(30)).when(report.clone()).then([absent]);
    booking("confirmed").at(at(30) - MICRO).when(report.clone()).refused("BOOKING006", "");
    only_in(&["confirmed"], at(60), &report);
}

#[test]
fn amounts_out_of_range_have_their_answer() {
    let refused = kernel::Refusal::refused(&Refusal::Money(MoneyError::Overflow));
    assert_eq!(refused.code, "SYS003");
}

#[test]
fn no_event_leaves_the_state_graph() {
    let events: Vec<Event> = [history("completed"), history("rejected"), history("cancelled")]
        .concat()
        .into_iter()
        .chain([Event::PickupPhotoAttached { photo: photo(0) }, Event::ReturnPhotoAttached { photo: photo(0) }])
        .collect();
    let place = |state: &Booking| match state {
        Booking::Absent => 0,
        Booking::Pending { .. } => 1,
        Booking::Approved { .. } => 2,
        Booking::Confirmed { .. } => 3,
        Booking::Active { .. } => 4,
        Booking::Completed { .. } => 5,
        Booking::Rejected { .. } => 6,
        Booking::Cancelled { .. } => 7,
    };
    let steps = [(0, 1), (1, 2), (1, 6), (1, 7), (2, 3), (2, 7), (3, 4), (3, 7), (4, 5)];
    for (_, history) in histories() {
        for event in &events {
            let before = Booking::fold(&history);
            let after = before.clone().evolve(event);
            let step = (place(&before), place(&after));
            assert!(step.0 == step.1 || steps.contains(&step), "{step:?} by {event:?}");
        }
    }
}
