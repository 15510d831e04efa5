//! Keys of programs and of exchanges.

use daybook_tests::server::Client;
use serde_json::{Value, json};

use super::secrets::{EXCHANGE_KEY, EXCHANGE_SECRET};
use super::{Person, Staff, opens};
use crate::cast::Cast;

fn codes(answer: &daybook_tests::server::Answer) -> (u16, String) {
    (answer.status, answer.code().to_owned())
}

/// A program does what its owner may and its key names, and never what only a person does.
pub fn programs(cast: &Cast, staff: &Staff) {
    let owner = Person::new(cast, "maker", "HOST");
    let client = owner.client(cast);
    let issue =
        |scopes: Value| client.command("issueApiKey", "secret apiKey { id prefix scopes }", json!({ "label": "장부", "scopes": scopes }));
    assert_eq!(issue(json!(["HOST", "ADMIN"])).refused(), "AUTH011");
    let input = json!({ "idempotencyKey": "key-1", "label": "장부", "scopes": ["HOST"] });
    let made = client.mutate("issueApiKey", "secret apiKey { id prefix }", &input).done();
    let again = client.mutate("issueApiKey", "secret apiKey { id }", &input).done();
    assert_eq!((&made["secret"], &again["receipt"]["replayed"]), (&again["secret"], &json!(true)));
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with(made["apiKey"]["prefix"].as_str().unwrap()) && secret.len() > 90);
    let program = cast.book.client().with_token(&secret);
    assert_eq!(program.query("{ me { id } }", json!({}))["me"]["id"], owner.id);
    for mutation in [
        "changePassword(input: { oldPassword: \"x\", newPassword: \"y\" })",
        "issueApiKey(input: { label: \"x\", scopes: [HOST] })",
        "changeEmail(input: { email: \"thief@people.example\" })",
        "eraseUser(input: {})",
        "deactivateUser(input: {})",
    ] {
        let answer = program.send(&format!("mutation {{ {mutation} {{ userErrors {{ code }} }} }}"), &json!({}));
        assert_eq!(codes(&answer), (200, "AUTH010".to_owned()), "{mutation}");
    }
    assert_eq!(program.send("mutation { logout(input: {}) { userErrors { code } } }", &json!({})).code(), "AUTH002");
    let listed = client.query("{ myApiKeys { nodes { id isRevoked } } }", json!({}));
    assert_eq!(listed["myApiKeys"]["nodes"].as_array().map(Vec::len), Some(1));
    let of = json!({ "apiKeyId": made["apiKey"]["id"] });
    assert_eq!(cast.guest2.command("revokeApiKey", "apiKey { id }", of.clone()).refused(), "SYS007");
    client.command("revokeApiKey", "apiKey { isRevoked }", of).done();
    assert!(!opens(cast, &secret));
    let other = issue(json!(["HOST"])).done()["secret"].as_str().unwrap().to_owned();
    let last = if other.ends_with('0') { '1' } else { '0' };
    assert!(opens(cast, &other) && !opens(cast, &format!("{}{last}", &other[..other.len() - 1])));
    let lock = json!({ "userId": owner.id, "reason": "시험" });
    staff.admin.command("suspendUser", "user { id }", lock).done();
    assert!(!opens(cast, &other), "a key is no way around a locked account");
}

/// A trader's key is kept encrypted, once, and cannot take money out.
pub fn exchanges(cast: &Cast, staff: &Staff) {
    let trader = Person::new(cast, "trader", "GUEST");
    let client = trader.client(cast);
    let wish = |key: &str, permissions: Value, is_testnet: bool| json!({ "exchange": "Binance", "apiKey": key, "apiSecret": EXCHANGE_SECRET, "permissions": permissions, "isTestnet": is_testnet });
    let register = "mutation($input: RegisterExchangeKeyInput!) { registerExchangeKey(input: $input) { userErrors { code } } }";
    let answer = client.send(register, &json!({ "input": wish(EXCHANGE_KEY, json!(["READ"]), true) }));
    assert_eq!(answer.code(), "AUTH010", "that is for traders");
    staff.admin.command("grantRole", "user { id }", json!({ "userId": trader.id, "role": "TRADER" })).done();
    let register = |input| client.command("registerExchangeKey", "exchangeKey { id maskedKey isTestnet }", input);
    assert_eq!(register(wish(EXCHANGE_KEY, json!(["READ", "WITHDRAW"]), true)).refused(), "KEY002");
    assert_eq!(register(wish(EXCHANGE_KEY, json!(["READ"]), false)).refused(), "KEY003");
    let key = register(wish(EXCHANGE_KEY, json!(["READ", "TRADE"]), true)).done()["exchangeKey"].clone();
    assert_eq!(key["maskedKey"], format!("****{}", &EXCHANGE_KEY[EXCHANGE_KEY.len() - 4..]));
    assert_eq!(register(wish(EXCHANGE_KEY, json!(["READ"]), true)).refused(), "KEY001");
    let rotate =
        json!({ "exchangeKeyId": key["id"], "apiKey": "another-exchange-key-1", "apiSecret": EXCHANGE_SECRET, "permissions": ["TRADE"] });
    assert_eq!(client.command("rotateExchangeKey", "exchangeKey { maskedKey }", rotate).done()["exchangeKey"]["maskedKey"], "****ey-1");
    let end = json!({ "exchangeKeyId": key["id"] });
    client.command("deactivateExchangeKey", "exchangeKey { isActive }", end).done();
    real_money(cast, &client);
    let kept = client.query("{ myExchangeKeys(last: 1) { nodes { isActive maskedKey } } }", json!({}));
    assert_eq!(kept["myExchangeKeys"]["nodes"], json!([{ "isActive": false, "maskedKey": "****ey-1" }]));
}

/// A key of real money needs a second factor: a code to the telephone that was proved, which is good once.
fn real_money(cast: &Cast, trader: &Client) {
    let wish = |key: &str, code: &str| json!({ "exchange": "Binance", "apiKey": key, "apiSecret": EXCHANGE_SECRET, "permissions": ["READ"], "isTestnet": false, "secondFactor": code });
    let register = |key: &str, code: &str| trader.command("registerExchangeKey", "exchangeKey { isTestnet }", wish(key, code));
    let request = || trader.mutate("requestSecondFactor", "user { id }", &json!({}));
    assert_eq!(request().refused(), "KEY003", "no number is proved yet");
    trader.mutate("resendVerification", "user { id }", &json!({ "channel": "PHONE" })).done();
    let code = cast.book.code_after("***-5678", "phone code: ");
    trader.command("verifyPhone", "user { id }", json!({ "code": code })).done();
    assert_eq!(register("real-money-key-1", &code).refused(), "KEY003", "a code proves one thing");
    request().done();
    let code = cast.book.code_after("***-5678", "second factor: ");
    assert_eq!(register("real-money-key-1", &code).done()["exchangeKey"]["isTestnet"], false);
    assert_eq!(register("real-money-key-2", &code).refused(), "KEY003", "a code is good once");
}
