//! Signed notes (c2sp.org/signed-note) with Ed25519 keys: a text, and lines that say who signed it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// The one kind of key and signature that is made and checked here; others are ignored, as the format asks for.
const ED25519_TYPE: u8 = 1;
/// Bytes of seeds and public keys.
const KEY_BYTES: usize = 32;
/// Longest note in bytes, and most signatures of one: far beyond what a log with witnesses has.
const MAX_NOTE_BYTES: usize = 1 << 20;
const MAX_SIGNATURES: usize = 100;
/// Longest name of a key in bytes.
const MAX_NAME_BYTES: usize = 255;
/// What a line with a signature begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";
/// What a private key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a text is no key or no note, or why a note cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The name of a key is empty, too long, or has a space, a plus or a control character.
    #[error("{0:?} is no name of a key: 1 to 255 bytes without spaces and plus signs")]
    Name(String),
    /// The text is no public key.
    #[error("it is no verifier key: NAME+HEX+BASE64 of an Ed25519 key is expected")]
    Verifier,
    /// The text is no private key. It is never shown.
    #[error("it is no signing key: PRIVATE+KEY+NAME+HEX+BASE64 of an Ed25519 key is expected")]
    Signer,
    /// The key's id is not that of its name and bytes.
    #[error("the id of the key of {0} is not that of its bytes")]
    Id(String),
    /// The text is no signed note.
    #[error("it is no signed note: {0}")]
    Malformed(&'static str),
    /// A signature of a known key does not hold.
    #[error("the signature of {0} does not hold")]
    Forged(String),
    /// None of the signatures is of a known key.
    #[error("none of the keys that are trusted has signed it")]
    Unsigned,
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// A public key with its name; written as `NAME+HEX+BASE64` (a *vkey*).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: [u8; KEY_BYTES],
}

impl VerifierKey {
    fn new(name: &str, key: [u8; KEY_BYTES]) -> Result<Self, NoteError> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(bad) {
            return Err(NoteError::Name(name.to_owned()));
        }
        let digest = Sha256::new().chain_update(name).chain_update([b'\n', ED25519_TYPE]).chain_update(key).finalize();
        let id = [digest[0], digest[1], digest[2], digest[3]];
        Ok(Self { name: name.to_owned(), id, key })
    }

    /// Whose key it is; of a log, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: the beginning of a digest of name and key.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub const fn public(&self) -> [u8; 32] {
        self.key
    }

    fn holds(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519_TYPE];
        bytes.extend(self.key);
        write!(f, "{}+{}+{}", self.name, hex(self.id), STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = parts(text).ok_or(NoteError::Verifier)?;
        let made = Self::new(name, *key)?;
        if hex(made.id) == id { Ok(made) } else { Err(NoteError::Id(made.name)) }
    }
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Name, id and key of `NAME+HEX+BASE64`. Base64 may have a plus, a name may not.
fn parts(text: &str) -> Option<(&str, &str, Zeroizing<[u8; KEY_BYTES]>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
    let (kind, key) = bytes.split_first()?;
    let key: [u8; KEY_BYTES] = key.try_into().ok()?;
    (*kind == ED25519_TYPE).then(|| (name, id, Zeroizing::new(key)))
}

/// A private key; written as `PRIVATE+KEY+NAME+HEX+BASE64`, the form of Go's `sumdb/note`, and never shown.
pub struct SigningKey {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; KEY_BYTES]>,
}

impl SigningKey {
    /// A new key under a name.
    ///
    /// # Errors
    /// [`NoteError::Name`]; [`NoteError::Random`].
    pub fn generate(name: &str) -> Result<Self, NoteError> {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *seed).map_err(|error| NoteError::Random(error.to_string()))?;
        Self::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| NoteError::Signer)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Signer)?;
        Ok(Self { verifier: VerifierKey::new(name, public)?, pair, seed })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The text that keeps the key; whoever reads it can sign.
    #[must_use]
    pub fn secret_text(&self) -> Zeroizing<String> {
        let mut bytes = [ED25519_TYPE; KEY_BYTES + 1];
        bytes[1..].copy_from_slice(&*self.seed);
        let text = format!("{PRIVATE}{}+{}+{}", self.verifier.name, hex(self.verifier.id), STANDARD.encode(bytes));
        bytes.zeroize();
        Zeroizing::new(text)
    }

    /// The line that signs a text, which ends with a newline.
    fn line(&self, text: &str) -> String {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend(self.pair.sign(text.as_bytes()).as_ref());
        format!("{MARK}{} {}\n", self.verifier.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifier.to_string()).finish()
    }
}

impl FromStr for SigningKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, seed) = text.strip_prefix(PRIVATE).and_then(parts).ok_or(NoteError::Signer)?;
        let made = Self::from_seed(name, seed)?;
        if hex(made.verifier.id) == id { Ok(made) } else { Err(NoteError::Id(made.verifier.name)) }
    }
}

/// One line under a note.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// A text and its signatures, none of them trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<Signature>,
}

/// Signs a text, which ends with a newline, by each of the keys in turn.
#[must_use]
pub fn sign(text: &str, keys: &[SigningKey]) -> String {
    let lines: String = keys.iter().map(|key| key.line(text)).collect();
    format!("{text}\n{lines}")
}

impl SignedNote {
    /// The signed text with its last newline. Nothing is known of it before [`SignedNote::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which of the keys have signed it.
    ///
    /// # Errors
    /// [`NoteError::Forged`] when a signature of one of them does not hold, [`NoteError::Unsigned`] when there is none.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.name == signature.name && key.id == signature.id) else { continue };
            if !key.holds(&self.text, &signature.bytes) {
                return Err(NoteError::Forged(key.to_string()));
            }
            signers.push(key);
        }
        if signers.is_empty() { Err(NoteError::Unsigned) } else { Ok(signers) }
    }

    /// Is there a line of this key? Whether it holds is asked by [`SignedNote::verify`].
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|signature| signature.name == key.name && signature.id == key.id)
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("it is longer than 1 MiB"));
        }
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::Malformed("it has a control character"));
        }
        let end = note.rfind("\n\n").ok_or(NoteError::Malformed("no blank line sets the signatures apart"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("its last line does not end"))?;
        let signatures = lines.split('\n').map(signature).collect::<Option<Vec<_>>>();
        let signatures = signatures.ok_or(NoteError::Malformed("a line under the text is no signature"))?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, base64) = line.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    let named = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    (named && !bytes.is_empty()).then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests;
