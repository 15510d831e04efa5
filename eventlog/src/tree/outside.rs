//! What is kept outside of the database: the last signed head of each origin, and signing keys.
//!
//! The head's file is what tells a restored backup from the book that was signed; a backup of the database must not take it along.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::head::{HeadError, SignedHead};
use super::note::{NoteError, SigningKey};

const SUFFIX: &str = ".checkpoint";
/// What witnesses have cosigned lies beside it: it proves nothing of what this log signed last, and is never read as that.
const COSIGNED: &str = ".cosigned";
/// Largest file that is read: a head with its signatures, or keys.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Why a file outside of the database cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OutsideError {
    /// The file or its folder cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: Arc<Error>,
    },
    /// The file holds no signed head.
    #[error("{path} holds no signed head: {cause}")]
    Head {
        /// Which one.
        path: PathBuf,
        /// What it holds instead.
        cause: HeadError,
    },
    /// The file or text holds no signing key.
    #[error("the signing key: {0}")]
    Key(#[from] NoteError),
}

/// The folder of the heads that were signed last: one file for each origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadsFolder(PathBuf);

impl HeadsFolder {
    /// The folder at a path; made when a head is written.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file of an origin: whatever is no letter, digit, dot, hyphen or underscore is written as `%` and two digits.
    #[must_use]
    pub fn file(&self, origin: &str) -> PathBuf {
        self.0.join(format!("{}{SUFFIX}", escaped(origin)))
    }

    /// The last head of an origin, if there is one.
    ///
    /// # Errors
    /// [`OutsideError`] when the file cannot be read or holds something else.
    pub fn read(&self, origin: &str) -> Result<Option<SignedHead>, OutsideError> {
        read_of(self.file(origin), origin)
    }

    /// The file of the last head of an origin that witnesses have cosigned.
    #[must_use]
    pub fn cosigned_file(&self, origin: &str) -> PathBuf {
        self.0.join(format!("{}{COSIGNED}", escaped(origin)))
    }

    /// The last head of an origin that witnesses have cosigned, with their lines, if there is one. Nobody has looked at them yet.
    ///
    /// # Errors
    /// Like [`HeadsFolder::read`].
    pub fn cosigned(&self, origin: &str) -> Result<Option<SignedHead>, OutsideError> {
        read_of(self.cosigned_file(origin), origin)
    }

    /// Keeps a head that witnesses have cosigned, for whoever serves the tree.
    ///
    /// # Errors
    /// [`OutsideError::File`].
    pub fn publish(&self, head: &SignedHead) -> Result<(), OutsideError> {
        self.replace(self.cosigned_file(&head.head.origin), &head.note)
    }
    /// The last heads of all origins.
    ///
    /// # Errors
    /// Like [`HeadsFolder::read`].
    pub fn all(&self) -> Result<Vec<SignedHead>, OutsideError> {
        let failed = |cause| failed(&self.0, cause);
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Error>>().map_err(failed)?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let mut heads = Vec::new();
        for path in entries.into_iter().filter(|path| path.to_string_lossy().ends_with(SUFFIX)) {
            if let Some(note) = content(&path)? {
                heads.push(SignedHead::read(&note).map_err(|cause| OutsideError::Head { path, cause })?);
            }
        }
        heads.sort_by_key(|head| head.head.size);
        Ok(heads)
    }

    /// Keeps a head in place of the one before; durable when this returns, and never half written.
    ///
    /// # Errors
    /// [`OutsideError::File`].
    pub fn write(&self, head: &SignedHead) -> Result<(), OutsideError> {
        self.replace(self.file(&head.head.origin), &head.note)
    }

    fn replace(&self, path: PathBuf, note: &str) -> Result<(), OutsideError> {
        let part = self.0.join(format!("{}.part", Uuid::new_v4().simple()));
        let written = std::fs::DirBuilder::new()
            .recursive(true)
            .create(&self.0)
            .and_then(|()| write_new(&part, note.as_bytes(), 0o644))
            .and_then(|()| std::fs::rename(&part, &path))
            .and_then(|()| File::open(&self.0)?.sync_all());
        if written.is_err() {
            // Best effort: a part that stays is no head.
            let _ = std::fs::remove_file(&part);
        }
        written.map_err(|cause| failed(&path, cause))
    }
}

/// The head of an origin in a file, if there is one.
fn read_of(path: PathBuf, origin: &str) -> Result<Option<SignedHead>, OutsideError> {
    let Some(note) = content(&path)? else { return Ok(None) };
    let head = SignedHead::read(&note).map_err(|cause| OutsideError::Head { path: path.clone(), cause })?;
    if head.head.origin == origin {
        Ok(Some(head))
    } else {
        Err(OutsideError::Head { path, cause: HeadError::Malformed("it is of another origin") })
    }
}

/// The keys of a text: one a line, the one that is current first. The others sign, too, until everybody knows the first.
///
/// # Errors
/// [`OutsideError::Key`] when a line is none, when there is none, or when they are of several origins.
pub fn read_keys(text: &str) -> Result<Vec<SigningKey>, OutsideError> {
    let keys = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::parse).collect::<Result<Vec<SigningKey>, _>>()?;
    let of_one = keys.windows(2).all(|two| two[0].verifier().name() == two[1].verifier().name());
    if keys.is_empty() || !of_one { Err(NoteError::Signer.into()) } else { Ok(keys) }
}

/// The key of an origin in a file that only its owner can read; made when it is not there.
///
/// # Errors
/// [`OutsideError`] when the file cannot be used or holds something else.
pub fn key_file(path: &Path, origin: &str) -> Result<Vec<SigningKey>, OutsideError> {
    if let Some(text) = content(path)?.map(Zeroizing::new) {
        return read_keys(&text);
    }
    let key = SigningKey::generate(origin)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|cause| failed(folder, cause))?;
    }
    let mut text = key.secret_text();
    text.push('\n');
    write_new(path, text.as_bytes(), 0o600).map_err(|cause| failed(path, cause))?;
    Ok(vec![key])
}

fn escaped(origin: &str) -> String {
    origin.bytes().fold(String::new(), |mut name, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
        name
    })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A small text file; none when it is not there.
fn content(path: &Path) -> Result<Option<String>, OutsideError> {
    let mut text = String::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    };
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|cause| failed(path, cause))?;
    Ok(Some(text))
}

fn failed(path: &Path, cause: Error) -> OutsideError {
    OutsideError::File { path: path.to_owned(), cause: Arc::new(cause) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::tree::head::TreeHead;
    use crate::tree::note::sign;

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("daybook-heads-{}", Uuid::new_v4().simple()))
    }

    #[test]
    fn a_head_replaces_the_one_before() {
        let heads = HeadsFolder::new(folder());
        let key = SigningKey::generate("daybook.local/dev").unwrap();
        assert_eq!(heads.read("daybook.local/dev").unwrap(), None);
        assert_eq!(heads.all().unwrap(), []);
        for size in [1, 2] {
            let head = TreeHead { origin: "daybook.local/dev".into(), size, root: [1; 32] };
            let note = sign(&head.to_string(), std::slice::from_ref(&key));
            heads.write(&SignedHead { head, note }).unwrap();
            assert_eq!(heads.read("daybook.local/dev").unwrap().unwrap().head.size, size);
        }
        assert_eq!(heads.all().unwrap().len(), 1);
        assert_eq!(heads.file("daybook.local/dev").file_name().unwrap(), "daybook.local%2fdev.checkpoint");
        std::fs::write(heads.file("b"), std::fs::read(heads.file("daybook.local/dev")).unwrap()).unwrap();
        assert!(matches!(heads.read("b"), Err(OutsideError::Head { .. })));
        std::fs::write(heads.file("b"), "half").unwrap();
        assert!(matches!(heads.read("b"), Err(OutsideError::Head { .. })) && heads.all().is_err());
        std::fs::remove_file(heads.file("b")).unwrap();
        // What is cosigned is published beside it, and is no head that was signed last.
        let cosigned = heads.read("daybook.local/dev").unwrap().unwrap();
        assert_eq!(heads.cosigned("daybook.local/dev").unwrap(), None);
        heads.publish(&cosigned).unwrap();
        assert_eq!((heads.cosigned("daybook.local/dev").unwrap(), heads.all().unwrap().len()), (Some(cosigned), 1));
        std::fs::remove_dir_all(heads.0).unwrap();
    }

    #[test]
    fn a_key_is_made_once_and_readable_by_its_owner_only() {
        let path = folder().join("tree.key");
        let made = key_file(&path, "a").unwrap();
        let again = key_file(&path, "ignored").unwrap();
        assert_eq!(made[0].verifier(), again[0].verifier());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let [old, other] = ["a", "b"].map(|name| SigningKey::generate(name).unwrap().secret_text());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(read_keys(&format!("{}\n{text}\n", *old)).unwrap().len(), 2);
        assert!(read_keys(&format!("{}\n{text}", *other)).is_err() && read_keys("").is_err() && read_keys("x").is_err());
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
