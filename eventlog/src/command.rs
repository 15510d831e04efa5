//! What comes with a command, and what it gets back.

use hmac::{Hmac, KeyInit, Mac};
use kernel::{Actor, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The circumstances of one command.
#[derive(Clone, Debug)]
pub struct CommandMeta {
    /// The command's name, for example `requestBooking`; part of the fingerprint.
    pub name: &'static str,
    /// Who asks; scope of the idempotency key, at most 64 bytes as text.
    pub actor: Actor,
    /// Idempotency key: the same key and input of the same actor is answered once. `None`: no receipt is kept.
    pub key: Option<String>,
    /// The input in canonical bytes; only its fingerprint is kept.
    pub input: Vec<u8>,
    /// Id of this command.
    pub command_id: Uuid,
    /// Id of the whole interaction.
    pub correlation_id: Uuid,
    /// The event or command that caused this one.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The business clock: `occurred_at` of every event.
    pub now: Timestamp,
}

impl CommandMeta {
    /// A command of `actor` without a key, with fresh ids.
    #[must_use]
    pub fn new(name: &'static str, actor: Actor, now: Timestamp) -> Self {
        let (command_id, correlation_id) = (Uuid::now_v7(), Uuid::new_v4());
        Self { name, actor, key: None, input: Vec::new(), command_id, correlation_id, causation_id: None, traceparent: None, now }
    }

    /// The same command under an idempotency key, with the input that the key stands for.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<String>, input: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self.input = input.into();
        self
    }

    /// The receipt's key: half the digest of actor and key, so that nobody's key meets another's.
    pub(crate) fn key_digest(&self) -> Option<Uuid> {
        let key = self.key.as_ref()?;
        let actor = self.actor.to_string();
        let digest = Sha256::new().chain_update((actor.len() as u64).to_be_bytes()).chain_update(actor).chain_update(key);
        Some(half(digest.finalize().into()))
    }

    /// Half the keyed digest of name and input: tells whether a key comes back with the same input, and nothing about it.
    pub(crate) fn fingerprint(&self, secret: &[u8; 32]) -> Uuid {
        // HMAC pads a short key with zeros to the hash's block: done here, where the length is known to fit.
        let mut block = [0; 64];
        block[..secret.len()].copy_from_slice(secret);
        let mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        let mac = mac.chain_update((self.name.len() as u64).to_be_bytes()).chain_update(self.name).chain_update(&self.input);
        half(mac.finalize().into_bytes().into())
    }
}

/// The first 128 bits of a digest: an index of them is half as large, and two keys meet by chance after 2⁶⁴ of them.
fn half(digest: [u8; 32]) -> Uuid {
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
    Uuid::from_bytes(half)
}

/// What a command has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The command that did it: the first one of its key.
    pub command_id: Uuid,
    /// Its interaction.
    pub correlation_id: Uuid,
    /// The events that it appended, in order.
    pub event_ids: Vec<Uuid>,
    /// Position of its last event, or the log's head when it appended nothing.
    pub position: u64,
    /// This is the answer to an earlier command with the same key.
    pub replayed: bool,
    /// When it was appended, by the store's clock.
    pub committed_at: Timestamp,
}

/// A command that went through.
#[derive(Clone, Debug)]
pub struct Executed<T> {
    /// What it appended.
    pub receipt: Receipt,
    /// What its function returned; of the first run when replayed.
    pub value: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(actor: &str, key: &str) -> CommandMeta {
        CommandMeta::new("test", Actor::system(actor), Timestamp::UNIX_EPOCH).keyed(key, "input")
    }

    #[test]
    fn keys_of_two_actors_never_meet() {
        assert_eq!(meta("a", "k").key_digest(), meta("a", "k").key_digest());
        assert_ne!(meta("a", "bk").key_digest(), meta("ab", "k").key_digest());
    }

    #[test]
    fn fingerprint_covers_secret_name_and_input() {
        let base = meta("a", "k");
        let (mut name, mut input) = (base.clone(), base.clone());
        name.name = "tes";
        name.input = b"tinput".to_vec();
        input.input.push(0);
        let print = base.fingerprint(&[1; 32]);
        assert_eq!(print, meta("b", "other").fingerprint(&[1; 32]));
        assert!(print != base.fingerprint(&[2; 32]) && print != name.fingerprint(&[1; 32]) && print != input.fingerprint(&[1; 32]));
    }
}
