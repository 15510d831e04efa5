//! Shop orders as GraphQL shows and changes them.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use domain::ids::ProductId;
use domain::shop_order::{OrderLine, Units};
use domain::user::Role;
use kernel::Personal;
use projections::models::shop_orders::{OrderReturn, Parcel};

mod mutation;
mod node;
mod query;

use crate::errors::ApiError;
use crate::product::ProductNode;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::stock::units;
pub use mutation::ShopOrderMutation;
pub use node::ShopOrderNode;
pub use query::{ShopOrderQuery, ShopOrderSubscription};

/// Who sees the orders of others.
const READERS: [Role; 3] = [Role::Admin, Role::Finance, Role::Support];

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
    /// An administrator.
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

/// Units that left together.
#[derive(Clone, Debug, SimpleObject)]
pub struct ShopParcel {
    /// Which units.
    pub units: Vec<ShopUnits>,
    /// Who carries them.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_number: String,
    /// When they left.
    pub shipped_at: DateTime,
}

impl From<&Parcel> for ShopParcel {
    fn from(parcel: &Parcel) -> Self {
        let (carrier, tracking_number) = (parcel.tracking.carrier.clone(), parcel.tracking.number.clone());
        Self { units: listed(&parcel.units), carrier, tracking_number, shipped_at: parcel.shipped_at.into() }
    }
}

/// Units that the buyer gives back.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ShopReturn {
    /// Which units.
    pub units: Vec<ShopUnits>,
    #[graphql(skip)]
    reason: Personal<String>,
    /// When the buyer asked for it.
    pub requested_at: DateTime,
    /// When the seller had the units back; null while they have not.
    pub approved_at: Option<DateTime>,
    /// What goes back to the buyer, once the seller has the units back.
    pub refund: Option<Money>,
}

#[ComplexObject]
impl ShopReturn {
    /// Why, in the buyer's words; null once they were erased.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.reason).await
    }
}

impl From<&OrderReturn> for ShopReturn {
    fn from(back: &OrderReturn) -> Self {
        Self {
            units: listed(&back.units),
            reason: back.reason.clone(),
            requested_at: back.requested_at.into(),
            approved_at: back.approval.map(|approval| approval.at.into()),
            refund: back.approval.map(|approval| approval.refund.into()),
        }
    }
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
