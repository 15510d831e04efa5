//! Which head is shown: the newest, with what witnesses say of it (c2sp.org/tlog-cosignature).
//!
//! Cosignatures are fetched by `daybook-replay cosign --publish`, beside the server, and lie in the heads folder. They are no part of the log:
//! whoever can write there can add lines, which their readers check, and cannot change a byte of what the log itself has signed.

use super::head::SignedHead;
use super::outside::HeadsFolder;
use super::reader::Tree;
use super::store;
use crate::error::LogError;

/// So much older than the newest head, in microseconds, a cosigned one is shown in its place: a witness takes its time.
const MAX_BEHIND_US: i64 = 60_000_000;

impl Tree {
    /// The newest head that witnesses have cosigned, with their lines, unless it is more than a minute behind the newest; then that one.
    /// None before the log was sealed.
    ///
    /// # Errors
    /// When the store cannot be read. Cosignatures that cannot be read are not shown, and the log says why.
    pub async fn shown(&self, folder: &HeadsFolder) -> Result<Option<SignedHead>, LogError> {
        let Some(newest) = self.head().await? else { return Ok(None) };
        let Some(cosigned) = cosigned(folder, &newest.head.origin).await else { return Ok(Some(newest)) };
        let shown = self.signed_at(&cosigned, &newest).await?.is_some_and(|behind| behind <= MAX_BEHIND_US);
        Ok(Some(if shown { cosigned } else { newest }))
    }

    /// A head with the lines of witnesses, if they have cosigned this very one; else as it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn with_cosignatures(&self, head: SignedHead, folder: &HeadsFolder) -> Result<SignedHead, LogError> {
        let cosigned = cosigned(folder, &head.head.origin).await;
        Ok(cosigned.filter(|cosigned| extends(cosigned, &head)).unwrap_or(head))
    }

    /// How long before the newest head this one was signed, in microseconds; none when this log has signed no such head.
    async fn signed_at(&self, cosigned: &SignedHead, newest: &SignedHead) -> Result<Option<i64>, LogError> {
        let ours = store::at_size(self.store(), &newest.head.origin, cosigned.head.size).await?;
        let Some((_, at)) = ours.iter().find(|(own, _)| extends(cosigned, own)) else { return Ok(None) };
        let last = store::at_size(self.store(), &newest.head.origin, newest.head.size).await?;
        Ok(last.first().map(|(_, last)| last - at))
    }
}

/// Is it the same note, byte for byte, with further signatures below?
fn extends(cosigned: &SignedHead, own: &SignedHead) -> bool {
    cosigned.head == own.head && cosigned.note.len() > own.note.len() && cosigned.note.starts_with(&own.note)
}

/// What lies in the folder; a file that holds something else is left alone.
async fn cosigned(folder: &HeadsFolder, origin: &str) -> Option<SignedHead> {
    let (folder, origin) = (folder.clone(), origin.to_owned());
    let read = tokio::task::spawn_blocking(move || folder.cosigned(&origin)).await.ok()?;
    read.inspect_err(|error| tracing::warn!(%error, "cosignatures are not shown")).ok().flatten()
}
