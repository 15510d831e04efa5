//! Copies of the books: who took which, and the digest of what they were given (issue of the ledger, "Exports").

use domain::export::{Command, Export};
use domain::ids::ExportId;
use eventlog::{ExecuteError, Executed};
use serde::Serialize;

use crate::context::{Caller, Context, nothing_else};

/// Input of [`start_export`].
#[derive(Clone, Debug, Serialize)]
pub struct StartExport {
    /// In which form, for example `hledger`.
    pub format: String,
    /// The first position.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// What was given in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// How many entries (or events).
    pub records: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Puts on record that somebody is about to read a copy of the books.
///
/// # Errors
/// SYS003 for an empty range; or the log's.
pub async fn start_export(ctx: &Context, caller: &Caller, input: &StartExport) -> Result<Executed<ExportId>, ExecuteError> {
    let id = ExportId::new(ctx.ids.mint());
    ctx.execute("startExport", caller, input, |s| async move {
        let mut export = s.load::<Export>(id.uuid()).await?;
        let StartExport { format, from, to } = input.clone();
        s.decide(&mut export, Command::Start { export: id, format, from, to })?;
        Ok(id)
    })
    .await
}

/// Puts on record what they were given: its digest anchors the copy in the log.
///
/// # Errors
/// SYS007; or the log's.
pub async fn finish_export(ctx: &Context, caller: &Caller, id: ExportId, given: Given) -> Result<Executed<ExportId>, ExecuteError> {
    let Given { records, bytes, sha256 } = given;
    ctx.change::<Export, _, _, _>("finishExport", caller, id, Command::Finish { records, bytes, sha256 }, nothing_else).await
}
