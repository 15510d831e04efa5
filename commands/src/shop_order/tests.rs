//! Shop orders as commands: what one append holds, and who loses a race.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::{PaymentId, UserId};
use domain::payment::Phase;
use domain::product::MAX_UNITS;
use domain::shop_order::{RETURN_WINDOW, Status};
use kernel::{Currency, Money};
use tokio::task::JoinSet;

use super::*;
use crate::payment::{CaptureAnswer, ConfirmPayment, Confirming, confirm_payment, record_capture};
use crate::product::{ChangePrice, CreateProduct, change_price, create_product, publish_product};
use crate::stock::{ReceiveStock, receive_stock};
use crate::testing::{Book, book, by, events, refusal, sign_up, verify};

/// A seller, a buyer, and products of 10,000 and 20,000 won with so many units each.
struct Shop {
    book: Book,
    seller: Caller,
    buyer: Caller,
    products: Vec<ProductId>,
}

async fn person(book: &Book, email: &str, role: Role) -> UserId {
    let user = sign_up(book, email, role).await.user;
    verify(book, user).await;
    user
}

async fn shop(units: &[i32]) -> Shop {
    let book = book().await;
    let seller = by(person(&book, "seller@example.com", Role::Host).await);
    let buyer = by(person(&book, "buyer@example.com", Role::Guest).await);
    let mut products = Vec::new();
    for (number, quantity) in units.iter().enumerate() {
        let price = won(10_000 * (number as i128 + 1));
        let (name, category) = (format!("상품 {number}"), "캠핑".to_owned());
        let input = CreateProduct { name, category, description: None, price, max_per_buyer: Some(5) };
        let id = create_product(&book.ctx, &seller, &input).await.unwrap().value;
        publish_product(&book.ctx, &seller, id).await.unwrap();
        if *quantity > 0 {
            receive_stock(&book.ctx, &seller, &ReceiveStock { sku: stock::sku_of(id), quantity: *quantity }).await.unwrap();
        }
        products.push(id);
    }
    Shop { book, seller, buyer, products }
}

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

impl Shop {
    fn lines(&self, list: &[(usize, i32)]) -> Vec<LineInput> {
        list.iter().map(|(product, quantity)| LineInput { product_id: self.products[*product], quantity: *quantity }).collect()
    }

    fn cart(&self, list: &[(usize, i32)]) -> PlaceShopOrder {
        let text = |text: &str| text.to_owned();
        let address = AddressInput { recipient: text("김민준"), phone: text("010-1234-5678"), address: text("서울 강남구 1") };
        PlaceShopOrder { lines: self.lines(list), address, expected_total: None }
    }

    async fn place(&self, list: &[(usize, i32)]) -> ShopOrderId {
        place_shop_order(&self.book.ctx, &self.buyer, &self.cart(list)).await.unwrap().value
    }

    async fn order(&self, id: ShopOrderId) -> ShopOrder {
        self.book.ctx.log.load::<ShopOrder>(id.uuid()).await.unwrap().0
    }

    /// On hand and reserved.
    async fn stock(&self, product: usize) -> (u32, u32) {
        let (stock, _) = self.book.ctx.log.load::<Stock>(self.products[product].uuid()).await.unwrap();
        (stock.on_hand, stock.reserved())
    }

    async fn payment(&self, id: ShopOrderId) -> (PaymentId, Payment) {
        let payment = self.order(id).await.deal().unwrap().payment;
        (payment, self.book.ctx.log.load::<Payment>(payment.uuid()).await.unwrap().0)
    }

    async fn confirm(&self, id: ShopOrderId) -> Confirming {
        let (_, payment) = self.payment(id).await;
        let order = payment.order().unwrap().clone();
        let (order_id, amount) = (order.order_id, order.amount);
        let input = ConfirmPayment { purpose: id.into(), payment_key: "sandbox-ok-1".to_owned(), order_id, amount };
        confirm_payment(&self.book.ctx, &self.buyer, &input).await.unwrap().value
    }

    async fn capture(&self, confirming: Confirming) {
        let captured = CaptureAnswer::Captured { paid_at: crate::testing::now(), method: "card".to_owned(), reference: "r".to_owned() };
        let by = Caller::system("test", None, uuid::Uuid::nil());
        record_capture(&self.book.ctx, &by, confirming, &captured).await.unwrap();
    }

    async fn pay(&self, id: ShopOrderId) {
        let confirming = self.confirm(id).await;
        self.capture(confirming).await;
    }

    fn wait(&self, minutes: i64) {
        let now = self.book.ctx.clock.now();
        self.book.ctx.clock.advance_to(now.checked_add(kernel::jiff::SignedDuration::from_mins(minutes)).unwrap());
    }

    fn system(&self) -> Caller {
        Caller::system("test", None, uuid::Uuid::nil())
    }

    fn ship(&self, order_id: ShopOrderId, list: &[(usize, i32)]) -> ShipShopOrder {
        let (carrier, tracking_number) = ("한진택배".to_owned(), "1".to_owned());
        ShipShopOrder { order_id, lines: self.lines(list), carrier, tracking_number }
    }
}

#[tokio::test]
async fn an_order_takes_all_its_units_or_none() {
    let shop = shop(&[5, 1]).await;
    let before = events(&shop.book).await.len();
    let short = place_shop_order(&shop.book.ctx, &shop.buyer, &shop.cart(&[(0, 3), (1, 2)])).await;
    let Err(ExecuteError::Refused { refused, .. }) = short else { panic!("not refused") };
    assert_eq!((refused.code.as_str(), refused.params["products"].clone()), ("SHOP001", shop.products[1].to_string()));
    assert_eq!(refused.params["available"], "1");
    assert_eq!((shop.stock(0).await, shop.stock(1).await), ((5, 0), (1, 0)));

    let id = shop.place(&[(1, 1), (0, 3)]).await;
    let types = events(&shop.book).await;
    assert_eq!(types[before..], ["ShopOrderPlaced", "StockReserved", "StockReserved", "PaymentRequested"]);
    assert_eq!((shop.stock(0).await, shop.stock(1).await), ((5, 3), (1, 1)));
    assert_eq!(shop.order(id).await.terms().unwrap().total, won(50_000));
}

#[tokio::test]
async fn an_order_is_refused_by_the_first_rule_that_it_breaks() {
    let shop = shop(&[9, 0]).await;
    let Shop { book, seller, buyer, .. } = &shop;
    let told = async |caller: &Caller, cart: PlaceShopOrder| refusal(place_shop_order(&book.ctx, caller, &cart).await);
    let expecting = |minor| PlaceShopOrder { expected_total: Some(won(minor)), ..shop.cart(&[(0, 1)]) };
    let phone = |phone: &str| AddressInput { phone: phone.to_owned(), ..shop.cart(&[]).address };
    for (cart, code, field) in [
        (shop.cart(&[]), "SYS003", "lines"),
        (shop.cart(&[(0, 1), (0, 1)]), "SYS003", "lines"),
        (shop.cart(&[(0, 1), (1, 0)]), "SYS003", "lines.1.quantity"),
        (shop.cart(&[(0, MAX_UNITS as i32 + 1)]), "SYS003", "lines.0.quantity"),
        (PlaceShopOrder { address: phone("x"), ..shop.cart(&[(0, 1)]) }, "SYS003", "phone"),
        (shop.cart(&[(0, 1), (1, 1)]), "SHOP001", "lines"),
        (expecting(9_999), "SHOP003", "expectedTotal"),
        (shop.cart(&[(0, 6)]), "SHOP004", "lines"),
    ] {
        assert_eq!(told(buyer, cart).await, (code.to_owned(), field.to_owned()));
    }
    assert_eq!(told(seller, shop.cart(&[(0, 1)])).await, ("SHOP002".to_owned(), "lines.0.productId".to_owned()), "one's own product");
    let price = ChangePrice { product_id: shop.products[0], price: won(12_000) };
    change_price(&book.ctx, seller, &price).await.unwrap();
    assert_eq!(told(buyer, expecting(10_000)).await.0, "SHOP003");
    let new = sign_up(book, "new@example.com", Role::Guest).await.user;
    assert_eq!(told(&by(new), expecting(12_000)).await.0, "AUTH010", "not before the buyer's address is proved");
}

#[tokio::test]
async fn the_last_unit_is_sold_once() {
    let shop = shop(&[1]).await;
    let mut buyers = JoinSet::new();
    for number in 0..200 {
        // Every request is one of its own.
        let buyer = Caller { key: Some(format!("buyer-{number}")), ..shop.buyer.clone() };
        let (ctx, cart) = (shop.book.ctx.clone(), shop.cart(&[(0, 1)]));
        buyers.spawn(async move { place_shop_order(&ctx, &buyer, &cart).await });
    }
    let (mut sold, mut short) = (0, 0);
    while let Some(told) = buyers.join_next().await {
        match told.unwrap() {
            Ok(_) => sold += 1,
            Err(ExecuteError::Refused { refused, .. }) => {
                assert_eq!((refused.code.as_str(), &refused.params["products"]), ("SHOP001", &shop.products[0].to_string()));
                short += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((sold, short, shop.stock(0).await), (1, 199, (1, 1)));
}

#[tokio::test]
async fn an_unpaid_order_gives_its_units_back_and_late_money_goes_back_too() {
    let shop = shop(&[2]).await;
    let (ctx, system) = (&shop.book.ctx, shop.system());
    let id = shop.place(&[(0, 2)]).await;
    let confirming = shop.confirm(id).await;
    expire_shop_order(ctx, &system, id).await.unwrap();
    assert_eq!(shop.stock(0).await, (2, 2), "not before its time");
    shop.wait(30);
    expire_shop_order(ctx, &system, id).await.unwrap();
    assert_eq!(shop.stock(0).await, (2, 0));
    assert!(matches!(shop.payment(id).await.1.phase(), Some(Phase::Confirming { .. })), "the provider has not answered yet");

    shop.capture(confirming).await;
    let (_, payment) = shop.payment(id).await;
    assert_eq!((shop.order(id).await.status(), payment.refunded()), (Some(Status::Expired), Some(won(20_000))));
    assert!(payment.phase().unwrap().captured(), "late money is a fact");
    assert_eq!(shop.stock(0).await, (2, 0), "nothing revives");
}

#[tokio::test]
async fn a_cancelled_order_is_refunded_in_full_unless_something_left() {
    let shop = shop(&[4]).await;
    let ctx = &shop.book.ctx;
    let cancel = |order_id| CancelShopOrder { order_id, reason: "변심".to_owned() };
    let paid = shop.place(&[(0, 2)]).await;
    shop.pay(paid).await;
    cancel_shop_order(ctx, &shop.buyer, &cancel(paid)).await.unwrap();
    assert_eq!((shop.payment(paid).await.1.refunded(), shop.stock(0).await), (Some(won(20_000)), (4, 0)));
    assert_eq!(refusal(cancel_shop_order(ctx, &shop.buyer, &cancel(paid)).await).0, "SHOP005");

    let sent = shop.place(&[(0, 2)]).await;
    assert_eq!(refusal(ship_shop_order(ctx, &shop.seller, &shop.ship(sent, &[])).await).0, "SHOP005", "unpaid");
    shop.pay(sent).await;
    assert_eq!(refusal(ship_shop_order(ctx, &shop.buyer, &shop.ship(sent, &[])).await).0, "AUTH010");
    ship_shop_order(ctx, &shop.seller, &shop.ship(sent, &[(0, 1)])).await.unwrap();
    assert_eq!((shop.order(sent).await.status(), shop.stock(0).await), (Some(Status::PartiallyShipped), (3, 1)));
    assert_eq!(refusal(cancel_shop_order(ctx, &shop.buyer, &cancel(sent)).await).0, "SHOP005", "the seller may still send it");
    let stranger = by(person(&shop.book, "other@example.com", Role::Guest).await);
    assert_eq!(refusal(cancel_shop_order(ctx, &stranger, &cancel(sent)).await), ("SYS007".to_owned(), "orderId".to_owned()));
}

#[tokio::test]
async fn the_rest_of_a_partly_shipped_order_is_called_off_in_one_append() {
    let shop = shop(&[4]).await;
    let (ctx, system) = (&shop.book.ctx, shop.system());
    let part_shipped = async || {
        let id = shop.place(&[(0, 2)]).await;
        shop.pay(id).await;
        ship_shop_order(ctx, &shop.seller, &shop.ship(id, &[(0, 1)])).await.unwrap();
        id
    };
    let called_off = part_shipped().await;
    let support = Caller { roles: [Role::Support].into(), ..by(person(&shop.book, "support@example.com", Role::Guest).await) };
    let before = events(&shop.book).await.len();
    let input = CancelShopOrder { order_id: called_off, reason: "품절".to_owned() };
    cancel_shop_order(ctx, &support, &input).await.unwrap();
    assert_eq!(events(&shop.book).await[before..], ["ShopOrderCutShort", "StockReleased", "RefundRequested"]);
    assert_eq!((shop.order(called_off).await.status(), shop.stock(0).await), (Some(Status::Shipped), (3, 0)));
    assert_eq!(shop.payment(called_off).await.1.refunded(), Some(won(10_000)));

    let late = part_shipped().await;
    shop.wait(7 * 24 * 60 - 1);
    cut_short(ctx, &system, late).await.unwrap();
    assert_eq!((shop.order(late).await.status(), shop.stock(0).await), (Some(Status::PartiallyShipped), (2, 1)), "not before its time");
    shop.wait(1);
    cut_short(ctx, &system, late).await.unwrap();
    assert_eq!((shop.order(late).await.status(), shop.stock(0).await), (Some(Status::Shipped), (2, 0)));
    assert_eq!(shop.payment(late).await.1.refunded(), Some(won(10_000)));
}

#[tokio::test]
async fn a_return_is_answered_by_the_seller_and_by_nobody_on_the_other_side() {
    let shop = shop(&[3]).await;
    let (ctx, system) = (&shop.book.ctx, shop.system());
    let id = shop.place(&[(0, 3)]).await;
    shop.pay(id).await;
    ship_shop_order(ctx, &shop.seller, &shop.ship(id, &[])).await.unwrap();
    let office = |caller: &Caller| Caller { roles: [Role::Support].into(), ..caller.clone() };
    assert_eq!(refusal(confirm_delivery(ctx, &office(&shop.seller), id).await).0, "AUTH010", "support that sells is the seller");
    confirm_delivery(ctx, &shop.buyer, id).await.unwrap();
    let back = || RequestReturn { order_id: id, lines: shop.lines(&[(0, 1)]), reason: "파손".to_owned() };
    let no = || DeclineReturn { order_id: id, reason: "사용한 상품".to_owned() };
    assert_eq!(refusal(decline_return(ctx, &shop.seller, &no()).await).0, "SHOP005");
    request_return(ctx, &shop.buyer, &back()).await.unwrap();
    assert_eq!(refusal(decline_return(ctx, &office(&shop.buyer), &no()).await).0, "AUTH010");
    assert_eq!(refusal(approve_return(ctx, &office(&shop.buyer), id).await).0, "AUTH010");
    assert_eq!(refusal(withdraw_return(ctx, &shop.seller, id).await).0, "AUTH010");
    decline_return(ctx, &shop.seller, &no()).await.unwrap();
    let again = Caller { key: Some("again".to_owned()), ..shop.buyer.clone() };
    request_return(ctx, &again, &back()).await.unwrap();
    withdraw_return(ctx, &shop.buyer, id).await.unwrap();
    let third = Caller { key: Some("third".to_owned()), ..shop.buyer.clone() };
    request_return(ctx, &third, &back()).await.unwrap();
    shop.wait(14 * 24 * 60);
    complete_shop_order(ctx, &system, id).await.unwrap();
    assert_eq!(shop.order(id).await.status(), Some(Status::Delivered), "it waits for an answer");
    lapse_return(ctx, &system, id).await.unwrap();
    complete_shop_order(ctx, &system, id).await.unwrap();
    assert_eq!((shop.order(id).await.status(), shop.payment(id).await.1.refunded()), (Some(Status::Completed), Some(won(0))));
}

#[tokio::test]
async fn what_is_kept_is_earned_and_what_comes_back_is_sold_again() {
    let shop = shop(&[3]).await;
    let (ctx, system) = (&shop.book.ctx, shop.system());
    let id = shop.place(&[(0, 3)]).await;
    shop.pay(id).await;
    ship_shop_order(ctx, &shop.seller, &shop.ship(id, &[])).await.unwrap();
    assert_eq!(refusal(confirm_delivery(ctx, &shop.seller, id).await).0, "AUTH010", "the seller does not confirm for the buyer");
    confirm_delivery(ctx, &shop.buyer, id).await.unwrap();
    let back = RequestReturn { order_id: id, lines: shop.lines(&[(0, 1)]), reason: "파손".to_owned() };
    request_return(ctx, &shop.buyer, &back).await.unwrap();
    assert_eq!(refusal(approve_return(ctx, &shop.buyer, id).await).0, "AUTH010");
    approve_return(ctx, &shop.seller, id).await.unwrap();
    assert_eq!((shop.stock(0).await, shop.payment(id).await.1.refunded()), ((1, 0), Some(won(10_000))));

    complete_shop_order(ctx, &system, id).await.unwrap();
    assert_eq!(shop.order(id).await.status(), Some(Status::Delivered), "not before its time");
    ctx.clock.advance_to(ctx.clock.now().checked_add(RETURN_WINDOW).unwrap());
    complete_shop_order(ctx, &system, id).await.unwrap();
    let last = events(&shop.book).await;
    assert_eq!(last[last.len() - 3..], ["ShopOrderCompleted", "EscrowReleased", "EarningCredited"]);
    let seller = domain::ids::user_of(&shop.seller.actor).unwrap();
    let (payable, _) = ctx.log.load::<domain::payable::Payable>(seller.uuid()).await.unwrap();
    assert_eq!(payable.balance_minor, 20_000, "no fee until one is set");
    assert_eq!(refusal(request_return(ctx, &shop.buyer, &back).await).0, "SHOP006");
}
