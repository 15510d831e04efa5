//! Promises about words: refusal codes, vocabulary, and what no file may say.

use std::collections::BTreeSet;

use crate::none;
use crate::source::{Source, files, root, rust};

/// What makes a refusal from a code.
const REFUSALS: [&str; 2] = ["::code(", "::at("];

/// Words that say which transaction is meant.
const QUALIFIED: [&str; 2] = ["database", "bank"];

/// The codes of the edge, which are no business of the catalogue: the constants of one file.
fn edge_codes() -> BTreeSet<&'static str> {
    let errors = rust().iter().find(|source| source.path == "api/src/errors.rs").expect("api/src/errors.rs names the edge's codes");
    errors.literals().into_iter().map(|(_, code)| code).filter(|code| code.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect()
}

/// Letters and then three digits, of a family that the catalogue has.
fn like_a_code(text: &str, families: &BTreeSet<&str>) -> bool {
    let Some((family, number)) = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)) else { return false };
    families.contains(family) && number.bytes().all(|b| b.is_ascii_digit())
}

#[test]
fn refusal_codes_exist() {
    let catalogue: BTreeSet<_> = domain::catalogue::all().map(|(code, _)| code).collect();
    let families: BTreeSet<_> = catalogue.iter().map(|code| &code[..code.len() - 3]).collect();
    let edge = edge_codes();
    let mut findings = Vec::new();
    for source in rust() {
        for (at, text) in source.literals() {
            let before = source.text[..at].trim_end_matches('"').trim_end();
            let refusal = REFUSALS.iter().any(|call| before.ends_with(call));
            if (refusal || like_a_code(text, &families)) && !catalogue.contains(text) && !edge.contains(text) {
                findings.push(format!("{}: {text:?} says nothing", source.place(at)));
            }
        }
    }
    none(&findings, "Use a code of domain/src/catalogue/messages.txt, or add a line there with its status and both texts.");
}

/// The comments as running text: markers gone, so that a phrase may continue on the next line.
fn running(source: &Source) -> String {
    source.comments().chars().map(|c| if matches!(c, '/' | '!' | '*') { ' ' } else { c }).collect()
}

#[test]
fn which_transaction_is_said() {
    let mut findings = Vec::new();
    for source in rust().iter().filter(|source| !source.path.starts_with("tests/tests/tidy/")) {
        let comments = running(source);
        for (at, _) in comments.to_lowercase().match_indices("transaction") {
            let word = comments.get(..at).and_then(|before| before.split_whitespace().next_back()).unwrap_or_default();
            if !QUALIFIED.contains(&word.to_lowercase().as_str()) {
                findings.push(format!("{}: \"{word} transaction\" in a comment", source.place(at)));
            }
        }
        findings.extend(public_names(source));
    }
    none(&findings, "Say database transaction, journal entry or payment: a bare transaction is all three.");
}

fn public_names(source: &Source) -> Vec<String> {
    let code = source.shipped();
    let public = code.lines().filter(|line| line.trim_start().starts_with("pub ") && !line.contains("pub use"));
    let name = |line: &str| line.split(['(', ':', '=', '{', '<', ';']).next().unwrap_or_default().to_lowercase();
    // The kind of message that the law calls transactional is no transaction.
    let bare = public.filter(|line| name(line).replace("transactional", "").contains("transaction") && !name(line).contains("database"));
    bare.map(|line| format!("{}: {}", source.path, line.trim())).collect()
}

#[test]
fn no_file_knows_a_machine() {
    // Spelt apart, so that this file does not find itself.
    let home = ["/ho", "me/"].concat();
    let banned = [home, ["/ro", "ot/"].concat(), ["/wo", "rk/"].concat(), ["<<<<", "<<< "].concat(), [">>>>", ">>> "].concat()];
    let mut findings = Vec::new();
    for path in files() {
        // What is not text cannot be read.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if banned.iter().any(|word| line.match_indices(word).any(|(at, _)| alone(line, at))) {
                findings.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(&findings, "Name a place relative to the repository, or a variable; finish the merge.");
}

/// The beginning of a path, not its middle.
fn alone(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '}'))
}
