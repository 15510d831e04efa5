//! What never leaves, and returns that nobody takes: no order stays open for ever.

use kernel::jiff::SignedDuration;

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
    let ware = cast.on_shelf("제주 감귤 5kg", 10_000, 20);
    called_off_by_the_seller(cast, &ware);
    called_off_by_time(cast, &ware);
    declined(cast, &ware);
    lapsed(cast, &ware);
    seen_by_whom(cast, &ware);
    cast.close();
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(1)
}

/// One of three units leaves.
fn part_shipped(cast: &Cast, ware: &Ware) -> Order {
    let order = cast.paid_order(&[line(ware, 3)]);
    let part = cast.ship(&order, &[line(ware, 1)]).done()["shopOrder"].clone();
    assert_eq!((part["status"].as_str(), part["restDueAt"].is_string()), (Some("PARTIALLY_SHIPPED"), true), "{part}");
    order
}

fn delivered(cast: &Cast, ware: &Ware) -> Order {
    let order = cast.paid_order(&[line(ware, 1)]);
    cast.ship(&order, &[]).done();
    cast.with_order(&cast.guest, "confirmDelivery", &order).done();
    order
}

fn called_off_by_the_seller(cast: &Cast, ware: &Ware) {
    let ((on_hand, _), owed) = (cast.units(ware), cast.owed());
    let order = part_shipped(cast, ware);
    let cut = cast.cancel_order(&cast.host, &order).done()["shopOrder"].clone();
    assert_eq!((cut["status"].as_str(), won(&cut["cutShort"]["refund"])), (Some("SHIPPED"), 20_000), "{cut}");
    assert_eq!((&cut["cutShort"]["units"][0]["quantity"], &cut["cutShort"]["reason"]), (&json!(2), &json!("마음이 바뀌었습니다")));
    assert!(cut["restDueAt"].is_null() && cut["deliveryDueAt"].is_string());
    cast.advance(SignedDuration::ZERO);
    assert_eq!((cast.units(ware), cast.balance(&order.escrow())), ((on_hand - 1, 0), 10_000));
    assert_eq!(won(&cast.shop_order(&order)["payment"]["refunded"]), 20_000);
    assert_eq!(cast.ship(&order, &[]).refused(), "SHOP005");
    cast.with_order(&cast.guest, "confirmDelivery", &order).done();
    cast.advance(days(7));
    assert_eq!((cast.status(&order).as_str(), cast.owed() - owed, cast.balance(&order.escrow())), ("COMPLETED", 10_000, 0));
}

fn called_off_by_time(cast: &Cast, ware: &Ware) {
    let order = part_shipped(cast, ware);
    assert_eq!(cast.cancel_order(&cast.guest, &order).refused(), "SHOP005", "the seller has seven days");
    cast.advance(days(7));
    let seen = cast.shop_order(&order);
    assert_eq!((seen["status"].as_str(), won(&seen["cutShort"]["refund"])), (Some("SHIPPED"), 20_000), "{seen}");
    assert!(seen["cutShort"]["reason"].is_null());
    cast.with_order(&cast.guest, "confirmDelivery", &order).done();
    cast.give_back(&order, &[]).done();
    let back = cast.with_order(&cast.host, "approveReturn", &order).done()["shopOrder"].clone();
    assert_eq!((back["status"].as_str(), won(&back["returns"][0]["refund"])), (Some("RETURNED"), 10_000), "{back}");
    cast.advance(SignedDuration::ZERO);
    assert_eq!((cast.shop_order(&order)["payment"]["status"].as_str(), cast.balance(&order.escrow())), (Some("REFUNDED"), 0));
}

fn declined(cast: &Cast, ware: &Ware) {
    let order = delivered(cast, ware);
    let no = || json!({ "orderId": order.id, "reason": "사용한 상품입니다" });
    assert_eq!(cast.host.command("declineReturn", ORDER, no()).refused(), "SHOP005", "nobody asked");
    assert_eq!(cast.with_order(&cast.guest, "withdrawReturn", &order).refused(), "SHOP005");
    cast.give_back(&order, &[]).done();
    let withdrawn = cast.with_order(&cast.guest, "withdrawReturn", &order).done()["shopOrder"].clone();
    assert!(withdrawn["returns"][0]["withdrawnAt"].is_string(), "{withdrawn}");
    cast.give_back(&order, &[]).done();
    assert_eq!(forbidden(&cast.guest, "declineReturn", no()), "AUTH010");
    let declined = cast.host.command("declineReturn", ORDER, no()).done()["shopOrder"].clone();
    assert_eq!((declined["status"].as_str(), &declined["returns"][1]["declineReason"]), (Some("DELIVERED"), &json!("사용한 상품입니다")));
    cast.advance(days(7));
    assert_eq!((cast.status(&order).as_str(), cast.balance(&order.escrow())), ("COMPLETED", 0));
}

fn lapsed(cast: &Cast, ware: &Ware) {
    let (order, owed) = (delivered(cast, ware), cast.owed());
    let asked = cast.give_back(&order, &[]).done()["shopOrder"].clone();
    assert!(asked["returns"][0]["answerDueAt"].is_string(), "{asked}");
    cast.advance(days(13));
    assert_eq!((cast.status(&order).as_str(), cast.balance(&order.escrow())), ("DELIVERED", 10_000));
    cast.advance(days(1));
    let seen = cast.shop_order(&order);
    assert_eq!((seen["status"].as_str(), seen["returns"][0]["declinedAt"].is_string()), (Some("COMPLETED"), true), "{seen}");
    assert!(seen["returns"][0]["declineReason"].is_null(), "nobody said anything");
    assert_eq!((cast.owed() - owed, cast.balance(&order.escrow())), (10_000, 0));
}

/// What is personal is for the parties; the seller learns where to send only when it is paid.
fn seen_by_whom(cast: &Cast, ware: &Ware) {
    let unpaid = cast.order(&[line(ware, 1)]);
    assert!(seen_by(&cast.host, &unpaid)["address"].is_null() && cast.shop_order(&unpaid)["address"].is_object());
    cast.cancel_order(&cast.guest, &unpaid).done();
    assert!(seen_by(&cast.host, &unpaid)["address"].is_null() && seen_by(&cast.host, &unpaid)["cancelReason"].is_string());
    let order = part_shipped(cast, ware);
    cast.cancel_order(&cast.host, &order).done();
    let sold = seen_by(&cast.host, &order);
    assert!(sold["address"].is_object() && sold["parcels"][0]["trackingNumber"] == "1234-5678", "{sold}");
    let money = seen_by(&cast.finance, &order);
    assert_eq!(money["status"], "SHIPPED");
    assert!(money["address"].is_null() && money["cutShort"]["reason"].is_null() && money["parcels"][0]["carrier"].is_null(), "{money}");
    assert!(seen_by(&cast.finance, &unpaid)["cancelReason"].is_null());
    cast.with_order(&cast.guest, "confirmDelivery", &order).done();
    cast.give_back(&order, &[]).done();
    assert!(seen_by(&cast.finance, &order)["returns"][0]["reason"].is_null());
    cast.with_order(&cast.host, "approveReturn", &order).done();
    cast.advance(SignedDuration::ZERO);
}
