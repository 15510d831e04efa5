//! One walk over a document that sums it up, each fragment once, and prices it.
//!
//! The price counts what an operation makes the server do: a point for every object that it may have to find (so a page of 25
//! with one object inside each item is 50 and one), more for what writes and for what counts whole lists.

use std::collections::HashMap;

use async_graphql::parser::types::{BaseType, Directive, Field, OperationDefinition, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use async_graphql_value::{ConstValue, Number, Value};

use super::{Asked, Limits, TooMuch, within};
use crate::transport::types::{Field as Shape, Types, innermost};

/// Points of a field that finds an object.
const OBJECT: u64 = 1;
/// Points of a field that changes something.
const MUTATION: u64 = 10;
/// Points of counting a whole list.
const COUNT: u64 = 10;
/// How many items a list without pages is taken for.
const LIST: u64 = 10;
/// The field that counts a whole list.
const TOTAL: &str = "totalCount";

/// What a selection set comes to with its fragments written out. Sums saturate: past the limit the exact number is no matter.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) depth: usize,
    pub(super) selections: u64,
    pub(super) root_fields: u64,
    pub(super) aliases: u64,
    pub(super) directives: u64,
    pub(super) variable_uses: u64,
    /// Fields of this very set, written out.
    fields: u64,
    unknown: u64,
    /// Points for each item of the list that this is in.
    price: u64,
    /// Points once for the whole list.
    once: u64,
    /// Objects of the schema about itself, as many as there may be.
    pub(super) described: u64,
}

impl Sum {
    /// The price of all.
    pub(super) const fn total(&self) -> u64 {
        self.price.saturating_add(self.once)
    }

    fn add(&mut self, other: &Self) {
        self.depth = self.depth.max(other.depth);
        let pairs = [
            (&mut self.selections, other.selections),
            (&mut self.aliases, other.aliases),
            (&mut self.directives, other.directives),
            (&mut self.variable_uses, other.variable_uses),
            (&mut self.fields, other.fields),
            (&mut self.unknown, other.unknown),
            (&mut self.price, other.price),
            (&mut self.once, other.once),
            (&mut self.described, other.described),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

/// How long a page is asked to be.
#[derive(Clone, Copy)]
enum Size {
    Of(u64),
    /// A number that is no count.
    Beyond,
    NoNumber,
}

enum Visit {
    Open,
    Done(Sum),
}

/// The walk.
pub(super) struct Pass<'d> {
    limits: &'d Limits,
    types: &'d Types,
    asked: &'d Asked<'d>,
    fragments: HashMap<&'d Name, Visit>,
}

impl<'d> Pass<'d> {
    /// Nothing walked yet.
    pub(super) fn new(limits: &'d Limits, types: &'d Types, asked: &'d Asked<'d>) -> Self {
        Self { limits, types, asked, fragments: HashMap::new() }
    }

    /// An operation, whole.
    pub(super) fn operation(&mut self, operation: &'d OperationDefinition) -> Result<Sum, TooMuch> {
        let mut sum = self.selection_set(&operation.selection_set.node, self.types.root(operation.ty), 0)?;
        sum.directives = sum.directives.saturating_add(operation.directives.len() as u64);
        sum.root_fields = sum.fields;
        if operation.ty == OperationType::Mutation {
            sum.once = sum.once.saturating_add(MUTATION.saturating_mul(sum.fields));
        }
        Ok(sum)
    }

    /// `nesting` counts fields, spreads and inline fragments around it, and bounds our own recursion.
    fn selection_set(&mut self, set: &'d SelectionSet, of: Option<&'d Name>, nesting: usize) -> Result<Sum, TooMuch> {
        within("nested selections", nesting as u64, 3 * self.limits.depth as u64)?;
        let mut sum = Sum::default();
        for item in &set.items {
            let mut one = match &item.node {
                Selection::Field(field) => self.field(&field.node, of, nesting)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, nesting)?,
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node).or(of);
                    self.selection_set(&inline.node.selection_set.node, on, nesting + 1)?
                }
            };
            one.selections = one.selections.saturating_add(1);
            one.directives = one.directives.saturating_add(item.node.directives().len() as u64);
            one.variable_uses = one.variable_uses.saturating_add(in_directives(item.node.directives()));
            sum.add(&one);
            within("fields that do not exist", sum.unknown, self.limits.unknown_fields)?;
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'d Field, of: Option<&'d Name>, nesting: usize) -> Result<Sum, TooMuch> {
        let name = &field.name.node;
        let shape = of.and_then(|of| self.types.field(of, name));
        let typed = field.arguments.iter().filter_map(|(name, value)| Some((shape?.arguments.get(&name.node)?, value)));
        if let Some((of, at)) = typed.into_iter().find_map(|(ty, value)| Some((self.types.misfit(ty, &value.node)?, value.pos))) {
            return Err(TooMuch::Misfit { of: of.to_string(), at });
        }
        let gives = shape.map(|shape| innermost(&shape.ty));
        let inner = self.selection_set(&field.selection_set.node, gives, nesting + 1)?;
        let (price, once) = self.price(field, shape, &inner)?;
        let unknown = shape.is_none() && of.is_some_and(|of| self.types.is_composite(of)) && !name.starts_with("__");
        let uses = field.arguments.iter().map(|(_, value)| variable_uses(&value.node)).fold(0, u64::saturating_add);
        Ok(Sum {
            depth: inner.depth + 1,
            fields: 1,
            aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
            variable_uses: inner.variable_uses.saturating_add(uses),
            unknown: inner.unknown.saturating_add(u64::from(unknown)),
            price,
            once,
            described: if shape.is_none() { described(field, &inner) } else { inner.described },
            ..inner
        })
    }

    /// Points for each item of the list around the field, and points once.
    fn price(&self, field: &'d Field, shape: Option<&Shape>, inner: &Sum) -> Result<(u64, u64), TooMuch> {
        if field.name.node == TOTAL {
            return Ok((0, COUNT));
        }
        if field.selection_set.node.items.is_empty() {
            return Ok((0, 0));
        }
        let list = |shape: &Shape| matches!(shape.ty.base, BaseType::List(_));
        match shape {
            Some(shape) if shape.is_paged() => {
                let items = inner.price.saturating_mul(self.page(field)?);
                Ok((OBJECT.saturating_add(items).saturating_add(inner.once), 0))
            }
            // The items of a page, of which there are as many as its list was asked for.
            Some(shape) if list(shape) && shape.arguments.is_empty() && PAGE_LISTS.contains(&field.name.node.as_str()) => {
                Ok((OBJECT.saturating_add(inner.price), inner.once))
            }
            Some(shape) if list(shape) => {
                Ok((OBJECT.saturating_add(inner.total().saturating_add(OBJECT).saturating_mul(self.items(field))), 0))
            }
            Some(_) | None => Ok((OBJECT.saturating_add(inner.price), inner.once)),
        }
    }

    /// How many items a list without pages is taken for: as many as it is asked for by name, where it is.
    fn items(&self, field: &'d Field) -> u64 {
        let named = field.arguments.iter().filter_map(|(_, value)| match &value.node {
            Value::List(items) => Some(items.len() as u64),
            Value::Variable(name) => match self.variable(name)? {
                ConstValue::List(items) => Some(items.len() as u64),
                _ => None,
            },
            _ => None,
        });
        named.max().unwrap_or(LIST)
    }

    /// How many items a page of this field has at most.
    fn page(&self, field: &'d Field) -> Result<u64, TooMuch> {
        let asked = |name: &str| {
            let value = field.arguments.iter().find(|(argument, _)| argument.node == name).map(|(_, value)| value)?;
            Some((self.size(&value.node)?, value.pos))
        };
        let max = self.limits.page;
        match (asked("first"), asked("last")) {
            (None, None) => Ok(self.limits.default_page),
            (Some((size, at)), None) | (None, Some((size, at))) => match size {
                Size::Of(items) if items <= max => Ok(items),
                // Validation names what is no number.
                Size::NoNumber => Ok(self.limits.default_page),
                Size::Of(_) | Size::Beyond => Err(TooMuch::Page { max, at }),
            },
            (Some(_), Some((_, at))) => Err(TooMuch::Page { max, at }),
        }
    }

    /// The size of a page as it is asked for; none where it is null or absent.
    fn size(&self, value: &Value) -> Option<Size> {
        let of = |number: &Number| number.as_u64().map_or(Size::Beyond, Size::Of);
        match value {
            Value::Null => None,
            Value::Number(number) => Some(of(number)),
            Value::Variable(name) => match self.variable(name)? {
                ConstValue::Null => None,
                ConstValue::Number(number) => Some(of(number)),
                _ => Some(Size::NoNumber),
            },
            _ => Some(Size::NoNumber),
        }
    }

    /// The value of a variable, or its default.
    fn variable(&self, name: &Name) -> Option<&ConstValue> {
        let defined = || self.asked.operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name);
        self.asked.variables.get(name).or_else(|| defined()?.node.default_value.as_ref().map(|value| &value.node))
    }

    /// A fragment, once however often it is spread.
    pub(super) fn fragment(&mut self, name: &'d Name, nesting: usize) -> Result<Sum, TooMuch> {
        // Validation names the unknown ones.
        let Some(fragment) = self.asked.document.fragments.get(name) else { return Ok(Sum::default()) };
        match self.fragments.get(name) {
            Some(Visit::Open) => return Err(TooMuch::Cycle(name.to_string())),
            Some(Visit::Done(sum)) => return Ok(*sum),
            None => {}
        }
        self.fragments.insert(name, Visit::Open);
        let on = &fragment.node.type_condition.node.on.node;
        let mut sum = self.selection_set(&fragment.node.selection_set.node, Some(on), nesting + 1)?;
        sum.directives = sum.directives.saturating_add(fragment.node.directives.len() as u64);
        self.fragments.insert(name, Visit::Done(sum));
        Ok(sum)
    }
}

/// How many objects a field of the schema about itself comes to, taken for long lists: types have fields that have types that
/// have fields.
fn described(field: &Field, inner: &Sum) -> u64 {
    if field.selection_set.node.items.is_empty() {
        return 0;
    }
    let known = DESCRIBING.iter().find(|(name, _)| field.name.node == *name);
    known.map_or(1, |(_, items)| *items).saturating_mul(inner.described.saturating_add(1))
}

/// The lists that a schema describes itself by, with a length that few have more of.
const DESCRIBING: [(&str, u64); 8] = [
    ("types", 300),
    ("fields", 20),
    ("args", 3),
    ("inputFields", 8),
    ("enumValues", 10),
    ("interfaces", 2),
    ("possibleTypes", 20),
    ("directives", 10),
];

/// The fields under which a page has its items.
const PAGE_LISTS: [&str; 2] = ["edges", "nodes"];

fn in_directives(directives: &[Positioned<Directive>]) -> u64 {
    let arguments = directives.iter().flat_map(|d| &d.node.arguments);
    arguments.map(|(_, value)| variable_uses(&value.node)).fold(0, u64::saturating_add)
}

/// How often a value names a variable; its nesting is bounded by the brackets of the text.
fn variable_uses(value: &Value) -> u64 {
    match value {
        Value::Variable(_) => 1,
        Value::List(items) => items.iter().map(variable_uses).fold(0, u64::saturating_add),
        Value::Object(fields) => fields.values().map(variable_uses).fold(0, u64::saturating_add),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 0,
    }
}
