//! Who asks: the viewer behind a token, and what of the read side a viewer has to see.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use commands::session::KnownSession;
use commands::{Caller, api_key};
use domain::ids::{SessionId, UserId};
use domain::user::Role;
use eventlog::LogError;
use futures_util::future::BoxFuture;
use kernel::{Actor, Refused};

use crate::app::{App, real_now};
use crate::errors::ApiError;
use crate::transport::{Admitted, Door, RequestMeta, TurnedAway};

/// Longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 255;

/// How long a session is kept beside the log after it was read last.
const KEPT: Duration = Duration::from_secs(1_800);

/// Whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    /// The signed-in user.
    pub user: Option<UserId>,
    /// Their session; none when a program acts for them by an API key.
    pub session: Option<SessionId>,
    /// Their roles.
    pub roles: BTreeSet<Role>,
}

impl Viewer {
    /// The signed-in user.
    ///
    /// # Errors
    /// AUTH002 when nobody is signed in.
    pub fn person(&self) -> Result<UserId, ApiError> {
        self.user.ok_or_else(ApiError::sign_in)
    }

    /// The session of a user who acts themselves, and not through a program with an API key.
    ///
    /// # Errors
    /// AUTH002 when nobody is signed in, AUTH010 for a program.
    pub fn in_person(&self) -> Result<SessionId, ApiError> {
        self.person()?;
        self.session.ok_or_else(ApiError::forbidden)
    }

    /// Does the viewer hold one of these roles?
    #[must_use]
    pub fn is_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }

    /// The viewer as a caller of commands.
    ///
    /// # Errors
    /// SYS003 for a key that is empty, too long or not printable.
    pub fn caller(&self, key: Option<String>, meta: &RequestMeta) -> Result<Caller, Refused> {
        let printable = |key: &String| (1..=MAX_KEY_CHARS).contains(&key.chars().count()) && !key.chars().any(char::is_control);
        if key.as_ref().is_some_and(|key| !printable(key) || key.trim().is_empty()) {
            return Err(Refused::at(crate::errors::MALFORMED, &["idempotencyKey"]));
        }
        Ok(Caller {
            actor: self.user.map_or(Actor::Anonymous, |user| Actor::User(user.uuid())),
            roles: self.roles.clone(),
            key,
            correlation_id: meta.correlation_id,
            causation_id: None,
            traceparent: meta.traceparent.clone(),
        })
    }
}

/// Lets requests in by their access tokens.
#[derive(Clone)]
pub struct FrontDoor(pub Arc<App>);

impl Door for FrontDoor {
    fn enter<'a>(&'a self, bearer: Option<&'a str>, _meta: &'a RequestMeta) -> BoxFuture<'a, Result<Admitted, TurnedAway>> {
        Box::pin(async move {
            let (viewer, expires_at) = self.admitted(bearer).await?;
            if let Some(user) = viewer.user {
                tracing::Span::current().record("user_id", user.uuid().to_string());
            }
            let payer = viewer.user.map(|user| user.uuid().to_string());
            let rights: Vec<_> = viewer.roles.iter().map(|role| role.name()).collect();
            let admitted = Admitted::new(viewer, expires_at).holding(rights);
            Ok(match payer {
                Some(payer) => admitted.paying_as(payer),
                None => admitted,
            })
        })
    }
}

impl FrontDoor {
    /// The viewer behind a token, for what is served beside GraphQL.
    ///
    /// # Errors
    /// As the door's.
    pub async fn viewer_of(&self, bearer: Option<&str>) -> Result<Viewer, TurnedAway> {
        self.admitted(bearer).await.map(|(viewer, _)| viewer)
    }

    /// The viewer behind a token, and when the token ends.
    async fn admitted(&self, bearer: Option<&str>) -> Result<(Viewer, Option<kernel::Timestamp>), TurnedAway> {
        let Some(token) = bearer else { return Ok((Viewer::default(), None)) };
        let now = real_now();
        if token.starts_with(api_key::PREFIX) {
            return self.program(token, now).await;
        }
        let claims = self.0.tokens.verify_access(token, now.as_second()).map_err(|_| TurnedAway::Unauthenticated)?;
        let session = SessionId::new(claims.sid);
        // A token without an end outlives its session's refresh tokens: that it was not revoked is all that counts.
        let as_of = if claims.exp.is_none() { kernel::Timestamp::from_second(claims.iat).unwrap_or(now) } else { now };
        let viewer = self.viewer(session, as_of).await?.ok_or(TurnedAway::Unauthenticated)?;
        if viewer.user != Some(UserId::new(claims.sub)) {
            return Err(TurnedAway::Unauthenticated);
        }
        let expires_at = claims.exp.and_then(|exp| kernel::Timestamp::from_second(exp).ok());
        Ok((viewer, expires_at))
    }

    /// A program that acts for a person by an API key.
    async fn program(&self, key: &str, now: kernel::Timestamp) -> Result<(Viewer, Option<kernel::Timestamp>), TurnedAway> {
        let holder = api_key::holder(&self.0.ctx, key, now).await.map_err(|error| {
            tracing::error!(%error, "an API key could not be looked up");
            TurnedAway::Unavailable
        })?;
        let holder = holder.ok_or(TurnedAway::Unauthenticated)?;
        let viewer = Viewer { user: Some(holder.user), session: None, roles: holder.roles };
        Ok((viewer, holder.expires_at))
    }

    /// The viewer of a live session; roles as they are now, not as they were when the token was signed (I2).
    async fn viewer(&self, session: SessionId, now: kernel::Timestamp) -> Result<Option<Viewer>, TurnedAway> {
        if self.0.hot.is_denied(&session.to_string()).await {
            return Ok(None);
        }
        let known = self.known(session).await.map_err(|error| {
            tracing::error!(%error, "a session could not be read");
            TurnedAway::Unavailable
        })?;
        let principal = known.and_then(|known| known.principal(now));
        Ok(principal.map(|found| Viewer { user: Some(found.user), session: Some(session), roles: found.roles }))
    }

    /// A session as it is now: what was kept of it where nothing has happened since, else read anew and kept.
    async fn known(&self, session: SessionId) -> Result<Option<KnownSession>, LogError> {
        let App { ctx, hot, .. } = &*self.0;
        let name = session.to_string();
        let kept = hot.kept_session(&name).await.and_then(|text| KnownSession::opened(&ctx.keys, session, &text));
        if let Some(kept) = kept
            && kept.still_holds(ctx).await?
        {
            return Ok(Some(kept));
        }
        let found = KnownSession::read(ctx, session).await?;
        if let Some(found) = &found {
            hot.keep_session(&name, &found.sealed(&ctx.keys), KEPT).await;
        }
        Ok(found)
    }
}
