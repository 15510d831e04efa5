//! How often somebody may call (SEC-03 to SEC-05): each top-level field of a document counts by its rule's weight, per address
//! and per user, in a sliding window that all nodes share.

use std::any::TypeId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Pos, Request, Response, ServerError};
use axum::http::{HeaderValue, header};
use futures_util::future::join_all;
use kernel::Timestamp;
use projections::hot::Hot;

use crate::access::{Root, Rule};
use crate::crowd::host;
use crate::errors::{self, ApiError};
use crate::transport::RequestMeta;
use crate::viewer::Viewer;

/// The window of an address.
const MINUTE: Duration = Duration::from_secs(60);
/// The window of a user.
const HOUR: Duration = Duration::from_secs(3_600);
/// Fragments within fragments that are followed; the transport lets no deeper ones pass.
const MAX_DEPTH: usize = 64;

/// How much may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of one address, in a minute.
    pub address_per_minute: u64,
    /// Of one user, in an hour.
    pub user_per_hour: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { address_per_minute: 100, user_per_hour: 1_000 }
    }
}

/// Counts calls in the hot store.
#[derive(Clone)]
pub struct Meter {
    hot: Arc<dyn Hot>,
    allowance: Allowance,
}

impl Meter {
    /// Counts in this store.
    #[must_use]
    pub const fn new(hot: Arc<dyn Hot>, allowance: Allowance) -> Self {
        Self { hot, allowance }
    }

    /// Counts what a request is about to do. A response instead when its caller has had enough.
    pub async fn charge(&self, request: &mut Request) -> Option<Response> {
        let weight = weight(request);
        let user = data::<Viewer>(request).and_then(|viewer| viewer.user);
        let address = data::<RequestMeta>(request).and_then(|meta| meta.remote);
        let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let by_address = async {
            let address = address?;
            self.window(&format!("rl:ip:{}", host(address)), weight, self.allowance.address_per_minute, MINUTE, now_ms).await
        };
        let by_user = async {
            let user = user?;
            self.window(&format!("rl:user:{user}"), weight, self.allowance.user_per_hour, HOUR, now_ms).await
        };
        let (address, user) = tokio::join!(by_address, by_user);
        address.max(user).map(refused)
    }

    /// Counts a visit that is no GraphQL operation: a socket that opens, an upload, a download. How many seconds to wait when the
    /// address has had enough.
    pub async fn visit(&self, address: IpAddr) -> Option<u64> {
        let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        self.window(&format!("rl:ip:{}", host(address)), 1, self.allowance.address_per_minute, MINUTE, now_ms).await
    }

    /// Adds to one window; how many seconds to wait when it is over its limit. The window before counts by what of it is still
    /// within sight, so that nobody gets twice the limit around a boundary.
    async fn window(&self, key: &str, weight: u64, limit: u64, window: Duration, now_ms: u64) -> Option<u64> {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let (index, into_ms) = (now_ms / window_ms, now_ms % window_ms);
        let (this, before) = (format!("{key}:{index}"), format!("{key}:{}", index.wrapping_sub(1)));
        // More than the limit need not be counted to be refused.
        let steps = weight.min(limit.saturating_add(1));
        let counted = join_all((0..steps).map(|_| self.hot.increment(&this, window * 2)));
        let (counted, last) = tokio::join!(counted, self.hot.count(&before));
        let counted = counted.into_iter().max().unwrap_or(0);
        let still = u128::from(last) * u128::from(window_ms - into_ms) / u128::from(window_ms);
        let over = u128::from(counted) + still > u128::from(limit);
        over.then(|| (window_ms - into_ms).div_ceil(1_000).max(1))
    }
}

fn refused(seconds: u64) -> Response {
    let error = async_graphql::Error::from(ApiError::from(errors::limited(seconds))).into_server_error(Pos::default());
    let mut response = Response::from_errors(vec![ServerError { locations: Vec::new(), ..error }]);
    response.http_headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What travels with a request, by its type.
pub(crate) fn data<T: 'static>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
}

/// What a request weighs: its top-level fields by their rules. One that cannot be read weighs 1.
fn weight(request: &mut Request) -> u64 {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return 1 };
    let mut operations = document.operations.iter().filter(|(own, _)| name.is_none() || own.map(AsRef::as_ref) == name.as_deref());
    let Some((_, operation)) = operations.next() else { return 1 };
    let root = match operation.node.ty {
        OperationType::Query => Root::Query,
        OperationType::Mutation => Root::Mutation,
        OperationType::Subscription => Root::Subscription,
    };
    let mut fragments = HashMap::new();
    of_set(document, root, &operation.node.selection_set.node, &mut fragments, 0).max(1)
}

fn of_set<'d>(document: &'d ExecutableDocument, root: Root, set: &'d SelectionSet, known: &mut HashMap<&'d str, u64>, depth: usize) -> u64 {
    if depth > MAX_DEPTH {
        return 0;
    }
    let mut sum = 0_u64;
    for selection in &set.items {
        let weighs = match &selection.node {
            Selection::Field(field) => u64::from(Rule::of(root, &field.node.name.node).map_or(1, |rule| rule.weight)),
            Selection::InlineFragment(inline) => of_set(document, root, &inline.node.selection_set.node, known, depth + 1),
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                match (known.get(name), document.fragments.get(name)) {
                    (Some(weighs), _) => *weighs,
                    (None, Some(fragment)) => {
                        let weighs = of_set(document, root, &fragment.node.selection_set.node, known, depth + 1);
                        known.insert(name, weighs);
                        weighs
                    }
                    (None, None) => 0,
                }
            }
        };
        sum = sum.saturating_add(weighs);
    }
    sum
}

#[cfg(test)]
mod tests {
    use projections::hot::Memory;

    use super::*;

    fn weighs(document: &str) -> u64 {
        weight(&mut Request::new(document))
    }

    #[test]
    fn each_top_level_field_counts_by_its_rule() {
        assert_eq!(weighs("{ me { id name } }"), 1);
        assert_eq!(weighs("{ a: me { id } b: me { id } }"), 2);
        assert_eq!(weighs("mutation { login(input: {}) { receipt { position } } }"), 5);
        assert_eq!(
            weighs("{ ...F ... on Query { me { id } } } fragment F on Query { me { id } ...G } fragment G on Query { vehicle { id } }"),
            3
        );
        assert_eq!(weighs("{"), 1);
        assert_eq!(weighs("query A { me { id } } query B { me { id } }"), 1);
    }

    #[tokio::test]
    async fn a_window_slides() {
        let meter = Meter::new(Arc::new(Memory::new()), Allowance::default());
        let at = async |now_ms, weight| meter.window("rl:ip:x", weight, 10, MINUTE, now_ms).await;
        assert_eq!(at(0, 10).await, None);
        assert_eq!(at(30_000, 1).await, Some(30), "eleven in a minute");
        // Half of the minute before is still in sight: five of eleven, and five more.
        assert_eq!(at(90_000, 5).await, None);
        assert_eq!(at(90_000, 1).await, Some(30));
        assert_eq!(at(90_000, 1_000).await, Some(30), "and no more is counted than tells");
        // Who waited long enough is welcome.
        assert_eq!(at(240_000, 1).await, None);
    }
}
