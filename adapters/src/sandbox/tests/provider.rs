use super::*;

#[tokio::test]
async fn each_prefix_does_what_it_says() {
    // payment key | confirm | the same again | re-query | re-query | the same again | lines booked
    let table = [
        ("sandbox-ok-1", "yes", "yes", "yes", "yes", "yes", 1),
        ("sandbox-twice-1", "yes", "yes", "yes", "yes", "yes", 1),
        ("sandbox-declined-1", CARD, CARD, "found REJECT_CARD_PAYMENT", "found REJECT_CARD_PAYMENT", CARD, 0),
        ("sandbox-timeout-1", "unknown", "unknown", "yes", "yes", "yes", 1),
        ("sandbox-late-1", "unknown", "unknown", "unknown", "yes", "yes", 1),
        ("sandbox-lost-1", "unknown", "unknown", "not found", "not found", "unknown", 0),
        ("sandbox-never-1", "unknown", "unknown", "unknown", "unknown", "unknown", 0),
        ("tgen_2026", INVALID, INVALID, "found INVALID_REQUEST", "found INVALID_REQUEST", INVALID, 0),
        ("sandbox-okay-1", INVALID, INVALID, "found INVALID_REQUEST", "found INVALID_REQUEST", INVALID, 0),
    ];
    for (key, confirm, again, first, second, last, booked) in table {
        let scratch = Scratch::new();
        let sandbox = scratch.open();
        let ask = || sandbox.confirm(asking(key, 12_000, "attempt-1"));
        let seen = [
            word(&ask().await),
            word(&ask().await),
            found(&find(&sandbox, key).await),
            found(&find(&sandbox, key).await),
            word(&ask().await),
        ];
        assert_eq!(seen, [confirm, again, first, second, last], "{key}");
        assert_eq!(scratch.provider_book().entries.iter().filter(|entry| entry.is_booked()).count(), booked, "{key}");
    }
}

const CARD: &str = "REJECT_CARD_PAYMENT";
const INVALID: &str = "INVALID_REQUEST";

#[tokio::test]
async fn the_same_key_brings_the_same_answer_and_other_keys_find_it_paid() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let first = sandbox.confirm(asking("sandbox-ok-1", 12_000, "a")).await.unwrap();
    assert_eq!(sandbox.confirm(asking("sandbox-ok-1", 12_000, "a")).await.unwrap(), first);
    assert_eq!(word(&sandbox.confirm(asking("sandbox-ok-1", 12_001, "a")).await), INVALID);
    assert_eq!(word(&sandbox.confirm(asking("sandbox-ok-1", 12_000, "b")).await), "ALREADY_PROCESSED_PAYMENT");
    let other_card = ConfirmRequest { payment_key: "sandbox-ok-2".to_owned(), ..asking("sandbox-ok-1", 12_000, "c") };
    assert_eq!(word(&sandbox.confirm(other_card).await), "ALREADY_PROCESSED_PAYMENT");
    assert_eq!(find(&sandbox, "sandbox-ok-1").await.unwrap().outcome, PaymentOutcome::Confirmed(first));
    assert_eq!(word(&PaymentProvider::find(&sandbox, "sandbox-ok-1", "order-of-another").await), "not found");
    assert_eq!(scratch.provider_book().orders().unwrap()["order-sandbox-ok-1"].captured, won(12_000));
}

#[tokio::test]
async fn a_hundred_retries_at_once_book_once() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let sandbox = sandbox.clone();
                async move { sandbox.confirm(asking("sandbox-ok-1", 12_000, "a")).await.unwrap() }
            })
        })
        .collect();
    let mut references = std::collections::BTreeSet::new();
    for task in tasks {
        references.insert(task.await.unwrap().reference);
    }
    assert_eq!((references.len(), scratch.provider_book().entries.len()), (1, 1));
}

#[tokio::test]
async fn a_declined_order_may_be_paid_with_another_card() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    assert_eq!(word(&sandbox.confirm(asking("sandbox-declined-1", 500, "a")).await), CARD);
    let second = ConfirmRequest { payment_key: "sandbox-ok-1".to_owned(), ..asking("sandbox-declined-1", 500, "b") };
    assert_eq!(word(&sandbox.confirm(second).await), "yes");
}

#[tokio::test]
async fn malformed_requests_leave_no_line() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let good = asking("sandbox-ok-1", 1, "a");
    for bad in [
        ConfirmRequest { amount: won(0), ..good.clone() },
        ConfirmRequest { amount: won(-5), ..good.clone() },
        ConfirmRequest { order_id: "short".to_owned(), ..good.clone() },
        ConfirmRequest { order_id: "order/../1".to_owned(), ..good.clone() },
        ConfirmRequest { payment_key: format!("sandbox-ok-{}", "x".repeat(200)), ..good.clone() },
        ConfirmRequest { payment_key: "sandbox-ok-\n".to_owned(), ..good.clone() },
        ConfirmRequest { idempotency_key: String::new(), ..good.clone() },
        ConfirmRequest { idempotency_key: "k".repeat(301), ..good },
    ] {
        assert_eq!(word(&sandbox.confirm(bad.clone()).await), INVALID, "{bad:?}");
    }
    assert!(scratch.provider_book().entries.is_empty());
}

#[tokio::test]
async fn cancels_are_partial_and_never_exceed_the_capture() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    assert_eq!(word(&sandbox.cancel(refunding("sandbox-ok-1", 1, "r0")).await), "not found");
    sandbox.confirm(asking("sandbox-ok-1", 1_000, "a")).await.unwrap();
    let steps = [
        (300, "r1", "yes"),
        (300, "r1", "yes"),
        (301, "r1", INVALID),
        (701, "r2", "NOT_CANCELABLE_AMOUNT"),
        (700, "r3", "yes"),
        (1, "r4", "ALREADY_CANCELED_PAYMENT"),
        (701, "r2", "NOT_CANCELABLE_AMOUNT"),
    ];
    for (minor, key, expected) in steps {
        assert_eq!(word(&sandbox.cancel(refunding("sandbox-ok-1", minor, key)).await), expected, "{key}");
    }
    let dollars = CancelRequest { amount: Money::new(1, Currency::Usd), ..refunding("sandbox-ok-1", 1, "r5") };
    assert_eq!(word(&sandbox.cancel(dollars).await), INVALID);
    let payment = find(&sandbox, "sandbox-ok-1").await.unwrap();
    assert_eq!((payment.cancelled, payment.cancels.len()), (won(1_000), 2));
    assert_eq!(scratch.provider_book().orders().unwrap()["order-sandbox-ok-1"], OrderTotal { captured: won(1_000), cancelled: won(1_000) });
    assert!(!fs::read_to_string(&scratch.files.provider).unwrap().contains("5678"), "a reason in free text is personal");
}

#[tokio::test]
async fn refunds_fail_as_their_payment_key_says() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    for key in ["sandbox-ok-refundunknown-1", "sandbox-ok-refundfail-1", "sandbox-ok-refundlost-1"] {
        sandbox.confirm(asking(key, 1_000, key)).await.unwrap();
    }
    let refund = |payment: &'static str, key: &'static str| sandbox.cancel(refunding(payment, 100, key));

    let unknown = "sandbox-ok-refundunknown-1";
    assert_eq!([word(&refund(unknown, "u1").await), word(&refund(unknown, "u1").await)], ["unknown", "unknown"]);
    let carried_out = find(&sandbox, unknown).await.unwrap().cancel_by_key("u1").unwrap().cancellation.clone();
    assert_eq!(refund(unknown, "u1").await.unwrap(), carried_out);

    let fail = "sandbox-ok-refundfail-1";
    let answers = [word(&refund(fail, "f1").await), word(&refund(fail, "f1").await), word(&refund(fail, "f2").await)];
    assert_eq!(answers, ["REFUND_REJECTED", "REFUND_REJECTED", "yes"]);

    let lost = "sandbox-ok-refundlost-1";
    assert_eq!(word(&refund(lost, "l1").await), "unknown");
    assert_eq!(find(&sandbox, lost).await.unwrap().cancel_by_key("l1"), None);
    assert_eq!(word(&refund(lost, "l1").await), "yes");
    assert!(scratch.provider_book().orders().unwrap().values().all(|total| total.cancelled == won(100)));
}

#[tokio::test]
async fn a_script_comes_before_the_key() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    sandbox.script(Call::Confirm, Fault::Lose).unwrap();
    sandbox.script(Call::Confirm, Fault::Hide { silent_finds: 2 }).unwrap();
    sandbox.script(Call::Cancel, Fault::Decline).unwrap();
    let key = "sandbox-ok-1";
    let confirm = || sandbox.confirm(asking(key, 1_000, "a"));
    assert_eq!([word(&confirm().await), word(&find(&sandbox, key).await)], ["unknown", "not found"]);
    // The lost request arrives at the second try, and its answer is lost in turn.
    let mut seen = vec![word(&confirm().await)];
    for _ in 0..3 {
        seen.push(word(&find(&sandbox, key).await));
    }
    assert_eq!(seen, ["unknown", "unknown", "unknown", "yes"]);
    assert_eq!(word(&sandbox.cancel(refunding(key, 1, "r1")).await), "REFUND_REJECTED");
    assert_eq!(word(&sandbox.cancel(refunding(key, 1, "r2")).await), "yes");

    sandbox.script(Call::Confirm, Fault::Silence).unwrap();
    let silent = "sandbox-ok-2";
    assert_eq!(word(&sandbox.confirm(asking(silent, 1, "s")).await), "unknown");
    assert_eq!([word(&find(&sandbox, silent).await), word(&sandbox.confirm(asking(silent, 1, "s")).await)], ["unknown", "unknown"]);
}

#[tokio::test]
async fn a_capture_is_told_of_once_or_twice_and_a_lost_answer_never() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let told = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&told);
    sandbox.on_notice(Arc::new(move |notice| ears.lock().unwrap().push(notice.order_id.clone())));
    for key in ["sandbox-ok-1", "sandbox-twice-1", "sandbox-timeout-1", "sandbox-declined-1", "sandbox-never-1", "sandbox-ok-1"] {
        let _ = sandbox.confirm(asking(key, 1, key)).await;
    }
    assert_eq!(*told.lock().unwrap(), ["order-sandbox-ok-1", "order-sandbox-twice-1", "order-sandbox-twice-1"]);
}
