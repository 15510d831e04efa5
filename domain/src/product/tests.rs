//! The rules of products, as sentences.

use kernel::Currency;
use uuid::Uuid;

use super::*;
use crate::testing::given;

const SELLER: UserId = UserId::new(Uuid::from_u128(1));
const OTHER: UserId = UserId::new(Uuid::from_u128(2));

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn details(name: &str) -> Details {
    Details {
        name: name.to_owned(), category: "캠핑".to_owned(), description: Some("가볍습니다.".to_owned()), max_per_buyer: Some(2)
    }
}

fn created() -> Event {
    Event::ProductCreated { seller: SELLER, details: details("차박 텐트"), price: won(89_000) }
}

fn create(details: Details, price: Money) -> Command {
    Command::Create { seller: SELLER, details, price }
}

#[test]
fn a_product_is_created_in_normal_form() {
    let typed = Details { name: "  차박 텐트 ".to_owned(), description: Some("  ".to_owned()), ..details("") };
    let stored = Details { name: "차박 텐트".to_owned(), description: None, ..details("") };
    let event = Event::ProductCreated { seller: SELLER, details: stored, price: won(1) };
    let product = given::<Product>([]).when(create(typed, won(1))).then([event]);
    assert!(product.offer().is_ok_and(|offer| offer.status == Status::Draft));
    given::<Product>([created()]).when(create(details("x"), won(1))).refused("SYS006", "");
}

#[test]
fn what_does_not_do_is_named() {
    let long = "가".repeat(101);
    for (bad, field) in [
        (Details { name: " ".to_owned(), ..details("") }, "name"),
        (details(&long), "name"),
        (Details { category: "캠핑\n".to_owned(), ..details("x") }, "category"),
        (Details { description: Some("\u{0}".to_owned()), ..details("x") }, "description"),
        (Details { max_per_buyer: Some(0), ..details("x") }, "maxPerBuyer"),
        (Details { max_per_buyer: Some(1_000), ..details("x") }, "maxPerBuyer"),
    ] {
        given::<Product>([]).when(create(bad.clone(), won(1))).refused("SHOP002", field);
        given::<Product>([created()]).when(Command::Update(bad)).refused("SHOP002", field);
    }
    for price in [0, -1, MAX_PRICE_WON + 1] {
        given::<Product>([]).when(create(details("x"), won(price))).refused("SHOP002", "price.amount");
        given::<Product>([created()]).when(Command::ChangePrice(won(price))).refused("SHOP002", "price.amount");
    }
    given::<Product>([]).when(create(details("x"), Money::new(1, Currency::Usd))).refused("SYS003", "price.currency");
}

#[test]
fn it_changes_until_it_is_archived_and_the_same_again_changes_nothing() {
    let given = |more: &[Event]| given::<Product>([created()].into_iter().chain(more.iter().cloned()));
    given(&[]).when(Command::ChangePrice(won(1))).then([Event::ProductPriceChanged { price: won(1) }]);
    given(&[]).when(Command::ChangePrice(won(89_000))).then([]);
    given(&[]).when(Command::Update(details("텐트"))).then([Event::ProductUpdated { details: details("텐트") }]);
    given(&[]).when(Command::Update(details("차박 텐트"))).then([]);
    given(&[]).when(Command::Publish).then([Event::ProductPublished {}]);
    given(&[Event::ProductPublished {}]).when(Command::Publish).then([]);
    given(&[]).when(Command::Archive).then([Event::ProductArchived {}]);
    for command in [Command::Publish, Command::ChangePrice(won(1)), Command::Update(details("x"))] {
        given(&[Event::ProductArchived {}]).when(command).refused("SHOP002", "productId");
    }
    given(&[Event::ProductArchived {}]).when(Command::Archive).then([]);
}

#[test]
fn a_draft_does_not_exist_for_others() {
    let of = |events: &[Event], user| Product::fold(events).offer_of(user).map(|offer| offer.status);
    assert_eq!(of(&[], SELLER), Err(Refusal::Unknown));
    assert_eq!(of(&[created()], SELLER), Ok(Status::Draft));
    assert_eq!(of(&[created()], OTHER), Err(Refusal::Unknown));
    assert_eq!(of(&[created(), Event::ProductPublished {}], OTHER), Err(Refusal::NotSeller));
    assert_eq!(of(&[created(), Event::ProductPublished {}, Event::ProductArchived {}], OTHER), Err(Refusal::NotSeller));
    given::<Product>([]).when(Command::Publish).refused("SYS007", "productId");
}
