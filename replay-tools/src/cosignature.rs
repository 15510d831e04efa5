//! Cosignatures (c2sp.org/tlog-cosignature, version 1 with Ed25519): what a witness says of a tree head, and when it said so.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The kind of key and signature.
const TYPE: u8 = 4;
/// Bytes of seeds and public keys.
const KEY_BYTES: usize = 32;
/// What a line with a signature begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";
/// What a private key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a text is no key of a witness, or no cosignature that holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// The text is no key.
    #[error("it is no key of a witness: NAME+HEX+BASE64 of type 4 is expected")]
    Key,
    /// The note has no line of the witness.
    #[error("{0} has not cosigned it")]
    Absent(String),
    /// There is a line, and it does not hold.
    #[error("the cosignature of {0} does not hold")]
    Forged(String),
    /// No random bytes for a new key.
    #[error("no random bytes")]
    Random,
}

/// The public key of a witness with its name; written as `NAME+HEX+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: [u8; 4],
    key: [u8; KEY_BYTES],
}

impl WitnessKey {
    fn new(name: &str, key: [u8; KEY_BYTES]) -> Result<Self, CosignatureError> {
        if name.is_empty() || name.len() > 255 || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(CosignatureError::Key);
        }
        let digest = Sha256::new().chain_update(name).chain_update([b'\n', TYPE]).chain_update(key).finalize();
        Ok(Self { name: name.to_owned(), id: [digest[0], digest[1], digest[2], digest[3]], key })
    }

    /// When the witness says that it saw the head of a note, in seconds since 1970.
    ///
    /// # Errors
    /// [`CosignatureError::Absent`], [`CosignatureError::Forged`].
    pub fn seen_at(&self, note: &str) -> Result<u64, CosignatureError> {
        let absent = || CosignatureError::Absent(self.name.clone());
        let end = note.rfind("\n\n").ok_or_else(absent)?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let ours = |line: &str| {
            let (name, bytes) = line.strip_prefix(MARK)?.split_once(' ')?;
            let bytes = STANDARD.decode(bytes).ok()?;
            let (id, rest) = bytes.split_first_chunk::<4>()?;
            (name == self.name && *id == self.id).then(|| rest.to_vec())
        };
        let bytes = lines.lines().find_map(ours).ok_or_else(absent)?;
        let forged = || CosignatureError::Forged(self.name.clone());
        let (time, signature) = bytes.split_first_chunk::<8>().ok_or_else(forged)?;
        let time = u64::from_be_bytes(*time);
        let message = message(text, time);
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message.as_bytes(), signature).map_err(|_| forged())?;
        Ok(time)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), encoded(&self.key))
    }
}

impl FromStr for WitnessKey {
    type Err = CosignatureError;

    fn from_str(text: &str) -> Result<Self, CosignatureError> {
        let (name, id, key) = parts(text.trim()).ok_or(CosignatureError::Key)?;
        let made = Self::new(name, key)?;
        if format!("{:08x}", u32::from_be_bytes(made.id)) == id { Ok(made) } else { Err(CosignatureError::Key) }
    }
}

/// The private key of a witness. Its text is `PRIVATE+KEY+NAME+HEX+BASE64`; it is never shown.
pub struct Cosigner {
    key: WitnessKey,
    pair: Ed25519KeyPair,
    seed: [u8; KEY_BYTES],
}

impl Cosigner {
    /// A new key under a name.
    ///
    /// # Errors
    /// [`CosignatureError::Random`], [`CosignatureError::Key`] for a name with spaces or plus signs.
    pub fn generate(name: &str) -> Result<Self, CosignatureError> {
        let seed = ring::rand::generate::<[u8; KEY_BYTES]>(&SystemRandom::new()).map_err(|_| CosignatureError::Random)?.expose();
        Self::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: [u8; KEY_BYTES]) -> Result<Self, CosignatureError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| CosignatureError::Key)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| CosignatureError::Key)?;
        Ok(Self { key: WitnessKey::new(name, public)?, pair, seed })
    }

    /// The public half.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The text that keeps the key; whoever reads it can cosign.
    #[must_use]
    pub fn secret_text(&self) -> String {
        format!("{PRIVATE}{}+{:08x}+{}", self.key.name, u32::from_be_bytes(self.key.id), encoded(&self.seed))
    }

    /// The line that says that the text of a note was seen then; the text ends with a newline.
    #[must_use]
    pub fn line(&self, text: &str, time: u64) -> String {
        let mut bytes = self.key.id.to_vec();
        bytes.extend(time.to_be_bytes());
        bytes.extend(self.pair.sign(message(text, time).as_bytes()).as_ref());
        format!("{MARK}{} {}\n", self.key.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cosigner").field(&self.key.to_string()).finish()
    }
}

impl FromStr for Cosigner {
    type Err = CosignatureError;

    fn from_str(text: &str) -> Result<Self, CosignatureError> {
        let (name, _, seed) = text.trim().strip_prefix(PRIVATE).and_then(parts).ok_or(CosignatureError::Key)?;
        Self::from_seed(name, seed)
    }
}

fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

fn encoded(key: &[u8; KEY_BYTES]) -> String {
    let mut bytes = vec![TYPE];
    bytes.extend(key);
    STANDARD.encode(bytes)
}

fn parts(text: &str) -> Option<(&str, &str, [u8; KEY_BYTES])> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let bytes = STANDARD.decode(key).ok()?;
    let (kind, key) = bytes.split_first()?;
    (*kind == TYPE).then(|| Some((name, id, key.try_into().ok()?))).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_cosignature_says_who_saw_what_and_when() {
        let witness = Cosigner::generate("witness.example/w1").unwrap();
        let again: Cosigner = witness.secret_text().parse().unwrap();
        assert_eq!(again.key(), witness.key());
        let key: WitnessKey = witness.key().to_string().parse().unwrap();
        let text = "daybook.local/dev\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
        let note = format!("{text}\n\u{2014} daybook.local/dev AAAAAAAA\n{}", witness.line(text, 1_700_000_000));
        assert_eq!(key.seen_at(&note), Ok(1_700_000_000));
        assert_eq!(key.seen_at(&note.replacen("\n1\n", "\n2\n", 1)), Err(CosignatureError::Forged("witness.example/w1".into())));
        let stranger = Cosigner::generate("witness.example/w1").unwrap();
        assert_eq!(stranger.key().seen_at(&note), Err(CosignatureError::Absent("witness.example/w1".into())));
        // A log's own key is of another type.
        assert_eq!(
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse::<WitnessKey>(),
            Err(CosignatureError::Key)
        );
    }
}
