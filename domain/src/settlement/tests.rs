use kernel::Currency;
use kernel::jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::ids::{BookingId, PaymentId};
use crate::testing::{Given, given, moment};

const ID: SettlementId = SettlementId::new(Uuid::from_u128(1));
const OPENER: UserId = UserId::new(Uuid::from_u128(2));
const SECOND: UserId = UserId::new(Uuid::from_u128(3));

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn now() -> Timestamp {
    moment("2026-11-02T00:00:00Z")
}

fn host(n: u128) -> UserId {
    UserId::new(Uuid::from_u128(10 + n))
}

fn payout(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(100 + n))
}

fn earning(n: u128, net: i128) -> Earning {
    let (payment, purpose) = (PaymentId::new(Uuid::from_u128(200 + n)), BookingId::new(Uuid::from_u128(300 + n)).into());
    Earning { payment, purpose, gross: won(net + 15), fee: won(15), net: won(net), earned_at: now() }
}

/// Two lines of host 1, one of host 2.
fn lines() -> Vec<(UserId, Earning)> {
    vec![(host(1), earning(1, 100)), (host(1), earning(2, 50)), (host(2), earning(3, 7))]
}

fn opened() -> Vec<Event> {
    let added = lines().into_iter().map(|(host, earning)| Event::LineAdded { settlement: ID, host, earning });
    let totalled = Event::SettlementTotalled { total: won(157), lines: 3, hosts: 2 };
    [Event::SettlementOpened { settlement: ID, period_end: now(), opened_by: OPENER }].into_iter().chain(added).chain([totalled]).collect()
}

fn approved() -> Event {
    Event::SettlementApproved { settlement: ID, by: SECOND, hosts: vec![host(1), host(2)] }
}

fn cancelled() -> Event {
    Event::SettlementCancelled { settlement: ID, by: OPENER, reason: words() }
}

fn words() -> Personal<String> {
    Personal::profile(OPENER.uuid(), "다시 확인".to_owned())
}

fn paying(n: u128, amount: i128, attempt: u32) -> Event {
    Event::PayoutStarted { payout: payout(n * 10 + u128::from(attempt)), host: host(n), amount: won(amount), attempt }
}

fn ended(n: u128, amount: i128, attempt: u32, outcome: PayoutOutcome) -> Event {
    Event::PayoutFinished { host: host(n), payout: payout(n * 10 + u128::from(attempt)), amount: won(amount), attempt, outcome }
}

const PAID: Event = Event::SettlementPaid { settlement: ID };
const PARTLY: Event = Event::SettlementPartlyPaid { settlement: ID };

fn batch(more: impl IntoIterator<Item = Event>) -> Given<Settlement> {
    given(opened().into_iter().chain(more))
}

fn open(period_end: Timestamp, lines: Vec<(UserId, Earning)>) -> Command {
    Command::Open { settlement: ID, period_end, by: OPENER, lines, zero: won(0) }
}

fn start(n: u128, amount: i128, attempt: u32) -> Command {
    Command::StartPayout { payout: payout(n * 10 + u128::from(attempt)), host: host(n), amount: won(amount) }
}

fn finish(n: u128, attempt: u32, outcome: PayoutOutcome) -> Command {
    Command::FinishPayout { host: host(n), payout: payout(n * 10 + u128::from(attempt)), outcome }
}

fn stage(state: &Settlement) -> Option<Stage> {
    match state {
        Settlement::Absent => None,
        Settlement::Opened { stage, .. } => Some(*stage),
    }
}

#[test]
fn a_batch_freezes_its_lines() {
    let state = given::<Settlement>([]).when(open(now(), lines())).then(opened());
    assert_eq!((stage(&state), state.host(host(1)), state.host(host(3))), (Some(Stage::Open), Some(HostState::Waiting), None));
    let empty = [
        Event::SettlementOpened { settlement: ID, period_end: now(), opened_by: OPENER },
        Event::SettlementTotalled { total: won(0), lines: 0, hosts: 0 },
    ];
    given::<Settlement>([]).when(open(now(), vec![])).then(empty);
}

#[test]
fn its_period_is_over_and_its_id_its_own() {
    let micro = SignedDuration::from_micros(1);
    given::<Settlement>([]).when(open(now() + micro, lines())).refused("SETTLE001", "periodEnd");
    batch([]).when(open(now() + micro, lines())).refused("SETTLE002", "");
    batch([cancelled()]).when(open(now(), lines())).refused("SETTLE002", "");
}

#[test]
fn another_person_approves_it() {
    let approve = |by| Command::Approve { by };
    assert_eq!(stage(&batch([]).when(approve(SECOND)).then([approved()])), Some(Stage::Approved));
    batch([]).when(approve(OPENER)).refused("SETTLE003", "");
    for over in [vec![approved()], vec![cancelled()], vec![approved(), PAID], vec![approved(), PARTLY]] {
        batch(over.clone()).when(approve(SECOND)).refused("SYS006", "");
        // Not open any more comes before who asks.
        batch(over).when(approve(OPENER)).refused("SYS006", "");
    }
    given::<Settlement>([]).when(approve(SECOND)).refused("SYS007", "settlementId");
    let empty = Event::SettlementOpened { settlement: ID, period_end: now(), opened_by: OPENER };
    let nobody = Event::SettlementApproved { settlement: ID, by: SECOND, hosts: vec![] };
    assert_eq!(stage(&given([empty]).when(approve(SECOND)).then([nobody, PAID])), Some(Stage::Paid));
}

#[test]
fn it_is_called_off_while_open() {
    let cancel = Command::Cancel { by: OPENER, reason: words() };
    assert_eq!(stage(&batch([]).when(cancel.clone()).then([cancelled()])), Some(Stage::Cancelled));
    for over in [vec![approved()], vec![cancelled()], vec![approved(), PAID]] {
        batch(over).when(cancel.clone()).refused("SYS006", "");
    }
    given::<Settlement>([]).when(cancel).refused("SYS007", "settlementId");
}

#[test]
fn nobody_is_paid_before_two_people_agreed() {
    for history in [vec![], vec![cancelled()]] {
        batch(history.clone()).when(start(1, 150, 1)).then([]);
        batch(history).when(Command::SkipHost { host: host(1) }).then([]);
    }
    given::<Settlement>([]).when(start(1, 150, 1)).then([]);
}

#[test]
fn every_host_is_paid_once() {
    use PayoutOutcome::Completed;
    batch([approved()]).when(start(1, 150, 1)).then([paying(1, 150, 1)]);
    batch([approved(), paying(1, 150, 1)]).when(start(1, 150, 2)).then([]);
    batch([approved()]).when(start(3, 1, 1)).then([]);
    let first = [approved(), paying(1, 150, 1)];
    batch(first.clone()).when(finish(1, 1, Completed)).then([ended(1, 150, 1, Completed)]);
    batch(first.clone()).when(finish(1, 2, Completed)).then([]);
    batch(first.clone()).when(finish(2, 1, Completed)).then([]);
    let both = || first.clone().into_iter().chain([ended(1, 150, 1, Completed), paying(2, 7, 1)]);
    let state = batch(both()).when(finish(2, 1, Completed)).then([ended(2, 7, 1, Completed), PAID]);
    assert_eq!(stage(&state), Some(Stage::Paid));
    batch(both()).when(finish(1, 1, Completed)).then([]);
    batch(both()).when(start(1, 150, 2)).then([]);
}

#[test]
fn a_failed_payout_is_repeated_inside_the_batch() {
    use PayoutOutcome::{Completed, Failed};
    let other = || [approved(), paying(2, 7, 1), ended(2, 7, 1, Completed), paying(1, 150, 1)];
    let state = batch(other()).when(finish(1, 1, Failed)).then([ended(1, 150, 1, Failed), PARTLY]);
    assert_eq!((stage(&state), state.host(host(1))), (Some(Stage::PartlyPaid), Some(HostState::Unpaid { amount: won(150), attempt: 1 })));
    let once = || other().into_iter().chain([ended(1, 150, 1, Failed), PARTLY]);
    assert_eq!(stage(&batch(once()).when(start(1, 150, 2)).then([paying(1, 150, 2)])), Some(Stage::Approved));
    batch(once()).when(finish(1, 1, Completed)).then([]);
    let twice = || once().chain([paying(1, 150, 2), ended(1, 150, 2, Failed), PARTLY]);
    batch(twice()).when(start(1, 150, 3)).then([paying(1, 150, 3)]);
    batch(twice().chain([paying(1, 150, 3), ended(1, 150, 3, Failed), PARTLY])).when(start(1, 150, 4)).then([paying(1, 150, 4)]);
    batch(twice().chain([paying(1, 150, 3)])).when(finish(1, 3, Completed)).then([ended(1, 150, 3, Completed), PAID]);
}

#[test]
fn money_that_came_back_is_owed_again() {
    use PayoutOutcome::{Completed, Returned};
    let all = || [approved(), paying(1, 150, 1), ended(1, 150, 1, Completed), paying(2, 7, 1), ended(2, 7, 1, Completed), PAID];
    let state = batch(all()).when(finish(1, 1, Returned)).then([ended(1, 150, 1, Returned), PARTLY]);
    assert_eq!(stage(&state), Some(Stage::PartlyPaid));
    let back = || all().into_iter().chain([ended(1, 150, 1, Returned), PARTLY]);
    batch(back()).when(finish(1, 1, Returned)).then([]);
    batch(back()).when(start(1, 150, 2)).then([paying(1, 150, 2)]);
    batch(all()).when(finish(1, 2, Returned)).then([]);
    batch([approved(), paying(1, 150, 1)]).when(finish(1, 1, Returned)).then([ended(1, 150, 1, Returned)]);
}

#[test]
fn a_host_who_is_owed_nothing_is_skipped() {
    use PayoutOutcome::Completed;
    let skip = |n| Command::SkipHost { host: host(n) };
    let skipped = |n| Event::HostSkipped { host: host(n) };
    batch([approved()]).when(skip(1)).then([skipped(1)]);
    batch([approved(), skipped(1)]).when(skip(1)).then([]);
    batch([approved(), skipped(1)]).when(start(1, 150, 1)).then([]);
    assert_eq!(stage(&batch([approved(), skipped(1)]).when(skip(2)).then([skipped(2), PAID])), Some(Stage::Paid));
    batch([approved(), paying(1, 150, 1)]).when(skip(1)).then([]);
    let failed = [approved(), skipped(2), paying(1, 150, 1), ended(1, 150, 1, PayoutOutcome::Failed), PARTLY];
    assert_eq!(stage(&batch(failed).when(skip(1)).then([skipped(1), PAID])), Some(Stage::Paid));
    let paid = [approved(), paying(1, 150, 1), ended(1, 150, 1, Completed)];
    batch(paid).when(skip(2)).then([skipped(2), PAID]);
}

#[test]
fn every_event_is_taken_in_any_order() {
    let skipped = Event::HostSkipped { host: host(1) };
    let more = [approved(), cancelled(), paying(1, 150, 1), ended(1, 150, 1, PayoutOutcome::Returned), skipped, PAID, PARTLY];
    let events: Vec<Event> = opened().into_iter().chain(more).collect();
    for first in &events {
        for second in &events {
            let exists = [first, second].iter().any(|event| matches!(event, Event::SettlementOpened { .. }));
            assert_eq!(Settlement::fold([first, second]) != Settlement::Absent, exists);
        }
    }
}

fn deferred(n: u128, amount: i128, attempt: u32, why: Deferral, until: Option<Timestamp>) -> Event {
    Event::PayoutDeferred { host: host(n), amount: won(amount), attempt, why, until }
}

fn defer(n: u128, amount: i128, why: Deferral, until: Option<Timestamp>) -> Command {
    Command::Defer { host: host(n), amount: won(amount), why, until }
}

#[test]
fn a_day_without_banks_puts_a_payout_off_and_the_batch_waits() {
    let until = Some(now() + SignedDuration::from_hours(48));
    let begun = || opened().into_iter().chain([approved()]);
    let waits = || deferred(1, 150, 0, Deferral::ClosedDay, until);
    given::<Settlement>(begun()).when(defer(1, 150, Deferral::ClosedDay, until)).then([waits()]);
    let first = Event::PayoutStarted { payout: payout(11), host: host(1), amount: won(150), attempt: 1 };
    let start = Command::StartPayout { payout: payout(11), host: host(1), amount: won(150) };
    given::<Settlement>(begun().chain([waits()])).when(start).then([first.clone()]);
    given::<Settlement>(begun().chain([first])).when(defer(1, 150, Deferral::ClosedDay, until)).then([]);
    given::<Settlement>(opened()).when(defer(1, 150, Deferral::ClosedDay, until)).then([]);
}

#[test]
fn who_must_wait_for_long_is_unpaid_and_the_others_are_not_kept_waiting() {
    let begun = || opened().into_iter().chain([approved(), Event::HostSkipped { host: host(2) }]);
    for why in [Deferral::Held, Deferral::BelowMinimum] {
        let waits = deferred(1, 150, 0, why, None);
        let partly = Event::SettlementPartlyPaid { settlement: ID };
        given::<Settlement>(begun()).when(defer(1, 150, why, None)).then([waits.clone(), partly.clone()]);
        let after = || begun().chain([waits.clone(), partly.clone()]);
        // Once more changes nothing but the day; then it is paid for the first time.
        given::<Settlement>(after()).when(defer(1, 140, why, None)).then([deferred(1, 140, 0, why, None)]);
        let start = Command::StartPayout { payout: payout(11), host: host(1), amount: won(150) };
        given::<Settlement>(after()).when(start).then([paying(1, 150, 1)]);
    }
}
