//! Promises about the source itself.

use crate::none;
use crate::source::{Source, rust};

const MAX_LINES: usize = 400;

/// Files that were too long when the limit came, with their lengths then: they may only shrink. None is left.
const RATCHET: [(&str, usize); 0] = [];

/// Ignored tests, and why.
const IGNORED: [(&str, &str); 4] = [
    ("eventlog/tests/conformance/main.rs", "the child process that the kill -9 check starts"),
    ("eventlog/tests/faults/main.rs", "the child process that the kills start"),
    ("projections/tests/workers/main.rs", "the process that the checks start, kill and put to sleep"),
    ("tests/tests/scenario/pooling.rs", "what tests/pooling/run starts a proxy for"),
];

/// Expectations that cannot be broken, by file, and why. Elsewhere an error is a value.
const PROVEN: [(&str, &str); 1] = [("adapters/src/sandbox/writer.rs", "a flat object of strings serialises into memory")];

/// What would make a rule's answer depend on more than its input. A hash map's order is chance, too.
const IMPURE: [&str; 12] =
    ["f32", "f64", "now()", "SystemTime", "Instant", "random", "rand::", "RandomState", "new_v4", "now_v7", "HashMap", "HashSet"];

const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

#[test]
fn files_are_short() {
    let limit = |path: &str| RATCHET.iter().find(|(file, _)| *file == path).map_or(MAX_LINES, |(_, lines)| *lines);
    let long = rust().iter().map(|source| (source, source.text.lines().count()));
    let long = long.filter(|(source, lines)| *lines > limit(&source.path));
    let findings: Vec<_> = long.map(|(source, lines)| format!("{}: {lines} lines, at most {}", source.path, limit(&source.path))).collect();
    none(&findings, "Split the file by what changes together: a folder of the module's name beside it, the same section names inside.");
}

#[test]
fn the_ratchet_only_tightens() {
    let length = |path: &str| rust().iter().find(|source| source.path == path).map_or(0, |source| source.text.lines().count());
    let slack = RATCHET.iter().filter(|(path, lines)| length(path) < *lines);
    let findings: Vec<_> = slack.map(|(path, lines)| format!("{path}: {} lines, {lines} in RATCHET", length(path))).collect();
    none(
        &findings,
        "Well done: write the new length into RATCHET in tests/tests/tidy/code.rs, or drop the line when it is within the limit.",
    );
}

#[test]
fn rules_are_pure() {
    let pure = rust().iter().filter(|source| ["domain/src/", "kernel/src/"].iter().any(|folder| source.path.starts_with(folder)));
    let findings = pure.flat_map(|source| {
        let code = source.shipped();
        let mut found = mentions(source, &code, &IMPURE);
        found.extend(float_literals(&code).into_iter().map(|at| format!("{}: a float", source.place(at))));
        found
    });
    none(
        &findings.collect::<Vec<_>>(),
        "Hand it in with the command: At carries the time, ids and prices; amounts are minor units; BTreeMap has an order.",
    );
}

#[test]
fn nothing_panics_on_purpose() {
    let panics = |source: &&Source| !PROVEN.iter().any(|(path, _)| *path == source.path);
    let findings: Vec<_> = rust()
        .iter()
        .filter(panics)
        .flat_map(|source| mentions(source, &source.shipped(), &[".unwrap()", ".expect(", ".unwrap_err()"]))
        .collect();
    none(
        &findings,
        "Return an error. If it truly cannot happen, restructure, or list the file in PROVEN in tests/tests/tidy/code.rs with the proof.",
    );
}

#[test]
fn nothing_is_unfinished() {
    let findings: Vec<_> = rust().iter().flat_map(|source| mentions(source, &source.code(), &UNFINISHED)).collect();
    none(&findings, "Finish it, or leave it out.");
}

#[test]
fn no_test_is_skipped() {
    let known = |source: &&Source| !IGNORED.iter().any(|(path, _)| *path == source.path);
    let findings: Vec<_> = rust().iter().filter(known).flat_map(|source| mentions(source, &source.code(), &["#[ignore"])).collect();
    none(&findings, "Run it or delete it: a test that does not run proves nothing.");
}

#[test]
fn exceptions_are_still_needed() {
    let has = |path: &str, word: &str| rust().iter().any(|source| source.path == path && source.code().contains(word));
    let ignored = IGNORED.iter().filter(|(path, _)| !has(path, "#[ignore")).map(|(path, why)| format!("IGNORED: {path} ({why})"));
    let proven = PROVEN.iter().filter(|(path, _)| !has(path, ".expect(")).map(|(path, why)| format!("PROVEN: {path} ({why})"));
    none(&ignored.chain(proven).collect::<Vec<_>>(), "Drop the line from tests/tests/tidy/code.rs: nothing there needs it any more.");
}

/// Where one of the words stands as a word.
fn mentions(source: &Source, code: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for word in words {
        for (at, _) in code.match_indices(word) {
            let part = |c: char| c.is_ascii_alphabetic();
            let (before, after) = (code[..at].chars().next_back(), code[at + word.len()..].chars().next());
            let longer = word.starts_with(part) && before.is_some_and(part) || word.ends_with(part) && after.is_some_and(part);
            if !longer {
                found.push(format!("{}: {word}", source.place(at)));
            }
        }
    }
    found
}

/// `1.5`, but neither `x.0.1` nor `0..5`.
fn float_literals(code: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let dots = (1..bytes.len()).filter(|&at| bytes[at] == b'.' && digit(at - 1) && digit(at + 1));
    dots.filter(|&at| {
        let number = bytes[..at].iter().rposition(|b| !(b.is_ascii_digit() || *b == b'_'));
        number.is_none_or(|before| bytes[before] != b'.' && !bytes[before].is_ascii_alphabetic())
    })
    .collect()
}

#[test]
fn words_are_found_as_words() {
    let source = &rust()[0];
    assert_eq!(mentions(source, "Instantly HashMapped operand::x", &IMPURE).len(), 0);
    assert_eq!(mentions(source, "std::time::Instant::now() 1_f64", &IMPURE).len(), 3);
    assert_eq!(float_literals("x.0.1 0..5 1.max(2) 1.5 (a1.0, 1_0.5)").len(), 2);
}
