//! Every limit, and what things cost.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

const SDL: &str = "type Query { me: User users(first: Int, after: String, last: Int, before: String): UserConnection! \
                   nodes(ids: [ID!]!): [User]! find(where: Where, all: [Where!]): Int } input Where { a: Int sub: Where } \
                   type Mutation { change: Payload! } type Payload { user: User } \
                   type User { id: ID! name: String friends(first: Int, after: String): UserConnection! tags: [Tag!]! } \
                   type Tag { text: String } \
                   type UserConnection { edges: [UserEdge!]! nodes: [User!]! totalCount: Int } type UserEdge { node: User } \
                   schema { query: Query mutation: Mutation }";

/// The price, or what there is too much of.
fn priced(document: &str, variables: serde_json::Value, request_bytes: usize) -> Result<u64, TooMuch> {
    let (limits, types) = (Limits::default(), Types::from_sdl(SDL));
    limits.check_text(document)?;
    let Ok(parsed) = async_graphql::parser::parse_query(document) else { return Ok(0) };
    let operation = parsed.operations.iter().map(|(_, operation)| &operation.node).next();
    let Some(operation) = operation else { return Ok(0) };
    let asked = Asked { document: &parsed, operation, variables: &Variables::from_json(variables) };
    limits.check_document(&types, &asked, request_bytes)
}

fn check(document: &str) -> Result<u64, TooMuch> {
    priced(document, serde_json::Value::Null, document.len())
}

fn price(document: &str) -> u64 {
    check(document).unwrap()
}

fn refused_for(document: &str) -> &'static str {
    match check(document) {
        Err(TooMuch::Of { what, .. }) => what,
        Err(TooMuch::Cycle(_)) => "cycle",
        Err(TooMuch::Page { .. }) => "page",
        Err(TooMuch::Roots) => "roots",
        Err(TooMuch::Misfit { .. }) => "misfit",
        Ok(_) => "nothing",
    }
}

#[test]
fn ordinary_documents_pass() {
    assert_eq!(refused_for("{ a(x: \"}}}{{{ # \\\" \") { b ...F } } fragment F on T { c }"), "nothing");
    assert_eq!(refused_for("query Q($v: Int) { a: b(v: [$v, $v]) @include(if: true) { c } } # }}}"), "nothing");
}

#[test]
fn fragments_of_fragments_are_summed_not_expanded() {
    let mut document = String::from("{ ...F0 }");
    for i in 0..60 {
        let next = i + 1;
        document.push_str(&format!(" fragment F{i} on T {{ ...F{next} ...F{next} }}"));
    }
    document.push_str(" fragment F60 on T { a }");
    let started = std::time::Instant::now();
    assert_ne!(refused_for(&document), "nothing");
    assert!(started.elapsed().as_millis() < 500);
}

#[test]
fn each_limit_is_named() {
    assert_eq!(refused_for(&format!("{{ a{} }}", " b".repeat(6_000))), "tokens");
    assert_eq!(refused_for(&"{a".repeat(100)), "nested brackets");
    assert_eq!(refused_for(&format!("{}b{}", "{a".repeat(30), "}".repeat(30))), "levels");
    assert_eq!(refused_for(&format!("{{ r {{ {} }} }}", "x: a ".repeat(501))), "aliases");
    assert_eq!(refused_for(&format!("{{ {} }}", "me ".repeat(300))), "root fields");
    assert_eq!(refused_for(&format!("{{ a {} }}", "@d ".repeat(101))), "directives");
    assert_eq!(refused_for("{ ...A } fragment A on T { ...B } fragment B on T { a ...A }"), "cycle");
    assert_eq!(refused_for("{ a } fragment A on T { ...A }"), "cycle");
    let fragments: String = (0..101).map(|i| format!(" fragment F{i} on T {{ a }}")).collect();
    assert_eq!(refused_for(&format!("{{ a }}{fragments}")), "fragments");
    let spread = format!("{{ {} }} fragment F on T {{ {} }}", "...F ".repeat(200), "a { b } ".repeat(20));
    assert_eq!(refused_for(&spread), "root fields");
    let nested = format!("{{ r {{ {} }} }} fragment F on T {{ {} }}", "...F ".repeat(200), "a { b } ".repeat(20));
    assert_eq!(refused_for(&nested), "selections");
}

#[test]
fn a_large_variable_used_often_is_refused() {
    let document = format!("query Q($v: String) {{ a(x: [{}]) }}", "$v ".repeat(100));
    let outcome = priced(&document, serde_json::Value::Null, 200_000);
    assert_eq!(outcome, Err(TooMuch::Of { what: "bytes of variables", limit: Limits::default().variable_bytes }));
}

#[test]
fn names_and_what_the_schema_lacks_are_limited() {
    assert_eq!(refused_for(&format!("{{ {} }}", "a".repeat(201))), "bytes of a name");
    assert_eq!(refused_for(&format!("{{ {} }}", "a ".repeat(60))), "fields that do not exist");
    assert_eq!(refused_for(&format!("{{ me {{ {} }} }}", "a ".repeat(60))), "fields that do not exist");
}

#[test]
fn an_operation_costs_what_it_may_find() {
    for (document, points) in [
        ("{ me { name } }", 1),
        ("{ me { name } ...F } fragment F on Query { x: me { name } }", 2),
        ("{ users { nodes { name } } }", 26),
        ("{ users(first: 10) { edges { node { name } } } }", 21),
        ("{ users(last: 10) { totalCount edges { node { name } } } }", 31),
        ("{ users(first: 10) { nodes { ...F } } } fragment F on User { friends(first: 5) { nodes { name } } }", 1 + 10 * (1 + 6)),
        ("{ users(first: 2) { nodes { friends(first: 5) { totalCount } } } }", 1 + 2 * (1 + 11)),
        ("{ me { tags { text } } }", 12),
        ("{ nodes(ids: [\"a\", \"b\", \"c\"]) { name } }", 4),
        ("{ users { totalCount } }", 11),
        ("mutation { a: change { user { name } } b: change { user { name } } }", 24),
        ("{ __schema { types { name } } }", 2),
    ] {
        assert_eq!(price(document), points, "{document}");
    }
    let pages = "{ users(first: 100) { nodes { friends(first: 100) { nodes { friends(first: 100) { nodes { name } } } } } } }";
    assert_eq!(refused_for(pages), "points of cost");
}

#[test]
fn pages_are_measured_before_anything_is_read() {
    let document = "query Q($n: Int = 3) { users(first: $n) { nodes { name } } }";
    for (variables, outcome) in [
        (serde_json::json!({}), Ok(4)),
        (serde_json::json!({"n": 7}), Ok(8)),
        (serde_json::json!({"n": null}), Ok(26)),
        (serde_json::json!({"n": 101}), Err(())),
        (serde_json::json!({"n": -1}), Err(())),
    ] {
        assert_eq!(priced(document, variables.clone(), 100).map_err(|_| ()), outcome, "{variables}");
    }
    for page in ["first: 101", "first: -1", "last: 101", "first: 1, last: 1", "first: 1.5"] {
        assert_eq!(refused_for(&format!("{{ users({page}) {{ nodes {{ name }} }} }}")), "page", "{page}");
    }
    for page in ["first: 0", "last: 100", "first: null", "first: 1, last: null", "first: \"many\""] {
        assert_eq!(refused_for(&format!("{{ users({page}) {{ nodes {{ name }} }} }}")), "nothing", "{page}");
    }
}

#[test]
fn only_objects_are_objects() {
    for good in ["where: {a: 1}", "where: null", "where: {sub: {}}", "all: [{a: 1}]", "all: {a: 1}", "other: 5", "where: $v"] {
        assert_eq!(refused_for(&format!("query Q($v: Int) {{ find({good}) }}")), "nothing", "{good}");
    }
    for bad in ["where: 5", "where: \"x\"", "where: [1]", "where: {sub: 5}", "all: [{a: 1}, 5]", "all: true"] {
        assert_eq!(refused_for(&format!("{{ find({bad}) }}")), "misfit", "{bad}");
    }
}

#[test]
fn a_subscription_has_one_root() {
    let sdl = "type Query { a: Int } type Subscription { a: Int b: Int } schema { query: Query subscription: Subscription }";
    let types = Types::from_sdl(sdl);
    for (document, good) in [
        ("subscription { a }", true),
        ("subscription { ...F } fragment F on Subscription { a }", true),
        ("subscription { a b }", false),
        ("subscription { ...F a } fragment F on Subscription { x: a }", false),
        ("subscription { ... { a } ... { b } }", false),
        ("query { a b: a }", true),
    ] {
        let parsed = async_graphql::parser::parse_query(document).unwrap();
        let operation = parsed.operations.iter().map(|(_, operation)| &operation.node).next().unwrap();
        let asked = Asked { document: &parsed, operation, variables: &Variables::default() };
        let checked = Limits::default().check_document(&types, &asked, document.len());
        assert_eq!(checked.err() == Some(TooMuch::Roots), !good, "{document}");
    }
}

#[test]
fn a_schema_describes_itself_within_reason() {
    let usual = "{ __schema { queryType { name } types { ...T } directives { name args { ...I } } } } \
                 fragment T on __Type { kind name fields(includeDeprecated: true) { name args { ...I } type { ...R } } inputFields { ...I } \
                 interfaces { ...R } enumValues(includeDeprecated: true) { name } possibleTypes { ...R } } \
                 fragment I on __InputValue { name type { ...R } defaultValue } \
                 fragment R on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";
    assert_eq!(refused_for(usual), "nothing");
    assert_eq!(refused_for("{ __type(name: \"User\") { fields { type { fields { name } } } } }"), "nothing");
    let deep = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }";
    let wide: String = (0..40).map(|i| format!("a{i}: __schema {{ types {{ fields {{ args {{ type {{ name }} }} }} }} }} ")).collect();
    for bomb in [deep.to_owned(), format!("{{ {wide} }}"), deep.replace("type {", "type { ofType {").replace("name }", "name } } } }")] {
        assert_ne!(refused_for(&bomb), "nothing", "{bomb}");
    }
}
