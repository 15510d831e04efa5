//! The server: its routes, its address, and its orderly end.

mod accept;
mod patience;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::accept::Places;
pub use self::patience::SendTimeout;
use crate::app::App;
use crate::console::Facts;
use crate::crowd::Room;
use crate::edge::{Edge, EdgeSettings, Meter, Metered};
use crate::schema::Served;
use crate::transport::{self, Budget, Documents, Endpoint, SocketLimits};
use crate::viewer::FrontDoor;
use crate::{console, exports, fee_invoice, graphiql, side, transfers, tree, webhook};

/// How long sockets and requests under way may take to end. With what follows it stays below ten seconds.
const DRAIN: Duration = Duration::from_secs(6);
/// How long whoever is still connected then may take.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How a server is set up; the default is that of `dev`.
#[derive(Default)]
pub struct Setup {
    /// Answer questions about the schema?
    pub introspection: bool,
    /// What each caller's operations may cost in a minute; without one, whatever they cost.
    pub budget: Option<Budget>,
    /// The documents that are known, or the only ones that are executed.
    pub documents: Documents,
    /// What the edge lets pass.
    pub edge: EdgeSettings,
    /// How often somebody may call; without one, nobody counts.
    pub meter: Option<Meter>,
    /// What the provider signs its notices of payouts with; without it they are ignored.
    pub notices: Option<webhook::NoticeSecret>,
    /// What may be open at once.
    pub room: Room,
    /// How long a client may take nothing of what is ready for it.
    pub send_timeout: SendTimeout,
    /// TLS here; without it, it ends at a proxy.
    pub tls: Option<TlsAcceptor>,
}

/// What the system takes of an answer before its client has taken it, in bytes (Linux takes twice as much). More, and a slow client that reads steadily would look for a minute
/// like one that reads nothing: the system says that there is room again only when a good part of it is free.
const SEND_BUFFER: u32 = 128 << 10;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Listens for clients.
///
/// # Errors
/// When the address cannot be listened on.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: what waits for its end does not keep the address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Each connection has it from its listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves a book on a listener until `stop` completes: not ready, no new connections, sockets closed, what was asked answered.
pub async fn serve(listener: TcpListener, app: App, facts: &Facts, setup: Setup, stop: impl Future<Output = ()>) {
    let (drain, draining) = watch::channel(false);
    let schema = Served::new(app.clone(), setup.meter.clone());
    let endpoint = Endpoint::new(schema, Metered::new(FrontDoor(Arc::new(app.clone())), setup.meter.clone()), draining.clone())
        .introspection(setup.introspection)
        .budget(setup.budget)
        .documents(setup.documents)
        .room(setup.room)
        .sockets(SocketLimits { write_timeout: setup.send_timeout.0, ..SocketLimits::default() });
    let routes = Router::new()
        .merge(transport::router(endpoint.clone()))
        .merge(exports::router(Arc::new(app.clone())))
        .merge(fee_invoice::router(Arc::new(app.clone())))
        .merge(tree::router(Arc::new(app.clone())))
        .merge(transfers::ndjson::router(Arc::new(app.clone())))
        .merge(webhook::router(Arc::new(app.clone()), setup.notices))
        .merge(side::router(Arc::new(app), draining.clone()))
        .merge(console::router(facts))
        .merge(graphiql::router(&facts.fills))
        .fallback(side::not_found)
        .method_not_allowed_fallback(side::wrong_method);
    let places = Places::new(setup.room.within_file_handles(), setup.edge.trusted.clone(), setup.send_timeout);
    let routes = Edge::new(setup.edge, setup.meter).around(routes);
    let server = tokio::spawn(accept::serve(listener, routes, places, setup.tls, draining));
    stop.await;
    tracing::info!("draining");
    drain.send_replace(true);
    // Whoever still reads after this is cut off: the process must end.
    if tokio::time::timeout(DRAIN, endpoint.idle()).await.is_err() {
        tracing::warn!("something under way did not end in time");
    }
    let _ = tokio::time::timeout(LAST_CALL, server).await;
}

/// Health and metrics of a process that serves nothing else, until `stop` completes.
pub async fn operate(listener: TcpListener, app: App, stop: impl Future<Output = ()>) {
    let (drain, draining) = watch::channel(false);
    let routes = side::operating(Arc::new(app), draining.clone()).fallback(side::not_found).method_not_allowed_fallback(side::wrong_method);
    let server = tokio::spawn(accept::serve(listener, routes, Places::default(), None, draining));
    stop.await;
    drain.send_replace(true);
    let _ = tokio::time::timeout(LAST_CALL, server).await;
}

/// Sends whatever comes over plain HTTP to the same address over HTTPS (SEC-08), as long as it is polled.
pub async fn redirect(listener: TcpListener, public_url: &str, stop: watch::Receiver<bool>) {
    let base = public_url.to_owned();
    let to_https = move |uri: axum::http::Uri| {
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        std::future::ready(Redirect::permanent(&format!("{base}{path}")))
    };
    accept::serve(listener, Router::new().fallback(to_https), Places::default(), None, stop).await;
}

/// Completes on SIGTERM or Ctrl-C.
pub async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
