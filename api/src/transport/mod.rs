//! GraphQL over HTTP, WebSocket and server-sent events: a thin layer of our own on axum over async-graphql's executor.
//!
//! One [`Endpoint`] serves `/graphql` for all of them. It knows no business: the schema comes as a [`GraphQl`], and who may enter is
//! for a [`Door`] to say.

mod admission;
mod budget;
mod completion;
pub mod document;
mod http;
pub mod limits;
mod meta;
mod near;
mod negotiation;
mod order;
mod persisted;
mod protocol;
mod sse;
mod types;
mod websocket;
mod welcome;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, ObjectType, Request, Response, Schema, SubscriptionType};
use axum::Router;
use axum::routing::any;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use kernel::Timestamp;
use tokio::sync::watch;

use self::completion::Source;
use self::types::Types;
use self::welcome::Welcomes;
use crate::crowd::{Crowd, Room};
use crate::errors;

pub use budget::Budget;
pub use limits::Limits;
pub use meta::{CONSISTENCY_HEADER, CORRELATION_HEADER, RequestMeta, bearer, bearer_token, preferred_language};
pub use negotiation::{Events, Media};
pub use persisted::{Documents, ListError, Listed};
pub use websocket::SocketLimits;

/// Where GraphQL is served.
pub const PATH: &str = "/graphql";

/// An executor of GraphQL requests, its schema's types forgotten.
pub trait GraphQl: Send + Sync {
    /// Executes a query or mutation.
    fn execute(&self, request: Request) -> BoxFuture<'static, Response>;
    /// Starts a subscription; a query or mutation gives its one response.
    fn subscribe(&self, request: Request) -> BoxStream<'static, Response>;
    /// The schema as text.
    fn sdl(&self) -> String;
}

impl<Q, M, S> GraphQl for Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn execute(&self, request: Request) -> BoxFuture<'static, Response> {
        let schema = self.clone();
        Box::pin(async move { Self::execute(&schema, request).await })
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.execute_stream(request)
    }

    fn sdl(&self) -> String {
        Self::sdl(self)
    }
}

/// Decides who a caller is, before anything is executed.
pub trait Door: Send + Sync {
    /// The viewer behind a token; without one, an anonymous viewer.
    fn enter<'a>(&'a self, bearer: Option<&'a str>, meta: &'a RequestMeta) -> BoxFuture<'a, Result<Admitted, TurnedAway>>;

    /// Counts a request that was refused before anything was executed; how long to wait when its caller has had enough.
    fn refused<'a>(&'a self, _meta: &'a RequestMeta) -> BoxFuture<'a, Option<Duration>> {
        Box::pin(std::future::ready(None))
    }
}

/// Why nobody enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// The token is malformed, forged, expired or revoked (AUTH003).
    #[error("the token is not valid")]
    Unauthenticated,
    /// The caller may not use this endpoint at all (AUTH010).
    #[error("not allowed")]
    Forbidden,
    /// Too many requests (SYS002).
    #[error("too many requests")]
    Limited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The token could not be checked (SYS008).
    #[error("the token could not be checked")]
    Unavailable,
}

/// A caller who was let in.
#[derive(Clone)]
pub struct Admitted {
    insert: Arc<dyn Fn(&mut Data) + Send + Sync>,
    /// Whose bucket pays for the operations; without a name, the address does.
    pub caller: Option<String>,
    /// When the token ends, in real time; a socket closes then.
    pub expires_at: Option<Timestamp>,
    /// What the caller may: when one of these is taken, what was begun with it ends.
    pub rights: BTreeSet<&'static str>,
}

impl Admitted {
    /// Resolvers find the viewer in the request's data, by its type.
    #[must_use]
    pub fn new<V: Any + Clone + Send + Sync>(viewer: V, expires_at: Option<Timestamp>) -> Self {
        Self { insert: Arc::new(move |data| data.insert(viewer.clone())), caller: None, expires_at, rights: BTreeSet::new() }
    }

    /// The name of the bucket that pays for the viewer's operations, for example the user's id.
    #[must_use]
    pub fn paying_as(mut self, caller: impl Into<String>) -> Self {
        self.caller = Some(caller.into());
        self
    }

    /// By which rights the viewer is what they are, for example the names of their roles.
    #[must_use]
    pub fn holding(mut self, rights: impl IntoIterator<Item = &'static str>) -> Self {
        self.rights = rights.into_iter().collect();
        self
    }
}

impl std::fmt::Debug for Admitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Everything that serving GraphQL needs. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    schema: Arc<dyn GraphQl>,
    types: Arc<Types>,
    door: Arc<dyn Door>,
    limits: Arc<Limits>,
    budget: Option<Budget>,
    documents: Arc<Documents>,
    sockets: SocketLimits,
    /// Sockets of an address.
    sockets_open: Crowd,
    /// Subscriptions of a caller.
    subscriptions: Crowd,
    welcomes: Welcomes,
    introspection: bool,
    draining: watch::Receiver<bool>,
    in_flight: watch::Sender<()>,
}

impl Endpoint {
    /// An endpoint with the default limits and introspection on. `draining` turns true when the process is to end: requests
    /// are then answered with 503 and sockets closed with 1001.
    pub fn new(schema: impl GraphQl + 'static, door: impl Door + 'static, draining: watch::Receiver<bool>) -> Self {
        Self {
            types: Arc::new(Types::from_sdl(&schema.sdl())),
            schema: Arc::new(schema),
            door: Arc::new(door),
            limits: Arc::new(Limits::default()),
            budget: None,
            documents: Arc::default(),
            sockets: SocketLimits::default(),
            sockets_open: Crowd::of(0),
            subscriptions: Crowd::of(0),
            welcomes: Welcomes::default(),
            introspection: true,
            draining,
            in_flight: watch::Sender::new(()),
        }
    }

    /// Other limits for documents and bodies.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Arc::new(limits);
        self
    }

    /// What each caller may spend in a minute; without one, as much as they like.
    #[must_use]
    pub fn budget(mut self, budget: Option<Budget>) -> Self {
        self.budget = budget;
        self
    }

    /// Other known documents; by default those that clients taught by their hashes.
    #[must_use]
    pub fn documents(mut self, documents: Documents) -> Self {
        self.documents = Arc::new(documents);
        self
    }

    /// Other limits for sockets.
    #[must_use]
    pub const fn sockets(mut self, sockets: SocketLimits) -> Self {
        self.sockets = sockets;
        self
    }

    /// What one caller may hold open; by default any number of sockets and subscriptions.
    #[must_use]
    pub fn room(mut self, room: Room) -> Self {
        self.sockets_open = Crowd::of(room.sockets_per_address);
        self.subscriptions = Crowd::of(room.subscriptions_per_caller);
        self
    }

    /// Whether `__schema` and `__type` are answered.
    #[must_use]
    pub const fn introspection(mut self, on: bool) -> Self {
        self.introspection = on;
        self
    }

    /// Ends when no mutation is under way and no socket open; to be awaited after `draining` turned true.
    pub async fn idle(&self) {
        self.in_flight.closed().await;
    }

    /// The response as it may leave: nulls in their places, errors complete.
    fn finish(&self, response: &mut Response, source: &Source, meta: &RequestMeta) {
        completion::complete(&self.types, source, response);
        order::arrange(source, &mut response.data);
        for error in response.errors.iter_mut().filter(|error| error.source.is_none()) {
            if let Some(text) = near::named(&self.types, &error.message) {
                error.message = text;
            }
        }
        errors::finish(response, meta);
    }

    fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// The request with its viewer, circumstances and introspection mode.
    fn furnished(&self, mut request: Request, viewer: &Admitted, meta: &RequestMeta) -> Request {
        (viewer.insert)(&mut request.data);
        request.data.insert(meta.clone());
        if self.introspection { request } else { request.disable_introspection() }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("limits", &self.limits).field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

/// `/graphql` for HTTP, WebSocket and server-sent events.
pub fn router(endpoint: Endpoint) -> Router {
    Router::new().route(PATH, any(http::serve)).with_state(endpoint)
}
