//! A digest over the receipts, for whoever keeps it outside: what shows that one of them is gone.
//!
//! A command without a key leaves the very same event as one with a key whose receipt was deleted, and receipts are not under the tree.
//! So the stored bytes alone cannot tell; a digest that was kept can. It never changes again: a receipt that names a position is
//! stored with the event there, or while that position was still to come.

use std::fmt;
use std::str::FromStr;

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::source::Source;
use crate::config::StoreUrl;
use crate::error::LogError;

/// What every digest begins with.
const DOMAIN: &[u8] = b"daybook receipts v1\n";

/// The receipts up to a position; written as `POSITION:COUNT:HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptsDigest {
    /// Of receipts whose first position is not after this one.
    pub to: u64,
    /// How many there are.
    pub count: u64,
    /// SHA-256 over all that is stored of them, in the order of first position and key.
    pub digest: [u8; 32],
}

impl fmt::Display for ReceiptsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.to, self.count)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no digest of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no digest of receipts: POSITION:COUNT:HEX is expected")]
pub struct NoReceiptsDigest;

impl FromStr for ReceiptsDigest {
    type Err = NoReceiptsDigest;

    fn from_str(text: &str) -> Result<Self, NoReceiptsDigest> {
        let read = || {
            let mut parts = text.split(':');
            let (to, count, hex) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
            let mut digest = [0; 32];
            let fits = parts.next().is_none() && hex.len() == 64 && hex.is_ascii();
            for (at, byte) in digest.iter_mut().enumerate().filter(|_| fits) {
                *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
            }
            fits.then_some(Self { to, count, digest })
        };
        read().ok_or(NoReceiptsDigest)
    }
}

/// A receipt's row, whole: key, fingerprint, command, first position, events, refused, correlation, time, answer.
pub(super) type WholeReceipt = (Uuid, Uuid, Uuid, i64, i32, bool, Option<Uuid>, Option<i64>, String);

/// The digest over the receipts up to a position, or up to the head as it is now.
///
/// # Errors
/// When the store cannot be reached or is not of this program's schema.
pub async fn receipts_digest(url: &StoreUrl, to: Option<u64>) -> Result<ReceiptsDigest, LogError> {
    let mut source = Source::open(url).await?;
    let head = source.head().await?.position;
    let to = to.map_or(head, |to| to.min(head));
    let (mut count, mut digest) = (0, Sha256::new().chain_update(DOMAIN));
    let mut rows = source.whole_receipts(to);
    while let Some(row) = rows.try_next().await? {
        count += 1;
        add(&mut digest, &row);
    }
    drop(rows);
    Ok(ReceiptsDigest { to, count, digest: digest.finalize().into() })
}

/// Every field has its length, so that no two rows have the same bytes.
fn add(digest: &mut Sha256, (key, fingerprint, command, first, events, refused, correlation, time, answer): &WholeReceipt) {
    for id in [key, fingerprint, command] {
        digest.update(id.as_bytes());
    }
    digest.update(first.to_be_bytes());
    digest.update(events.to_be_bytes());
    digest.update([u8::from(*refused), u8::from(correlation.is_some()), u8::from(time.is_some())]);
    digest.update(correlation.unwrap_or_default().as_bytes());
    digest.update(time.unwrap_or_default().to_be_bytes());
    digest.update((answer.len() as u64).to_be_bytes());
    digest.update(answer.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_and_read_in_one_way() {
        let kept = ReceiptsDigest { to: 12, count: 3, digest: [0xab; 32] };
        let text = format!("12:3:{}", "ab".repeat(32));
        assert_eq!((kept.to_string(), text.parse()), (text.clone(), Ok(kept)));
        for wrong in ["", "12:3", "12:3:ab", &format!("{text}:"), &format!("x{text}"), &text.replace('b', "g"), &text.replace("ab", "é")] {
            assert_eq!(wrong.parse::<ReceiptsDigest>(), Err(NoReceiptsDigest), "{wrong}");
        }
    }

    #[test]
    fn every_field_counts() {
        let id = Uuid::from_u128;
        let row: WholeReceipt = (id(1), id(2), id(3), 4, 1, false, None, None, "{}".to_owned());
        let of = |row: &WholeReceipt| {
            let mut digest = Sha256::new();
            add(&mut digest, row);
            <[u8; 32]>::from(digest.finalize())
        };
        let others: [WholeReceipt; 9] = [
            (id(9), row.1, row.2, row.3, row.4, row.5, row.6, row.7, row.8.clone()),
            (row.0, id(9), row.2, row.3, row.4, row.5, row.6, row.7, row.8.clone()),
            (row.0, row.1, id(9), row.3, row.4, row.5, row.6, row.7, row.8.clone()),
            (row.0, row.1, row.2, 9, row.4, row.5, row.6, row.7, row.8.clone()),
            (row.0, row.1, row.2, row.3, 9, row.5, row.6, row.7, row.8.clone()),
            (row.0, row.1, row.2, row.3, row.4, true, row.6, row.7, row.8.clone()),
            (row.0, row.1, row.2, row.3, row.4, row.5, Some(Uuid::nil()), row.7, row.8.clone()),
            (row.0, row.1, row.2, row.3, row.4, row.5, row.6, Some(0), row.8.clone()),
            (row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7, "{ }".to_owned()),
        ];
        let all: std::collections::HashSet<_> = others.iter().chain([&row]).map(of).collect();
        assert_eq!(all.len(), 10);
    }
}
