//! Reads the log, writes chunks, digests them.

use eventlog::{Log, MAX_READ};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

use super::exporter::{ExportError, Exporter, hex};
use super::format::Format;

/// A chunk is sent when it has grown to this size.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Which positions an export covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first one; what lies before it is summed up as what the accounts hold at the start.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Entries, or events.
    pub records: u64,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hexadecimal digits.
    pub sha256: String,
    /// What every account held at the end, Σ debits − Σ credits.
    pub balances: Vec<(String, kernel::Money)>,
}

/// Writes the books into a channel, as fast as its reader takes them.
///
/// # Errors
/// [`ExportError`]; what was sent by then is not the whole.
pub async fn run(log: &Log, format: Format, range: Range, chunks: &Sender<Vec<u8>>) -> Result<Summary, ExportError> {
    let mut exporter = Exporter::new(format, range.from)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    // Events stand for themselves: what lies before the first is of no concern to them.
    let mut after = if format == Format::Events { range.from.saturating_sub(1) } else { 0 };
    while after < range.to {
        let page = log.read(after, MAX_READ).await?;
        let Some(last) = page.last().map(|event| event.position) else { break };
        for event in page.iter().take_while(|event| event.position <= range.to) {
            exporter.event(event)?;
        }
        after = last;
        if exporter.waiting() >= CHUNK_BYTES {
            send(&exporter.take_bytes(), &mut digest, &mut bytes, chunks).await?;
        }
    }
    exporter.finish();
    send(&exporter.take_bytes(), &mut digest, &mut bytes, chunks).await?;
    let balances = exporter.balances().map(|(account, _, sum)| (account.to_owned(), sum)).collect();
    Ok(Summary { records: exporter.records(), bytes, sha256: hex(&digest.finalize()), balances })
}

async fn send(written: &[u8], digest: &mut Sha256, bytes: &mut u64, chunks: &Sender<Vec<u8>>) -> Result<(), ExportError> {
    if written.is_empty() {
        return Ok(());
    }
    digest.update(written);
    *bytes += written.len() as u64;
    for chunk in written.chunks(CHUNK_BYTES) {
        chunks.send(chunk.to_vec()).await.map_err(|_| ExportError::Closed)?;
    }
    Ok(())
}
