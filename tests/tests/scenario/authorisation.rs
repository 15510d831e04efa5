//! Who may call what, held against what the product does: every operation of the schema, every role, own things and others'.
//!
//! The calls are made from the schema, the expectations from the rules (`api/src/access/rules.rs`). A new operation without a
//! rule fails here before anything is called.

use std::collections::BTreeSet;

use api::access::{Over, RULES, Root, Rule, Standing, Who};
use async_graphql::parser::types::FieldDefinition;
use daybook_tests::sdl::{Sdl, named};
use daybook_tests::server::{Client, Daybook, Outcome, Socket, Variant, daybook};
use domain::user::Role;
use serde_json::{Map, Value, json};

use crate::cast::{Cast, text, upload};

const ROOTS: [Root; 3] = [Root::Mutation, Root::Query, Root::Subscription];
/// What somebody hears about a thing that is not theirs.
const NOT_YOURS: [&str; 6] = ["AUTH010", "null", "BOOKING001", "SYS007", "USER001", "NOTI001"];
/// They end the session that asks for them: called last.
pub const LAST: [&str; 3] = ["deactivateUser", "eraseUser", "logout"];

pub fn schema() -> Sdl {
    let output = daybook().args(["schema", "--sdl"]).output().unwrap();
    Sdl::parse(&String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_operation_has_its_rule_and_every_rule_its_operation() {
    let sdl = schema();
    let ruled: BTreeSet<_> = RULES.iter().map(|rule| format!("{}.{}", rule.root.name(), rule.operation)).collect();
    let fields = ROOTS.iter().flat_map(|root| sdl.fields(root.name()).into_iter().map(|field| format!("{}.{}", root.name(), field.name)));
    let there: BTreeSet<_> = fields.collect();
    let without: Vec<_> = there.difference(&ruled).collect();
    assert!(without.is_empty(), "operations without a rule in api/src/access/rules.rs; nobody may call them: {without:#?}");
    let idle: Vec<_> = ruled.difference(&there).collect();
    assert!(idle.is_empty(), "rules of operations that are not there: {idle:#?}");
}

/// Somebody who calls.
pub struct Caller {
    pub name: String,
    roles: BTreeSet<Role>,
    pub client: Client,
    /// How they stand to the things that are called upon.
    standings: &'static [Standing],
}

/// The things, as the arguments of operations name them.
pub struct Things(Map<String, Value>);

impl Things {
    pub fn gather(cast: &Cast) -> Self {
        let trip = cast.paid(24, 4);
        let ware = cast.on_shelf("사과", 3_000, 10);
        let order = cast.paid_order(&[crate::shop::line(&ware, 1)]);
        let payment = cast.payment(&trip);
        let photo = upload(&cast.host, &json!({ "vehicleId": cast.vehicle }));
        let things = json!({
            "vehicleId": cast.vehicle, "bookingId": trip.id, "paymentId": payment["id"], "productId": ware.id, "sku": ware.sku,
            "orderId": order.id, "uploadId": photo, "paidOrderId": payment["orderId"],
            "account": "psp_clearing", "by": 0, "role": "GUEST", "contentType": "image/png", "sha256": "0".repeat(64),
        });
        let Value::Object(things) = things else { unreachable!("made as an object") };
        Self(things)
    }

    /// What an argument of an operation names.
    fn of(&self, operation: &str, argument: &str) -> Option<Value> {
        let key = match (operation, argument) {
            // it takes one of two
            ("requestPhotoUpload", "bookingId") => return None,
            ("confirmPayment", "orderId") => "paidOrderId",
            ("vehicle", "id") => "vehicleId",
            ("payment", "id") => "paymentId",
            ("product", "id") => "productId",
            ("shopOrder" | "shopOrderUpdated", "id") => "orderId",
            (_, "id") => "bookingId",
            (_, other) => other,
        };
        self.0.get(key).cloned()
    }
}

/// A call of one operation, and how to read its answer.
pub struct Call {
    pub rule: &'static Rule,
    pub document: String,
    pub variables: Value,
}

impl Call {
    pub fn new(sdl: &Sdl, root: Root, field: &FieldDefinition, things: &Things) -> Self {
        let name = field.name.node.to_string();
        let known = |argument: &str| things.of(&name, argument);
        let wanted = field.arguments.iter().map(|argument| &argument.node);
        let wanted: Vec<_> = wanted.filter(|argument| !argument.ty.node.nullable || known(&argument.name.node).is_some()).collect();
        let declared: Vec<_> = wanted.iter().map(|argument| format!("${}: {}", argument.name.node, argument.ty.node)).collect();
        let passed: Vec<_> = wanted.iter().map(|argument| format!("{0}: ${0}", argument.name.node)).collect();
        let parens = |list: Vec<String>| if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
        let returned = named(&field.ty.node);
        let selection = match sdl.fields(returned) {
            fields if fields.is_empty() => "",
            fields if fields.iter().any(|field| field.name.node == "userErrors") => {
                "{ userErrors { code field } receipt { commandId replayed } }"
            }
            _ => "{ __typename }",
        };
        let variables: Map<_, _> = wanted
            .iter()
            .map(|argument| (argument.name.node.to_string(), sdl.value(&argument.name.node, &argument.ty.node, &known)))
            .collect();
        let kind = root.name().to_lowercase();
        let document = format!("{kind}{} {{ {name}{} {selection} }}", parens(declared), parens(passed));
        let rule = Rule::of(root, &name).expect("every operation has a rule");
        Self { rule, document, variables: variables.into() }
    }

    /// What the caller hears, in one word.
    fn by(&self, caller: &Caller) -> String {
        let mut variables = self.variables.clone();
        if let Some(input) = variables.get_mut("input").filter(|input| input.get("idempotencyKey").is_some()) {
            input["idempotencyKey"] = uuid::Uuid::new_v4().to_string().into();
        }
        if self.rule.root == Root::Subscription {
            return watched(&caller.client, &self.document, &variables);
        }
        let answer = caller.client.send(&self.document, &variables);
        match (answer.code(), &answer.body["data"][self.rule.operation]) {
            ("", Value::Null) => "null".to_owned(),
            // A photo has an owner of its own: that one is somebody else's says nothing about the thing.
            ("", payload) if payload["userErrors"][0]["field"] == json!(["uploadId"]) => "another's photo".to_owned(),
            ("", payload) => Outcome(payload.clone()).verdict(),
            (code, _) => code.to_owned(),
        }
    }
}

/// What a subscriber hears: an error, or nothing until their next question is answered.
fn watched(client: &Client, document: &str, variables: &Value) -> String {
    let mut socket = Socket::open(client);
    socket.subscribe("watch", document, variables);
    for after in ["first", "second"] {
        socket.subscribe(after, "{ __typename }", &json!({}));
        loop {
            let message = socket.hear().unwrap();
            match (message["id"].as_str(), message["type"].as_str()) {
                (Some("watch"), Some("error")) => return text(&message["payload"][0]["extensions"]["code"]),
                (Some("watch"), Some("next")) if !message["payload"]["errors"].is_null() => {
                    return text(&message["payload"]["errors"][0]["extensions"]["code"]);
                }
                (Some(id), Some("complete")) if id == after => break,
                _ => {}
            }
        }
    }
    "accepted".to_owned()
}

pub fn callers(cast: &Cast) -> Vec<Caller> {
    let caller = |name: &str, roles: &[Role], client: &Client, standings| Caller {
        name: name.to_owned(),
        roles: roles.iter().copied().collect(),
        client: client.clone(),
        standings,
    };
    let stranger = crate::cast::sign_up(&cast.book, "stranger", "HOST");
    let mut all = vec![
        caller("nobody", &[], &cast.book.client(), &[]),
        caller("another guest", &[Role::Guest], &cast.guest2, &[]),
        caller("another host", &[Role::Host], &stranger, &[]),
    ];
    let offices = Role::ALL.iter().filter(|role| !matches!(role, Role::Guest | Role::Host));
    all.extend(offices.map(|role| {
        let name = role.name().to_lowercase();
        caller(&name, &[Role::Guest, *role], &office(&cast.book, &name), &[])
    }));
    let of_guest = &[Standing::Party, Standing::Payer, Standing::Buyer];
    let of_host = &[Standing::Owner, Standing::Host, Standing::Party, Standing::Seller];
    all.push(caller("the guest", &[Role::Guest], &cast.guest, of_guest));
    all.push(caller("the host", &[Role::Host], &cast.host, of_host));
    all
}

fn office(book: &Daybook, role: &str) -> Client {
    book.staff(&format!("only-{role}"), role)
}

/// What the rule says of this caller: `None` when the call goes through to the thing's own rules.
pub fn expected(rule: &Rule, caller: &Caller) -> Option<&'static [&'static str]> {
    let signed_in = caller.name != "nobody";
    match rule.who {
        Who::SignedIn | Who::Holders(_) if !signed_in => return Some(&["AUTH002"]),
        Who::Holders(roles) if !roles.iter().any(|role| caller.roles.contains(role)) => return Some(&["AUTH010"]),
        Who::Everybody | Who::SignedIn | Who::Holders(_) => {}
    }
    match rule.over {
        Over::Nothing => None,
        Over::Thing { standing, offices } => {
            let may = caller.standings.contains(&standing) || offices.iter().any(|role| caller.roles.contains(role));
            if may { None } else { Some(&NOT_YOURS) }
        }
    }
}

/// Does the answer fit the rule?
fn fits(rule: &Rule, expected: Option<&[&str]>, heard: &str) -> bool {
    match (expected, rule.over) {
        (Some(expected), _) => expected.contains(&heard),
        (None, Over::Nothing) => !["AUTH002", "AUTH010"].contains(&heard),
        (None, Over::Thing { .. }) => heard != "AUTH002" && !NOT_YOURS.contains(&heard),
    }
}

#[test]
fn everybody_may_what_the_rules_say_and_nothing_else() {
    let cast = Cast::gather(Variant::Server);
    let (sdl, things, callers) = (schema(), Things::gather(&cast), callers(&cast));
    let fields = ROOTS.iter().flat_map(|root| sdl.fields(root.name()).into_iter().map(|field| (*root, field)));
    let calls: Vec<_> = fields.map(|(root, field)| Call::new(&sdl, root, field, &things)).collect();
    let mut wrong = Vec::new();
    let mut judge = |call: &Call, caller: &Caller| {
        let (expected, heard) = (expected(call.rule, caller), call.by(caller));
        if !fits(call.rule, expected, &heard) {
            let said = expected.map_or_else(|| "to be let through".to_owned(), |codes| codes.join(" or "));
            wrong.push(format!("{} by {}: expected {said}, heard {heard}", call.rule.operation, caller.name));
        }
    };
    // Whoever may not first, so that nothing has changed by then, and nothing changes by them.
    let head = cast.head();
    for call in &calls {
        callers.iter().filter(|caller| expected(call.rule, caller).is_some()).for_each(|caller| judge(call, caller));
    }
    assert_eq!(cast.head(), head, "a call that was turned away left something in the log");
    let (last, first): (Vec<_>, Vec<_>) = calls.iter().partition(|call| LAST.contains(&call.rule.operation));
    for call in first.into_iter().chain(last) {
        callers.iter().filter(|caller| expected(call.rule, caller).is_none()).for_each(|caller| judge(call, caller));
    }
    assert!(wrong.is_empty(), "{} answers do not fit their rules:\n{}", wrong.len(), wrong.join("\n"));
}
