//! Where the product's binary is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary under test: `DAYBOOK_BIN`, else the one beside this test, brought up to date once for each process.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("DAYBOOK_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "DAYBOOK_BIN names {}, which is no file", path.display());
            path
        }
        None => built(),
    })
}

/// The tools that look into a book from outside: beside the binary.
#[must_use]
pub fn replay_tools() -> PathBuf {
    binary().with_file_name("daybook-replay")
}

/// The binary as a command, with nothing of our own environment that would configure it.
#[must_use]
pub fn daybook() -> Command {
    let mut command = Command::new(binary());
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("DAYBOOK_"));
    for name in ours.chain(["DATABASE_URL".into(), "REDIS_URL".into()]) {
        command.env_remove(name);
    }
    command
}

/// Cargo builds no binaries of other packages for a test: ask it to. Its own lock makes others wait.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/PROFILE/deps").to_path_buf();
    let release = profile.file_name().is_some_and(|name| name == "release");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "daybook-api", "--bin", "daybook"]);
    build.args(["--package", "daybook-replay-tools", "--bin", "daybook-replay"]).args(release.then_some("--release"));
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "`cargo build -p daybook-api -p daybook-replay-tools` failed; see above");
    profile.join("daybook")
}
