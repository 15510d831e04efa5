//! The shop through the command layer.

use std::collections::BTreeMap;

use commands::product::CreateProduct;
use commands::shop_order::{AddressInput, LineInput};
use domain::ids::{ProductId, ShopOrderId, UserId};
use domain::payment::Payment;
use domain::product::Product;
use domain::shop_order::ShopOrder;
use domain::stock::{Stock, sku_of};
use kernel::Decider;
use uuid::Uuid;

use super::{CommandDriver, won};
use crate::month::driver::{AnyError, Bill, SeenOrder};
use crate::month::shop::Ware;

/// More products than a month has.
const MAX_PRODUCTS: usize = 1_000;

impl CommandDriver {
    pub(super) async fn shop_sell(&self, seller: UserId, ware: &Ware) -> Result<ProductId, AnyError> {
        let input = CreateProduct {
            name: ware.name.clone(),
            category: ware.category.to_owned(),
            description: None,
            price: won(ware.price_won),
            max_per_buyer: ware.max_per_buyer.map(i32::try_from).transpose()?,
        };
        let product = commands::product::create_product(&self.ctx, &self.by(seller), &input).await?.value;
        commands::product::publish_product(&self.ctx, &self.by(seller), product).await?;
        Ok(product)
    }

    pub(super) async fn shop_see(&self, order: ShopOrderId) -> Result<SeenOrder, AnyError> {
        let (state, _) = self.ctx.log.load::<ShopOrder>(order.uuid()).await?;
        let (Some(status), Some(deal)) = (state.status(), state.deal()) else { return Err(format!("there is no {order}").into()) };
        let (payment, _) = self.ctx.log.load::<Payment>(deal.payment.uuid()).await?;
        let bill = payment.order().ok_or("an order without a payment")?;
        let (order_id, won, due_at) = (bill.order_id.clone(), bill.amount.minor(), bill.due_at);
        Ok(SeenOrder { status, due_at, bill: Bill { payment: deal.payment, order_id, won } })
    }

    pub(super) async fn shop_stocks(&self, seller: UserId) -> Result<BTreeMap<ProductId, (i64, i64)>, AnyError> {
        let mut stocks = BTreeMap::new();
        for stream in self.ctx.log.streams_of_kind(Product::KIND, None, MAX_PRODUCTS).await? {
            let (product, _) = self.ctx.log.load_stream::<Product>(&stream).await?;
            if product.offer().is_ok_and(|offer| offer.seller == seller) {
                let id = ProductId::new(Uuid::try_parse(stream.id())?);
                let (stock, _) = self.ctx.log.load::<Stock>(sku_of(id).uuid()).await?;
                stocks.insert(id, (i64::from(stock.on_hand), i64::from(stock.reserved())));
            }
        }
        Ok(stocks)
    }
}

pub(super) fn listed(lines: &[(ProductId, u32)]) -> Result<Vec<LineInput>, AnyError> {
    lines.iter().map(|(product_id, units)| Ok(LineInput { product_id: *product_id, quantity: i32::try_from(*units)? })).collect()
}

pub(super) fn address() -> AddressInput {
    let text = |text: &str| text.to_owned();
    AddressInput { recipient: text("김서연"), phone: text("010-1234-5678"), address: text("서울특별시 중구 세종대로 110") }
}
