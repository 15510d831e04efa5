//! One round of sealing: grow the tree to the log's head, sign, keep the head outside, publish. And what is never signed.

use std::time::{SystemTime, UNIX_EPOCH};

use super::head::{SignedHead, TreeHead};
use super::lease::Lease;
use super::note::{SignedNote, sign};
use super::outside::OutsideError;
use super::sealer::Sealing;
use super::store::{self, NumberedHead, Tx};
use super::tile::{FullTile, Tiler};
use crate::error::LogError;
use crate::recorded::signed;
use crate::store::Store;

/// Leaves under one head while much is to be caught up with: 64 tiles, half a mebibyte in one database transaction.
const STEP: u64 = 16_384;

/// Why nothing more may be signed under this origin. Only a person can decide what it means (docs/tree.md).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The log has fewer events than were signed.
    #[error("{origin} was signed with {signed} events, and the log has {log}: it was restored from an older backup, or cut")]
    Shorter {
        /// The log's name.
        origin: String,
        /// Size of the head that was signed.
        signed: u64,
        /// Events that there are.
        log: u64,
    },
    /// The log's first events are not those that were signed.
    #[error("the first {signed} events are not those that were signed as {origin} (the head is kept in {kept})")]
    Other {
        /// The log's name.
        origin: String,
        /// Size of the head that was signed.
        signed: u64,
        /// Where that head is kept.
        kept: &'static str,
    },
}

/// Why a round signed nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SealError {
    /// The store failed, or its tables make no sense.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file outside of the database cannot be used.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// What would be signed contradicts what was signed.
    #[error(transparent)]
    Halt(#[from] Halt),
    /// Another node has taken over.
    #[error("another node seals this log")]
    Overtaken,
}

impl From<sqlx::Error> for SealError {
    fn from(error: sqlx::Error) -> Self {
        Self::Log(error.into())
    }
}

/// What is remembered from round to round.
struct Current {
    last: Option<NumberedHead>,
    tiler: Tiler,
}

/// Signs the heads of one log under one origin.
pub(super) struct Signer {
    store: Store,
    sealing: Sealing,
    current: Option<Current>,
}

impl Signer {
    pub(super) fn new(store: Store, sealing: Sealing) -> Self {
        Self { store, sealing, current: None }
    }

    /// Seals what is committed by now.
    pub(super) async fn seal(&mut self, lease: &Lease) -> Result<TreeHead, SealError> {
        loop {
            let (head, more) = self.step(lease).await?;
            if !more {
                return Ok(head);
            }
        }
    }

    /// Seals the next events, as many as one head may add; says whether there are more. Whatever goes wrong, the next step begins with
    /// what the store and the file say.
    pub(super) async fn step(&mut self, lease: &Lease) -> Result<(TreeHead, bool), SealError> {
        let current = self.current.take();
        let mut current = self.looked_up(current).await?;
        let (log, size) = (self.store.head().await?, current.tiler.size());
        if log < size {
            return Err(self.shorter(size, log).into());
        }
        let head = match current.last.as_ref().filter(|last| size == log && self.signed_by_all(last)) {
            Some(last) => last.signed.head.clone(),
            None => {
                let mut tiles = Vec::new();
                for leaf in store::leaves(&self.store, size, log.min(size + STEP)).await? {
                    tiles.extend(current.tiler.push(leaf));
                }
                let last = self.publish(lease, &current.tiler, &tiles).await?;
                current.last.insert(last).signed.head.clone()
            }
        };
        let more = head.size < log;
        self.current = Some(current);
        Ok((head, more))
    }

    /// What was remembered, if nobody has signed since; else what can be read and agrees with itself.
    async fn looked_up(&self, current: Option<Current>) -> Result<Current, SealError> {
        let last = store::newest(&self.store, Some(self.sealing.origin())).await?;
        match current {
            Some(current) if current.last == last => Ok(current),
            _ => self.recover(last).await,
        }
    }

    /// The tree at the last head of the database, which must lead to that head's root; so must the head of the file.
    async fn recover(&self, last: Option<NumberedHead>) -> Result<Current, SealError> {
        let (origin, log) = (self.sealing.origin(), self.store.head().await?);
        let other = |signed, kept| Halt::Other { origin: origin.to_owned(), signed, kept };
        let size = last.as_ref().map_or(0, |last| last.signed.head.size);
        if size > log {
            return Err(self.shorter(size, log).into());
        }
        let tiler = store::tiler_at(&self.store, origin, size).await?;
        if last.as_ref().is_some_and(|last| last.signed.head.root != tiler.root()) {
            return Err(other(size, "the database").into());
        }
        if let Some(SignedHead { head: kept, .. }) = self.sealing.heads().read(origin)? {
            if kept.size > log {
                return Err(self.shorter(kept.size, log).into());
            }
            if self.root_at(&tiler, kept.size).await? != kept.root {
                return Err(other(kept.size, "the file outside of the database").into());
            }
        }
        Ok(Current { last, tiler })
    }

    /// The root at a size, before the tiler's or, where a head was kept but not published, after it.
    async fn root_at(&self, tiler: &Tiler, size: u64) -> Result<[u8; 32], LogError> {
        if size <= tiler.size() {
            return Ok(store::tiler_at(&self.store, self.sealing.origin(), size).await?.root());
        }
        let mut tiler = tiler.clone();
        while tiler.size() < size {
            for leaf in store::leaves(&self.store, tiler.size(), size.min(tiler.size() + STEP)).await? {
                tiler.push(leaf);
            }
        }
        Ok(tiler.root())
    }

    /// The file first: a head that anybody has seen is in it. If the database then fails, the next round finds it there.
    async fn publish(&self, lease: &Lease, tiler: &Tiler, tiles: &[FullTile]) -> Result<NumberedHead, SealError> {
        let origin = self.sealing.origin();
        let head = TreeHead { origin: origin.to_owned(), size: tiler.size(), root: tiler.root() };
        let note = sign(&head.to_string(), self.sealing.keys());
        let id = store::newest(&self.store, None).await?.map_or(1, |newest| newest.id + 1);
        let numbered = NumberedHead { id, signed: SignedHead { head, note } };
        let (heads, kept) = (self.sealing.heads().clone(), numbered.signed.clone());
        tokio::task::spawn_blocking(move || heads.write(&kept)).await.map_err(|_| LogError::Closed)??;
        let at = clock_us();
        let mut tx = Tx::begin(&self.store).await?;
        if !lease.hold(&self.store, &mut tx).await? {
            return Err(SealError::Overtaken);
        }
        for key in self.sealing.keys() {
            store::insert_key(&mut tx, key.verifier(), at).await?;
        }
        store::insert_tiles(&mut tx, origin, tiles).await?;
        store::insert_head(&mut tx, &numbered, at).await?;
        tx.commit().await?;
        Ok(numbered)
    }

    /// Has every key of today signed it? After a change of keys the same head is signed again.
    fn signed_by_all(&self, last: &NumberedHead) -> bool {
        let note: Result<SignedNote, _> = last.signed.note.parse();
        note.is_ok_and(|note| self.sealing.keys().iter().all(|key| note.names(key.verifier())))
    }

    fn shorter(&self, signed: u64, log: u64) -> Halt {
        Halt::Shorter { origin: self.sealing.origin().to_owned(), signed, log }
    }
}

fn clock_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    signed(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
