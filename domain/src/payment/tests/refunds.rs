//! Refunds, their approval, their answers, and the escrow's release (L2–L4).

use super::*;

fn refund(n: u128) -> RefundId {
    RefundId::new(Uuid::from_u128(10 + n))
}

fn ask(n: u128, amount: Option<i128>, cause: RefundCause) -> Command {
    Command::RequestRefund { refund: refund(n), amount: amount.map(won), cause, reason: None, by: None, limit: None }
}

/// Asked for by a person of finance, with a limit of 5,000 won.
fn ask_by(n: u128, amount: Option<i128>) -> Command {
    let (amount, limit) = (amount.map(won), Some(won(5_000)));
    Command::RequestRefund { refund: refund(n), amount, cause: RefundCause::Goodwill, reason: None, by: Some(PAYER), limit }
}

/// (number, amount, fee share, VAT share)
type Parts = (u128, i128, i128, i128);

fn requested((n, amount, fee_share, vat_share): Parts, released: bool, cause: RefundCause) -> Event {
    let (amount, fee_share, vat_share) = (won(amount), won(fee_share), won(vat_share));
    Event::RefundRequested {
        refund: refund(n),
        purpose: BOOKING,
        host: HOST,
        amount,
        fee_share,
        vat_share,
        released,
        cause,
        reason: None,
        requested_by: None,
        approved_by: None,
        at: at(0),
    }
}

fn goodwill(parts: Parts) -> Event {
    requested(parts, false, RefundCause::Goodwill)
}

fn proposed(n: u128, amount: i128) -> Event {
    Event::RefundProposed { refund: refund(n), amount: won(amount), by: PAYER, reason: None }
}

fn paid_with(more: impl IntoIterator<Item = Event>) -> Given<Payment> {
    given(paid().into_iter().chain(more))
}

#[test]
fn never_more_than_was_captured_goes_back() {
    use RefundCause::Goodwill;
    for phase in ["pending", "declined", "confirming", "unknown", "expired", "voided"] {
        payment(phase).when(ask(1, Some(1), Goodwill)).refused("PAY006", "amount");
        payment(phase).when(ask(1, None, Goodwill)).refused("PAY006", "amount");
    }
    paid_with([]).when(ask(1, Some(10_007), Goodwill)).then([goodwill((1, 10_007, 1_501, 136))]);
    paid_with([]).when(ask(1, None, Goodwill)).then([goodwill((1, 10_007, 1_501, 136))]);
    paid_with([]).when(ask(1, Some(10_008), Goodwill)).refused("PAY006", "amount");
    for amount in [0, -1] {
        paid_with([]).when(ask(1, Some(amount), Goodwill)).refused("SYS003", "amount.amount");
    }
    let dollars = Command::RequestRefund {
        refund: refund(1),
        amount: Some(Money::new(1, Currency::Usd)),
        cause: Goodwill,
        reason: None,
        by: None,
        limit: None,
    };
    paid_with([]).when(dollars.clone()).refused("SYS003", "amount.currency");
    payment("pending").when(dollars).refused("SYS003", "amount.currency");
}

#[test]
fn parts_round_cumulatively_and_the_last_returns_the_rest() {
    use RefundCause::Goodwill;
    // 1501·4/10007 = 0.6 → 1, at 8: 1.2 → 1, at 10007: 1501. The VAT in 1501 and in 1500 is 136 alike.
    let parts = [(1, 4, 1, 0), (2, 4, 0, 0), (3, 9_999, 1_500, 136)];
    let (mut history, mut total) = (Vec::new(), 0);
    for part in parts {
        let state = paid_with(history.clone()).when(ask(part.0, Some(part.1), Goodwill)).then([goodwill(part)]);
        history.push(goodwill(part));
        total += part.1;
        assert_eq!(state.refunded(), Some(won(total)));
    }
    paid_with(history.clone()).when(ask(4, None, Goodwill)).refused("PAY006", "amount");
    paid_with(history.clone()).when(ask(4, Some(1), Goodwill)).refused("PAY006", "amount");
    // The same refund again changes nothing.
    paid_with(history).when(ask(1, Some(4), Goodwill)).then([]);
}

#[test]
fn a_cancellation_tops_up_what_was_given_back_before() {
    use RefundCause::Cancellation;
    let before = || paid_with([goodwill((1, 4, 1, 0))]);
    before().when(ask(2, Some(10_007), Cancellation)).then([requested((2, 10_003, 1_500, 136), false, Cancellation)]);
    before().when(ask(2, Some(5_004), Cancellation)).then([requested((2, 5_004, 750, 68), false, Cancellation)]);
    paid_with([goodwill((1, 10_007, 1_501, 136))]).when(ask(2, Some(5_004), Cancellation)).then([]);
}

#[test]
fn above_the_limit_a_second_person_agrees() {
    let by = |n, person: UserId| Command::ApproveRefund { refund: refund(n), by: person };
    let mut small = goodwill((1, 5_000, 750, 68));
    if let Event::RefundRequested { requested_by, .. } = &mut small {
        *requested_by = Some(PAYER);
    }
    paid_with([]).when(ask_by(1, Some(5_000))).then([small]);
    let state = paid_with([]).when(ask_by(1, Some(5_001))).then([proposed(1, 5_001)]);
    assert_eq!(state.refunded(), Some(won(0)), "a proposal gives nothing back");
    paid_with([]).when(ask_by(1, None)).then([proposed(1, 10_007)]);
    let mut agreed = goodwill((1, 5_001, 750, 68));
    if let Event::RefundRequested { requested_by, approved_by, .. } = &mut agreed {
        (*requested_by, *approved_by) = (Some(PAYER), Some(HOST));
    }
    paid_with([proposed(1, 5_001)]).when(by(1, HOST)).then([agreed.clone()]);
    paid_with([proposed(1, 5_001)]).when(by(1, PAYER)).refused("SETTLE003", "");
    paid_with([proposed(1, 5_001)]).when(by(2, HOST)).refused("SYS007", "refundId");
    paid_with([proposed(1, 5_001), agreed]).when(by(1, HOST)).refused("PAY003", "");
    // Two proposals may not both go through when they exceed what was paid.
    let taken = goodwill((2, 5_007, 751, 68));
    paid_with([proposed(1, 5_001), taken]).when(by(1, HOST)).refused("PAY006", "amount");
    // The same person is told first.
    paid_with([proposed(1, 5_001), goodwill((2, 5_007, 751, 68))]).when(by(1, PAYER)).refused("SETTLE003", "");
}

#[test]
fn many_small_refunds_by_one_person_are_one_large_one() {
    let by_one = |parts: Parts| {
        let mut event = goodwill(parts);
        if let Event::RefundRequested { requested_by, .. } = &mut event {
            *requested_by = Some(PAYER);
        }
        event
    };
    let small = by_one((1, 4, 1, 0));
    // 4 won went before: 4,996 more are within the limit, 4,997 are not.
    paid_with([small.clone()]).when(ask_by(2, Some(4_996))).then([by_one((2, 4_996, 749, 68))]);
    paid_with([small.clone()]).when(ask_by(2, Some(4_997))).then([proposed(2, 4_997)]);
    // What a second person agreed to, and what no person asked for, does not count.
    let mut agreed = by_one((1, 5_004, 751, 68));
    if let Event::RefundRequested { approved_by, .. } = &mut agreed {
        *approved_by = Some(HOST);
    }
    for other in [agreed, goodwill((1, 5_004, 751, 68))] {
        paid_with([other]).when(ask_by(2, Some(5_000))).then([by_one((2, 5_000, 750, 68))]);
    }
}

#[test]
fn the_provider_answers_a_refund() {
    let open = || [goodwill((1, 4, 1, 0))];
    let complete = || Command::CompleteRefund { refund: refund(1), reference: "ref-2".to_owned() };
    let done = Event::RefundCompleted { refund: refund(1), amount: won(4), reference: "ref-2".to_owned(), at: at(0) };
    let fail = || Command::FailRefund { refund: refund(1), code: "NO".to_owned() };
    let failed = |attempt, retry_at| Event::RefundFailed { refund: refund(1), code: "NO".to_owned(), attempt, retry_at };
    let unknown = Event::RefundUnknown {
        refund: refund(1),
        since: at(0),
        asked: 0,
        ask_again_at: at(0) + SignedDuration::from_secs(5),
        escalated: false,
    };
    paid_with(open()).when(complete()).then([done.clone()]);
    paid_with(open()).when(fail()).then([failed(1, Some(at(1_440)))]);
    paid_with(open()).when(Command::MarkRefundUnknown { refund: refund(1) }).then([unknown.clone()]);
    let not_known = || open().into_iter().chain([unknown.clone()]);
    paid_with(not_known()).when(complete()).then([done.clone()]);
    paid_with(not_known()).when(fail()).then([failed(1, Some(at(1_440)))]);
    let again = Event::RefundUnknown {
        refund: refund(1),
        since: at(0),
        asked: 1,
        ask_again_at: at(60) + SignedDuration::from_secs(15),
        escalated: true,
    };
    paid_with(not_known()).at(at(60)).when(Command::MarkRefundUnknown { refund: refund(1) }).then([again]);
    // Nothing follows a completed refund, and nothing is known of others.
    let over = || open().into_iter().chain([done.clone()]);
    for command in [complete(), fail(), Command::MarkRefundUnknown { refund: refund(1) }, Command::RetryRefund { refund: refund(1) }] {
        paid_with(over()).when(command.clone()).then([]);
        paid_with([]).when(command.clone()).then([]);
        paid_with([proposed(1, 5_001)]).when(command).then([]);
    }
}

#[test]
fn a_refused_refund_is_tried_three_times() {
    let failed = |attempt, retry_at| Event::RefundFailed { refund: refund(1), code: "NO".to_owned(), attempt, retry_at };
    let retried = |attempt| Event::RefundRetried { refund: refund(1), attempt };
    let (retry, fail) = (Command::RetryRefund { refund: refund(1) }, Command::FailRefund { refund: refund(1), code: "NO".to_owned() });
    let once = [goodwill((1, 4, 1, 0)), failed(1, Some(at(1_440)))];
    paid_with(once.clone()).when(retry.clone()).then([retried(2)]);
    paid_with([goodwill((1, 4, 1, 0))]).when(retry.clone()).then([]);
    paid_with(once.clone()).when(fail.clone()).then([]);
    let twice = once.into_iter().chain([retried(2), failed(2, Some(at(1_440))), retried(3)]);
    let state = paid_with(twice.clone()).when(fail).then([failed(3, None)]);
    assert_eq!(state.refunded(), Some(won(4)), "a refused refund is still owed");
    // Money that left is a fact, whatever was said before.
    let done = Event::RefundCompleted { refund: refund(1), amount: won(4), reference: "r".to_owned(), at: at(0) };
    let complete = Command::CompleteRefund { refund: refund(1), reference: "r".to_owned() };
    paid_with(twice.chain([failed(3, None)])).when(complete).then([done]);
}

#[test]
fn the_escrow_is_released_once() {
    paid_with([]).when(Command::ReleaseEscrow).then([released()]);
    paid_with([released()]).when(Command::ReleaseEscrow).then([]);
    for phase in ["pending", "declined", "confirming", "unknown", "expired", "voided"] {
        payment(phase).when(Command::ReleaseEscrow).then([]);
    }
    // K(5004) = 1501 − 751 = 750, the VAT in it 68; the host keeps 5003 − 750.
    let (amount, fee, vat, net) = (won(5_003), won(750), won(68), won(4_253));
    let rest = Event::EscrowReleased { purpose: BOOKING, host: HOST, amount, fee, vat, net, at: at(0) };
    paid_with([goodwill((1, 5_004, 751, 68))]).when(Command::ReleaseEscrow).then([rest]);
    paid_with([goodwill((1, 10_007, 1_501, 136))]).when(Command::ReleaseEscrow).then([]);
    // What is only proposed does not count.
    paid_with([proposed(1, 9_000)]).when(Command::ReleaseEscrow).then([released()]);
}

#[test]
fn a_refund_after_the_release_is_taken_from_host_and_platform() {
    let given_back = requested((1, 4, 1, 0), true, RefundCause::Goodwill);
    paid_with([released()]).when(ask(1, Some(4), RefundCause::Goodwill)).then([given_back]);
    paid_with([released()]).when(ask(1, Some(10_008), RefundCause::Goodwill)).refused("PAY006", "amount");
}
