//! Relay connections: one generic pair of types, so that a new list needs no boilerplate.
//!
//! A field takes `first`, `after`, `last`, `before`, makes a [`Page`] of them, asks its read model for [`Page::limit`]` + 1`
//! rows in the direction of the page, and gives them to [`Connection::page`].

use std::borrow::Cow;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};
use futures_util::future::BoxFuture;
use kernel::Refused;

use crate::errors::{ApiError, PAGE_SIZE_OUT_OF_RANGE};

/// Rows of a page when the caller does not say.
pub const DEFAULT_PAGE: usize = 25;
/// Most rows of a page.
pub const MAX_PAGE: usize = 100;

/// Longest cursor that is looked at, in bytes.
const MAX_CURSOR_BYTES: usize = 1_024;

/// Which way a page is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From `after` (or the start) on.
    Forward,
    /// From `before` (or the end) back.
    Backward,
}

/// The arguments of a connection, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which way.
    pub direction: Direction,
    /// How many rows at most; one more tells whether there is a next page.
    pub limit: usize,
    /// Rows after this cursor only.
    pub after: Option<String>,
    /// Rows before this cursor only.
    pub before: Option<String>,
}

impl Page {
    /// Reads the four arguments.
    ///
    /// # Errors
    /// PAGE_SIZE_OUT_OF_RANGE when `first` and `last` are both there or one is not within 0–100; SYS003 for a cursor that
    /// cannot be one of ours.
    pub fn new(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Result<Self, ApiError> {
        let (direction, size) = match (first, last) {
            (Some(_), Some(_)) => return Err(out_of_range()),
            (None, Some(last)) => (Direction::Backward, Some(last)),
            (first, None) => (Direction::Forward, first),
        };
        let limit = match size.map(usize::try_from) {
            None => DEFAULT_PAGE,
            Some(Ok(limit)) if limit <= MAX_PAGE => limit,
            Some(_) => return Err(out_of_range()),
        };
        Ok(Self { direction, limit, after: cursor("after", after)?, before: cursor("before", before)? })
    }

    /// How many rows to ask for.
    #[must_use]
    pub const fn fetch(&self) -> usize {
        self.limit + 1
    }
}

fn out_of_range() -> ApiError {
    Refused::code(PAGE_SIZE_OUT_OF_RANGE).with("max", MAX_PAGE).into()
}

fn cursor(name: &str, value: Option<String>) -> Result<Option<String>, ApiError> {
    match value {
        Some(text) if text.is_empty() || text.len() > MAX_CURSOR_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(bad_cursor(name))
        }
        other => Ok(other),
    }
}

/// The refusal of a cursor that the read model does not know: SYS003 at the argument.
#[must_use]
pub fn bad_cursor(argument: &str) -> ApiError {
    Refused::at(crate::errors::MALFORMED, &[argument]).into()
}

/// Where a page stands in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, SimpleObject)]
pub struct PageInfo {
    /// Are there more rows after this page?
    pub has_next_page: bool,
    /// Are there more rows before this page?
    pub has_previous_page: bool,
    /// The cursor of the first row of the page.
    pub start_cursor: Option<String>,
    /// The cursor of the last row of the page.
    pub end_cursor: Option<String>,
}

/// A row with its place in the list.
#[derive(Clone, Debug)]
pub struct Edge<N> {
    /// Its place.
    pub cursor: String,
    /// The row.
    pub node: N,
}

impl<N: OutputType> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}

/// An item of a list with its place in it.
#[Object(name_type)]
impl<N: OutputType> Edge<N> {
    /// The place of the item; give it as `after` or `before` to go on from here. It survives rebuilds.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item.
    async fn node(&self) -> &N {
        &self.node
    }
}

type Count<'c> = Box<dyn Fn() -> BoxFuture<'c, Result<u64, ApiError>> + Send + Sync + 'c>;

/// A page of a list.
pub struct Connection<N> {
    /// The rows, in the list's order.
    pub edges: Vec<Edge<N>>,
    /// Where the page stands.
    pub page_info: PageInfo,
    count: Option<Count<'static>>,
}

impl<N> Connection<N> {
    /// A page of rows as they were fetched: in the direction of the page, one more than its limit when there are more.
    #[must_use]
    pub fn page(page: &Page, rows: impl IntoIterator<Item = (String, N)>) -> Self {
        let mut edges: Vec<_> = rows.into_iter().take(page.fetch()).map(|(cursor, node)| Edge { cursor, node }).collect();
        let more = edges.len() > page.limit;
        edges.truncate(page.limit);
        let (has_next_page, has_previous_page) = match page.direction {
            Direction::Forward => (more, page.after.is_some()),
            Direction::Backward => {
                edges.reverse();
                (page.before.is_some(), more)
            }
        };
        let at = |edge: Option<&Edge<N>>| edge.map(|e| e.cursor.clone());
        let page_info = PageInfo { has_next_page, has_previous_page, start_cursor: at(edges.first()), end_cursor: at(edges.last()) };
        Self { edges, page_info, count: None }
    }

    /// A page whose edges and neighbours are known, in the list's order.
    #[must_use]
    pub fn exact(rows: impl IntoIterator<Item = (String, N)>, has_next_page: bool, has_previous_page: bool) -> Self {
        let edges: Vec<_> = rows.into_iter().map(|(cursor, node)| Edge { cursor, node }).collect();
        let at = |edge: Option<&Edge<N>>| edge.map(|e| e.cursor.clone());
        let page_info = PageInfo { has_next_page, has_previous_page, start_cursor: at(edges.first()), end_cursor: at(edges.last()) };
        Self { edges, page_info, count: None }
    }

    /// A list with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { edges: Vec::new(), page_info: PageInfo::default(), count: None }
    }

    /// How `totalCount` is found; asked only when the field is selected.
    #[must_use]
    pub fn counted<F, Fut>(mut self, count: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<u64, ApiError>> + Send + 'static,
    {
        self.count = Some(Box::new(move || Box::pin(count())));
        self
    }

    /// The same page of what the rows stand for.
    #[must_use]
    pub fn map<M>(self, show: impl Fn(N) -> M) -> Connection<M> {
        let edges = self.edges.into_iter().map(|e| Edge { cursor: e.cursor, node: show(e.node) }).collect();
        Connection { edges, page_info: self.page_info, count: self.count }
    }
}

impl<N> std::fmt::Debug for Connection<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("rows", &self.edges.len()).field("page_info", &self.page_info).finish_non_exhaustive()
    }
}

impl<N: OutputType> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

/// A page of a list, with cursors to go on from.
#[Object(name_type)]
impl<N: OutputType> Connection<N> {
    /// The items with their cursors, in the order of the list.
    async fn edges(&self) -> &[Edge<N>] {
        &self.edges
    }

    /// The items alone.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many items the whole list has; costs extra. Null where nobody can count them.
    async fn total_count(&self) -> Result<Option<i32>, ApiError> {
        let Some(count) = &self.count else { return Ok(None) };
        // Past what `Int` can say, the greatest number it can say.
        count().await.map(|total| Some(i32::try_from(total).unwrap_or(i32::MAX)))
    }
}

#[cfg(test)]
mod tests;
