#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use std::path::Path;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("daybook-config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn resolved(flags: &Flags, pairs: &[(&str, &str)], file: Option<&Path>) -> Result<Settings, ConfigError> {
    Settings::resolve(flags, env(pairs), file)
}

fn source(settings: &Settings, name: &str) -> (Option<String>, Source) {
    let setting = settings.all().iter().find(|s| s.key.name == name).unwrap();
    (setting.value.clone(), setting.source.clone())
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let folder = Folder::new();
    let file = folder.file("daybook.toml", "listen = \"127.0.0.1:1\"\nlog = \"warn\"\nworkers = false\n");
    let flags = Flags::from([("listen", "127.0.0.1:3".to_owned())]);
    let variables = [("DAYBOOK_LISTEN", "127.0.0.1:2"), ("DAYBOOK_LOG", "debug"), ("HOME", "/")];
    let settings = resolved(&flags, &variables, Some(&file)).unwrap();
    assert_eq!(source(&settings, "listen"), (Some("127.0.0.1:3".to_owned()), Source::Flag));
    assert_eq!(source(&settings, "log"), (Some("debug".to_owned()), Source::Env("DAYBOOK_LOG".to_owned())));
    assert_eq!(source(&settings, "workers"), (Some("off".to_owned()), Source::File(file)));
    assert_eq!(source(&settings, "migrate"), (Some("on".to_owned()), Source::Default));
    let config = Config::read(&settings).unwrap();
    assert!(!config.workers && config.migrate && !config.advance_clock);
    assert_eq!(config.public_url, "http://127.0.0.1:3");
    assert_eq!(config.provider_book, Path::new("daybook-data/provider.ndjson"));
}

#[test]
fn unknown_keys_are_errors_with_a_near_miss() {
    let folder = Folder::new();
    let file = folder.file("daybook.toml", "databse_url = \"sqlite://x\"\n");
    let error = resolved(&Flags::new(), &[], Some(&file)).unwrap_err();
    assert_eq!(error.hint(), "did you mean `database_url`?");
    let error = resolved(&Flags::new(), &[("DAYBOOK_LISTNE", "x")], None).unwrap_err();
    assert_eq!(error.hint(), "did you mean `DAYBOOK_LISTEN`?");
    let error = resolved(&Flags::new(), &[("DAYBOOK_XYZZY_PLUGH_QUX", "x")], None).unwrap_err();
    assert!(error.hint().contains("config --show"), "{error}");
    assert!(resolved(&Flags::new(), &[("DAYBOOK_TEST_DATABASE_URL", "x"), ("DAYBOOK_PORT_80_TCP", "x")], None).is_ok());
}

#[test]
fn secrets_come_from_files_too_and_are_never_shown() {
    let folder = Folder::new();
    let file = folder.file("secret", &format!("{SECRET}\n"));
    let path = file.to_str().unwrap();
    let variables = [("DAYBOOK_SECRET_FILE", path), ("DATABASE_URL", "postgres://app:hunter2@db/daybook?password=hunter2")];
    let settings = resolved(&Flags::new(), &variables, None).unwrap();
    let config = Config::read(&settings).unwrap();
    let (database, secret) = config.production().unwrap();
    assert_eq!(secret.0[31], 31);
    assert!(database.0.contains("hunter2"));
    for shown in [settings.shown(true), format!("{settings:?}"), format!("{config:?}"), database.to_string()] {
        assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
    }
    assert!(settings.shown(true).contains("secret = \"********\"  # DAYBOOK_SECRET_FILE"));
    let both = [("DAYBOOK_SECRET_FILE", path), ("DAYBOOK_SECRET", SECRET)];
    assert!(matches!(resolved(&Flags::new(), &both, None), Err(ConfigError::Twice(_))));
}

#[test]
fn a_secret_file_is_found_beside_the_file_that_names_it() {
    let folder = Folder::new();
    folder.file("key", SECRET);
    let file = folder.file("daybook.toml", "secret_file = \"key\"\n");
    let config = Config::read(&resolved(&Flags::new(), &[], Some(&file)).unwrap()).unwrap();
    assert!(config.secret.is_some());
}

#[test]
fn bad_values_are_named_but_not_repeated() {
    for (name, value) in [("DAYBOOK_LISTEN", "nowhere"), ("DAYBOOK_WORKERS", "perhaps"), ("DAYBOOK_SECRET", "tooshort")] {
        let settings = resolved(&Flags::new(), &[(name, value)], None).unwrap();
        let error = Config::read(&settings).unwrap_err();
        assert!(error.to_string().contains(name) && !error.hint().is_empty(), "{error}");
        assert!(!error.to_string().contains("tooshort"));
    }
    assert!("00".repeat(32).parse::<Secret>().is_err());
}

#[test]
fn nothing_starts_without_a_secret_and_no_clock_moves_in_public() {
    let settings = resolved(&Flags::new(), &[("DATABASE_URL", "sqlite://x")], None).unwrap();
    let config = Config::read(&settings).unwrap();
    assert!(config.production().unwrap_err().hint().contains("DAYBOOK_SECRET_FILE"));
    let variables = [("DAYBOOK_ADVANCE_CLOCK", "on"), ("DAYBOOK_LISTEN", "0.0.0.0:4480")];
    assert!(Config::read(&resolved(&Flags::new(), &variables, None).unwrap()).is_err());
}

#[test]
fn an_unreadable_file_is_an_error() {
    assert!(matches!(resolved(&Flags::new(), &[], Some(Path::new("/no/such/daybook.toml"))), Err(ConfigError::Unreadable { .. })));
    let folder = Folder::new();
    let file = folder.file("daybook.toml", "= nonsense");
    assert!(matches!(resolved(&Flags::new(), &[], Some(&file)), Err(ConfigError::NoToml { .. })));
}

#[test]
fn what_may_stay_open_is_configured() {
    let room = |pairs: &[(&str, &str)]| Config::read(&resolved(&Flags::new(), pairs, None).unwrap()).map(|config| config.door.room);
    let usual = room(&[]).unwrap();
    assert_eq!(
        (usual.connections, usual.connections_per_address, usual.sockets_per_address, usual.subscriptions_per_caller),
        (20_000, 1_000, 200, 100)
    );
    let many = [("DAYBOOK_MAX_CONNECTIONS", "30000"), ("DAYBOOK_LIMIT_SOCKETS_PER_ADDRESS", "10000")];
    let many = room(&many).unwrap();
    assert_eq!((many.connections, many.sockets_per_address), (30_000, 10_000));
    let off = room(&[("DAYBOOK_LIMITS", "off"), ("DAYBOOK_LIMIT_SOCKETS_PER_ADDRESS", "5")]).unwrap();
    assert_eq!((off.connections, off.sockets_per_address, off.subscriptions_per_caller), (20_000, 0, 0), "there is always an end to all");
    assert!(room(&[("DAYBOOK_MAX_CONNECTIONS", "0")]).is_err() && room(&[("DAYBOOK_MAX_CONNECTIONS", "many")]).is_err());
}
