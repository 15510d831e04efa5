#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::*;

/// The example of the specification (c2sp.org/signed-note), and its key.
const VECTOR_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

fn key(name: &str) -> SigningKey {
    SigningKey::generate(name).unwrap()
}

#[test]
fn the_vector_of_the_specification_is_read_and_written() {
    let vector: VerifierKey = VECTOR_KEY.parse().unwrap();
    assert_eq!((vector.name(), vector.id()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a]));
    assert_eq!(vector.to_string(), VECTOR_KEY);
}

#[test]
fn keys_survive_their_text() {
    let made = key("daybook.local/dev");
    let again: SigningKey = made.secret_text().parse().unwrap();
    assert_eq!(again.verifier(), made.verifier());
    assert_eq!(made.verifier().to_string().parse::<VerifierKey>().unwrap(), *made.verifier());
    assert!(!format!("{made:?}").contains("PRIVATE"));
}

#[test]
fn what_is_no_key_is_refused() {
    for text in ["", "a+b", "a+530d903a+!!", &VECTOR_KEY.replace("AekyeRrm", "AukyeRrm"), &format!("{VECTOR_KEY} ")] {
        assert_eq!(text.parse::<VerifierKey>(), Err(NoteError::Verifier), "{text}");
    }
    assert!(matches!(VECTOR_KEY.replace("530d903a", "530d903b").parse::<VerifierKey>(), Err(NoteError::Id(_))));
    assert!(matches!(VECTOR_KEY.replace("foo", "bar").parse::<VerifierKey>(), Err(NoteError::Id(_))));
    assert!(VECTOR_KEY.parse::<SigningKey>().is_err());
    for name in ["", "a b", "a+b", "a\u{3000}b", "a\nb"] {
        assert!(matches!(SigningKey::generate(name), Err(NoteError::Name(_))), "{name:?}");
    }
}

#[test]
fn a_note_is_trusted_by_the_keys_that_signed_it() {
    let (ours, old, other) = (key("a"), key("a"), key("b"));
    let keys = [ours, old];
    let text = "a\n\nwith an empty line\n";
    let note = sign(text, &keys);
    let read: SignedNote = note.parse().unwrap();
    assert_eq!(read.text(), text);
    let [ours, old] = keys;
    assert_eq!(read.verify(&[ours.verifier().clone(), other.verifier().clone()]).unwrap(), [ours.verifier()]);
    assert_eq!(read.verify(&[old.verifier().clone()]).unwrap(), [old.verifier()]);
    assert_eq!(read.verify(&[other.verifier().clone()]), Err(NoteError::Unsigned));
    assert!(read.names(ours.verifier()) && !read.names(other.verifier()));
    let forged: SignedNote = note.replace("empty", "amply").parse().unwrap();
    assert!(matches!(forged.verify(&[ours.verifier().clone()]), Err(NoteError::Forged(_))));
    // A line of a witness that nobody knows changes nothing, whatever its kind.
    let witnessed: SignedNote = format!("{note}\u{2014} witness.example mJIrIkljAAAA\n").parse().unwrap();
    assert_eq!(witnessed.verify(&[ours.verifier().clone()]).unwrap().len(), 1);
}

#[test]
fn what_is_no_note_is_refused() {
    let good = sign("text\n", &[key("a")]);
    for bad in [
        "",
        "text\n",
        "text\n\n",
        &good[..good.len() - 1],
        &good.replace('\u{2014}', "-"),
        &good.replace("text", "te\txt"),
        &good.replace("text", "te\rxt"),
        &format!("{good}\n"),
        &format!("{good}x\n"),
        "text\n\n\u{2014} a AAAAAA==\n",
        "text\n\n\u{2014}  AAAAAAA=\n",
        "text\n\n\u{2014} a+b AAAAAAA=\n",
    ] {
        assert!(matches!(bad.parse::<SignedNote>(), Err(NoteError::Malformed(_))), "{bad:?}");
    }
    let line = "\u{2014} a AAAAAAA=\n";
    assert!(format!("t\n\n{}", line.repeat(100)).parse::<SignedNote>().is_ok());
    assert!(format!("t\n\n{}", line.repeat(101)).parse::<SignedNote>().is_err());
}

/// The crate `signed_note` reads our keys and notes, and we read what it wrote.
#[test]
fn another_implementation_agrees() {
    use signed_note::{Note, StandardSigner, StandardVerifier, Verifier, VerifierList};
    let ours = key("daybook.local/dev");
    let verifier = || -> Box<dyn Verifier> { Box::new(StandardVerifier::new(&ours.verifier().to_string()).unwrap()) };
    let note = sign("daybook.local/dev\n7\nAAAA\n", std::slice::from_ref(&ours));
    let theirs = Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, unknown) = theirs.verify(&VerifierList::new(vec![verifier()])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    let forged = Note::from_bytes(note.replace('7', "8").as_bytes()).unwrap();
    assert!(forged.verify(&VerifierList::new(vec![verifier()])).is_err());
    let signer = StandardSigner::new(&ours.secret_text()).unwrap();
    let mut written = Note::new(b"daybook.local/dev\n7\nAAAA\n", &[]).unwrap();
    written.add_sigs(&[&signer]).unwrap();
    // Ed25519 is deterministic: the same key and text give the same bytes.
    assert_eq!(written.to_bytes(), note.as_bytes());
    assert!(StandardVerifier::new(VECTOR_KEY).is_ok());
}

/// Stock OpenSSL, as the documentation tells an auditor to use it.
#[test]
fn openssl_agrees() {
    let folder = std::env::temp_dir().join(format!("daybook-note-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder).unwrap();
    let ours = key("daybook.local/dev");
    let text = "daybook.local/dev\n7\nAAAA\n";
    let note: SignedNote = sign(text, std::slice::from_ref(&ours)).parse().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::File::create(folder.join(name)).unwrap().write_all(bytes).unwrap();
    // SubjectPublicKeyInfo of Ed25519: a fixed prefix, then the key.
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &ours.verifier().public()[..]].concat();
    put("pub.der", &der);
    put("sig", &note.signatures[0].bytes);
    put("body", text.as_bytes());
    assert!(openssl_verifies(&folder));
    put("body", b"daybook.local/dev\n8\nAAAA\n");
    assert!(!openssl_verifies(&folder));
    std::fs::remove_dir_all(folder).unwrap();
}

fn openssl_verifies(folder: &Path) -> bool {
    let arguments = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "pub.der", "-rawin", "-in", "body", "-sigfile", "sig"];
    Command::new("openssl").args(arguments).current_dir(folder).output().unwrap().status.success()
}
