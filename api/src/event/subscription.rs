//! Events and bookings as they happen: one tail of the log per process, fanned out, from a cursor or from now on.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use domain::booking::{self, Booking};
use domain::ids::UserId;
use eventlog::Recorded;
use futures_util::stream::{self, Stream, StreamExt};
use kernel::Decider;
use projections::feed::{FeedError, Wanted};
use projections::models::Bookings;
use projections::{Known, ReadModel};

use super::{EventFilter, EventNode, Filter, Folds, Moment, Parties, Step};
use crate::app::App;
use crate::booking::BookingNode;
use crate::connection::{Edge, bad_cursor};
use crate::errors::ApiError;
use crate::reading::{Reader, position_of, token};

/// What is wanted of the log after a position, in order, for ever. Who does not keep up is told so, with the last cursor, and
/// hears nothing more.
pub(crate) fn tail(app: &App, after: u64, wants: Wanted) -> impl Stream<Item = Result<Arc<Recorded>, ApiError>> + Send + use<> {
    stream::try_unfold(app.feed.listen(after, wants), |mut listening| async move {
        match listening.next().await {
            Ok(event) => Ok(Some((event, listening))),
            Err(FeedError::Slow { last }) => Err(ApiError::Slow { cursor: token(last) }),
            Err(FeedError::Log(error)) => Err(ApiError::internal(error)),
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

/// Is an event of a booking one of somebody's bookings? Seen before anybody is woken for it: a request names its parties, and they
/// stay the same. Of bookings that nobody here has looked at yet, anybody's might be meant.
fn may_be_of(parties: &Parties, user: UserId, event: &Recorded) -> bool {
    let stream = event.stream.as_str();
    parties.known(stream, user).unwrap_or_else(|| {
        for event in projections::decode(event).map(|events| events.into_vec()).unwrap_or_default() {
            if let domain::Event::Booking(booking::Event::BookingRequested { terms, .. }) = event {
                parties.learn(stream, [terms.guest, terms.host]);
                return terms.is_party(user);
            }
        }
        true
    })
}

/// Bookings that an event touches, as of that event, when the viewer is one of their parties.
async fn booking_at(app: &App, user: UserId, recorded: &Recorded) -> Result<Vec<Edge<BookingNode>>, ApiError> {
    let position = recorded.position;
    let stream = recorded.stream.as_str();
    let find = async || {
        let row = super::row_at::<Bookings>(app, stream, &Moment { position: Some(position), ..Moment::default() }).await?;
        Ok(row.map_or_else(Box::default, |row| [row.terms.guest, row.terms.host].into()))
    };
    if !app.parties.is_of(stream, user, find).await? {
        return Ok(Vec::new());
    }
    let events = projections::decode(recorded).map_err(ApiError::internal)?.into_vec();
    let keys: BTreeSet<_> = events.into_iter().flat_map(|event| Bookings::keys(&Known { recorded: recorded.clone(), event })).collect();
    let mut edges = Vec::new();
    for key in keys {
        // As of this event, so that a client that comes back late sees each step and not the last one several times.
        let row = super::row_at::<Bookings>(app, &key, &Moment { position: Some(position), ..Moment::default() }).await?;
        edges.extend(row.filter(|row| row.terms.is_party(user)).map(|row| Edge { cursor: token(position), node: BookingNode(row) }));
    }
    Ok(edges)
}

/// An entity by its key, whenever it changes: as of each event that touches it, folded on from where the client stands, and once for
/// all who watch it ([`super::Folds`]). Whether the viewer may see it is asked before.
///
/// # Errors
/// SYS003 for a cursor of something else, or the log's.
pub async fn watch<M: ReadModel<Row: 'static>, N: Send + 'static>(
    reader: &Reader<'_>,
    key: String,
    after: Option<String>,
    show: fn(M::Row) -> N,
) -> Result<impl Stream<Item = Result<Edge<N>, ApiError>> + use<M, N>, ApiError> {
    let (after, folds) = (start(reader.app, after).await?, reader.app.folds.clone());
    let (position, step) = super::step_at::<M>(reader.app, &key, &Moment { position: Some(after), ..Moment::default() }).await?;
    let step = folds.step::<M, ApiError>(&key, position, || Ok(step))?;
    let streams = M::streams(&key);
    let wants: Wanted = Arc::new(move |event: &Recorded| streams.iter().any(|stream| stream == event.stream.as_str()));
    let mut watched = Watched::<M> { folds, key, step };
    Ok(tail(reader.app, after, wants).filter_map(move |event| {
        let seen = event.and_then(|event| watched.step(&event)).transpose();
        std::future::ready(seen.map(|seen| seen.map(|(position, row)| Edge { cursor: token(position), node: show(row) })))
    }))
}

struct Watched<M: ReadModel> {
    folds: Folds,
    key: String,
    step: Arc<Step<M::Row>>,
}

impl<M: ReadModel<Row: 'static>> Watched<M> {
    /// The row after an event, when the event touches it.
    fn step(&mut self, recorded: &Recorded) -> Result<Option<(u64, M::Row)>, ApiError> {
        let find = || super::after::<M>(&self.key, self.step.row.clone(), recorded);
        self.step = self.folds.step::<M, _>(&self.key, recorded.position, find)?;
        let row = self.step.row.as_ref().filter(|_| self.step.touched);
        Ok(row.map(|row| (recorded.position, row.clone())))
    }
}

fn bookings(app: App, user: UserId, after: u64) -> impl Stream<Item = Result<Edge<BookingNode>, ApiError>> {
    let parties = app.parties.clone();
    let wants: Wanted = Arc::new(move |event: &Recorded| event.stream.kind() == Booking::KIND && may_be_of(&parties, user, event));
    tail(&app, after, wants)
        .then(move |event| {
            let app = app.clone();
            async move {
                match event {
                    Ok(event) => booking_at(&app, user, &event).await,
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
        let wants: Wanted = Arc::new(move |event: &Recorded| filter.as_ref().is_some_and(|filter| matches(filter, event)));
        let shown = |event: Arc<Recorded>| Edge { cursor: token(event.position), node: EventNode((*event).clone()) };
        Ok(tail(reader.app, after, wants).map(move |event| event.map(shown)))
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
        let user = reader.viewer.person()?;
        let after = start(reader.app, after).await?;
        Ok(bookings(reader.app.clone(), user, after))
    }
}
