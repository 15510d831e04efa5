//! An export with its two events on record: the reading before its first byte, the digest after its last.

use std::sync::Arc;

use commands::export::{Given, StartExport, finish_export, start_export};
use commands::{Caller, Clock, Context, ExecuteError, Executed, Ids, Keys};
use domain::ids::ExportId;
use domain::settings::Settings;
use eventlog::Log;
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use super::exporter::ExportError;
use super::format::Format;
use super::run::{Range, Summary, run};

/// Puts on record that the caller is about to read a copy.
///
/// # Errors
/// A refusal, or the log's.
pub async fn begin(ctx: &Context, caller: &Caller, format: Format, range: Range) -> Result<Executed<ExportId>, ExecuteError> {
    let input = StartExport { format: format.name().to_owned(), from: range.from, to: range.to };
    start_export(ctx, caller, &input).await
}

/// Writes a copy that was put on record by [`begin`], and puts its digest on record.
///
/// # Errors
/// [`ExportError`]; a copy that was broken off has no digest on record.
pub async fn finish(
    ctx: &Context,
    caller: &Caller,
    export: ExportId,
    format: Format,
    range: Range,
    chunks: &Sender<Vec<u8>>,
) -> Result<Summary, ExportError> {
    let summary = run(&ctx.log, format, range, chunks).await?;
    let given = Given { records: summary.records, bytes: summary.bytes, sha256: summary.sha256.clone() };
    finish_export(ctx, caller, export, given).await.map_err(ExportError::NotLogged)?;
    Ok(summary)
}

/// Exports for whoever holds the database, beside any server.
pub struct Tool {
    ctx: Context,
    caller: Caller,
}

impl Tool {
    /// A tool over a log.
    #[must_use]
    pub fn new(log: Log) -> Self {
        let (clock, ids, settings) = (Clock::shifted(0), Ids::time_ordered(), Arc::new(Settings::default()));
        // No claim is made and no key given: nothing is derived from the secret.
        let ctx = Context { log, clock, ids, settings, keys: Keys::new([0; 32]) };
        Self { ctx, caller: Caller::system("daybook-replay", None, Uuid::new_v4()) }
    }

    /// Writes a copy, and puts it and its digest on record.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export(&self, format: Format, range: Range, chunks: &Sender<Vec<u8>>) -> Result<(ExportId, Summary), ExportError> {
        let export = begin(&self.ctx, &self.caller, format, range).await.map_err(ExportError::NotLogged)?.value;
        let summary = finish(&self.ctx, &self.caller, export, format, range, chunks).await?;
        Ok((export, summary))
    }
}
