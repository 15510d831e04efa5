#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
use product::Event as E;

use super::*;
use crate::models::testing::{History, Store, at, created_product, id, won};

#[test]
fn from_draft_to_archive() {
    let product: ProductId = id(1);
    let details = |name: &str| Details { name: name.into(), category: "Ｆｏｏｄ".into(), description: None, max_per_buyer: Some(3) };
    let mut history = History::default().on(product, created_product("귤 5kg", "과일"));
    let row = |history: &History| history.row::<Products>(&product.to_string()).unwrap();
    assert_eq!((row(&history).status, row(&history).is_public()), (Status::Draft, false));
    for event in [
        E::ProductUpdated { details: details("감귤-청") },
        E::ProductPriceChanged { price: won(9_000) },
        E::ProductPublished {},
        E::ProductArchived {},
    ] {
        history = history.on(product, Event::Product(event));
    }
    let row = row(&history);
    assert_eq!((row.status, row.is_public(), row.price, row.created_at), (Status::Archived, true, won(9_000), at(1)));
    let index = [row.seller.into(), "ARCHIVED".into(), "food".into(), "감귤 청 food".into(), at(1).into()];
    assert_eq!(Products::index("", &row), index);
    assert!(History::default().on(product, Event::Product(E::ProductPublished {})).is_poison::<Products>());
}

#[test]
fn words_are_compared_folded() {
    assert_eq!(folded("  Ｈｙｕｎｄａｉ   IONIQ-5 "), "hyundai ioniq 5");
    // Typed on a computer that keeps syllables apart.
    assert_eq!(folded("\u{1112}\u{1167}\u{11ab}\u{1103}\u{1162}"), "현대");
    assert_eq!(folded("★ !!"), "");
}

#[tokio::test]
async fn products_are_found_by_any_part_of_their_words() {
    let store = Store::open("products").await;
    let shelf: [(ProductId, &str, &str); 3] =
        [(id(1), "현대 미니카", "장난감"), (id(2), "제주 감귤 5kg", "과일"), (id(3), "감귤청", "차·음료")];
    for (product, name, category) in shelf {
        store.create_product(product, id(99), name, category).await;
    }
    store.catch_up_products().await;
    let found = async |text: &str| {
        let rows = store.views.all::<Products>(&matching(Query::new(), text), 100).await.unwrap();
        rows.into_iter().map(|(_, row)| row.id).collect::<Vec<_>>()
    };
    // Two syllables; the end of a word and the beginning of another; the category, too; no word at all.
    assert_eq!((found("현대").await, found("귤청").await), (vec![id(1)], vec![id(3)]));
    assert_eq!((found("감귤").await, found("감귤 과일").await), (vec![id(2), id(3)], vec![id(2)]));
    assert_eq!((found("귤감").await, found("%").await), (Vec::new(), Vec::new()));
    store.close().await;
}
