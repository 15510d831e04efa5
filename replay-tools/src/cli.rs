//! The command line: what can be said, and how an end is told.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use eventlog::{LogError, StoreUrl};

use crate::{audit, cosign, diff, events, export, import, prove, rebuild, state, trace, verify, verify_proof, witness};

/// Looks into a book and proves what it finds. Reads only, unless a command says otherwise; works beside a running server.
#[derive(Debug, Parser)]
#[command(name = "daybook-replay", version, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The book: postgres://… or sqlite://DIR, the data folder.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// One JSON object a line instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress: say only what was asked for and what went wrong.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl Common {
    /// Where the book is.
    ///
    /// # Errors
    /// A usage failure when no address was given, or not one of a store.
    pub fn store(&self) -> Result<StoreUrl, Failed> {
        let hint = "--database-url sqlite://DIR or postgres://USER@HOST/DATABASE, or DATABASE_URL";
        let url = self.database_url.as_deref().filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Failed::new(Exit::Usage, "which book is meant is not said", hint))?;
        url.parse().map_err(|error| Failed::new(Exit::Usage, error, hint))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Re-derive every digest, version, receipt and the tree under its signed heads from the stored bytes; name the first position that does not hold.
    Verify(verify::Options),
    /// Write the ledger or the events to a file; the file's digest is logged as an event of the book.
    Export(export::Options),
    /// Write the proof that the event at a position is under the log's signed head.
    Prove(prove::Options),
    /// Check a proof with nothing but the log's public key and the event; no database.
    VerifyProof(verify_proof::Options),
    /// Check a copy of what a log serves of its tree, and that it goes on from heads that were kept; no database.
    Audit(audit::Options),
    /// Run a small witness: it cosigns the heads of logs that it knows as long as each goes on from the last; no database.
    Witness(witness::Options),
    /// Have a witness cosign the newest signed head, and write the head with both signatures.
    Cosign(cosign::Options),
    /// Append the events of a postgres-es database to this book, and prove that they arrived. The source is only read.
    ImportPostgresEs(import::Options),
    /// Build a read model anew beside the live one, compare both at one position, and switch. Readers notice nothing; it goes on
    /// where it was interrupted.
    Rebuild(rebuild::Options),
    /// Compare a live read model with a fresh fold of the log at the same position; ends with 3 when rows differ.
    Diff(diff::Options),
    /// What a stream's events add up to, now or at a moment of the past.
    #[command(disable_version_flag = true)]
    State(state::Options),
    /// The newest events, or those that the filters find.
    Events(events::Options),
    /// What one interaction set off: its commands, their events, and the commands that followed from those.
    Trace(trace::Options),
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed.
    Failure,
    /// The command line makes no sense.
    Usage,
    /// Refused, or what was verified does not hold.
    Refused,
    /// A store does not answer.
    Unavailable,
    /// Stopped by a signal.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Unavailable => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command did not do what it should, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How to end.
    pub exit: Exit,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Failed {
    /// A failure with its fix.
    pub fn new(exit: Exit, message: impl std::fmt::Display, hint: impl Into<String>) -> Self {
        Self { exit, message: message.to_string(), hint: hint.into() }
    }

    /// As it is printed on standard error: what went wrong, and a line `hint:` with the fix.
    #[must_use]
    pub fn report(&self) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!("hint: {}\n", self.hint) };
        format!("error: {}\n{hint}", self.message)
    }
}

/// A store that does not answer, or a log that is not what this program can read.
impl From<LogError> for Failed {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Store(_) | LogError::Folder(_) => {
                Self::new(Exit::Unavailable, error, "check the address, and that the database is up and may be read")
            }
            LogError::Outdated { .. } => Self::new(Exit::Refused, error, "run `daybook migrate up` first"),
            LogError::Newer { .. } => Self::new(Exit::Refused, error, "use the newer program's daybook-replay"),
            LogError::Altered { .. } => Self::new(Exit::Refused, error, "use the daybook-replay of the program that made it"),
            _ => Self::new(Exit::Failure, error, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_address_may_stand_before_or_after_the_command() {
        for line in [["daybook-replay", "--database-url=sqlite://x", "verify"], ["daybook-replay", "verify", "--database-url=sqlite://x"]] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.common.store(), Ok(StoreUrl::Sqlite("x".into())));
        }
    }

    #[test]
    fn a_wrong_address_is_a_matter_of_usage() {
        let common = |url: Option<&str>| Common { database_url: url.map(str::to_owned), json: false, quiet: false };
        for url in [None, Some(""), Some("mysql://x")] {
            assert_eq!(common(url).store().unwrap_err().exit, Exit::Usage);
        }
    }

    #[test]
    fn a_failure_names_its_fix() {
        let failed = Failed::new(Exit::Unavailable, "the database does not answer", "start it");
        assert_eq!(failed.report(), "error: the database does not answer\nhint: start it\n");
    }
}
