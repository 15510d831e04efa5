//! Two phases, expiry, limits, balancing, closing.

use super::*;

const OK: O = O::Created;

fn two() -> Book {
    Book::of(&[account(1), account(2)])
}

#[test]
fn a_part_is_posted_and_the_rest_is_free_again() {
    let mut book = two();
    book.done(&[pending(transfer(10, 1, 2, 100), 0), pending(transfer(11, 1, 2, 7), 0), pending(transfer(12, 1, 2, 5), 0)]);
    assert_eq!(book.counters(1), [112, 0, 0, 0]);
    assert_eq!(book.run(start(), &[post(20, 10, 60), post(21, 11, AMOUNT_MAX), void(22, 12)]), [OK; 3]);
    assert_eq!((book.counters(1), book.counters(2)), ([0, 67, 0, 0], [0, 0, 0, 67]));
    let posted = book.ledger.transfer(21).unwrap().transfer;
    assert_eq!(
        (posted.amount, posted.debit_account_id, posted.ledger, posted.code),
        (7, 1, 1, 1),
        "what was left out is that of the pending one"
    );
    let again = [post(23, 10, 1), void(24, 10), post(25, 12, 1)];
    assert_eq!(
        book.run(start(), &again),
        [O::PendingTransferAlreadyPosted, O::PendingTransferAlreadyPosted, O::PendingTransferAlreadyVoided]
    );
    // A retry says the same, also with what it left out written down.
    let written = Transfer { debit_account_id: 1, ledger: 1, amount: 7, ..post(21, 11, 0) };
    let retries = [post(20, 10, 60), post(20, 10, AMOUNT_MAX), post(21, 11, AMOUNT_MAX), written, void(22, 12)];
    assert_eq!(book.run(start(), &retries), [O::Exists, O::ExistsWithDifferentAmount, O::Exists, O::Exists, O::Exists]);
}

#[test]
fn a_pending_transfer_expires_to_the_nanosecond() {
    let mut book = two();
    book.done(&[pending(transfer(10, 1, 2, 9), 60), pending(transfer(11, 1, 2, 9), 60)]);
    let end = book.ledger.transfer(10).unwrap().transfer.expires_at().unwrap();
    assert!(book.ledger.judge_transfer(end - 1, &post(20, 10, 9)).is_ok());
    assert_eq!(book.ledger.judge_transfer(end, &post(20, 10, 9)).unwrap_err().outcome, O::PendingTransferExpired);
    assert_eq!(book.ledger.look_again(), LookAgain::At { at: later(60) + kernel::jiff::SignedDuration::from_micros(1) });
    assert_eq!((book.expire(later(59)), book.counters(1)[0]), (0, 18));
    assert_eq!(book.expire(later(61)), 1);
    assert_eq!((book.counters(1), book.ledger.look_again()), ([0; 4], LookAgain::Never {}));
    assert_eq!(book.run(later(61), &[post(21, 10, 9)]), [O::PendingTransferExpired]);
}

#[test]
fn what_is_due_is_released_before_a_batch() {
    let mut book = Book::of(&[account(1), limited(2, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS), account(3)]);
    book.done(&[transfer(10, 1, 2, 10), pending(transfer(11, 2, 3, 10), 60)]);
    assert_eq!(book.run(later(59), &[transfer(12, 2, 3, 10)]), [O::ExceedsCredits]);
    assert_eq!(book.run(later(61), &[transfer(13, 2, 3, 10)]), [OK]);
    let kinds: Vec<_> = book.events.iter().map(kernel::DomainEvent::event_type).collect();
    assert_eq!(kinds[2..], ["TransfersCreated", "TransfersExpired", "TransfersCreated"]);
}

#[test]
fn the_timer_is_told_only_when_it_changes() {
    let mut book = two();
    let told = |book: &Book| match book.events.last() {
        Some(Event::TransfersCreated { look_again, .. }) => *look_again,
        Some(Event::AccountsCreated { .. } | Event::TransfersExpired { .. }) | None => panic!("no transfers"),
    };
    book.done(&[pending(transfer(10, 1, 2, 1), 60)]);
    assert!(matches!(told(&book), Some(LookAgain::At { .. })));
    book.done(&[pending(transfer(11, 1, 2, 1), 90), transfer(12, 1, 2, 1)]);
    assert_eq!(told(&book), None);
    book.done(&[void(13, 10)]);
    assert!(matches!(told(&book), Some(LookAgain::At { at }) if at > later(89)));
    book.done(&[void(14, 11)]);
    assert_eq!(told(&book), Some(LookAgain::Never {}));
}

#[test]
fn limits_are_guarded_when_the_amount_is_held() {
    let strict = [limited(2, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS), limited(3, AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)];
    let mut book = Book::of(&[account(1), strict[0], strict[1]]);
    // What is pending does not count as credit yet, and counts as debit already.
    assert_eq!(book.run(start(), &[pending(transfer(10, 1, 2, 10), 0), transfer(11, 2, 1, 1)]), [OK, O::ExceedsCredits]);
    assert_eq!(
        book.run(start(), &[post(12, 10, 10), pending(transfer(13, 2, 1, 6), 0), transfer(14, 2, 1, 5)]),
        [OK, OK, O::ExceedsCredits]
    );
    assert_eq!(book.run(start(), &[transfer(15, 2, 1, 4), post(16, 13, 6)]), [OK, OK]);
    assert_eq!(
        book.run(start(), &[transfer(17, 1, 3, 1), transfer(18, 3, 1, 5), transfer(19, 1, 3, 5), transfer(20, 1, 3, 1)]),
        [O::ExceedsDebits, OK, OK, O::ExceedsDebits]
    );
    // Refused for what may change: refused for ever, also when it has changed.
    assert_eq!(book.run(start(), &[transfer(21, 3, 1, 5), transfer(20, 1, 3, 1)]), [OK, O::IdAlreadyFailed]);
}

#[test]
fn balancing_moves_as_much_as_there_is() {
    let mut book = Book::of(&[account(1), account(2), account(3)]);
    book.done(&[transfer(10, 1, 2, 10), pending(transfer(11, 2, 3, 4), 0)]);
    let sweep = flagged(transfer(12, 2, 3, AMOUNT_MAX), F::BALANCING_DEBIT);
    let fill = flagged(transfer(13, 2, 1, 100), F::BALANCING_CREDIT);
    assert_eq!(book.run(start(), &[sweep, fill]), [OK, OK]);
    let amount = |id| book.ledger.transfer(id).unwrap().transfer.amount;
    assert_eq!((amount(12), amount(13)), (6, 10));
    let nothing = flagged(transfer(14, 2, 3, 5), F::BALANCING_DEBIT);
    assert_eq!(book.run(start(), &[nothing]), [OK], "zero is an amount");
    let retry = |amount| Transfer { amount, ..sweep };
    assert_eq!(book.run(start(), &[retry(AMOUNT_MAX), retry(6), retry(5)]), [O::Exists, O::Exists, O::ExistsWithDifferentAmount]);
}

#[test]
fn a_closed_account_takes_voids_alone_and_opens_again() {
    let mut book = two();
    book.done(&[pending(transfer(10, 1, 2, 5), 0), flagged(pending(transfer(11, 1, 2, 0), 0), F::CLOSING_CREDIT)]);
    assert!(book.ledger.account(2).unwrap().closed && !book.ledger.account(1).unwrap().closed);
    let refused = [transfer(12, 1, 2, 1), transfer(13, 2, 1, 1), post(14, 10, 5)];
    let (debit, credit) = (O::DebitAccountAlreadyClosed, O::CreditAccountAlreadyClosed);
    assert_eq!(book.run(start(), &refused), [credit, debit, credit]);
    assert_eq!(book.run(start(), &[void(15, 10), void(16, 11), transfer(17, 1, 2, 1)]), [OK; 3]);
    // One that expires opens it, too; one that is posted keeps it closed.
    book.done(&[flagged(pending(transfer(18, 1, 2, 0), 60), F::CLOSING_DEBIT)]);
    assert!(book.ledger.account(1).unwrap().closed);
    assert_eq!(book.run(later(61), &[transfer(19, 1, 2, 1)]), [OK]);
}

#[test]
fn history_keeps_the_counters_after_each_transfer() {
    let mut book = Book::of(&[limited(1, AccountFlags::HISTORY), account(2)]);
    book.done(&[transfer(10, 1, 2, 5), pending(transfer(11, 2, 1, 3), 60)]);
    book.expire(later(61));
    let after: Vec<_> = book.events[1..]
        .iter()
        .flat_map(|event| match event {
            Event::TransfersCreated { transfers, .. } => transfers.of_account(1).map(|movement| movement.after.clone()).collect(),
            Event::TransfersExpired { expired, .. } => expired.of_account(1).map(|expiry| expiry.after.clone()).collect(),
            Event::AccountsCreated { .. } => Vec::new(),
        })
        .map(|after| *after.unwrap())
        .collect();
    let counters = |debits_posted, credits_pending| Counters { debits_posted, credits_pending, ..Counters::default() };
    assert_eq!(
        after,
        [
            After { debit: Some(counters(5, 0)), credit: None },
            After { debit: None, credit: Some(counters(5, 3)) },
            After { debit: None, credit: Some(counters(5, 0)) },
        ]
    );
}
