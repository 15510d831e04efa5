//! Epoch keys: one file each, in a folder outside of the database.
//!
//! A file appears whole or not at all, is never replaced by another, and is overwritten before it goes.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroize;

use super::cipher::{KEY_BYTES, SecretKey, random};
use super::error::KeyError;

const PREFIX: &str = "epoch-";
const SUFFIX: &str = ".key";

/// The folder of one book's epoch keys. All nodes of the book see the same one.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The key of an epoch, if it is there.
    pub(super) fn read(&self, epoch: u64) -> Result<Option<SecretKey>, KeyError> {
        let mut text = String::new();
        match File::open(self.file(epoch)).and_then(|mut file| file.read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        }
        let key = parse(text.trim_end()).map(SecretKey::from_bytes);
        text.zeroize();
        key.map(Some).ok_or_else(|| KeyError::Damaged(format!("{} is no key file", self.file(epoch).display())))
    }

    /// The key of an epoch, made if it is not there; durable when this returns. Nodes that make it together end with one.
    pub(super) fn read_or_make(&self, epoch: u64) -> Result<SecretKey, KeyError> {
        if let Some(key) = self.read(epoch)? {
            return Ok(key);
        }
        let key = SecretKey::random()?;
        self.make(epoch, &key).map_err(|error| self.failed(error))?;
        self.read(epoch)?.ok_or_else(|| KeyError::Missing { epoch, folder: self.0.clone() })
    }

    fn make(&self, epoch: u64, key: &SecretKey) -> Result<(), Error> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let part = self.0.join(format!("{}.part", Uuid::new_v4().simple()));
        let mut text = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        let written = write_new(&part, text.as_bytes());
        text.zeroize();
        // A link, not a rename: whoever was quicker keeps their key.
        let linked = written.and_then(|()| std::fs::hard_link(&part, self.file(epoch)));
        let removed = std::fs::remove_file(&part);
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => removed?,
        }
        self.sync()
    }

    /// Destroys the keys of every epoch before one. Done when this returns, whatever was left over from an earlier try.
    pub(super) fn destroy_before(&self, epoch: u64) -> Result<(), KeyError> {
        for old in self.epochs()?.into_iter().filter(|&old| old < epoch) {
            self.destroy(&self.file(old)).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Is there a key of an epoch before this one?
    pub(super) fn has_before(&self, epoch: u64) -> Result<bool, KeyError> {
        Ok(self.epochs()?.into_iter().any(|old| old < epoch))
    }

    fn epochs(&self) -> Result<Vec<u64>, KeyError> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let names: Vec<_> = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_, Error>>().map_err(|e| self.failed(e))?;
        let epoch = |name: &std::ffi::OsString| name.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
        Ok(names.iter().filter_map(epoch).collect())
    }

    /// Overwritten first: on most disks the old bytes are gone with it, not only their name.
    fn destroy(&self, file: &Path) -> Result<(), Error> {
        let noise: [u8; 2 * KEY_BYTES + 1] = random().map_err(Error::other)?;
        let overwritten = OpenOptions::new().write(true).open(file).and_then(|mut open| {
            open.write_all(&noise)?;
            open.sync_all()
        });
        match overwritten.and_then(|()| std::fs::remove_file(file)) {
            // Another node was quicker.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    fn sync(&self) -> Result<(), Error> {
        File::open(&self.0)?.sync_all()
    }

    fn file(&self, epoch: u64) -> PathBuf {
        self.0.join(format!("{PREFIX}{epoch:08}{SUFFIX}"))
    }

    fn failed(&self, cause: Error) -> KeyError {
        KeyError::Folder { folder: self.0.clone(), cause: Arc::new(cause) }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Whatever the process's mask is.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn parse(hex: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    if hex.len() != 2 * KEY_BYTES || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn folder() -> Folder {
        Folder::new(std::env::temp_dir().join(format!("daybook-keys-{}", Uuid::new_v4().simple())))
    }

    #[test]
    fn a_key_is_made_once_and_readable_by_its_owner_only() {
        let folder = folder();
        assert!(folder.read(1).unwrap().is_none());
        let key = folder.read_or_make(1).unwrap();
        assert_eq!(folder.read_or_make(1).unwrap().bytes(), key.bytes());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&folder.file(1))), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written stays");
        std::fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn those_who_make_it_together_end_with_one() {
        let folder = folder();
        let made = || {
            std::thread::spawn({
                let folder = folder.clone();
                move || *folder.read_or_make(1).unwrap().bytes()
            })
        };
        let threads: Vec<_> = std::iter::repeat_with(made).take(8).collect();
        let keys: std::collections::BTreeSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(keys.len(), 1);
        std::fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn old_keys_go_and_the_newest_stays() {
        let folder = folder();
        for epoch in [1, 2, 3] {
            folder.read_or_make(epoch).unwrap();
        }
        folder.destroy_before(3).unwrap();
        assert!(folder.read(1).unwrap().is_none() && folder.read(2).unwrap().is_none() && folder.read(3).unwrap().is_some());
        assert!(!folder.has_before(3).unwrap() && folder.has_before(4).unwrap());
        std::fs::write(folder.file(4), "not a key").unwrap();
        assert!(matches!(folder.read(4), Err(KeyError::Damaged(_))));
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
}
