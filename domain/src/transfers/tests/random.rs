//! Random batches against the naive model: the same answers, the same counters, and a fold that says the same.

use std::collections::BTreeMap;

use super::naive::Naive;
use super::*;

const ACCOUNTS: u64 = 6;
const IDS: u64 = 400;

/// A reproducible sequence of numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// An account, rarely one that does not exist or is of another ledger.
fn account_id(dice: &mut Dice) -> u128 {
    let end = if dice.one_in(15) { ACCOUNTS } else { 4 };
    (1 + dice.below(end)).into()
}

/// Ids and accounts are few, so that they meet; some are of what has happened before.
fn asked(dice: &mut Dice, naive: &Naive) -> Transfer {
    let before = |dice: &mut Dice| (!naive.transfers.is_empty()).then(|| dice.pick(&naive.transfers));
    if let Some(known) = before(dice).filter(|_| dice.one_in(12)) {
        return Transfer { timestamp: 0, ..known };
    }
    let mut transfer = Transfer {
        id: (1 + dice.below(IDS)).into(),
        debit_account_id: account_id(dice),
        credit_account_id: account_id(dice),
        amount: dice.below(20).into(),
        ledger: if dice.one_in(30) { 2 } else { 1 },
        code: 1,
        user_data_128: if dice.one_in(5) { 7 } else { 0 },
        ..Transfer::default()
    };
    match dice.below(10) {
        0..3 => {}
        3..6 => {
            transfer = pending(transfer, dice.pick(&[0, 0, 3, 10]));
            if dice.one_in(6) {
                transfer = flagged(transfer, dice.pick(&[F::CLOSING_DEBIT, F::CLOSING_CREDIT]));
            }
        }
        6..9 => {
            let flags = dice.pick(&[F::POST_PENDING_TRANSFER, F::POST_PENDING_TRANSFER, F::VOID_PENDING_TRANSFER]);
            let amount = if dice.one_in(2) { if flags == F::POST_PENDING_TRANSFER { AMOUNT_MAX } else { 0 } } else { transfer.amount };
            let (id, user_data_128) = (transfer.id, transfer.user_data_128);
            let anything = dice.below(IDS + 1).into();
            let pending_id = if dice.one_in(4) { anything } else { before(dice).map_or(anything, |known| known.id.max(known.pending_id)) };
            transfer = Transfer { id, user_data_128, pending_id, amount, flags, ..Transfer::default() };
            if dice.one_in(6) {
                transfer.debit_account_id = account_id(dice);
            }
        }
        _ => transfer = flagged(transfer, dice.pick(&[F::BALANCING_DEBIT, F::BALANCING_CREDIT, F::CLOSING_DEBIT])),
    }
    if dice.one_in(6) { flagged(transfer, F::LINKED) } else { transfer }
}

/// Accounts with every rule; one of another ledger.
fn accounts() -> Vec<Account> {
    let flags = [
        AccountFlags::default(),
        AccountFlags::HISTORY,
        AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
        AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS,
    ];
    let known = (1..).zip(flags).map(|(id, flags)| limited(id, flags));
    known.chain([Account { ledger: 2, ..account(5) }]).collect()
}

/// One sequence; the answers that it met.
fn play(seed: u64) -> Vec<&'static str> {
    let mut dice = Dice(seed);
    let mut book = Book::of(&accounts());
    let mut naive = Naive { accounts: accounts().into_iter().map(|account| (account.id, account)).collect(), ..Naive::default() };
    let (mut seconds, mut met) = (0, Vec::new());
    for _ in 0..40 {
        seconds += dice.pick(&[0, 0, 1, 2, 5]);
        let now = later(seconds);
        if dice.one_in(5) {
            naive.release(book.ledger.next_timestamp(now));
            book.expire(now);
        }
        let batch: Vec<_> = (0..1 + dice.below(7)).map(|_| asked(&mut dice, &naive)).collect();
        // Timestamps are no business of the naive model: the first of the batch is told to it.
        naive.release(book.ledger.next_timestamp(now));
        let expected = naive.run(first_after(&book, now), &batch);
        let found: Vec<_> = book.run(now, &batch).into_iter().map(O::name).collect();
        assert_eq!(found, expected, "seed {seed}, {seconds} s: {batch:#?}");
        for id in naive.accounts.keys() {
            assert_eq!(book.counters(*id), naive.counters(*id), "seed {seed}, {seconds} s, account {id}");
            assert_eq!(book.ledger.account(*id).unwrap().closed, naive.closed(*id), "seed {seed}, {seconds} s, account {id}");
        }
        met.extend(found);
    }
    assert_eq!(TransferLedger::fold(&book.events), book.ledger, "seed {seed}");
    holds_are_used_up(&book, seed);
    let stored = book.ledger.transfers.iter().filter(|(_, used)| matches!(used, Used::Recorded { .. })).count();
    assert_eq!(stored, naive.transfers.len());
    met
}

/// L9, from the events alone: of every hold, captured + released + expired = authorised once it is resolved, and what is open is pending.
fn holds_are_used_up(book: &Book, seed: u64) {
    let (mut authorised, mut resolved) = (BTreeMap::new(), BTreeMap::new());
    for event in &book.events {
        match event {
            Event::TransfersCreated { transfers, .. } => {
                for Movement { transfer, resolves, .. } in transfers.iter() {
                    let voided = transfer.flags.has(F::VOID_PENDING_TRANSFER);
                    let captured = if voided { 0 } else { transfer.amount };
                    match resolves {
                        None if transfer.flags.has(F::PENDING) => assert_eq!(authorised.insert(transfer.id, transfer.amount), None),
                        None => {}
                        Some(held) => assert_eq!(resolved.insert(transfer.pending_id, captured + (held.amount - captured)), None, "twice"),
                    }
                }
            }
            Event::TransfersExpired { expired, .. } => {
                expired.iter().for_each(|expiry| assert_eq!(resolved.insert(expiry.id, expiry.amount), None, "twice"));
            }
            Event::AccountsCreated { .. } => {}
        }
    }
    for (id, sum) in &resolved {
        assert_eq!(authorised.get(id), Some(sum), "L9, seed {seed}: hold {id}");
    }
    let open: u128 = authorised.iter().filter(|(id, _)| !resolved.contains_key(id)).map(|(_, amount)| amount).sum();
    let totals = book.ledger.totals();
    assert_eq!((totals.debits_pending, totals.credits_pending), (open, open), "L9, seed {seed}");
    let captured: u128 = book.ledger.holdings().map(|holding| holding.counters.debits_posted).sum();
    assert_eq!(captured, totals.credits_posted, "L1, seed {seed}");
}

/// The timestamp of a batch's first item once what is due was released.
fn first_after(book: &Book, now: Timestamp) -> u64 {
    let mut released = book.ledger.clone();
    released.release(now);
    released.next_timestamp(now)
}

#[test]
fn random_batches_end_as_the_naive_model_says() {
    let mut met: Vec<_> = (0..300).flat_map(play).collect();
    met.sort_unstable();
    let counts: Vec<_> = met.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
    for name in [
        "created",
        "linked_event_failed",
        "linked_event_chain_open",
        "exists",
        "id_already_failed",
        "exceeds_credits",
        "exceeds_debits",
        "pending_transfer_expired",
        "pending_transfer_already_posted",
        "pending_transfer_already_voided",
        "debit_account_already_closed",
        "credit_account_already_closed",
        "exceeds_pending_transfer_amount",
        "accounts_must_have_the_same_ledger",
    ] {
        assert!(counts.iter().any(|(found, times)| *found == name && *times >= 10), "{name} was met too seldom: {counts:?}");
    }
}
