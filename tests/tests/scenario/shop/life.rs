//! From the order to the money in the seller's account, with a parcel too many and a unit that comes back.

use kernel::jiff::SignedDuration;

use super::*;
use crate::cast::SETTLEMENT;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let (tangerines, tea) = (cast.on_shelf("제주 감귤 5kg", 10_000, 10), cast.on_shelf("감귤청 500ml", 7_000, 5));
    let order = ordered_and_paid(cast, &tangerines, &tea);
    shipped_in_parts(cast, &order, &tangerines, &tea);
    partly_returned(cast, &order, &tangerines);
    confirmed_by_time(cast, &order, &tea);
    returned_in_full(cast, &tea);
    settled(cast, &order);
    history(cast, &order);
    cast.close();
}

fn ordered_and_paid(cast: &Cast, tangerines: &Ware, tea: &Ware) -> Order {
    let mut input = wish(&[line(tangerines, 3), line(tea, 2)]);
    input["expectedTotal"] = json!({ "amount": "44000", "currency": "KRW" });
    let placed = cast.guest.command("placeShopOrder", ORDER, input).done()["shopOrder"].clone();
    assert_eq!((won(&placed["total"]), won(&placed["platformFee"]), won(&placed["sellerAmount"])), (44_000, 0, 44_000), "{placed}");
    assert_eq!((placed["lines"][0]["quantity"].as_i64(), won(&placed["lines"][0]["amount"])), (Some(3), 30_000));
    assert_eq!((&placed["address"]["recipient"], &placed["address"]["phone"]), (&json!("김하늘"), &json!("01098765432")));
    let order = Order { id: text(&placed["id"]), total: 44_000 };
    assert_eq!((cast.units(tangerines), cast.units(tea)), ((10, 3), (5, 2)));
    assert_eq!(cast.ship(&order, &[]).refused(), "SHOP005", "unpaid");
    let paid = cast.pay_order(&order, "sandbox-ok-card").done()["payment"].clone();
    assert_eq!((paid["status"].as_str(), paid["booking"].is_null()), (Some("COMPLETED"), true), "{paid}");
    let seen = cast.shop_order(&order);
    assert_eq!((seen["status"].as_str(), seen["paidAt"].is_string()), (Some("PAID"), true), "{seen}");
    assert_eq!(seen["payment"]["shopOrder"]["id"], order.id.as_str());
    assert_eq!((cast.balance(&order.escrow()), cast.balance("psp_clearing")), (44_000, 44_000));
    assert_eq!(seen_by(&cast.host, &order), seen, "both parties see the same");
    order
}

fn shipped_in_parts(cast: &Cast, order: &Order, tangerines: &Ware, tea: &Ware) {
    assert_eq!(cast.ship(order, &[line(tangerines, 4)]).refused(), "SYS003", "more than was ordered");
    let part = cast.ship(order, &[line(tangerines, 1)]).done()["shopOrder"].clone();
    assert_eq!((part["status"].as_str(), part["deliveryDueAt"].is_null()), (Some("PARTIALLY_SHIPPED"), true), "{part}");
    assert_eq!((part["lines"][0]["shipped"].as_i64(), part["lines"][1]["shipped"].as_i64()), (Some(1), Some(0)));
    assert_eq!((cast.units(tangerines), cast.units(tea)), ((9, 2), (5, 2)));
    assert_eq!(cast.cancel_order(&cast.guest, order).refused(), "SHOP005", "some of it is on its way");
    assert_eq!(cast.with_order(&cast.guest, "confirmDelivery", order).refused(), "SHOP005", "some of it has not left");
    let rest = cast.ship(order, &[]).done()["shopOrder"].clone();
    assert_eq!((rest["status"].as_str(), rest["parcels"].as_array().map(Vec::len)), (Some("SHIPPED"), Some(2)), "{rest}");
    assert_eq!(rest["parcels"][1]["units"].as_array().unwrap().len(), 2, "the tangerines that were left, and the tea");
    assert!(rest["deliveryDueAt"].is_string() && rest["deliveredAt"].is_null());
    assert_eq!((cast.units(tangerines), cast.units(tea)), ((7, 0), (3, 0)));
    assert_eq!(cast.give_back(order, &[]).refused(), "SHOP005", "it has not arrived");
    let delivered = cast.with_order(&cast.guest, "confirmDelivery", order).done()["shopOrder"].clone();
    assert_eq!((delivered["status"].as_str(), delivered["returnDueAt"].is_string()), (Some("DELIVERED"), true), "{delivered}");
}

fn partly_returned(cast: &Cast, order: &Order, tangerines: &Ware) {
    assert_eq!(cast.give_back(order, &[line(tangerines, 4)]).refused(), "SYS003", "more than there were");
    let asked = cast.give_back(order, &[line(tangerines, 1)]).done()["shopOrder"].clone();
    assert_eq!((asked["status"].as_str(), asked["returns"][0]["approvedAt"].is_null()), (Some("DELIVERED"), true), "{asked}");
    assert_eq!(cast.give_back(order, &[line(tangerines, 1)]).refused(), "SHOP005", "one at a time");
    let approved = cast.with_order(&cast.host, "approveReturn", order).done()["shopOrder"].clone();
    assert_eq!((won(&approved["returns"][0]["refund"]), approved["lines"][0]["returned"].as_i64()), (10_000, Some(1)), "{approved}");
    cast.advance(SignedDuration::ZERO);
    assert_eq!(cast.units(tangerines), (8, 0), "it can be sold again");
    let payment = cast.shop_order(order)["payment"].clone();
    assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("COMPLETED"), 10_000), "{payment}");
    assert_eq!((cast.balance(&order.escrow()), cast.owed()), (34_000, 0), "earned only when the time to return is over");
    cast.advance(SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(1));
    assert_eq!(cast.status(order), "COMPLETED");
    assert_eq!((cast.balance(&order.escrow()), cast.owed()), (0, 34_000));
    assert_eq!(cast.give_back(order, &[]).refused(), "SHOP006");
}

/// Nobody says that it arrived, nobody complains: the purchase is confirmed all the same.
fn confirmed_by_time(cast: &Cast, before: &Order, tea: &Ware) {
    let owed = cast.owed();
    let order = cast.paid_order(&[line(tea, 1)]);
    assert_ne!(order.id, before.id);
    cast.ship(&order, &[]).done();
    cast.advance(SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(1));
    assert_eq!(cast.status(&order), "DELIVERED");
    cast.advance(SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(1));
    let order = cast.shop_order(&order);
    assert_eq!((order["status"].as_str(), order["completedAt"].is_string()), (Some("COMPLETED"), true), "{order}");
    assert_eq!(cast.owed() - owed, 7_000);
}

fn returned_in_full(cast: &Cast, tea: &Ware) {
    let (owed, units) = (cast.owed(), cast.units(tea));
    let order = cast.paid_order(&[line(tea, 2)]);
    cast.ship(&order, &[]).done();
    cast.with_order(&cast.guest, "confirmDelivery", &order).done();
    cast.give_back(&order, &[]).done();
    // The time to return is over, but the seller has not answered yet: the money stays where it is.
    cast.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!((cast.status(&order).as_str(), cast.balance(&order.escrow())), ("DELIVERED", 14_000));
    let returned = cast.with_order(&cast.host, "approveReturn", &order).done()["shopOrder"].clone();
    assert_eq!(returned["status"], "RETURNED");
    cast.advance(SignedDuration::ZERO);
    let payment = cast.shop_order(&order)["payment"].clone();
    assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("REFUNDED"), order.total), "{payment}");
    assert_eq!((cast.owed(), cast.units(tea), cast.balance(&order.escrow())), (owed, units, 0));
}

/// Sellers are paid as hosts are.
fn settled(cast: &Cast, order: &Order) {
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    let until = json!({ "periodEnd": cast.now().to_string() });
    let selection = SETTLEMENT.replacen("booking { id }", "booking { id } shopOrder { id }", 1);
    let opened = cast.finance.command("openSettlement", &selection, until).done()["settlement"].clone();
    let lines = opened["lines"]["nodes"].as_array().unwrap();
    assert_eq!((won(&opened["total"]), lines.len()), (41_000, 2), "{opened}");
    let earned = lines.iter().find(|line| line["shopOrder"]["id"] == order.id.as_str()).unwrap();
    assert_eq!((won(&earned["gross"]), won(&earned["net"]), earned["booking"].is_null()), (34_000, 34_000, true), "{earned}");
    cast.finance2.command("approveSettlement", SETTLEMENT, json!({ "settlementId": opened["id"] })).done();
    cast.advance(SignedDuration::ZERO);
    assert_eq!((cast.owed(), cast.balance("payout_in_transit"), cast.balance("bank").abs()), (0, 0, 41_000));
    assert!(cast.shop_order(order)["payment"]["settledAt"].is_string());
}

fn history(cast: &Cast, order: &Order) {
    let query = "query($id: ID!) { shopOrder(id: $id) { history(first: 100) { nodes { type } } } node(id: $id) { id __typename } \
                 myShopOrders(status: COMPLETED, as: BUYER) { nodes { id } totalCount } }";
    let data = cast.guest.query(query, json!({ "id": order.id }));
    let types = daybook_tests::server::texts(&data["shopOrder"]["history"]["nodes"], "type");
    let made = [
        "ShopOrderPlaced",
        "ShopOrderPaid",
        "ShopOrderShipped",
        "ShopOrderShipped",
        "ShopOrderDelivered",
        "ReturnRequested",
        "ReturnApproved",
        "ShopOrderCompleted",
    ];
    assert_eq!(types, made);
    assert_eq!((&data["node"]["__typename"], &data["myShopOrders"]["totalCount"]), (&json!("ShopOrder"), &json!(2)));
    let sold = cast.host.query("{ myShopOrders(as: SELLER) { totalCount } none: myShopOrders(as: BUYER) { totalCount } }", json!({}));
    assert_eq!((&sold["myShopOrders"]["totalCount"], &sold["none"]["totalCount"]), (&json!(3), &json!(0)));
}
