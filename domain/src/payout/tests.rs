use kernel::Currency;
use kernel::jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::testing::{Given, given, moment};

const ID: PayoutId = PayoutId::new(Uuid::from_u128(1));
const BATCH: SettlementId = SettlementId::new(Uuid::from_u128(2));
const HOST: UserId = UserId::new(Uuid::from_u128(3));

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn at(minutes: i64) -> Timestamp {
    moment("2026-11-02T00:00:00Z") + SignedDuration::from_mins(minutes)
}

fn lines() -> Vec<PaymentId> {
    vec![PaymentId::new(Uuid::from_u128(4)), PaymentId::new(Uuid::from_u128(5))]
}

fn order() -> Box<Order> {
    Box::new(Order { payout: ID, settlement: BATCH, host: HOST, amount: won(9_000), lines: lines(), attempt: 2 })
}

fn requested() -> Event {
    Event::PayoutRequested { payout: ID, settlement: BATCH, host: HOST, amount: won(9_000), lines: lines(), attempt: 2, at: at(0) }
}

fn unknown(since: i64, asked: u32, at: Timestamp, wait: i64, escalated: bool) -> Event {
    let (since, ask_again_at) = (self::at(since), at + SignedDuration::from_secs(wait));
    Event::PayoutUnknown { since, asked, ask_again_at, escalated }
}

fn completed() -> Event {
    Event::PayoutCompleted { payout: ID, settlement: BATCH, amount: won(9_000), lines: lines(), reference: "ref".to_owned(), at: at(0) }
}

fn failed() -> Event {
    Event::PayoutFailed { payout: ID, settlement: BATCH, host: HOST, amount: won(9_000), code: "NO".to_owned(), attempt: 2, at: at(0) }
}

fn returned() -> Event {
    Event::PayoutReturned { payout: ID, settlement: BATCH, host: HOST, amount: won(9_000), lines: lines(), attempt: 2, at: at(0) }
}

fn histories() -> [(&'static str, Vec<Event>); 6] {
    [
        ("absent", vec![]),
        ("requested", vec![requested()]),
        ("unknown", vec![requested(), unknown(0, 0, at(0), 5, false)]),
        ("completed", vec![requested(), completed()]),
        ("failed", vec![requested(), failed()]),
        ("returned", vec![requested(), completed(), returned()]),
    ]
}

fn payout(state: &str) -> Given<Payout> {
    given(histories().into_iter().find(|(name, _)| *name == state).unwrap_or_else(|| panic!("{state}")).1)
}

fn answers() -> [Command; 4] {
    let (reference, code) = ("ref".to_owned(), "NO".to_owned());
    [Command::Complete { reference }, Command::Fail { code }, Command::MarkUnknown, Command::Return]
}

#[test]
fn a_payout_is_requested_once() {
    let state = payout("absent").when(Command::Request(order())).then([requested()]);
    assert_eq!((state.order(), state.is_open()), (Some(&*order()), true));
    for (_, history) in histories().into_iter().skip(1) {
        given::<Payout>(history).when(Command::Request(order())).then([]);
    }
}

#[test]
fn there_is_no_answer_to_nothing() {
    for command in answers() {
        payout("absent").when(command).refused("SYS007", "");
    }
}

#[test]
fn the_bank_answers_once() {
    for state in ["requested", "unknown"] {
        let [complete, fail, _, take_back] = answers();
        assert!(!payout(state).when(complete).then([completed()]).is_open());
        assert!(!payout(state).when(fail).then([failed()]).is_open());
        payout(state).when(take_back).then([]);
    }
    for state in ["completed", "failed", "returned"] {
        let [complete, fail, unknown, take_back] = answers();
        for command in [complete, fail, unknown] {
            payout(state).when(command).then([]);
        }
        let outcome = payout(state).when(take_back);
        if state == "completed" {
            outcome.then([returned()])
        } else {
            outcome.then([])
        };
    }
}

#[test]
fn silence_is_asked_about_ever_more_slowly() {
    let mark = || Command::MarkUnknown;
    assert!(payout("requested").when(mark()).then([unknown(0, 0, at(0), 5, false)]).is_open());
    payout("unknown").at(at(1)).when(mark()).then([unknown(0, 1, at(1), 15, false)]);
    let micro = SignedDuration::from_micros(1);
    payout("unknown").at(at(60) - micro).when(mark()).then([unknown(0, 1, at(60) - micro, 15, false)]);
    payout("unknown").at(at(60)).when(mark()).then([unknown(0, 1, at(60), 15, true)]);
}

/// While the outcome is open a notice is worth a question; it says nothing of the outcome itself.
#[test]
fn a_notice_only_raises_a_question() {
    let notice = || "00112233445566778899aabbccddeeff".to_owned();
    let noticed = || Event::PayoutNoticeReceived { notice: notice() };
    for (state, history) in histories().into_iter().skip(1) {
        let open = matches!(state, "requested" | "unknown");
        let before = Payout::fold(&history);
        let after = payout(state).when(Command::ReceiveNotice { notice: notice() });
        assert_eq!(after.then(if open { vec![noticed()] } else { Vec::new() }), before, "{state}");
    }
    payout("absent").when(Command::ReceiveNotice { notice: notice() }).refused("SYS007", "");
}

#[test]
fn every_event_is_taken_in_any_order() {
    let noticed = Event::PayoutNoticeReceived { notice: String::new() };
    let events = [requested(), unknown(0, 0, at(0), 5, false), noticed, completed(), failed(), returned()];
    for first in &events {
        for second in &events {
            let exists = *first == requested() || *second == requested();
            assert_eq!(Payout::fold([first, second]) != Payout::Absent, exists);
        }
    }
}
