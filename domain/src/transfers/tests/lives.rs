//! What holds of a ledger as a whole: timestamps, limits, storage, folding.

use super::*;

#[test]
fn timestamps_rise_whatever_the_clock_says() {
    let mut book = Book::of(&[account(1), account(2)]);
    book.done(
        &[transfer(10, 1, 2, 1), transfer(0, 1, 2, 1), transfer(11, 1, 2, 1)].map(|t| if t.id == 0 { transfer(9, 1, 2, 0) } else { t }),
    );
    // The clock stands still, then it is set back.
    book.done(&[transfer(12, 1, 2, 1)]);
    assert_eq!(book.run(later(-3_600), &[transfer(13, 1, 2, 1)]), [O::Created]);
    let at = |id| book.ledger.transfer(id).unwrap().transfer.timestamp;
    assert!([1, 2].map(|id| book.ledger.account(id).unwrap().account.timestamp).is_sorted());
    assert!([10, 9, 11, 12, 13].map(at).windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_batch_has_a_size() {
    let mut book = Book::of(&[account(1), account(2)]);
    let asked = vec![transfer(10, 1, 2, 1); MAX_BATCH + 1];
    let wrong = |found: Result<_, Refusal>| found.map(|_: (Answers<O>, Vec<Event>)| ()).unwrap_err();
    assert_eq!(wrong(book.ledger.create_transfers(start(), &[])), Refusal::BatchSize { field: "transfers", limit: MAX_BATCH });
    assert_eq!(wrong(book.ledger.create_transfers(start(), &asked)), Refusal::BatchSize { field: "transfers", limit: MAX_BATCH });
    let (answers, events) = book.ledger.create_transfers(start(), &asked[1..]).unwrap();
    assert_eq!((answers.0[0].outcome, answers.0[1].outcome, events.len()), (O::Created, O::Exists, 1));
}

#[test]
fn a_refusal_has_its_texts() {
    use kernel::Refusal as _;
    for refusal in [Refusal::BatchSize { field: "accounts", limit: 1 }, Refusal::Full("transfers")] {
        assert!(crate::catalogue::find(&refusal.refused().code).is_some());
    }
}

#[test]
fn events_are_small_and_readable() {
    let mut book = Book::of(&[account(1), Account { user_data_64: 7, flags: AccountFlags::HISTORY, ..account(2) }]);
    book.done(&[transfer(10, 1, 2, 500), Transfer { user_data_128: 9, ..pending(transfer(11, 1, 2, 3), 60) }, post(12, 11, 2)]);
    assert_eq!(book.run(start(), &[transfer(13, 9, 2, 3)]), [O::DebitAccountNotFound]);
    let stored: Vec<_> = book.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    assert_eq!(
        stored,
        [
            r#"{"AccountsCreated":{"accounts":{"from":1793577600000000000,"rows":["0 1 1 1 0","1 2 1 1 8 user_data_64=7"]}}}"#,
            r#"{"TransfersCreated":{"transfers":{"from":1793577600000000002,"rows":["0 10 1 2 500 1 1 0 credit=0,0,0,500","1 11 1 2 3 1 1 2 timeout=60 user_data_128=9 credit=0,0,3,500","2 12 1 2 2 1 1 4 pending_id=11 user_data_128=9 of=3,2 credit=0,0,0,502"]}}}"#,
            r#"{"TransfersCreated":{"transfers":{"from":0,"rows":[]},"refused":[{"id":"13","why":"debit_account_not_found"}]}}"#,
        ]
    );
}

#[test]
fn a_large_batch_is_done_in_one_event() {
    let accounts: Vec<_> = (1..=1_000).map(account).collect();
    let mut book = Book::of(&accounts);
    let batch: Vec<_> = (0..8_000).map(|n: u128| transfer(n + 1, n % 1_000 + 1, (n * 7 + 3) % 1_000 + 1, n)).collect();
    let batch: Vec<_> =
        batch.into_iter().map(|t| if t.debit_account_id == t.credit_account_id { transfer(t.id, 1, 2, 1) } else { t }).collect();
    let before = book.ledger.clone();
    book.done(&batch);
    assert_eq!((book.events.len(), before.totals(), before.transfer(1)), (2, Counters::default(), None), "clones stay as they were");
    assert!(serde_json::to_string(&book.events[1]).unwrap().len() < 8_000 * 40);
}

#[test]
fn a_state_survives_its_storage() {
    let mut book = Book::of(&[account(1), account(2)]);
    book.done(&[transfer(10, 1, 2, LIMIT / 2), pending(transfer(11, 1, 2, 3), 60), void(12, 11), pending(transfer(13, 1, 2, 3), 60)]);
    let stored = serde_json::to_string(&book.ledger).unwrap();
    assert_eq!(serde_json::from_str::<TransferLedger>(&stored).unwrap(), book.ledger);
    assert_eq!(TransferLedger::fold(&book.events), book.ledger);
}
