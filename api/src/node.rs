//! Relay's `node`: anything by its id alone.

use async_graphql::{Context, ID, Interface, Object};
use projections::models::{
    ApiKeys, Bookings, CorporateProfiles, ExchangeKeys, Payments, Payouts, Products, Sessions, Settlements, ShopOrders, StockLevels, Users,
    Vehicles,
};

use crate::api_key::ApiKeyNode;
use crate::booking::BookingNode;
use crate::corporate::CorporateProfileNode;
use crate::errors::ApiError;
use crate::event::{AsOf, EventNode, LOG_READERS, row_as_of};
use crate::exchange_key::ExchangeKeyNode;
use crate::fee_invoice::FeeInvoiceNode;
use crate::inbox::NotificationNode;
use crate::ledger::{AccountBalanceNode, JournalEntryNode};
use crate::payment::PaymentNode;
use crate::product::ProductNode;
use crate::reading::Reader;
use crate::session::SessionNode;
use crate::settlement::{PayoutNode, SettlementLineNode, SettlementNode};
use crate::shop_order::ShopOrderNode;
use crate::stock::StockLevelNode;
use crate::user::UserNode;
use crate::vehicle::{VehicleNode, VehicleSearchResultNode};

/// Most ids of one `nodes` field.
const MAX_IDS: usize = 100;

/// Anything with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Names it among all things; give it to `node`."))]
pub enum Node {
    /// A booking.
    Booking(BookingNode),
    /// A vehicle.
    Vehicle(VehicleNode),
    /// A vehicle found by a search.
    VehicleSearchResult(VehicleSearchResultNode),
    /// A person.
    User(UserNode),
    /// A session of yours.
    Session(SessionNode),
    /// A business.
    CorporateProfile(CorporateProfileNode),
    /// An API key of yours.
    ApiKey(ApiKeyNode),
    /// A key of an exchange of yours.
    ExchangeKey(ExchangeKeyNode),
    /// A product.
    Product(ProductNode),
    /// The units of a product.
    StockLevel(StockLevelNode),
    /// A shop order.
    ShopOrder(ShopOrderNode),
    /// A payment.
    Payment(PaymentNode),
    /// A batch of payouts.
    Settlement(SettlementNode),
    /// A line of a batch.
    SettlementLine(SettlementLineNode),
    /// A payout.
    Payout(PayoutNode),
    /// An invoice for the platform's fees.
    FeeInvoice(FeeInvoiceNode),
    /// Something that you were told.
    Notification(NotificationNode),
    /// A journal entry.
    JournalEntry(JournalEntryNode),
    /// An account's balance.
    AccountBalance(AccountBalanceNode),
    /// An event.
    Event(EventNode),
}

/// Queries by id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything that you may see, by its id; null for what does not exist or is not yours.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Node>, ApiError> {
        find(&Reader::of(ctx)?, &id).await
    }

    /// Anything that you may see and that changes with time, as it was at a moment of the past; null before it began. Whether you may see it
    /// is a question of that moment's parties and of your present roles.
    async fn node_as_of(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "Which moment.")] as_of: AsOf,
    ) -> Result<Option<Node>, ApiError> {
        find_as_of(&Reader::of(ctx)?, &id, &as_of).await
    }

    /// Several things by their ids, in the same order; at most 100.
    async fn nodes(&self, ctx: &Context<'_>, #[graphql(desc = "Their ids.")] ids: Vec<ID>) -> Result<Vec<Option<Node>>, ApiError> {
        if ids.len() > MAX_IDS {
            return Err(kernel::Refused::at(crate::errors::MALFORMED, &["ids"]).into());
        }
        let reader = Reader::of(ctx)?;
        let mut nodes = Vec::with_capacity(ids.len());
        for id in &ids {
            nodes.push(find(&reader, id).await?);
        }
        Ok(nodes)
    }
}

/// Events, entries, lines and balances are no things of this kind: they never change, or are asked for with a moment of their own.
async fn find_as_of(reader: &Reader<'_>, id: &ID, at: &AsOf) -> Result<Option<Node>, ApiError> {
    let viewer = reader.viewer;
    Ok(match id.split('-').next().unwrap_or_default() {
        "booking" => row_as_of::<Bookings>(reader, id, at).await?.and_then(|row| BookingNode::visible(reader, row)).map(Node::Booking),
        "vehicle" => row_as_of::<Vehicles>(reader, id, at).await?.and_then(|row| VehicleNode::visible(reader, row)).map(Node::Vehicle),
        "user" => row_as_of::<Users>(reader, id, at).await?.map(UserNode::new).map(Node::User),
        "session" => row_as_of::<Sessions>(reader, id, at).await?.and_then(|row| SessionNode::visible(reader, row)).map(Node::Session),
        "corp" => {
            let row = row_as_of::<CorporateProfiles>(reader, id, at).await?;
            row.and_then(|row| CorporateProfileNode::visible(reader, row)).map(Node::CorporateProfile)
        }
        "apikey" => row_as_of::<ApiKeys>(reader, id, at).await?.and_then(|row| ApiKeyNode::visible(reader, row)).map(Node::ApiKey),
        "xkey" => {
            let row = row_as_of::<ExchangeKeys>(reader, id, at).await?;
            row.and_then(|row| ExchangeKeyNode::visible(reader, row)).map(Node::ExchangeKey)
        }
        "payment" => row_as_of::<Payments>(reader, id, at).await?.and_then(|row| PaymentNode::visible(reader, row)).map(Node::Payment),
        "product" => row_as_of::<Products>(reader, id, at).await?.and_then(|row| ProductNode::visible(viewer, row)).map(Node::Product),
        "stock" => {
            row_as_of::<StockLevels>(reader, id, at).await?.and_then(|row| StockLevelNode::visible(viewer, row)).map(Node::StockLevel)
        }
        "shoporder" => {
            row_as_of::<ShopOrders>(reader, id, at).await?.and_then(|row| ShopOrderNode::visible(viewer, row)).map(Node::ShopOrder)
        }
        "settlement" => match row_as_of::<Settlements>(reader, id, at).await? {
            Some(row) => SettlementNode::visible(reader, row).await?.map(Node::Settlement),
            None => None,
        },
        "payout" => row_as_of::<Payouts>(reader, id, at).await?.and_then(|row| PayoutNode::visible(reader, row)).map(Node::Payout),
        _ => None,
    })
}

async fn find(reader: &Reader<'_>, id: &ID) -> Result<Option<Node>, ApiError> {
    Ok(match id.split('-').next().unwrap_or_default() {
        "booking" => reader.get::<Bookings>(id).await?.and_then(|row| BookingNode::visible(reader, row)).map(Node::Booking),
        "vehicle" => reader.get::<Vehicles>(id).await?.and_then(|row| VehicleNode::visible(reader, row)).map(Node::Vehicle),
        "user" => reader.get::<Users>(id).await?.map(UserNode::new).map(Node::User),
        "session" => SessionNode::find(reader, id).await?.map(Node::Session),
        "corp" => CorporateProfileNode::find(reader, id).await?.map(Node::CorporateProfile),
        "apikey" => ApiKeyNode::find(reader, id).await?.map(Node::ApiKey),
        "xkey" => ExchangeKeyNode::find(reader, id).await?.map(Node::ExchangeKey),
        "payment" => reader.get::<Payments>(id).await?.and_then(|row| PaymentNode::visible(reader, row)).map(Node::Payment),
        "product" => ProductNode::find(reader, id).await?.map(Node::Product),
        "stock" => StockLevelNode::find(reader, id).await?.map(Node::StockLevel),
        "shoporder" => ShopOrderNode::find(reader, id).await?.map(Node::ShopOrder),
        "settlement" => SettlementNode::find(reader, id).await?.map(Node::Settlement),
        "payout" => PayoutNode::find(reader, id).await?.map(Node::Payout),
        "feeinvoice" => FeeInvoiceNode::find(reader, id).await?.map(Node::FeeInvoice),
        "notification" => NotificationNode::find(reader, id).await?.map(Node::Notification),
        "line" => SettlementLineNode::find(reader, id).await?.map(Node::SettlementLine),
        "entry" => JournalEntryNode::find(reader, id).await?.map(Node::JournalEntry),
        "balance" => AccountBalanceNode::find(reader, id).await?.map(Node::AccountBalance),
        "event" if reader.viewer.is_any(&LOG_READERS) => {
            let Some(event_id) = id.strip_prefix("event-").and_then(|id| uuid::Uuid::try_parse(id).ok()) else { return Ok(None) };
            let filter = eventlog::EventFilter { event_id: Some(event_id), ..Default::default() };
            let one = eventlog::EventPage { after: None, before: None, order: eventlog::Order::Ascending, limit: 1 };
            let found = reader.app.ctx.log.search(&filter, one).await.map_err(ApiError::internal)?.events;
            found.into_iter().next().map(EventNode).map(Node::Event)
        }
        _ => None,
    })
}
