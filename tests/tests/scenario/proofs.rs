//! A payment and a payout are proved by what the server gives to everybody, and by nothing else of it.

use std::time::{Duration, Instant};

use daybook_tests::server::Variant;
use eventlog::tree::{SignedHead, TlogProof, VerifierKey};
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cast::{Cast, SETTLEMENT, scenario};

const PROOF: &str = "proof { url event { id position type leafHash payloadText proofUrl } }";
/// How long sealing may take on a busy machine; it is due every second.
const SEALED: Duration = Duration::from_secs(60);

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let trip = cast.paid(3, 4);
    let key = keys(cast).remove(0);
    let payment = proved(cast, &key, "payment", &cast.payment(&trip)["id"]);
    assert_eq!(payment["type"], "PaymentCompleted");
    cast.advance_to(trip.starts_at);
    let readings = json!({ "bookingId": trip.id, "odometerKm": 1 });
    cast.guest.command("startTrip", "booking { id }", readings.clone()).done();
    cast.guest.command("endTrip", "booking { id }", readings).done();
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    let until = json!({ "periodEnd": cast.now().to_string() });
    let opened = cast.finance.command("openSettlement", SETTLEMENT, until).done()["settlement"].clone();
    cast.finance2.command("approveSettlement", SETTLEMENT, json!({ "settlementId": opened["id"] })).done();
    cast.advance(SignedDuration::ZERO);
    let query = "query($id: ID!) { settlement(id: $id) { payouts(first: 1) { nodes { id } } } }";
    let payout = cast.auditor.query(query, json!({ "id": opened["id"] }))["settlement"]["payouts"]["nodes"][0]["id"].clone();
    let payout = proved(cast, &key, "payout", &payout);
    assert_eq!(payout["type"], "PayoutCompleted");
    head_and_tiles(cast, &key);
    cast.close();
}

/// Whatever an address answers: status, type, caching, bytes.
fn fetch(url: &str) -> (u16, String, String, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call().unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let (content, cache) = (header("content-type"), header("cache-control"));
    (response.status().as_u16(), content, cache, response.body_mut().read_to_vec().unwrap())
}

fn served(cast: &Cast, path: &str) -> (u16, String, String, Vec<u8>) {
    fetch(&format!("{}{path}", cast.book.client().url()))
}

fn keys(cast: &Cast) -> Vec<VerifierKey> {
    let until = Instant::now() + SEALED;
    loop {
        let (status, content, _, lines) = served(cast, "/log/vkey");
        if status == 200 {
            assert_eq!(content, "text/plain; charset=utf-8");
            return String::from_utf8(lines).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        }
        assert!(Instant::now() < until, "no key after {SEALED:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for the proof of a payment or payout, checks it, and gives the event that it proves.
fn proved(cast: &Cast, key: &VerifierKey, of: &str, id: &Value) -> Value {
    let on = if of == "payment" { "Payment" } else { "Payout" };
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on {on} {{ {PROOF} }} }} }}");
    let until = Instant::now() + SEALED;
    let proof = loop {
        let proof = cast.host.query(&query, json!({ "id": id }))["node"]["proof"].clone();
        if !proof.is_null() {
            break proof;
        }
        assert!(Instant::now() < until, "{of} {id} has no proof after {SEALED:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let event = &proof["event"];
    assert_eq!(event["proofUrl"], proof["url"]);
    let (status, content, _, bytes) = fetch(proof["url"].as_str().unwrap());
    assert_eq!((status, content.as_str()), (200, "text/plain; charset=utf-8"));
    let file: TlogProof = String::from_utf8(bytes).unwrap().parse().unwrap();
    assert_eq!((file.index + 1).to_string(), event["position"].as_str().unwrap());
    let leaf = event["leafHash"].as_str().unwrap();
    let leaf: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&leaf[at..at + 2], 16).unwrap()).collect();
    let leaf: [u8; 32] = leaf.try_into().unwrap();
    assert_eq!(file.verify(&leaf, std::slice::from_ref(key)), Ok(()));
    assert!(file.verify(&[1; 32], std::slice::from_ref(key)).is_err());
    event.clone()
}

fn head_and_tiles(cast: &Cast, key: &VerifierKey) {
    let (status, content, cache, note) = served(cast, "/log/checkpoint");
    assert_eq!((status, content.as_str(), cache.as_str()), (200, "text/plain; charset=utf-8", "no-cache"));
    let signed = SignedHead::trusted(&String::from_utf8(note).unwrap(), std::slice::from_ref(key)).unwrap();
    let shown = cast.guest.query("{ logHead { size rootHash signedNote } }", json!({}))["logHead"].clone();
    let newer = SignedHead::trusted(shown["signedNote"].as_str().unwrap(), std::slice::from_ref(key)).unwrap();
    assert!(newer.head.size >= signed.head.size && shown["size"].as_str() == Some(&newer.head.size.to_string()));
    assert!(newer.note.lines().nth(2) == shown["rootHash"].as_str());
    let width = signed.head.size.min(200);
    let (status, content, cache, hashes) = served(cast, &format!("/log/tile/0/000.p/{width}"));
    assert_eq!((status, content.as_str()), (200, "application/octet-stream"));
    assert!(cache.contains("immutable") && hashes.len() as u64 == width * 32, "{cache}");
    let (status, content, _, bundle) = served(cast, "/log/tile/entries/000.p/1");
    assert_eq!(
        (status, content.as_str(), usize::from(bundle[0]) * 256 + usize::from(bundle[1])),
        (200, "application/octet-stream", bundle.len() - 2)
    );
    for absent in [
        "/log/tile/0/999",
        "/log/tile/9/000.p/1",
        "/log/tile/0/0",
        "/log/tile/x",
        "/log/proof/0.tlog-proof",
        "/log/proof/999999.tlog-proof",
        "/log/proof/01.tlog-proof",
        "/log/proof/1",
    ] {
        let (status, _, cache, _) = served(cast, absent);
        assert!(status == 404 && !cache.contains("immutable"), "{absent}: {status}");
    }
}
