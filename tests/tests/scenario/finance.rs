//! What finance and auditors do with the books: read copies, correct, reconcile, close.

use std::process::Command;

use daybook_tests::server::{Answer, Client, Variant};
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cast::{Cast, scenario, text, won};

const ADJUSTMENT: &str = "adjustment { id status lines { account side amount { amount } } proposedBy { id } decidedBy { id } }";
const RECON: &str =
    "reconLines(first: 100) { nodes { id outcome open ageDays ours { amount } theirs { amount } movementKey payment { id } } }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let trip = cast.driven(30, 4);
    exports(cast);
    explain(cast, &trip);
    statements(cast);
    adjust(cast);
    reconcile(cast);
    close_month(cast);
    cast.close();
}

/// GETs a path with the client's token: status, the export's id, body.
fn get(client: &Client, path: &str) -> (u16, Option<String>, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let mut request = agent.get(format!("{}{path}", client.url()));
    if let Some(token) = client.token() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().unwrap();
    let export = response.headers().get("daybook-export").map(|id| id.to_str().unwrap().to_owned());
    (response.status().as_u16(), export, response.body_mut().read_to_string().unwrap())
}

/// Finance and auditors get copies that the real programs accept; each reading and its digest are events.
fn exports(cast: &Cast) {
    assert_eq!(get(&cast.guest, "/exports/hledger").0, 403);
    assert_eq!(get(&cast.book.client(), "/exports/hledger").0, 401);
    assert_eq!(get(&cast.auditor, "/exports/xls").0, 404);
    assert_eq!(get(&cast.auditor, "/exports/csv?from=9&to=3").0, 400);
    let (status, export, journal) = get(&cast.auditor, "/exports/hledger");
    assert!(status == 200 && journal.contains("payment_completed"), "{journal}");
    let file = cast.book.data().join("books.journal");
    std::fs::write(&file, &journal).unwrap();
    let checked = Command::new("hledger").args(["check", "-s", "-f"]).arg(&file).env("LC_ALL", "C.UTF-8").output();
    assert!(checked.unwrap().status.success(), "{journal}");
    let (export, sha256) = (export.unwrap(), hex(&Sha256::digest(journal.as_bytes())));
    let events: Vec<Value> = cast.events().into_iter().filter(|event| event["stream"] == export.as_str()).collect();
    assert_eq!(daybook_tests::server::texts(&json!(events), "type"), ["ExportStarted", "ExportFinished"]);
    assert!(events[1]["payloadText"].as_str().unwrap().contains(&sha256), "{events:?}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From a payment, a booking and a balance to the entries, their command, actor and provider's key.
fn explain(cast: &Cast, trip: &crate::cast::Trip) {
    let query =
        "query($id: ID!) { explain(id: $id, first: 100) { nodes { kind reference actor commandId providerReference event { id } } } }";
    let kinds = |id: &str| {
        let found = cast.auditor.query(query, json!({ "id": id }))["explain"]["nodes"].clone();
        (daybook_tests::server::texts(&found, "kind"), found)
    };
    let (of_booking, found) = kinds(&trip.id);
    assert_eq!(of_booking, ["payment_completed", "escrow_released"]);
    assert!(found[0]["providerReference"].is_string() && found[0]["event"]["id"].is_string() && found[1]["providerReference"].is_null());
    assert_eq!(kinds(&text(&cast.payment(trip)["id"])).0, of_booking);
    assert_eq!(kinds("balance-fee_revenue|KRW").0, ["escrow_released"]);
    let answer: Answer = cast.guest.send(query, &json!({ "id": trip.id }));
    assert_eq!(answer.code(), "AUTH010");
}

/// An account from what it held to what it holds, and the host's month with the platform's fee line by line.
fn statements(cast: &Cast) {
    let now = cast.now();
    let from = now.checked_sub(SignedDuration::from_hours(24 * 30)).unwrap();
    let query = "query($from: DateTime!, $to: DateTime!) { accountStatement(account: \"psp_clearing\", from: $from, to: $to) \
                 { opening { amount } closing { amount } lines { side amount { amount } balance { amount } entry { kind } } } }";
    let to = now.checked_add(SignedDuration::from_secs(1)).unwrap();
    let found = cast.finance.query(query, json!({ "from": from.to_string(), "to": to.to_string() }))["accountStatement"][0].clone();
    assert_eq!((won(&found["opening"]), won(&found["closing"])), (0, 40_000), "{found}");
    assert_eq!(won(&found["lines"][0]["balance"]), 40_000);
    let month = domain::calendar::Month::of(now).to_string();
    let query = "query($month: String!) { hostStatement(month: $month) { closing { amount } earned { gross { amount } fee { amount } vat { amount } net { amount } } \
                 lines { kind fee { amount } } } }";
    let found = cast.host.query(query, json!({ "month": month }))["hostStatement"].clone();
    let earned = &found["earned"];
    assert_eq!(
        (won(&earned["gross"]), won(&earned["fee"]), won(&earned["vat"]), won(&earned["net"])),
        (40_000, 6_000, 545, 34_000),
        "{found}"
    );
    assert_eq!(found["lines"][0]["kind"], "EARNED");
}

/// One person of finance asks, another posts; auditors and hosts may not.
fn adjust(cast: &Cast) {
    let line = |account: &str, side: &str| json!({ "account": account, "side": side, "amount": { "amount": "10", "currency": "KRW" } });
    let input = json!({ "lines": [line("suspense", "DEBIT"), line("psp_variance", "CREDIT")], "reason": "차액 정리" });
    for (lines, code) in
        [(json!([line("suspense", "DEBIT")]), "LEDGER001"), (json!([line("host_payable", "DEBIT"), line("suspense", "CREDIT")]), "SYS003")]
    {
        let wrong = json!({ "lines": lines, "reason": "오류" });
        assert_eq!(cast.finance.command("postAdjustment", ADJUSTMENT, wrong).refused(), code);
    }
    let asked = cast.finance.command("postAdjustment", ADJUSTMENT, input).done()["adjustment"].clone();
    assert_eq!((asked["status"].as_str(), cast.balance("suspense")), (Some("PROPOSED"), 0));
    let of = json!({ "adjustmentId": asked["id"] });
    assert_eq!(cast.finance.command("approveAdjustment", ADJUSTMENT, of.clone()).refused(), "SETTLE003");
    let posted = cast.finance2.command("approveAdjustment", ADJUSTMENT, of.clone()).done()["adjustment"].clone();
    assert_eq!((posted["status"].as_str(), cast.balance("suspense").abs()), (Some("POSTED"), 10));
    assert_eq!(cast.finance2.command("approveAdjustment", ADJUSTMENT, of).refused(), "SYS006");
}

/// The provider's report matches what was captured and takes it off the clearing account; what it does not say is open until
/// somebody explains it.
fn reconcile(cast: &Cast) {
    let today = domain::calendar::day_of(cast.now());
    let from = today.checked_sub(kernel::jiff::Span::new().days(60)).unwrap();
    let days = json!({ "from": from.to_string(), "to": today.to_string() });
    cast.finance.command("fetchSettlements", "statement { id }", days.clone()).done();
    let lines = cast.auditor.query(&format!("{{ {RECON} }}"), json!({}))["reconLines"]["nodes"].clone();
    assert_eq!((lines[0]["outcome"].as_str(), lines[0]["open"].as_bool()), (Some("MATCHED"), Some(false)), "{lines}");
    assert!(lines[0]["payment"]["id"].is_string() && cast.balance("psp_clearing") == 0, "the provider has paid what it held");
    assert_eq!(cast.balance("psp_fee_expense") + cast.balance("psp_fee_vat") + cast.balance("bank"), 40_000);
    assert_eq!(cast.finance.command("fetchSettlements", "statement { id }", days).refused(), "RECON001", "the same bytes are taken once");
    let row = "date,amount,reference\n2026-11-03,777,누구\n";
    let bank = json!({ "source": "BANK", "content": row });
    cast.finance.command("importStatement", "statement { id }", bank).done();
    let open = "{ reconLines(open: true, first: 10) { nodes { id outcome ageDays } } }";
    let unknown = cast.auditor.query(open, json!({}))["reconLines"]["nodes"][0].clone();
    assert_eq!((unknown["outcome"].as_str(), unknown["ageDays"].as_i64()), (Some("MISSING_HERE"), Some(0)));
    let explained = json!({ "exceptionId": unknown["id"], "reason": "다른 사업의 입금" });
    cast.finance.command("resolveReconException", "reconLine { open resolution }", explained.clone()).done();
    assert_eq!(cast.finance.command("resolveReconException", "reconLine { open }", explained).refused(), "SYS007");
    assert!(cast.auditor.query(open, json!({}))["reconLines"]["nodes"].as_array().unwrap().is_empty());
    let bad = json!({ "source": "BANK", "content": "date,amount,reference\n2026-11-03,x,y\n" });
    assert_eq!(cast.finance.command("importStatement", "statement { id }", bad).refused(), "RECON002");
}

/// A month is closed once it is over: balances, tree and the digest of an export that anybody can make again.
fn close_month(cast: &Cast) {
    let period = "period { id month treeSize treeRoot signedHead exportFormat exportSha256 closedBy { id } balances { account balance { amount } } }";
    let month = domain::calendar::Month::of(cast.now());
    let of = json!({ "month": month.to_string() });
    assert_eq!(cast.finance.command("closePeriod", period, of.clone()).refused(), "LEDGER003");
    cast.advance_to(month.end());
    let closed = cast.finance.command("closePeriod", period, of.clone()).done()["period"].clone();
    let head = eventlog::tree::SignedHead::read(&text(&closed["signedHead"])).unwrap().head;
    assert_eq!(
        (head.size.to_string(), hex(&head.root)),
        (text(&closed["treeSize"]), text(&closed["treeRoot"])),
        "the close names a signed head"
    );
    let path = format!("/exports/{}?to={}", text(&closed["exportFormat"]), text(&closed["treeSize"]));
    let (_, _, copy) = get(&cast.auditor, &path);
    assert_eq!(hex(&Sha256::digest(copy.as_bytes())), text(&closed["exportSha256"]), "the same log gives the same bytes");
    let fee = closed["balances"].as_array().unwrap().iter().find(|balance| balance["account"] == "fee_revenue").cloned();
    assert_eq!(won(&fee.unwrap()["balance"]), -5_455);
    assert_eq!(cast.finance2.command("closePeriod", period, of).refused(), "LEDGER004");
}
