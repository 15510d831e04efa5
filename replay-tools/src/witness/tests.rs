#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use eventlog::Frontier;
use eventlog::tree::{SigningKey, TreeHead, sign};

use super::*;

/// A log of leaves 0, 1, 2, … whose heads can be had at any size.
struct Log(SigningKey);

impl Log {
    fn tree(size: u64) -> Hash {
        let mut tree = Frontier::default();
        (0..size).for_each(|leaf| tree.push(leaf_of(leaf)));
        tree.root()
    }

    fn note(&self, size: u64, root: Hash) -> String {
        let head = TreeHead { origin: self.0.verifier().name().to_owned(), size, root };
        sign(&head.to_string(), std::slice::from_ref(&self.0))
    }
}

fn leaf_of(leaf: u64) -> Hash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&leaf.to_be_bytes());
    hash
}

fn body(old: u64, proof: &[Hash], note: &str) -> String {
    let lines: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{lines}\n{note}")
}

#[test]
fn a_witness_cosigns_what_goes_on_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("daybook-witness-{}", std::process::id()));
    let log = Log(SigningKey::generate("daybook.local/dev").unwrap());
    let witness = Witness::new(Cosigner::generate("w.example").unwrap(), vec![log.0.verifier().clone()], HeadsFolder::new(&folder));
    let ask = |body: &str| witness.add_checkpoint(body, 1_700_000_000);
    let first = log.note(1, Log::tree(1));
    let answer = ask(&body(0, &[], &first));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(witness.cosigner.key().seen_at(&format!("{first}{}", answer.body)), Ok(1_700_000_000));
    // The tree of two leaves over that of one: the proof is the second leaf.
    let second = log.note(2, Log::tree(2));
    assert_eq!(ask(&body(0, &[], &second)), Answer { status: 409, content: SIZE, body: "1\n".to_owned() });
    assert_eq!(ask(&body(1, &[leaf_of(7)], &second)).status, 422);
    assert_eq!(ask(&body(1, &[leaf_of(1)], &second)).status, 200);
    // The same size with another root is another history.
    assert_eq!(ask(&body(2, &[], &log.note(2, [7; 32]))).status, 409);
    assert_eq!(ask(&body(2, &[], &second)).status, 200);
    assert_eq!(ask(&body(3, &[], &second)).status, 400);
    let stranger = Log(SigningKey::generate("other.example").unwrap());
    assert_eq!(ask(&body(0, &[], &stranger.note(1, Log::tree(1)))).status, 404);
    let forger = Log(SigningKey::generate("daybook.local/dev").unwrap());
    assert_eq!(ask(&body(2, &[], &forger.note(3, Log::tree(3)))).status, 403);
    for wrong in ["", "old 01\n\nx", "old 0\nnot base64\n\nx\n", "old 0\n\nno note"] {
        assert_eq!(ask(wrong).status, 400, "{wrong}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
