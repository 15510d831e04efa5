//! Where values come from, and which one counts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::ConfigError;
use super::keys::{self, KEYS, Key};
use super::nearest::nearest;

/// The environment's prefix of our own variables.
const PREFIX: &str = "DAYBOOK_";
/// Variables with the prefix that are no keys: of the tests, of this file's path, and what a cluster sets for a service of our name.
const FOREIGN: [&str; 4] = ["DAYBOOK_TEST_", "DAYBOOK_CONFIG", "DAYBOOK_SERVICE_", "DAYBOOK_PORT"];
/// Largest file that is read for configuration, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Values given on the command line, by the name of their key.
pub type Flags = BTreeMap<&'static str, String>;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// An environment variable.
    Env(String),
    /// `daybook.toml`.
    File(PathBuf),
    /// Nobody gave one.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Env(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The value of a key and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// Its value, if there is one.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?} ({})", self.key.name, self.value.as_deref().map(|v| keys::shown(self.key, v)), self.source)
    }
}

/// Every key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Puts the layers over one another. `file` must exist when it is named; without one there is no file layer.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown key, an unreadable file, or a value given twice at one level.
    pub fn resolve(flags: &Flags, env: impl IntoIterator<Item = (String, String)>, file: Option<&Path>) -> Result<Self, ConfigError> {
        let env: BTreeMap<_, _> = env.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        refuse_unknown_variables(&env)?;
        let file = match file {
            Some(path) => Some((path, read_toml(path)?)),
            None => None,
        };
        let settings = KEYS.iter().map(|key| {
            let (value, source) = match flags.get(key.name) {
                Some(value) => (Some(value.clone()), Source::Flag),
                None => match from_env(key, &env)? {
                    Some((value, name)) => (Some(value), Source::Env(name)),
                    None => match from_file(key, file.as_ref())? {
                        Some((value, path)) => (Some(value), Source::File(path)),
                        None => (key.default.map(str::to_owned), Source::Default),
                    },
                },
            };
            Ok(Setting { key, value, source })
        });
        settings.collect::<Result<_, _>>().map(Self)
    }

    /// The file to read: the one named by flag or `DAYBOOK_CONFIG`, else `daybook.toml` here if it exists.
    #[must_use]
    pub fn file(flag: Option<&Path>) -> Option<PathBuf> {
        let here = || Some(PathBuf::from("daybook.toml")).filter(|path| path.exists());
        flag.map(Path::to_owned).or_else(|| std::env::var_os("DAYBOOK_CONFIG").map(PathBuf::from)).or_else(here)
    }

    /// Every key with its value, in the order of [`KEYS`].
    #[must_use]
    pub fn all(&self) -> &[Setting] {
        &self.0
    }

    /// One key a line, secrets masked; with sources, behind each where it came from.
    #[must_use]
    pub fn shown(&self, sources: bool) -> String {
        let line = |setting: &Setting| {
            let value = setting.value.as_deref().map_or_else(|| "(not set)".to_owned(), |v| format!("{:?}", keys::shown(setting.key, v)));
            let source = if sources { format!("  # {}", setting.source) } else { String::new() };
            format!("{} = {value}{source}\n", setting.key.name)
        };
        self.0.iter().map(line).collect()
    }

    pub(super) fn optional<T: FromStr<Err: fmt::Display>>(&self, name: &'static str) -> Result<Option<T>, ConfigError> {
        let value = self.find(name).and_then(|setting| setting.value.as_deref());
        let invalid = |error: T::Err| ConfigError::Invalid { key: name, source_name: self.source_name(name), reason: error.to_string() };
        value.map(|value| value.parse().map_err(invalid)).transpose()
    }

    pub(super) fn required<T: FromStr<Err: fmt::Display>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let env = keys::find(name).map_or("", |key| key.env);
        self.optional(name)?.ok_or(ConfigError::Missing { key: name, env })
    }

    pub(super) fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.required::<String>(name)?.to_ascii_lowercase().as_str() {
            "on" | "true" | "1" | "yes" => Ok(true),
            "off" | "false" | "0" | "no" => Ok(false),
            _ => Err(ConfigError::Invalid { key: name, source_name: self.source_name(name), reason: "on or off is expected".to_owned() }),
        }
    }

    pub(super) fn source_name(&self, name: &str) -> String {
        self.find(name).map_or_else(String::new, |setting| setting.source.to_string())
    }

    fn find(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.key.name == name)
    }
}

fn refuse_unknown_variables(env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let foreign = |name: &str| FOREIGN.iter().any(|prefix| name.starts_with(prefix));
    let known = |name: &str| KEYS.iter().any(|key| name == key.env || name.strip_suffix("_FILE") == Some(key.env));
    match env.keys().find(|name| name.starts_with(PREFIX) && !foreign(name) && !known(name)) {
        None => Ok(()),
        Some(name) => {
            let meant = nearest(name, KEYS.iter().map(|key| key.env)).map(str::to_owned);
            Err(ConfigError::Unknown { key: name.clone(), source_name: "the environment".to_owned(), meant })
        }
    }
}

fn from_env(key: &Key, env: &BTreeMap<String, String>) -> Result<Option<(String, String)>, ConfigError> {
    let by_file = format!("{}_FILE", key.env);
    match (env.get(key.env), env.get(&by_file)) {
        (Some(_), Some(_)) => Err(ConfigError::Twice(key.env.to_owned())),
        (Some(value), None) => Ok(Some((value.clone(), key.env.to_owned()))),
        (None, Some(path)) => Ok(Some((content(Path::new(path))?, by_file))),
        (None, None) => Ok(None),
    }
}

fn from_file(key: &Key, file: Option<&(&Path, BTreeMap<String, String>)>) -> Result<Option<(String, PathBuf)>, ConfigError> {
    let Some((path, values)) = file else { return Ok(None) };
    let by_file = values.get(&format!("{}_file", key.name));
    match (values.get(key.name), by_file) {
        (Some(_), Some(_)) => Err(ConfigError::Twice(key.name.to_owned())),
        (Some(value), None) => Ok(Some((value.clone(), path.to_path_buf()))),
        // Beside the file that names it, wherever the server was started.
        (None, Some(other)) => Ok(Some((content(&path.parent().unwrap_or(Path::new("")).join(other))?, path.to_path_buf()))),
        (None, None) => Ok(None),
    }
}

fn read_toml(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let no_toml = |reason: String| ConfigError::NoToml { path: path.to_owned(), reason };
    let table: toml::Table = content(path)?.parse().map_err(|e: toml::de::Error| no_toml(e.message().to_owned()))?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        let known = KEYS.iter().any(|key| name == key.name || name.strip_suffix("_file") == Some(key.name));
        if !known {
            let meant = nearest(&name, KEYS.iter().map(|key| key.name)).map(str::to_owned);
            return Err(ConfigError::Unknown { key: name, source_name: path.display().to_string(), meant });
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Boolean(on) => if on { "on" } else { "off" }.to_owned(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Array(list) if list.iter().all(toml::Value::is_str) => {
                list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                return Err(no_toml(format!("`{name}` must be text, a list of texts, a whole number, true or false")));
            }
        };
        values.insert(name, text);
    }
    Ok(values)
}

/// A small text file without its last line's end.
fn content(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(unreadable(std::io::Error::other("larger than 64 KiB")));
    }
    fs::read_to_string(path).map(|text| text.trim_end().to_owned()).map_err(unreadable)
}
