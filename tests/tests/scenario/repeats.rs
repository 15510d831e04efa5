//! The same call under the same key is the same call, for every mutation that there is: made from the schema, so that a new one
//! cannot forget its key.

use api::access::Root;
use daybook_tests::server::{Client, Variant};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authorisation::{Call, LAST, Things, callers, expected, schema};
use crate::cast::Cast;

/// Mutations that must have been accepted at least, so that something was repeated.
const ACCEPTED: usize = 15;
/// So many callers who may try each mutation.
const CALLERS: usize = 3;

/// What a call comes to that its repeat must come to as well: the codes, or the command.
fn essence(answer: &Value, operation: &str) -> (Value, Value, Value) {
    let payload = &answer["data"][operation];
    let codes = payload["userErrors"].as_array().map(|errors| errors.iter().map(|error| error["code"].clone()).collect::<Value>());
    (answer["errors"][0]["extensions"]["code"].clone(), codes.unwrap_or_default(), payload["receipt"]["commandId"].clone())
}

fn ask(client: &Client, call: &Call, key: &str) -> Value {
    let mut variables = call.variables.clone();
    variables["input"]["idempotencyKey"] = key.into();
    client.send(&call.document, &variables).body
}

#[test]
fn a_repeat_is_answered_as_the_call_was() {
    let cast = Cast::gather(Variant::Server);
    let (sdl, things, callers) = (schema(), Things::gather(&cast), callers(&cast));
    let takes_key = |field: &&async_graphql::parser::types::FieldDefinition| {
        let input = field.arguments.first().map(|argument| daybook_tests::sdl::named(&argument.node.ty.node)).unwrap_or_default();
        sdl.inputs(input).iter().any(|input| input.name.node == "idempotencyKey")
    };
    let fields = sdl.fields("Mutation").into_iter().filter(takes_key).filter(|field| !LAST.contains(&field.name.node.as_str()));
    let (mut wrong, mut accepted) = (Vec::new(), Vec::new());
    for call in fields.map(|field| Call::new(&sdl, Root::Mutation, field, &things)) {
        let operation = call.rule.operation;
        let mine = callers.iter().filter(|caller| expected(call.rule, caller).is_none()).take(CALLERS);
        for caller in mine {
            let key = Uuid::new_v4().to_string();
            let first = ask(&caller.client, &call, &key);
            let again = ask(&caller.client, &call, &key);
            let replayed = &again["data"][operation]["receipt"]["replayed"];
            let done = !first["data"][operation]["receipt"].is_null();
            if essence(&first, operation) != essence(&again, operation) || (done && *replayed != json!(true)) {
                wrong.push(format!("{operation} by {}:\n  {first}\n  {again}", caller.name));
            }
            if done {
                accepted.push(operation);
            }
        }
    }
    accepted.dedup();
    assert!(wrong.is_empty(), "{} repeats are answered otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted.len() >= ACCEPTED, "only these were accepted at all: {accepted:?}");
}
