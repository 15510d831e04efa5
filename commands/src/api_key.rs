//! Keys by which programs act for people. A key is an HMAC over its id, so that a retry of the call that made it hears the
//! same; the vault keeps a digest, and whoever presents a key is compared with that.

use std::collections::BTreeSet;

use domain::api_key::{self, ApiKey, digest_name};
use domain::ids::{ApiKeyId, UserId};
use domain::user::{Refusal, Role, User};
use eventlog::{ExecuteError, Executed, LogError};
use kernel::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::access::same;
use crate::{Caller, Context, access};

/// What every key begins with, so that scanners of secrets know one when they see it.
pub const PREFIX: &str = "dbk_";
/// Characters of a key that its owner is shown, to tell it from others.
const SHOWN_CHARS: usize = PREFIX.len() + 8;
/// Characters of a whole key: prefix, id, underscore, secret.
const WHOLE_CHARS: usize = PREFIX.len() + 32 + 1 + 64;

/// Input of [`issue_api_key`].
#[derive(Clone, Debug, Serialize)]
pub struct IssueApiKey {
    /// What it is for.
    pub label: String,
    /// The roles in which it is to act.
    pub scopes: BTreeSet<Role>,
    /// Real time at which it is to stop working.
    pub expires_at: Option<Timestamp>,
}

/// Makes a key (SEC-15).
///
/// # Errors
/// AUTH007, AUTH011, SYS003; or the log's.
pub async fn issue_api_key(
    ctx: &Context,
    caller: &Caller,
    input: &IssueApiKey,
    now_real: Timestamp,
) -> Result<Executed<ApiKeyId>, ExecuteError> {
    let id = ApiKeyId::new(ctx.ids.mint());
    ctx.execute("issueApiKey", caller, input, |s| async move {
        let user = access::actor_of(&s)?;
        let account = s.load::<User>(user.uuid()).await?;
        let held = account.active().ok_or(Refusal::NotActive)?.roles.clone();
        let text = token(ctx, id);
        let mut key = s.fresh::<ApiKey>(id.uuid()).await?;
        let issue = api_key::Command::Issue {
            key: id,
            user,
            held,
            scopes: input.scopes.clone(),
            label: input.label.clone(),
            prefix: text.chars().take(SHOWN_CHARS).collect(),
            expires_at: input.expires_at,
            now_real,
        };
        s.decide(&mut key, issue)?;
        s.put_secret(&digest_name(id), &digest(ctx, &text));
        Ok(id)
    })
    .await
}

/// Input of [`revoke_api_key`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RevokeApiKey {
    /// Which.
    pub key: ApiKeyId,
}

/// Ends a key: by its owner, or by us when they leave.
///
/// # Errors
/// SYS007; or the log's.
pub async fn revoke_api_key(ctx: &Context, caller: &Caller, input: &RevokeApiKey) -> Result<Executed<ApiKeyId>, ExecuteError> {
    ctx.execute("revokeApiKey", caller, input, |s| async move {
        let mut key = s.load::<ApiKey>(input.key.uuid()).await?;
        s.decide(&mut key, api_key::Command::Revoke {})?;
        s.remove_secret(&digest_name(input.key));
        Ok(input.key)
    })
    .await
}

/// The whole key, for whoever has just made it.
#[must_use]
pub fn token(ctx: &Context, key: ApiKeyId) -> String {
    let id = key.uuid().simple();
    format!("{PREFIX}{id}_{}", ctx.keys.claim("api-key", &id.to_string()))
}

fn digest(ctx: &Context, token: &str) -> String {
    ctx.keys.claim("api-key-digest", token)
}

/// Who stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// The roles in which it may act: of its scopes those that its owner holds now.
    pub roles: BTreeSet<Role>,
    /// Real time at which it stops working.
    pub expires_at: Option<Timestamp>,
}

/// The holder of a key that was presented, if it works.
///
/// # Errors
/// When the log cannot be read.
pub async fn holder(ctx: &Context, presented: &str, now_real: Timestamp) -> Result<Option<KeyHolder>, LogError> {
    let Some(id) = named(presented) else { return Ok(None) };
    let Some(stored) = ctx.log.secret(&digest_name(id)).await? else { return Ok(None) };
    if !same(stored.as_bytes(), digest(ctx, presented).as_bytes()) {
        return Ok(None);
    }
    let (key, _) = ctx.log.load::<ApiKey>(id.uuid()).await?;
    let Some(grant) = key.grant(now_real) else { return Ok(None) };
    let (user, _) = ctx.log.load::<User>(grant.user.uuid()).await?;
    Ok(user.active().map(|account| KeyHolder {
        key: id,
        user: grant.user,
        roles: grant.scopes.intersection(&account.roles).copied().collect(),
        expires_at: grant.expires_at,
    }))
}

/// The id in a text that is shaped like a key.
fn named(presented: &str) -> Option<ApiKeyId> {
    let rest = presented.strip_prefix(PREFIX).filter(|_| presented.len() == WHOLE_CHARS)?;
    let (id, _) = rest.split_once('_')?;
    Uuid::try_parse(id).ok().map(ApiKeyId::new)
}

#[cfg(test)]
mod tests;
