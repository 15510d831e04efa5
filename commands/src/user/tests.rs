#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kernel::Actor;
use uuid::Uuid;

mod claims;
mod life;

use super::*;
use crate::testing::{Book, after, book, by, caller, events, form, now, password, refusal, sign_up, verify};

async fn register(book: &Book, form: &RegisterUser, password: &NewPassword) -> Result<Executed<SignedIn>, ExecuteError> {
    register_user(&book.ctx, &caller(Actor::Anonymous), form, password, now()).await
}

async fn verify_with(book: &Book, code: &str, now_real: Timestamp) -> Result<Executed<UserId>, ExecuteError> {
    verify_email(&book.ctx, &caller(Actor::Anonymous), &VerifyEmail { code: code.to_owned() }, now_real).await
}

#[tokio::test]
async fn registering_appends_account_claim_and_session_at_once() {
    let book = book().await;
    let signed_in = sign_up(&book, "Minjun@Example.com", Role::Host).await;
    assert_eq!(signed_in.generation, 1);
    assert_eq!(events(&book).await, ["EmailClaimed", "UserRegistered", "RoleGranted", "SessionStarted"]);
    let found = candidate(&book.ctx, " minjun@example.COM").await.unwrap().unwrap();
    assert_eq!((found.user, found.phc), (signed_in.user, password().phc));
    assert!(candidate(&book.ctx, "nobody@example.com").await.unwrap().is_none());
    assert!(candidate(&book.ctx, "nonsense").await.unwrap().is_none());
}

#[tokio::test]
async fn no_event_holds_a_secret() {
    let book = book().await;
    sign_up(&book, "minjun@example.com", Role::Guest).await;
    let payloads: String = book.ctx.log.read(0, 100).await.unwrap().iter().map(|event| event.payload.to_string()).collect();
    assert!(!payloads.contains("argon2id"));
}

#[tokio::test]
async fn a_refused_registration_leaves_nothing_behind() {
    let book = book().await;
    sign_up(&book, "minjun@example.com", Role::Guest).await;
    let before = events(&book).await;
    let short = NewPassword { chars: 7, phc: String::new(), mark: String::new() };
    let named = |name: &str| RegisterUser { name: name.to_owned(), ..form("other@example.com", Role::Guest) };
    assert_eq!(refusal(register(&book, &form("nonsense", Role::Guest), &short).await), ("SYS003".into(), "email".into()));
    assert_eq!(refusal(register(&book, &form("MINJUN@example.com", Role::Guest), &short).await), ("AUTH004".into(), "email".into()));
    assert_eq!(refusal(register(&book, &named("🙂"), &short).await), ("AUTH005".into(), "password".into()));
    assert_eq!(refusal(register(&book, &form("other@example.com", Role::Admin), &password()).await), ("AUTH011".into(), "role".into()));
    assert_eq!(refusal(register(&book, &named("🙂"), &password()).await), ("USER002".into(), "name".into()));
    assert_eq!(events(&book).await, before);
    assert!(candidate(&book.ctx, "other@example.com").await.unwrap().is_none(), "its address is free again");
}

#[tokio::test]
async fn of_two_who_register_one_address_at_once_one_wins() {
    let book = book().await;
    let form = form("minjun@example.com", Role::Guest);
    let password = password();
    let (a, b) = tokio::join!(register(&book, &form, &password), register(&book, &form, &password));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert!(won.is_ok());
    assert_eq!(refusal(lost).0, "AUTH004");
}

#[tokio::test]
async fn a_code_works_once_in_time_and_unaltered() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let code = verification_code(&book.ctx, user, now());
    let invalid = ("AUTH008".to_owned(), "code".to_owned());
    let later = code.replace(&after(86_400).as_second().to_string(), &after(999_999).as_second().to_string());
    assert_ne!(later, code);
    for wrong in ["", "x", "a.b.c", &later, &format!("{code}0"), &code[1..]] {
        assert_eq!(refusal(verify_with(&book, wrong, now()).await), invalid, "{wrong}");
    }
    assert_eq!(refusal(verify_with(&book, &code, after(86_400)).await), invalid);
    assert_eq!(verify_with(&book, &code, after(86_399)).await.unwrap().value, user);
    assert_eq!(refusal(verify_with(&book, &code, after(1)).await), invalid);
}

#[tokio::test]
async fn roles_are_granted_by_others() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    verify(&book, user).await;
    let grant = GrantRole { user, role: Role::Finance };
    assert_eq!(refusal(grant_role(&book.ctx, &by(user), &grant).await).0, "AUTH011");
    grant_role(&book.ctx, &caller(Actor::system("seed")), &grant).await.unwrap();
    let (state, _) = book.ctx.log.load::<User>(user.uuid()).await.unwrap();
    assert!(state.is_verified() && state.roles().contains(&Role::Finance));
    let nobody = GrantRole { user: UserId::new(Uuid::nil()), role: Role::Finance };
    assert_eq!(refusal(grant_role(&book.ctx, &caller(Actor::system("seed")), &nobody).await).0, "USER001");
}
