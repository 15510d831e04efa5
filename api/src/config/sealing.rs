//! How the log is sealed: keys, folder, pace.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use eventlog::tree::{Sealing, read_keys};

use super::{Config, ConfigError, keys};

/// The text of the keys that sign tree heads; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TreeKey(String);

impl fmt::Debug for TreeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TreeKey(…)")
    }
}

impl FromStr for TreeKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_keys(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl Config {
    /// How the log is sealed. A worker does not start without a key: a log that nobody signs proves nothing.
    ///
    /// # Errors
    /// [`ConfigError::Missing`]; [`ConfigError::Invalid`] when the key is of another origin.
    pub fn sealing(&self) -> Result<Sealing, ConfigError> {
        let missing = || ConfigError::Missing { key: "tree_key", env: keys::find("tree_key").map_or("", |key| key.env) };
        let invalid = |reason: String| ConfigError::Invalid { key: "tree_key", source_name: "the configuration".to_owned(), reason };
        let TreeKey(text) = self.tree_key.as_ref().ok_or_else(missing)?;
        let signing = read_keys(text).map_err(|error| invalid(error.to_string()))?;
        let sealing = Sealing::new(signing, &self.heads_dir).map_err(|error| invalid(error.to_string()))?;
        if sealing.origin() != self.origin {
            return Err(invalid(format!("it is the key of {}, and the origin is {}", sealing.origin(), self.origin)));
        }
        Ok(sealing.paced(Duration::from_millis(self.seal_every_ms), self.seal_events))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use eventlog::tree::SigningKey;

    use super::super::{Flags, Settings};
    use super::*;

    fn config(key: Option<&str>, origin: &str) -> Config {
        let key = key.map(|key| ("DAYBOOK_TREE_KEY".to_owned(), key.to_owned()));
        let variables = [("DAYBOOK_ORIGIN".to_owned(), origin.to_owned())].into_iter().chain(key);
        Config::read(&Settings::resolve(&Flags::new(), variables, None).unwrap()).unwrap()
    }

    #[test]
    fn a_key_is_of_the_origin() {
        let [first, second] = ["books.example/main", "books.example/main"].map(|name| SigningKey::generate(name).unwrap().secret_text());
        let both = format!("{}\n{}\n", *first, *second);
        let read = config(Some(&both), "books.example/main");
        assert_eq!(read.sealing().unwrap().origin(), "books.example/main");
        assert!(!format!("{read:?}").contains("PRIVATE"));
        assert!(config(Some(&both), "books.example/other").sealing().unwrap_err().to_string().contains("books.example/other"));
        let none = config(None, "books.example/main").sealing().unwrap_err();
        assert!(none.to_string().contains("tree_key") && none.hint().contains("daybook tree new-key"), "{none}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_shown() {
        let variables = [("DAYBOOK_TREE_KEY".to_owned(), "hunter2".to_owned())];
        let settings = Settings::resolve(&Flags::new(), variables, None).unwrap();
        let said = Config::read(&settings).unwrap_err().to_string();
        assert!(said.contains("tree_key") && !said.contains("hunter2"), "{said}");
        assert!(!settings.shown(true).contains("hunter2"));
    }
}
