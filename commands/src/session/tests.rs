#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::session::SESSION_LIFETIME;
use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{Book, after, book, by, caller, events, now, refusal, sign_up};

async fn refresh(book: &Book, session: SessionId, generation: u32, seconds: i64) -> Result<Executed<RefreshOutcome>, ExecuteError> {
    refresh_session(&book.ctx, &caller(Actor::Anonymous), &RefreshSession { session, generation }, after(seconds)).await
}

fn generation(outcome: Result<Executed<RefreshOutcome>, ExecuteError>) -> Option<u32> {
    match outcome.unwrap().value {
        RefreshOutcome::SignedIn(signed_in) => Some(signed_in.generation),
        RefreshOutcome::Reused => None,
    }
}

async fn sign_in(book: &Book, proven: Option<UserId>) -> Result<Executed<SignedIn>, ExecuteError> {
    let input = Login { proven, device: Some("Pixel 11".to_owned()) };
    login(&book.ctx, &caller(Actor::Anonymous), &input, None, now()).await
}

#[tokio::test]
async fn a_sign_in_needs_a_proven_user() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    assert_eq!(sign_in(&book, Some(user)).await.unwrap().value.user, user);
    assert_eq!(refusal(sign_in(&book, None).await).0, "AUTH001");
    assert_eq!(refusal(sign_in(&book, Some(UserId::new(Uuid::nil()))).await).0, "AUTH001");
}

#[tokio::test]
async fn tokens_rotate_and_two_tabs_get_the_same_pair() {
    let book = book().await;
    let session = sign_up(&book, "minjun@example.com", Role::Guest).await.session;
    let (a, b) = tokio::join!(refresh(&book, session, 1, 60), refresh(&book, session, 1, 60));
    let (a, b) = (a.unwrap().value, b.unwrap().value);
    assert_eq!(a, b);
    assert_eq!(events(&book).await.iter().filter(|e| *e == "SessionRefreshed").count(), 1);
    assert_eq!(generation(refresh(&book, session, 2, 120).await), Some(3));
}

#[tokio::test]
async fn reuse_is_recorded_and_ends_the_session() {
    let book = book().await;
    let signed_in = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let session = signed_in.session;
    assert_eq!(generation(refresh(&book, session, 1, 60).await), Some(2));
    assert!(principal(&book.ctx, session, after(60)).await.unwrap().is_some());
    assert_eq!(generation(refresh(&book, session, 1, 71).await), None);
    assert_eq!(events(&book).await[5..], ["SessionReuseDetected", "SessionRevoked"]);
    assert!(principal(&book.ctx, session, after(72)).await.unwrap().is_none());
    assert_eq!(refusal(refresh(&book, session, 2, 73).await).0, "AUTH003");
}

#[tokio::test]
async fn signing_out_ends_this_session_or_all() {
    let book = book().await;
    let first = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let second = sign_in(&book, Some(first.user)).await.unwrap().value;
    let third = sign_in(&book, Some(first.user)).await.unwrap().value;
    let out = |session, everywhere| Logout { session, everywhere };
    let me = by(first.user);
    logout(&book.ctx, &me, &out(first.session, false)).await.unwrap();
    logout(&book.ctx, &me, &out(first.session, false)).await.unwrap();
    assert_eq!(refusal(refresh(&book, first.session, 1, 1).await).0, "AUTH003");
    assert_eq!(generation(refresh(&book, second.session, 1, 1).await), Some(2));
    logout(&book.ctx, &me, &out(second.session, true)).await.unwrap();
    for session in [second.session, third.session] {
        assert_eq!(refusal(refresh(&book, session, 2, 2).await).0, "AUTH003");
        assert!(principal(&book.ctx, session, after(2)).await.unwrap().is_none());
    }
    assert_eq!(generation(refresh(&book, sign_in(&book, Some(first.user)).await.unwrap().value.session, 1, 3).await), Some(2));
}

#[tokio::test]
async fn nobody_ends_another_ones_session() {
    let book = book().await;
    let mine = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let other = sign_up(&book, "other@example.com", Role::Guest).await;
    let input = Logout { session: mine.session, everywhere: true };
    assert_eq!(refusal(logout(&book.ctx, &by(other.user), &input).await).0, "AUTH003");
    assert!(principal(&book.ctx, mine.session, now()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_principal_has_the_roles_of_now_and_expires() {
    let book = book().await;
    let signed_in = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let expected = Principal { user: signed_in.user, roles: BTreeSet::from([Role::Guest]) };
    assert_eq!(principal(&book.ctx, signed_in.session, now()).await.unwrap(), Some(expected));
    assert_eq!(principal(&book.ctx, signed_in.session, after(SESSION_LIFETIME.as_secs())).await.unwrap(), None);
    assert_eq!(principal(&book.ctx, SessionId::new(Uuid::nil()), now()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_kept_of_a_session_is_signed_and_held_against_the_log() {
    let book = book().await;
    let signed_in = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let (ctx, keys, session) = (&book.ctx, &book.ctx.keys, signed_in.session);
    let known = KnownSession::read(ctx, session).await.unwrap().unwrap();
    let kept = known.sealed(keys);
    assert_eq!(KnownSession::opened(keys, session, &kept), Some(known.clone()));
    assert!(known.still_holds(ctx).await.unwrap() && known.principal(now()).is_some());
    // Nobody grants themselves a role by writing to the cache, or takes another one's session.
    let raised = kept.replace("guest", "admin");
    assert_ne!(raised, kept, "{kept}");
    for wrong in [raised.as_str(), "", "no signature", &kept[1..]] {
        assert_eq!(KnownSession::opened(keys, session, wrong), None);
    }
    assert_eq!(KnownSession::opened(&crate::Keys::new([1; 32]), session, &kept), None);
    assert_eq!(KnownSession::opened(keys, SessionId::new(Uuid::nil()), &kept), None);
    // Whatever happens to the session, or to its user on another device, is seen at the next look.
    let other = sign_in(&book, Some(signed_in.user)).await.unwrap().value;
    assert!(known.still_holds(ctx).await.unwrap());
    logout(ctx, &by(signed_in.user), &Logout { session: other.session, everywhere: true }).await.unwrap();
    assert!(!known.still_holds(ctx).await.unwrap());
    assert_eq!(principal(ctx, session, now()).await.unwrap(), None);
}
