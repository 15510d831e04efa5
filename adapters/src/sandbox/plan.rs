//! `sandbox.plan` beside the provider's book: faults that whoever tries the product out asks for, a line each.
//!
//! ```text
//! pay declined
//! cancel lost
//! ```
//! The first word names the call (`confirm`, `cancel`, `pay`), the second the fault, as payment keys have it (`declined`, `timeout`, `late`,
//! `lost`, `never`). The file is read, and gone, at the next call that moves money; each line meets one call of its kind.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::fault::{self, Call, Fault};

/// The file's name.
pub(super) const FILE: &str = "sandbox.plan";
/// Most bytes of it that are read.
const MAX_BYTES: u64 = 64 << 10;

/// Takes the file away, and gives what it asked for. Lines that make no sense are passed over, and the log says so.
pub(super) fn take(path: &Path) -> Vec<(Call, Fault)> {
    let taken = path.with_extension("taken");
    match fs::rename(path, &taken) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "the sandbox's plan cannot be taken");
            return Vec::new();
        }
    }
    let mut text = String::new();
    let read = fs::File::open(&taken).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    if let Err(error) = read.and_then(|_| fs::remove_file(&taken)) {
        tracing::warn!(%error, "the sandbox's plan cannot be read");
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let known = lines.filter_map(|line| {
        let found = read_line(line);
        if found.is_none() {
            tracing::warn!(line, "the sandbox's plan has a line that names no call and fault");
        }
        found
    });
    known.collect()
}

fn read_line(line: &str) -> Option<(Call, Fault)> {
    let (call, fault) = line.split_once(' ')?;
    let call = match call {
        "confirm" => Call::Confirm,
        "cancel" => Call::Cancel,
        "pay" => Call::Pay,
        _ => return None,
    };
    fault::of_word(fault.trim()).map(|fault| (call, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_call_and_a_fault() {
        assert_eq!(read_line("pay declined"), Some((Call::Pay, Fault::Decline)));
        assert_eq!(read_line("cancel  timeout"), Some((Call::Cancel, Fault::Hide { silent_finds: 0 })));
        assert_eq!(read_line("confirm never"), Some((Call::Confirm, Fault::Silence)));
        for line in ["", "pay", "pay ok", "payout declined", "declined pay"] {
            assert_eq!(read_line(line), None, "{line}");
        }
    }
}
