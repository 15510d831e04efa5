//! What the shop says no to, in which words, and that a no leaves nothing behind.

use uuid::Uuid;

use super::*;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let ware = cast.on_shelf("제주 감귤 5kg", 10_000, 10);
    short(cast, &ware);
    malformed(cast, &ware);
    not_for_sale(cast, &ware);
    price_changed(cast);
    limited(cast);
    strangers(cast, &ware);
    one_key(cast, &ware);
    cast.close();
}

fn place(cast: &Cast, lines: &[Value]) -> Outcome {
    cast.guest.command("placeShopOrder", ORDER, wish(lines))
}

/// Every short line is named, and none of the others is reserved.
fn short(cast: &Cast, ware: &Ware) {
    let (few, none) = (cast.on_shelf("한라봉 3kg", 20_000, 2), cast.on_shelf("레드향 3kg", 25_000, 0));
    let head = cast.head();
    let refused = place(cast, &[line(ware, 1), line(&few, 3), line(&none, 1)]);
    let error = refused.0["userErrors"][0].clone();
    assert_eq!((error["code"].as_str(), error["field"].clone()), (Some("SHOP001"), json!(["lines"])), "{error}");
    assert_eq!(error["details"]["products"], format!("{}, {}", few.id, none.id), "{error}");
    assert_eq!(error["details"]["available"], "2, 0", "{error}");
    assert_eq!(refused.refused(), "SHOP001");
    assert_eq!((cast.head(), cast.units(ware), cast.units(&few)), (head, (10, 0), (2, 0)), "all or none");
    let order = cast.order(&[line(ware, 4)]);
    let adjust = |change: i64| cast.host.command("adjustStock", STOCK, json!({ "sku": ware.sku, "change": change, "reason": "파손" }));
    assert_eq!(adjust(-7).refused(), "SHOP001", "four of them are promised");
    let counted = adjust(-6).done()["stockLevel"].clone();
    assert_eq!((&counted["onHand"], &counted["reserved"], &counted["available"]), (&json!(4), &json!(4), &json!(0)));
    adjust(6).done();
    cast.cancel_order(&cast.guest, &order).done();
}

fn malformed(cast: &Cast, ware: &Ware) {
    let field = |lines: &[Value]| {
        let refused = place(cast, lines);
        let error = refused.0["userErrors"][0].clone();
        format!("{} {}", refused.refused(), daybook_tests::server::texts(&json!([error]), "code").len())
    };
    for lines in [&[][..], &[line(ware, 0)], &[line(ware, -1)], &[line(ware, 1_000)], &[line(ware, 1), line(ware, 2)]] {
        assert_eq!(field(lines), "SYS003 1", "{lines:?}");
    }
    let mut input = wish(&[line(ware, 1)]);
    input["address"]["phone"] = "전화".into();
    assert_eq!(cast.guest.command("placeShopOrder", ORDER, input).refused(), "SYS003");
    let mut input = wish(&[line(ware, 1)]);
    input["expectedTotal"] = json!({ "amount": "10000", "currency": "USD" });
    assert_eq!(cast.guest.command("placeShopOrder", ORDER, input).refused(), "SYS003");
    for price in ["0", "-1", "100000001"] {
        let input = json!({ "productId": ware.id, "price": { "amount": price, "currency": "KRW" } });
        assert_eq!(cast.host.command("changePrice", PRODUCT, input).refused(), "SHOP002", "{price}");
    }
}

fn not_for_sale(cast: &Cast, ware: &Ware) {
    let created = json!({ "name": "초안", "category": "식품", "price": { "amount": "1000", "currency": "KRW" } });
    let draft = cast.host.command("createProduct", PRODUCT, created.clone()).done()["product"].clone();
    let draft = Ware { id: text(&draft["id"]), sku: text(&draft["sku"]) };
    let archived = cast.on_shelf("지난 계절 귤", 1_000, 5);
    cast.host.command("archiveProduct", PRODUCT, json!({ "productId": archived.id })).done();
    let missing = Ware { id: format!("product-{}", Uuid::new_v4()), sku: String::new() };
    let nothing = Ware { id: "귤".to_owned(), sku: String::new() };
    for other in [&draft, &archived, &missing, &nothing] {
        let refused = place(cast, &[line(ware, 1), line(other, 1)]);
        assert_eq!(refused.0["userErrors"][0]["field"], json!(["lines", "1", "productId"]), "{}", refused.0);
        assert_eq!(refused.refused(), "SHOP002", "{other:?}");
    }
    assert_eq!(cast.host.command("placeShopOrder", ORDER, wish(&[line(ware, 1)])).refused(), "SHOP002", "one's own");
    assert_eq!(cast.host.command("publishProduct", PRODUCT, json!({ "productId": archived.id })).refused(), "SHOP002", "for good");
    assert_eq!(forbidden(&cast.guest, "createProduct", created), "AUTH010", "guests sell nothing");
    assert_eq!(forbidden(&cast.book.client(), "placeShopOrder", wish(&[line(ware, 1)])), "AUTH002");
}

fn price_changed(cast: &Cast) {
    let ware = cast.on_shelf("천혜향 3kg", 20_000, 3);
    let before = cast.order(&[line(&ware, 1)]);
    let price = |amount: &str| json!({ "amount": amount, "currency": "KRW" });
    cast.host.command("changePrice", PRODUCT, json!({ "productId": ware.id, "price": price("22000") })).done();
    let mut input = wish(&[line(&ware, 1)]);
    input["expectedTotal"] = price("20000");
    assert_eq!(cast.guest2.command("placeShopOrder", ORDER, input.clone()).refused(), "SHOP003");
    input["expectedTotal"] = price("22000");
    let after = cast.guest2.command("placeShopOrder", ORDER, input).done()["shopOrder"].clone();
    assert_eq!(won(&after["total"]), 22_000);
    let kept = cast.shop_order(&before);
    assert_eq!((won(&kept["total"]), won(&kept["lines"][0]["unitPrice"])), (20_000, 20_000), "frozen");
    assert_eq!(won(&kept["lines"][0]["product"]["price"]), 22_000, "as it is today");
    cast.cancel_order(&cast.guest, &before).done();
    cast.cancel_order(&cast.guest2, &Order { id: text(&after["id"]), total: 22_000 }).done();
}

fn limited(cast: &Cast) {
    let price = json!({ "amount": "5000", "currency": "KRW" });
    let ware = cast.on_shelf_with(json!({ "name": "한정판", "category": "식품", "price": price, "maxPerBuyer": 2 }), 10);
    assert_eq!(place(cast, &[line(&ware, 3)]).refused(), "SHOP004");
    let order = cast.order(&[line(&ware, 2)]);
    assert_eq!(place(cast, &[line(&ware, 1)]).refused(), "SHOP004", "two orders of one buyer");
    let other = cast.guest2.command("placeShopOrder", ORDER, wish(&[line(&ware, 2)])).done()["shopOrder"].clone();
    cast.cancel_order(&cast.guest, &order).done();
    let again = cast.order(&[line(&ware, 1)]);
    cast.cancel_order(&cast.guest, &again).done();
    cast.cancel_order(&cast.guest2, &Order { id: text(&other["id"]), total: 10_000 }).done();
}

/// Other people's orders are not found; one's own cannot be handled from the other side.
fn strangers(cast: &Cast, ware: &Ware) {
    let order = cast.order(&[line(ware, 1)]);
    assert!(seen_by(&cast.guest2, &order).is_null());
    let nobody = cast.book.client().send("query($id: ID!) { shopOrder(id: $id) { id } }", &json!({ "id": order.id }));
    assert_eq!(nobody.code(), "AUTH002");
    assert!(cast.guest2.query("query($id: ID!) { node(id: $id) { id } }", json!({ "id": order.id }))["node"].is_null());
    assert_eq!(cast.cancel_order(&cast.guest2, &order).refused(), "SYS007");
    assert_eq!(cast.guest2.command("confirmPayment", PAYMENT, cast.order_payment(&order, "sandbox-ok-card")).refused(), "SYS007");
    for mutation in ["confirmDelivery", "approveReturn", "withdrawReturn"] {
        assert_eq!(cast.with_order(&cast.guest2, mutation, &order).refused(), "SYS007", "{mutation}");
        let nothing = Order { id: "shoporder-1".to_owned(), total: 0 };
        assert_eq!(cast.with_order(&cast.guest, mutation, &nothing).refused(), "SYS007", "{mutation}");
    }
    let parcel = json!({ "orderId": order.id, "carrier": "우체국", "trackingNumber": "1" });
    assert_eq!(cast.guest2.command("shipShopOrder", ORDER, parcel.clone()).refused(), "SYS007");
    assert_eq!(forbidden(&cast.guest, "shipShopOrder", parcel), "AUTH010", "the buyer sends nothing");
    assert_eq!(forbidden(&cast.host, "confirmDelivery", json!({ "orderId": order.id })), "AUTH010", "the seller receives nothing");
    assert_eq!(forbidden(&cast.host, "confirmPayment", cast.order_payment(&order, "sandbox-ok-card")), "AUTH010");
    for (mutation, input) in [
        ("receiveStock", json!({ "sku": ware.sku, "quantity": 1 })),
        ("changePrice", json!({ "productId": ware.id, "price": { "amount": "1", "currency": "KRW" } })),
        ("archiveProduct", json!({ "productId": ware.id })),
    ] {
        assert_eq!(forbidden(&cast.guest, mutation, input), "AUTH010", "{mutation}");
    }
    cast.cancel_order(&cast.guest, &order).done();
}

/// A retry is answered with the first order; the same key for another wish is refused.
fn one_key(cast: &Cast, ware: &Ware) {
    let mut input = wish(&[line(ware, 1)]);
    input["idempotencyKey"] = Uuid::new_v4().to_string().into();
    let first = cast.guest.mutate("placeShopOrder", ORDER, &input).done();
    let again = cast.guest.mutate("placeShopOrder", ORDER, &input).done();
    assert_eq!((&first["receipt"]["replayed"], &again["receipt"]["replayed"]), (&json!(false), &json!(true)));
    assert_eq!((&first["shopOrder"], &first["receipt"]["eventIds"]), (&again["shopOrder"], &again["receipt"]["eventIds"]));
    assert_eq!(cast.units(ware), (10, 1));
    let mut other = wish(&[line(ware, 2)]);
    other["idempotencyKey"] = input["idempotencyKey"].clone();
    assert_eq!(cast.guest.mutate("placeShopOrder", ORDER, &other).refused(), "SYS004");
    cast.cancel_order(&cast.guest, &Order { id: text(&first["shopOrder"]["id"]), total: 10_000 }).done();
}
