//! Random documents of a schema, valid and invalid: what nobody would write by hand.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition};
use serde_json::{Value, json};

use crate::properties::dice::Dice;

/// What is never asked for: moving the clock makes every other answer slow, signing out every other answer the same.
const LEFT_OUT: [&str; 7] = ["advanceClock", "changePassword", "deactivateUser", "eraseUser", "logout", "revokeSession", "suspendUser"];
/// Fields inside fields.
const DEPTH: usize = 6;
const INTS: [&str; 8] = ["0", "1", "-1", "25", "100", "101", "2147483647", "-2147483648"];
const TEXTS: [&str; 10] =
    ["", "a", "guest@demo.daybook", "서울 — 부산", "\\u0000", "' or 1=1 --", "${jndi:x}", "%00%ff", "db1.0", "Correct-horse-battery-9"];
const INSTANTS: [&str; 6] = [
    "2027-03-01T10:00:00Z",
    "2027-03-01T14:00:00+09:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "yesterday",
    "2027-02-30T00:00:00Z",
];
const AMOUNTS: [&str; 7] = ["0", "1", "-1", "52800", "1.5", "1e9", "999999999999999999999999999999999999999999"];

/// A request that was thought up: the document and its variables.
#[derive(Clone, Debug)]
pub struct Thought {
    /// The document.
    pub query: String,
    /// Its variables.
    pub variables: Value,
}

/// Thinks documents up.
#[derive(Debug)]
pub struct Documents {
    types: BTreeMap<String, TypeDefinition>,
    ids: Vec<String>,
}

impl Documents {
    /// Of a schema; `ids` are of things that exist.
    ///
    /// # Panics
    /// When the text is no schema.
    #[must_use]
    pub fn of(sdl: &str, ids: Vec<String>) -> Self {
        let definitions = parse_schema(sdl).expect("a schema").definitions.into_iter();
        let types = definitions.filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self { types: types.collect(), ids }
    }

    /// The document of a seed: four of five are valid by their form.
    #[must_use]
    pub fn think(&self, seed: u64) -> Thought {
        let mut one = One { of: self, dice: Dice::new(seed), fragments: Vec::new() };
        let root = if one.dice.chance(35) { "Mutation" } else { "Query" };
        let thought = if root == "Mutation" && one.dice.chance(50) { one.with_variable() } else { one.plain(root) };
        if one.dice.chance(20) { one.broken(thought) } else { thought }
    }

    /// The subscription of a seed; one of three asks for several things, which none may.
    #[must_use]
    pub fn watch(&self, seed: u64) -> Thought {
        let mut one = One { of: self, dice: Dice::new(seed), fragments: Vec::new() };
        let thought = one.plain("Subscription");
        if one.dice.chance(10) { one.broken(thought) } else { thought }
    }

    fn fields(&self, of: &str) -> Vec<&FieldDefinition> {
        match self.types.get(of).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            Some(TypeKind::Interface(interface)) => interface.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }
}

struct One<'d> {
    of: &'d Documents,
    dice: Dice,
    fragments: Vec<String>,
}

impl One<'_> {
    fn plain(&mut self, root: &str) -> Thought {
        let count = if root == "Subscription" && self.dice.chance(65) { 1 } else { self.dice.between(1, 3) };
        let fields: Vec<_> = (0..count).map(|n| self.root_field(root, n)).collect();
        let query = format!("{} Thought {{ {} }} {}", root.to_lowercase(), fields.join(" "), self.fragments.join(" "));
        Thought { query, variables: json!({}) }
    }

    fn root_field(&mut self, root: &str, n: i64) -> String {
        let fields: Vec<_> = self.of.fields(root).into_iter().filter(|field| !LEFT_OUT.contains(&field.name.node.as_str())).collect();
        let Some(field) = self.dice.pick(&fields) else { return "__typename".to_owned() };
        format!("f{n}: {}", self.field(field, 0))
    }

    /// A mutation whose input is one variable: any JSON at all.
    fn with_variable(&mut self) -> Thought {
        let fields: Vec<_> = self.of.fields("Mutation").into_iter().filter(|field| !LEFT_OUT.contains(&field.name.node.as_str())).collect();
        let Some(field) = self.dice.pick(&fields) else { return self.plain("Query") };
        let Some(input) = field.arguments.first().map(|argument| &argument.node) else { return self.plain("Query") };
        let selection = self.selection(named(&field.ty.node), 1);
        let query = format!(
            "mutation Thought($v: {}) {{ {}({}: $v) {selection} }} {}",
            input.ty.node,
            field.name.node,
            input.name.node,
            self.fragments.join(" ")
        );
        let value = if self.dice.chance(15) { self.json() } else { self.json_of(&input.ty.node, 0) };
        Thought { query, variables: json!({ "v": value }) }
    }

    fn field(&mut self, field: &FieldDefinition, depth: usize) -> String {
        let mut arguments = Vec::new();
        for argument in &field.arguments {
            let argument = &argument.node;
            if !argument.ty.node.nullable || self.dice.chance(35) {
                arguments.push(format!("{}: {}", argument.name.node, self.literal(&argument.ty.node, 0)));
            }
        }
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let directive = if self.dice.chance(5) { " @skip(if: false)" } else { "" };
        format!("{}{arguments}{directive} {}", field.name.node, self.selection(named(&field.ty.node), depth + 1))
    }

    fn selection(&mut self, of: &str, depth: usize) -> String {
        let fields = self.of.fields(of);
        if fields.is_empty() {
            return String::new();
        }
        let mut chosen = vec!["__typename".to_owned()];
        for _ in 0..self.dice.between(1, 4) {
            let Some(field) = self.dice.pick(&fields) else { continue };
            let leaf = self.of.fields(named(&field.ty.node)).is_empty();
            if leaf || depth < DEPTH {
                let alias = self.dice.between(0, 99_999);
                chosen.push(format!("a{alias}: {}", self.field(field, depth)));
            }
        }
        let set = format!("{{ {} }}", chosen.join(" "));
        if self.dice.chance(10) {
            let name = format!("F{}", self.fragments.len());
            self.fragments.push(format!("fragment {name} on {of} {set}"));
            return format!("{{ ...{name} }}");
        }
        set
    }

    fn literal(&mut self, ty: &Type, depth: usize) -> String {
        if ty.nullable && self.dice.chance(10) {
            return "null".to_owned();
        }
        match &ty.base {
            BaseType::List(inner) => {
                let items: Vec<_> = (0..self.dice.between(0, 3)).map(|_| self.literal(inner, depth + 1)).collect();
                format!("[{}]", items.join(", "))
            }
            BaseType::Named(name) => match self.of.types.get(name.as_str()).map(|definition| &definition.kind) {
                Some(TypeKind::Enum(of)) => {
                    let values: Vec<_> = of.values.iter().map(|value| value.node.value.node.as_str()).collect();
                    if self.dice.chance(5) { "NONSENSE".to_owned() } else { self.dice.pick(&values).unwrap_or("NONE").to_owned() }
                }
                Some(TypeKind::InputObject(input)) => {
                    let fields = self.inputs(&input.fields.iter().map(|field| &field.node).collect::<Vec<_>>(), depth);
                    let fields: Vec<_> = fields
                        .into_iter()
                        .map(|field| format!("{}: {}", field.name.node, self.literal(&field.ty.node, depth + 1)))
                        .collect();
                    format!("{{{}}}", fields.join(", "))
                }
                _ => self.scalar(name),
            },
        }
    }

    /// The fields of an input that are given: those that are required, and some others.
    fn inputs<'f>(&mut self, fields: &[&'f InputValueDefinition], depth: usize) -> Vec<&'f InputValueDefinition> {
        // A token that nobody gave refuses the whole document.
        let often = |field: &InputValueDefinition| if field.name.node == "consistency" { 5 } else { 50 };
        let wanted = |one: &mut Self, field: &InputValueDefinition| !field.ty.node.nullable || (depth < 4 && one.dice.chance(often(field)));
        fields.iter().copied().filter(|field| wanted(self, field)).collect()
    }

    fn scalar(&mut self, name: &str) -> String {
        let quoted = |text: &str| format!("\"{text}\"");
        match name {
            "Int" => self.dice.pick(&INTS).unwrap_or("0").to_owned(),
            "Float" => self.dice.pick(&["37.5665", "126.978", "-1e300", "0"]).unwrap_or("0").to_owned(),
            "Boolean" => self.dice.pick(&["true", "false"]).unwrap_or("true").to_owned(),
            "ID" => {
                let known: Vec<_> = self.of.ids.iter().map(String::as_str).collect();
                let id = if self.dice.chance(70) { self.dice.pick(&known) } else { self.dice.pick(&TEXTS) };
                quoted(id.unwrap_or("x"))
            }
            "DateTime" => quoted(self.dice.pick(&INSTANTS).unwrap_or("now")),
            "Decimal" | "BigInt" => quoted(self.dice.pick(&AMOUNTS).unwrap_or("0")),
            "UInt128" => quoted(self.dice.pick(&["1", "2", "340282366920938463463374607431768211455", "-1"]).unwrap_or("1")),
            "CurrencyCode" => quoted(self.dice.pick(&["KRW", "USD", "???"]).unwrap_or("KRW")),
            _ if self.dice.chance(5) => "5".to_owned(),
            _ => quoted(self.dice.pick(&TEXTS).unwrap_or("")),
        }
    }

    fn json_of(&mut self, ty: &Type, depth: usize) -> Value {
        match &ty.base {
            BaseType::List(inner) => (0..self.dice.between(0, 3)).map(|_| self.json_of(inner, depth + 1)).collect(),
            BaseType::Named(name) => match self.of.types.get(name.as_str()).map(|definition| &definition.kind) {
                Some(TypeKind::InputObject(input)) => {
                    let fields = self.inputs(&input.fields.iter().map(|field| &field.node).collect::<Vec<_>>(), depth);
                    fields.into_iter().map(|field| (field.name.node.to_string(), self.json_of(&field.ty.node, depth + 1))).collect()
                }
                _ => {
                    let literal = self.literal(ty, depth);
                    serde_json::from_str(&literal).unwrap_or(Value::String(literal))
                }
            },
        }
    }

    fn json(&mut self) -> Value {
        let values = [json!(null), json!([]), json!(5), json!("x"), json!({"a": {"b": [1, 2.5, null]}}), json!([[[[]]]]), json!(true)];
        values[self.dice.index(values.len())].clone()
    }

    /// The same, spoilt.
    fn broken(&mut self, mut thought: Thought) -> Thought {
        let at = |one: &mut Self, text: &str| {
            let at = one.dice.index(text.len());
            (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        match self.dice.between(0, 7) {
            0 => thought.query = thought.query.replacen('}', "", 1),
            1 => thought.query.truncate(at(self, &thought.query.clone())),
            2 => thought.query.insert_str(at(self, &thought.query.clone()), " ...Nowhere "),
            3 => thought.query.insert(at(self, &thought.query.clone()), '\u{7}'),
            4 => thought.query = thought.query.replacen("__typename", "nonsense(a: $x)", 2),
            5 => thought.query.push_str(" fragment A on Query { ...B } fragment B on Query { ...A }"),
            6 => thought.query = format!("query {{ {}a{} }}", "node(id: 1) { ".repeat(200), " }".repeat(200)),
            _ => thought.variables = self.json(),
        }
        thought
    }
}

/// The name at the heart of a type.
fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_documents_can_be_read_and_a_seed_gives_one_document() {
        let sdl = "type Query { node(id: ID!): Thing list(first: Int, of: Kind): [Thing!]! } type Thing { id: ID! next: Thing at: DateTime } \
                   type Mutation { change(input: ChangeInput!): Thing } input ChangeInput { id: ID! kind: Kind tags: [String!] } \
                   enum Kind { A B } scalar DateTime schema { query: Query mutation: Mutation }";
        let documents = Documents::of(sdl, vec!["thing-1".to_owned()]);
        let thoughts: Vec<_> = (0..500).map(|seed| documents.think(seed).query).collect();
        let readable = thoughts.iter().filter(|query| async_graphql::parser::parse_query(query).is_ok()).count();
        assert!((350..500).contains(&readable), "{readable}");
        assert_eq!(documents.think(7).query, thoughts[7]);
        assert!(thoughts.iter().any(|query| query.contains("mutation")) && thoughts.iter().any(|query| query.contains("fragment F0")));
    }
}
