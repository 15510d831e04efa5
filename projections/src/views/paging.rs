//! Pages of rows by keyset: a page is cut at a place in the order, never at a number of rows, so that rows inserted in
//! between are neither skipped nor repeated.

use std::sync::Arc;

use crate::db::unsigned;
use crate::model::ReadModel;
use crate::views::definition;
use crate::views::error::ViewError;
use crate::views::query::{Cursors, Page, PageArgs, PageItem, Place, Query};
use crate::views::sql::{Side, Window};
use crate::views::{Installed, Views};

/// Most rows of [`Views::all`].
const MAX_ALL: u64 = 10_000;

impl<E: Send + Sync + 'static> Views<E> {
    /// A page of the rows of a query.
    ///
    /// # Errors
    /// [`ViewError::Page`] when the client asks for what no page can be; [`ViewError::Query`] when the query does not
    /// fit the model; [`ViewError::Lagging`] while the model is built for the first time.
    pub async fn page<M: ReadModel<E>>(&self, query: &Query, page: &PageArgs) -> Result<Page<M::Row>, ViewError> {
        let slice = page.slice()?;
        let place = |cursor: &Option<String>| cursor.as_deref().map(|cursor| query.place(M::columns(), cursor)).transpose();
        let (after, before) = (place(&page.after)?, place(&page.before)?);
        let installed = self.ready::<M>().await?;
        let (after, before, backward) = (after.as_ref(), before.as_ref(), slice.backward);
        let size = slice.size as usize;
        let window = Window { after, before, backward, limit: u64::from(slice.size) + 1 };
        let mut found = self.window(&installed, query, &window).await?;
        let more = found.len() > size;
        found.truncate(size);
        if backward {
            found.reverse();
        }
        // The end that the page was counted towards shows by its surplus row; what lies outside of a cursor is asked for.
        let has_next = (more && !backward) || self.any(&installed, query, before, Side::After).await?;
        let has_previous = (more && backward) || self.any(&installed, query, after, Side::Before).await?;
        let total = if page.total { Some(self.total(&installed, query).await?) } else { None };
        let cursors = Cursors::of(query, M::columns());
        let items = found.into_iter().map(|(key, doc)| item::<E, M>(&cursors, key, &doc)).collect::<Result<_, _>>()?;
        Ok(Page { items, has_next, has_previous, total })
    }

    /// The rows of a query with their keys, in its order: at most `limit`, and never more than 10,000.
    ///
    /// # Errors
    /// [`ViewError::Query`] when the query does not fit the model; [`ViewError::Lagging`] while it is built for the first time.
    pub async fn all<M: ReadModel<E>>(&self, query: &Query, limit: u64) -> Result<Vec<(String, M::Row)>, ViewError> {
        let installed = self.ready::<M>().await?;
        let window = Window { after: None, before: None, backward: false, limit: limit.min(MAX_ALL) };
        let found = self.window(&installed, query, &window).await?;
        found
            .into_iter()
            .map(|(key, doc)| {
                let row = definition::read::<E, M>(&key, &doc)?;
                Ok((key, row))
            })
            .collect()
    }

    async fn window(&self, installed: &Arc<Installed<E>>, query: &Query, window: &Window<'_>) -> Result<Vec<(String, String)>, ViewError> {
        let found = self.current::<(String, String, i64)>(installed, |rows| rows.select(query, window)).await?;
        Ok(found.into_iter().map(|(key, doc, _)| (key, doc)).collect())
    }

    async fn total(&self, installed: &Arc<Installed<E>>, query: &Query) -> Result<u64, ViewError> {
        let found = self.current::<(i64, i64)>(installed, |rows| rows.count(query)).await?;
        Ok(found.first().map_or(0, |&(count, _)| unsigned(count)))
    }

    /// Is there a row at a cursor's place or beyond? Without a cursor there is nothing beyond.
    async fn any(&self, installed: &Arc<Installed<E>>, query: &Query, place: Option<&Place>, side: Side) -> Result<bool, ViewError> {
        let Some(place) = place else { return Ok(false) };
        let found = self.current::<(String, i64)>(installed, |rows| rows.any_from(query, place, side)).await?;
        Ok(!found.is_empty())
    }
}

fn item<E: 'static, M: ReadModel<E>>(cursors: &Cursors, key: String, doc: &str) -> Result<PageItem<M::Row>, ViewError> {
    let row = definition::read::<E, M>(&key, doc)?;
    let cursor = cursors.cursor(&key, &M::index(&key, &row));
    Ok(PageItem { cursor, key, row })
}
