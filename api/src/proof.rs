//! The log's tree in GraphQL: its signed head, and proofs of single events as downloads.

use async_graphql::{Context, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventlog::tree::SignedHead;
use eventlog::{EventFilter, EventPage, Order, Recorded};

use crate::app::App;
use crate::errors::ApiError;
use crate::event::EventNode;
use crate::reading::Reader;
use crate::scalars::BigInt;
use crate::tree::proof_path;

/// The signed head of the log's tree.
#[derive(SimpleObject)]
pub struct LogHead {
    /// How many events it covers.
    size: BigInt,
    /// The tree's root, in base64.
    root_hash: String,
    /// The signed note, byte for byte as `/log/checkpoint` serves it.
    signed_note: String,
}

impl From<SignedHead> for LogHead {
    fn from(signed: SignedHead) -> Self {
        Self { size: signed.head.size.into(), root_hash: STANDARD.encode(signed.head.root), signed_note: signed.note }
    }
}

/// Queries of the tree.
#[derive(Default)]
pub struct ProofQuery;

#[Object]
impl ProofQuery {
    /// The newest signed head of the log's tree; null until the log is sealed.
    async fn log_head(&self, ctx: &Context<'_>) -> Result<Option<LogHead>, ApiError> {
        let app = ctx.data::<App>().map_err(|_| ApiError::internal("no book"))?;
        Ok(app.ctx.log.tree().shown(&app.heads).await.map_err(ApiError::internal)?.map(Into::into))
    }
}

/// The proof that an event is in the log.
#[derive(Clone, Debug)]
pub struct EventProof {
    event: Recorded,
    url: String,
}

/// Proves one event, without this server: `daybook-replay verify-proof` takes the file, the log's public key and the event.
#[Object]
impl EventProof {
    /// Where the `.tlog-proof` is.
    async fn url(&self) -> &str {
        &self.url
    }

    /// What it proves.
    async fn event(&self) -> EventNode {
        EventNode(self.event.clone())
    }
}

/// Where the proof of a position is; none until it is sealed.
///
/// # Errors
/// The log's.
pub async fn url(app: &App, position: u64) -> Result<Option<String>, ApiError> {
    let head = app.ctx.log.tree().head().await.map_err(ApiError::internal)?;
    let sealed = head.is_some_and(|head| position <= head.head.size);
    Ok(sealed.then(|| format!("{}{}", app.public_url, proof_path(position))))
}

/// The proof of a stream's last event of a type; none until it happened and is sealed.
///
/// # Errors
/// The log's.
pub async fn of_stream(reader: &Reader<'_>, stream: &str, event_type: &str) -> Result<Option<EventProof>, ApiError> {
    let stream = stream.parse().map_err(ApiError::internal)?;
    let filter = EventFilter { stream: Some(stream), types: vec![event_type.to_owned()], ..EventFilter::default() };
    let last = EventPage { after: None, before: None, order: Order::Descending, limit: 1 };
    let Some(event) = reader.app.ctx.log.search(&filter, last).await.map_err(ApiError::internal)?.events.pop() else { return Ok(None) };
    Ok(url(reader.app, event.position).await?.map(|url| EventProof { event, url }))
}

/// The proof of the event at a position; none until it is sealed.
///
/// # Errors
/// The log's.
pub async fn at(reader: &Reader<'_>, position: u64) -> Result<Option<EventProof>, ApiError> {
    let Some(event) = reader.app.ctx.log.tree().event(position).await.map_err(ApiError::internal)? else { return Ok(None) };
    Ok(url(reader.app, event.position).await?.map(|url| EventProof { event, url }))
}
