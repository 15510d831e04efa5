//! Reading your own writes: what position a read has to have seen, and reads that wait for it (api.md §2).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_graphql::Context as Gql;
use eventlog::LogError;
use kernel::Personal;
use projections::ReadModel;
use projections::views::{Followed, Page, PageArgs, PageError, Query, ViewError};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::connection::{self, Connection, bad_cursor};
use crate::consistency::{self, Consistency, WAIT};
pub use crate::consistency::{position_of, token};
use crate::errors::ApiError;
use crate::transport::RequestMeta;
use crate::viewer::Viewer;

/// How long a read waits for what others have just written, without insisting.
const COURTESY: Duration = Duration::from_millis(25);
/// When a client should try again after [`ApiError::Lagging`], in milliseconds, when the model's pace does not say.
const RETRY_AFTER_MS: u64 = 1_000;
/// Within these, in milliseconds.
const RETRY_BOUNDS_MS: (u64, u64) = (50, 30_000);

/// What the reads of one request have seen; in the request's data.
#[derive(Debug, Default)]
pub struct Sight {
    seen: Mutex<Option<u64>>,
}

impl Sight {
    /// The lowest position that a read of this request stood at.
    #[must_use]
    pub fn seen(&self) -> Option<u64> {
        self.seen.lock().ok().and_then(|seen| *seen)
    }

    fn note(&self, position: u64) {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(seen.map_or(position, |lowest| lowest.min(position)));
        }
    }
}

/// What a resolver has at hand.
#[derive(Clone, Copy)]
pub struct Reader<'c> {
    /// The book.
    pub app: &'c App,
    /// Who asks.
    pub viewer: &'c Viewer,
    /// In which circumstances.
    pub meta: &'c RequestMeta,
    sight: Option<&'c Sight>,
}

impl<'c> Reader<'c> {
    /// What the request carries.
    ///
    /// # Errors
    /// When the schema was built without an app, or the door let nobody in: defects, not answers.
    pub fn of(ctx: &Gql<'c>) -> Result<Self, ApiError> {
        let missing = |error: async_graphql::Error| ApiError::internal(error.message);
        Ok(Self {
            app: ctx.data::<App>().map_err(missing)?,
            viewer: ctx.data::<Viewer>().map_err(missing)?,
            meta: ctx.data::<RequestMeta>().map_err(missing)?,
            sight: ctx.data_opt::<Arc<Sight>>().map(AsRef::as_ref),
        })
    }

    /// The position that this read must have seen: the token's of its field or of its request, else its caller's last acknowledged
    /// one. Where that is not known, the log's present end; nobody signed in waits for nothing.
    ///
    /// # Errors
    /// SYS003 for a token that is none, or the log's.
    pub async fn required(&self) -> Result<Consistency, ApiError> {
        if let Some(asked) = consistency::asked() {
            return Ok(asked);
        }
        if let Some(token) = &self.meta.consistency {
            return Consistency::parse(token);
        }
        let Some(user) = self.viewer.user else { return Ok(Consistency { position: 0, wait: WAIT }) };
        // A mutation later in the document raises what its caller has acknowledged: only a token stands still.
        let position = match self.app.hot.acknowledged(&user.to_string()).await {
            Some(position) => position,
            None => self.app.ctx.log.head().await.map_err(ApiError::internal)?,
        };
        Ok(Consistency { position, wait: WAIT })
    }

    /// Waits until a model has seen what this request must see; says how far it is. What others have written up to now is waited
    /// for too, but only for a moment: two people on the phone should see the same booking, a busy log must not slow everybody down.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, never a silent stale row.
    pub async fn ready<M: ReadModel>(&self) -> Result<u64, ApiError> {
        let Consistency { position, wait } = self.required().await?;
        let mut applied = self.app.views.wait::<M>(position, wait).await.map_err(|error| self.lagging(error))?;
        let newest = *self.app.ctx.log.watch().borrow();
        if applied < newest && self.viewer.user.is_some() {
            applied = self.app.views.wait::<M>(newest, COURTESY).await.unwrap_or(applied);
        }
        self.note(applied);
        Ok(applied)
    }

    fn note(&self, position: u64) {
        if let Some(sight) = self.sight {
            sight.note(position);
        }
    }

    /// A failed wait, with the time after which another one makes sense.
    fn lagging(&self, error: ViewError) -> ApiError {
        let ViewError::Lagging { projection, applied, required } = error else { return from_view(error) };
        let pace = self.app.views.time_to(&projection, required).and_then(|time| u64::try_from(time.as_millis()).ok());
        let retry_after_ms = pace.unwrap_or(RETRY_AFTER_MS).clamp(RETRY_BOUNDS_MS.0, RETRY_BOUNDS_MS.1);
        ApiError::Lagging { projection, applied, required, retry_after_ms }
    }

    /// One row.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn get<M: ReadModel>(&self, key: &str) -> Result<Option<M::Row>, ApiError> {
        self.ready::<M>().await?;
        self.app.views.get::<M>(key).await.map_err(from_view)
    }

    /// One row with everything up to a position, whether the projector has come that far or not.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn fresh<M: ReadModel>(&self, key: &str, position: u64) -> Result<Option<M::Row>, ApiError> {
        let row = self.app.views.fresh::<M>(key, position).await.map_err(|error| self.lagging(error))?;
        self.note(position);
        Ok(row)
    }

    /// One row with everything up to a position, to be watched from there on.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn follow<M: ReadModel>(&self, key: &str, position: u64) -> Result<Followed<M>, ApiError> {
        self.app.views.follow::<M>(key, position).await.map_err(|error| self.lagging(error))
    }

    /// One row with everything that this process knows to be in the log.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn newest<M: ReadModel>(&self, key: &str) -> Result<Option<M::Row>, ApiError> {
        let position = self.required().await?.position.max(*self.app.ctx.log.watch().borrow());
        self.fresh::<M>(key, position).await
    }

    /// A person's words as they may be shown: none once they were erased. The keys that a list needs are fetched together.
    ///
    /// # Errors
    /// The log's.
    pub async fn open<'v, T: Clone + DeserializeOwned + 'v>(
        &self,
        value: impl Into<Option<&'v Personal<T>>>,
    ) -> Result<Option<T>, ApiError> {
        match value.into() {
            Some(value) => Ok(self.app.ctx.log.open_personal(value).await.map_err(ApiError::internal)?.value()),
            None => Ok(None),
        }
    }

    /// A page of a list; `show` makes nodes of rows.
    ///
    /// # Errors
    /// PAGE_SIZE_OUT_OF_RANGE, SYS003 for a cursor of another list, PROJECTION_LAGGING, or the database's.
    pub async fn page<M: ReadModel, N>(
        &self,
        query: Query,
        page: &connection::Page,
        show: impl Fn(String, M::Row) -> N,
    ) -> Result<Connection<N>, ApiError> {
        self.ready::<M>().await?;
        // A page of nothing still says whether there is more, and how much.
        let size = u32::try_from(page.limit.max(1)).unwrap_or(u32::MAX);
        let backward = page.direction == connection::Direction::Backward;
        let args = PageArgs {
            first: (!backward).then_some(size),
            last: backward.then_some(size),
            after: page.after.clone(),
            before: page.before.clone(),
            total: false,
        };
        let Page { items, has_next, has_previous, .. } = self.app.views.page::<M>(&query, &args).await.map_err(|error| match error {
            ViewError::Page(PageError::Cursor) => bad_cursor(if page.after.is_some() { "after" } else { "before" }),
            other => from_view(other),
        })?;
        let (has_next, has_previous) = match (page.limit, backward) {
            (0, false) => (!items.is_empty(), has_previous),
            (0, true) => (has_next, !items.is_empty()),
            _ => (has_next, has_previous),
        };
        let rows = items.into_iter().take(page.limit).map(|item| (item.cursor, show(item.key, item.row)));
        let views = self.app.views.clone();
        Ok(Connection::exact(rows, has_next, has_previous).counted(move || {
            let (views, query) = (views.clone(), query.clone());
            async move {
                let args = PageArgs { total: true, first: Some(1), ..PageArgs::default() };
                let page = views.page::<M>(&query, &args).await.map_err(from_view)?;
                Ok(page.total.unwrap_or(0))
            }
        }))
    }
}

/// A failed read as a client hears it.
pub fn from_view(error: ViewError) -> ApiError {
    match error {
        ViewError::Lagging { projection, applied, required } => {
            ApiError::Lagging { projection, applied, required, retry_after_ms: RETRY_AFTER_MS }
        }
        ViewError::Page(PageError::Cursor) => bad_cursor("after"),
        ViewError::Page(PageError::FirstWithLast | PageError::Size { .. }) => ApiError::code(crate::errors::PAGE_SIZE_OUT_OF_RANGE),
        // Their database is the log's, or fails as one.
        ViewError::Store(error) => ApiError::internal(LogError::from(error)),
        ViewError::Log(error) => ApiError::internal(error),
        other => ApiError::internal(other),
    }
}
