//! Events and bookings as they happen: one tail of the log per subscriber, from a cursor or from now on.

use std::collections::{BTreeSet, VecDeque};

use async_graphql::{Context, ID, Subscription};
use eventlog::{Log, Recorded};
use futures_util::stream::{self, Stream, StreamExt};
use projections::models::Bookings;
use projections::{Known, ReadModel};

use super::{EventFilter, EventNode, Filter, Moment};
use crate::app::App;
use crate::booking::BookingNode;
use crate::connection::{Edge, bad_cursor};
use crate::errors::ApiError;
use crate::reading::{Reader, position_of, token};
use crate::viewer::Viewer;

/// Events of one read.
const PAGE: usize = 500;
/// How often the log is looked at when nobody hints at news.
const POLL: std::time::Duration = std::time::Duration::from_millis(250);

/// The log after a position, in order, for ever: read by pages, woken by hints, polled between them.
pub(crate) fn tail(log: Log, after: u64) -> impl Stream<Item = Result<Recorded, ApiError>> + Send {
    struct Tail {
        hint: tokio::sync::watch::Receiver<u64>,
        log: Log,
        after: u64,
        page: VecDeque<Recorded>,
    }
    let start = Tail { hint: log.watch(), log, after, page: VecDeque::new() };
    stream::try_unfold(start, |mut tail| async move {
        loop {
            if let Some(event) = tail.page.pop_front() {
                tail.after = event.position;
                return Ok(Some((event, tail)));
            }
            tail.hint.borrow_and_update();
            tail.page = tail.log.read(tail.after, PAGE).await.map_err(ApiError::internal)?.into();
            if tail.page.is_empty() && matches!(tokio::time::timeout(POLL, tail.hint.changed()).await, Ok(Err(_))) {
                return Ok(None);
            }
        }
    })
}

/// Where a subscription starts: after a cursor, else at the log's present end.
pub(crate) async fn start(app: &App, after: Option<String>) -> Result<u64, ApiError> {
    match after {
        Some(cursor) => position_of(&cursor).map_err(|_| bad_cursor("after")),
        None => app.ctx.log.head().await.map_err(ApiError::internal),
    }
}

fn matches(filter: &Filter, event: &Recorded) -> bool {
    (filter.types.is_empty() || filter.types.contains(&event.event_type))
        && filter.stream_kind.as_deref().is_none_or(|kind| kind == event.stream.kind())
        && filter.stream.as_ref().is_none_or(|stream| *stream == event.stream)
        && filter.correlation_id.is_none_or(|id| id == event.correlation_id)
        && filter.actor.as_ref().is_none_or(|actor| *actor == event.actor)
        && filter.recorded_from.is_none_or(|from| event.recorded_at >= from)
        && filter.recorded_to.is_none_or(|to| event.recorded_at < to)
}

/// Bookings that an event touches, as of that event, when the viewer is one of their parties.
async fn booking_at(app: &App, viewer: &Viewer, recorded: Recorded) -> Result<Vec<Edge<BookingNode>>, ApiError> {
    let position = recorded.position;
    let events = projections::decode(&recorded).map_err(ApiError::internal)?.into_vec();
    let keys: BTreeSet<_> = events.into_iter().flat_map(|event| Bookings::keys(&Known { recorded: recorded.clone(), event })).collect();
    let mut edges = Vec::new();
    for key in keys {
        // As of this event, so that a client that comes back late sees each step and not the last one several times.
        let row = super::row_at::<Bookings>(app, &key, &Moment { position: Some(position), ..Moment::default() }).await?;
        let mine = |row: &<Bookings as ReadModel>::Row| viewer.user.is_some_and(|user| row.terms.is_party(user));
        edges.extend(row.filter(mine).map(|row| Edge { cursor: token(position), node: BookingNode(row) }));
    }
    Ok(edges)
}

/// An entity by its key, whenever it changes: as of each event that touches it, folded on from where the client stands. Whether
/// the viewer may see it is asked before.
///
/// # Errors
/// SYS003 for a cursor of something else, or the log's.
pub async fn watch<M: ReadModel, N: Send + 'static>(
    reader: &Reader<'_>,
    key: String,
    after: Option<String>,
    show: fn(M::Row) -> N,
) -> Result<impl Stream<Item = Result<Edge<N>, ApiError>> + use<M, N>, ApiError> {
    let after = start(reader.app, after).await?;
    let row = super::row_at::<M>(reader.app, &key, &Moment { position: Some(after), ..Moment::default() }).await?;
    let mut watched = Watched::<M> { streams: M::streams(&key), key, row };
    Ok(tail(reader.app.ctx.log.clone(), after).filter_map(move |event| {
        let seen = event.and_then(|event| watched.step(event)).transpose();
        std::future::ready(seen.map(|seen| seen.map(|(position, row)| Edge { cursor: token(position), node: show(row) })))
    }))
}

struct Watched<M: ReadModel> {
    key: String,
    streams: Vec<String>,
    row: Option<M::Row>,
}

impl<M: ReadModel> Watched<M> {
    /// The row after an event, when the event touches it.
    fn step(&mut self, recorded: Recorded) -> Result<Option<(u64, M::Row)>, ApiError> {
        if !self.streams.iter().any(|stream| stream == recorded.stream.as_str()) {
            return Ok(None);
        }
        let (position, mut touched) = (recorded.position, false);
        // An older stored event may say several things today.
        for event in projections::decode(&recorded).map_err(ApiError::internal)?.into_vec() {
            let known = Known { recorded: recorded.clone(), event };
            if M::keys(&known).contains(&self.key) {
                self.row = M::apply(&self.key, self.row.take(), &known).map_err(ApiError::internal)?;
                touched = true;
            }
        }
        Ok(self.row.clone().filter(|_| touched).map(|row| (position, row)))
    }
}

fn bookings(app: App, viewer: Viewer, after: u64) -> impl Stream<Item = Result<Edge<BookingNode>, ApiError>> {
    tail(app.ctx.log.clone(), after)
        .then(move |event| {
            let (app, viewer) = (app.clone(), viewer.clone());
            async move {
                match event {
                    Ok(event) => booking_at(&app, &viewer, event).await,
                    Err(error) => Err(error),
                }
            }
        })
        .flat_map(|edges| match edges {
            Ok(edges) => stream::iter(edges.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        })
}

/// What happens, as it happens.
#[derive(Default)]
pub struct EventSubscription;

#[Subscription]
impl EventSubscription {
    /// The log as it grows; for auditors, finance and engineers. With `after`, whatever came since that cursor comes first.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; without it, all.")] filter: Option<EventFilter>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<EventNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        let filter = filter.unwrap_or_default().stored()?;
        let after = start(reader.app, after).await?;
        Ok(tail(reader.app.ctx.log.clone(), after).filter_map(move |event| {
            let shown = match event {
                Ok(event) if filter.as_ref().is_some_and(|filter| matches(filter, &event)) => {
                    Some(Ok(Edge { cursor: token(event.position), node: EventNode(event) }))
                }
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            };
            std::future::ready(shown)
        }))
    }

    /// A booking of yours, whenever it changes.
    async fn booking_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<BookingNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        reader.viewer.person()?;
        let mine = reader.get::<Bookings>(&id).await?.and_then(|row| BookingNode::visible(&reader, row));
        if mine.is_none() {
            return Err(kernel::Refused::at("BOOKING001", &["id"]).into());
        }
        watch::<Bookings, _>(&reader, id.0, after, BookingNode).await
    }

    /// Every booking of yours, whenever one changes.
    async fn my_booking_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<BookingNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        reader.viewer.person()?;
        let after = start(reader.app, after).await?;
        Ok(bookings(reader.app.clone(), reader.viewer.clone(), after))
    }
}
