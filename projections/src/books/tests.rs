//! Entries are posted again from what is stored of the events.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use eventlog::{LeafRecord, payload_digest};
use uuid::Uuid;

use super::Books;

fn record<'r>(position: u64, stream: &'r str, event_type: &'r str, payload: &str) -> LeafRecord<'r> {
    LeafRecord {
        position,
        stream,
        version: 1,
        event_id: Uuid::from_u128(1),
        event_type,
        schema_version: 1,
        recorded_at: 1,
        occurred_at: 1,
        actor: "anonymous",
        correlation_id: Uuid::nil(),
        causation_id: None,
        command_id: Uuid::nil(),
        payload_digest: payload_digest(payload.as_bytes()),
    }
}

#[tokio::test]
async fn an_event_that_does_not_post_as_it_should_is_named() {
    let nowhere = eventlog::StoreUrl::Sqlite("/nowhere".into());
    let mut books = Books::open(&nowhere, true).await.unwrap();
    let (stream, won) = ("payment-00000000-0000-0000-0000-000000000001", |minor: u32| format!(r#"{{"minor":"{minor}","currency":"KRW"}}"#));
    let release = |net| {
        let (all, fee, vat, net) = (won(100), won(15), won(1), won(net));
        format!(
            r#"{{"purpose":"booking-00000000-0000-0000-0000-000000000002","host":"user-00000000-0000-0000-0000-000000000003","amount":{all},"fee":{fee},"vat":{vat},"net":{net},"at":"2026-11-02T00:00:00Z"}}"#
        )
    };
    books.event(&record(1, stream, "EscrowReleased", &release(85)), &release(85)).unwrap();
    let wrong = books.event(&record(2, stream, "EscrowReleased", &release(84)), &release(84)).unwrap_err();
    assert!(wrong.position == 2 && wrong.wrong.contains("does not balance"), "{wrong:?}");
    let wrong = books.event(&record(3, stream, "EscrowReleased", "{}"), "{}").unwrap_err();
    assert_eq!(wrong.position, 3);
    books.event(&record(4, "booking-1", "Whatever", "no JSON"), "no JSON").unwrap();
}
