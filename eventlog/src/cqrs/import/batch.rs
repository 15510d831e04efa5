//! Source events as commands of ours.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{StreamName, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::codec::{Encode, Encoded};
use crate::command::CommandMeta;
use crate::cqrs::form;
use crate::cqrs::import::ImportError;
use crate::cqrs::import::source::Row;
use crate::error::LogError;

/// Most events of one command.
const EVENTS: usize = 1_000;
/// Most bytes of one command; half of what the log takes. A single event may be larger.
const BYTES: usize = 2 << 20;
const NAME: &str = "import-postgres-es";

/// Events that go in together.
pub(super) struct Batch {
    pub command: CommandMeta,
    pub events: Vec<Ready>,
}

/// An event ready to be appended.
pub(super) struct Ready {
    pub stream: StreamName,
    /// The stream's version before it.
    pub version: u64,
    pub encoded: Encoded,
    /// Its own circumstances.
    pub command: Arc<CommandMeta>,
}

impl Encode for Encoded {
    fn encode(&self) -> Result<Encoded, LogError> {
        Ok(self.clone())
    }
}

/// Cuts events into commands, in their order.
pub(super) fn batches(rows: &[Row], occurred_at: Timestamp) -> Result<Vec<Batch>, ImportError> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, row) in rows.iter().enumerate() {
        let size = row.payload.len() + row.metadata.len();
        if at > start && (at - start == EVENTS || bytes + size > BYTES) {
            batches.push(batch(&rows[start..at], occurred_at)?);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < rows.len() {
        batches.push(batch(&rows[start..], occurred_at)?);
    }
    Ok(batches)
}

fn batch(rows: &[Row], occurred_at: Timestamp) -> Result<Batch, ImportError> {
    // The same events come under the same key, whenever and however often they are tried.
    let mut names = Sha256::new();
    for row in rows {
        names.update((row.stream.as_str().len() as u64).to_be_bytes());
        names.update(row.stream.as_str());
        names.update(row.sequence.to_be_bytes());
    }
    let key: String = names.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let command = form::command(NAME, &HashMap::new(), occurred_at).keyed(key, Vec::new());
    let events = rows.iter().map(|row| ready(row, &command)).collect::<Result<_, _>>()?;
    Ok(Batch { command, events })
}

fn ready(row: &Row, batch: &CommandMeta) -> Result<Ready, ImportError> {
    let unfit = |reason| ImportError::Event { aggregate: row.aggregate(), sequence: row.sequence, reason };
    let encoded = form::stored(&row.event_type, &row.event_version, &row.payload, &row.metadata).map_err(unfit)?;
    // cqrs-es's metadata is a map of texts; whatever else is in there is kept, and says nothing to the envelope.
    let metadata: HashMap<String, Value> = serde_json::from_str(&row.metadata).unwrap_or_default();
    let texts = metadata.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
    let own = form::command(NAME, &texts, row.occurred_at.unwrap_or(batch.now));
    let correlation_id = if form::names_interaction(&texts) { own.correlation_id } else { batch.correlation_id };
    let command = Arc::new(CommandMeta { command_id: batch.command_id, correlation_id, ..own });
    Ok(Ready { stream: row.stream.clone(), version: row.sequence - 1, encoded, command })
}
