//! Events of the log as GraphQL shows them, and what was: history, time travel.

use async_graphql::{Context, ID, InputObject, Object};
use domain::user::Role;
use eventlog::{EventFilter as Filter, EventPage, MAX_READ, Order, Recorded};
use kernel::{StreamName, Timestamp};
use projections::{Known, ReadModel};

mod folds;
mod parties;
mod subscription;

use crate::app::App;
use crate::connection::{Connection, Direction, Page, bad_cursor};
use crate::errors::ApiError;
use crate::reading::{Reader, token};
use crate::scalars::{BigInt, DateTime, Json};
pub use folds::Folds;
use folds::Step;
pub use parties::Parties;
pub use subscription::{EventSubscription, watch};
pub(crate) use subscription::{start, tail};

/// Who may read the log.
pub const LOG_READERS: [Role; 3] = [Role::Auditor, Role::Finance, Role::Engineer];
/// Most events that one entity's past is folded from.
const MAX_HISTORY: usize = 200_000;

/// A moment of the past: as recorded (position or instant of recording), as effective (business date), or both.
#[derive(Clone, Debug, InputObject)]
pub struct AsOf {
    /// After the event at this position.
    pub position: Option<BigInt>,
    /// After everything recorded up to this instant.
    pub recorded_at: Option<DateTime>,
    /// Counting only what was effective up to this business date.
    pub effective_at: Option<DateTime>,
}

/// A moment of the past, read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Up to this position.
    pub position: Option<u64>,
    /// Recorded up to this instant.
    pub recorded_at: Option<Timestamp>,
    /// Effective up to this instant.
    pub effective_at: Option<Timestamp>,
}

impl AsOf {
    /// The moment that is meant.
    ///
    /// # Errors
    /// SYS003 for a negative position or an impossible date.
    pub fn moment(&self) -> Result<Moment, ApiError> {
        let bad = || kernel::Refused::at(crate::errors::MALFORMED, &["asOf", "position"]);
        let at = |at: &Option<DateTime>, name| at.as_ref().map(|at| at.instant(&["asOf", name])).transpose();
        Ok(Moment {
            position: self.position.map(|position| position.count().ok_or_else(bad)).transpose()?,
            recorded_at: at(&self.recorded_at, "recordedAt")?,
            effective_at: at(&self.effective_at, "effectiveAt")?,
        })
    }
}

impl Moment {
    /// Had this event happened, as of this moment?
    #[must_use]
    pub fn covers(&self, event: &Recorded) -> bool {
        self.position.is_none_or(|position| event.position <= position)
            && self.recorded_at.is_none_or(|at| event.recorded_at <= at)
            && self.effective_at.is_none_or(|at| event.occurred_at <= at)
    }
}

/// An event of the log.
#[derive(Clone, Debug)]
pub struct EventNode(pub Recorded);

impl EventNode {
    /// The event at a position that something else names.
    ///
    /// # Errors
    /// When there is no such event, or the log cannot be read.
    pub(crate) async fn at(reader: &Reader<'_>, position: u64) -> Result<Self, ApiError> {
        let found = reader.app.ctx.log.read(position.saturating_sub(1), 1).await.map_err(ApiError::internal)?;
        let named = found.into_iter().find(|event| event.position == position);
        named.map(Self).ok_or_else(|| ApiError::internal(format!("position {position} is named, and has no event")))
    }
}

/// Something that happened, exactly as it is stored: immutable, at its place in the one order.
#[Object(name = "Event")]
impl EventNode {
    /// The event's id.
    pub async fn id(&self) -> ID {
        ID(format!("event-{}", self.0.event_id))
    }

    /// Its place in the log, from 1 on without gaps.
    async fn position(&self) -> BigInt {
        self.0.position.into()
    }

    /// The stream that it belongs to.
    async fn stream(&self) -> &str {
        self.0.stream.as_str()
    }

    /// Its place in the stream, from 1 on without gaps.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// What happened, by name.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// Version of the payload's form.
    async fn schema_version(&self) -> i32 {
        i32::try_from(self.0.schema_version).unwrap_or(i32::MAX)
    }

    /// When it was recorded, by the log's own clock; never earlier than the event before.
    async fn recorded_at(&self) -> DateTime {
        self.0.recorded_at.into()
    }

    /// When it happened, by the business clock.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// Who caused it.
    async fn actor(&self) -> String {
        self.0.actor.to_string()
    }

    /// Links everything that one request set off.
    async fn correlation_id(&self) -> ID {
        ID(self.0.correlation_id.to_string())
    }

    /// The event that caused the command, when a process issued it.
    async fn causation_id(&self) -> Option<ID> {
        self.0.causation_id.map(|id| ID(id.to_string()))
    }

    /// The command that appended it.
    async fn command_id(&self) -> ID {
        ID(self.0.command_id.to_string())
    }

    /// What it says.
    async fn payload(&self) -> Result<Json, ApiError> {
        serde_json::from_str(&self.0.payload).map(async_graphql::Json).map_err(ApiError::internal)
    }

    /// The stored bytes, exactly.
    async fn payload_text(&self) -> &str {
        &self.0.payload
    }

    /// Hex of the leaf's hash in the log's tree.
    async fn leaf_hash(&self) -> Option<String> {
        let hash = self.0.leaf_hash().ok()?;
        Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Where the proof that it is in the log can be downloaded (`.tlog-proof`); null until it is sealed.
    async fn proof_url(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        crate::proof::url(Reader::of(ctx)?.app, self.0.position).await
    }
}

/// Which events; everything that is named must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct EventFilter {
    /// Of one of these types.
    pub types: Option<Vec<String>>,
    /// Of streams of this kind, for example `booking`.
    pub stream_kind: Option<String>,
    /// Of this stream.
    pub stream: Option<String>,
    /// Set off by this request.
    pub correlation_id: Option<ID>,
    /// Caused by this actor, for example `user-…`.
    pub actor: Option<String>,
    /// Recorded at or after.
    pub from: Option<DateTime>,
    /// Recorded before.
    pub to: Option<DateTime>,
}

/// Most event types that a filter may name.
const MAX_TYPES: usize = 50;

impl EventFilter {
    /// The log's own filter; `None` when it can match nothing.
    ///
    /// # Errors
    /// SYS003 for too many types or impossible dates.
    pub fn stored(&self) -> Result<Option<Filter>, ApiError> {
        if self.types.as_ref().is_some_and(|types| types.len() > MAX_TYPES) {
            return Err(kernel::Refused::at(crate::errors::MALFORMED, &["filter", "types"]).into());
        }
        let at = |at: &Option<DateTime>, name| at.as_ref().map(|at| at.instant(&["filter", name])).transpose();
        let (from, to) = (at(&self.from, "from")?, at(&self.to, "to")?);
        let stream = self.stream.as_deref().map(str::parse::<StreamName>).transpose();
        let correlation_id = self.correlation_id.as_deref().map(|id| uuid::Uuid::try_parse(id)).transpose();
        let actor = self.actor.as_deref().map(str::parse).transpose();
        let (Ok(stream), Ok(correlation_id), Ok(actor)) = (stream, correlation_id, actor) else { return Ok(None) };
        Ok(Some(Filter {
            types: self.types.clone().unwrap_or_default(),
            stream_kind: self.stream_kind.clone(),
            stream,
            correlation_id,
            actor,
            recorded_from: from,
            recorded_to: to,
            ..Filter::default()
        }))
    }
}

/// A page of the log.
async fn page(reader: &Reader<'_>, filter: Filter, page: &Page) -> Result<Connection<EventNode>, ApiError> {
    let place = |cursor: &Option<String>, name| match cursor {
        None => Ok(None),
        Some(text) => crate::reading::position_of(text).map(Some).map_err(|_| bad_cursor(name)),
    };
    let order = match page.direction {
        Direction::Forward => Order::Ascending,
        Direction::Backward => Order::Descending,
    };
    let (after, before) = (place(&page.after, "after")?, place(&page.before, "before")?);
    let range = EventPage { after, before, order, limit: page.fetch() };
    let found = reader.app.ctx.log.search(&filter, range).await.map_err(ApiError::internal)?.events;
    let rows = found.into_iter().map(|event| (token(event.position), EventNode(event)));
    let log = reader.app.ctx.log.clone();
    Ok(Connection::page(page, rows).counted(move || {
        let (log, filter) = (log.clone(), filter.clone());
        async move { log.count(&filter).await.map_err(ApiError::internal) }
    }))
}

/// The events that made one entity, oldest first.
///
/// # Errors
/// SYS003 for a cursor of another list, or the log's.
pub async fn history(reader: &Reader<'_>, stream: String, wanted: &Page) -> Result<Connection<EventNode>, ApiError> {
    let stream = stream.parse().map_err(ApiError::internal)?;
    page(reader, Filter { stream: Some(stream), ..Filter::default() }, wanted).await
}

/// A row as of a moment of the past, folded from its streams' events up to then.
///
/// # Errors
/// SYS003 for an impossible moment, or the log's.
pub async fn row_as_of<M: ReadModel>(reader: &Reader<'_>, key: &str, as_of: &AsOf) -> Result<Option<M::Row>, ApiError> {
    row_at::<M>(reader.app, key, &as_of.moment()?).await
}

async fn row_at<M: ReadModel>(app: &App, key: &str, moment: &Moment) -> Result<Option<M::Row>, ApiError> {
    Ok(step_at::<M>(app, key, moment).await?.1.row)
}

/// A row as of a moment, and the position of the last event of its streams by then; 0 when there is none.
async fn step_at<M: ReadModel>(app: &App, key: &str, moment: &Moment) -> Result<(u64, Step<M::Row>), ApiError> {
    let (mut position, mut step) = (0, Step { row: None, touched: false });
    let mut events = Vec::new();
    for name in M::streams(key) {
        let Ok(stream) = name.parse::<StreamName>() else { return Ok((position, step)) };
        events.extend(stream_until(app, &stream, moment).await?);
    }
    events.sort_unstable_by_key(|event| event.position);
    for recorded in events.into_iter().filter(|event| moment.covers(event)) {
        position = recorded.position;
        step = after::<M>(key, step.row, &recorded)?;
    }
    Ok((position, step))
}

/// What an event makes of a row.
fn after<M: ReadModel>(key: &str, mut row: Option<M::Row>, recorded: &Recorded) -> Result<Step<M::Row>, ApiError> {
    let mut touched = false;
    // An older stored event may say several things today.
    for event in projections::decode(recorded).map_err(ApiError::internal)?.into_vec() {
        let known = Known { recorded: recorded.clone(), event };
        if M::keys(&known).iter().any(|touches| touches == key) {
            row = M::apply(key, row, &known).map_err(ApiError::internal)?;
            touched = true;
        }
    }
    Ok(Step { row, touched })
}

/// A stream's events from its beginning, as far as a moment needs them.
async fn stream_until(app: &App, stream: &StreamName, moment: &Moment) -> Result<Vec<Recorded>, ApiError> {
    let mut events = Vec::<Recorded>::new();
    loop {
        let after = events.last().map_or(0, |event| event.version);
        let page = app.ctx.log.read_stream(stream, after, MAX_READ).await.map_err(ApiError::internal)?;
        let full = page.len() == MAX_READ;
        // Positions and recorded times only grow along a stream; what the moment does not cover later on is left out one by one.
        let reached = page.last().is_none_or(|event| moment.position.is_some_and(|position| event.position > position));
        events.extend(page);
        if !full || reached {
            return Ok(events);
        }
        if events.len() > MAX_HISTORY {
            return Err(ApiError::internal(format!("{stream} has more than {MAX_HISTORY} events, too many to look back over")));
        }
    }
}

/// Queries of the log.
#[derive(Default)]
pub struct EventQuery;

#[Object]
impl EventQuery {
    /// The log, oldest first; for auditors, finance and engineers.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; without it, all.")] filter: Option<EventFilter>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let wanted = Page::new(first, after, last, before)?;
        match filter.unwrap_or_default().stored()? {
            Some(filter) => page(&reader, filter, &wanted).await,
            None => Ok(Connection::empty()),
        }
    }
}
