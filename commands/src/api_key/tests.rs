#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kernel::Actor;

use super::*;
use crate::testing::{Book, after, book, by, caller, now, refusal, sign_up};
use crate::user::{GrantRole, Obligations, OfUser, deactivate_user, grant_role, revoke_role};

fn wish(scopes: &[Role]) -> IssueApiKey {
    IssueApiKey { label: "장부 프로그램".to_owned(), scopes: scopes.iter().copied().collect(), expires_at: Some(after(3_600)) }
}

async fn issue(book: &Book, user: UserId, scopes: &[Role]) -> Result<Executed<ApiKeyId>, ExecuteError> {
    issue_api_key(&book.ctx, &by(user), &wish(scopes), now()).await
}

async fn roles(book: &Book, token: &str) -> Option<BTreeSet<Role>> {
    holder(&book.ctx, token, now()).await.unwrap().map(|holder| holder.roles)
}

#[tokio::test]
async fn a_key_opens_for_its_owner_until_it_ends() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Host).await.user;
    let other = sign_up(&book, "other@example.com", Role::Host).await.user;
    let key = issue(&book, user, &[Role::Host]).await.unwrap().value;
    let token = token(&book.ctx, key);
    let found = holder(&book.ctx, &token, after(3_599)).await.unwrap().unwrap();
    assert_eq!((found.user, found.key, found.roles), (user, key, BTreeSet::from([Role::Host])));
    assert!(holder(&book.ctx, &token, after(3_600)).await.unwrap().is_none());
    for (at, c) in token.char_indices().skip(PREFIX.len()) {
        let wrong = format!("{}{}{}", &token[..at], if c == '0' { '1' } else { '0' }, &token[at + 1..]);
        assert_eq!(roles(&book, &wrong).await, None, "{wrong}");
    }
    for wrong in ["", "dbk_", &token[..token.len() - 1], &format!("{token}0"), &token.to_uppercase()] {
        assert_eq!(roles(&book, wrong).await, None, "{wrong}");
    }
    assert_eq!(refusal(revoke_api_key(&book.ctx, &by(other), &RevokeApiKey { key }).await).0, "SYS007");
    revoke_api_key(&book.ctx, &by(user), &RevokeApiKey { key }).await.unwrap();
    assert_eq!(roles(&book, &token).await, None);
    assert_eq!(book.ctx.log.secret(&digest_name(key)).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_never_does_more_than_its_owner_may() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Host).await.user;
    assert_eq!(refusal(issue(&book, user, &[Role::Host, Role::Admin]).await), ("AUTH011".into(), "scopes".into()));
    let system = caller(Actor::system("seed"));
    let finance = GrantRole { user, role: Role::Finance };
    grant_role(&book.ctx, &system, &finance).await.unwrap();
    let token = token(&book.ctx, issue(&book, user, &[Role::Finance]).await.unwrap().value);
    assert_eq!(roles(&book, &token).await, Some(BTreeSet::from([Role::Finance])), "the host's role was not asked for");
    revoke_role(&book.ctx, &system, &finance).await.unwrap();
    assert_eq!(roles(&book, &token).await, Some(BTreeSet::new()));
    deactivate_user(&book.ctx, &by(user), &OfUser { user }, &Obligations::default()).await.unwrap();
    assert_eq!(roles(&book, &token).await, None);
}

#[tokio::test]
async fn neither_key_nor_digest_is_in_an_event() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Host).await.user;
    let key = issue(&book, user, &[Role::Host]).await.unwrap().value;
    let digest = book.ctx.log.secret(&digest_name(key)).await.unwrap().unwrap();
    let secret = token(&book.ctx, key).rsplit_once('_').unwrap().1.to_owned();
    let payloads: String = book.ctx.log.read(0, 100).await.unwrap().iter().map(|event| event.payload.to_string()).collect();
    assert!(!payloads.contains(&digest) && !payloads.contains(&secret[..16]));
}
