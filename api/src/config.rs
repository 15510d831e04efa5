//! Configuration: flag over environment over `daybook.toml` over default, and every value knows where it came from.

mod door;
mod keys;
mod layers;
mod nearest;
mod sealing;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use domain::corporate::{BusinessNumber, NotABusinessNumber};
use domain::fee_invoice::Supplier;
use eventlog::{KeySource, StoreUrl};

use crate::tokens::SECRET_BYTES;
use crate::webhook::NoticeSecret;

pub use door::Door;
pub use keys::{KEYS, Key, Sensitivity};
pub use layers::{Flags, Setting, Settings, Source};
pub use nearest::nearest;
pub use sealing::TreeKey;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that does not exist.
    #[error("unknown key `{key}` in {source_name}")]
    Unknown {
        /// As written.
        key: String,
        /// Where it was found.
        source_name: String,
        /// A key that was perhaps meant.
        meant: Option<String>,
    },
    /// The value is not of the key's kind.
    #[error("`{key}` ({source_name}) is not usable: {reason}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// Where its value came from.
        source_name: String,
        /// What is wrong with it; never the value itself.
        reason: String,
    },
    /// A value and a file with the value, both at one level.
    #[error("both `{0}` and `{0}_FILE` are set")]
    Twice(String),
    /// `serve` cannot start without it.
    #[error("`{key}` is not set")]
    Missing {
        /// The key.
        key: &'static str,
        /// Its environment variable.
        env: &'static str,
    },
    /// A file could not be read.
    #[error("{path} cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is no TOML: {reason}")]
    NoToml {
        /// The file.
        path: PathBuf,
        /// What its reader says.
        reason: String,
    },
}

impl ConfigError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::Unknown { meant: None, .. } => "`daybook config --show` lists every key".to_owned(),
            Self::Invalid { key, .. } => keys::find(key).map_or_else(String::new, |known| format!("`{key}` is {}", known.about)),
            Self::Twice(name) => format!("keep one of `{name}` and `{name}_FILE`"),
            Self::Missing { key: "secret", env } => {
                format!("set {env} or {env}_FILE to 32 random bytes in hexadecimal, for example of `openssl rand -hex 32`")
            }
            Self::Missing { key: "tree_key", env } => {
                format!("set {env} or {env}_FILE to a key that signs tree heads: `daybook tree new-key --origin NAME -o FILE` makes one")
            }
            Self::Missing { key, env } => format!("set {env}, or `{key}` in daybook.toml"),
            Self::Unreadable { .. } => "check the path and its permissions".to_owned(),
            Self::NoToml { .. } => "each line is `key = \"value\"`".to_owned(),
        }
    }
}

/// The configured secret: 32 bytes that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A URL that may hold a password; `Debug` and `Display` mask it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(pub String);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&keys::masked_url(&self.0))
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&keys::masked_url(&self.0))
    }
}

/// Everything that is configurable, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The log and the read models.
    pub database_url: Option<SecretUrl>,
    /// The database's owner, for migrations on PostgreSQL.
    pub owner_database_url: Option<SecretUrl>,
    /// The same database past a pooling proxy, for LISTEN.
    pub listen_database_url: Option<SecretUrl>,
    /// Hot models; without it they are kept in process.
    pub redis_url: Option<SecretUrl>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where a worker tells how it is.
    pub worker_listen: Option<SocketAddr>,
    /// What every token key is derived from.
    pub secret: Option<Secret>,
    /// Uploads and, with SQLite, the databases.
    pub data: PathBuf,
    /// The folder of the keys that personal data are sealed under, outside of the database.
    pub keys_dir: Option<PathBuf>,
    /// The sandbox payment provider's own book.
    pub provider_book: PathBuf,
    /// How clients reach this server, for links; `http://{listen}` without it.
    pub public_url: String,
    /// May the business clock be moved?
    pub advance_clock: bool,
    /// Migrate at start?
    pub migrate: bool,
    /// Run projectors, processes, timers and effects in this process?
    pub workers: bool,
    /// Answer `__schema`?
    pub introspection: bool,
    /// The points that one caller's operations may cost in a minute; 0 for no end.
    pub cost_per_minute: Option<u64>,
    /// A file with the only documents that are executed.
    pub documents: Option<PathBuf>,
    /// Filter of log lines, as `info,sqlx=warn`.
    pub log: String,
    /// The name of this log in its signed tree heads.
    pub origin: String,
    /// What the network may do.
    pub door: Door,
    /// The keys that sign them, the current one first; their text.
    pub tree_key: Option<TreeKey>,
    /// The folder of the last signed head.
    pub heads_dir: PathBuf,
    /// What the payment provider charges, in basis points.
    pub provider_fee_bps: Option<u32>,
    /// What the payment provider signs its notices of payouts with.
    pub payout_notice_secret: Option<NoticeSecret>,
    /// Who invoices the fees.
    pub supplier: Supplier,
    /// Milliseconds between two signed heads.
    pub seal_every_ms: u64,
    /// So many new events are sealed without waiting.
    pub seal_events: u64,
}

impl Config {
    /// Reads the values of all keys.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let url = |name| Ok(settings.optional::<String>(name)?.map(SecretUrl));
        let listen: SocketAddr = settings.required("listen")?;
        let data: PathBuf = settings.required("data")?;
        let config = Self {
            database_url: url("database_url")?,
            owner_database_url: url("owner_database_url")?,
            listen_database_url: url("listen_database_url")?,
            redis_url: url("redis_url")?,
            listen,
            worker_listen: settings.optional("worker_listen")?,
            secret: settings.optional("secret")?,
            keys_dir: settings.optional("keys_dir")?,
            provider_book: settings.optional("provider_book")?.unwrap_or_else(|| data.join("provider.ndjson")),
            heads_dir: settings.optional("heads_dir")?.unwrap_or_else(|| data.join("heads")),
            data,
            public_url: settings.optional("public_url")?.unwrap_or_else(|| format!("http://{listen}")),
            advance_clock: settings.switch("advance_clock")?,
            migrate: settings.switch("migrate")?,
            workers: settings.switch("workers")?,
            introspection: settings.switch("introspection")?,
            cost_per_minute: settings.optional("cost_per_minute")?,
            documents: settings.optional("documents")?,
            log: settings.required("log")?,
            origin: settings.required("origin")?,
            door: Door::read(settings)?,
            tree_key: settings.optional("tree_key")?,
            provider_fee_bps: settings.optional("provider_fee_bps")?,
            payout_notice_secret: settings.optional("payout_notice_secret")?,
            supplier: supplier(settings)?,
            seal_every_ms: settings.required("seal_every_ms")?,
            seal_events: settings.required("seal_events")?,
        };
        if config.advance_clock && !listen.ip().is_loopback() {
            let reason = "a business clock that can be moved is not for a public address; listen on 127.0.0.1".to_owned();
            return Err(ConfigError::Invalid { key: "advance_clock", source_name: settings.source_name("advance_clock"), reason });
        }
        Ok(config)
    }

    /// Where epoch keys are: in the folder that is named, or beside an embedded database. A server's are never guessed: a folder
    /// that goes with its machine would take every name along.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn keys(&self, store: &StoreUrl) -> Result<KeySource, ConfigError> {
        match (&self.keys_dir, store) {
            (Some(folder), _) => Ok(KeySource::Folder(folder.clone())),
            (None, StoreUrl::Sqlite(_)) => Ok(KeySource::beside(store)),
            (None, StoreUrl::Postgres(_)) => {
                Err(ConfigError::Missing { key: "keys_dir", env: keys::find("keys_dir").map_or("", |k| k.env) })
            }
        }
    }

    /// What `serve` and `worker` cannot do without: the database and the secret.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn production(&self) -> Result<(&SecretUrl, &Secret), ConfigError> {
        let database = self.database()?;
        let secret = self.secret.as_ref().ok_or_else(|| missing("secret"))?;
        Ok((database, secret))
    }

    /// The database's address: all that migrations need.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn database(&self) -> Result<&SecretUrl, ConfigError> {
        self.database_url.as_ref().ok_or_else(|| missing("database_url"))
    }
}

fn supplier(settings: &Settings) -> Result<Supplier, ConfigError> {
    let key = "supplier_registration_number";
    let wrong = |error: NotABusinessNumber| ConfigError::Invalid { key, source_name: settings.source_name(key), reason: error.to_string() };
    let number = settings.optional::<String>(key)?.map(|text| BusinessNumber::parse(&text).map_err(wrong)).transpose()?;
    Ok(Supplier {
        registration_number: number.map(|number| number.digits().to_owned()),
        name: settings.optional("supplier_name")?,
        representative: settings.optional("supplier_representative")?,
        address: settings.optional("supplier_address")?,
    })
}

fn missing(key: &'static str) -> ConfigError {
    ConfigError::Missing { key, env: keys::find(key).map_or("", |known| known.env) }
}

impl std::str::FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use base64::Engine as _;
        let hex = || (0..text.len()).step_by(2).map(|i| text.get(i..i + 2).and_then(|b| u8::from_str_radix(b, 16).ok())).collect();
        let bytes: Option<Vec<u8>> =
            if text.len() == 2 * SECRET_BYTES { hex() } else { base64::engine::general_purpose::STANDARD.decode(text).ok() };
        let bytes = bytes.and_then(|b| <[u8; SECRET_BYTES]>::try_from(b).ok());
        let bytes = bytes.ok_or_else(|| "32 bytes are expected, in hexadecimal or base64".to_owned())?;
        let first = bytes[0];
        if bytes.iter().all(|&b| b == first) { Err("32 equal bytes are no secret".to_owned()) } else { Ok(Self(bytes)) }
    }
}
