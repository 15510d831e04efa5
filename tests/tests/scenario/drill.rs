//! The tampering drill as it is documented (docs/tampering-drill.md), run whole: each deed of an owner of the database is found by
//! `verify`, and by an auditor with one kept head and public tools.

use std::path::Path;
use std::process::Command;

use daybook_tests::server::{binary, replay_tools};

#[test]
fn every_deed_is_found() {
    assert!(replay_tools().is_file(), "{} is no file: build daybook-replay-tools beside the server", replay_tools().display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/tampering-drill");
    let run = Command::new(script).env("DAYBOOK_BIN", binary()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.trim_end().ends_with("== Everything was found"), "{said}\n{complained}");
    // Four deeds and a restored backup, each by both; one proof whose event was shown otherwise, and one with a token of other bytes; a
    // head that is not the one that was stamped, one that nobody cosigned, and a log that is behind what its witness has seen.
    for (who, times) in [("verify", 5), ("auditor", 5), ("holder", 2), ("token", 1), ("witness", 2)] {
        let found = said.lines().filter(|line| line.trim_start().starts_with(who) && line.contains("found it: error")).count();
        assert_eq!(found, times, "{who}\n{said}");
    }
}
