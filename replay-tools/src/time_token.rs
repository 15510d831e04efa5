//! RFC 3161 time tokens for a signed head: a time-stamping authority says that the note was there at a time. Checked by the program that
//! everybody has for it, `openssl ts`; `docs/tree.md` says how to ask for one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Exit, Failed};

/// Checks that a token is for the bytes of a file and signed by an authority under one of these certificates; says when it was issued.
///
/// # Errors
/// When it does not hold, or there is no `openssl`.
pub(crate) fn check(note: &Path, token: &Path, authorities: &Path, untrusted: Option<&PathBuf>) -> Result<String, Failed> {
    let mut verify = Command::new("openssl");
    verify.args(["ts", "-verify", "-data"]).arg(note).arg("-in").arg(token).arg("-CAfile").arg(authorities);
    if let Some(untrusted) = untrusted {
        verify.arg("-untrusted").arg(untrusted);
    }
    let missing = |error| Failed::new(Exit::Unavailable, format!("openssl: {error}"), "time tokens are checked with openssl: install it");
    let checked = verify.output().map_err(missing)?;
    if !checked.status.success() {
        let said = String::from_utf8_lossy(&checked.stderr);
        let first = said.lines().find(|line| line.contains("error") || line.contains("FAILED")).unwrap_or("it is not for these bytes");
        let why = format!("{}: the time token does not hold: {first}", token.display());
        return Err(Failed::new(Exit::Refused, why, "is it the token of this very head, and --tsa the authority's certificate?"));
    }
    let shown = Command::new("openssl").args(["ts", "-reply", "-text", "-in"]).arg(token).output().map_err(missing)?;
    let text = String::from_utf8_lossy(&shown.stdout);
    let time = text.lines().find_map(|line| line.trim().strip_prefix("Time stamp: "));
    Ok(time.unwrap_or("a time that openssl does not show").to_owned())
}
