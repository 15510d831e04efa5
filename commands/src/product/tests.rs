//! Products and their units as commands.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::SkuId;
use domain::stock::{Stock, sku_of};
use domain::user::Role;
use kernel::{Currency, Money};
use uuid::Uuid;

use super::*;
use crate::stock::{AdjustStock, ReceiveStock, adjust_stock, receive_stock};
use crate::testing::{Book, book, by, refusal, sign_up, verify};

fn tent(price: i128) -> CreateProduct {
    let (name, category) = ("차박 텐트".to_owned(), "캠핑".to_owned());
    CreateProduct { name, category, description: None, price: Money::new(price, Currency::Krw), max_per_buyer: None }
}

/// A seller who has proved their address, and one product of theirs as a draft.
async fn seller(book: &Book) -> (Caller, ProductId) {
    let seller = sign_up(book, "seller@example.com", Role::Host).await.user;
    let product = create_product(&book.ctx, &by(seller), &tent(89_000)).await.unwrap().value;
    (by(seller), product)
}

#[tokio::test]
async fn only_its_seller_changes_a_product_and_a_draft_is_nobodys_business() {
    let book = book().await;
    let (seller, id) = seller(&book).await;
    let other = by(sign_up(&book, "other@example.com", Role::Guest).await.user);
    let admin = Caller { roles: [Role::Admin].into(), ..other.clone() };
    let price = ChangePrice { product_id: id, price: Money::new(79_000, Currency::Krw) };

    let unknown = ("SYS007".to_owned(), "productId".to_owned());
    assert_eq!(refusal(change_price(&book.ctx, &other, &price).await), unknown);
    assert_eq!(refusal(publish_product(&book.ctx, &seller, id).await).0, "AUTH010", "not before the seller's address is proved");
    verify(&book, domain::ids::user_of(&seller.actor).unwrap()).await;
    publish_product(&book.ctx, &seller, id).await.unwrap();
    assert_eq!(refusal(change_price(&book.ctx, &other, &price).await).0, "AUTH010");
    change_price(&book.ctx, &admin, &price).await.unwrap();

    let blank = UpdateProduct { product_id: id, name: None, category: None, description: None, max_per_buyer: Some(3) };
    update_product(&book.ctx, &seller, &blank).await.unwrap();
    let (state, _) = book.ctx.log.load::<Product>(id.uuid()).await.unwrap();
    let offer = state.offer().unwrap();
    assert_eq!((offer.details.name.as_str(), offer.details.max_per_buyer, offer.price.minor()), ("차박 텐트", Some(3), 79_000));
    let lifted = UpdateProduct { max_per_buyer: Some(0), ..blank.clone() };
    update_product(&book.ctx, &seller, &lifted).await.unwrap();
    let negative = UpdateProduct { max_per_buyer: Some(-1), ..blank };
    assert_eq!(refusal(update_product(&book.ctx, &seller, &negative).await), ("SHOP002".to_owned(), "maxPerBuyer".to_owned()));
    archive_product(&book.ctx, &seller, id).await.unwrap();
    assert_eq!(refusal(change_price(&book.ctx, &seller, &price).await).0, "SHOP002");
}

#[tokio::test]
async fn units_come_in_and_are_counted_by_their_seller() {
    let book = book().await;
    let (seller, id) = seller(&book).await;
    let other = by(sign_up(&book, "other@example.com", Role::Host).await.user);
    let sku = sku_of(id);
    let receive = |quantity| ReceiveStock { sku, quantity };
    let adjust = |change| AdjustStock { sku, change, reason: "실사".to_owned() };
    receive_stock(&book.ctx, &seller, &receive(5)).await.unwrap();
    adjust_stock(&book.ctx, &seller, &adjust(-2)).await.unwrap();
    assert_eq!(book.ctx.log.load::<Stock>(sku.uuid()).await.unwrap().0.on_hand, 3);
    assert_eq!(refusal(adjust_stock(&book.ctx, &seller, &adjust(-4)).await).0, "SHOP001");
    for wrong in [0, -1, i32::MAX] {
        assert_eq!(refusal(receive_stock(&book.ctx, &seller, &receive(wrong)).await), ("SYS003".to_owned(), "quantity".to_owned()));
    }
    assert_eq!(refusal(receive_stock(&book.ctx, &other, &receive(1)).await).0, "SYS007", "somebody else's draft");
    let nothing = ReceiveStock { sku: SkuId::new(Uuid::nil()), quantity: 1 };
    assert_eq!(refusal(receive_stock(&book.ctx, &seller, &nothing).await).0, "SYS007");
}
