//! The schema: what every module brings, under one roof.

mod pace;

use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use async_graphql::{Context, MergedObject, MergedSubscription, Object, Request, Response, Schema};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use self::pace::Pace;
use crate::access::{Gate, Root};
use crate::adjustment::{AdjustmentMutation, AdjustmentQuery};
use crate::api_key::{ApiKeyMutation, ApiKeyQuery};
use crate::app::App;
use crate::booking::{BookingMutation, BookingQuery, LiveBookingQuery};
use crate::consistency::Consistent;
use crate::corporate::{CorporateMutation, CorporateQuery};
use crate::deadletter::{DeadLetterMutation, DeadLetterQuery};
use crate::edge::{self, Meter};
use crate::errors::ApiError;
use crate::event::{EventQuery, EventSubscription};
use crate::exchange_key::{ExchangeKeyMutation, ExchangeKeyQuery};
use crate::fee_invoice::FeeInvoiceQuery;
use crate::inbox::{DeviceMutation, InboxMutation, InboxQuery, InboxSubscription, PreferenceMutation, PreferenceQuery};
use crate::ledger::{ExplainQuery, LedgerQuery, StatementQuery};
use crate::metrics::{self, Subscribed, Transport};
use crate::node::{Node, NodeQuery};
use crate::payment::{PaymentMutation, PaymentQuery};
use crate::period::{PeriodMutation, PeriodQuery};
use crate::product::{ProductMutation, ProductQuery};
use crate::projection::{ProjectionMutation, ProjectionQuery};
use crate::proof::ProofQuery;
use crate::reading::{Reader, Sight};
use crate::recon::{ReconMutation, ReconQuery};
use crate::scalars::DateTime;
use crate::session::{SessionMutation, SessionQuery, SessionSubscription};
use crate::settlement::{PayoutHoldMutation, PayoutHoldQuery, SettlementMutation, SettlementQuery};
use crate::shop_order::{ShopOrderMutation, ShopOrderQuery, ShopOrderSubscription};
use crate::stock::{StockMutation, StockQuery, StockSubscription};
use crate::transfers::{TransferMutation, TransferQuery};
use crate::transport::{GraphQl, RequestMeta};
use crate::user::{AccountMutation, LicenceMutation, SecondFactorMutation, UserAdminMutation, UserMutation, UserQuery};
use crate::vehicle::{VehicleMutation, VehicleQuery};
use tracing::Instrument as _;

/// What can be asked of people and their keys. Merged on its own: each part of a merge nests the types one level deeper.
#[derive(MergedObject, Default)]
pub struct IdentityQuery(UserQuery, SessionQuery, CorporateQuery, ApiKeyQuery, ExchangeKeyQuery);

/// What people can do with their accounts and keys, and administrators with others'.
#[derive(MergedObject, Default)]
pub struct IdentityMutation(
    UserMutation,
    AccountMutation,
    SecondFactorMutation,
    UserAdminMutation,
    LicenceMutation,
    SessionMutation,
    CorporateMutation,
    ApiKeyMutation,
    ExchangeKeyMutation,
);

/// What can be asked of what people are told.
#[derive(MergedObject, Default)]
pub struct NotificationQuery(InboxQuery, PreferenceQuery);

/// What can be done about what people are told.
#[derive(MergedObject, Default)]
pub struct NotificationMutation(InboxMutation, PreferenceMutation, DeviceMutation);

/// Everything that can be asked.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct Queries(
    IdentityQuery,
    NotificationQuery,
    NodeQuery,
    VehicleQuery,
    BookingQuery,
    LiveBookingQuery,
    ProductQuery,
    StockQuery,
    ShopOrderQuery,
    PaymentQuery,
    SettlementQuery,
    PayoutHoldQuery,
    FeeInvoiceQuery,
    LedgerQuery,
    AdjustmentQuery,
    ExplainQuery,
    PeriodQuery,
    ReconQuery,
    StatementQuery,
    TransferQuery,
    EventQuery,
    ProofQuery,
    ProjectionQuery,
    DeadLetterQuery,
);

/// Everything that can be asked, and of what position.
pub type Query = Consistent<Queries>;

/// Everything that can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    IdentityMutation,
    NotificationMutation,
    VehicleMutation,
    BookingMutation,
    ProductMutation,
    StockMutation,
    ShopOrderMutation,
    PaymentMutation,
    SettlementMutation,
    PayoutHoldMutation,
    AdjustmentMutation,
    DeadLetterMutation,
    ProjectionMutation,
    PeriodMutation,
    ReconMutation,
    TransferMutation,
    ClockMutation,
);

/// Everything that can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(EventSubscription, SessionSubscription, ShopOrderSubscription, StockSubscription, InboxSubscription);

/// The business clock, where it can be moved.
#[derive(Default)]
pub struct ClockMutation;

fn movable(ctx: &Context<'_>) -> bool {
    ctx.data::<App>().map_or(true, |app| app.advance.is_some())
}

#[Object]
impl ClockMutation {
    /// In dev and tests only, absent from a production schema: moves the business clock forward by so many seconds (0 reads
    /// it) and answers when all that fell due has run.
    #[graphql(visible = "movable")]
    async fn advance_clock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Seconds; 0 reads the clock.")] by: i32,
    ) -> Result<DateTime, ApiError> {
        let reader = Reader::of(ctx)?;
        let advance = reader.app.advance.as_ref().ok_or_else(|| ApiError::code("SYS007"))?;
        let seconds = u32::try_from(by).map_err(|_| kernel::Refused::at(crate::errors::MALFORMED, &["by"]))?;
        advance.advance(seconds).await.map(DateTime::from).map_err(ApiError::internal)
    }
}

/// The schema over a book.
pub type Daybook = Schema<Gate<Query>, Gate<Mutation>, Gate<Subscription>>;

/// The schema without a book: for its SDL.
#[must_use]
pub fn definition() -> async_graphql::SchemaBuilder<Gate<Query>, Gate<Mutation>, Gate<Subscription>> {
    let query = Gate::new(Root::Query, Query::default());
    let mutation = Gate::new(Root::Mutation, Mutation::default());
    let subscription = Gate::new(Root::Subscription, Subscription::default());
    Schema::build(query, mutation, subscription).register_output_type::<Node>()
}

/// The schema as SDL.
#[must_use]
pub fn sdl() -> String {
    let mut sdl = definition().finish().sdl();
    // The library describes the arguments of its directives, but does not print what it says.
    for (bare, described) in DIRECTIVES {
        sdl = sdl.replace(bare, described);
    }
    sdl
}

const DIRECTIVES: [(&str, &str); 3] = [
    ("directive @include(if: Boolean!)", "directive @include(\n\t\"\"\"\n\tIncluded when true.\n\t\"\"\"\n\tif: Boolean!\n)"),
    ("directive @skip(if: Boolean!)", "directive @skip(\n\t\"\"\"\n\tSkipped when true.\n\t\"\"\"\n\tif: Boolean!\n)"),
    (
        "directive @specifiedBy(url: String!)",
        "directive @specifiedBy(\n\t\"\"\"\n\tWhere the scalar type is specified.\n\t\"\"\"\n\turl: String!\n)",
    ),
];

/// The schema over a book, answering where its reads stood.
#[derive(Clone)]
pub struct Served(Daybook, App, Option<Meter>, Pace);

impl Served {
    /// Serves a book; with a meter, each caller only so much of it. Needs a tokio runtime.
    #[must_use]
    pub fn new(app: App, meter: Option<Meter>) -> Self {
        let pace = Pace::follow(app.ctx.log.watch());
        Self(definition().data(app.clone()).finish(), app, meter, pace)
    }
}

impl GraphQl for Served {
    fn execute(&self, mut request: Request) -> BoxFuture<'static, Response> {
        let (schema, app, meter, pace) = (self.0.clone(), self.1.clone(), self.2.clone(), self.3.clone());
        let answered = async move {
            let begun = Instant::now();
            let kind = kind(&mut request);
            if let Some(refused) = charged(meter.as_ref(), &mut request).await {
                metrics::executed(kind, "limited", begun.elapsed());
                return refused;
            }
            let sight = std::sync::Arc::new(Sight::default());
            let mut response = schema.execute(request.data(std::sync::Arc::clone(&sight))).await;
            // What asked no read model is as of the log's end, as this node knows it.
            let position = sight.seen().unwrap_or_else(|| *app.ctx.log.watch().borrow());
            let lag_ms = lag_ms(&app, &pace, position).await;
            let consistency = serde_json::json!({ "position": position.to_string(), "lagMs": lag_ms.to_string() });
            if let Ok(value) = async_graphql::Value::from_json(consistency) {
                response.extensions.insert("consistency".to_owned(), value);
            }
            metrics::executed(kind, if response.is_ok() { "ok" } else { "error" }, begun.elapsed());
            response
        };
        // The transport may answer from another task: the span of the request goes along.
        Box::pin(answered.in_current_span())
    }

    fn sdl(&self) -> String {
        self.0.sdl()
    }

    fn subscribe(&self, mut request: Request) -> BoxStream<'static, Response> {
        let (schema, meter) = (self.0.clone(), self.2.clone());
        let begun = async move {
            if let Some(refused) = charged(meter.as_ref(), &mut request).await {
                metrics::executed(OperationType::Subscription, "limited", Duration::ZERO);
                return stream::once(std::future::ready(refused)).left_stream();
            }
            metrics::executed(OperationType::Subscription, "ok", Duration::ZERO);
            let socket = edge::data::<RequestMeta>(&request).is_some_and(|meta| meta.socket);
            let open = Subscribed::over(if socket { Transport::WebSocket } else { Transport::Sse });
            // Counted for as long as the stream is there.
            let counted = move |response| {
                let _ = &open;
                response
            };
            schema.execute_stream(request).map(counted).right_stream()
        };
        Box::pin(begun.flatten_stream())
    }
}

/// What the operation is; one that cannot be read counts as a query.
fn kind(request: &mut Request) -> OperationType {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return OperationType::Query };
    let mut operations = document.operations.iter().filter(|(own, _)| name.is_none() || own.map(AsRef::as_ref) == name.as_deref());
    operations.next().map_or(OperationType::Query, |(_, operation)| operation.node.ty)
}

/// The refusal of a caller who has had enough.
async fn charged(meter: Option<&Meter>, request: &mut Request) -> Option<Response> {
    match meter {
        Some(meter) => meter.charge(request).await,
        None => None,
    }
}

/// How old the oldest event is that a read at this position has not seen, in milliseconds; 0 when it has seen them all.
async fn lag_ms(app: &App, pace: &Pace, position: u64) -> i64 {
    if *app.ctx.log.watch().borrow() <= position {
        return 0;
    }
    // Asked of every answer: the log itself is only asked about what is long past.
    if let Some(age) = pace.since(position) {
        return age;
    }
    let unseen = app.ctx.log.read(position, 1).await.unwrap_or_default();
    unseen.first().map_or(0, |event| (kernel::Timestamp::now().as_millisecond() - event.recorded_at.as_millisecond()).max(0))
}

#[cfg(test)]
mod tests;
