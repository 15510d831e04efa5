//! A migration that was released never changes: a database may have run it. The list holds their SHA-256, and is only added to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::none;
use crate::source::{files, root};

const LIST: &str = "tests/golden/migrations.sha256";

/// Set it to have new files written into the list.
const ADD: &str = "DAYBOOK_GOLDEN_ADD";

/// Every migration with its digest; in the form that `sha256sum --check` reads.
fn found() -> BTreeMap<String, String> {
    let digest = |path: &str| Sha256::digest(std::fs::read(root().join(path)).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let migrations = files().into_iter().filter(|path| path.starts_with("migrations/"));
    migrations.map(|path| (path.clone(), digest(&path))).collect()
}

fn parse(list: &str) -> BTreeMap<String, String> {
    list.lines().filter_map(|line| line.split_once("  ")).map(|(digest, path)| (path.to_owned(), digest.to_owned())).collect()
}

#[test]
fn released_migrations_do_not_change() {
    let (path, found) = (root().join(LIST), found());
    let mut list = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    if std::env::var_os(ADD).is_some() {
        for (file, digest) in &found {
            list.entry(file.clone()).or_insert_with(|| digest.clone());
        }
        std::fs::write(&path, list.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect::<String>()).unwrap();
    }
    let changed: Vec<_> = list.iter().filter(|(file, digest)| found.get(*file) != Some(digest)).map(|(file, _)| file.clone()).collect();
    none(&changed, "Databases have run this file as it was. Bring it back, and write what is to change as the next migration.");
    let new: Vec<_> = found.keys().filter(|file| !list.contains_key(*file)).cloned().collect();
    none(&new, "Is it final? It stays as it is for ever. Then: DAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-tests --test tidy");
}
