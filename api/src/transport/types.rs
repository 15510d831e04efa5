//! The schema as the transport reads it, from its own text: what a field gives, what it takes, and which names there are.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, OperationType, SchemaDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::{ConstValue, Value};

/// A field of an object or interface.
#[derive(Debug)]
pub(super) struct Field {
    /// What it gives.
    pub(super) ty: Type,
    /// What it takes.
    pub(super) arguments: HashMap<Name, Type>,
}

impl Field {
    /// Is it a list that is read by pages?
    pub(super) fn is_paged(&self) -> bool {
        self.takes("first") && self.takes("after")
    }

    /// Does it take an argument of this name?
    pub(super) fn takes(&self, argument: &str) -> bool {
        self.arguments.contains_key(argument)
    }
}

/// The types of a schema.
#[derive(Debug, Default)]
pub(super) struct Types {
    fields: HashMap<Name, HashMap<Name, Field>>,
    values: HashMap<Name, Vec<Name>>,
    inputs: HashMap<Name, HashMap<Name, Type>>,
    roots: HashMap<&'static str, Name>,
}

impl Types {
    /// Reads them from the schema's own text.
    pub(super) fn from_sdl(sdl: &str) -> Self {
        let mut types = Self::default();
        let definitions = match async_graphql::parser::parse_schema(sdl) {
            Ok(document) => document.definitions,
            Err(error) => {
                tracing::error!(%error, "the schema's own text cannot be read: failed fields are all taken for nullable");
                Vec::new()
            }
        };
        for definition in definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => types.add_roots(schema.node),
                TypeSystemDefinition::Type(definition) => types.add_type(definition.node),
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        types
    }

    fn add_roots(&mut self, schema: SchemaDefinition) {
        let roots = [("query", schema.query), ("mutation", schema.mutation), ("subscription", schema.subscription)];
        self.roots.extend(roots.into_iter().filter_map(|(kind, name)| name.map(|name| (kind, name.node))));
    }

    fn add_type(&mut self, definition: TypeDefinition) {
        let name = definition.name.node;
        match definition.kind {
            TypeKind::Object(object) => self.add_fields(name, object.fields.into_iter().map(|field| field.node)),
            TypeKind::Interface(interface) => self.add_fields(name, interface.fields.into_iter().map(|field| field.node)),
            TypeKind::Union(_) => self.add_fields(name, std::iter::empty()),
            TypeKind::Enum(of) => {
                self.values.insert(name, of.values.into_iter().map(|value| value.node.value.node).collect());
            }
            TypeKind::InputObject(input) => {
                let fields = input.fields.into_iter().map(|field| (field.node.name.node, field.node.ty.node));
                self.inputs.insert(name, fields.collect());
            }
            TypeKind::Scalar => {}
        }
    }

    fn add_fields(&mut self, of: Name, fields: impl Iterator<Item = FieldDefinition>) {
        let shape = |field: FieldDefinition| {
            let arguments = field.arguments.into_iter().map(|argument| (argument.node.name.node, argument.node.ty.node));
            (field.name.node, Field { ty: field.ty.node, arguments: arguments.collect() })
        };
        self.fields.insert(of, fields.map(shape).collect());
    }

    /// The type that an operation begins at.
    pub(super) fn root(&self, operation: OperationType) -> Option<&Name> {
        self.roots.get(match operation {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        })
    }

    /// A field of a type.
    pub(super) fn field(&self, of: &Name, name: &str) -> Option<&Field> {
        self.fields.get(of)?.get(name)
    }

    /// Does a type have fields to select?
    pub(super) fn is_composite(&self, name: &Name) -> bool {
        self.fields.contains_key(name)
    }

    /// The values of an enumeration, or the fields of an input object or of a type.
    pub(super) fn names(&self, of: &str) -> impl Iterator<Item = &str> {
        let values = self.values.get(of).into_iter().flatten();
        let inputs = self.inputs.get(of).into_iter().flat_map(HashMap::keys);
        let fields = self.fields.get(of).into_iter().flat_map(HashMap::keys);
        values.chain(inputs).chain(fields).map(Name::as_str)
    }

    /// The input type that a value is to be of, where the value is no object at all. The library lets it pass, and stumbles over
    /// it in the middle of the execution.
    pub(super) fn misfit<'t>(&'t self, ty: &'t Type, value: &Value) -> Option<&'t Name> {
        match (&ty.base, value) {
            (_, Value::Null | Value::Variable(_)) => None,
            (BaseType::List(inner), Value::List(items)) => items.iter().find_map(|item| self.misfit(inner, item)),
            (BaseType::List(inner), single) => self.misfit(inner, single),
            (BaseType::Named(name), value) => {
                let fields = self.inputs.get(name)?;
                let Value::Object(given) = value else { return Some(name) };
                given.iter().find_map(|(field, value)| self.misfit(fields.get(field)?, value))
            }
        }
    }
}

impl Types {
    /// The same for the value of a variable.
    pub(super) fn misfit_variable<'t>(&'t self, ty: &'t Type, value: &ConstValue) -> Option<&'t Name> {
        match (&ty.base, value) {
            (_, ConstValue::Null) => None,
            (BaseType::List(inner), ConstValue::List(items)) => items.iter().find_map(|item| self.misfit_variable(inner, item)),
            (BaseType::List(inner), single) => self.misfit_variable(inner, single),
            (BaseType::Named(name), value) => {
                let fields = self.inputs.get(name)?;
                let ConstValue::Object(given) = value else { return Some(name) };
                given.iter().find_map(|(field, value)| self.misfit_variable(fields.get(field)?, value))
            }
        }
    }
}

/// The type that a list of lists is of, in the end.
pub(super) fn innermost(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => innermost(inner),
    }
}
