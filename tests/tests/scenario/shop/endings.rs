//! Every way in which an order ends before anything leaves, and that its units are free again.

use kernel::jiff::SignedDuration;

use super::*;
use crate::cast::instant;

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
    called_off(cast, &ware);
    expired(cast, &ware);
    late_money(cast, &ware);
    declined_then_paid(cast, &ware);
    cast.close();
}

fn called_off(cast: &Cast, ware: &Ware) {
    let unpaid = cast.order(&[line(ware, 2)]);
    let cancelled = cast.cancel_order(&cast.guest, &unpaid).done()["shopOrder"].clone();
    assert_eq!((cancelled["status"].as_str(), cancelled["cancelledBy"].as_str()), (Some("CANCELLED"), Some("BUYER")), "{cancelled}");
    assert_eq!(cancelled["cancelReason"], "마음이 바뀌었습니다");
    assert_eq!((cancelled["payment"]["status"].as_str(), cast.units(ware)), (Some("FAILED"), (10, 0)));
    assert_eq!(cast.cancel_order(&cast.guest, &unpaid).refused(), "SHOP005", "it is over");
    assert_eq!(cast.pay_order(&unpaid, "sandbox-ok-card").refused(), "PAY003", "nothing is to be paid any more");
    for by in [&cast.guest, &cast.host] {
        let order = cast.paid_order(&[line(ware, 3)]);
        assert_eq!(cast.balance(&order.escrow()), 30_000);
        cast.cancel_order(by, &order).done();
        cast.advance(SignedDuration::ZERO);
        let payment = cast.shop_order(&order)["payment"].clone();
        assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("REFUNDED"), 30_000), "{payment}");
        assert_eq!((cast.balance(&order.escrow()), cast.owed(), cast.units(ware)), (0, 0, (10, 0)));
        assert_eq!(cast.ship(&order, &[]).refused(), "SHOP005");
    }
}

fn expired(cast: &Cast, ware: &Ware) {
    let order = cast.order(&[line(ware, 10)]);
    assert_eq!(cast.guest2.command("placeShopOrder", ORDER, wish(&[line(ware, 1)])).refused(), "SHOP001");
    let late = cast.order_payment(&order, "sandbox-ok-card");
    cast.advance(SignedDuration::from_mins(30) + SignedDuration::from_secs(1));
    let seen = cast.shop_order(&order);
    assert_eq!((seen["status"].as_str(), seen["payment"]["status"].as_str()), (Some("EXPIRED"), Some("FAILED")), "{seen}");
    assert_eq!(cast.units(ware), (10, 0));
    assert_eq!(cast.guest.command("confirmPayment", PAYMENT, late).refused(), "PAY004");
    let next = cast.guest2.command("placeShopOrder", ORDER, wish(&[line(ware, 1)])).done();
    let next = Order { id: text(&next["shopOrder"]["id"]), total: 10_000 };
    cast.cancel_order(&cast.guest2, &next).done();
}

/// The provider has the money, and tells of it when the order has expired: all of it goes back, nothing revives.
fn late_money(cast: &Cast, ware: &Ware) {
    let order = cast.order(&[line(ware, 4)]);
    let due = instant(&cast.shop_order(&order)["paymentDueAt"]);
    cast.advance_to(due.checked_sub(SignedDuration::from_secs(4)).unwrap());
    assert_eq!(cast.pay_order(&order, "sandbox-late-card").codes(), ["PAY008"]);
    cast.advance(SignedDuration::from_mins(10));
    let seen = cast.shop_order(&order);
    assert_eq!((seen["status"].as_str(), seen["payment"]["status"].as_str()), (Some("EXPIRED"), Some("REFUNDED")), "{seen}");
    assert_eq!(won(&seen["payment"]["refunded"]), order.total);
    assert_eq!((cast.units(ware), cast.balance(&order.escrow()), cast.balance("refund_payable")), ((10, 0), 0, 0));
}

fn declined_then_paid(cast: &Cast, ware: &Ware) {
    let order = cast.order(&[line(ware, 1)]);
    assert_eq!(cast.pay_order(&order, "sandbox-declined-card").codes(), ["PAY001"]);
    assert_eq!((cast.status(&order).as_str(), cast.units(ware)), ("PLACED", (10, 1)), "it waits for another try");
    let paid = cast.pay_order(&order, "sandbox-ok-card").done()["payment"].clone();
    assert_eq!((paid["status"].as_str(), cast.status(&order).as_str()), (Some("COMPLETED"), "PAID"), "{paid}");
    assert_eq!(cast.pay_order(&order, "sandbox-ok-card").refused(), "PAY003");
    cast.cancel_order(&cast.host, &order).done();
}
