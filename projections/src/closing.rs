//! What a month is closed with, derived from the log alone: balances by business date, the tree over all events so far, and the
//! digest of an export up to there. Anybody who has the log gets the same; `daybook-replay export --format ndjson --to N` writes
//! the very bytes.

use std::collections::BTreeMap;

use commands::period::Closing;
use domain::calendar::Month;
use domain::period::{ClosingBalance, Sealed};
use eventlog::{Frontier, Log, MAX_READ};
use kernel::{Currency, Money, Side};
use sha2::{Digest, Sha256};

use crate::decode;
use crate::export::{CHUNK_BYTES, ExportError, Exporter, Format};

/// In which form the books are exported for the digest.
const FORMAT: Format = Format::Ndjson;

/// Where the tree over the log gets its root: a seam, so that a sealed head may take the place of one that is computed here.
#[derive(Debug, Default)]
struct Tree(Frontier);

impl Tree {
    fn add(&mut self, leaf: [u8; 32]) {
        self.0.push(leaf);
    }

    fn root(&self) -> String {
        self.0.root().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Walks the log up to a position and says what the month would be closed with.
///
/// # Errors
/// [`ExportError`].
pub async fn closing(log: &Log, month: Month, position: u64) -> Result<Closing, ExportError> {
    let (mut exporter, mut tree, mut digest, mut bytes) = (Exporter::new(FORMAT, 1)?, Tree::default(), Sha256::new(), 0);
    let mut sums = BTreeMap::<(String, Currency), Money>::new();
    let mut after = 0;
    while after < position {
        let page = log.read(after, MAX_READ).await?;
        let Some(last) = page.last().map(|event| event.position) else { break };
        for event in page.iter().take_while(|event| event.position <= position) {
            let failed = |reason: String| ExportError::Event { position: event.position, reason };
            tree.add(event.leaf_hash().map_err(|error| failed(error.to_string()))?);
            exporter.event(event)?;
            for known in decode(event).map_err(|error| failed(error.to_string()))?.into_vec() {
                let entry = known.entry().map_err(|error| failed(error.to_string()))?;
                let Some(entry) = entry.filter(|entry| entry.effective_at() < month.end()) else { continue };
                for posting in entry.postings() {
                    let key = (posting.account.clone(), posting.amount.currency());
                    let sum = sums.entry(key).or_insert(Money::zero(posting.amount.currency()));
                    let signed = if posting.side == Side::Debit { sum.plus(posting.amount) } else { sum.minus(posting.amount) };
                    *sum = signed.map_err(|error| failed(error.to_string()))?;
                }
            }
        }
        after = last;
        if exporter.waiting() >= CHUNK_BYTES {
            feed(&exporter.take(), &mut digest, &mut bytes);
        }
    }
    exporter.finish();
    feed(&exporter.take(), &mut digest, &mut bytes);
    let holding = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
    let balances = holding.map(|((account, _), balance)| ClosingBalance { account, balance }).collect();
    let sealed = Sealed {
        position,
        root: tree.root(),
        export_format: FORMAT.name().to_owned(),
        export_sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        export_bytes: bytes,
        export_records: exporter.records(),
    };
    Ok(Closing { sealed, balances })
}

fn feed(text: &str, digest: &mut Sha256, bytes: &mut u64) {
    digest.update(text.as_bytes());
    *bytes += text.len() as u64;
}
