//! Object storage for photos and documents (EXT-04), with a local folder for the embedded default.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::BoxFuture;

/// The greatest object that a folder takes unless told otherwise, in bytes.
pub const DEFAULT_MAX_BYTES: usize = 10 * 1024 * 1024;
/// The longest object name, in bytes.
pub const MAX_NAME_BYTES: usize = 100;

/// The name of an object: an id, so lower-case letters, digits and inner hyphens. It can name no other folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName(String);

impl ObjectName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectName {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(plain);
        if fits && !text.starts_with('-') && !text.ends_with('-') { Ok(Self(text.to_owned())) } else { Err(ObjectError::Name) }
    }
}

/// What kind of bytes an object may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `application/pdf`
    Pdf,
}

impl ContentType {
    /// Every type there is.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Webp, Self::Pdf];

    /// The MIME type.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    /// The ending of a file of this type, without the dot.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Pdf => "pdf",
        }
    }

    /// Do the bytes begin as a file of this type does? A guard against a script dressed up as a picture.
    #[must_use]
    pub fn matches(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => bytes.starts_with(&[0xff, 0xd8, 0xff]),
            Self::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::Webp => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            Self::Pdf => bytes.starts_with(b"%PDF-"),
        }
    }
}

impl FromStr for ContentType {
    type Err = ObjectError;

    fn from_str(mime: &str) -> Result<Self, ObjectError> {
        Self::ALL.into_iter().find(|known| known.mime() == mime).ok_or(ObjectError::ContentType)
    }
}

/// An object as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What the bytes are.
    pub content_type: ContentType,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why an object could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Not an id.
    #[error("an object's name is an id of lower-case letters, digits and hyphens")]
    Name,
    /// A type that is not accepted.
    #[error("objects of this type are not accepted")]
    ContentType,
    /// Larger than the store takes.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// The name is taken by other bytes: what was stored as evidence is never replaced.
    #[error("another object has this name")]
    Taken,
    /// No object has this name.
    #[error("no such object")]
    NotFound,
    /// The storage failed.
    #[error("object storage: {0}")]
    Io(#[from] io::Error),
}

impl ObjectError {
    /// May the same call succeed later?
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Io(_) => true,
            Self::Name | Self::ContentType | Self::TooLarge { .. } | Self::Taken | Self::NotFound => false,
        }
    }
}

/// What a store's method returns.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, ObjectError>>;

/// Keeps bytes under ids. An object never changes: storing the same bytes again is no error, other bytes are.
pub trait ObjectStore: Send + Sync {
    /// Stores an object; durable when it returns.
    fn put(&self, name: ObjectName, content_type: ContentType, bytes: Vec<u8>) -> Stored<'_, ()>;

    /// Reads an object back.
    fn get(&self, name: ObjectName) -> Stored<'_, Object>;

    /// Is there an object of this name?
    fn exists(&self, name: ObjectName) -> Stored<'_, bool>;
}

/// A folder on this machine: one file per object, named `{name}.{ending}`.
#[derive(Clone, Debug)]
pub struct FolderStore {
    folder: Arc<Folder>,
}

impl FolderStore {
    /// Opens or makes the folder; `max_bytes` limits one object.
    ///
    /// # Errors
    /// [`ObjectError::Io`] when the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>, max_bytes: usize) -> Result<Self, ObjectError> {
        let path = folder.into();
        fs::create_dir_all(&path)?;
        Ok(Self { folder: Arc::new(Folder { path, max_bytes, storing: Mutex::new(()) }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Folder) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || act(&folder)).await.map_err(io::Error::other)?
    }
}

impl ObjectStore for FolderStore {
    fn put(&self, name: ObjectName, content_type: ContentType, bytes: Vec<u8>) -> Stored<'_, ()> {
        Box::pin(self.blocking(move |folder| folder.put(&name, content_type, &bytes)))
    }

    fn get(&self, name: ObjectName) -> Stored<'_, Object> {
        Box::pin(self.blocking(move |folder| folder.get(&name)?.ok_or(ObjectError::NotFound)))
    }

    fn exists(&self, name: ObjectName) -> Stored<'_, bool> {
        Box::pin(self.blocking(move |folder| Ok(folder.find(&name)?.is_some())))
    }
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    max_bytes: usize,
    /// Held from the look to the rename, so that two uploads under one name cannot both find it free.
    storing: Mutex<()>,
}

impl Folder {
    fn put(&self, name: &ObjectName, content_type: ContentType, bytes: &[u8]) -> Result<(), ObjectError> {
        if bytes.len() > self.max_bytes {
            return Err(ObjectError::TooLarge { max_bytes: self.max_bytes });
        }
        let _storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = self.get(name)? {
            return if stored.content_type == content_type && stored.bytes == bytes { Ok(()) } else { Err(ObjectError::Taken) };
        }
        // A dot first and no known ending: a half-written file is never taken for an object.
        let draft = self.path.join(format!(".{}.tmp", Uuid::new_v4()));
        let written = write_synced(&draft, bytes).and_then(|()| fs::rename(&draft, self.file(name, content_type)));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&draft);
        }
        written?;
        // The rename itself is durable only once the folder is.
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    fn get(&self, name: &ObjectName) -> Result<Option<Object>, ObjectError> {
        let Some((content_type, path)) = self.find(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        // One byte past the limit shows a file that somebody else put there, without reading all of it.
        File::open(path)?.take(self.max_bytes as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > self.max_bytes {
            return Err(ObjectError::TooLarge { max_bytes: self.max_bytes });
        }
        Ok(Some(Object { content_type, bytes }))
    }

    fn find(&self, name: &ObjectName) -> Result<Option<(ContentType, PathBuf)>, ObjectError> {
        for content_type in ContentType::ALL {
            let path = self.file(name, content_type);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() => return Ok(Some((content_type, path))),
                Ok(_) => return Err(ObjectError::Taken),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn file(&self, name: &ObjectName, content_type: ContentType) -> PathBuf {
        self.path.join(format!("{name}.{}", content_type.ending()))
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
