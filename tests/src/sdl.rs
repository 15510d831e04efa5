//! The schema as data: its types, fields and arguments, and values that fit an input.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition};
use serde_json::{Map, Value, json};

/// A parsed schema.
#[derive(Debug)]
pub struct Sdl(BTreeMap<String, TypeDefinition>);

impl Sdl {
    /// Reads a schema.
    ///
    /// # Panics
    /// When it is no schema.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let definitions = parse_schema(text).expect("the schema can be read").definitions.into_iter();
        let types = definitions.filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self(types.collect())
    }

    /// Every type, by its name.
    pub fn types(&self) -> impl Iterator<Item = (&str, &TypeDefinition)> {
        self.0.iter().map(|(name, definition)| (name.as_str(), definition))
    }

    /// A type by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TypeDefinition> {
        self.0.get(name)
    }

    /// The fields of an object or interface; none of anything else.
    #[must_use]
    pub fn fields(&self, of: &str) -> Vec<&FieldDefinition> {
        match self.get(of).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            Some(TypeKind::Interface(interface)) => interface.fields.iter().map(|field| &field.node).collect(),
            Some(TypeKind::InputObject(_) | TypeKind::Enum(_) | TypeKind::Scalar | TypeKind::Union(_)) | None => Vec::new(),
        }
    }

    /// The fields of an input; none of anything else.
    #[must_use]
    pub fn inputs(&self, of: &str) -> Vec<&InputValueDefinition> {
        match self.get(of).map(|definition| &definition.kind) {
            Some(TypeKind::InputObject(input)) => input.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    /// Does an object implement `Node`?
    #[must_use]
    pub fn is_node(&self, name: &str) -> bool {
        matches!(self.get(name).map(|definition| &definition.kind),
            Some(TypeKind::Object(object)) if object.implements.iter().any(|interface| interface.node == "Node"))
    }

    /// A value for a required input of this type: what `known` says for its name, else something plain.
    ///
    /// # Panics
    /// When the schema names a type that it does not have.
    #[must_use]
    pub fn value(&self, name: &str, ty: &Type, known: &dyn Fn(&str) -> Option<Value>) -> Value {
        let of_enum = matches!(self.get(named(ty)).map(|definition| &definition.kind), Some(TypeKind::Enum(_)));
        // What is known by its name are ids and the like: neither choices nor the numbers that name a transfer.
        if let Some(value) = known(name).filter(|value| named(ty) != "UInt128" && (!of_enum || value.is_string())) {
            return value;
        }
        match &ty.base {
            BaseType::List(item) => json!([self.value(name, item, known)]),
            BaseType::Named(of) => match &self.get(of).map(|definition| &definition.kind) {
                Some(TypeKind::InputObject(input)) => {
                    let wanted = input.fields.iter().map(|field| &field.node);
                    let wanted = wanted.filter(|field| !field.ty.node.nullable || known(&field.name.node).is_some());
                    let fields: Map<_, _> =
                        wanted.map(|field| (field.name.node.to_string(), self.value(&field.name.node, &field.ty.node, known))).collect();
                    Value::Object(fields)
                }
                Some(TypeKind::Enum(values)) => json!(values.values[0].node.value.node),
                Some(TypeKind::Scalar) | None => scalar(of),
                Some(other) => panic!("{of} is no input: {other:?}"),
            },
        }
    }
}

/// The name at the heart of a type, without its lists and exclamation marks.
#[must_use]
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => named(item),
    }
}

/// Is it a list?
#[must_use]
pub const fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}

fn scalar(name: &str) -> Value {
    match name {
        "Int" => json!(1),
        "Float" => json!(37.5),
        "Boolean" => json!(true),
        "ID" => json!("vehicle-0193a0a0-0000-7000-8000-000000000000"),
        "DateTime" => json!("2031-03-01T10:00:00Z"),
        "Decimal" | "BigInt" | "UInt128" => json!("1000"),
        "CurrencyCode" => json!("KRW"),
        "LocalTime" => json!("09:00"),
        _ => json!("text"),
    }
}
