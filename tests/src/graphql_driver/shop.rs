//! The shop through GraphQL.

use std::collections::BTreeMap;

use api::month::driver::{AnyError, Bill, Cart, OrderStatus, SeenOrder};
use api::month::shop::Ware;
use domain::ids::{ProductId, ShopOrderId};
use serde_json::{Value, json};

use super::{parsed, won};
use crate::server::Client;

const SEEN: &str = "query SeenOrder($id: ID!) { shopOrder(id: $id) { status paymentDueAt \
     payment { id orderId amount { minorUnits } } } }";
const STOCKS: &str = "query Stocks($after: String) { stockLevels(first: 100, after: $after) { \
     nodes { onHand reserved product { id } } pageInfo { hasNextPage endCursor } } }";

pub(super) fn sell(seller: &Client, ware: &Ware) -> Result<ProductId, AnyError> {
    let input = json!({
        "name": ware.name, "category": ware.category, "price": won(ware.price_won), "maxPerBuyer": ware.max_per_buyer,
    });
    let created = seller.command("createProduct", "product { id }", input).done();
    let product: ProductId = parsed(&created["product"]["id"])?;
    seller.command("publishProduct", "", json!({ "productId": product.to_string() })).done();
    Ok(product)
}

pub(super) fn listed(lines: &[(ProductId, u32)]) -> Value {
    lines.iter().map(|(product, units)| json!({ "productId": product.to_string(), "quantity": units })).collect()
}

pub(super) fn cart(cart: &Cart) -> Value {
    let address = json!({ "recipient": "김서연", "phone": "010-1234-5678", "address": "서울특별시 중구 세종대로 110" });
    json!({ "lines": listed(&cart.lines), "address": address, "expectedTotal": won(cart.total_won) })
}

pub(super) fn see(buyer: &Client, order: ShopOrderId) -> Result<SeenOrder, AnyError> {
    let seen = buyer.query(SEEN, json!({ "id": order.to_string() }))["shopOrder"].clone();
    let payment = &seen["payment"];
    let bill = Bill {
        payment: parsed(&payment["id"])?,
        order_id: payment["orderId"].as_str().unwrap_or_default().to_owned(),
        won: parsed(&payment["amount"]["minorUnits"])?,
    };
    Ok(SeenOrder { status: status(seen["status"].as_str())?, due_at: parsed(&seen["paymentDueAt"])?, bill })
}

pub(super) fn stocks(seller: &Client) -> Result<BTreeMap<ProductId, (i64, i64)>, AnyError> {
    let (mut stocks, mut after) = (BTreeMap::new(), Value::Null);
    loop {
        let page = seller.query(STOCKS, json!({ "after": after }))["stockLevels"].clone();
        for node in page["nodes"].as_array().into_iter().flatten() {
            let units = |field: &str| node[field].as_i64().ok_or("no number");
            stocks.insert(parsed(&node["product"]["id"])?, (units("onHand")?, units("reserved")?));
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(stocks);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn status(name: Option<&str>) -> Result<OrderStatus, AnyError> {
    Ok(match name {
        Some("PLACED") => OrderStatus::Placed,
        Some("PAID") => OrderStatus::Paid,
        Some("PARTIALLY_SHIPPED") => OrderStatus::PartiallyShipped,
        Some("SHIPPED") => OrderStatus::Shipped,
        Some("DELIVERED") => OrderStatus::Delivered,
        Some("COMPLETED") => OrderStatus::Completed,
        Some("CANCELLED") => OrderStatus::Cancelled,
        Some("EXPIRED") => OrderStatus::Expired,
        Some("RETURNED") => OrderStatus::Returned,
        other => return Err(format!("no status: {other:?}").into()),
    })
}
