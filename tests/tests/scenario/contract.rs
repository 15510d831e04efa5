//! What every mutation, list, entity and subscription owes its callers (api.md §2), checked on the schema itself: a new one
//! cannot forget it.

use daybook_tests::sdl::{Sdl, is_list, named};
use daybook_tests::server::daybook;

/// A token that was exchanged answers the same pair for a moment, and is theft after that: a key would undo the one or the other.
const KEYLESS: [&str; 1] = ["refreshSession"];
/// Moves the clock of dev, and is no command.
const NO_COMMAND: &str = "advanceClock";
/// What money, bookings and stock answer with: their mutations need a key…
const KEYED: [&str; 11] = [
    "AccountingPeriodPayload",
    "AdjustmentPayload",
    "BookingPayload",
    "CreateTransfersPayload",
    "PaymentPayload",
    "PayoutHoldPayload",
    "ReconLinePayload",
    "SettlementPayload",
    "ShopOrderPayload",
    "StatementPayload",
    "StockPayload",
];
/// …but for a photo, which carries its own digest.
const BUT_FOR: [&str; 1] = ["attachBookingPhoto"];
/// Nodes that are derived from entities and made by no events of their own, and the events themselves.
const DERIVED: [&str; 5] = ["AccountBalance", "Event", "JournalEntry", "SettlementLine", "VehicleSearchResult"];
/// Lists whose length something else bounds: the ids that were given, the currencies of one account.
const BOUNDED: [&str; 2] = ["Query.nodes", "Query.accountBalance"];
/// Lists that are no connections, since a rule ends them.
const SHORT: [&str; 25] = [
    // one for each way out of the house: three
    "Notification.deliveries",
    // the lines of a statement: 10,000, and refused beyond
    "AccountStatement.lines",
    "HostStatement.lines",
    "Query.accountStatement",
    // accounts that a period closes, and lines that one month's invoice has
    "AccountingPeriod.balances",
    "FeeInvoice.lines",
    // the postings of one entry
    "Adjustment.lines",
    "JournalEntry.postings",
    // the terms of one booking
    "Booking.lines",
    "BookingQuote.lines",
    "BookingQuote.refundWindows",
    // one answer for each item that was sent: 500
    "CreateAccountsPayload.results",
    "CreateTransfersPayload.results",
    // refunds of one payment: no more than its units of money, and each by a person
    "Payment.refunds",
    // a calendar of a year, at most
    "Query.vehicleCalendar",
    // one for each currency, ledger or model that there is; what an operator has to look at: 1,000
    "TrialBalance.currencies",
    "Query.transferTrialBalance",
    "Query.projections",
    "Query.deadLetters",
    // the lines of one order: 100, with their parcels and returns
    "ShopCutShort.units",
    "ShopOrder.lines",
    "ShopOrder.parcels",
    "ShopOrder.returns",
    "ShopParcel.units",
    "ShopReturn.units",
];
/// The one kind of number that is not exact: places and distances.
const INEXACT: [&str; 6] = ["lat", "lng", "radiusKm", "distanceKm", "latitude", "longitude"];

fn schema() -> Sdl {
    let output = daybook().args(["schema", "--sdl"]).output().unwrap();
    Sdl::parse(&String::from_utf8(output.stdout).unwrap())
}

/// Fails with all findings at once.
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn every_mutation_takes_one_input_and_answers_with_one_payload() {
    let sdl = schema();
    let mut findings = Vec::new();
    for field in sdl.fields("Mutation").into_iter().filter(|field| field.name.node != NO_COMMAND) {
        let name = field.name.node.as_str();
        let arguments: Vec<_> = field.arguments.iter().map(|argument| format!("{}: {}", argument.node.name, argument.node.ty)).collect();
        let [only] = arguments.as_slice() else {
            findings.push(format!("{name} takes ({}) and not one input", arguments.join(", ")));
            continue;
        };
        if !(only.starts_with("input: ") && only.ends_with("Input!")) {
            findings.push(format!("{name} takes {only} and not one input"));
        }
        let payload = named(&field.ty.node);
        if field.ty.node.to_string() != format!("{payload}!") || !payload.ends_with("Payload") {
            findings.push(format!("{name} answers with {} and not with a payload", field.ty));
        }
        for (wanted, ty) in [("userErrors", "[UserError!]!"), ("receipt", "Receipt"), ("clientMutationId", "String")] {
            if !sdl.fields(payload).iter().any(|field| field.name.node == wanted && field.ty.to_string() == ty) {
                findings.push(format!("{payload} (of {name}) has no {wanted}: {ty}"));
            }
        }
        let owed = ["userErrors", "receipt", "clientMutationId"];
        for field in sdl.fields(payload).into_iter().filter(|field| !owed.contains(&field.name.node.as_str()) && !field.ty.node.nullable) {
            findings.push(format!("{payload}.{} cannot be null, and a refused command has no entity", field.name));
        }
    }
    none(&findings);
}

#[test]
fn every_mutation_can_be_repeated() {
    let sdl = schema();
    let mut findings = Vec::new();
    for field in sdl.fields("Mutation").into_iter().filter(|field| field.name.node != NO_COMMAND) {
        let (name, payload) = (field.name.node.as_str(), named(&field.ty.node));
        let of = |wanted: &str| {
            let inputs = field.arguments.first().map_or_else(Vec::new, |input| sdl.inputs(named(&input.node.ty.node)));
            inputs.into_iter().find(|input| input.name.node == wanted).map(|input| input.ty.to_string())
        };
        if of("clientMutationId").as_deref() != Some("String") {
            findings.push(format!("{name}: the input has no clientMutationId: String"));
        }
        let needed = KEYED.contains(&payload) && !BUT_FOR.contains(&name);
        let wanted = if KEYLESS.contains(&name) { None } else { Some(if needed { "String!" } else { "String" }) };
        let key = of("idempotencyKey");
        // A key that is required where it need not be is a promise kept twice.
        if key.as_deref() != wanted && !(wanted == Some("String") && key.as_deref() == Some("String!")) {
            findings.push(format!("{name}: idempotencyKey is {key:?}, expected {wanted:?}"));
        }
    }
    none(&findings);
}

#[test]
fn every_list_of_things_is_a_connection() {
    let sdl = schema();
    let (mut findings, mut seen) = (Vec::new(), 0);
    for (owner, _) in sdl.types() {
        for field in sdl.fields(owner) {
            let (path, returned) = (format!("{owner}.{}", field.name), named(&field.ty.node));
            let within = owner.ends_with("Connection");
            if is_list(&field.ty.node) && sdl.is_node(returned) && !within && !BOUNDED.contains(&path.as_str()) {
                findings.push(format!("{path} lists {returned} without pages"));
            }
            if returned.ends_with("Connection") {
                seen += 1;
                findings.extend(paged(&sdl, &path, returned, field));
            }
        }
    }
    assert!(seen > 10, "the schema has connections");
    none(&findings);
}

/// A list of things without ids is a part of one thing, and has an end that somebody has thought of: here is which.
#[test]
fn every_other_list_has_an_end() {
    let sdl = schema();
    let mut findings = Vec::new();
    for (owner, _) in sdl.types().filter(|(owner, _)| !owner.ends_with("Connection")) {
        for field in sdl.fields(owner).into_iter().filter(|field| is_list(&field.ty.node)) {
            let (path, returned) = (format!("{owner}.{}", field.name), named(&field.ty.node));
            let known = SHORT.contains(&path.as_str()) || BOUNDED.contains(&path.as_str());
            let values = sdl.fields(returned).is_empty() || returned == "UserError";
            if !values && !known {
                findings.push(format!("{path} lists {returned}: make it a connection, or say in SHORT what ends it"));
            }
        }
    }
    let there = |path: &&str| {
        let (owner, name) = path.split_once('.').unwrap_or_default();
        sdl.fields(owner).iter().any(|field| field.name.node == name && is_list(&field.ty.node))
    };
    findings.extend(SHORT.iter().filter(|path| !there(path)).map(|path| format!("{path} is no list any more")));
    none(&findings);
}

/// What a field with a connection owes (Relay's connection specification).
fn paged(sdl: &Sdl, path: &str, connection: &str, field: &async_graphql::parser::types::FieldDefinition) -> Vec<String> {
    let mut findings = Vec::new();
    for (wanted, ty) in [("first", "Int"), ("after", "String"), ("last", "Int"), ("before", "String")] {
        if !field.arguments.iter().any(|argument| argument.node.name.node == wanted && argument.node.ty.to_string() == ty) {
            findings.push(format!("{path} does not take {wanted}: {ty}"));
        }
    }
    let node = connection.trim_end_matches("Connection");
    let (edges, nodes) = (format!("[{node}Edge!]!"), format!("[{node}!]!"));
    for (wanted, ty) in [("edges", edges.as_str()), ("nodes", &nodes), ("pageInfo", "PageInfo!"), ("totalCount", "Int")] {
        if !sdl.fields(connection).iter().any(|field| field.name.node == wanted && field.ty.to_string() == ty) {
            findings.push(format!("{connection} has no {wanted}: {ty}"));
        }
    }
    findings
}

#[test]
fn every_entity_shows_its_history_and_its_past() {
    let sdl = schema();
    let mut findings = Vec::new();
    for (name, _) in sdl.types().filter(|(name, _)| sdl.is_node(name) && !DERIVED.contains(name)) {
        if !sdl.fields(name).iter().any(|field| field.name.node == "history" && field.ty.to_string() == "EventConnection!") {
            findings.push(format!("{name} has no history: EventConnection!"));
        }
    }
    for field in sdl.fields("Query") {
        let (name, entity) = (field.name.node.as_str(), named(&field.ty.node));
        let by_id = field.arguments.iter().any(|argument| argument.node.name.node == "id") && name != "node";
        let ledger = ["journal", "accountBalance", "trialBalance"].contains(&name);
        let asked = (by_id && sdl.is_node(entity) && !DERIVED.contains(&entity)) || ledger;
        if asked && !field.arguments.iter().any(|argument| argument.node.name.node == "asOf" && argument.node.ty.to_string() == "AsOf") {
            findings.push(format!("Query.{name} does not take asOf"));
        }
    }
    none(&findings);
}

#[test]
fn every_subscription_can_be_taken_up_again() {
    let sdl = schema();
    let mut findings = Vec::new();
    for field in sdl.fields("Subscription") {
        let name = field.name.node.as_str();
        if !field.arguments.iter().any(|argument| argument.node.name.node == "after" && argument.node.ty.to_string() == "String") {
            findings.push(format!("{name} does not take after"));
        }
        let cursor =
            sdl.fields(named(&field.ty.node)).into_iter().find(|field| field.name.node == "cursor").map(|field| field.ty.to_string());
        if cursor.as_deref() != Some("String!") {
            findings.push(format!("{name} gives items without a cursor"));
        }
    }
    none(&findings);
}

#[test]
fn nothing_that_counts_is_inexact() {
    let sdl = schema();
    let mut findings = Vec::new();
    for (owner, _) in sdl.types() {
        for field in sdl.fields(owner) {
            let arguments = field.arguments.iter().map(|argument| (argument.node.name.node.as_str(), &argument.node.ty.node));
            let values = arguments.chain([(field.name.node.as_str(), &field.ty.node)]);
            findings.extend(
                values.filter(|(name, ty)| inexact(name, ty)).map(|(name, _)| format!("{owner}.{}: {name} is a Float", field.name)),
            );
        }
        let inputs = sdl.inputs(owner).into_iter().filter(|input| inexact(&input.name.node, &input.ty.node));
        findings.extend(inputs.map(|input| format!("{owner}.{} is a Float", input.name)));
    }
    none(&findings);
}

fn inexact(name: &str, ty: &async_graphql::parser::types::Type) -> bool {
    named(ty) == "Float" && !INEXACT.contains(&name)
}
