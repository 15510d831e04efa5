#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
use shop_order::Event as E;

use super::*;
use crate::models::testing::{History, at, id, order_placed, person, purchase, won};

fn history(events: impl IntoIterator<Item = E>) -> History {
    let order: ShopOrderId = id(1);
    let begun = History::default().on(order, Event::ShopOrder(order_placed()));
    events.into_iter().fold(begun, |history, event| history.on(order, Event::ShopOrder(event)))
}

fn after(events: impl IntoIterator<Item = E>) -> ShopOrderRow {
    history(events).row::<ShopOrders>(&ShopOrderId::new(id::<()>(1).uuid()).to_string()).unwrap()
}

fn paid() -> E {
    E::ShopOrderPaid { payment: id(7), paid_at: at(2) }
}

fn shipped(quantity: u32, complete: bool) -> E {
    let tracking = person(purchase().buyer, "CJ 1234");
    let delivery_due_at = complete.then(|| at(500));
    E::ShopOrderShipped {
        units: [(id(21), quantity)].into(),
        tracking,
        complete,
        shipped_at: at(3),
        delivery_due_at,
        rest_due_at: (!complete).then(|| at(400)),
    }
}

#[test]
fn from_placement_to_the_last_return() {
    let delivered = E::ShopOrderDelivered { delivered_at: at(5), confirm_due_at: at(900), by: None };
    let wanted = |quantity| E::ReturnRequested {
        units: [(id(21), quantity)].into(),
        reason: person(purchase().buyer, "broken"),
        answer_due_at: at(950),
    };
    let approved = |quantity, complete| E::ReturnApproved {
        units: [(id(21), quantity)].into(),
        refund: won(10_000),
        complete,
        confirm_due_at: at(901),
        by: purchase().seller,
    };
    let row = after([paid(), shipped(1, false)]);
    assert_eq!((row.status, row.paid_at, row.delivery_due_at), (Status::PartiallyShipped, Some(at(2)), None));
    let row = after([paid(), shipped(1, false), shipped(1, true), delivered.clone(), wanted(1), approved(1, false), wanted(1)]);
    assert_eq!((row.status, row.parcels.len(), row.delivery_due_at), (Status::Delivered, 2, Some(at(500))));
    assert_eq!((row.delivered_at, row.confirm_due_at), (Some(at(5)), Some(at(901))));
    assert_eq!(row.returns[0].approval(), Some(&ReturnApproval { refund: won(10_000), by: purchase().seller, at: at(7) }));
    assert_eq!((row.returns.len(), row.returns[1].approval()), (2, None));
    let row = after([paid(), shipped(2, true), delivered.clone(), wanted(2), approved(2, true)]);
    assert_eq!(row.status, Status::Returned);
    let row = after([paid(), shipped(2, true), delivered, E::ShopOrderCompleted { completed_at: at(900) }]);
    assert_eq!((row.status, row.completed_at, row.created_at), (Status::Completed, Some(at(900)), at(1)));
    let (buyer, seller) = (row.terms.buyer, row.terms.seller);
    assert_eq!(ShopOrders::index("", &row), [buyer.into(), seller.into(), "COMPLETED".into(), at(1).into()]);
}

#[test]
fn it_ends_with_what_left() {
    let (Terms { buyer, seller, .. }, reason) = (purchase(), person(purchase().seller, "sold out"));
    let part = after([paid(), shipped(1, false)]);
    assert_eq!((part.rest_due_at, part.cut), (Some(at(400)), None));
    let cut = E::ShopOrderCutShort {
        units: [(id(21), 1)].into(),
        refund: won(10_000),
        by: Some(seller),
        reason: Some(reason.clone()),
        delivery_due_at: at(600),
    };
    let delivered = E::ShopOrderDelivered { delivered_at: at(5), confirm_due_at: at(900), by: None };
    let wanted = || E::ReturnRequested { units: [(id(21), 1)].into(), reason: person(buyer, "broken"), answer_due_at: at(950) };
    let row = after([paid(), shipped(1, false), cut.clone()]);
    assert_eq!((row.status, row.delivery_due_at, row.rest_due_at), (Status::Shipped, Some(at(600)), None));
    let known = OrderCut { units: [(id(21), 1)].into(), refund: won(10_000), by: Some(seller), reason: Some(reason), at: at(4) };
    assert_eq!(row.cut, Some(known));
    let declined = E::ReturnDeclined { by: None, reason: None, confirm_due_at: at(960) };
    let withdrawn = E::ReturnWithdrawn { confirm_due_at: at(970) };
    let row = after([paid(), shipped(1, false), cut, delivered, wanted(), declined, wanted(), withdrawn]);
    assert_eq!((row.status, row.confirm_due_at), (Status::Delivered, Some(at(970))));
    assert_eq!(row.returns[0].answer, Some(ReturnAnswer::Declined(ReturnDecline { by: None, reason: None, at: at(7) })));
    assert_eq!(row.returns[1].answer, Some(ReturnAnswer::Withdrawn { at: at(9) }));
}

#[test]
fn it_ends_without_leaving() {
    assert_eq!(after([E::ShopOrderExpired {}]).status, Status::Expired);
    let Terms { buyer, total, .. } = purchase();
    let reason = person(buyer, "too late");
    let row = after([paid(), E::ShopOrderCancelled { by: CancelledBy::Buyer, person: buyer, reason: reason.clone(), refund: total }]);
    let cancelled = OrderCancellation { by: CancelledBy::Buyer, person: buyer, reason, refund: total, at: at(3) };
    assert_eq!((row.status, row.cancellation), (Status::Cancelled, Some(cancelled)));
}

#[test]
fn a_return_that_nobody_asked_for_is_a_poison() {
    let (refund, by, confirm_due_at) = (won(1), purchase().seller, at(9));
    let approved = E::ReturnApproved { units: Units::new(), refund, complete: false, confirm_due_at, by };
    assert!(history([paid(), approved]).is_poison::<ShopOrders>());
    assert!(History::default().on(ShopOrderId::new(id::<()>(1).uuid()), Event::ShopOrder(paid())).is_poison::<ShopOrders>());
}
