//! What keeps money from leaving, and the invoice for what the platform kept: days without banks, holds, fee invoices.

use daybook_tests::server::{Client, Variant, texts};
use domain::calendar::{Month, day_of, is_business_day, payable_from};
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cast::{Cast, SETTLEMENT, instant, scenario, text, won};

const HOLD: &str = "payoutHold { active reason releaseReason heldBy { id } releasedBy { id } waitingSettlementIds }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    cast.driven(30, 4);
    let (month, host) = (Month::of(cast.now()), text(&cast.host.query("{ me { id } }", json!({}))["me"]["id"]));
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    hold(cast, &host);
    let settlement = held_back(cast, &host);
    released_on_a_saturday(cast, &host, &settlement);
    invoice(cast, month, &host);
    cast.close();
}

fn of(host: &str) -> Value {
    json!({ "hostId": host, "reason": "계좌 확인" })
}

/// While payouts are held, a new batch leaves the host's lines out.
fn hold(cast: &Cast, host: &str) {
    let document = "mutation($input: SetPayoutHoldInput!) { setPayoutHold(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "idempotencyKey": "hold", "hostId": host, "reason": "계좌 확인" } });
    assert_eq!(cast.auditor.send(document, &input).code(), "AUTH010");
    assert_eq!(cast.finance.command("setPayoutHold", HOLD, of("user-00000000-0000-7000-8000-000000000001")).refused(), "SYS007");
    assert_eq!(cast.finance.command("setPayoutHold", HOLD, json!({ "hostId": host, "reason": "" })).refused(), "SYS003");
    assert_eq!(cast.finance.command("releasePayoutHold", HOLD, of(host)).refused(), "SETTLE005");
    let held = cast.finance.command("setPayoutHold", HOLD, of(host)).done()["payoutHold"].clone();
    assert_eq!((held["active"].as_bool(), held["reason"].as_str()), (Some(true), Some("계좌 확인")), "{held}");
    assert_eq!(cast.finance2.command("setPayoutHold", HOLD, of(host)).refused(), "SETTLE004");
    let opened = open(cast);
    assert_eq!(opened["lines"]["nodes"].as_array().unwrap().len(), 0, "{opened}");
    let cancel = json!({ "settlementId": opened["id"], "reason": "보류" });
    cast.finance.command("cancelSettlement", SETTLEMENT, cancel).done();
    let released = cast.finance2.command("releasePayoutHold", HOLD, of(host)).done()["payoutHold"].clone();
    assert_eq!((released["active"].as_bool(), released["heldBy"] == released["releasedBy"]), (Some(false), false), "{released}");
}

fn open(cast: &Cast) -> Value {
    let until = json!({ "periodEnd": cast.now().to_string() });
    cast.finance.command("openSettlement", SETTLEMENT, until).done()["settlement"].clone()
}

fn settlement(cast: &Cast, id: &str) -> Value {
    let query = "query($id: ID!) { settlement(id: $id) { status payoutsDueAt payouts(first: 9) { nodes { status amount { amount } } } } }";
    cast.auditor.query(query, json!({ "id": id }))["settlement"].clone()
}

/// A hold that comes after the review keeps the approved payout back.
fn held_back(cast: &Cast, host: &str) -> String {
    let opened = open(cast);
    assert_eq!(opened["lines"]["nodes"].as_array().unwrap().len(), 1, "{opened}");
    let id = text(&opened["id"]);
    cast.finance.command("setPayoutHold", HOLD, of(host)).done();
    cast.finance2.command("approveSettlement", SETTLEMENT, json!({ "settlementId": id })).done();
    cast.advance(SignedDuration::ZERO);
    let waits = settlement(cast, &id);
    assert_eq!((waits["status"].as_str(), waits["payouts"]["nodes"].as_array().unwrap().len()), (Some("PARTLY_PAID"), 0), "{waits}");
    let holds = cast.auditor.query("{ payoutHolds(active: true, first: 9) { nodes { waitingSettlementIds } } }", json!({}));
    assert_eq!(holds["payoutHolds"]["nodes"][0]["waitingSettlementIds"][0], id.as_str(), "{holds}");
    id
}

/// What is released on a day without banks leaves on the next business day.
fn released_on_a_saturday(cast: &Cast, host: &str, id: &str) {
    while is_business_day(day_of(cast.now())) {
        cast.advance(SignedDuration::from_hours(24));
    }
    cast.finance.command("releasePayoutHold", HOLD, of(host)).done();
    let opens = payable_from(cast.now());
    let waits = settlement(cast, id);
    assert_eq!((waits["payouts"]["nodes"].as_array().unwrap().len(), instant(&waits["payoutsDueAt"])), (0, opens), "{waits}");
    cast.advance_to(opens);
    let paid = settlement(cast, id);
    assert_eq!((paid["status"].as_str(), paid["payoutsDueAt"].is_null()), (Some("PAID"), true), "{paid}");
    assert_eq!((won(&paid["payouts"]["nodes"][0]["amount"]), cast.balance("bank").abs()), (34_000, 34_000));
}

/// On the 5th of the next month there is an invoice for the fee; its host, finance and auditors read it.
fn invoice(cast: &Cast, month: Month, host: &str) {
    let query = "query($month: String, $host: ID) { feeInvoices(month: $month, hostId: $host, first: 9) { nodes { id number month writtenOn dueOn \
                 supplier { registrationNumber } recipient { name registrationNumber } supplyAmount { amount } vat { amount } total { amount } \
                 lineCount lines { kind purposeId gross { amount } fee { amount } vat { amount } payment { id } } documentUrl } } }";
    let of_month = json!({ "month": month.to_string() });
    let find = |who: &Client, which: &Value| who.query(query, which.clone())["feeInvoices"]["nodes"].clone();
    cast.advance_to(month.next().day(4));
    cast.advance_to(month.next().day(5));
    let found = find(&cast.host, &of_month);
    let one = found[0].clone();
    assert_eq!((won(&one["supplyAmount"]), won(&one["vat"]), won(&one["total"])), (5_455, 545, 6_000), "{found}");
    assert_eq!((one["number"].as_str(), one["recipient"]["name"].as_str()), (Some(format!("{month}-000001").as_str()), Some("김하늘")));
    assert_eq!(
        (&one["lineCount"], &one["lines"][0]["kind"], &one["lines"][0]["gross"]["amount"]),
        (&json!(1), &json!("EARNED"), &json!("40000"))
    );
    let explained = cast.auditor.query("query($id: ID!) { explain(id: $id, first: 9) { nodes { kind } } }", json!({ "id": one["id"] }));
    assert_eq!(texts(&explained["explain"]["nodes"], "kind"), ["payment_completed", "escrow_released"]);
    let (written, due) = (one["writtenOn"].as_str().unwrap(), one["dueOn"].as_str().unwrap());
    assert!(written.starts_with(&month.to_string()) && due == format!("{}-10", month.next()), "{one}");
    assert_eq!(texts(&find(&cast.auditor, &json!({ "month": month.to_string(), "host": host })), "id"), texts(&found, "id"));
    assert_eq!(find(&cast.guest, &json!({})), json!([]));
    assert_eq!(cast.guest.send(query, &json!({ "host": host })).code(), "AUTH010");
    let url = text(&one["documentUrl"]);
    let page = |client: &Client| fetch(client, &url);
    let (status, body) = page(&cast.host);
    assert!(status == 200 && body.contains("공급가액") && body.contains("5455 KRW"), "{body}");
    assert_eq!((page(&cast.auditor).0, page(&cast.guest).0, page(&cast.book.client()).0), (200, 404, 401));
    // The same month is not invoiced twice.
    cast.advance(SignedDuration::from_hours(24 * 40));
    assert_eq!(texts(&find(&cast.host, &json!({})), "id"), texts(&found, "id"));
}

/// Status and text of an address, asked for with the client's token.
fn fetch(client: &Client, url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.get(url);
    if let Some(token) = client.token() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}
