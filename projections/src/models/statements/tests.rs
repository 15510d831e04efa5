#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::{Payout as PayoutKind, UserId};
use domain::ledger;
use domain::payout::{self, Payout};

use super::*;
use crate::models::testing::{Store, at, id, terms, won};

/// Three payouts to one host, at minutes 0, 100 and 200; the second one fails at minute 150.
async fn book() -> Store {
    let store = Store::open("statements").await;
    for number in 0..3_u64 {
        let payout = id::<PayoutKind>(u128::from(60 + number));
        let (settlement, host, amount) = (id(1), terms().host, won(i128::from(1_000 * (number + 1))));
        let order = payout::Order { payout, settlement, host, amount, lines: Vec::new(), attempt: 1 };
        store.decide::<Payout>(payout.uuid(), number * 100, payout::Command::Request(Box::new(order))).await;
        if number == 1 {
            store.decide::<Payout>(payout.uuid(), 150, payout::Command::Fail { code: "CLOSED".into() }).await;
        }
    }
    store.catch_up().await;
    store
}

fn wanted<'a>(account: &'a str, from: u64, to: u64) -> Wanted<'a> {
    Wanted { account, from: at(from), to: at(to), timeline: Timeline::Effective, as_of: AsOf::default() }
}

#[tokio::test]
async fn a_statement_goes_from_what_there_was_to_what_there_is() {
    let store = book().await;
    let host: UserId = terms().host;
    let account = ledger::host_payable(host);
    let all = statements(&store.views, &wanted(&account, 100, 200)).await.unwrap().remove(0);
    assert_eq!((all.opening, all.closing, all.debits, all.credits), (won(-1_000), won(-1_000), won(2_000), won(2_000)));
    let running: Vec<_> = all.lines.iter().map(|line| (line.entry.kind.as_str(), line.balance)).collect();
    assert_eq!(running, [("payout_requested", won(-3_000)), ("payout_failed", won(-1_000))]);
    assert_eq!(all.lines[1].entry.reverses.as_deref(), Some(all.lines[0].entry.reference.as_str()));
    let before = statements(&store.views, &wanted(&account, 0, 0)).await.unwrap().remove(0);
    assert_eq!((before.opening, before.closing, before.lines.len()), (won(0), won(0), 0));
    // As the books were known at the first position: nothing of the rest.
    let known = Wanted { as_of: AsOf { position: Some(1), ..AsOf::default() }, ..wanted(&account, 0, 1_000) };
    let then = statements(&store.views, &known).await.unwrap().remove(0);
    assert_eq!((then.lines.len(), then.closing), (1, won(-1_000)));
    // The other timeline: all of it was recorded by the real clock.
    let recorded = Wanted { timeline: Timeline::Recorded, to: Timestamp::MAX, from: at(0), ..wanted(&account, 0, 0) };
    let lines = statements(&store.views, &recorded).await.unwrap().into_iter().map(|found| found.lines.len()).sum::<usize>();
    let since = Timestamp::now() > at(0);
    assert_eq!(lines, if since { 4 } else { 0 });
    store.close().await;
}
