//! The rules one after the other. Each test begins with an item that breaks as many as it can and mends one at a time, so that each step shows
//! that its rule comes before all that are still broken.

use std::collections::BTreeSet;

use super::*;

const MAX: u128 = u128::MAX;
const DOCS: &str = include_str!("../../../../docs/transfers.md");

/// Accounts 1 to 4 of ledger 1 (3 limited on its debits, 4 on its credits), 5 and 6 closed, 7 closed in ledger 2.
fn book() -> Book {
    let closed = |id, ledger| Account { ledger, flags: AccountFlags::CLOSED, ..account(id) };
    let strict = [limited(3, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS), limited(4, AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)];
    Book::of(&[account(1), account(2), strict[0], strict[1], closed(5, 1), closed(6, 1), closed(7, 2)])
}

/// Walks down the ladder: a change, and the rule that is then the first to be broken.
fn walk(book: &Book, now: u64, asked: Transfer, steps: Vec<(fn(&mut Transfer), O)>) -> Vec<O> {
    let mut asked = asked;
    let mut met = Vec::new();
    for (change, expected) in steps {
        change(&mut asked);
        let outcome = book.ledger.judge_transfer(now, &asked).map_or_else(|answer| answer.outcome, |_| O::Created);
        assert_eq!(outcome, expected, "after {met:?}: {asked:?}");
        met.push(outcome);
    }
    assert!(
        met.is_sorted_by_key(|outcome| O::ALL.iter().position(|known| known == outcome).filter(|_| *outcome != O::Created).unwrap_or(999))
    );
    met
}

fn at() -> u64 {
    u64::try_from(later(100).as_nanosecond()).unwrap()
}

/// A first transfer that is mended until it goes through.
fn first() -> Vec<O> {
    let mut book = book();
    book.done(&[Transfer { user_data_128: 1, ..transfer(70, 1, 2, 0) }]);
    assert_eq!(book.run(start(), &[transfer(71, 99, 2, 1)]), [O::DebitAccountNotFound]);
    let flags = F(F::IMPORTED.0 | 1 << 15 | F::CLOSING_DEBIT.0);
    let asked = Transfer { flags, pending_id: 9, timeout: 9, ..Transfer::default() };
    walk(
        &book,
        at(),
        asked,
        vec![
            (|_| {}, O::ImportedNotSupported),
            (|t| t.flags = F(1 << 15 | F::CLOSING_DEBIT.0), O::ReservedFlag),
            (|t| t.flags = F::CLOSING_DEBIT, O::IdMustNotBeZero),
            (|t| t.id = MAX, O::IdMustNotBeIntMax),
            (|t| t.id = 71, O::IdAlreadyFailed),
            (|t| t.id = 80, O::DebitAccountIdMustNotBeZero),
            (|t| t.debit_account_id = MAX, O::DebitAccountIdMustNotBeIntMax),
            (|t| t.debit_account_id = 99, O::CreditAccountIdMustNotBeZero),
            (|t| t.credit_account_id = MAX, O::CreditAccountIdMustNotBeIntMax),
            (|t| t.credit_account_id = 99, O::AccountsMustBeDifferent),
            (|t| t.credit_account_id = 98, O::PendingIdMustBeZero),
            (|t| t.pending_id = 0, O::TimeoutReservedForPendingTransfer),
            (|t| t.timeout = 0, O::ClosingTransferMustBePending),
            (|t| t.flags = F::CLOSING_DEBIT.with(F::PENDING), O::LedgerMustNotBeZero),
            (|t| t.ledger = 3, O::CodeMustNotBeZero),
            (|t| t.code = 1, O::DebitAccountNotFound),
            (|t| t.debit_account_id = 7, O::CreditAccountNotFound),
            (|t| t.credit_account_id = 5, O::AccountsMustHaveTheSameLedger),
            (|t| t.debit_account_id = 6, O::TransferMustHaveTheSameLedgerAsAccounts),
            (|t| t.ledger = 1, O::DebitAccountAlreadyClosed),
            (|t| t.debit_account_id = 3, O::CreditAccountAlreadyClosed),
            (|t| (t.credit_account_id, t.amount) = (4, LIMIT), O::OverflowsDebitsPending),
            (|t| t.amount = 1, O::ExceedsCredits),
            (|t| t.debit_account_id = 1, O::ExceedsDebits),
            (|t| t.credit_account_id = 2, O::Created),
        ],
    )
}

/// A transfer under an id that is taken, mended until it is the same.
fn again() -> Vec<O> {
    let mut book = book();
    let known = Transfer { user_data_128: 1, user_data_64: 2, user_data_32: 3, ..pending(transfer(70, 1, 2, 5), 60) };
    book.done(&[known]);
    let other = Transfer { id: 70, pending_id: 9, amount: 6, ..Transfer::default() };
    walk(
        &book,
        at(),
        other,
        vec![
            (|_| {}, O::ExistsWithDifferentFlags),
            (|t| t.flags = F::PENDING, O::ExistsWithDifferentPendingId),
            (|t| t.pending_id = 0, O::ExistsWithDifferentTimeout),
            (|t| t.timeout = 60, O::ExistsWithDifferentDebitAccountId),
            (|t| t.debit_account_id = 1, O::ExistsWithDifferentCreditAccountId),
            (|t| t.credit_account_id = 2, O::ExistsWithDifferentAmount),
            (|t| t.amount = 5, O::ExistsWithDifferentUserData128),
            (|t| t.user_data_128 = 1, O::ExistsWithDifferentUserData64),
            (|t| t.user_data_64 = 2, O::ExistsWithDifferentUserData32),
            (|t| t.user_data_32 = 3, O::ExistsWithDifferentLedger),
            (|t| t.ledger = 1, O::ExistsWithDifferentCode),
            (|t| t.code = 1, O::Exists),
        ],
    )
}

/// A second transfer that is mended until it goes through.
fn second() -> Vec<O> {
    let mut book = book();
    book.done(&[
        transfer(60, 1, 2, 5),
        pending(transfer(61, 1, 2, 5), 0),
        pending(transfer(62, 1, 2, 5), 0),
        pending(transfer(63, 1, 2, 5), 50),
        pending(transfer(64, 1, 2, 5), 0),
        post(65, 61, 1),
        void(66, 62),
        flagged(pending(transfer(67, 1, 2, 0), 0), F::CLOSING_DEBIT.with(F::CLOSING_CREDIT)),
    ]);
    let flags = F::POST_PENDING_TRANSFER.with(F::VOID_PENDING_TRANSFER);
    let asked = Transfer {
        id: 80,
        flags,
        timeout: 1,
        debit_account_id: 3,
        credit_account_id: 3,
        ledger: 9,
        code: 9,
        amount: 6,
        ..Transfer::default()
    };
    let met = walk(
        &book,
        at(),
        asked,
        vec![
            (|_| {}, O::FlagsAreMutuallyExclusive),
            (|t| t.flags = F::VOID_PENDING_TRANSFER.with(F::PENDING), O::FlagsAreMutuallyExclusive),
            (|t| t.flags = F::VOID_PENDING_TRANSFER.with(F::BALANCING_DEBIT), O::FlagsAreMutuallyExclusive),
            (|t| t.flags = F::POST_PENDING_TRANSFER.with(F::CLOSING_CREDIT), O::FlagsAreMutuallyExclusive),
            (|t| t.flags = F::VOID_PENDING_TRANSFER, O::PendingIdMustNotBeZero),
            (|t| t.pending_id = MAX, O::PendingIdMustNotBeIntMax),
            (|t| t.pending_id = 80, O::PendingIdMustBeDifferent),
            (|t| t.pending_id = 99, O::TimeoutReservedForPendingTransfer),
            (|t| t.timeout = 0, O::PendingTransferNotFound),
            (|t| t.pending_id = 60, O::PendingTransferNotPending),
            (|t| t.pending_id = 61, O::PendingTransferHasDifferentDebitAccountId),
            (|t| t.debit_account_id = 1, O::PendingTransferHasDifferentCreditAccountId),
            (|t| t.credit_account_id = 2, O::PendingTransferHasDifferentLedger),
            (|t| t.ledger = 1, O::PendingTransferHasDifferentCode),
            (|t| t.code = 1, O::ExceedsPendingTransferAmount),
            (|t| t.amount = 4, O::PendingTransferHasDifferentAmount),
            (|t| t.amount = 5, O::PendingTransferAlreadyPosted),
            (|t| t.pending_id = 62, O::PendingTransferAlreadyVoided),
            // Due, although nobody has released it yet; one nanosecond earlier it was not.
            (|t| t.pending_id = 63, O::PendingTransferExpired),
            (|t| (t.pending_id, t.flags) = (64, F::POST_PENDING_TRANSFER), O::DebitAccountAlreadyClosed),
            (|t| t.flags = F::VOID_PENDING_TRANSFER, O::Created),
        ],
    );
    book.done(&[void(68, 67), flagged(pending(transfer(69, 1, 2, 0), 0), F::CLOSING_CREDIT)]);
    let rest = walk(&book, at(), post(80, 64, 5), vec![(|_| {}, O::CreditAccountAlreadyClosed)]);
    met.into_iter().chain(rest).collect()
}

/// Each counter has a limit of its own.
fn overflows() -> Vec<O> {
    let over = |setup: &[Transfer], asked: Transfer, now: u64, expected: O| {
        let mut book = book();
        setup.iter().for_each(|transfer| book.done(&[*transfer]));
        let outcome = book.ledger.judge_transfer(now, &asked).map_or_else(|answer| answer.outcome, |_| O::Created);
        assert_eq!(outcome, expected, "{asked:?}");
        outcome
    };
    let most = transfer(80, 1, 2, LIMIT - 1);
    let (debited, credited) = (transfer(70, 1, 3, 1), transfer(70, 3, 2, 1));
    let funded = transfer(69, 1, 3, 1);
    let far = u64::MAX - 1_000_000_000;
    vec![
        over(&[pending(debited, 0)], pending(most, 0), at(), O::OverflowsDebitsPending),
        over(&[funded, pending(credited, 0)], pending(most, 0), at(), O::OverflowsCreditsPending),
        over(&[debited], most, at(), O::OverflowsDebitsPosted),
        over(&[transfer(70, 4, 2, 1)], most, at(), O::OverflowsCreditsPosted),
        over(&[pending(debited, 0)], most, at(), O::OverflowsDebits),
        over(&[pending(transfer(70, 4, 2, 1), 0)], most, at(), O::OverflowsCredits),
        // The limit of the account is broken, too, and comes after.
        over(&[], pending(transfer(80, 3, 4, 1), 2), far, O::OverflowsTimeout),
        over(&[], pending(transfer(80, 3, 4, 1), 1), far, O::ExceedsCredits),
        over(&[], pending(most, 1), far, O::Created),
    ]
}

#[test]
fn the_first_broken_rule_of_a_transfer_is_the_answer() {
    let met: BTreeSet<_> = [first(), again(), second(), overflows()].concat().into_iter().collect();
    let chained = BTreeSet::from([O::LinkedEventChainOpen, O::LinkedEventFailed]);
    let missing: Vec<_> = O::ALL.into_iter().filter(|outcome| !met.contains(outcome) && !chained.contains(outcome)).collect();
    assert_eq!(missing, [], "a rule that nothing breaks");
}

#[test]
fn the_first_broken_rule_of_an_account_is_the_answer() {
    use AccountOutcome as A;
    let known = Account { user_data_128: 1, user_data_64: 2, user_data_32: 3, ..account(7) };
    let book = Book::of(&[known]);
    let both = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS.with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
    let mut asked = Account { flags: AccountFlags(both.0 | AccountFlags::IMPORTED.0 | 1 << 9), ..Account::default() };
    let steps: [(fn(&mut Account), A); 15] = [
        (|_| {}, A::ImportedNotSupported),
        (|a| a.flags.0 ^= AccountFlags::IMPORTED.0, A::ReservedFlag),
        (|a| a.flags.0 ^= 1 << 9, A::IdMustNotBeZero),
        (|a| a.id = MAX, A::IdMustNotBeIntMax),
        (|a| a.id = 8, A::FlagsAreMutuallyExclusive),
        (|a| (a.id, a.flags) = (7, AccountFlags::HISTORY), A::ExistsWithDifferentFlags),
        (|a| a.flags = AccountFlags::default(), A::ExistsWithDifferentUserData128),
        (|a| a.user_data_128 = 1, A::ExistsWithDifferentUserData64),
        (|a| a.user_data_64 = 2, A::ExistsWithDifferentUserData32),
        (|a| a.user_data_32 = 3, A::ExistsWithDifferentLedger),
        (|a| a.ledger = 1, A::ExistsWithDifferentCode),
        (|a| a.code = 1, A::Exists),
        (|a| (a.id, a.ledger, a.code) = (8, 0, 0), A::LedgerMustNotBeZero),
        (|a| a.ledger = 1, A::CodeMustNotBeZero),
        (|a| a.code = 1, A::Created),
    ];
    let mut met = BTreeSet::from([A::LinkedEventChainOpen, A::LinkedEventFailed]);
    for (change, expected) in steps {
        change(&mut asked);
        let outcome = book.ledger.judge_account(&asked).map_or_else(|answer| answer.outcome, |()| A::Created);
        assert_eq!(outcome, expected, "{asked:?}");
        met.insert(outcome);
    }
    assert_eq!(met.into_iter().collect::<Vec<_>>(), A::ALL);
}

/// The names in the first column of a table of the documentation.
fn documented(heading: &str) -> Vec<&'static str> {
    let section = DOCS.split(heading).nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let row = |line: &'static str| line.strip_prefix("| ")?.split('|').nth(1).map(|name| name.trim().trim_matches('`'));
    section.lines().filter_map(row).skip(1).filter(|name| !name.starts_with("--")).collect()
}

#[test]
fn the_documentation_has_every_rule_in_its_order() {
    assert_eq!(documented("## Results of a transfer"), O::ALL.map(O::name));
    assert_eq!(documented("## Results of an account"), AccountOutcome::ALL.map(AccountOutcome::name));
}
