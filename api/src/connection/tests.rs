#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, EmptyMutation, EmptySubscription, Schema};
use serde_json::json;

use super::*;

/// A thing.
#[derive(Clone, SimpleObject)]
struct Thing {
    /// Its number.
    number: i32,
}

struct Query;

#[Object]
impl Query {
    /// Ten things.
    async fn things(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<Thing>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        let bound =
            |cursor: &Option<String>, argument| cursor.as_deref().map(|c| c.parse::<i32>().map_err(|_| bad_cursor(argument))).transpose();
        let (after, before) = (bound(&page.after, "after")?, bound(&page.before, "before")?);
        let mut rows: Vec<_> = (1..=10).filter(|n| after.is_none_or(|a| *n > a) && before.is_none_or(|b| *n < b)).collect();
        if page.direction == Direction::Backward {
            rows.reverse();
        }
        let counts = Arc::clone(ctx.data_unchecked::<Arc<AtomicUsize>>());
        let connection = Connection::page(&page, rows.into_iter().take(page.fetch()).map(|n| (n.to_string(), n)));
        Ok(connection.map(|number| Thing { number }).counted(move || {
            counts.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok(10))
        }))
    }
}

fn schema() -> (Schema<Query, EmptyMutation, EmptySubscription>, Arc<AtomicUsize>) {
    let counts = Arc::new(AtomicUsize::new(0));
    (Schema::build(Query, EmptyMutation, EmptySubscription).data(Arc::clone(&counts)).finish(), counts)
}

/// Numbers on the page, and whether there are rows after and before it.
async fn page(arguments: &str) -> (Vec<i64>, bool, bool) {
    let query = format!(
        "{{ things{arguments} {{ nodes {{ number }} edges {{ cursor node {{ number }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let response = schema().0.execute(query).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let things = response.data.into_json().unwrap()["things"].clone();
    let numbers: Vec<_> = things["nodes"].as_array().unwrap().iter().map(|n| n["number"].as_i64().unwrap()).collect();
    let info = &things["pageInfo"];
    assert_eq!(info["startCursor"], json!(numbers.first().map(ToString::to_string)));
    assert_eq!(info["endCursor"], json!(numbers.last().map(ToString::to_string)));
    assert_eq!(things["edges"].as_array().unwrap().len(), numbers.len());
    (numbers, info["hasNextPage"].as_bool().unwrap(), info["hasPreviousPage"].as_bool().unwrap())
}

#[tokio::test]
async fn pages_go_both_ways() {
    assert_eq!(page("").await, ((1..=10).collect(), false, false));
    assert_eq!(page("(first: 3)").await, (vec![1, 2, 3], true, false));
    assert_eq!(page("(first: 3, after: \"3\")").await, (vec![4, 5, 6], true, true));
    assert_eq!(page("(first: 3, after: \"7\")").await, (vec![8, 9, 10], false, true));
    assert_eq!(page("(last: 3)").await, (vec![8, 9, 10], false, true));
    assert_eq!(page("(last: 3, before: \"8\")").await, (vec![5, 6, 7], true, true));
    assert_eq!(page("(last: 3, before: \"4\")").await, (vec![1, 2, 3], true, false));
    assert_eq!(page("(first: 0)").await, (vec![], true, false));
    assert_eq!(page("(after: \"10\")").await, (vec![], false, true));
}

#[tokio::test]
async fn counting_costs_only_who_asks() {
    let (schema, counts) = schema();
    schema.execute("{ things { nodes { number } } }").await;
    assert_eq!(counts.load(Ordering::SeqCst), 0);
    let response = schema.execute("{ things { totalCount } }").await;
    assert_eq!(response.data.into_json().unwrap()["things"]["totalCount"], 10);
    assert_eq!(counts.load(Ordering::SeqCst), 1);
}

#[test]
fn sizes_and_cursors_are_checked() {
    let code = |first, last, after: Option<&str>| match Page::new(first, after.map(str::to_owned), last, None) {
        Ok(page) => page.limit.to_string(),
        Err(error) => error.public_code().to_owned(),
    };
    assert_eq!(code(None, None, None), "25");
    assert_eq!(code(Some(100), None, None), "100");
    for (first, last) in [(Some(101), None), (Some(-1), None), (None, Some(101)), (Some(1), Some(1))] {
        assert_eq!(code(first, last, None), PAGE_SIZE_OUT_OF_RANGE);
    }
    for cursor in ["", "한", "a b", &"x".repeat(2_000)] {
        assert_eq!(code(None, None, Some(cursor)), "SYS003");
    }
}

#[test]
fn the_names_are_those_of_the_contract() {
    let sdl = schema().0.sdl();
    for part in [
        "type ThingConnection {",
        "edges: [ThingEdge!]!",
        "nodes: [Thing!]!",
        "pageInfo: PageInfo!",
        "totalCount: Int\n",
        "type ThingEdge {",
        "cursor: String!",
        "node: Thing!",
        "hasNextPage: Boolean!",
        "startCursor: String\n",
    ] {
        assert!(sdl.contains(part), "{part} in {sdl}");
    }
}
