//! The same crates wired the usual way: axum, async-graphql with its stock adapter, cqrs-es on postgres-es with one `GenericQuery`
//! view, which a mutation's answer is read from. Nobody signs in, and no command can be repeated.

use std::net::SocketAddr;
use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, Object, Schema, SimpleObject};
use async_graphql_axum::GraphQL;
use axum::Router;
use axum::routing::{get, post_service};
use cqrs_es::persist::{GenericQuery, ViewRepository};
use cqrs_es::{EventEnvelope, View};
use kernel::{Actor, At, EventSourced, Timestamp};
use postgres_es::{PostgresCqrs, PostgresViewRepository, default_postgress_pool, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use crate::booking::{Booking, Command, Event, MESSAGE};
use crate::error::Failure;
use crate::peer::{SCHEMA, unsealed};
use crate::place::run;

/// The view table of its documentation.
const VIEW: &str = "create table booking_view
(
    view_id text                        not null,
    version bigint check (version >= 0) not null,
    payload json                        not null,
    primary key (view_id)
)";

type Framework = Arc<PostgresCqrs<EventSourced<Booking>>>;
type Views = Arc<PostgresViewRepository<BookingView, EventSourced<Booking>>>;

/// What the view keeps of a booking.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct BookingView {
    status: String,
    total: String,
}

impl View<EventSourced<Booking>> for BookingView {
    fn update(&mut self, event: &EventEnvelope<EventSourced<Booking>>) {
        match &event.payload {
            Event::BookingRequested { total, .. } => *self = Self { status: "REQUESTED".to_owned(), total: total.to_string() },
            Event::BookingApproved { .. } => "APPROVED".clone_into(&mut self.status),
            Event::BookingPaid { .. } => "PAID".clone_into(&mut self.status),
            Event::NoteAdded { .. } => {}
        }
    }
}

/// A booking as it is shown.
#[derive(SimpleObject)]
struct Shown {
    id: Uuid,
    status: String,
    total: String,
}

struct Query;

#[Object]
impl Query {
    async fn booking(&self, ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Shown>> {
        let view = unsealed(ctx.data::<Views>()?.load(&id.to_string())).await?;
        Ok(view.map(|BookingView { status, total }| Shown { id, status, total }))
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn request_booking(&self, ctx: &Context<'_>, vehicle: Uuid) -> async_graphql::Result<Option<Shown>> {
        let guest = Uuid::now_v7();
        execute(ctx, Uuid::now_v7(), Command::Request { guest, vehicle, won: 84_000, message: MESSAGE.to_owned() }).await
    }

    async fn approve_booking(&self, ctx: &Context<'_>, booking: Uuid) -> async_graphql::Result<Option<Shown>> {
        execute(ctx, booking, Command::Approve { payment: Uuid::new_v4() }).await
    }

    async fn confirm_payment(&self, ctx: &Context<'_>, booking: Uuid) -> async_graphql::Result<Option<Shown>> {
        execute(ctx, booking, Command::Pay).await
    }
}

async fn execute(ctx: &Context<'_>, booking: Uuid, command: Command) -> async_graphql::Result<Option<Shown>> {
    let at = At { now: Timestamp::now(), actor: Actor::Anonymous, command };
    unsealed(ctx.data::<Framework>()?.execute(&booking.to_string(), at)).await?;
    Query.booking(ctx, booking).await
}

/// Prepares a fresh database and serves it until SIGTERM.
pub async fn serve(url: &str, listen: SocketAddr) -> Result<(), Failure> {
    let mut db = PgConnection::connect(url).await?;
    run(&mut db, SCHEMA.to_owned()).await?;
    run(&mut db, VIEW.to_owned()).await?;
    drop(db);
    let pool = default_postgress_pool(url).await;
    let views: Views = Arc::new(PostgresViewRepository::new("booking_view", pool.clone()));
    let framework: Framework = Arc::new(postgres_cqrs(pool, vec![Box::new(GenericQuery::new(views.clone()))], ()));
    let schema = Schema::build(Query, Mutation, EmptySubscription).data(framework).data(views).finish();
    let routes = Router::new().route("/graphql", post_service(GraphQL::new(schema))).route("/readyz", get(async || "ready"));
    let mut terminated = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(listen).await?;
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => served?,
        _ = terminated.recv() => {}
    }
    Ok(())
}
