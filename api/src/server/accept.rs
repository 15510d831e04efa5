//! Connections: accepted up to a number, over TLS where it is configured, with a clock on whatever a client may drag out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::patience::{Patient, SendTimeout, Untaken};
use crate::crowd::{Crowd, Held, Room, host};
use crate::edge::{Network, OverTls};

/// A TLS handshake takes no longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The headers of a request arrive within this time, and a connection without requests ends after it.
const HEADERS: Duration = Duration::from_secs(30);
/// Bytes of a request's headers.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// An HTTP/2 connection is asked this often whether it is still there.
const ARE_YOU_THERE: Duration = Duration::from_secs(30);
/// After an error of the listener (no more file handles), so long before the next try.
const RECOVER: Duration = Duration::from_millis(50);

/// Who gets a connection, and how long they may leave what is ready for them.
pub(super) struct Places {
    all: Arc<Semaphore>,
    each: Crowd,
    proxies: Vec<Network>,
    send_timeout: SendTimeout,
}

impl Default for Places {
    /// Those of a server that is no more than a helper.
    fn default() -> Self {
        Self::new(Room::default(), Vec::new(), SendTimeout::default())
    }
}

impl Places {
    /// Room for so many; `proxies` bring everybody's connections, and are not counted as one address.
    pub(super) fn new(room: Room, proxies: Vec<Network>, send_timeout: SendTimeout) -> Self {
        let all = Semaphore::new(room.connections.min(Semaphore::MAX_PERMITS));
        Self { all: Arc::new(all), each: Crowd::of(room.connections_per_address), proxies, send_timeout }
    }

    /// The next connection with what it holds; none when there is none to be had, or its address has enough of them.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, Held)> {
        let place = Arc::clone(&self.all).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, peer)) if self.proxies.iter().any(|proxy| proxy.contains(peer.ip())) => Some((stream, peer, Held::new(place))),
            Ok((stream, peer)) => {
                let own = self.each.enter(&host(peer.ip()).to_string())?;
                Some((stream, peer, Held::new((place, own))))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(RECOVER).await;
                None
            }
        }
    }
}

/// Serves routes until draining begins, and then until each connection has answered what it was asked.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    places: Places,
    tls: Option<TlsAcceptor>,
    mut draining: watch::Receiver<bool>,
) {
    let (open, mut all_closed) = tokio::sync::mpsc::channel::<()>(1);
    let patience = places.send_timeout.0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = begun(&mut draining) => break,
            accepted = places.next(&listener) => accepted,
        };
        let Some((stream, peer, held)) = accepted else { continue };
        // Answers are written whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let (routes, tls, draining, open) = (routes.clone(), tls.clone(), draining.clone(), open.clone());
        tokio::spawn(async move {
            match tls {
                None if speaks(&stream).await => {
                    let stream = Patient::new(stream, patience);
                    connection(stream, routes, (peer, OverTls(false), held), builder(), (draining, patience)).await;
                }
                None => {}
                // A client that does not speak TLS, or not in time, is nobody of ours.
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(Patient::new(stream, patience))).await {
                        let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let builder = if two { builder().http2_only() } else { builder().http1_only() };
                        connection(stream, routes, (peer, OverTls(true), held), builder, (draining, patience)).await;
                    }
                }
            }
            drop(open);
        });
    }
    // Whoever connects from now on is refused at once.
    drop((listener, open));
    // Ends when the last connection has dropped its sender.
    let _ = all_closed.recv().await;
}

/// Completes when draining begins, or when nobody can begin it any more.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Does the client say anything, in time? Which version of HTTP it speaks is read without a clock.
async fn speaks(stream: &TcpStream) -> bool {
    matches!(tokio::time::timeout(HEADERS, stream.peek(&mut [0])).await, Ok(Ok(1..)))
}

/// HTTP/1.1 and HTTP/2 with our limits.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // How a client writes the names of headers is kept for the answer to an upgrade ([`as_written`]).
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(MAX_HEADER_BYTES).preserve_header_case(true);
    let max_header_list = u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(ARE_YOU_THERE).max_header_list_size(max_header_list);
    builder
}

/// Names of headers have no case; yet some clients look for the answer to their `Sec-WebSocket-Protocol` in exactly these capitals
/// (Python's gql does). hyper writes a name as the request wrote it when what it noted of the request goes along with the response.
fn as_written(request: &axum::extract::Request) -> Extensions {
    if !request.headers().contains_key(header::UPGRADE) {
        return Extensions::new();
    }
    let mut noted = request.extensions().clone();
    noted.remove::<hyper::upgrade::OnUpgrade>();
    noted.remove::<Held>();
    noted
}

async fn connection<S>(
    stream: S,
    routes: Router,
    (peer, over, held): (SocketAddr, OverTls, Held),
    builder: Builder<TokioExecutor>,
    (mut draining, patience): (watch::Receiver<bool>, Duration),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let untaken = Untaken::default();
    let answers = untaken.clone();
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        // Over HTTP/1.1, what is not taken is what cannot be written.
        let answers = (request.version() == Version::HTTP_2).then(|| answers.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(over);
        request.extensions_mut().insert(held.clone());
        let written = as_written(&request);
        let answer = routes.clone().oneshot(request);
        async move {
            let mut response = answer.await?;
            response.extensions_mut().extend(written);
            Ok::<_, Infallible>(match answers {
                Some(answers) => response.map(|body| answers.watch(body)),
                None => response,
            })
        }
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), answer));
    let orderly = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = begun(&mut draining) => {
                // What was asked is answered; nothing more is read.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let ended = tokio::select! {
        ended = orderly => ended,
        () = untaken.overdue(patience) => return tracing::debug!("a client does not read"),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
