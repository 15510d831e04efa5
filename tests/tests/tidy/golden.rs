//! Names that stored books depend on: event types by kind of stream, read models, processes. Only ever added to.

use std::collections::{BTreeMap, BTreeSet};

use crate::none;
use crate::source::{Source, root, rust};

const LIST: &str = "tests/golden/event_types.txt";

/// Set it to have new names written into the list.
const ADD: &str = "DAYBOOK_GOLDEN_ADD";

const NO_TYPE: &str = "no such type";

/// The insides of the string literals that follow a mark.
fn after<'s>(source: &'s Source, mark: &str) -> Vec<(usize, &'s str)> {
    let before = |at: usize| source.text[..at].trim_end_matches('"').trim_end().ends_with(mark);
    source.literals().into_iter().filter(|(at, _)| before(*at)).collect()
}

fn of(folder: &str) -> impl Iterator<Item = &'static Source> {
    rust().iter().filter(move |source| source.path.starts_with(folder))
}

/// The kinds of streams that the modules own.
fn kinds() -> BTreeMap<&'static str, &'static Source> {
    of("domain/src/")
        .flat_map(|source| after(source, "const KIND: &'static str =").into_iter().map(move |(_, kind)| (kind, source)))
        .collect()
}

/// The types that a kind's events are stored under, from the decoder itself: it names them all when it meets another.
fn stored_types(kind: &str) -> Option<BTreeSet<String>> {
    let refused = match domain::Event::today(kind, NO_TYPE, "null") {
        Ok(None) => return None,
        Ok(Some(event)) => panic!("{kind} reads {NO_TYPE:?} as {event:?}: an event type must be named"),
        Err(error) => error.to_string(),
    };
    let names = refused.split('`').skip(1).step_by(2);
    Some(names.filter(|name| *name != NO_TYPE).map(str::to_owned).collect())
}

/// What a module's `event_type` answers, or the function that it passes the question to; the events may have a file of their own.
fn written_types(module: &Source) -> BTreeSet<String> {
    let events = format!("{}/event.rs", module.path.trim_end_matches(".rs"));
    let mut places: Vec<&Source> = of(&events).collect();
    places.push(module);
    let mut asked =
        ["fn event_type(", "fn name("].into_iter().flat_map(|function| places.iter().map(move |source| texts_in(source, function)));
    asked.find(|texts| !texts.is_empty()).unwrap_or_default()
}

/// The texts inside a function's body.
fn texts_in(source: &Source, function: &str) -> BTreeSet<String> {
    let body = source.body_after(function).unwrap_or_default();
    source.literals().into_iter().filter(|(at, _)| body.contains(at)).map(|(_, text)| text.to_owned()).collect()
}

#[test]
fn every_kind_is_read_as_it_is_written() {
    let mut findings = Vec::new();
    for (kind, module) in kinds() {
        let Some(stored) = stored_types(kind) else {
            findings
                .push(format!("{}: domain::Event does not know the streams {kind}-…: add a variant in domain/src/event.rs", module.path));
            continue;
        };
        let written = written_types(module);
        let differ = stored.symmetric_difference(&written);
        findings.extend(
            differ.map(|name| {
                format!("{}: {name} is only in {}", module.path, if stored.contains(name) { "the enum" } else { "event_type" })
            }),
        );
    }
    none(&findings, "An event is found again by the name that event_type gives it: both must be the variant's name.");
}

fn names() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = kinds()
        .into_keys()
        .flat_map(|kind| stored_types(kind).unwrap_or_default().into_iter().map(move |name| format!("event {kind} {name}")))
        .collect();
    for source in of("projections/src/") {
        let code = source.code();
        for (at, name) in after(source, "const NAME: &'static str =") {
            let owner = code[..at].rfind("impl").map_or("", |start| code[start..at].lines().next().unwrap_or_default());
            names.insert(format!("{} {name}", if owner.contains("ReadModel") { "read-model" } else { "process" }));
        }
    }
    names
}

#[test]
fn stored_names_are_only_added_to() {
    let path = root().join(LIST);
    let listed = std::fs::read_to_string(&path).unwrap_or_default();
    let mut list: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let names = names();
    if std::env::var_os(ADD).is_some() {
        list.extend(names.iter().cloned());
        std::fs::write(&path, list.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    } else {
        assert_eq!(list.iter().map(|line| format!("{line}\n")).collect::<String>(), listed, "{LIST} must be sorted, one name a line");
    }
    let gone: Vec<_> = list.difference(&names).map(|name| format!("gone: {name}")).collect();
    none(&gone, "Books are stored with this name. Bring it back; what it says may change through an upcaster or a higher VERSION.");
    let new: Vec<_> = names.difference(&list).map(|name| format!("new: {name}")).collect();
    none(&new, "Is the name right? It stays for ever. Then: DAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-tests --test tidy");
}
