//! The proof of one leaf as a file (c2sp.org/tlog-proof): index, path and signed head; checked without any database.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::head::{HeadError, SignedHead, decimal, hash};
use super::note::VerifierKey;
use super::proof::root_of_inclusion;
use crate::merkle::Hash;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Hashes of the longest path.
const MAX_PATH: usize = 64;

/// Why a proof does not prove.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The file is none.
    #[error("it is no tlog-proof: {0}")]
    Malformed(&'static str),
    /// Its tree head cannot be trusted.
    #[error("its tree head: {0}")]
    Head(#[from] HeadError),
    /// The path does not lead from the leaf to the root.
    #[error("the leaf is not at index {index} of the tree of {size} leaves that was signed")]
    Path {
        /// Index of the leaf.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
}

/// The proof that a leaf is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What an application adds; nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// Index of the leaf, from 0.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub path: Vec<Hash>,
    /// The signed head, byte for byte.
    pub head: SignedHead,
}

impl TlogProof {
    /// Does it prove that this leaf is in the log of these keys?
    ///
    /// # Errors
    /// [`ProofError`] names what does not hold.
    pub fn verify(&self, leaf: &Hash, keys: &[VerifierKey]) -> Result<(), ProofError> {
        let head = SignedHead::trusted(&self.head.note, keys)?.head;
        if root_of_inclusion(self.index, head.size, leaf, &self.path) == Some(head.root) {
            Ok(())
        } else {
            Err(ProofError::Path { index: self.index, size: head.size })
        }
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.head.note)
    }
}

impl FromStr for TlogProof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let (proof, note) = text.split_once("\n\n").ok_or(ProofError::Malformed("no blank line sets the tree head apart"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofError::Malformed("its first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| STANDARD.decode(&line["extra ".len()..]));
        let extra = extra.transpose().map_err(|_| ProofError::Malformed("what is extra is no base64"))?;
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(ProofError::Malformed("there is no index"))?;
        let path: Vec<_> = lines.map(hash).collect::<Option<_>>().ok_or(ProofError::Malformed("a hash is not 32 bytes in base64"))?;
        if path.len() > MAX_PATH {
            return Err(ProofError::Malformed("it has more than 64 hashes"));
        }
        Ok(Self { extra, index, path, head: SignedHead::read(note)? })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::merkle::node;
    use crate::tree::head::TreeHead;
    use crate::tree::note::{SigningKey, sign};

    const LEAVES: [Hash; 2] = [[1; 32], [2; 32]];

    fn proof() -> (TlogProof, VerifierKey) {
        let key = SigningKey::generate("daybook.local/dev").unwrap();
        let head = TreeHead { origin: "daybook.local/dev".into(), size: 2, root: node(&LEAVES[0], &LEAVES[1]) };
        let note = sign(&head.to_string(), std::slice::from_ref(&key));
        let proof = TlogProof { extra: None, index: 1, path: vec![LEAVES[0]], head: SignedHead { head, note } };
        (proof, key.verifier().clone())
    }

    #[test]
    fn the_file_is_the_one_of_the_format() {
        let (proof, _) = proof();
        let text = proof.to_string();
        let expected = "c2sp.org/tlog-proof@v1\nindex 1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\ndaybook.local/dev\n2\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(&format!("\n\n{}", proof.head.note)));
        assert_eq!(text.parse(), Ok(proof.clone()));
        let with = TlogProof { extra: Some(b"a receipt".to_vec()), ..proof };
        assert!(with.to_string().contains("\nextra YSByZWNlaXB0\nindex 1\n"));
        assert_eq!(with.to_string().parse(), Ok(with));
    }

    #[test]
    fn it_proves_its_leaf_and_no_other() {
        let (proof, key) = proof();
        let keys = [key];
        assert_eq!(proof.verify(&LEAVES[1], &keys), Ok(()));
        let elsewhere = ProofError::Path { index: 1, size: 2 };
        assert_eq!(proof.verify(&LEAVES[0], &keys), Err(elsewhere.clone()));
        assert_eq!(TlogProof { path: vec![], ..proof.clone() }.verify(&LEAVES[1], &keys), Err(elsewhere));
        assert!(TlogProof { index: 0, ..proof.clone() }.verify(&LEAVES[1], &keys).is_err());
        assert!(TlogProof { index: 2, ..proof.clone() }.verify(&LEAVES[1], &keys).is_err());
        let other = [SigningKey::generate("daybook.local/dev").unwrap().verifier().clone()];
        assert!(matches!(proof.verify(&LEAVES[1], &other), Err(ProofError::Head(_))));
        // What the struct says of the head counts for nothing; the note does.
        let mut lying = proof;
        lying.head.head.root = [9; 32];
        assert_eq!(lying.verify(&LEAVES[1], &keys), Ok(()));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let (proof, _) = proof();
        let good = proof.to_string();
        for (from, to) in [("@v1", "@v2"), ("index 1", "index 01"), ("index 1\n", ""), ("AQE=", "AQE"), ("index", "extra !\nindex")] {
            let bad = good.replacen(from, to, 1);
            assert!(matches!(bad.parse::<TlogProof>(), Err(ProofError::Malformed(_))), "{bad}");
        }
        let long = good.replacen("index 1\n", &format!("index 1\n{}", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n".repeat(64)), 1);
        assert!(long.parse::<TlogProof>().is_err());
        assert!(matches!(good.replace("\n2\n", "\n02\n").parse::<TlogProof>(), Err(ProofError::Head(_))));
        assert!(good.trim_end().parse::<TlogProof>().is_err());
    }
}
