//! What a month is closed with, derived from the log alone: balances by business date, the signed head of the tree over all events so
//! far, and the digest of an export up to it. Anybody who has the log gets the same; `daybook-replay export --format ndjson --to N` writes
//! the very bytes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use commands::period::Closing;
use domain::calendar::Month;
use domain::period::{ClosingBalance, Sealed};
use eventlog::tree::SignedHead;
use eventlog::{Frontier, Log, LogError, MAX_READ};
use kernel::{Currency, JournalEntry, Money, MoneyError, Side};
use sha2::{Digest, Sha256};

use crate::decode;
use crate::export::{CHUNK_BYTES, ExportError, Exporter, Format};

/// In which form the books are exported for the digest.
const FORMAT: Format = Format::Ndjson;

/// How often it is asked for a head while the sealing worker signs.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Why a month cannot be closed.
#[derive(Debug, thiserror::Error)]
pub enum ClosingError {
    /// The log cannot be read, or holds an event that does not post.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The events are not those that were signed: `daybook-replay verify` says where they differ.
    #[error("the first {size} events are not those that the log's head was signed over")]
    Other {
        /// Size of the signed head.
        size: u64,
    },
}

/// The signed head that covers the log at least up to a position. The sealing worker signs every second: this waits for it, and for no
/// longer than `patience`; `None`: it did not come.
///
/// # Errors
/// The log's.
pub async fn sealed_head(log: &Log, position: u64, patience: Duration) -> Result<Option<SignedHead>, LogError> {
    let until = Instant::now() + patience;
    loop {
        let head = log.tree().head().await?;
        if let Some(head) = head.filter(|head| head.head.size >= position) {
            return Ok(Some(head));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Walks the log up to a signed head and says what the month would be closed with. The tree is made again on the way: a head that is not
/// that of the events closes nothing.
///
/// # Errors
/// [`ClosingError`].
pub async fn closing(log: &Log, month: Month, sealed: &SignedHead) -> Result<Closing, ClosingError> {
    let position = sealed.head.size;
    let (mut exporter, mut tree, mut digest, mut bytes) = (Exporter::new(FORMAT, 1)?, Frontier::default(), Sha256::new(), 0);
    let mut sums = BTreeMap::<(String, Currency), Money>::new();
    let mut after = 0;
    while after < position {
        let page = log.read(after, MAX_READ).await.map_err(ExportError::from)?;
        let Some(last) = page.last().map(|event| event.position) else { break };
        for event in page.iter().take_while(|event| event.position <= position) {
            let failed = |reason: String| ExportError::Event { position: event.position, reason };
            tree.push(event.leaf_hash().map_err(|error| failed(error.to_string()))?);
            exporter.event(event)?;
            for known in decode(event).map_err(|error| failed(error.to_string()))?.into_vec() {
                let entry = known.entry().map_err(|error| failed(error.to_string()))?;
                let Some(entry) = entry.filter(|entry| entry.effective_at() < month.end()) else { continue };
                add(&mut sums, &entry).map_err(|error| failed(error.to_string()))?;
            }
        }
        after = last;
        if exporter.waiting() >= CHUNK_BYTES {
            feed(&exporter.take(), &mut digest, &mut bytes);
        }
    }
    exporter.finish();
    feed(&exporter.take(), &mut digest, &mut bytes);
    if tree.root() != sealed.head.root {
        return Err(ClosingError::Other { size: position });
    }
    let holding = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
    let balances = holding.map(|((account, _), balance)| ClosingBalance { account, balance }).collect();
    let sealed = Sealed {
        position,
        root: hex(&sealed.head.root),
        signed_head: Some(sealed.note.clone()),
        export_format: FORMAT.name().to_owned(),
        export_sha256: hex(&digest.finalize()),
        export_bytes: bytes,
        export_records: exporter.records(),
    };
    Ok(Closing { sealed, balances })
}

/// Σ debits − Σ credits of each account, with one more entry.
fn add(sums: &mut BTreeMap<(String, Currency), Money>, entry: &JournalEntry) -> Result<(), MoneyError> {
    for posting in entry.postings() {
        let key = (posting.account.clone(), posting.amount.currency());
        let sum = sums.entry(key).or_insert(Money::zero(posting.amount.currency()));
        *sum = if posting.side == Side::Debit { sum.plus(posting.amount) } else { sum.minus(posting.amount) }?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn feed(text: &str, digest: &mut Sha256, bytes: &mut u64) {
    digest.update(text.as_bytes());
    *bytes += text.len() as u64;
}
