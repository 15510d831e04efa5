//! Accounts and transfers as a product of their own: through GraphQL, and in large batches over HTTP.

use daybook_tests::server::Variant;
use daybook_tests::server::texts;
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cast::{Cast, scenario};

const ALL: &str = "340282366920938463463374607431768211455";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    accounts(cast);
    two_phases(cast);
    over_http(cast);
    by_others(cast);
    let trial = cast
        .auditor
        .query("{ transferTrialBalance { ledger balanced accounts counters { debitsPosted creditsPosted debitsPending } } }", json!({}));
    let line = &trial["transferTrialBalance"][0];
    assert_eq!((&line["balanced"], &line["accounts"], &line["counters"]["debitsPending"]), (&json!(true), &json!("3"), &json!("0")));
    cast.close();
}

fn results(payload: &Value) -> Vec<String> {
    texts(&payload["results"], "result")
}

fn accounts(cast: &Cast) {
    let account = |id: &str, flags: Value| json!({ "id": id, "ledger": "700", "code": 1, "flags": flags });
    let input = json!({ "accounts": [account("1", json!([])), account("2", json!(["DEBITS_MUST_NOT_EXCEED_CREDITS"])),
        account("3", json!(["HISTORY"])), account("0", json!([]))] });
    let payload = cast.finance.command("createAccounts", "results { id result message timestamp }", input).done();
    assert_eq!(results(&payload), ["CREATED", "CREATED", "CREATED", "ID_MUST_NOT_BE_ZERO"]);
    assert!(
        payload["results"][3]["message"].as_str().is_some_and(|text| text.ends_with('.')) && payload["results"][3]["timestamp"].is_null()
    );
}

fn send(cast: &Cast, transfers: Value) -> Value {
    cast.finance.command("createTransfers", "results { id result message timestamp }", json!({ "transfers": transfers })).done()
}

fn transfer(id: u32, debit: u32, credit: u32, amount: u32) -> Value {
    let text = |number: u32| number.to_string();
    json!({ "id": text(id), "debitAccountId": text(debit), "creditAccountId": text(credit), "amount": text(amount), "ledger": "700", "code": 10 })
}

fn with(mut transfer: Value, more: Value) -> Value {
    transfer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    transfer
}

fn counters(cast: &Cast, id: &str) -> Vec<String> {
    // Thousands of rows may take a moment to be folded.
    cast.advance(SignedDuration::ZERO);
    let query =
        "query($id: UInt128!) { transferAccount(id: $id) { counters { debitsPending debitsPosted creditsPending creditsPosted } } }";
    let found = cast.auditor.query(query, json!({ "id": id }))["transferAccount"]["counters"].clone();
    ["debitsPending", "debitsPosted", "creditsPending", "creditsPosted"].map(|name| found[name].as_str().unwrap().to_owned()).into()
}

fn two_phases(cast: &Cast) {
    let pending = |id, seconds: &str| with(transfer(id, 1, 3, 60), json!({ "flags": ["PENDING"], "timeout": seconds }));
    let payload = send(cast, json!([transfer(10, 1, 2, 100), pending(11, "0"), pending(12, "60"), transfer(13, 2, 1, 101)]));
    assert_eq!(results(&payload), ["CREATED", "CREATED", "CREATED", "EXCEEDS_CREDITS"]);
    assert_eq!(counters(cast, "1"), ["120", "100", "0", "0"]);
    let post = json!({ "id": "14", "pendingId": "11", "amount": ALL, "flags": ["POST_PENDING_TRANSFER"] });
    assert_eq!(results(&send(cast, json!([post, transfer(13, 2, 1, 1)]))), ["CREATED", "ID_ALREADY_FAILED"]);
    // Nobody asks: time alone releases what is over.
    cast.advance(SignedDuration::from_secs(61));
    assert_eq!(counters(cast, "3"), ["0", "0", "0", "60"]);
    let query = "{ transfers(account: \"3\") { nodes { id amount pendingStatus resolvedById debitAccount { id } } } \
                 transferAccountHistory(account: \"3\") { nodes { transferId counters { creditsPending creditsPosted } } } }";
    let found = cast.auditor.query(query, json!({}));
    assert_eq!(texts(&found["transfers"]["nodes"], "id"), ["11", "12", "14"]);
    assert_eq!(found["transfers"]["nodes"][0]["pendingStatus"], "POSTED");
    assert_eq!(found["transfers"]["nodes"][1]["pendingStatus"], "EXPIRED");
    assert_eq!(texts(&found["transferAccountHistory"]["nodes"], "transferId"), ["11", "12", "14", "12"]);
}

fn over_http(cast: &Cast) {
    let line = |id: u32| format!(r#"{{"id":"{id}","debit_account_id":"1","credit_account_id":3,"amount":"1","ledger":700,"code":10}}"#);
    let batch: Vec<_> = (1_000..9_000).map(line).collect();
    let (status, text) = cast.finance.post_lines("/ledger/transfers", "batch", &batch.join("\n"));
    assert_eq!((status, text.lines().count()), (200, 8_000), "{text:.200}");
    for (id, line) in (1_000..).zip(text.lines()) {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!((answer["id"].as_str(), answer["result"].as_str()), (Some(id.to_string().as_str()), Some("created")));
    }
    assert_eq!(counters(cast, "3")[3], "8060");
    let again = cast.finance.post_lines("/ledger/transfers", "batch", &batch.join("\n"));
    assert_eq!(again, (200, text), "a retry hears the same");
    let refused = |key: &str, body: &str| {
        let (status, text) = cast.finance.post_lines("/ledger/transfers", key, body);
        let answer: Value = serde_json::from_str(&text).unwrap();
        (status, answer["error"]["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused("batch", &line(1)), (422, "SYS004".into()));
    assert_eq!(refused("other", &[batch.join("\n"), line(1)].join("\n")), (400, "SYS003".into()), "8,001 lines");
    assert_eq!(refused("other", &format!("{}\n{{\"id\":1.5}}", line(9_999))), (400, "SYS003".into()));
    assert_eq!(refused("other", ""), (400, "SYS003".into()));
    assert_eq!(counters(cast, "3")[3], "8060", "nothing happened");
}

fn by_others(cast: &Cast) {
    for client in [&cast.guest, &cast.host, &cast.auditor] {
        let mutation =
            "mutation($t: [TransferInput!]!) { createTransfers(input: { idempotencyKey: \"k\", transfers: $t }) { results { result } } }";
        assert_eq!(client.send(mutation, &json!({ "t": [transfer(50, 1, 3, 1)] })).code(), "AUTH010");
        assert_eq!(client.post_lines("/ledger/transfers", "k", "{}").0, 403);
    }
    let read = cast.guest.send("{ transferAccount(id: \"1\") { id } }", &json!({}));
    assert_eq!(read.code(), "AUTH010");
    let many: Vec<_> = (1..=501).map(|id| transfer(id, 1, 3, 1)).collect();
    let outcome = cast.finance.command("createTransfers", "results { result }", json!({ "transfers": many }));
    assert_eq!(outcome.refused(), "SYS003");
}
