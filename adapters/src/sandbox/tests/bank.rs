use super::*;

#[tokio::test]
async fn hosts_are_paid_once() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    assert_eq!(word(&find_payout(&sandbox, "k1").await), "not found");
    let first = sandbox.pay(paying("payout-1", "user-1", 500, "k1")).await.unwrap();
    assert_eq!(sandbox.pay(paying("payout-1", "user-1", 500, "k1")).await.unwrap(), first);
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-2", 500, "k1")).await), "INVALID_REQUEST");
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-1", 500, "k2")).await), "DUPLICATE_PAYOUT");
    assert_eq!(word(&sandbox.pay(paying("payout-2", "user-1", 0, "k3")).await), "INVALID_REQUEST");
    assert_eq!(find_payout(&sandbox, "k1").await, Ok(PayoutState::Paid(first)));
    sandbox.pay(paying("payout-3", "user-1", 70, "k4")).await.unwrap();
    sandbox.pay(paying("payout-4", "user-2", 9, "k5")).await.unwrap();
    let totals = Book::read(&scratch.files.bank).unwrap().payouts().unwrap();
    let paid: Vec<_> = totals.iter().map(|((payee, _), total)| (payee.as_str(), *total)).collect();
    assert_eq!(paid, [("user-1", won(570)), ("user-2", won(9))]);
}

#[tokio::test]
async fn each_payee_does_what_it_says() {
    // payee | pay | the same again | re-query | re-query | the same again
    let table = [
        ("user-1", "yes", "yes", "yes", "yes", "yes"),
        ("sandbox-declined-1", NO, NO, "found PAYOUT_REJECTED", "found PAYOUT_REJECTED", NO),
        ("sandbox-timeout-1", "unknown", "unknown", "yes", "yes", "yes"),
        ("sandbox-late-1", "unknown", "unknown", "unknown", "yes", "yes"),
        ("sandbox-lost-1", "unknown", "unknown", "not found", "not found", "unknown"),
        ("sandbox-never-1", "unknown", "unknown", "unknown", "unknown", "unknown"),
    ];
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    for (payee, pay, again, first, second, last) in table {
        let ask = || sandbox.pay(paying(&format!("payout-{payee}"), payee, 5, payee));
        let query = || async {
            match find_payout(&sandbox, payee).await {
                Ok(PayoutState::Declined { code, .. }) => format!("found {code}"),
                other => word(&other),
            }
        };
        assert_eq!(
            [word(&ask().await), word(&ask().await), query().await, query().await, word(&ask().await)],
            [pay, again, first, second, last]
        );
    }
}

const NO: &str = "PAYOUT_REJECTED";

#[tokio::test]
async fn a_scripted_decline_meets_one_payout_and_a_new_attempt_succeeds() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    sandbox.script(Call::Pay, Fault::Decline).unwrap();
    sandbox.script(Call::Pay, Fault::Hide { silent_finds: 0 }).unwrap();
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-1", 5, "a")).await), NO);
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-1", 5, "b")).await), "unknown");
    assert!(matches!(find_payout(&sandbox, "b").await, Ok(PayoutState::Paid(_))));
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-1", 5, "c")).await), "DUPLICATE_PAYOUT");
}

#[tokio::test]
async fn a_plan_beside_the_books_meets_one_call_a_line() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let plan = scratch.files.provider.with_file_name("sandbox.plan");
    fs::write(&plan, "# what somebody tries out\npay declined\nnonsense\npay timeout\nconfirm declined\n").unwrap();
    let mut seen = Vec::new();
    for n in 1..=3 {
        seen.push(word(&sandbox.pay(paying(&format!("payout-{n}"), "user-1", 5, &format!("k{n}"))).await));
    }
    assert_eq!(seen, [NO, "unknown", "yes"]);
    assert_eq!(word(&sandbox.confirm(asking("sandbox-ok-1", 1, "c1")).await), "REJECT_CARD_PAYMENT");
    assert_eq!(word(&sandbox.confirm(asking("sandbox-ok-2", 1, "c2")).await), "yes");
    assert!(!plan.exists());
}
