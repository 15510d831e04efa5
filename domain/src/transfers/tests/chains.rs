//! Linked items stand and fall together.

use super::*;

const OK: O = O::Created;

fn linked(transfer: Transfer) -> Transfer {
    flagged(transfer, F::LINKED)
}

#[test]
fn a_chain_is_recorded_whole_or_not_at_all() {
    let mut book = Book::of(&[account(1), account(2), limited(3, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)]);
    let batch = [
        transfer(10, 1, 2, 1),
        linked(transfer(11, 1, 2, 10)),
        linked(transfer(12, 3, 2, 10)),
        transfer(13, 1, 2, 10),
        transfer(14, 1, 2, 100),
    ];
    let failed = O::LinkedEventFailed;
    assert_eq!(book.run(start(), &batch), [OK, failed, O::ExceedsCredits, failed, OK]);
    assert_eq!((book.counters(1), book.counters(3)), ([0, 101, 0, 0], [0; 4]));
    // Only the one that was to blame is refused for ever.
    assert_eq!(book.run(start(), &[transfer(11, 1, 2, 1), transfer(12, 1, 2, 1), transfer(13, 1, 2, 1)]), [OK, O::IdAlreadyFailed, OK]);
}

#[test]
fn a_chain_sees_its_own_transfers() {
    let mut book = Book::of(&[account(1), limited(2, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS), account(3)]);
    let through = [linked(transfer(10, 1, 2, 5)), linked(pending(transfer(11, 2, 3, 5), 0)), post(12, 11, 3)];
    assert_eq!(book.run(start(), &through), [OK, OK, OK]);
    assert_eq!((book.counters(2), book.counters(3)), ([0, 3, 0, 5], [0, 0, 0, 3]));
}

#[test]
fn an_open_chain_is_refused_whole() {
    let mut book = Book::of(&[account(1), account(2)]);
    let open = [linked(transfer(10, 1, 2, 5)), linked(transfer(11, 1, 2, 5))];
    assert_eq!(book.run(start(), &open), [O::LinkedEventFailed, O::LinkedEventChainOpen]);
    let broken = [linked(transfer(10, 1, 2, 5)), linked(transfer(11, 1, 1, 5)), linked(transfer(12, 1, 2, 5))];
    assert_eq!(book.run(start(), &broken), [O::LinkedEventFailed, O::AccountsMustBeDifferent, O::LinkedEventChainOpen]);
    assert_eq!(book.run(start(), &[linked(transfer(10, 1, 2, 5))]), [O::LinkedEventChainOpen]);
    assert_eq!((book.counters(1), book.events.len()), ([0; 4], 1), "nothing happened");
}

#[test]
fn a_broken_chain_reopens_what_it_closed() {
    let mut book = Book::of(&[account(1), account(2)]);
    let closing = flagged(pending(transfer(10, 1, 2, 0), 0), F::CLOSING_DEBIT.with(F::LINKED));
    assert_eq!(book.run(start(), &[closing, transfer(11, 1, 2, 5)]), [O::LinkedEventFailed, O::DebitAccountAlreadyClosed]);
    assert!(!book.ledger.account(1).unwrap().closed);
}

#[test]
fn accounts_are_linked_too() {
    use AccountOutcome as A;
    let mut book = Book::default();
    let linked = |id| limited(id, AccountFlags::LINKED);
    let outcomes = book.open(start(), &[account(1), linked(2), linked(1), account(3), linked(4), account(5), linked(6)]);
    let failed = A::LinkedEventFailed;
    assert_eq!(outcomes, [A::Created, failed, A::ExistsWithDifferentFlags, failed, A::Created, A::Created, A::LinkedEventChainOpen]);
    assert!(book.ledger.account(2).is_none() && book.ledger.account(5).is_some());
}
