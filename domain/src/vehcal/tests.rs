use super::*;
use crate::testing::{Given, given, moment};

const GUEST: UserId = UserId::new(Uuid::from_u128(1));
const OWNER: UserId = UserId::new(Uuid::from_u128(2));
const BLOCK: Uuid = Uuid::from_u128(90);

fn booking(n: u128) -> BookingId {
    BookingId::new(Uuid::from_u128(100 + n))
}

/// So many minutes after 2026-11-02T00:00:00Z, which is a Monday, nine in the morning in Seoul.
fn at(minutes: i64) -> Timestamp {
    moment("2026-11-02T00:00:00Z") + SignedDuration::from_mins(minutes)
}

fn period(from: i64, to: i64) -> Period {
    Period::new(at(from), at(to)).unwrap_or_else(|| panic!("{from} to {to}"))
}

fn request(n: u128, from: i64, to: i64) -> SlotRequest {
    let (period, zone) = (period(from, to), "Asia/Seoul".to_owned());
    SlotRequest { booking: booking(n), period, guest: GUEST, owner: OWNER, active: true, zone }
}

fn hold(n: u128, from: i64, to: i64) -> Command {
    Command::HoldSlot(request(n, from, to))
}

fn held(n: u128, from: i64, to: i64) -> Event {
    Event::SlotHeld { booking: booking(n), period: period(from, to), occupied: period(from, to) }
}

fn started(n: u128) -> Event {
    Event::SlotStarted { booking: booking(n) }
}

fn blocked(from: i64, to: i64) -> Event {
    Event::PeriodBlocked { block: BLOCK, period: period(from, to), reason: None }
}

fn policy(change: impl FnOnce(&mut BookingPolicy)) -> Event {
    let mut policy = BookingPolicy::default();
    change(&mut policy);
    Event::BookingPolicySet { policy }
}

fn calendar(history: impl IntoIterator<Item = Event>) -> Given<VehicleCalendar> {
    given(history)
}

#[test]
fn a_slot_is_held_with_the_buffers_of_the_day() {
    let state = calendar([]).when(hold(1, 600, 660)).then([held(1, 600, 660)]);
    assert!(state.slots.contains_key(&booking(1)));
    let buffers = policy(|p| (p.buffer_before_minutes, p.buffer_after_minutes) = (30, 60));
    let wide = Event::SlotHeld { booking: booking(1), period: period(600, 660), occupied: period(570, 720) };
    let state = calendar([buffers.clone()]).when(hold(1, 600, 660)).then([wide.clone()]);
    assert_eq!(state.occupied(&period(0, 10)), period(-30, 70));
    // A slot keeps its own buffers, and both sides' add up: 720 + 30 is the first free start.
    calendar([buffers.clone(), wide.clone()]).when(hold(2, 749, 809)).refused("BOOKING002", "");
    let next = Event::SlotHeld { booking: booking(2), period: period(750, 810), occupied: period(720, 870) };
    calendar([buffers, wide.clone()]).when(hold(2, 750, 810)).then([next]);
    calendar([wide, policy(|_| {})]).when(hold(2, 720, 780)).then([held(2, 720, 780)]);
}

#[test]
fn slots_never_overlap_and_may_touch() {
    for (from, to, free) in
        [(600, 700, false), (540, 601, false), (540, 600, true), (699, 760, false), (700, 760, true), (620, 680, false), (500, 800, false)]
    {
        let outcome = calendar([held(1, 600, 700)]).when(hold(2, from, to));
        if free {
            outcome.then([held(2, from, to)]);
        } else {
            outcome.refused("BOOKING002", "");
        }
    }
    for over in [Event::SlotReleased { booking: booking(1) }, Event::SlotEnded { booking: booking(1) }] {
        calendar([held(1, 600, 700), over]).when(hold(2, 600, 700)).then([held(2, 600, 700)]);
    }
}

#[test]
fn outside_of_windows_blocks_and_activity_it_is_unavailable() {
    let mut parked = request(1, 600, 660);
    parked.active = false;
    calendar([]).when(Command::HoldSlot(parked)).refused("BOOKING003", "");
    calendar([blocked(600, 700)]).when(hold(1, 540, 601)).refused("BOOKING003", "");
    calendar([blocked(600, 700)]).when(hold(1, 540, 600)).then([held(1, 540, 600)]);
    calendar([blocked(600, 700)]).when(hold(1, 700, 760)).then([held(1, 700, 760)]);
    // 09:00 to 21:00 in Seoul on Mondays: minutes 0 to 720.
    let mondays = Event::WeeklyWindowsSet { windows: vec![WeeklyWindow { day: 1, start: 540, end: 1_260 }] };
    calendar([mondays.clone()]).when(hold(1, 660, 720)).then([held(1, 660, 720)]);
    calendar([mondays]).when(hold(1, 661, 721)).refused("BOOKING003", "");
}

#[test]
fn the_first_broken_rule_answers() {
    // Broken all at once: taken, unavailable, own car, too soon. One after the other is mended.
    let mut own = request(2, 10, 20);
    (own.guest, own.active) = (OWNER, false);
    calendar([held(1, 0, 100)]).when(Command::HoldSlot(own.clone())).refused("BOOKING002", "");
    calendar([]).when(Command::HoldSlot(own.clone())).refused("BOOKING003", "");
    own.active = true;
    calendar([]).when(Command::HoldSlot(own.clone())).refused("BOOKING005", "vehicleId");
    own.guest = GUEST;
    calendar([]).when(Command::HoldSlot(own)).refused("BOOKING006", "startsAt");
}

#[test]
fn only_periods_of_the_policy_can_be_booked() {
    let day = 24 * 60;
    for (from, to, bookable) in [
        (60, 120, true),
        (59, 119, false),
        (0, 120, false),
        (-120, 0, false),
        (-10, 120, false),
        (600, 659, false),
        (600, 600 + 30 * day, true),
        (600, 601 + 30 * day, false),
        (180 * day, 180 * day + 60, true),
        (180 * day + 1, 180 * day + 61, false),
    ] {
        let outcome = calendar([]).when(hold(1, from, to));
        if bookable {
            outcome.then([held(1, from, to)]);
        } else {
            outcome.refused("BOOKING006", "startsAt");
        }
    }
    // Instant booking needs ten minutes, unless more notice is asked for.
    let instant = || policy(|p| p.instant_book = true);
    calendar([instant()]).when(hold(1, 10, 70)).then([held(1, 10, 70)]);
    calendar([instant()]).when(hold(1, 9, 69)).refused("BOOKING006", "startsAt");
    let noticed = || policy(|p| p.min_notice_minutes = 240);
    calendar([noticed()]).when(hold(1, 240, 300)).then([held(1, 240, 300)]);
    calendar([noticed()]).when(hold(1, 239, 299)).refused("BOOKING006", "startsAt");
}

#[test]
fn limits_hold_to_the_microsecond() {
    let micro = SignedDuration::from_micros(1);
    let exact = |start: Timestamp, end: Timestamp| {
        let mut slot = request(1, 60, 120);
        slot.period = Period::new(start, end).unwrap_or_else(|| panic!("{start} to {end}"));
        Command::HoldSlot(slot)
    };
    calendar([]).when(exact(at(60) - micro, at(120))).refused("BOOKING006", "startsAt");
    calendar([]).when(exact(at(60) + micro, at(120))).refused("BOOKING006", "startsAt");
    calendar([]).at(at(0) + micro).when(hold(1, 60, 120)).refused("BOOKING006", "startsAt");
    calendar([]).at(at(0) - micro).when(hold(1, 180 * 1_440, 180 * 1_440 + 60)).refused("BOOKING006", "startsAt");
    calendar([held(2, 600, 700)]).when(exact(at(700) - micro, at(760))).refused("BOOKING002", "");
    calendar([held(2, 600, 700)]).when(exact(at(540), at(600) + micro)).refused("BOOKING002", "");
}

#[test]
fn a_period_of_centuries_is_answered_at_once() {
    let whole_week = (0..7).map(|day| WeeklyWindow { day, start: 0, end: windows::DAY_MINUTES }).collect();
    let mut slot = request(1, 60, 120);
    slot.period = Period::new(at(60), moment("9999-01-01T00:00:00Z")).unwrap_or_else(|| panic!("a period"));
    calendar([Event::WeeklyWindowsSet { windows: whole_week }]).when(Command::HoldSlot(slot.clone())).refused("BOOKING003", "");
    calendar([]).when(Command::HoldSlot(slot)).refused("BOOKING006", "startsAt");
}

#[test]
fn windows_are_replaced_in_normal_form() {
    let input = |start, end| WindowInput { day: 6, start: Some(start), end: Some(end) };
    let night = vec![WeeklyWindow { day: 0, start: 0, end: 120 }, WeeklyWindow { day: 6, start: 1_320, end: 1_440 }];
    let set = Event::WeeklyWindowsSet { windows: night };
    calendar([]).when(Command::SetWeeklyWindows(vec![input(1_320, 120)])).then([set.clone()]);
    calendar([set.clone()]).when(Command::SetWeeklyWindows(vec![input(1_320, 120)])).then([]);
    calendar([set]).when(Command::SetWeeklyWindows(vec![])).then([Event::WeeklyWindowsSet { windows: vec![] }]);
    calendar([]).when(Command::SetWeeklyWindows(vec![])).then([]);
    calendar([]).when(Command::SetWeeklyWindows(vec![input(0, 60), input(59, 90)])).refused("AVL001", "windows");
    let many = (0..71).map(|n| WindowInput { day: n / 11, start: Some(u16::from(n % 11) * 10), end: Some(u16::from(n % 11) * 10 + 5) });
    calendar([]).when(Command::SetWeeklyWindows(many.collect())).refused("AVL001", "windows");
}

#[test]
fn a_block_never_lies_on_a_live_booking() {
    let block = |from, to| Command::BlockPeriod { block: BLOCK, period: period(from, to), reason: None };
    let history = [held(1, 600, 700), held(2, 800, 900), held(3, 1_000, 1_100)];
    calendar(history.clone()).when(block(699, 801)).refused("AVL002", "startsAt");
    let Err(Refusal::BlocksBookings(listed)) =
        VehicleCalendar::fold(&history).decide(At { now: at(0), actor: kernel::Actor::Anonymous, command: block(699, 801) })
    else {
        panic!("not refused")
    };
    assert_eq!(listed, [booking(1), booking(2)]);
    calendar(history.clone()).when(block(700, 800)).then([blocked(700, 800)]);
    let reason = Some(Personal::profile(OWNER.uuid(), "정비".to_owned()));
    let explained = Command::BlockPeriod { block: BLOCK, period: period(0, 10), reason: reason.clone() };
    calendar([]).when(explained).then([Event::PeriodBlocked { block: BLOCK, period: period(0, 10), reason }]);
    calendar([held(1, 600, 700), Event::SlotReleased { booking: booking(1) }]).when(block(600, 700)).then([blocked(600, 700)]);
}

#[test]
fn a_policy_is_set_once_and_in_range() {
    let set = |change: fn(&mut BookingPolicy)| {
        let Event::BookingPolicySet { policy } = policy(change) else { unreachable!("as built above") };
        Command::SetPolicy(policy)
    };
    calendar([]).when(set(|_| {})).then([]);
    calendar([]).when(set(|p| p.instant_book = true)).then([policy(|p| p.instant_book = true)]);
    calendar([policy(|p| p.instant_book = true)]).when(set(|_| {})).then([policy(|_| {})]);
    let wrong: [fn(&mut BookingPolicy); 8] = [
        |p| p.min_notice_minutes = 30 * 24 * 60 + 1,
        |p| p.max_advance_days = 0,
        |p| p.max_advance_days = 731,
        |p| p.min_duration_minutes = 9,
        |p| p.min_duration_minutes = p.max_duration_minutes + 1,
        |p| p.max_duration_minutes = 90 * 24 * 60 + 1,
        |p| p.buffer_before_minutes = 24 * 60 + 1,
        |p| p.buffer_after_minutes = u32::MAX,
    ];
    for change in wrong {
        calendar([]).when(set(change)).refused("AVL003", "");
    }
    let widest: fn(&mut BookingPolicy) = |p| {
        (p.min_notice_minutes, p.max_advance_days, p.min_duration_minutes) = (30 * 24 * 60, 730, 10);
        (p.max_duration_minutes, p.buffer_before_minutes, p.buffer_after_minutes) = (90 * 24 * 60, 24 * 60, 24 * 60);
    };
    calendar([]).when(set(widest)).then([policy(widest)]);
}

#[test]
fn one_guest_has_the_vehicle_at_a_time() {
    let two = [held(1, 600, 700), held(2, 700, 800)];
    let start = |n| Command::StartSlot(booking(n));
    let out = calendar(two.clone()).when(start(1)).then([started(1)]);
    assert!(out.slots[&booking(1)].started && !out.slots[&booking(2)].started);
    let while_out = || calendar(two.clone().into_iter().chain([started(1)]));
    while_out().when(start(2)).refused("BOOKING015", "");
    while_out().at(at(2_000)).when(start(2)).refused("BOOKING015", "");
    let back = while_out().when(Command::EndSlot(booking(1))).then([Event::SlotEnded { booking: booking(1) }]);
    assert!(!back.slots.contains_key(&booking(1)));
    calendar(two.into_iter().chain([started(1), Event::SlotEnded { booking: booking(1) }])).when(start(2)).then([started(2)]);
    calendar([]).when(start(3)).then([]);
}

#[test]
fn no_trip_starts_while_the_vehicle_is_out_of_service() {
    let history = || calendar([held(1, 600, 700), blocked(500, 600)]);
    let start = Command::StartSlot(booking(1));
    let micro = SignedDuration::from_micros(1);
    history().at(at(500)).when(start.clone()).refused("BOOKING015", "");
    history().at(at(600) - micro).when(start.clone()).refused("BOOKING015", "");
    history().at(at(500) - micro).when(start.clone()).then([started(1)]);
    history().at(at(600)).when(start).then([started(1)]);
}

#[test]
fn a_slot_is_given_back_once() {
    let (release, end) = (Command::ReleaseSlot(booking(1)), Command::EndSlot(booking(1)));
    calendar([held(1, 600, 700)]).when(release.clone()).then([Event::SlotReleased { booking: booking(1) }]);
    calendar([held(1, 600, 700)]).when(end.clone()).then([Event::SlotEnded { booking: booking(1) }]);
    for command in [release, end] {
        calendar([]).when(command.clone()).then([]);
        calendar([held(1, 600, 700), Event::SlotReleased { booking: booking(1) }]).when(command).then([]);
    }
}

#[test]
fn every_event_is_taken_in_any_order() {
    let events = [
        held(1, 600, 700),
        started(1),
        Event::SlotEnded { booking: booking(1) },
        Event::SlotReleased { booking: booking(1) },
        blocked(0, 10),
        policy(|p| p.instant_book = true),
        Event::WeeklyWindowsSet { windows: vec![] },
    ];
    for first in &events {
        for second in &events {
            let state = VehicleCalendar::fold([first, second]);
            assert!(state.slots.len() <= 1 && state.blocks.len() <= 1);
        }
    }
}
