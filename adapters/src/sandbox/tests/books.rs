use super::*;

#[tokio::test]
async fn a_restart_forgets_no_money() {
    let scratch = Scratch::new();
    let first = {
        let sandbox = scratch.open();
        let first = sandbox.confirm(asking("sandbox-ok-refundfail-1", 1_000, "a")).await.unwrap();
        assert!(sandbox.confirm(asking("sandbox-late-1", 7, "b")).await.is_err());
        assert!(sandbox.confirm(asking("sandbox-declined-1", 7, "c")).await.is_err());
        assert!(sandbox.cancel(refunding("sandbox-ok-refundfail-1", 10, "r1")).await.is_err());
        sandbox.cancel(refunding("sandbox-ok-refundfail-1", 10, "r2")).await.unwrap();
        sandbox.pay(paying("payout-1", "user-1", 5, "p")).await.unwrap();
        first
    };
    let sandbox = scratch.open();
    assert_eq!(sandbox.confirm(asking("sandbox-ok-refundfail-1", 1_000, "a")).await.unwrap(), first);
    assert_eq!(word(&sandbox.confirm(asking("sandbox-ok-refundfail-1", 1_000, "z")).await), "ALREADY_PROCESSED_PAYMENT");
    assert_eq!([word(&find(&sandbox, "sandbox-late-1").await), word(&find(&sandbox, "sandbox-late-1").await)], ["unknown", "yes"]);
    assert_eq!(found(&find(&sandbox, "sandbox-declined-1").await), "found REJECT_CARD_PAYMENT");
    assert_eq!(word(&sandbox.cancel(refunding("sandbox-ok-refundfail-1", 10, "r1")).await), "REFUND_REJECTED");
    assert_eq!(word(&sandbox.cancel(refunding("sandbox-ok-refundfail-1", 991, "r3")).await), "NOT_CANCELABLE_AMOUNT");
    assert_eq!(word(&sandbox.pay(paying("payout-1", "user-1", 5, "q")).await), "DUPLICATE_PAYOUT");
    assert_eq!(find(&sandbox, "sandbox-ok-refundfail-1").await.unwrap().cancelled, won(10));
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off() {
    let scratch = Scratch::new();
    scratch.open().confirm(asking("sandbox-ok-1", 5, "a")).await.unwrap();
    let whole = fs::read(&scratch.files.provider).unwrap();
    let mut file = OpenOptions::new().append(true).open(&scratch.files.provider).unwrap();
    file.write_all(&whole[..whole.len() - 1]).unwrap();
    drop(file);
    assert_eq!(scratch.provider_book().entries.len(), 1, "an auditor does not count a line that is not finished");
    let sandbox = scratch.open();
    assert_eq!(fs::read(&scratch.files.provider).unwrap(), whole);
    sandbox.confirm(asking("sandbox-ok-2", 6, "b")).await.unwrap();
    assert_eq!(scratch.provider_book().entries.len(), 2);
}

#[tokio::test]
async fn a_spoilt_line_stops_the_sandbox() {
    let scratch = Scratch::new();
    scratch.open().confirm(asking("sandbox-ok-1", 12_000, "a")).await.unwrap();
    let good = fs::read_to_string(&scratch.files.provider).unwrap();
    let payout = r#"{"kind":"payout","at":"2026-05-04T01:00:00Z","payout":"p","payee":"u","amount":"5","currency":"KRW","minor":"5","idempotency_key":"k","outcome":"booked","reference":"r"}"#;
    for bad in [
        good.replace(r#""minor":"12000""#, r#""minor":"12001""#),
        good.replace(r#""amount":"12000""#, r#""amount":"1.2e4""#),
        good.replace("booked", "declined"),
        good.replace("confirm", "payout"),
        good.replace("payment_key", "paymentkey"),
        "\n".to_owned(),
        format!("{payout}\n"),
        "x".repeat(book::MAX_LINE_BYTES),
    ] {
        fs::write(&scratch.files.provider, format!("{good}{bad}")).unwrap();
        let opened = Sandbox::open(&scratch.files, Arc::new(|| Timestamp::UNIX_EPOCH));
        assert!(matches!(opened, Err(BookError::Corrupt { line: 2, .. })), "{bad}");
    }
}

#[tokio::test]
async fn two_sandboxes_never_share_a_book() {
    let scratch = Scratch::new();
    let first = scratch.open();
    let second = Sandbox::open(&scratch.files, Arc::new(|| Timestamp::UNIX_EPOCH));
    assert!(matches!(second, Err(BookError::InUse)));
    drop(first);
    drop(scratch.open());
}

#[tokio::test]
async fn what_is_answered_is_on_disk() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    sandbox.confirm(asking("sandbox-ok-1", 12_000, "a")).await.unwrap();
    let line = fs::read_to_string(&scratch.files.provider).unwrap();
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    let expected = serde_json::json!({
        "kind": "confirm", "at": "2026-05-28T20:26:40Z", "payment_key": "sandbox-ok-1", "order_id": "order-sandbox-ok-1", "amount": "12000",
        "currency": "KRW", "minor": "12000", "idempotency_key": "a", "outcome": "booked", "reference": json["reference"],
    });
    assert_eq!(json, expected);
    assert!(line.ends_with('\n') && json["reference"].as_str().unwrap().starts_with("sbx_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_share_their_fsyncs_and_none_is_lost() {
    let scratch = Scratch::new();
    let sandbox = scratch.open();
    let calls: Vec<_> = (0..3_000)
        .map(|n| {
            tokio::spawn({
                let sandbox = sandbox.clone();
                async move { sandbox.confirm(asking(&format!("sandbox-ok-{n}"), n + 1, &format!("key-{n}"))).await.is_ok() }
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    let total: i128 = scratch.provider_book().orders().unwrap().values().map(|total| total.captured.minor()).sum();
    assert_eq!(total, 3_000 * 3_001 / 2);
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_undo_what_was_decided() {
    let scratch = Scratch::new();
    {
        let sandbox = scratch.open();
        let mut call = sandbox.confirm(asking("sandbox-ok-1", 5, "a"));
        // One poll: decided and queued. Then the caller is gone.
        let _ = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context))).await;
    }
    assert_eq!(scratch.provider_book().entries.len(), 1);
    assert_eq!(word(&find(&scratch.open(), "sandbox-ok-1").await), "yes");
}

#[test]
fn an_order_in_two_currencies_cannot_be_added_up() {
    let entry = |amount| Entry {
        at: Timestamp::UNIX_EPOCH,
        subject: Subject::Confirm { payment_key: "k".to_owned(), order_id: "order-1".to_owned() },
        amount,
        idempotency_key: "i".to_owned(),
        outcome: Outcome::Booked { reference: "r".to_owned() },
    };
    let book = Book { entries: vec![entry(won(1)), entry(Money::new(1, Currency::Usd))] };
    assert!(matches!(book.orders(), Err(BookError::Amount(_))));
    assert!(Book::read(Path::new("/nowhere/at/all.ndjson")).unwrap().entries.is_empty());
}
