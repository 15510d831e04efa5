//! What decides whether a session counts, kept outside of the log between requests: in Redis, or in memory. It is signed, names the
//! versions of the streams that it was read from, and is held against the log before it is believed. So a cache that was
//! lost, is old or was written by somebody else changes nothing but the time that a request takes.

use std::collections::BTreeSet;

use domain::ids::{SessionId, UserId};
use domain::session::{Live, Session};
use domain::user::{Role, User};
use eventlog::LogError;
use hmac::{Hmac, KeyInit, Mac};
use kernel::{Decider, StreamName, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Principal;
use crate::{Context, Keys};

/// Hexadecimal digits of a signature.
const SIGNED: usize = 64;

/// A session and its user, as of the versions of their streams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownSession {
    id: SessionId,
    live: Live,
    user_epoch: Option<u32>,
    roles: BTreeSet<Role>,
    session_version: u64,
    user_version: u64,
}

impl KnownSession {
    /// Reads a session and its user; `None` when the session has ended, or never was.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn read(ctx: &Context, id: SessionId) -> Result<Option<Self>, LogError> {
        let (session, session_version) = ctx.log.load::<Session>(id.uuid()).await?;
        let Some(live) = session.live().cloned() else { return Ok(None) };
        let (user, user_version) = ctx.log.load::<User>(live.user.uuid()).await?;
        Ok(Some(Self { id, live, user_epoch: user.session_epoch(), roles: user.roles(), session_version, user_version }))
    }

    /// Has nothing happened to session and user since?
    ///
    /// # Errors
    /// When the log cannot be asked.
    pub async fn still_holds(&self, ctx: &Context) -> Result<bool, LogError> {
        let streams = [StreamName::new(Session::KIND, self.id.uuid())?, StreamName::new(User::KIND, self.live.user.uuid())?];
        let versions = ctx.log.versions(&streams).await?;
        let is = |stream: &StreamName, version: u64| versions.get(stream) == Some(&version);
        Ok(is(&streams[0], self.session_version) && is(&streams[1], self.user_version))
    }

    /// Who acts by the session, if it counts at this time.
    #[must_use]
    pub fn principal(&self, now_real: Timestamp) -> Option<Principal> {
        let user: UserId = self.live.user;
        self.live.is_valid(self.user_epoch, now_real).then(|| Principal { user, roles: self.roles.clone() })
    }

    /// As a text with our signature.
    #[must_use]
    pub fn sealed(&self, keys: &Keys) -> String {
        // A struct of plain values does not fail to become JSON; an empty text would be read as nothing known.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{}{json}", signature(keys, &json))
    }

    /// What we have signed of this session; `None` for anything else.
    #[must_use]
    pub fn opened(keys: &Keys, id: SessionId, text: &str) -> Option<Self> {
        let (signed, json) = text.split_at_checked(SIGNED)?;
        let known: Self = (constant_time_eq(signed, &signature(keys, json))).then(|| serde_json::from_str(json).ok())??;
        (known.id == id).then_some(known)
    }
}

fn signature(keys: &Keys, json: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&keys.derived("known session")).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(json.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two texts of one length are equal, in a time that tells nothing of where they are not.
fn constant_time_eq(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
