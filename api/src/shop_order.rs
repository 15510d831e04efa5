//! Shop orders as GraphQL shows and changes them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::ids::ProductId;
use domain::shop_order::{OrderLine, Units};
use domain::user::Role;

mod mutation;
mod node;
mod parts;
mod query;

use crate::errors::ApiError;
use crate::product::ProductNode;
use crate::reading::Reader;
use crate::scalars::Money;
use crate::stock::units;
pub use mutation::ShopOrderMutation;
pub use node::ShopOrderNode;
pub use parts::{ShopCutShort, ShopParcel, ShopReturn};
pub use query::{ShopOrderQuery, ShopOrderSubscription};

/// Who sees the orders of others.
pub(crate) const READERS: [Role; 4] = [Role::Admin, Role::Finance, Role::Support, Role::Auditor];

/// Where a shop order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::shop_order::Status")]
pub enum ShopOrderStatus {
    /// Its units are kept until it is paid or expires.
    Placed,
    /// To be shipped.
    Paid,
    /// Some of its units have left.
    PartiallyShipped,
    /// All of its units have left.
    Shipped,
    /// All of its units have arrived.
    Delivered,
    /// The time to return is over.
    Completed,
    /// Called off before anything left.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// All of its units came back.
    Returned,
}

/// On whose side a shop order was called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::shop_order::CancelledBy")]
pub enum ShopCancelledBy {
    /// Who ordered.
    Buyer,
    /// Who sells.
    Seller,
    /// An administrator, or support.
    Admin,
}

/// Where a shop order goes.
#[derive(Clone, Debug, SimpleObject)]
pub struct ShopAddress {
    /// Who receives it.
    pub recipient: String,
    /// Under which number they are called.
    pub phone: String,
    /// Where.
    pub address: String,
}

/// Units of one product.
#[derive(Clone, Debug, SimpleObject)]
pub struct ShopUnits {
    /// Which product.
    pub product_id: ID,
    /// How many units.
    pub quantity: i32,
}

fn listed(counted: &Units) -> Vec<ShopUnits> {
    let one = |(product, quantity): (&ProductId, &u32)| ShopUnits { product_id: ID(product.to_string()), quantity: units(*quantity) };
    counted.iter().map(one).collect()
}

/// A line of an order, with what became of its units.
#[derive(Clone, Debug)]
pub struct ShopOrderLineNode {
    line: OrderLine,
    shipped: u32,
    returned: u32,
}

/// So many units of one product, at the price of the moment at which they were ordered.
#[Object(name = "ShopOrderLine")]
impl ShopOrderLineNode {
    /// The product as it is today; its price may be another by now.
    async fn product(&self, ctx: &Context<'_>) -> Result<Option<ProductNode>, ApiError> {
        ProductNode::find(&Reader::of(ctx)?, &self.line.product.to_string()).await
    }

    /// What it was called.
    async fn name(&self) -> &str {
        &self.line.name
    }

    /// How many units.
    async fn quantity(&self) -> i32 {
        units(self.line.quantity)
    }

    /// What one unit cost.
    async fn unit_price(&self) -> Money {
        self.line.unit_price.into()
    }

    /// What all of them cost.
    async fn amount(&self) -> Money {
        self.line.amount.into()
    }

    /// How many of them have left.
    async fn shipped(&self) -> i32 {
        units(self.shipped)
    }

    /// How many of them came back.
    async fn returned(&self) -> i32 {
        units(self.returned)
    }
}
