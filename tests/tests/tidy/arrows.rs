//! Who may import whom (ARCHITECTURE.md, "Layout"), and which crates never come in at all.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::none;
use crate::source::root;

/// What each crate may import: complete for our own crates and for the groups of [`IO`]; other crates are free.
/// The runtime, tokio, belongs to whoever runs something.
const MAY: [(&str, &[&str]); 10] = [
    ("kernel", &[]),
    ("domain", &["kernel"]),
    ("commands", &["kernel", "domain", "eventlog"]),
    ("eventlog", &["kernel", "tokio", "sqlx", "moka"]),
    ("adapters", &["kernel", "tokio", "HTTP client", "WebSocket client", "lettre", "object_store"]),
    ("projections", &["kernel", "domain", "commands", "eventlog", "adapters", "tokio", "sqlx", "redis"]),
    ("api", &["kernel", "domain", "commands", "eventlog", "projections", "adapters", "console", "tokio", "axum"]),
    ("console", &["kernel", "domain", "commands", "eventlog", "projections", "adapters", "tokio", "axum"]),
    ("replay-tools", &["kernel", "domain", "eventlog", "projections", "tokio"]),
    (
        "tests",
        &[
            "kernel",
            "domain",
            "commands",
            "eventlog",
            "adapters",
            "projections",
            "api",
            "console",
            "replay-tools",
            "tokio",
            "sqlx",
            "redis",
            "HTTP client",
            "WebSocket client",
        ],
    ),
];

/// Crates that reach the outside, by what a table's row calls them.
const IO: [(&str, &[&str]); 9] = [
    ("tokio", &["tokio", "tokio-util", "tokio-stream", "async-std", "smol"]),
    ("sqlx", &["sqlx", "sea-query", "sea-query-sqlx", "jiff-sqlx", "rusqlite", "tokio-postgres", "postgres", "postgres-es"]),
    ("redis", &["redis", "fred", "deadpool-redis"]),
    ("axum", &["axum", "axum-extra", "axum-server", "tower-http", "hyper", "hyper-util", "async-graphql-axum"]),
    ("HTTP client", &["reqwest", "ureq", "isahc"]),
    ("WebSocket client", &["tungstenite", "tokio-tungstenite"]),
    ("lettre", &["lettre"]),
    ("object_store", &["object_store"]),
    ("moka", &["moka"]),
];

/// Crates that need a C toolchain beyond a compiler, or the system's own libraries.
const NEVER: [&str; 7] = ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "cmake", "libpq-sys"];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The members by their folders, each with its normal dependencies (for development and for the build, anything goes).
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let short = |package: &Value| package["name"].as_str().unwrap().trim_start_matches("daybook-").to_owned();
    let normal = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"].is_null()).map(short).collect()
    };
    packages.iter().map(|package| (short(package), normal(package))).collect()
}

#[test]
fn imports_follow_the_arrows() {
    none(
        &wrong(&dependencies()),
        "Move the code to a crate that may import it, or hand the value in. The table: ARCHITECTURE.md, \"Layout\".",
    );
}

/// Imports that the table does not have.
fn wrong(members: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<_, _> = MAY.into();
    let groups: BTreeMap<&str, &str> = IO.iter().flat_map(|(group, crates)| crates.iter().map(|name| (*name, *group))).collect();
    let mut findings = Vec::new();
    for (member, imports) in members {
        let Some(may) = allowed.get(member.as_str()) else {
            findings.push(format!("{member} is a new member: give it a row in tests/tests/tidy/arrows.rs and in ARCHITECTURE.md"));
            continue;
        };
        for import in imports.iter().map(String::as_str) {
            let guarded = allowed.get_key_value(import).map(|(name, _)| *name).or_else(|| groups.get(import).copied());
            if guarded.is_some_and(|name| !may.contains(&name)) {
                findings.push(format!("{member}/Cargo.toml: {member} must not import {import}"));
            }
        }
    }
    findings
}

#[test]
fn a_new_arrow_is_found() {
    let members = |member: &str, imports: &[&str]| BTreeMap::from([(member.to_owned(), imports.iter().map(|&i| i.to_owned()).collect())]);
    for (member, import) in [
        ("domain", "tokio"),
        ("domain", "eventlog"),
        ("commands", "projections"),
        ("eventlog", "domain"),
        ("api", "sea-query"),
        ("kernel", "moka"),
    ] {
        assert_eq!(wrong(&members(member, &["serde", import])).len(), 1, "{member} imports {import}");
    }
    assert_eq!(wrong(&members("extras", &[])).len(), 1);
    assert!(wrong(&members("projections", &["kernel", "sea-query-sqlx", "serde", "uuid"])).is_empty());
}

#[test]
fn no_crate_needs_more_than_a_c_compiler() {
    let tree =
        cargo(&["tree", "--workspace", "--all-features", "--locked", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"]);
    let crates: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name, version(rest))).collect();
    let mut findings: Vec<_> =
        crates.iter().filter(|(name, _)| NEVER.contains(name)).map(|(name, version)| format!("{name} {version} came in")).collect();
    let sqlite: Vec<_> = crates.iter().filter(|(name, _)| *name == "libsqlite3-sys").map(|(_, version)| *version).collect();
    if sqlite.len() != 1 {
        findings.push(format!("libsqlite3-sys must be there once, bundled; there is {sqlite:?}"));
    }
    none(
        &findings,
        "See who brings it: cargo tree --workspace --all-features --invert NAME. Turn its feature off (rustls with ring, no defaults).",
    );
}

fn version(rest: &str) -> &str {
    rest.split(' ').next().unwrap_or(rest)
}
