//! Tidy: what the layout promises and no compiler checks. A failure says what to do.
//!
//! | file | promise |
//! |---|---|
//! | `arrows` | who may import whom, and which crates never come in |
//! | `code` | file length; no floats, clocks or chance in the rules; no unwrap outside tests |
//! | `golden` | names that are stored are only ever added to |
//! | `migrations` | a released migration does not change |
//! | `projectors` | a read model that changes has a new version |
//! | `words` | refusal codes exist; the vocabulary is kept; no machine's paths |

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod arrows;
mod code;
mod golden;
mod migrations;
mod projectors;
mod source;
mod words;

/// Fails with all findings at once, each on a line of its own.
#[track_caller]
fn none(findings: &[String], what_to_do: &str) {
    assert!(findings.is_empty(), "\n{}\n\n{what_to_do}\n", findings.join("\n"));
}
