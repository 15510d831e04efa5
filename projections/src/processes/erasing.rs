//! The desk's part of an erasure: what is open is found in the read models, and asked of the log again.

use commands::user::{self, ErasureStep, OfUser};
use commands::{Caller, Context};
use domain::ids::UserId;

use super::desk::{done, failed};
use crate::models::obligations;
use crate::process::WorkError;
use crate::views::Views;

/// One try: blocked by what is open, or through to the end. Each step again changes nothing.
pub(super) async fn erase(ctx: &Context, views: &Views, by: &Caller, user: UserId) -> Result<(), WorkError> {
    let of = OfUser { user };
    let found = obligations::of(views, user).await.map_err(failed)?;
    match user::begin_erasure(ctx, by, &of, &found).await {
        Ok(begun) if begun.value == ErasureStep::Clear => {}
        answer => return done(answer),
    }
    loop {
        let (api, exchange) = obligations::keys(views, user).await.map_err(failed)?;
        for key in &api {
            done(commands::api_key::revoke_api_key(ctx, by, &commands::api_key::RevokeApiKey { key: *key }).await)?;
        }
        for key in &exchange {
            let input = commands::exchange_key::DeactivateExchangeKey { key: *key };
            done(commands::exchange_key::deactivate_exchange_key(ctx, by, &input).await)?;
        }
        if api.len().max(exchange.len()) < usize::try_from(obligations::KEYS_AT_ONCE).unwrap_or(usize::MAX) {
            break;
        }
    }
    done(user::erase_profile(ctx, by, user).await)?;
    done(user::finish_erasure(ctx, by, &of).await)
}
