//! What `verify` says of the receipts as a whole: a digest to keep, and whether one that was kept still holds.

use clap::Args;
use eventlog::StoreUrl;
use eventlog::verify::{ReceiptsDigest, receipts_digest};
use serde_json::{Value, json};

use crate::cli::{Exit, Failed};

/// What is asked of the receipts.
#[derive(Clone, Debug, Default, Args)]
pub struct Receipts {
    /// Also digest the receipts, up to --to or the head: keep the line, it shows a later deletion.
    #[arg(long = "receipts-digest")]
    pub digest: bool,
    /// A digest that you have kept (POSITION:COUNT:HEX): the receipts up to there must still be those.
    #[arg(long = "kept-receipts", value_name = "DIGEST")]
    pub kept: Option<ReceiptsDigest>,
}

impl Receipts {
    /// Compares what was kept, and the digest of today, if it is asked for.
    pub(crate) async fn look(&self, store: &StoreUrl, to: u64) -> Result<Option<ReceiptsDigest>, Failed> {
        if let Some(kept) = &self.kept {
            let found = receipts_digest(store, Some(kept.to)).await?;
            if found != *kept {
                return Err(changed(kept, &found));
            }
        }
        if self.digest { receipts_digest(store, Some(to)).await.map(Some).map_err(Failed::from) } else { Ok(None) }
    }
}

fn changed(kept: &ReceiptsDigest, found: &ReceiptsDigest) -> Failed {
    let what = match found.count.cmp(&kept.count) {
        std::cmp::Ordering::Less => "receipts were deleted",
        std::cmp::Ordering::Equal => "a receipt was altered",
        std::cmp::Ordering::Greater => "receipts were added",
    };
    let why = format!("up to position {} there are {} receipts and there were {}: {what}", kept.to, found.count, kept.count);
    Failed::new(Exit::Refused, why, "a command whose receipt is gone may be carried out again; a backup tells which one it is")
}

/// The line of a digest, on a line of its own.
pub(crate) fn text(digest: Option<&ReceiptsDigest>) -> String {
    digest.map_or_else(String::new, |digest| format!("\nkeep     --kept-receipts {digest}"))
}

/// The same for programs.
pub(crate) fn value(digest: Option<&ReceiptsDigest>) -> Value {
    digest.map_or(Value::Null, |digest| json!(digest.to_string()))
}
