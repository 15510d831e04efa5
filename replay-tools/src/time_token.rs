//! RFC 3161 time tokens for a signed head: a time-stamping authority says that the note was there at a time. Checked by the program that
//! everybody has for it, `openssl ts`; `docs/tree.md` says how to ask for one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Args;

use crate::cli::{Exit, Failed};

/// A time token, and who may have issued it.
#[derive(Clone, Debug, Default, Args)]
pub struct TimeToken {
    /// A time token (RFC 3161) for the signed head; checked with openssl.
    #[arg(long = "time-token", value_name = "FILE", requires = "authority")]
    pub token: Option<PathBuf>,
    /// The certificate of the time-stamping authority, or of who certified it.
    #[arg(long = "tsa", value_name = "FILE")]
    pub authority: Option<PathBuf>,
    /// Certificates between that one and the token's signer.
    #[arg(long = "tsa-untrusted", value_name = "FILE")]
    pub untrusted: Option<PathBuf>,
}

impl TimeToken {
    /// When the token was issued, if one was given: checks that it is for one of these texts, and signed by an authority under one of
    /// the certificates.
    ///
    /// # Errors
    /// When it does not hold, or there is no `openssl`.
    pub(crate) fn time(&self, texts: &[&str]) -> Result<Option<String>, Failed> {
        let (Some(token), Some(authority)) = (&self.token, &self.authority) else { return Ok(None) };
        let mut why = None;
        for text in texts {
            let checked = self.verified(text, token, authority).map_err(missing)?;
            if checked.status.success() {
                return issued_at(token).map(Some);
            }
            why.get_or_insert(String::from_utf8_lossy(&checked.stderr).into_owned());
        }
        let said = why.unwrap_or_default();
        let first = said.lines().find(|line| line.contains("error") || line.contains("FAILED")).unwrap_or("it is not for these bytes");
        let why = format!("{}: the time token does not hold: {first}", token.display());
        Err(Failed::new(Exit::Refused, why, "is it the token of this very head, and --tsa the authority's certificate?"))
    }

    fn verified(&self, text: &str, token: &Path, authority: &Path) -> std::io::Result<Output> {
        let mut verify = Command::new("openssl");
        verify.args(["ts", "-verify", "-data", "/dev/stdin", "-in"]).arg(token).arg("-CAfile").arg(authority);
        if let Some(untrusted) = &self.untrusted {
            verify.arg("-untrusted").arg(untrusted);
        }
        let mut child = verify.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // Where it ends before it has read all, its verdict says why.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait_with_output()
    }
}

fn missing(error: std::io::Error) -> Failed {
    Failed::new(Exit::Unavailable, format!("openssl: {error}"), "time tokens are checked with openssl: install it")
}

/// The time that a token names.
fn issued_at(token: &Path) -> Result<String, Failed> {
    let shown = Command::new("openssl").args(["ts", "-reply", "-text", "-in"]).arg(token).output().map_err(missing)?;
    let text = String::from_utf8_lossy(&shown.stdout);
    let time = text.lines().find_map(|line| line.trim().strip_prefix("Time stamp: "));
    Ok(time.unwrap_or("a time that openssl does not show").to_owned())
}
