//! The head of the tree as it is signed (c2sp.org/tlog-checkpoint): origin, size, root.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, SignedNote, VerifierKey};
use crate::merkle::Hash;

/// Why a text says nothing of a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The text is no tree head.
    #[error("it is no tree head: {0}")]
    Malformed(&'static str),
    /// The note cannot be trusted.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// What a log was at some size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The name of the log.
    pub origin: String,
    /// How many leaves there are.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Three lines, which are what is signed.
impl fmt::Display for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))
    }
}

impl FromStr for TreeHead {
    type Err = HeadError;

    /// Reads the text of a note. Further lines, which others may write, are passed over.
    fn from_str(text: &str) -> Result<Self, HeadError> {
        let text = text.strip_suffix('\n').ok_or(HeadError::Malformed("its last line does not end"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(HeadError::Malformed("origin, size and root are three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(HeadError::Malformed("a line is empty"));
        }
        let size = decimal(size).ok_or(HeadError::Malformed("the size is no number in decimal"))?;
        let root = hash(root).ok_or(HeadError::Malformed("the root is not 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A number in the one way to write it: no sign, no leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// A hash in base64.
pub(super) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A tree head with the note that signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// What the note says.
    pub head: TreeHead,
    /// The note, byte for byte.
    pub note: String,
}

impl SignedHead {
    /// Reads a note that one of the keys has signed.
    ///
    /// # Errors
    /// [`HeadError`] when it is none, is not signed by a key of the log's own name, or a signature does not hold.
    pub fn trusted(note: &str, keys: &[VerifierKey]) -> Result<Self, HeadError> {
        let head = Self::read(note)?;
        let signed: SignedNote = note.parse()?;
        // A witness vouches that it saw the head, not that it is the log's: the log's own name must have signed.
        if signed.verify(keys)?.iter().all(|key| key.name() != head.head.origin) {
            return Err(NoteError::Unsigned.into());
        }
        Ok(head)
    }

    /// Reads a note without asking who signed it.
    ///
    /// # Errors
    /// [`HeadError`] when it is no note with a tree head.
    pub fn read(note: &str) -> Result<Self, HeadError> {
        let signed: SignedNote = note.parse()?;
        Ok(Self { head: signed.text().parse()?, note: note.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::merkle::Frontier;
    use crate::tree::note::{SigningKey, sign};

    fn head() -> TreeHead {
        TreeHead { origin: "daybook.local/dev".into(), size: 12, root: [7; 32] }
    }

    #[test]
    fn the_text_is_the_one_of_the_format() {
        assert_eq!(head().to_string(), "daybook.local/dev\n12\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        let empty = TreeHead { size: 0, root: Frontier::default().root(), ..head() };
        assert_eq!(empty.to_string(), "daybook.local/dev\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
        assert_eq!(head().to_string().parse(), Ok(head()));
        assert_eq!(format!("{}extension of another log\n", head()).parse(), Ok(head()));
    }

    #[test]
    fn what_is_no_tree_head_is_refused() {
        let good = head().to_string();
        for (from, to) in [
            ("12", "012"),
            ("12", "+12"),
            ("12", ""),
            ("12", "99999999999999999999"),
            ("Bwc=", "Bwc"),
            ("\n12", "\n"),
            ("daybook.local/dev", ""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(matches!(bad.parse::<TreeHead>(), Err(HeadError::Malformed(_))), "{bad:?}");
        }
        assert!(good.trim_end().parse::<TreeHead>().is_err());
        assert!(format!("{good}\n").parse::<TreeHead>().is_err());
    }

    #[test]
    fn only_a_key_of_the_logs_own_name_makes_it_the_logs() {
        let [log, witness] = ["daybook.local/dev", "witness.example"].map(|name| SigningKey::generate(name).unwrap());
        let keys = [log.verifier().clone(), witness.verifier().clone()];
        let text = head().to_string();
        assert_eq!(SignedHead::trusted(&sign(&text, &[witness]), &keys), Err(NoteError::Unsigned.into()));
        assert_eq!(SignedHead::trusted(&sign(&text, &[log]), &keys).unwrap().head, head());
    }

    /// The crate `tlog_tiles` reads what we write and writes what we read.
    #[test]
    fn another_implementation_agrees() {
        let theirs = tlog_tiles::Checkpoint::from_bytes(head().to_string().as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), ("daybook.local/dev", 12, [7; 32]));
        let written = tlog_tiles::Checkpoint::new("daybook.local/dev", 12, tlog_tiles::Hash([7; 32]), "").unwrap();
        assert_eq!(written.to_bytes(), head().to_string().as_bytes());
    }
}
