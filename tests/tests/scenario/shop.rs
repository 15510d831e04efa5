//! The shop: what is on the shelf, orders from placement to return, and everything that can end one early.

use daybook_tests::server::{Client, Outcome, Variant};
use serde_json::{Value, json};

use crate::cast::{Cast, PAYMENT, scenario, text, won};

mod contention;
mod endings;
mod life;
mod refusals;
mod rest;
mod shelf;
mod watching;

/// What most checks want to know of an order.
pub const ORDER: &str = "shopOrder { id status total { amount } platformFee { amount } sellerAmount { amount } cancelledBy cancelReason \
     paidAt paymentDueAt deliveryDueAt deliveredAt returnDueAt completedAt address { recipient phone address } \
     lines { name quantity unitPrice { amount } amount { amount } shipped returned product { id price { amount } } } \
     parcels { units { productId quantity } carrier trackingNumber shippedAt } \
     restDueAt cutShort { units { productId quantity } refund { amount } at reason } \
     returns { units { productId quantity } reason answerDueAt approvedAt declinedAt declineReason withdrawnAt refund { amount } } \
     payment { id orderId status amount { amount } refunded { amount } settledAt booking { id } shopOrder { id } } }";
/// What most checks want to know of a product.
pub const PRODUCT: &str = "product { id sku name category description status maxPerBuyer available price { amount } seller { id } }";
/// What most checks want to know of a stock.
pub const STOCK: &str = "stockLevel { id onHand reserved available changedAt product { id } }";

/// A product on the shelf.
#[derive(Clone, Debug)]
pub struct Ware {
    pub id: String,
    pub sku: String,
}

/// An order under way.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: String,
    pub total: i64,
}

impl Order {
    /// The account that holds its money.
    pub fn escrow(&self) -> String {
        format!("order_escrow:{}", self.id.trim_start_matches("shoporder-"))
    }
}

/// So many units of a product, as a line of an order.
pub fn line(ware: &Ware, quantity: i64) -> Value {
    json!({ "productId": ware.id, "quantity": quantity })
}

/// A wish to buy these lines.
pub fn wish(lines: &[Value]) -> Value {
    let address = json!({ "recipient": "김하늘", "phone": "010-9876-5432", "address": "서울특별시 중구 세종대로 110" });
    json!({ "lines": lines, "address": address })
}

impl Cast {
    /// The host describes a product, publishes it and takes units in.
    pub fn on_shelf(&self, name: &str, price: i64, units: i64) -> Ware {
        self.on_shelf_with(json!({ "name": name, "category": "식품", "price": { "amount": price.to_string(), "currency": "KRW" } }), units)
    }

    /// The same with everything that a product may say.
    pub fn on_shelf_with(&self, input: Value, units: i64) -> Ware {
        let created = self.host.command("createProduct", PRODUCT, input).done()["product"].clone();
        assert_eq!(created["status"], "DRAFT");
        let ware = Ware { id: text(&created["id"]), sku: text(&created["sku"]) };
        let published = self.host.command("publishProduct", PRODUCT, json!({ "productId": ware.id })).done();
        assert_eq!(published["product"]["status"], "PUBLISHED");
        if units > 0 {
            let received = self.host.command("receiveStock", STOCK, json!({ "sku": ware.sku, "quantity": units })).done();
            assert_eq!(received["stockLevel"]["available"], units);
        }
        ware
    }

    /// The guest orders.
    pub fn order(&self, lines: &[Value]) -> Order {
        let placed = self.guest.command("placeShopOrder", ORDER, wish(lines)).done()["shopOrder"].clone();
        assert_eq!((placed["status"].as_str(), placed["payment"]["status"].as_str()), (Some("PLACED"), Some("PENDING")), "{placed}");
        Order { id: text(&placed["id"]), total: won(&placed["total"]) }
    }

    /// What the guest's browser would send to pay an order.
    pub fn order_payment(&self, order: &Order, payment_key: &str) -> Value {
        let payment = self.shop_order(order)["payment"].clone();
        json!({
            "bookingId": order.id,
            "paymentKey": format!("{payment_key}-{}", uuid::Uuid::new_v4().simple()),
            "orderId": payment["orderId"],
            "amount": { "amount": payment["amount"]["amount"], "currency": "KRW" },
        })
    }

    /// The guest pays an order.
    pub fn pay_order(&self, order: &Order, payment_key: &str) -> Outcome {
        self.guest.command("confirmPayment", PAYMENT, self.order_payment(order, payment_key))
    }

    /// The guest orders and pays.
    pub fn paid_order(&self, lines: &[Value]) -> Order {
        let order = self.order(lines);
        let payment = self.pay_order(&order, "sandbox-ok-card").done()["payment"].clone();
        assert_eq!((payment["status"].as_str(), self.status(&order).as_str()), (Some("COMPLETED"), "PAID"), "{payment}");
        order
    }

    /// The host sends a parcel; no lines: all that is left.
    pub fn ship(&self, order: &Order, lines: &[Value]) -> Outcome {
        let input = json!({ "orderId": order.id, "lines": lines, "carrier": "우체국", "trackingNumber": "1234-5678" });
        self.host.command("shipShopOrder", ORDER, input)
    }

    /// Something of an order that needs no more than its id.
    pub fn with_order(&self, by: &Client, mutation: &str, order: &Order) -> Outcome {
        by.command(mutation, ORDER, json!({ "orderId": order.id }))
    }

    /// Somebody calls an order off.
    pub fn cancel_order(&self, by: &Client, order: &Order) -> Outcome {
        by.command("cancelShopOrder", ORDER, json!({ "orderId": order.id, "reason": "마음이 바뀌었습니다" }))
    }

    /// The guest wants to give units back.
    pub fn give_back(&self, order: &Order, lines: &[Value]) -> Outcome {
        self.guest.command("requestReturn", ORDER, json!({ "orderId": order.id, "lines": lines, "reason": "상자가 찌그러졌습니다" }))
    }

    /// The order as its buyer sees it.
    pub fn shop_order(&self, order: &Order) -> Value {
        seen_by(&self.guest, order)
    }

    /// Where an order stands.
    pub fn status(&self, order: &Order) -> String {
        text(&self.shop_order(order)["status"])
    }

    /// Units on hand and promised, as the host sees them.
    pub fn units(&self, ware: &Ware) -> (i64, i64) {
        let query = "query($id: ID!) { node(id: $id) { ... on StockLevel { onHand reserved available } } }";
        let stock = self.host.query(query, json!({ "id": ware.sku }))["node"].clone();
        let (on_hand, reserved) = (stock["onHand"].as_i64().unwrap(), stock["reserved"].as_i64().unwrap());
        assert_eq!(stock["available"], on_hand - reserved, "{stock}");
        (on_hand, reserved)
    }

    /// What the seller is owed.
    pub fn owed(&self) -> i64 {
        let host = text(&self.host.query("{ me { id } }", json!({}))["me"]["id"]);
        self.balance(&format!("host_payable:{}", host.trim_start_matches("user-")))
    }
}

/// An order as somebody sees it; null when they do not.
pub fn seen_by(client: &Client, order: &Order) -> Value {
    let query = format!("query($id: ID!) {{ {} }}", ORDER.replacen("shopOrder", "shopOrder(id: $id)", 1));
    client.query(&query, json!({ "id": order.id }))["shopOrder"].clone()
}

/// The code of a mutation's top-level error.
pub fn forbidden(by: &Client, name: &str, mut input: Value) -> String {
    input["idempotencyKey"] = uuid::Uuid::new_v4().to_string().into();
    let (first, rest) = name.split_at(1);
    let query = format!("mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}", first.to_uppercase());
    by.send(&query, &json!({ "input": input })).code().to_owned()
}
