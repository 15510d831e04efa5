#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::{PaymentId, PayoutId};
use domain::ledger;
use domain::payment::{self, Payment};
use domain::payout::{self, Payout};
use domain::purpose::Purpose;
use kernel::Side;

use super::*;
use crate::models::testing::{Store, at, id, order, terms, won};

const TOTAL: i128 = 24_000;

/// Two bookings paid at minutes 3 and 103, the first one's escrow released, and its host's payout under way.
async fn book() -> Store {
    let store = Store::open("balances").await;
    for (number, minute) in [(1, 0), (2, 100)] {
        let payment: PaymentId = id(number);
        let order = payment::Order { purpose: Purpose::Booking(id(number)), due_at: at(minute + 60), ..order() };
        let (payment_key, order_id, amount) = ("sandbox-ok-1".to_owned(), order.order_id.clone(), order.amount);
        store.decide::<Payment>(payment.uuid(), minute, payment::Command::Request(Box::new(order))).await;
        store.decide::<Payment>(payment.uuid(), minute, payment::Command::StartConfirm { payment_key, order_id, amount }).await;
        let (paid_at, method, reference) = (at(minute + 3), "card".to_owned(), "psp".to_owned());
        store.decide::<Payment>(payment.uuid(), minute + 3, payment::Command::Complete { paid_at, method, reference, late: None }).await;
    }
    store.decide::<Payment>(id::<domain::ids::Payment>(1).uuid(), 200, payment::Command::ReleaseEscrow).await;
    let payout: PayoutId = id(60);
    let order = payout::Order { payout, settlement: id(1), host: terms().host, amount: won(20_400), lines: vec![id(1)], attempt: 1 };
    store.decide::<Payout>(payout.uuid(), 300, payout::Command::Request(Box::new(order))).await;
    store.catch_up().await;
    store
}

async fn of(store: &Store, account: &str, as_of: AsOf) -> Vec<(Money, Money)> {
    let rows = balances_at(&store.views, &as_of, Some(account)).await.unwrap();
    rows.iter().map(|row| (row.debits, row.credits)).collect()
}

fn sums_of(row: BalanceRow) -> (String, Money, Money) {
    (row.account, row.debits, row.credits)
}

#[tokio::test]
async fn current_balances_equal_the_sum_of_all_lines() {
    let store = book().await;
    let rows = balances_at(&store.views, &AsOf::default(), None).await.unwrap();
    for page in [1, 3, PAGE] {
        assert_eq!(sum(&store.views, &AsOf::default(), None, page).await.unwrap(), rows, "pages of {page}");
    }
    let trial = trial_balance(&store.views, &AsOf::default()).await.unwrap();
    assert_eq!(trial.position, store.views.log().head().await.unwrap());
    assert_eq!(
        by_family(rows.clone()).unwrap().into_values().map(sums_of).collect::<Vec<_>>(),
        trial.rows.into_iter().map(sums_of).collect::<Vec<_>>()
    );
    let trial = trial_balance(&store.views, &AsOf::default()).await.unwrap();
    let totals = trial.totals().unwrap();
    assert_eq!(totals.keys().collect::<Vec<_>>(), [&Currency::Krw]);
    let all = won(3 * TOTAL + 20_400);
    assert_eq!(totals[&Currency::Krw], Totals { debits: all, credits: all });
    let escrow = rows.iter().find(|row| row.account == ledger::escrow(Purpose::Booking(id(2)))).unwrap();
    assert_eq!((escrow.balance(), escrow.normal_side()), (won(TOTAL), Side::Credit));
    store.close().await;
}

#[tokio::test]
async fn as_of_a_position_a_recording_and_a_business_date() {
    let store = book().await;
    let (clearing, both) = (ledger::PSP_CLEARING, vec![(won(2 * TOTAL), won(0))]);
    let one = vec![(won(TOTAL), won(0))];
    assert_eq!(of(&store, clearing, AsOf::default()).await, both);
    for (position, expected) in [(2, vec![]), (3, one.clone()), (5, one.clone()), (6, both.clone()), (8, both.clone())] {
        let as_of = AsOf { position: Some(position), ..AsOf::default() };
        assert_eq!(of(&store, clearing, as_of).await, expected, "position {position}");
        let trial = trial_balance(&store.views, &as_of).await.unwrap();
        let lines = by_family(sum(&store.views, &as_of, None, PAGE).await.unwrap()).unwrap();
        assert_eq!(trial.rows.iter().cloned().map(sums_of).collect::<Vec<_>>(), lines.into_values().map(sums_of).collect::<Vec<_>>());
        let now = balances_at(&store.views, &AsOf::default(), None).await.unwrap();
        for was in as_they_were(&store.views, &as_of, now).await.unwrap() {
            let lines = sum(&store.views, &as_of, Some(&was.account), PAGE).await.unwrap();
            let zero = (was.account.clone(), won(0), won(0));
            assert_eq!(sums_of(was), lines.into_iter().next().map_or(zero, sums_of));
        }
        assert!(trial.position == position && trial.totals().unwrap().values().all(|totals| totals.debits == totals.credits));
    }
    for (minute, expected) in [(2, vec![]), (3, one.clone()), (102, one), (103, both.clone())] {
        let as_of = AsOf { effective_at: Some(at(minute)), ..AsOf::default() };
        assert_eq!(of(&store, clearing, as_of).await, expected, "minute {minute}");
    }
    // Recorded by the real clock, long after the business dates of this test were written down or long before.
    for (recorded_at, expected) in [(Timestamp::MIN, vec![]), (Timestamp::now(), both)] {
        let as_of = AsOf { recorded_at: Some(recorded_at), ..AsOf::default() };
        assert_eq!(of(&store, clearing, as_of).await, expected);
    }
    store.close().await;
}

#[tokio::test]
async fn a_position_that_is_not_there_is_not_made_up() {
    let store = book().await;
    let head = store.views.log().head().await.unwrap();
    let beyond = AsOf { position: Some(head + 1), ..AsOf::default() };
    assert!(matches!(balances_at(&store.views, &beyond, None).await, Err(ViewError::Lagging { .. })));
    assert!(balances_at(&store.views, &AsOf::default(), Some("no such account")).await.unwrap().is_empty());
    store.close().await;
}
