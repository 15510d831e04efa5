//! Fetches, makes and keeps the keys of subjects; hands out what seals and opens with them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::{KeyClass, Opener, SealError, Sealed, Sealer};
use moka::sync::Cache;
use uuid::Uuid;

use super::cipher::{KeyId, SecretKey, ValueName};
use super::error::KeyError;
use super::folder::Folder;
use super::store::{CHUNK, Hold, KeyStore, StoredKey};
use crate::config::{KeySource, StoreUrl};
use crate::error::LogError;

/// Unwrapped keys kept in memory: some hundred bytes each.
const CACHED: u64 = 50_000;
/// How long a key that another node has destroyed may still be used here.
const STALE: Duration = Duration::from_secs(5);
/// Times that keys are read again because they were rewrapped meanwhile.
const MAX_REREADS: usize = 5;
/// Times that a command is encoded again because keys were not at hand. The second time they are, unless the cache is
/// too small for one command's subjects.
const MAX_ROUNDS: usize = 4;

/// A subject's key, or the knowledge that it is gone.
#[derive(Clone)]
enum Known {
    Key(Arc<SecretKey>),
    Destroyed,
}

/// The keys of one log. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keyring {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub store: KeyStore,
    pub folder: Option<Folder>,
    known: Cache<KeyId, Known>,
    /// The epoch that the keys of `known` were read in, and when that was looked up.
    seen: Mutex<(u64, Instant)>,
    /// Subjects that somebody waits for: one query brings them all.
    wanted: Mutex<BTreeSet<Uuid>>,
    fetching: tokio::sync::Mutex<()>,
    /// One erasure at a time in this process.
    pub rotating: tokio::sync::Mutex<()>,
}

impl Keyring {
    /// The keys of a book. Nothing is read yet.
    pub(crate) fn new(url: &StoreUrl, keys: &KeySource) -> Result<Self, LogError> {
        let folder = match keys {
            KeySource::Absent => None,
            KeySource::Folder(path) => Some(Folder::new(path.clone())),
        };
        let inner = Inner {
            store: KeyStore::open(url)?,
            folder,
            known: Cache::new(CACHED),
            seen: Mutex::new((0, Instant::now())),
            wanted: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            rotating: tokio::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) async fn close(&self) {
        self.inner.known.invalidate_all();
        self.inner.store.close().await;
    }

    /// Runs `encode` where open personal values are sealed. It may run more than once: what it seals needs the keys of its
    /// subjects, and those that are missing are fetched, or made and stored, in between. A key that is made for a command
    /// which then fails is harmless.
    pub(crate) async fn encode_sealed<T>(&self, command: Uuid, encode: impl Fn() -> Result<T, LogError>) -> Result<T, LogError> {
        for _ in 0..MAX_ROUNDS {
            let missing = {
                let sealer = self.sealer(command);
                let encoded = kernel::sealing(sealer.clone(), &encode);
                let missing = sealer.missing();
                if missing.is_empty() {
                    return encoded;
                }
                missing
            };
            self.provide(&missing).await?;
        }
        Err(KeyError::Busy.into())
    }

    /// Seals a command's values with the keys at hand, and notes whose are not.
    fn sealer(&self, command: Uuid) -> Arc<CommandSealer> {
        Arc::new(CommandSealer { known: self.inner.known.clone(), command, place: AtomicU16::new(0), missing: Mutex::default() })
    }

    /// Drops every key that was read in an earlier epoch: one of them may have been destroyed by another node since.
    pub(crate) async fn refresh(&self) -> Result<(), LogError> {
        let (epoch, looked_up) = *self.seen();
        if self.inner.known.entry_count() == 0 && epoch == 0 || looked_up.elapsed() < STALE {
            return Ok(());
        }
        let current = self.inner.store.epochs().await?.current;
        self.note(current);
        Ok(())
    }

    /// Notes the epoch that is current now.
    pub(super) fn note(&self, current: u64) {
        let mut seen = self.seen();
        if seen.0 != current {
            self.inner.known.invalidate_all();
        }
        *seen = (current, Instant::now());
    }

    /// Forgets every key in memory.
    pub(super) fn drop_all(&self) {
        self.inner.known.invalidate_all();
    }

    /// Puts keys at hand, making those that do not exist.
    async fn provide(&self, ids: &BTreeSet<KeyId>) -> Result<(), LogError> {
        self.fetch(ids.iter().map(|id| id.subject)).await?;
        let absent: Vec<KeyId> = ids.iter().copied().filter(|id| !self.inner.known.contains_key(id)).collect();
        if absent.is_empty() {
            return Ok(());
        }
        self.make(&absent).await?;
        self.fetch(absent.iter().map(|id| id.subject)).await
    }

    /// Makes both keys of subjects and stores them. Whoever was quicker, here or on another node, keeps theirs.
    async fn make(&self, absent: &[KeyId]) -> Result<(), LogError> {
        let mut tx = self.inner.store.begin().await?;
        // Held to the end: no key may be added under an epoch whose key is being destroyed.
        let epochs = tx.epochs(Hold::Shared).await?;
        let epoch_key = self.epoch_key(epochs.current)?.ok_or_else(|| self.missing_epoch(epochs.current))?;
        let subjects: BTreeSet<Uuid> = absent.iter().map(|id| id.subject).collect();
        let mut keys = Vec::with_capacity(2 * subjects.len());
        for subject in subjects {
            for class in KeyClass::ALL {
                let id = KeyId { subject, class };
                keys.push((id, epochs.current, epoch_key.wrap(epochs.current, id, &SecretKey::random()?)?));
            }
        }
        tx.add(&keys).await?;
        tx.commit().await
    }

    /// Puts the keys of subjects at hand; those that were never made stay unknown.
    async fn fetch(&self, subjects: impl Iterator<Item = Uuid>) -> Result<(), LogError> {
        let mine: BTreeSet<Uuid> = subjects.collect();
        self.wanted().extend(&mine);
        let _turn = self.inner.fetching.lock().await;
        // Whoever had the turn before may have brought ours along.
        let batch: Vec<Uuid> = {
            let mut wanted = self.wanted();
            if mine.iter().all(|subject| !wanted.contains(subject)) {
                return Ok(());
            }
            let others: Vec<Uuid> = wanted.iter().filter(|subject| !mine.contains(subject)).take(CHUNK).copied().collect();
            let batch: Vec<Uuid> = mine.iter().copied().chain(others).collect();
            for subject in &batch {
                wanted.remove(subject);
            }
            batch
        };
        for _ in 0..MAX_REREADS {
            match self.read(&batch).await {
                Ok(true) => return Ok(()),
                // An epoch began meanwhile: rows and files say so when they are read again.
                Ok(false) | Err(LogError::Keys(KeyError::Missing { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        if self.read(&batch).await? { Ok(()) } else { Err(KeyError::Busy.into()) }
    }

    /// Puts the stored keys of subjects at hand; false when an epoch began meanwhile, since one of them may be gone.
    async fn read(&self, subjects: &[Uuid]) -> Result<bool, LogError> {
        let current = self.inner.store.epochs().await?.current;
        self.note(current);
        let found = self.unwrapped(subjects).await?;
        // Within the lock: keys of this epoch are not put in after those of the next one were forgotten.
        let seen = self.seen();
        if seen.0 != current {
            return Ok(false);
        }
        for (id, known) in found {
            self.inner.known.insert(id, known);
        }
        drop(seen);
        Ok(true)
    }

    async fn unwrapped(&self, subjects: &[Uuid]) -> Result<Vec<(KeyId, Known)>, LogError> {
        let mut found = Vec::with_capacity(2 * subjects.len());
        let mut epoch_key: Option<(u64, SecretKey)> = None;
        for StoredKey { id, epoch, wrapped } in self.inner.store.keys(subjects).await? {
            let Some(wrapped) = wrapped else {
                found.push((id, Known::Destroyed));
                continue;
            };
            let of_epoch = match epoch_key.take() {
                Some((known, key)) if known == epoch => key,
                _ => self.epoch_key(epoch)?.ok_or_else(|| self.missing_epoch(epoch))?,
            };
            let key = of_epoch.unwrap_key(epoch, id, &wrapped)?;
            epoch_key = Some((epoch, of_epoch));
            found.push((id, Known::Key(Arc::new(key))));
        }
        Ok(found)
    }

    /// Puts the keys of sealed values at hand; returns what opens them.
    pub(crate) async fn opener<'s>(&self, values: impl Iterator<Item = &'s Sealed>) -> Result<Keys, LogError> {
        self.refresh().await?;
        let missing: BTreeSet<KeyId> = values.map(id_of).filter(|id| !self.inner.known.contains_key(id)).collect();
        if !missing.is_empty() {
            self.fetch(missing.iter().map(|id| id.subject)).await?;
        }
        Ok(Keys(self.inner.known.clone()))
    }

    /// The key of an epoch; `None` where the folder does not have it.
    pub(super) fn epoch_key(&self, epoch: u64) -> Result<Option<SecretKey>, KeyError> {
        self.folder()?.read(epoch)
    }

    pub(super) fn folder(&self) -> Result<&Folder, KeyError> {
        self.inner.folder.as_ref().ok_or(KeyError::Absent)
    }

    pub(super) fn missing_epoch(&self, epoch: u64) -> KeyError {
        match &self.inner.folder {
            Some(folder) => KeyError::Missing { epoch, folder: folder.path().to_path_buf() },
            None => KeyError::Absent,
        }
    }

    /// Never held across an await; a panic leaves plain data behind.
    fn seen(&self) -> std::sync::MutexGuard<'_, (u64, Instant)> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.inner.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(sealed: &Sealed) -> KeyId {
    KeyId { subject: sealed.subject, class: sealed.class }
}

/// What opens values with the keys at hand.
#[derive(Clone)]
pub(crate) struct Keys(Cache<KeyId, Known>);

impl Opener for Keys {
    fn open(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, SealError> {
        match self.0.get(&id_of(sealed)) {
            Some(Known::Key(key)) => key.open(sealed).map(Some),
            Some(Known::Destroyed) => Ok(None),
            None => Err(SealError::KeyMissing),
        }
    }
}

/// Seals the values of one encoding of one command.
struct CommandSealer {
    known: Cache<KeyId, Known>,
    command: Uuid,
    place: AtomicU16,
    missing: Mutex<BTreeSet<KeyId>>,
}

impl CommandSealer {
    fn missing(&self) -> BTreeSet<KeyId> {
        std::mem::take(&mut self.missing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sealer for CommandSealer {
    fn seal(&self, subject: Uuid, class: KeyClass, json: &[u8]) -> Result<Option<Sealed>, SealError> {
        let id = KeyId { subject, class };
        match self.known.get(&id) {
            Some(Known::Key(key)) => {
                // Beyond 65,535 values of one command the names repeat; nonces do not.
                let name = ValueName { command: self.command, place: self.place.fetch_add(1, Ordering::Relaxed) };
                key.seal(id, name, json).map(Some).map_err(|_| SealError::Damaged("it could not be sealed"))
            }
            Some(Known::Destroyed) => Ok(None),
            None => {
                self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                // Only to find out whose keys are missing besides: whoever asks for `missing` throws this encoding away.
                Ok(None)
            }
        }
    }
}
