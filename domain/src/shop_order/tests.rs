//! The rules of shop orders, as sentences.

use kernel::Currency;
use uuid::Uuid;

use super::*;
use crate::testing::{Given, given, moment};

const BUYER: UserId = UserId::new(Uuid::from_u128(1));
const SELLER: UserId = UserId::new(Uuid::from_u128(2));
const PAYMENT: PaymentId = PaymentId::new(Uuid::from_u128(3));

fn product(n: u128) -> ProductId {
    ProductId::new(Uuid::from_u128(100 + n))
}

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

/// So many minutes after the placement.
fn at(minutes: i64) -> Timestamp {
    moment("2026-11-02T00:00:00Z").checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
}

const DAY: i64 = 24 * 60;

fn words() -> Personal<String> {
    Personal::profile(BUYER.uuid(), "사유".to_owned())
}

/// Two of product 1 for 10,000 won each and three of product 2 for 1 won each.
fn terms() -> Box<Terms> {
    let line = |n, quantity, price| OrderLine::new(product(n), format!("상품 {n}"), quantity, won(price));
    let terms = line(1, 2, 10_000).and_then(|first| Terms::new(BUYER, SELLER, vec![first, line(2, 3, 1)?], won(0), 0));
    Box::new(terms.unwrap_or_else(|error| panic!("{error}")))
}

fn address() -> Personal<Address> {
    let text = |text: &str| text.to_owned();
    let address = Address { recipient: text("김민준"), phone: text("01012345678"), address: text("서울 강남구") };
    Personal::retained(BUYER.uuid(), address)
}

fn place(expected_total: Option<Money>) -> Command {
    Command::Place { terms: terms(), address: address(), payment: PAYMENT, expected_total }
}

fn placed() -> Event {
    Event::ShopOrderPlaced { terms: terms(), address: address(), payment: PAYMENT, payment_due_at: at(30) }
}

fn paid() -> Event {
    Event::ShopOrderPaid { payment: PAYMENT, paid_at: at(5) }
}

fn tracking() -> Personal<Tracking> {
    Personal::retained(BUYER.uuid(), Tracking { carrier: "한진택배".to_owned(), number: "123".to_owned() })
}

fn units(list: &[(u128, u32)]) -> Units {
    list.iter().map(|(n, quantity)| (product(*n), *quantity)).collect()
}

fn listed(list: &[(u128, u32)]) -> Vec<(ProductId, u32)> {
    list.iter().map(|(n, quantity)| (product(*n), *quantity)).collect()
}

fn ship(list: &[(u128, u32)]) -> Command {
    Command::Ship { units: listed(list), tracking: tracking() }
}

fn shipped(list: &[(u128, u32)], due: Option<Timestamp>) -> Event {
    let (units, tracking) = (units(list), tracking());
    Event::ShopOrderShipped { units, tracking, complete: due.is_some(), shipped_at: at(0), delivery_due_at: due, rest_due_at: None }
}

/// Some of it left at the beginning.
fn part_shipped(list: &[(u128, u32)]) -> Event {
    let (units, tracking, rest_due_at) = (units(list), tracking(), Some(at(7 * DAY)));
    Event::ShopOrderShipped { units, tracking, complete: false, shipped_at: at(0), delivery_due_at: None, rest_due_at }
}

fn cut(list: &[(u128, u32)], refund: i128, by: Option<UserId>, minutes: i64) -> Event {
    let (units, refund, reason) = (units(list), won(refund), by.map(|_| words()));
    Event::ShopOrderCutShort { units, refund, by, reason, delivery_due_at: at(minutes + 7 * DAY) }
}

fn all_shipped() -> Event {
    shipped(&[(1, 2), (2, 3)], Some(at(7 * DAY)))
}

fn delivered() -> Event {
    Event::ShopOrderDelivered { delivered_at: at(DAY), confirm_due_at: at(8 * DAY), by: Some(BUYER) }
}

fn asked_back(list: &[(u128, u32)]) -> Event {
    Event::ReturnRequested { units: units(list), reason: words(), answer_due_at: at(22 * DAY) }
}

fn back(list: &[(u128, u32)], refund: i128, complete: bool) -> Event {
    Event::ReturnApproved { units: units(list), refund: won(refund), complete, confirm_due_at: at(8 * DAY), by: SELLER }
}

fn order(events: impl IntoIterator<Item = Event>) -> Given<ShopOrder> {
    given(events)
}

fn cancel() -> Command {
    Command::Cancel { by: CancelledBy::Buyer, person: BUYER, reason: words(), left: won(20_003) }
}

fn cancel_by_seller(left: i128) -> Command {
    Command::Cancel { by: CancelledBy::Seller, person: SELLER, reason: words(), left: won(left) }
}

fn cancelled(refund: i128) -> Event {
    Event::ShopOrderCancelled { by: CancelledBy::Buyer, person: BUYER, reason: words(), refund: won(refund) }
}

#[test]
fn an_order_freezes_its_prices_and_compares_the_total() {
    let state = order([]).when(place(Some(won(20_003)))).then([placed()]);
    assert_eq!(state.status(), Some(Status::Placed));
    order([]).when(place(None)).then([placed()]);
    order([]).when(place(Some(won(20_002)))).refused("SHOP003", "expectedTotal");
    order([]).when(place(Some(Money::new(20_003, Currency::Usd)))).refused("SYS003", "expectedTotal.currency");
    order([placed()]).when(place(None)).refused("SHOP005", "");
    let fee = Terms::new(BUYER, SELLER, terms().lines, won(0), 1_000).map(|terms| (terms.platform_fee, terms.seller_amount));
    assert_eq!(fee, Ok((won(2_000), won(18_003))), "S3: the total is the sum of the lines, and its shares add up");
}

#[test]
fn it_is_paid_or_expires_and_never_revives() {
    order([placed()]).when(Command::Pay { paid_at: at(5) }).then([paid()]);
    order([placed()]).at(at(29)).when(Command::Expire).then([]);
    let expired = order([placed()]).at(at(30)).when(Command::Expire).then([Event::ShopOrderExpired {}]);
    assert_eq!(expired.status(), Some(Status::Expired));
    order([placed(), Event::ShopOrderExpired {}]).when(Command::Pay { paid_at: at(31) }).then([]);
    order([placed(), cancelled(0)]).when(Command::Pay { paid_at: at(31) }).then([]);
    order([placed(), paid()]).at(at(30)).when(Command::Expire).then([]);
}

#[test]
fn it_is_called_off_only_before_anything_leaves() {
    order([placed()]).when(cancel()).then([cancelled(0)]);
    order([placed(), paid()]).when(cancel()).then([cancelled(20_003)]);
    let by = CancelledBy::Seller;
    let topped_up = Event::ShopOrderCancelled { by, person: SELLER, reason: words(), refund: won(3) };
    order([placed(), paid()]).when(cancel_by_seller(3)).then([topped_up]);
    for history in [
        vec![placed(), paid(), part_shipped(&[(1, 1)])],
        vec![placed(), paid(), all_shipped()],
        vec![placed(), cancelled(0)],
        vec![placed(), Event::ShopOrderExpired {}],
    ] {
        order(history).when(cancel()).refused("SHOP005", "");
    }
    order([]).when(cancel()).refused("SYS007", "orderId");
}

#[test]
fn parcels_leave_until_nothing_is_left() {
    order([placed()]).when(ship(&[])).refused("SHOP005", "");
    order([placed(), paid()]).when(ship(&[])).then([all_shipped()]);
    let part = order([placed(), paid()]).when(ship(&[(1, 1), (2, 3)])).then([part_shipped(&[(1, 1), (2, 3)])]);
    assert_eq!(part.status(), Some(Status::PartiallyShipped));
    assert_eq!((part.unshipped(product(1)), part.unshipped(product(2))), (1, 0));
    let history = || [placed(), paid(), part_shipped(&[(1, 1), (2, 3)])];
    let rest = order(history()).when(ship(&[(1, 1)])).then([shipped(&[(1, 1)], Some(at(7 * DAY)))]);
    assert_eq!(rest.status(), Some(Status::Shipped));
    for (list, line) in [(&[(1, 2)][..], 0), (&[(1, 1), (2, 1)], 1), (&[(3, 1)], 0), (&[(1, 0)], 0), (&[(1, 1), (1, 1)], 1)] {
        order(history()).when(ship(list)).refused("SYS003", &format!("lines.{line}.quantity"));
    }
    order([placed(), paid(), all_shipped()]).when(ship(&[])).refused("SHOP005", "");
}

#[test]
fn a_delivery_is_confirmed_or_time_confirms_it() {
    let sent = || order([placed(), paid(), all_shipped()]);
    sent().at(at(DAY)).when(Command::Deliver { by: Some(BUYER) }).then([delivered()]);
    sent().at(at(7 * DAY - 1)).when(Command::Deliver { by: None }).then([]);
    let by_time = Event::ShopOrderDelivered { delivered_at: at(7 * DAY), confirm_due_at: at(14 * DAY), by: None };
    sent().at(at(7 * DAY)).when(Command::Deliver { by: None }).then([by_time]);
    order([placed(), paid()]).when(Command::Deliver { by: Some(BUYER) }).refused("SHOP005", "");
    order([placed(), paid(), all_shipped(), delivered()]).at(at(7 * DAY)).when(Command::Deliver { by: None }).then([]);
}

#[test]
fn units_come_back_within_seven_days_of_the_delivery() {
    let ask = |list: &[(u128, u32)]| Command::RequestReturn { units: listed(list), reason: words() };
    let asked_at_end = Event::ReturnRequested { units: units(&[(2, 1)]), reason: words(), answer_due_at: at(22 * DAY) };
    let arrived = |more: &[Event]| order([placed(), paid(), all_shipped(), delivered()].into_iter().chain(more.iter().cloned()));
    arrived(&[]).at(at(8 * DAY)).when(ask(&[(2, 1)])).then([asked_at_end]);
    arrived(&[]).at(at(8 * DAY + 1)).when(ask(&[(2, 1)])).refused("SHOP006", "");
    let completed = Event::ShopOrderCompleted { completed_at: at(8 * DAY) };
    arrived(&[completed]).at(at(8 * DAY)).when(ask(&[])).refused("SHOP006", "");
    arrived(&[asked_back(&[(2, 1)])]).when(ask(&[(1, 1)])).refused("SHOP005", "");
    arrived(&[]).when(ask(&[(2, 4)])).refused("SYS003", "lines.0.quantity");
    order([placed(), paid(), all_shipped()]).when(ask(&[])).refused("SHOP005", "");
}

#[test]
fn what_came_back_is_refunded_and_the_rest_is_confirmed_later() {
    let arrived = |more: &[Event]| order([placed(), paid(), all_shipped(), delivered()].into_iter().chain(more.iter().cloned()));
    let approve = || Command::ApproveReturn { by: SELLER, left: won(20_003) };
    arrived(&[]).when(approve()).refused("SHOP005", "");
    arrived(&[asked_back(&[(1, 1), (2, 1)])]).when(approve()).then([back(&[(1, 1), (2, 1)], 10_001, false)]);
    arrived(&[asked_back(&[(2, 1)])]).at(at(9 * DAY)).when(Command::Complete).then([]);
    let part = [asked_back(&[(1, 1)]), back(&[(1, 1)], 10_000, false)];
    let done = Event::ShopOrderCompleted { completed_at: at(8 * DAY) };
    arrived(&part).at(at(8 * DAY - 1)).when(Command::Complete).then([]);
    arrived(&part).at(at(8 * DAY)).when(Command::Complete).then([done]);
    let rest = [part[0].clone(), part[1].clone(), asked_back(&[(1, 1), (2, 3)])];
    let over = arrived(&rest).when(approve()).then([back(&[(1, 1), (2, 3)], 10_003, true)]);
    assert_eq!(over.status(), Some(Status::Returned));
}

#[test]
fn what_never_leaves_is_called_off_and_given_back() {
    let part = || order([placed(), paid(), part_shipped(&[(1, 1)])]);
    let rest = [(1, 1), (2, 3)];
    let state = part().at(at(DAY)).when(cancel_by_seller(20_003)).then([cut(&rest, 10_003, Some(SELLER), DAY)]);
    assert_eq!((state.status(), state.unshipped(product(1)), state.unshipped(product(2))), (Some(Status::Shipped), 0, 0));
    part().at(at(DAY)).when(cancel_by_seller(9)).then([cut(&rest, 9, Some(SELLER), DAY)]);
    part().at(at(7 * DAY - 1)).when(cancel()).refused("SHOP005", "");
    part().at(at(7 * DAY)).when(cancel()).then([cut(&rest, 10_003, Some(BUYER), 7 * DAY)]);
    let late = || Command::CutShort { left: won(20_003) };
    part().at(at(7 * DAY - 1)).when(late()).then([]);
    part().at(at(7 * DAY)).when(late()).then([cut(&rest, 10_003, None, 7 * DAY)]);
    order([placed(), paid()]).at(at(7 * DAY)).when(late()).then([]);
    order([placed(), paid(), part_shipped(&[(1, 1)]), all_shipped()]).at(at(7 * DAY)).when(late()).then([]);
    // A second parcel gives no more time.
    part().at(at(DAY)).when(ship(&[(1, 1)])).then([{
        let (units, tracking, rest_due_at) = (units(&[(1, 1)]), tracking(), Some(at(7 * DAY)));
        Event::ShopOrderShipped { units, tracking, complete: false, shipped_at: at(DAY), delivery_due_at: None, rest_due_at }
    }]);
}

#[test]
fn a_smaller_order_is_returned_in_full_by_what_left() {
    let smaller = || [placed(), paid(), part_shipped(&[(1, 1), (2, 1)]), cut(&[(1, 1), (2, 2)], 10_002, None, 7 * DAY), delivered()];
    let ask = |list: &[(u128, u32)]| Command::RequestReturn { units: listed(list), reason: words() };
    order(smaller()).at(at(8 * DAY)).when(ask(&[(2, 2)])).refused("SYS003", "lines.0.quantity");
    order(smaller()).at(at(8 * DAY)).when(ask(&[])).then([asked_back(&[(1, 1), (2, 1)])]);
    let all = smaller().into_iter().chain([asked_back(&[(1, 1), (2, 1)])]);
    let approve = Command::ApproveReturn { by: SELLER, left: won(10_000) };
    let over = order(all).when(approve).then([back(&[(1, 1), (2, 1)], 10_000, true)]);
    assert_eq!(over.status(), Some(Status::Returned), "and no more goes back than there is");
}

#[test]
fn a_return_is_declined_withdrawn_or_lapses() {
    let asked = || order([placed(), paid(), all_shipped(), delivered(), asked_back(&[(1, 1)])]);
    let decline = || Command::DeclineReturn { by: SELLER, reason: words() };
    let no = |by: Option<UserId>, minutes| Event::ReturnDeclined { by, reason: by.map(|_| words()), confirm_due_at: at(minutes) };
    asked().at(at(2 * DAY)).when(decline()).then([no(Some(SELLER), 8 * DAY)]);
    asked().at(at(9 * DAY)).when(decline()).then([no(Some(SELLER), 9 * DAY)]);
    asked().at(at(2 * DAY)).when(Command::WithdrawReturn).then([Event::ReturnWithdrawn { confirm_due_at: at(8 * DAY) }]);
    asked().at(at(22 * DAY - 1)).when(Command::LapseReturn).then([]);
    asked().at(at(22 * DAY)).when(Command::LapseReturn).then([no(None, 22 * DAY)]);
    let over = |event| order([placed(), paid(), all_shipped(), delivered(), asked_back(&[(1, 1)]), event]);
    for ended in [no(Some(SELLER), 8 * DAY), no(None, 8 * DAY), Event::ReturnWithdrawn { confirm_due_at: at(8 * DAY) }] {
        over(ended.clone()).when(decline()).refused("SHOP005", "");
        over(ended.clone()).when(Command::WithdrawReturn).refused("SHOP005", "");
        over(ended.clone()).at(at(22 * DAY)).when(Command::LapseReturn).then([]);
        let again = Command::RequestReturn { units: listed(&[(1, 1)]), reason: words() };
        over(ended.clone()).at(at(8 * DAY)).when(again).then([asked_back(&[(1, 1)])]);
        let done = Event::ShopOrderCompleted { completed_at: at(8 * DAY) };
        over(ended).at(at(8 * DAY)).when(Command::Complete).then([done]);
    }
    order([placed(), paid()]).when(decline()).refused("SHOP005", "");
}

#[test]
fn short_lines_are_named() {
    let short = |n, available| ShortLine { product: product(n), available };
    let refused = kernel::Refusal::refused(&Refusal::Short(vec![short(1, 0), short(2, 4)]));
    assert_eq!((refused.code.as_str(), refused.field), ("SHOP001", vec!["lines".to_owned()]));
    assert_eq!(refused.params["products"], format!("{}, {}", product(1), product(2)));
    assert_eq!(refused.params["available"], "0, 4");
}
