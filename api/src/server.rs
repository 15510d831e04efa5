//! The server: its routes, its address, and its orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::console::Facts;
use crate::schema::Served;
use crate::transport::{self, Budget, Documents, Endpoint};
use crate::viewer::FrontDoor;
use crate::{console, exports, graphiql, side, tree};

/// How long open requests and sockets may take to end.
const DRAIN: Duration = Duration::from_secs(8);

/// How a server is set up; the default is that of `dev`.
#[derive(Debug, Default)]
pub struct Setup {
    /// Answer questions about the schema?
    pub introspection: bool,
    /// What each caller's operations may cost in a minute; without one, whatever they cost.
    pub budget: Option<Budget>,
    /// The documents that are known, or the only ones that are executed.
    pub documents: Documents,
}

/// Serves a book on a listener until `stop` completes; ends open sockets and finishes mutations first.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener, app: App, facts: &Facts, setup: Setup, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    let (drain, draining) = watch::channel(false);
    let endpoint = Endpoint::new(Served::new(app.clone()), FrontDoor(Arc::new(app.clone())), draining.clone())
        .introspection(setup.introspection)
        .budget(setup.budget)
        .documents(setup.documents);
    let router = Router::new()
        .merge(transport::router(endpoint.clone()))
        .merge(exports::router(Arc::new(app.clone())))
        .merge(tree::router(Arc::new(app.clone())))
        .merge(side::router(Arc::new(app), draining.clone()))
        .merge(console::router(facts))
        .merge(graphiql::router(&facts.fills))
        .fallback(side::not_found)
        .method_not_allowed_fallback(side::wrong_method);
    let mut draining = draining;
    let stopped = async move {
        // Ends when draining begins, or when nobody can begin it any more.
        let _ = draining.wait_for(|draining| *draining).await;
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(stopped).into_future());
    stop.await;
    drain.send_replace(true);
    // Whoever still reads after this is cut off: the process must end.
    let _ = tokio::time::timeout(DRAIN, endpoint.idle()).await;
    match tokio::time::timeout(Duration::from_secs(1), server).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Ok(()),
    }
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
