#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{ServiceDocument, TypeKind, TypeSystemDefinition};

/// Everything in the schema that a client may see, with its description.
fn described(document: &ServiceDocument) -> Vec<(String, Option<String>)> {
    let text = |description: &Option<Positioned<String>>| description.as_ref().map(|d| d.node.clone());
    let mut all = Vec::new();
    for definition in &document.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let (name, ty) = (ty.node.name.node.to_string(), &ty.node);
        all.push((name.clone(), text(&ty.description)));
        let fields = match &ty.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            TypeKind::Enum(values) => {
                all.extend(values.values.iter().map(|v| (format!("{name}.{}", v.node.value.node), text(&v.node.description))));
                continue;
            }
            TypeKind::InputObject(input) => {
                all.extend(input.fields.iter().map(|f| (format!("{name}.{}", f.node.name.node), text(&f.node.description))));
                continue;
            }
            TypeKind::Scalar | TypeKind::Union(_) => continue,
        };
        for field in fields {
            let path = format!("{name}.{}", field.node.name.node);
            all.push((path.clone(), text(&field.node.description)));
            let arguments = field.node.arguments.iter();
            all.extend(arguments.map(|a| (format!("{path}({})", a.node.name.node), text(&a.node.description))));
        }
    }
    all
}

#[test]
fn everything_is_described_and_begins_with_a_capital() {
    let document = parse_schema(super::sdl()).unwrap();
    let poor: Vec<_> = described(&document)
        .into_iter()
        .filter(|(_, text)| text.as_ref().is_none_or(|text| !text.trim().starts_with(|c: char| c.is_uppercase())))
        .map(|(path, _)| path)
        .collect();
    assert!(poor.is_empty(), "without a description that starts with a capital: {poor:#?}");
}
