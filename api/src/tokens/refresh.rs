//! Refresh tokens: base64url(session ‖ generation ‖ HMAC), so that the pair of a generation can be computed again.

use hmac::Mac;
use uuid::Uuid;

use super::{TokenError, from_text, mac, to_text};

const NAMED: usize = 16 + 4;
const WHOLE: usize = NAMED + 32;

pub(super) fn write(key: &[u8], session: Uuid, generation: u32) -> String {
    let mut bytes = [session.as_bytes().as_slice(), &generation.to_be_bytes()].concat();
    let tag = mac(key, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&tag);
    to_text(&bytes)
}

pub(super) fn read(key: &[u8], token: &str) -> Result<(Uuid, u32), TokenError> {
    let bytes = from_text(token, WHOLE).ok_or(TokenError::Forged)?;
    let (named, tag) = bytes.split_at(NAMED);
    mac(key, named).verify_slice(tag).map_err(|_| TokenError::Forged)?;
    let (session, generation) = named.split_at(16);
    let session = Uuid::from_slice(session).map_err(|_| TokenError::Forged)?;
    let generation = generation.try_into().map_err(|_| TokenError::Forged)?;
    Ok((session, u32::from_be_bytes(generation)))
}
