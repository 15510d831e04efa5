//! Nulls where the specification wants them.
//!
//! async-graphql 7.2 leaves a field that failed out of its object, whatever its type. The specification wants `null` there,
//! and where the type forbids `null`, the nearest value around it that may be null has to be: clients with generated types
//! rely on both. Only responses with errors are touched.

use async_graphql::parser::types::{BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type};
use async_graphql::{Name, PathSegment, Response, Value};

use super::types::{Types, innermost};

/// What was executed, to be held against its response.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) query: String,
    pub(super) operation_name: Option<String>,
    pub(super) document: ExecutableDocument,
}

/// Puts `null` where a field failed, and where that is not allowed, around it.
pub(super) fn complete(types: &Types, source: &Source, response: &mut Response) {
    if response.errors.iter().all(|error| error.path.is_empty()) {
        return;
    }
    let document = &source.document;
    let Some(operation) = operation(document, source.operation_name.as_deref()) else { return };
    for error in &response.errors {
        fill(&mut response.data, &error.path);
    }
    let walk = Walk { types, document };
    for error in &response.errors {
        let nullable = walk.nullability(operation, &error.path);
        propagate(&mut response.data, &error.path, &nullable);
    }
}

/// The operation that was executed.
pub(super) fn operation<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name).map(|operation| &operation.node),
        (DocumentOperations::Multiple(operations), None) => operations.values().next().map(|operation| &operation.node),
    }
}

/// Makes the failed field of a path `null`. An object all of whose fields failed is one again, not a `null`.
fn fill(data: &mut Value, path: &[PathSegment]) {
    let mut value = data;
    for segment in path {
        value = match segment {
            PathSegment::Field(key) => {
                if *value == Value::Null {
                    *value = Value::Object(Default::default());
                }
                let Value::Object(fields) = value else { return };
                fields.entry(Name::new(key)).or_insert(Value::Null)
            }
            PathSegment::Index(index) => {
                let Value::List(items) = value else { return };
                let Some(item) = items.get_mut(*index) else { return };
                item
            }
        };
    }
}

/// Where a path ends in `null` against its type, the nearest value around it that may be null becomes it.
fn propagate(data: &mut Value, path: &[PathSegment], nullable: &[bool]) {
    let Some(null_at) = first_null(data, path) else { return };
    let allowed = |at: &usize| nullable.get(*at).copied().unwrap_or(true);
    match (0..=null_at).rev().find(allowed) {
        Some(at) => {
            if let Some(value) = at_path(data, &path[..=at]) {
                *value = Value::Null;
            }
        }
        None => *data = Value::Null,
    }
}

/// The place in the path whose value is the first `null`.
fn first_null(data: &mut Value, path: &[PathSegment]) -> Option<usize> {
    (0..path.len()).find(|&at| at_path(data, &path[..=at]).is_some_and(|value| *value == Value::Null))
}

fn at_path<'v>(data: &'v mut Value, path: &[PathSegment]) -> Option<&'v mut Value> {
    path.iter().try_fold(data, |value, segment| match (segment, value) {
        (PathSegment::Field(key), Value::Object(fields)) => fields.get_mut(key.as_str()),
        (PathSegment::Index(index), Value::List(items)) => items.get_mut(*index),
        (PathSegment::Field(_) | PathSegment::Index(_), _) => None,
    })
}

struct Walk<'w> {
    types: &'w Types,
    document: &'w ExecutableDocument,
}

/// Selection sets that apply to one value, each with the type that it is written for.
type Level<'w> = Vec<(&'w Name, &'w SelectionSet)>;

impl<'w> Walk<'w> {
    /// Whether the value at each place of a path may be null. Fields of one name have one nullability wherever they can both
    /// apply (the specification's field merging), so the objects' actual types do not matter.
    fn nullability(&self, operation: &'w OperationDefinition, path: &[PathSegment]) -> Vec<bool> {
        let Some(root) = self.types.root(operation.ty) else { return Vec::new() };
        let mut level: Level<'w> = vec![(root, &operation.selection_set.node)];
        let mut current: Option<&Type> = None;
        let mut nullable = Vec::with_capacity(path.len());
        for segment in path {
            current = match segment {
                PathSegment::Field(key) => {
                    let (ty, below) = self.field(&level, key);
                    level = below;
                    ty
                }
                PathSegment::Index(_) => match current.map(|ty| &ty.base) {
                    Some(BaseType::List(inner)) => Some(inner),
                    Some(BaseType::Named(_)) | None => None,
                },
            };
            nullable.push(current.is_none_or(|ty| ty.nullable));
        }
        nullable
    }

    fn field(&self, level: &Level<'w>, key: &str) -> (Option<&'w Type>, Level<'w>) {
        let mut found = Vec::new();
        for (parent, set) in level {
            self.collect(parent, set, key, &mut found);
        }
        let first = found.first().map(|(ty, _)| *ty);
        (first, found.into_iter().map(|(ty, set)| (innermost(ty), set)).collect())
    }

    /// Every selection of a response key, through fragments. The document was found to be small and without cycles.
    fn collect(&self, parent: &'w Name, set: &'w SelectionSet, key: &str, found: &mut Vec<(&'w Type, &'w SelectionSet)>) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) if field.node.response_key().node == key => {
                    let known = self.types.field(parent, &field.node.name.node);
                    found.extend(known.map(|known| (&known.ty, &field.node.selection_set.node)));
                }
                Selection::Field(_) => {}
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(&fragment.node.type_condition.node.on.node, &fragment.node.selection_set.node, key, found);
                    }
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(parent, |condition| &condition.node.on.node);
                    self.collect(on, &inline.node.selection_set.node, key, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use async_graphql::ServerError;
    use serde_json::json;

    use super::*;

    const SDL: &str = "type Query { a: Int b: Int! o: O n: O! l: [O!] m: [O]! node: Node } \
                       type O implements Node { x: Int y: Int! o: O! l: [Int!]! } interface Node { x: Int y: Int! } \
                       schema { query: Query }";

    fn completed(query: &str, data: serde_json::Value, paths: &[&[&str]]) -> serde_json::Value {
        let segment = |s: &&str| s.parse().map_or_else(|_| PathSegment::Field((*s).to_owned()), PathSegment::Index);
        let error = |path: &&[&str]| ServerError::new("x", None).with_path(path.iter().map(segment).collect());
        let mut response = Response::from_errors(paths.iter().map(error).collect());
        response.data = Value::from_json(data).unwrap();
        let document = async_graphql::parser::parse_query(query).unwrap();
        complete(&Types::from_sdl(SDL), &Source { query: query.to_owned(), operation_name: None, document }, &mut response);
        response.data.into_json().unwrap()
    }

    #[test]
    fn a_failed_field_is_null() {
        assert_eq!(completed("{ a z: a }", json!({"z": 1}), &[&["a"]]), json!({"z": 1, "a": null}));
        assert_eq!(completed("{ a }", json!(null), &[&["a"]]), json!({"a": null}));
        assert_eq!(completed("{ o { x } }", json!({"o": null}), &[&["o", "x"]]), json!({"o": {"x": null}}));
        assert_eq!(completed("{ m { x } }", json!({"m": [null, {"x": 1}]}), &[&["m", "0", "x"]]), json!({"m": [{"x": null}, {"x": 1}]}));
    }

    #[test]
    fn a_null_that_is_not_allowed_goes_to_the_nearest_that_is() {
        assert_eq!(completed("{ a b }", json!({"a": 1}), &[&["b"]]), json!(null));
        assert_eq!(completed("{ o { x y } }", json!({"o": {"x": 1}}), &[&["o", "y"]]), json!({"o": null}));
        assert_eq!(completed("{ a n { o { y } } }", json!({"a": 1, "n": {"o": null}}), &[&["n", "o", "y"]]), json!(null));
        assert_eq!(completed("{ l { y } }", json!({"l": [{"y": 1}, null]}), &[&["l", "1", "y"]]), json!({"l": null}));
        assert_eq!(completed("{ m { y } }", json!({"m": [{"y": 1}, null]}), &[&["m", "1", "y"]]), json!({"m": [{"y": 1}, null]}));
        assert_eq!(completed("{ o { l } }", json!({"o": null}), &[&["o", "l", "0"]]), json!({"o": null}));
    }

    #[test]
    fn fragments_and_aliases_are_seen_through() {
        let query = "query { node { ...F ... on O { k: y } } } fragment F on Node { j: x }";
        assert_eq!(completed(query, json!({"node": {"j": 1}}), &[&["node", "k"]]), json!({"node": null}));
        assert_eq!(completed(query, json!({"node": {"k": 1}}), &[&["node", "j"]]), json!({"node": {"k": 1, "j": null}}));
    }

    #[test]
    fn a_later_error_does_not_bring_back_what_an_earlier_one_took() {
        let data = json!({"o": null});
        assert_eq!(completed("{ o { x y } }", data, &[&["o", "y"], &["o", "x"]]), json!({"o": null}));
    }
}
