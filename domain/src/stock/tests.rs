//! The rules of stocks, as sentences.

use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};

const BUYER: UserId = UserId::new(Uuid::from_u128(1));
const OTHER: UserId = UserId::new(Uuid::from_u128(2));
const SELLER: UserId = UserId::new(Uuid::from_u128(3));

fn order(n: u128) -> ShopOrderId {
    ShopOrderId::new(Uuid::from_u128(n))
}

fn until() -> Timestamp {
    moment("2026-11-02T00:30:00Z")
}

fn received(quantity: u32) -> Event {
    Event::StockReceived { quantity, by: SELLER }
}

fn reserved(n: u128, buyer: UserId, quantity: u32) -> Event {
    Event::StockReserved { order: order(n), buyer, quantity, until: until() }
}

fn reserve(n: u128, buyer: UserId, quantity: u32, limit: Option<u32>) -> Command {
    Command::Reserve { order: order(n), buyer, quantity, limit, until: until() }
}

fn adjust(change: i32) -> Command {
    Command::Adjust { change, reason: Personal::profile(SELLER.uuid(), "실사".to_owned()), by: SELLER }
}

fn adjusted(change: i32) -> Event {
    Event::StockAdjusted { change, reason: Personal::profile(SELLER.uuid(), "실사".to_owned()), by: SELLER }
}

#[test]
fn no_unit_is_promised_twice() {
    given::<Stock>([]).when(reserve(1, BUYER, 1, None)).refused("SHOP001", "");
    given::<Stock>([received(3)]).when(reserve(1, BUYER, 3, None)).then([reserved(1, BUYER, 3)]);
    given::<Stock>([received(3)]).when(reserve(1, BUYER, 4, None)).refused("SHOP001", "");
    given::<Stock>([received(3), reserved(1, BUYER, 2)]).when(reserve(2, OTHER, 2, None)).refused("SHOP001", "");
    given::<Stock>([received(3), reserved(1, BUYER, 2)]).when(reserve(1, BUYER, 2, None)).then([]);
    given::<Stock>([received(3)]).when(reserve(1, BUYER, 0, None)).refused("SYS003", "quantity");
}

#[test]
fn one_buyer_may_have_so_many_and_units_given_back_do_not_count() {
    let history = [received(9), reserved(1, BUYER, 2)];
    given::<Stock>(history.clone()).when(reserve(2, BUYER, 1, Some(2))).refused("SHOP004", "lines");
    given::<Stock>(history.clone()).when(reserve(2, BUYER, 1, Some(3))).then([reserved(2, BUYER, 1)]);
    given::<Stock>(history.clone()).when(reserve(2, OTHER, 2, Some(2))).then([reserved(2, OTHER, 2)]);
    let shipped = Event::StockShipped { order: order(1), quantity: 2 };
    given::<Stock>(history.clone().into_iter().chain([shipped.clone()])).when(reserve(2, BUYER, 1, Some(2))).refused("SHOP004", "lines");
    let back = Event::StockRestocked { order: order(1), buyer: BUYER, quantity: 1 };
    given::<Stock>(history.clone().into_iter().chain([shipped, back])).when(reserve(2, BUYER, 1, Some(2))).then([reserved(2, BUYER, 1)]);
    let released = Event::StockReleased { order: order(1), quantity: 2 };
    given::<Stock>(history.into_iter().chain([released])).when(reserve(2, BUYER, 2, Some(2))).then([reserved(2, BUYER, 2)]);
}

#[test]
fn a_reservation_is_paid_and_leaves_in_parts_or_is_given_back() {
    let history = || [received(5), reserved(1, BUYER, 3)];
    let confirmed = Event::ReservationConfirmed { order: order(1) };
    given::<Stock>(history()).when(Command::Confirm(order(1))).then([confirmed.clone()]);
    given::<Stock>(history().into_iter().chain([confirmed])).when(Command::Confirm(order(1))).then([]);
    given::<Stock>(history()).when(Command::Confirm(order(2))).then([]);

    let released = given::<Stock>(history()).when(Command::Release(order(1))).then([Event::StockReleased { order: order(1), quantity: 3 }]);
    assert_eq!((released.on_hand, released.reserved(), released.available()), (5, 0, 5));
    given::<Stock>(history()).when(Command::Release(order(2))).then([]);

    let ship = |quantity| Command::Ship { order: order(1), quantity };
    let shipped = |quantity| Event::StockShipped { order: order(1), quantity };
    let part = given::<Stock>(history()).when(ship(2)).then([shipped(2)]);
    assert_eq!((part.on_hand, part.reserved(), part.available()), (3, 1, 2));
    let all = given::<Stock>(history().into_iter().chain([shipped(2)])).when(ship(1)).then([shipped(1)]);
    assert_eq!((all.on_hand, all.reservations.len(), all.available()), (2, 0, 2));
    for quantity in [0, 4] {
        given::<Stock>(history()).when(ship(quantity)).refused("SYS003", "quantity");
    }
    let restock = Command::Restock { order: order(1), buyer: BUYER, quantity: 3 };
    let back = given::<Stock>(history().into_iter().chain([shipped(3)])).when(restock).then([Event::StockRestocked {
        order: order(1),
        buyer: BUYER,
        quantity: 3,
    }]);
    assert_eq!((back.on_hand, back.available(), back.bought.len()), (5, 5, 0));
}

#[test]
fn a_count_never_takes_what_was_promised() {
    let history = || [received(5), reserved(1, BUYER, 3)];
    let counted = given::<Stock>(history()).when(adjust(-2)).then([adjusted(-2)]);
    assert_eq!((counted.on_hand, counted.available()), (3, 0));
    given::<Stock>(history()).when(adjust(-3)).refused("SHOP001", "");
    given::<Stock>(history()).when(adjust(i32::MIN)).refused("SHOP001", "");
    given::<Stock>(history()).when(adjust(0)).then([]);
    given::<Stock>(history()).when(adjust(i32::MAX)).refused("SYS003", "change");
    let receive = |quantity| Command::Receive { quantity, by: SELLER };
    given::<Stock>(history()).when(receive(0)).refused("SYS003", "quantity");
    given::<Stock>(history()).when(receive(MAX_ON_HAND)).refused("SYS003", "quantity");
    given::<Stock>(history()).when(receive(MAX_ON_HAND - 5)).then([received(MAX_ON_HAND - 5)]);
}
