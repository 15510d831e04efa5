//! What is on the shelf, who sees it, and how it is found.

use daybook_tests::server::texts;

use super::*;

const FIND: &str = "query($category: String, $search: String, $first: Int, $after: String) { products(category: $category, \
     search: $search, first: $first, after: $after) { nodes { name } totalCount pageInfo { hasNextPage endCursor } } }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    drafts(cast);
    let wares = stocked(cast);
    searched(cast);
    paged(cast);
    described_anew(cast, &wares[0]);
    counted(cast, &wares[0]);
    cast.close();
}

fn seen(by: &Client, id: &str) -> Value {
    let query = format!("query($id: ID!) {{ {} }}", PRODUCT.replacen("product", "product(id: $id)", 1));
    by.query(&query, json!({ "id": id }))["product"].clone()
}

fn drafts(cast: &Cast) {
    let input = json!({ "name": "초안", "category": "비밀", "price": { "amount": "1000", "currency": "KRW" }, "maxPerBuyer": 3 });
    let draft = cast.host.command("createProduct", PRODUCT, input).done()["product"].clone();
    let id = text(&draft["id"]);
    assert_eq!((&draft["maxPerBuyer"], &draft["available"]), (&json!(3), &json!(0)));
    assert!(seen(&cast.guest, &id).is_null() && seen(&cast.book.client(), &id).is_null(), "nobody else sees a draft");
    assert_eq!(seen(&cast.host, &id)["status"], "DRAFT");
    let refused = cast.guest.command("updateProduct", PRODUCT, json!({ "productId": id, "name": "내 것" })).refused();
    assert_eq!(refused, "SYS007", "what one cannot see does not exist");
    cast.host.command("archiveProduct", PRODUCT, json!({ "productId": id })).done();
}

/// Name, category.
const SHELF: [(&str, &str); 5] = [
    ("현대 아이오닉 5 미니카", "장난감"),
    ("기아 레이 우산", "생활용품"),
    ("제주 감귤 5kg", "과일"),
    ("감귤청 (500ml)", "차·음료"),
    ("Espresso Blend 1kg", "커피"),
];

fn stocked(cast: &Cast) -> Vec<Ware> {
    let price = json!({ "amount": "10000", "currency": "KRW" });
    let stock = |(name, category): &(&str, &str)| cast.on_shelf_with(json!({ "name": name, "category": category, "price": price }), 5);
    SHELF.iter().map(stock).collect()
}

/// The shelf is open to everybody. Newest first.
fn searched(cast: &Cast) {
    let anybody = cast.book.client();
    let found = |search: &str| {
        let data = anybody.query(FIND, json!({ "search": search }));
        let names = texts(&data["products"]["nodes"], "name");
        assert_eq!(data["products"]["totalCount"], names.len());
        names.iter().map(|name| SHELF.iter().position(|(known, _)| known == name).unwrap()).collect::<Vec<_>>()
    };
    for (search, expected) in [
        ("현대", &[0_usize][..]),
        ("기아", &[1]),
        ("감귤", &[3, 2]),
        ("귤청", &[3]),
        ("아이오", &[0]),
        ("차", &[3]),
        ("espresso 1KG", &[4]),
        ("감귤 과일", &[2]),
        ("귤감", &[]),
        ("' or 1=1 --", &[]),
        ("%", &[]),
        (" ", &[4, 3, 2, 1, 0]),
    ] {
        assert_eq!(found(search), expected, "{search}");
    }
    let fruit = anybody.query(FIND, json!({ "category": "과일" }));
    assert_eq!(texts(&fruit["products"]["nodes"], "name"), ["제주 감귤 5kg"]);
    let long = anybody.send(FIND, &json!({ "search": "귤".repeat(101) }));
    assert_eq!(long.code(), "SYS003", "{long:?}");
}

fn paged(cast: &Cast) {
    let (mut names, mut after) = (Vec::new(), Value::Null);
    for _ in 0..SHELF.len() {
        let page = cast.guest.query(FIND, json!({ "first": 2, "after": after }))["products"].clone();
        names.extend(texts(&page["nodes"], "name"));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let newest_first: Vec<_> = SHELF.iter().rev().map(|(name, _)| *name).collect();
    assert_eq!(names, newest_first);
}

fn described_anew(cast: &Cast, ware: &Ware) {
    let input = json!({ "productId": ware.id, "name": "현대 넥쏘 미니카", "description": "1:43", "maxPerBuyer": 1 });
    let updated = cast.host.command("updateProduct", PRODUCT, input).done()["product"].clone();
    assert_eq!((updated["name"].as_str(), updated["category"].as_str()), (Some("현대 넥쏘 미니카"), Some("장난감")), "{updated}");
    let query = "query($search: String) { products(search: $search) { nodes { id } } }";
    let found = |search: &str| texts(&cast.guest.query(query, json!({ "search": search }))["products"]["nodes"], "id");
    assert_eq!((found("넥쏘"), found("아이오닉")), (vec![ware.id.clone()], Vec::new()));
    let past = "query($id: ID!) { product(id: $id, asOf: { position: \"1\" }) { id } }";
    assert!(cast.guest.query(past, json!({ "id": ware.id }))["product"].is_null(), "it did not exist then");
    let history = "query($id: ID!) { product(id: $id) { history(first: 9) { nodes { type } } } }";
    let types = cast.host.query(history, json!({ "id": ware.id }))["product"]["history"]["nodes"].clone();
    assert_eq!(texts(&types, "type"), ["ProductCreated", "ProductPublished", "ProductUpdated"]);
    assert_eq!(cast.guest.send(history, &json!({ "id": ware.id })).code(), "AUTH010");
}

fn counted(cast: &Cast, ware: &Ware) {
    let levels = "{ stockLevels { nodes { id onHand product { name } } totalCount } }";
    let own = cast.host.query(levels, json!({}))["stockLevels"].clone();
    assert_eq!((&own["totalCount"], &own["nodes"][0]["product"]["name"]), (&json!(6), &json!("Espresso Blend 1kg")), "drafts, too");
    assert_eq!(cast.guest.send(levels, &json!({})).code(), "AUTH010");
    let node = "query($id: ID!) { node(id: $id) { __typename } }";
    assert!(cast.guest.query(node, json!({ "id": ware.sku }))["node"].is_null(), "how much somebody has in store is theirs");
    let order = cast.order(&[line(ware, 1)]);
    // The hint was forgotten with the order.
    assert_eq!(seen(&cast.guest2, &ware.id)["available"], 4);
    assert_eq!(seen(&cast.guest2, &ware.id)["available"], 4, "and from the hint");
    cast.cancel_order(&cast.guest, &order).done();
    for quantity in [0, -1, 1_000_001] {
        let refused = cast.host.command("receiveStock", STOCK, json!({ "sku": ware.sku, "quantity": quantity })).refused();
        assert_eq!(refused, "SYS003", "{quantity}");
    }
}
