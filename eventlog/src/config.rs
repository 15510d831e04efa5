//! Where a book's log is kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How to open one book.
#[derive(Clone)]
pub struct Config {
    /// Where the log is kept.
    pub url: StoreUrl,
    /// Keys the fingerprints of receipts (HMAC-SHA256). A book keeps one secret for life: under another, every retry of
    /// an old key is refused as reuse.
    pub secret: [u8; 32],
    /// Bring the schema up to date first; without it an outdated schema is refused.
    pub migrate: bool,
    /// Where the keys of personal data are wrapped from.
    pub keys: KeySource,
}

/// Where a book's epoch keys are: never in its database (docs/sealing.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Nowhere: the log can be read and verified, nothing personal can be sealed or opened.
    Absent,
    /// A folder, made when it is not there; every node of the book uses the same one.
    Folder(PathBuf),
}

impl KeySource {
    /// The folder `keys` in the data folder of a book on SQLite; a book on PostgreSQL names its own.
    #[must_use]
    pub fn beside(url: &StoreUrl) -> Self {
        match url {
            StoreUrl::Sqlite(folder) => Self::Folder(folder.join("keys")),
            StoreUrl::Postgres(_) => Self::Absent,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("url", &self.url).field("migrate", &self.migrate).finish_non_exhaustive()
    }
}

/// The log's file in its data folder.
pub(crate) const LOG_FILE: &str = "log.db";

/// A log's place: a data folder (SQLite) or a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The data folder; the log is the file `log.db` in it.
    Sqlite(PathBuf),
    /// A `postgres://` address.
    Postgres(String),
}

impl StoreUrl {
    /// The log's file, where there is one.
    #[must_use]
    pub fn log_file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(folder) => Some(folder.join(LOG_FILE)),
            Self::Postgres(_) => None,
        }
    }
}

/// Never shows an address's password.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(folder) => write!(f, "sqlite://{}", folder.display()),
            Self::Postgres(url) => write!(f, "postgres://…@{}", url.rsplit('@').next().unwrap_or_default()),
        }
    }
}

/// The address names no store that we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store is sqlite://FOLDER or postgres://USER@HOST/DATABASE")]
pub struct InvalidUrl;

impl FromStr for StoreUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if let Some(folder) = text.strip_prefix("sqlite://").filter(|folder| !folder.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(folder)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(InvalidUrl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_address() {
        assert_eq!("sqlite:///var/lib/book".parse(), Ok(StoreUrl::Sqlite("/var/lib/book".into())));
        assert_eq!("postgres://a@b/c".parse(), Ok(StoreUrl::Postgres("postgres://a@b/c".into())));
        assert_eq!("sqlite://".parse::<StoreUrl>(), Err(InvalidUrl));
        assert_eq!("mysql://a".parse::<StoreUrl>(), Err(InvalidUrl));
    }

    #[test]
    fn never_shows_a_password() {
        let url = StoreUrl::Postgres("postgres://me:hush@db/book".into());
        let config = Config { url, secret: [7; 32], migrate: true, keys: KeySource::Absent };
        let shown = format!("{config:?}");
        assert!(!shown.contains("hush") && !shown.contains('7') && shown.contains("db/book"), "{shown}");
    }
}
