//! An order and its stock as they change, and again from a cursor.

use daybook_tests::server::Socket;

use super::*;

const ORDERS: &str = "subscription($id: ID!, $after: String) { shopOrderUpdated(id: $id, after: $after) { cursor node { id status } } }";
const UNITS: &str =
    "subscription($sku: ID!, $after: String) { stockChanged(sku: $sku, after: $after) { cursor node { onHand reserved available } } }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let ware = cast.on_shelf("제주 감귤 5kg", 10_000, 3);
    let order = cast.order(&[line(&ware, 2)]);
    strangers(cast, &order, &ware);
    watched(cast, &order, &ware);
    cast.close();
}

fn strangers(cast: &Cast, order: &Order, ware: &Ware) {
    for (by, query, variables, code) in [
        (&cast.guest2, ORDERS, json!({ "id": order.id }), "SYS007"),
        (&cast.book.client(), ORDERS, json!({ "id": order.id }), "AUTH002"),
        (&cast.guest, UNITS, json!({ "sku": ware.sku }), "SYS007"),
        (&cast.guest, ORDERS, json!({ "id": order.id, "after": "nonsense" }), "SYS003"),
    ] {
        let mut socket = Socket::open(by);
        socket.subscribe("s", query, &variables);
        let message = socket.hear().unwrap();
        let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
        assert_eq!(errors[0]["extensions"]["code"], code, "{query}: {message}");
    }
}

/// Each step once, for a client that was there and for one that comes later with a cursor.
fn watched(cast: &Cast, order: &Order, ware: &Ware) {
    // Both begin where the order was placed: what comes now is missed by nobody.
    let edges = "query($stream: String) { events(filter: { stream: $stream }, first: 1) { edges { cursor } } }";
    let start = cast.auditor.query(edges, json!({ "stream": order.id }))["events"]["edges"][0]["cursor"].clone();
    let (mut buyer, mut seller) = (Socket::open(&cast.guest), Socket::open(&cast.host));
    buyer.subscribe("order", ORDERS, &json!({ "id": order.id, "after": start }));
    seller.subscribe("units", UNITS, &json!({ "sku": ware.sku, "after": start }));
    cast.pay_order(order, "sandbox-ok-card").done();
    cast.ship(order, &[line(ware, 1)]).done();
    cast.ship(order, &[]).done();
    cast.with_order(&cast.guest, "confirmDelivery", order).done();
    let steps: Vec<_> = (0..4).map(|_| buyer.next("order", "shopOrderUpdated")).collect();
    let stands: Vec<_> = steps.iter().map(|item| text(&item["node"]["status"])).collect();
    assert_eq!(stands, ["PAID", "PARTIALLY_SHIPPED", "SHIPPED", "DELIVERED"]);
    // Reserved with the order, confirmed, and out in two parcels.
    let units = |item: &Value| (item["node"]["onHand"].as_i64().unwrap(), item["node"]["reserved"].as_i64().unwrap());
    let moved: Vec<_> = (0..4).map(|_| units(&seller.next("units", "stockChanged"))).collect();
    assert_eq!(moved, [(3, 2), (3, 2), (2, 1), (1, 0)]);
    let mut late = Socket::open(&cast.guest);
    late.subscribe("again", ORDERS, &json!({ "id": order.id, "after": steps[1]["cursor"] }));
    assert_eq!([late.next("again", "shopOrderUpdated"), late.next("again", "shopOrderUpdated")], [steps[2].clone(), steps[3].clone()]);
    // Everything goes back, so that nothing stays in escrow.
    cast.give_back(order, &[]).done();
    cast.with_order(&cast.host, "approveReturn", order).done();
    assert_eq!(units(&seller.next("units", "stockChanged")), (3, 0));
    cast.advance(kernel::jiff::SignedDuration::ZERO);
}
