//! The schema keeps its promises: the main path name by name, a golden file of all of it, and a description everywhere.

use std::collections::BTreeSet;
use std::path::PathBuf;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition};
use daybook_tests::server::daybook;

fn sdl() -> String {
    let output = daybook().args(["schema", "--sdl"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn types(sdl: &str) -> Vec<TypeDefinition> {
    let definitions = parse_schema(sdl).unwrap().definitions.into_iter();
    let types = definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.collect()
}

/// Every statement that a schema makes, one a line.
fn statements(sdl: &str) -> BTreeSet<String> {
    types(sdl).iter().flat_map(of_type).collect()
}

fn of_type(definition: &TypeDefinition) -> Vec<String> {
    let name = &definition.name.node;
    match &definition.kind {
        TypeKind::Scalar => vec![format!("scalar {name}")],
        TypeKind::Object(object) => {
            let implements = object.implements.iter().map(|interface| format!("type {name} implements {}", interface.node));
            implements.chain([format!("type {name}")]).chain(of_fields(name, &object.fields)).collect()
        }
        TypeKind::Interface(interface) => [format!("interface {name}")].into_iter().chain(of_fields(name, &interface.fields)).collect(),
        TypeKind::Union(union) => union.members.iter().map(|member| format!("union {name} = {}", member.node)).collect(),
        TypeKind::Enum(values) => values.values.iter().map(|value| format!("enum {name} {{ {} }}", value.node.value)).collect(),
        TypeKind::InputObject(input) => input.fields.iter().map(|field| format!("input {name} {{ {} }}", of_value(&field.node))).collect(),
    }
}

fn of_fields(of: &str, fields: &[Positioned<FieldDefinition>]) -> Vec<String> {
    let mut lines = Vec::new();
    for field in fields {
        lines.push(format!("{of}.{}: {}", field.node.name, field.node.ty));
        lines.extend(field.node.arguments.iter().map(|argument| format!("{of}.{}({})", field.node.name, of_value(&argument.node))));
    }
    lines
}

fn of_value(value: &InputValueDefinition) -> String {
    // 5 and 5.0 are one number.
    let default =
        value.default_value.as_ref().map_or_else(String::new, |default| format!(" = {}", default.node.to_string().trim_end_matches(".0")));
    format!("{}: {}{default}", value.name, value.ty)
}

#[test]
fn the_main_path_is_there_name_by_name() {
    let (promised, kept) = (statements(&std::fs::read_to_string(golden("main-path.graphql")).unwrap()), statements(&sdl()));
    let broken: Vec<_> = promised.difference(&kept).cloned().collect();
    assert!(broken.is_empty(), "promised, and not in the schema:\n{}", broken.join("\n"));
}

/// Additions may make an operation of yesterday invalid when they are required.
#[test]
fn what_was_added_to_the_main_path_is_optional() {
    let promised = types(&std::fs::read_to_string(golden("main-path.graphql")).unwrap());
    let (mut required, before) = (Vec::new(), promised.iter().flat_map(of_type).collect::<BTreeSet<_>>());
    for definition in types(&sdl()).iter().filter(|definition| promised.iter().any(|other| other.name.node == definition.name.node)) {
        let added = of_type(definition).into_iter().filter(|line| !before.contains(line));
        // An operation of yesterday does not name a field of today, whatever that field asks for.
        let asked = |line: &String| {
            let field = line.split('(').next().unwrap_or_default();
            line.contains('(') && before.iter().any(|known| known.starts_with(&format!("{field}: ")))
        };
        required.extend(added.filter(|line| (line.starts_with("input ") || asked(line)) && line.contains('!') && !line.contains(" = ")));
    }
    assert!(required.is_empty(), "added, and required:\n{}", required.join("\n"));
}

#[test]
fn it_is_the_golden_file() {
    let (now, file) = (sdl(), golden("schema.graphql"));
    if std::env::var_os("DAYBOOK_UPDATE_GOLDEN").is_some() {
        let broken = breaking(&std::fs::read_to_string(&file).unwrap_or_default(), &now);
        let meant = std::env::var_os("DAYBOOK_BREAK_SCHEMA").is_some();
        assert!(broken.is_empty() || meant, "operations of yesterday fail; DAYBOOK_BREAK_SCHEMA=1 accepts it:\n{}", broken.join("\n"));
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(!before.is_empty(), "{} is missing; DAYBOOK_UPDATE_GOLDEN=1 writes it", file.display());
    let changed: Vec<_> = statements(&before).symmetric_difference(&statements(&now)).cloned().collect();
    assert!(now == before, "the schema changed; DAYBOOK_UPDATE_GOLDEN=1 accepts it:\n{}", changed.join("\n"));
    assert!(statements(&now).contains("Mutation.advanceClock(by: Int!)"), "the clock of dev is in it");
}

/// What an operation that was valid with the schema of before can no longer say, or must say now.
fn breaking(before: &str, now: &str) -> Vec<String> {
    let (before, now) = (statements(before), statements(now));
    let known = |line: &str| before.iter().any(|old| old.starts_with(line));
    // An argument or input field may be made optional, and nothing else may change or go.
    let optional = |line: &String| {
        ["!)", "! }"].iter().any(|end| {
            let kept = line.strip_suffix(end).map(|line| format!("{line}{}", end.trim_start_matches('!')));
            kept.is_some_and(|line| now.contains(&line))
        })
    };
    let gone = before.difference(&now).filter(|line| !optional(line));
    let asked = now.difference(&before).filter(|line| {
        let of_known = match line.split_once('(') {
            Some((field, _)) => known(&format!("{field}: ")),
            None => {
                line.strip_prefix("input ").and_then(|line| line.split(' ').next()).is_some_and(|name| known(&format!("input {name} {{")))
            }
        };
        of_known && line.contains('!') && !line.contains(" = ") && (line.starts_with("input ") || line.contains('('))
    });
    gone.map(|line| format!("gone: {line}")).chain(asked.map(|line| format!("now required: {line}"))).collect()
}

#[test]
fn what_breaks_an_operation_is_known() {
    let before = "type Query { a(x: Int, y: Int!): Int b: Int! } input I { p: Int q: Int! } enum E { ONE TWO } schema { query: Query }";
    for (now, broken) in [
        (before, vec![]),
        (
            "type Query { a(x: Int, y: Int!, z: Int): Int b: Int! c(k: Int!): Int } input I { p: Int q: Int! r: Int } enum E { ONE TWO THREE } input J { s: Int! }",
            vec![],
        ),
        ("type Query { a(x: Int, y: Int): Int b: Int! } input I { p: Int q: Int } enum E { ONE TWO }", vec![]),
        ("type Query { a(x: Int, y: Int!): Int } input I { p: Int q: Int! } enum E { ONE TWO }", vec!["gone: Query.b: Int!"]),
        ("type Query { a(x: Int, y: Int!): Int b: Int } input I { p: Int q: Int! } enum E { ONE TWO }", vec!["gone: Query.b: Int!"]),
        ("type Query { a(x: Int, y: Int!): Int b: Int! } input I { p: Int q: Int! } enum E { ONE }", vec!["gone: enum E { TWO }"]),
        (
            "type Query { a(x: Int, y: Int!, z: Int!): Int b: Int! } input I { p: Int q: Int! } enum E { ONE TWO }",
            vec!["now required: Query.a(z: Int!)"],
        ),
        (
            "type Query { a(x: Int, y: Int!): Int b: Int! } input I { p: Int q: Int! r: Int! } enum E { ONE TWO }",
            vec!["now required: input I { r: Int! }"],
        ),
    ] {
        assert_eq!(breaking(before, now), broken, "{now}");
    }
}

#[test]
fn everything_is_described() {
    let silent: Vec<_> =
        types(&sdl()).iter().flat_map(texts).filter(|(_, text)| !is_described(text.as_deref())).map(|(what, _)| what).collect();
    assert!(silent.is_empty(), "without a description that starts with a capital:\n{}", silent.join("\n"));
}

fn is_described(text: Option<&str>) -> bool {
    text.and_then(|text| text.trim().chars().next()).is_some_and(|first| first.is_uppercase() || first.is_numeric())
}

type Described = (String, Option<String>);

/// Everything of a type that owes a description, with its text.
fn texts(definition: &TypeDefinition) -> Vec<Described> {
    let name = &definition.name.node;
    let text = |text: &Option<Positioned<String>>| text.as_ref().map(|text| text.node.clone());
    let value = |value: &InputValueDefinition, of: &str| (format!("{of}({})", value.name), text(&value.description));
    let fields = |fields: &[Positioned<FieldDefinition>]| -> Vec<Described> {
        let of = |field: &FieldDefinition| format!("{name}.{}", field.name);
        let own = fields.iter().map(|field| (of(&field.node), text(&field.node.description)));
        let arguments =
            fields.iter().flat_map(|field| field.node.arguments.iter().map(move |argument| value(&argument.node, &of(&field.node))));
        own.chain(arguments).collect()
    };
    let mut all = match &definition.kind {
        TypeKind::Scalar | TypeKind::Union(_) => Vec::new(),
        TypeKind::Object(object) => fields(&object.fields),
        TypeKind::Interface(interface) => fields(&interface.fields),
        TypeKind::Enum(of) => {
            of.values.iter().map(|value| (format!("{name}.{}", value.node.value), text(&value.node.description))).collect()
        }
        TypeKind::InputObject(input) => input.fields.iter().map(|field| value(&field.node, name)).collect(),
    };
    all.push((name.to_string(), text(&definition.description)));
    all
}
