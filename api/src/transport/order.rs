//! Fields in the order in which they were asked for (the specification's ordered result maps).
//!
//! async-graphql 7.2 writes an object's fields in the order in which they happened to be ready, another one each time.

use std::cell::OnceCell;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Value};

use super::completion::{Source, operation};

/// Puts every object of a response's data in the order of its selections. A key that nobody asked for stays behind the others.
pub(super) fn arrange(source: &Source, data: &mut Value) {
    let Some(operation) = operation(&source.document, source.operation_name.as_deref()) else { return };
    Shape::of(&source.document, &[&operation.selection_set.node]).arrange(&source.document, data);
}

/// What was asked of one object, in its order: response keys, and what is below each.
struct Shape<'d>(Vec<(&'d Name, Asked<'d>)>);

/// The selections of one response key. What they come to is found out when an object is met there.
struct Asked<'d> {
    sets: Vec<&'d SelectionSet>,
    shape: OnceCell<Shape<'d>>,
}

impl<'d> Shape<'d> {
    fn of(document: &'d ExecutableDocument, sets: &[&'d SelectionSet]) -> Self {
        let (mut shape, mut seen) = (Self(Vec::new()), Vec::new());
        for set in sets {
            shape.gather(document, set, &mut seen);
        }
        shape
    }

    /// Whatever type a fragment is for: keys that do not apply are not in the data. Each fragment counts once, where it comes first.
    fn gather(&mut self, document: &'d ExecutableDocument, set: &'d SelectionSet, seen: &mut Vec<&'d Name>) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let (key, below) = (&field.node.response_key().node, &field.node.selection_set.node);
                    match self.0.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, asked)) => asked.sets.push(below),
                        None => self.0.push((key, Asked { sets: vec![below], shape: OnceCell::new() })),
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name).filter(|_| !seen.contains(&name)) {
                        seen.push(name);
                        self.gather(document, &fragment.node.selection_set.node, seen);
                    }
                }
                Selection::InlineFragment(inline) => self.gather(document, &inline.node.selection_set.node, seen),
            }
        }
    }

    fn arrange(&self, document: &'d ExecutableDocument, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.arrange(document, item)),
            Value::Object(fields) => {
                self.sort(fields);
                for (key, value) in fields.iter_mut().filter(|(_, value)| matches!(value, Value::List(_) | Value::Object(_))) {
                    if let Some((_, asked)) = self.0.iter().find(|(known, _)| *known == key).filter(|(_, asked)| asked.is_deeper()) {
                        asked.shape.get_or_init(|| Self::of(document, &asked.sets)).arrange(document, value);
                    }
                }
            }
            Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {}
        }
    }

    fn sort(&self, fields: &mut IndexMap<Name, Value>) {
        let wanted = self.0.iter().map(|(key, _)| *key).filter(|key| fields.contains_key(*key));
        if fields.keys().zip(wanted).all(|(is, wanted)| is == wanted) {
            return;
        }
        let mut sorted = IndexMap::with_capacity(fields.len());
        for (key, _) in &self.0 {
            sorted.extend(fields.swap_remove_entry(*key));
        }
        sorted.extend(fields.drain(..));
        *fields = sorted;
    }
}

impl Asked<'_> {
    /// Was anything asked below? A scalar may be an object, too: its keys are its own.
    fn is_deeper(&self) -> bool {
        self.sets.iter().any(|set| !set.items.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    fn arranged(query: &str, data: serde_json::Value) -> String {
        let document = async_graphql::parser::parse_query(query).unwrap();
        let source = Source { query: query.to_owned(), operation_name: None, document };
        let mut data = Value::from_json(data).unwrap();
        arrange(&source, &mut data);
        serde_json::to_string(&data).unwrap()
    }

    #[test]
    fn objects_are_in_the_order_of_their_selections() {
        let data = json!({ "c": 3, "a": 1, "b": [{ "y": 2, "x": 1 }, null, { "x": 3 }] });
        assert_eq!(arranged("{ c b { y x } a }", data), r#"{"c":3,"b":[{"y":2,"x":1},null,{"x":3}],"a":1}"#);
    }

    #[test]
    fn aliases_merged_fields_and_fragments_count_where_they_come_first() {
        let query = "{ z: a o { y } ...F o { x ...G } last } fragment F on Query { m o { w } ...F2 } fragment F2 on Query { z: a n } \
                     fragment G on O { w v }";
        let data = json!({ "last": 0, "n": 1, "m": 2, "o": { "v": 1, "w": 2, "x": 3, "y": 4 }, "z": 5 });
        assert_eq!(arranged(query, data), r#"{"z":5,"o":{"y":4,"w":2,"x":3,"v":1},"m":2,"n":1,"last":0}"#);
    }

    #[test]
    fn what_nobody_asked_for_stays_and_scalars_are_left_alone() {
        assert_eq!(arranged("{ b a }", json!({ "extra": 1, "a": { "k": 2, "j": 1 }, "b": 3 })), r#"{"b":3,"a":{"j":1,"k":2},"extra":1}"#);
    }

    #[test]
    fn fragments_within_fragments_cost_their_number_and_not_their_product() {
        let fragments: String = (0..40).map(|n| format!(" fragment F{n} on Query {{ ...F{0} ...F{0} a }}", n + 1)).collect();
        let query = format!("{{ ...F0 b }}{fragments} fragment F40 on Query {{ c }}");
        assert_eq!(arranged(&query, json!({ "b": 1, "a": 2, "c": 3 })), r#"{"c":3,"a":2,"b":1}"#);
    }
}
