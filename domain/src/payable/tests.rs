use kernel::Currency;
use kernel::jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::ids::BookingId;
use crate::testing::{Given, given, moment};

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn at(days: i64) -> Timestamp {
    moment("2026-11-02T00:00:00Z") + SignedDuration::from_hours(24 * days)
}

fn payment(n: u128) -> PaymentId {
    PaymentId::new(Uuid::from_u128(100 + n))
}

fn batch(n: u128) -> SettlementId {
    SettlementId::new(Uuid::from_u128(200 + n))
}

fn payout(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(300 + n))
}

/// So much net of a gross with 15 % on top, earned on that day.
fn earning(n: u128, net: i128, day: i64) -> Earning {
    let (gross, fee) = (won(net * 100 / 85), won(net * 100 / 85 - net));
    Earning { payment: payment(n), purpose: BookingId::new(Uuid::from_u128(n)).into(), gross, fee, net: won(net), earned_at: at(day) }
}

fn credited(n: u128, net: i128) -> Event {
    Event::EarningCredited { earning: earning(n, net, 0) }
}

fn reversed(n: u128, amount: i128, gross: i128) -> Event {
    Event::EarningReversed { payment: payment(n), refund: RefundId::new(Uuid::from_u128(n)), amount: won(amount), gross: won(gross) }
}

fn claimed(b: u128, lines: &[u128]) -> Event {
    Event::LinesClaimed { settlement: batch(b), lines: lines.iter().map(|n| payment(*n)).collect() }
}

fn reserved(p: u128, b: u128, amount: i128) -> Event {
    Event::PayoutReserved { payout: payout(p), settlement: batch(b), amount: won(amount) }
}

fn closed(p: u128) -> Event {
    Event::PayoutClosed { payout: payout(p) }
}

fn recredited(p: u128, amount: i128) -> Event {
    Event::Recredited { payout: payout(p), amount: won(amount) }
}

fn payable(history: impl IntoIterator<Item = Event>) -> Given<Payable> {
    given(history)
}

fn fold(history: &[Event]) -> Payable {
    Payable::fold(history)
}

#[test]
fn an_earning_is_a_line_and_a_balance() {
    let state = payable([credited(1, 8_500)]).when(Command::Credit(earning(2, 850, 0))).then([credited(2, 850)]);
    assert_eq!((state.balance_minor, state.lines.len()), (9_350, 2));
}

#[test]
fn a_refund_takes_its_part_of_a_free_line() {
    let reverse = Command::Reverse { payment: payment(1), refund: RefundId::new(Uuid::from_u128(1)), amount: won(850), gross: won(1_000) };
    let state = payable([credited(1, 8_500)]).when(reverse.clone()).then([reversed(1, 850, 1_000)]);
    let Earning { gross, fee, net, .. } = state.lines[&payment(1)].earning;
    assert_eq!((state.balance_minor, gross, fee, net), (7_650, won(9_000), won(1_350), won(7_650)));
    // A line in a batch is frozen, a paid one is gone: the balance carries what is missing, also below zero.
    let state = payable([credited(1, 8_500), claimed(1, &[1])]).when(reverse.clone()).then([reversed(1, 850, 1_000)]);
    assert_eq!((state.balance_minor, state.lines[&payment(1)].earning), (7_650, earning(1, 8_500, 0)));
    let paid = [credited(1, 8_500), claimed(1, &[1]), reserved(1, 1, 8_500), closed(1)];
    let state = payable(paid).when(reverse).then([reversed(1, 850, 1_000)]);
    assert_eq!((state.balance_minor, state.lines.len()), (-850, 0));
}

#[test]
fn a_line_is_in_one_batch_only() {
    let claim = |b, lines: &[u128]| Command::Claim { settlement: batch(b), lines: lines.iter().map(|n| payment(*n)).collect() };
    let two = || [credited(1, 100), credited(2, 200)];
    let with = |event: Event| payable(two().into_iter().chain([event]));
    let state = payable(two()).when(claim(1, &[1, 2])).then([claimed(1, &[1, 2])]);
    assert_eq!((state.claimed_minor(batch(1)), state.claimed_minor(batch(2))), (300, 0));
    payable(two()).when(claim(1, &[1, 3])).refused("SETTLE002", "");
    with(claimed(1, &[1])).when(claim(2, &[1])).refused("SETTLE002", "");
    with(claimed(1, &[1])).when(claim(1, &[1])).refused("SETTLE002", "");
    with(claimed(1, &[1])).when(claim(2, &[2])).then([claimed(2, &[2])]);
    let released = Event::LinesReleased { settlement: batch(1) };
    let state = with(claimed(1, &[1])).when(Command::Release { settlement: batch(1) }).then([released.clone()]);
    assert!(state.lines.values().all(|line| line.claimed.is_none()));
    with(claimed(1, &[1])).when(Command::Release { settlement: batch(2) }).then([]);
    payable(two().into_iter().chain([claimed(1, &[1]), released])).when(claim(2, &[1])).then([claimed(2, &[1])]);
    let paid = [credited(1, 100), claimed(1, &[1]), reserved(1, 1, 100), closed(1)];
    payable(paid).when(claim(2, &[1])).refused("SETTLE002", "");
}

#[test]
fn what_a_host_owes_uses_lines_up() {
    let (offset, event) = (|b| Command::Offset { settlement: batch(b) }, Event::LinesOffset { settlement: batch(1) });
    let paid = [credited(1, 100), claimed(2, &[1]), reserved(1, 2, 100), closed(1), reversed(1, 100, 118)];
    let history = || paid.clone().into_iter().chain([credited(2, 60), claimed(1, &[2])]);
    assert_eq!(Payable::fold(&history().collect::<Vec<_>>()).payable_minor(60), 0);
    let state = payable(history()).when(offset(1)).then([event.clone()]);
    assert_eq!((state.balance_minor, state.lines.len()), (-40, 0));
    payable(history()).when(offset(2)).then([]);
    payable(history().chain([event])).when(offset(1)).then([]);
}

#[test]
fn a_batch_takes_what_is_earned_held_and_free() {
    let state = fold(&[
        Event::EarningCredited { earning: earning(1, 100, 0) },
        Event::EarningCredited { earning: earning(2, 100, 3) },
        Event::EarningCredited { earning: earning(3, 100, 5) },
        Event::EarningCredited { earning: earning(4, 100, 0) },
        claimed(1, &[4]),
    ]);
    let free = |end, held| state.free_lines(at(end), at(held)).map(|earning| earning.payment).collect::<Vec<_>>();
    assert_eq!(free(9, 9), [payment(1), payment(2), payment(3)]);
    assert_eq!(free(3, 9), [payment(1)], "the end is exclusive");
    assert_eq!(free(9, 3), [payment(1), payment(2)], "the holding time is over at its last instant");
    assert_eq!(free(0, 9), []);
}

#[test]
fn never_more_leaves_than_is_owed() {
    let reserve = |amount| Command::Reserve { payout: payout(1), settlement: batch(1), amount: won(amount) };
    let history = || [credited(1, 8_500), claimed(1, &[1])];
    let state = payable(history()).when(reserve(8_500)).then([reserved(1, 1, 8_500)]);
    assert_eq!(state.balance_minor, 0);
    for amount in [8_501, 0, -1] {
        payable(history()).when(reserve(amount)).refused("LEDGER002", "");
    }
    payable(history().into_iter().chain([reversed(1, 1, 1)])).when(reserve(8_500)).refused("LEDGER002", "");
    payable(history().into_iter().chain([reserved(2, 1, 8_000)])).when(reserve(501)).refused("LEDGER002", "");
    payable([]).when(reserve(1)).refused("LEDGER002", "");
}

#[test]
fn a_payout_closes_its_lines_or_gives_them_back() {
    let out = || [credited(1, 100), credited(2, 50), claimed(1, &[1]), reserved(1, 1, 100)];
    let state = payable(out()).when(Command::Close { payout: payout(1) }).then([closed(1)]);
    assert_eq!((state.balance_minor, state.lines.keys().copied().collect::<Vec<_>>()), (50, vec![payment(2)]));
    payable(out()).when(Command::Close { payout: payout(2) }).then([]);
    payable(out().into_iter().chain([closed(1)])).when(Command::Close { payout: payout(1) }).then([]);
    let back = Command::Recredit { payout: payout(1), amount: won(100) };
    let state = payable(out()).when(back.clone()).then([recredited(1, 100)]);
    assert_eq!((state.balance_minor, state.claimed_minor(batch(1)), state.reserved.len()), (150, 100, 0));
    let state = payable(out().into_iter().chain([closed(1)])).when(back).then([recredited(1, 100)]);
    assert_eq!((state.balance_minor, state.lines.len()), (150, 1));
}

#[test]
fn a_payout_is_the_net_less_what_is_carried() {
    // (what happened, net of the lines to pay, payable)
    for (history, net, payable) in [
        (vec![], 100, 0),
        (vec![credited(1, 100)], 100, 100),
        (vec![credited(1, 100), credited(2, 50)], 100, 100),
        (vec![credited(1, 100), reversed(1, 30, 35)], 70, 70),
        // In a batch: the line is frozen, the reversal is carried.
        (vec![credited(1, 100), claimed(1, &[1]), reversed(1, 30, 35)], 100, 70),
        // Paid before: carried too, up to nothing.
        (vec![credited(1, 100), claimed(1, &[1]), reserved(1, 1, 100), closed(1), reversed(1, 30, 35), credited(2, 50)], 50, 20),
        (vec![credited(1, 100), claimed(1, &[1]), reserved(1, 1, 100), closed(1), reversed(1, 80, 94), credited(2, 50)], 50, 0),
        // While a payout is under way nothing of it can leave twice.
        (vec![credited(1, 100), credited(2, 50), claimed(1, &[1]), reserved(1, 1, 100)], 50, 50),
        // What it had to carry is carried once.
        (vec![credited(1, 100), claimed(1, &[1]), reversed(1, 30, 35), credited(2, 50), reserved(1, 1, 70)], 50, 50),
        // It failed: owed again, with its lines.
        (vec![credited(1, 100), claimed(1, &[1]), reserved(1, 1, 100), recredited(1, 100)], 100, 100),
        // It came back: owed again, without lines.
        (vec![credited(1, 100), claimed(1, &[1]), reserved(1, 1, 100), closed(1), recredited(1, 100), credited(2, 50)], 100, 100),
    ] {
        assert_eq!(fold(&history).payable_minor(net), payable, "{net} after {history:?}");
    }
}

#[test]
fn every_event_is_taken_in_any_order() {
    let released = Event::LinesReleased { settlement: batch(1) };
    let events = [credited(1, 9), reversed(1, 1, 1), claimed(1, &[1]), released, reserved(1, 1, 9), closed(1), recredited(1, 9)];
    for first in &events {
        for second in &events {
            assert!((-18..=18).contains(&fold(&[first.clone(), second.clone()]).balance_minor));
        }
    }
}

const FINANCE: UserId = UserId::new(Uuid::from_u128(4));
const HOST: UserId = UserId::new(Uuid::from_u128(5));

fn words() -> Personal<String> {
    Personal::retained(FINANCE.uuid(), "계좌 확인 중".to_owned())
}

fn held() -> Event {
    Event::PayoutHeld { host: HOST, by: FINANCE, reason: words(), at: at(9) }
}

fn released(batches: &[u128]) -> Event {
    let settlements = batches.iter().map(|n| batch(*n)).collect();
    Event::PayoutReleased { host: HOST, by: FINANCE, reason: words(), settlements, at: at(9) }
}

#[test]
fn no_money_leaves_while_payouts_are_held() {
    let hold = || Command::Hold { host: HOST, by: FINANCE, reason: words() };
    let release = || Command::ReleaseHold { host: HOST, by: FINANCE, reason: words() };
    let reserve = || Command::Reserve { payout: payout(1), settlement: batch(1), amount: won(100) };
    payable([credited(1, 100)]).at(at(9)).when(hold()).then([held()]);
    payable([held()]).when(hold()).refused("SETTLE004", "hostId");
    payable([]).when(release()).refused("SETTLE005", "hostId");
    payable([credited(1, 100), claimed(1, &[1]), held()]).when(reserve()).refused("SETTLE004", "hostId");
    payable([held(), released(&[])]).when(release()).refused("SETTLE005", "hostId");
    payable([credited(1, 100), claimed(1, &[1]), held(), released(&[])]).when(reserve()).then([reserved(1, 1, 100)]);
}

#[test]
fn a_release_names_the_batches_that_waited_for_it() {
    let held_back = |n| Event::PayoutHeldBack { settlement: batch(n) };
    let back = |n| Command::HoldBack { settlement: batch(n) };
    payable([held()]).when(back(1)).then([held_back(1)]);
    payable([held(), held_back(1)]).when(back(1)).then([]);
    payable([]).when(back(1)).then([]);
    let release = Command::ReleaseHold { host: HOST, by: FINANCE, reason: words() };
    payable([held(), held_back(2), held_back(1)]).at(at(9)).when(release).then([released(&[1, 2])]);
}
