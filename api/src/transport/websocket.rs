//! graphql-transport-ws over a WebSocket: queries, mutations and subscriptions, many at once.

mod operation;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kernel::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::operation::{Outgoing, Running};
use super::admission::CROWDED;
use super::document::Params;
use super::protocol::{Close, FromClient, FromServer, SUBPROTOCOL};
use super::welcome::{Stay, ticks};
use super::{Admitted, Endpoint, RequestMeta, TurnedAway, bearer_token};
use crate::crowd::{Held, host};
use crate::errors;

/// Bytes that are read of a socket at a time. The layer below fills its whole buffer with zeros before each read and keeps it: its own
/// choice of 128 KiB would be what an idle socket mostly costs. A longer message grows it.
const READ_BYTES: usize = 2 * 1_024;

/// What one socket may hold and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketLimits {
    /// `connection_init` must come within this time.
    pub init_timeout: Duration,
    /// The server pings this often; a client that was silent for two of them is gone.
    pub ping_every: Duration,
    /// A message that cannot be written for this long ends the socket.
    pub write_timeout: Duration,
    /// When draining, queries and mutations under way have this long to answer.
    pub drain_timeout: Duration,
    /// Operations at once.
    pub operations: usize,
    /// Responses waiting to be written; when full, the operations wait.
    pub queue: usize,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(5),
            ping_every: Duration::from_secs(25),
            write_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(5),
            operations: 100,
            queue: 64,
        }
    }
}

/// Does the request ask for a WebSocket?
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    parts.headers.get(header::UPGRADE).and_then(|v| v.to_str().ok()).is_some_and(|v| v.eq_ignore_ascii_case("websocket"))
}

/// Upgrades, and serves the socket in a task of its own.
///
/// # Errors
/// Nobody gets a socket while the server goes, or one more than an address may have.
pub(super) async fn upgrade(endpoint: &Endpoint, parts: &mut Parts, meta: RequestMeta) -> Result<Response, TurnedAway> {
    if endpoint.is_draining() {
        return Err(TurnedAway::Unavailable);
    }
    let address = meta.remote.map_or_else(String::new, |address| host(address).to_string());
    let place = endpoint.sockets_open.enter(&address).ok_or(TurnedAway::Limited { retry_after: CROWDED })?;
    // The connection goes on to hold its place as a socket.
    let held = (place, parts.extensions.remove::<Held>());
    let endpoint = endpoint.clone();
    let header = authorization_header(&parts.headers);
    Ok(match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => {
            let most = endpoint.limits.body_bytes;
            let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(most).max_frame_size(most).read_buffer_size(READ_BYTES);
            upgrade.on_upgrade(move |socket| async move {
                serve(socket, endpoint, meta, header).await;
                drop(held);
            })
        }
        Err(rejection) => rejection.into_response(),
    })
}

fn authorization_header(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).map(str::to_owned)
}

async fn serve(socket: WebSocket, endpoint: Endpoint, meta: RequestMeta, header: Option<String>) {
    let open = endpoint.in_flight.subscribe();
    let spoken = socket.protocol().is_some_and(|p| p == SUBPROTOCOL);
    let mut connection = Connection::new(socket, endpoint, meta, header);
    let close = if spoken { connection.run().await } else { Some(Close::Subprotocol) };
    if let Some(close) = close {
        connection.close(close).await;
    }
    drop(open);
}

/// How a socket ends: with a code to tell the client, or silently because it has gone.
type Ended = Option<Close>;

struct Connection {
    socket: WebSocket,
    endpoint: Endpoint,
    meta: RequestMeta,
    /// The upgrade's own `Authorization`, for clients that can send one.
    header: Option<String>,
    /// What the client was let in by, to ask the door again.
    credential: Option<String>,
    viewer: Option<Admitted>,
    operations: HashMap<String, Running>,
    serial: u64,
    // Boxed: a queue has room for thirty-two at once, also when it is empty.
    sender: mpsc::Sender<Box<Outgoing>>,
    responses: mpsc::Receiver<Box<Outgoing>>,
    /// Ticks since the client was last heard.
    silent_ticks: u32,
    draining: bool,
}

impl Connection {
    fn new(socket: WebSocket, endpoint: Endpoint, meta: RequestMeta, header: Option<String>) -> Self {
        let (sender, responses) = mpsc::channel(endpoint.sockets.queue);
        Self {
            socket,
            endpoint,
            meta,
            header,
            credential: None,
            viewer: None,
            operations: HashMap::new(),
            serial: 0,
            sender,
            responses,
            silent_ticks: 0,
            draining: false,
        }
    }

    async fn run(&mut self) -> Ended {
        let mut draining = self.endpoint.draining.clone();
        let mut ticks = ticks(self.endpoint.sockets.ping_every);
        let mut deadline = Instant::now() + self.endpoint.sockets.init_timeout;
        loop {
            let flow = tokio::select! {
                message = self.socket.recv() => self.hear(message).await,
                Some(outgoing) = self.responses.recv() => self.answer(outgoing).await,
                _ = ticks.tick() => self.tick().await,
                () = turned_true(&mut draining), if !self.draining => self.drain(&mut deadline),
                () = tokio::time::sleep_until(deadline) => ControlFlow::Break(Some(self.overdue())),
            };
            if let ControlFlow::Break(ended) = flow {
                return ended;
            }
            if self.draining && self.operations.is_empty() {
                return Some(Close::GoingAway);
            }
            if let Some(viewer) = self.viewer.as_ref().filter(|_| !self.draining) {
                deadline = expiry(viewer);
            }
        }
    }

    /// The one deadline that is running has passed: the drain's, the token's, or that of the first message.
    const fn overdue(&self) -> Close {
        match (self.draining, &self.viewer) {
            (true, _) => Close::GoingAway,
            (false, Some(_)) => Close::Forbidden,
            (false, None) => Close::InitTimeout,
        }
    }

    /// No new operations, subscriptions end, what answers once may still answer.
    fn drain(&mut self, deadline: &mut Instant) -> ControlFlow<Ended> {
        self.draining = true;
        self.operations.retain(|_, running| running.answers_once);
        *deadline = Instant::now() + self.endpoint.sockets.drain_timeout;
        ControlFlow::Continue(())
    }

    async fn tick(&mut self) -> ControlFlow<Ended> {
        self.silent_ticks += 1;
        if self.silent_ticks > 2 {
            return ControlFlow::Break(Some(Close::GoingAway));
        }
        if self.viewer.is_none() {
            return ControlFlow::Continue(());
        }
        self.still_welcome(false).await?;
        self.say(&FromServer::Ping).await
    }

    /// Asks whether the client may stay; `anew`, the door itself.
    async fn still_welcome(&mut self, anew: bool) -> ControlFlow<Ended> {
        let Some(before) = &self.viewer else { return ControlFlow::Break(Some(Close::Unauthorized)) };
        let token = self.credential.as_deref().map(|value| bearer_token(value).unwrap_or(value));
        let stay = match anew {
            true => self.endpoint.asked_anew(token, before, &self.meta).await,
            false => self.endpoint.may_stay(token, before, &self.meta).await,
        };
        match stay {
            Stay::As(viewer) => self.viewer = Some(viewer),
            Stay::Unasked => {}
            Stay::No => return ControlFlow::Break(Some(Close::Forbidden)),
        }
        ControlFlow::Continue(())
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> ControlFlow<Ended> {
        self.silent_ticks = 0;
        match message {
            Some(Ok(Message::Text(text))) => match FromClient::read(text.as_str()) {
                Some(message) => self.understood(message).await,
                None => ControlFlow::Break(Some(Close::Invalid)),
            },
            Some(Ok(Message::Binary(_))) => ControlFlow::Break(Some(Close::Invalid)),
            // The layer below answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => ControlFlow::Continue(()),
            Some(Err(error)) if is_too_large(&error) => ControlFlow::Break(Some(Close::TooLarge)),
            Some(Ok(Message::Close(_)) | Err(_)) | None => ControlFlow::Break(None),
        }
    }

    async fn understood(&mut self, message: FromClient) -> ControlFlow<Ended> {
        match message {
            FromClient::Init { .. } if self.viewer.is_some() => ControlFlow::Break(Some(Close::TooManyInits)),
            FromClient::Init { authorization } => self.enter(authorization).await,
            FromClient::Ping(payload) => self.say(&FromServer::Pong { payload }).await,
            FromClient::Pong => ControlFlow::Continue(()),
            FromClient::Subscribe { id, params } => self.subscribe(id, *params).await,
            FromClient::Complete { id } => {
                self.operations.remove(&id);
                ControlFlow::Continue(())
            }
        }
    }

    async fn enter(&mut self, authorization: Option<String>) -> ControlFlow<Ended> {
        self.credential = authorization.or_else(|| self.header.take());
        let token = self.credential.as_deref().map(|value| bearer_token(value).unwrap_or(value));
        let decided = tokio::time::timeout(self.endpoint.sockets.init_timeout, self.endpoint.door.enter(token, &self.meta)).await;
        match decided.unwrap_or(Err(TurnedAway::Unavailable)) {
            Ok(viewer) => {
                self.viewer = Some(viewer);
                self.say(&FromServer::ConnectionAck).await
            }
            Err(TurnedAway::Unauthenticated | TurnedAway::Forbidden) => ControlFlow::Break(Some(Close::Forbidden)),
            Err(TurnedAway::Limited { .. } | TurnedAway::Unavailable) => ControlFlow::Break(Some(Close::TryAgainLater)),
        }
    }

    async fn subscribe(&mut self, id: String, params: Params) -> ControlFlow<Ended> {
        if self.viewer.is_none() {
            return ControlFlow::Break(Some(Close::Unauthorized));
        }
        self.still_welcome(true).await?;
        let Some(viewer) = &self.viewer else { return ControlFlow::Break(Some(Close::Unauthorized)) };
        if self.operations.contains_key(&id) {
            return ControlFlow::Break(Some(Close::Duplicate));
        }
        let refused = match (self.draining, self.operations.len() >= self.endpoint.sockets.operations) {
            (true, _) => kernel::Refused::code(errors::UNAVAILABLE),
            (false, true) => errors::limited(1),
            (false, false) => {
                self.serial += 1;
                let meta = self.meta.next_operation();
                let answers = operation::Answers { id: id.clone(), serial: self.serial, queue: self.sender.clone() };
                let running = operation::start(&self.endpoint, params, viewer, meta, answers);
                self.operations.insert(id, running);
                return ControlFlow::Continue(());
            }
        };
        let response = errors::finished(refused.into(), &self.meta);
        self.say(&FromServer::Error { id: &id, payload: &response.errors }).await
    }

    /// Writes what an operation produced, unless the client has ended it since.
    async fn answer(&mut self, outgoing: Box<Outgoing>) -> ControlFlow<Ended> {
        let Outgoing { id, serial, answer } = *outgoing;
        if self.operations.get(&id).is_none_or(|running| running.serial != serial) {
            return ControlFlow::Continue(());
        }
        match answer {
            operation::Answer::Next(response) => self.say(&FromServer::Next { id: &id, payload: response.as_ref().into() }).await,
            operation::Answer::Error(errors) => {
                self.operations.remove(&id);
                self.say(&FromServer::Error { id: &id, payload: &errors }).await
            }
            operation::Answer::Complete => {
                self.operations.remove(&id);
                self.say(&FromServer::Complete { id: &id }).await
            }
        }
    }

    async fn say(&mut self, message: &FromServer<'_>) -> ControlFlow<Ended> {
        let text = match serde_json::to_string(message) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                return ControlFlow::Break(Some(Close::GoingAway));
            }
        };
        let write = tokio::time::timeout(self.endpoint.sockets.write_timeout, self.socket.send(Message::Text(text.into())));
        match write.await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(None),
            Err(_) => {
                crate::metrics::cut_off();
                ControlFlow::Break(None)
            }
        }
    }

    async fn close(&mut self, close: Close) {
        self.operations.clear();
        let frame = CloseFrame { code: close.code(), reason: close.reason().into() };
        let farewell = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                // The client answers with its own close frame; what it sends before that is of no interest any more.
                while let Some(Ok(message)) = self.socket.recv().await {
                    if matches!(message, Message::Close(_)) {
                        break;
                    }
                }
            }
        };
        // A client that does not answer is left.
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    }
}

/// Ends when the signal is true; a signal whose sender is gone never comes.
pub(super) async fn turned_true(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|on| *on).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// When the viewer's token ends; a token without an end is looked at again in a day.
pub(super) fn expiry(viewer: &Admitted) -> Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    let left = viewer.expires_at.map_or(DAY, |at| {
        let ms = at.as_millisecond().saturating_sub(Timestamp::now().as_millisecond());
        Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(DAY)
    });
    Instant::now() + left
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(next) = cause {
        if next.to_string().contains("too long") || next.to_string().contains("too big") {
            return true;
        }
        cause = next.source();
    }
    false
}
