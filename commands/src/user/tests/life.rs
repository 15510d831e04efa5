//! What happens to an account after it was opened.

use domain::claim::Claim;
use domain::ids::SessionId;
use domain::user::{ConsentKind, Standing};
use uuid::Uuid;

use super::*;
use crate::session::{Login, login, principal};

async fn state(book: &Book, user: UserId) -> User {
    book.ctx.log.load::<User>(user.uuid()).await.unwrap().0
}

async fn sign_in(book: &Book, user: UserId) -> Result<Executed<SignedIn>, ExecuteError> {
    login(&book.ctx, &caller(Actor::Anonymous), &Login { proven: Some(user), device: None }, None, now()).await
}

async fn lives(book: &Book, session: SessionId) -> bool {
    principal(&book.ctx, session, after(1)).await.unwrap().is_some()
}

fn another() -> NewPassword {
    NewPassword { chars: 10, phc: "$argon2id$other".to_owned(), mark: String::new() }
}

async fn admin(book: &Book, email: &str) -> UserId {
    let user = sign_up(book, email, Role::Guest).await.user;
    grant_role(&book.ctx, &caller(Actor::system("seed")), &GrantRole { user, role: Role::Admin }).await.unwrap();
    user
}

fn as_admin(user: UserId) -> Caller {
    Caller { roles: [Role::Admin].into(), ..by(user) }
}

#[tokio::test]
async fn a_changed_password_leaves_this_session_alone_alive() {
    let book = book().await;
    let first = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let second = sign_in(&book, first.user).await.unwrap().value;
    let input = ChangePassword { session: first.session, proven: Some(1) };
    let wrong = ChangePassword { proven: None, ..input };
    assert_eq!(refusal(change_password(&book.ctx, &by(first.user), &wrong, &another()).await).0, "AUTH001");
    change_password(&book.ctx, &by(first.user), &input, &another()).await.unwrap();
    assert!(lives(&book, first.session).await && !lives(&book, second.session).await);
    assert_eq!(credential(&book.ctx, first.user).await.unwrap(), Some((2, another().phc)));
    // The hash that was looked at is not the newest any more.
    assert_eq!(refusal(change_password(&book.ctx, &by(first.user), &input, &another()).await).0, "AUTH001");
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_once() {
    let book = book().await;
    let first = sign_up(&book, "minjun@example.com", Role::Guest).await;
    assert!(password_reset(&book.ctx, "nobody@example.com", now()).await.unwrap().is_none());
    let letter = password_reset(&book.ctx, " MINJUN@example.com ", now()).await.unwrap().unwrap();
    assert_eq!((letter.user, letter.to.as_str()), (first.user, "minjun@example.com"));
    let code = ResetPassword { code: letter.code };
    let reset = async |code: &ResetPassword, password: &NewPassword, seconds| {
        reset_password(&book.ctx, &caller(Actor::Anonymous), code, password, after(seconds)).await
    };
    let short = NewPassword { chars: 7, phc: String::new(), mark: String::new() };
    assert_eq!(refusal(reset(&code, &short, 0).await).0, "AUTH005");
    assert_eq!(refusal(reset(&code, &another(), 1_800).await).0, "AUTH008");
    for wrong in ["", "x.y.z", &verification_code(&book.ctx, first.user, now()), &format!("{}0", code.code)] {
        assert!(!reset_code_fits(&book.ctx, wrong, now()).await.unwrap());
        assert_eq!(refusal(reset(&ResetPassword { code: wrong.to_owned() }, &another(), 0).await).0, "AUTH008", "{wrong}");
    }
    assert!(reset_code_fits(&book.ctx, &code.code, now()).await.unwrap());
    reset(&code, &another(), 1_799).await.unwrap();
    assert!(!lives(&book, first.session).await);
    assert_eq!(refusal(reset(&code, &another(), 0).await).0, "AUTH008", "a code works once");
}

#[tokio::test]
async fn a_number_is_proved_by_the_code_that_went_to_it() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let letter = phone_code(&book.ctx, user, now()).await.unwrap().unwrap();
    assert_eq!((letter.to.as_str(), letter.code.len()), ("01012345678", 6));
    let verify =
        async |code: &str, seconds| verify_phone(&book.ctx, &by(user), &VerifyPhone { code: code.to_owned() }, after(seconds)).await;
    let wrong = if letter.code == "000000" { "000001" } else { "000000" };
    assert_eq!(refusal(verify(wrong, 0).await).0, "AUTH008");
    assert_eq!(refusal(verify(&letter.code, 1_200).await).0, "AUTH008", "it is too old");
    verify(&letter.code, 599).await.unwrap();
    assert_eq!(refusal(verify(&letter.code, 599).await).0, "AUTH008", "it was used");
    assert!(phone_code(&book.ctx, user, now()).await.unwrap().is_none());
    let update = UpdateProfile { user, name: None, phone: Some("010-9999-8888".to_owned()) };
    update_profile(&book.ctx, &by(user), &update).await.unwrap();
    assert_eq!(refusal(verify(&letter.code, 599).await).0, "AUTH008", "it was for another number");
}

#[tokio::test]
async fn an_address_changes_together_with_its_claim() {
    let book = book().await;
    let user = sign_up(&book, "old@example.com", Role::Guest).await.user;
    let rival = sign_up(&book, "rival@example.com", Role::Guest).await.user;
    let change = async |email: &str| change_email(&book.ctx, &by(user), &ChangeEmail { email: email.to_owned() }).await;
    assert_eq!(refusal(change("nonsense").await), ("SYS003".into(), "email".into()));
    assert_eq!(refusal(change("Rival@example.com").await), ("AUTH004".into(), "email".into()));
    change("new@example.com").await.unwrap();
    let (letter, old) = email_change_code(&book.ctx, user, now()).await.unwrap().unwrap();
    assert_eq!((letter.to.as_str(), old.as_deref()), ("new@example.com", Some("old@example.com")));
    let confirm = async |by: Caller, code: &str, seconds| {
        confirm_email_change(&book.ctx, &by, &ConfirmEmailChange { code: code.to_owned() }, after(seconds)).await
    };
    assert_eq!(refusal(confirm(by(rival), &letter.code, 0).await).0, "AUTH008");
    assert_eq!(refusal(confirm(by(user), &letter.code, 86_400).await).0, "AUTH008");
    assert_eq!(refusal(confirm(by(user), &verification_code(&book.ctx, user, now()), 0).await).0, "AUTH008");
    confirm(by(user), &letter.code, 0).await.unwrap();
    assert_eq!(events(&book).await.iter().rev().take(3).rev().collect::<Vec<_>>(), ["EmailClaimed", "EmailChanged", "EmailReleased"]);
    assert_eq!(candidate(&book.ctx, "new@example.com").await.unwrap().unwrap().user, user);
    assert!(candidate(&book.ctx, "old@example.com").await.unwrap().is_none());
    assert!(state(&book, user).await.is_verified());
    assert_eq!(refusal(confirm(by(user), &letter.code, 0).await).0, "AUTH008", "a code works once");
    sign_up(&book, "old@example.com", Role::Guest).await;
}

#[tokio::test]
async fn of_two_who_want_one_address_one_gets_it() {
    let book = book().await;
    let user = sign_up(&book, "old@example.com", Role::Guest).await.user;
    change_email(&book.ctx, &by(user), &ChangeEmail { email: "new@example.com".to_owned() }).await.unwrap();
    let (letter, _) = email_change_code(&book.ctx, user, now()).await.unwrap().unwrap();
    sign_up(&book, "new@example.com", Role::Guest).await;
    let confirmed = confirm_email_change(&book.ctx, &by(user), &ConfirmEmailChange { code: letter.code }, now()).await;
    assert_eq!(refusal(confirmed).0, "AUTH004");
    assert!(candidate(&book.ctx, "old@example.com").await.unwrap().is_some(), "the old one is still theirs");
}

#[tokio::test]
async fn the_last_administrator_stays_whatever_is_asked() {
    let book = book().await;
    let first = admin(&book, "first@example.com").await;
    let last = |user| GrantRole { user, role: Role::Admin };
    assert_eq!(refusal(revoke_role(&book.ctx, &as_admin(first), &last(first)).await).0, "USER004");
    let suspend = SuspendUser { user: first, reason: "시험".to_owned() };
    assert_eq!(refusal(suspend_user(&book.ctx, &as_admin(first), &suspend).await).0, "USER004");
    let (of, nothing) = (OfUser { user: first }, Obligations::default());
    assert_eq!(refusal(deactivate_user(&book.ctx, &as_admin(first), &of, &nothing).await).0, "USER004");
    assert_eq!(refusal(request_erasure(&book.ctx, &as_admin(first), &of, &nothing).await).0, "USER004");
    let second = admin(&book, "second@example.com").await;
    assert_eq!(refusal(revoke_role(&book.ctx, &as_admin(first), &last(first)).await).0, "AUTH011");
    // Both at once: one of the two is the last.
    let (admin1, admin2, of1, of2) = (as_admin(first), as_admin(second), last(first), last(second));
    let (a, b) = tokio::join!(revoke_role(&book.ctx, &admin1, &of2), revoke_role(&book.ctx, &admin2, &of1));
    assert_eq!([a.is_ok(), b.is_ok()].iter().filter(|ok| **ok).count(), 1);
    // Somebody else is locked out, comes back, and counts again.
    let left = if state(&book, first).await.roles().contains(&Role::Admin) { first } else { second };
    let third = admin(&book, "third@example.com").await;
    let lock = SuspendUser { user: left, reason: "시험".to_owned() };
    suspend_user(&book.ctx, &as_admin(third), &lock).await.unwrap();
    assert_eq!(refusal(suspend_user(&book.ctx, &as_admin(third), &SuspendUser { user: third, ..lock }).await).0, "USER004");
    reactivate_user(&book.ctx, &as_admin(third), &OfUser { user: left }).await.unwrap();
    revoke_role(&book.ctx, &as_admin(left), &last(third)).await.unwrap();
}

#[tokio::test]
async fn a_locked_account_is_told_so_to_whoever_knows_its_password() {
    let book = book().await;
    let (admin, user) = (admin(&book, "admin@example.com").await, sign_up(&book, "minjun@example.com", Role::Guest).await);
    let stranger = sign_up(&book, "other@example.com", Role::Guest).await.user;
    let suspend = SuspendUser { user: user.user, reason: "사칭".to_owned() };
    suspend_user(&book.ctx, &as_admin(admin), &suspend).await.unwrap();
    assert!(!lives(&book, user.session).await);
    assert_eq!(refusal(sign_in(&book, user.user).await).0, "AUTH007");
    reactivate_user(&book.ctx, &as_admin(admin), &OfUser { user: user.user }).await.unwrap();
    assert!(!lives(&book, user.session).await, "what ended stays ended");
    assert!(sign_in(&book, user.user).await.is_ok());
    let close = OfUser { user: user.user };
    assert_eq!(refusal(deactivate_user(&book.ctx, &by(stranger), &close, &Obligations::default()).await).0, "AUTH010");
    deactivate_user(&book.ctx, &by(user.user), &close, &Obligations::default()).await.unwrap();
    assert_eq!(refusal(sign_in(&book, user.user).await).0, "AUTH007");
}

#[tokio::test]
async fn an_erased_person_leaves_nothing_but_a_claim_that_ends() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await;
    let (of, nothing, system) = (OfUser { user: user.user }, Obligations::default(), caller(Actor::system("erasures")));
    assert_eq!(begin_erasure(&book.ctx, &system, &of, &nothing).await.unwrap().value, ErasureStep::Over);
    request_erasure(&book.ctx, &by(user.user), &of, &nothing).await.unwrap();
    assert!(!lives(&book, user.session).await);
    assert_eq!(begin_erasure(&book.ctx, &system, &of, &nothing).await.unwrap().value, ErasureStep::Clear);
    for _ in 0..2 {
        erase_profile(&book.ctx, &system, user.user).await.unwrap();
        finish_erasure(&book.ctx, &system, &of).await.unwrap();
    }
    let gone = state(&book, user.user).await;
    assert_eq!(gone.account().unwrap().standing, Standing::Erased);
    let first = &book.ctx.log.read(0, 10).await.unwrap()[1];
    let domain::user::Event::UserRegistered { name, .. } = first.decode().unwrap() else { panic!("{first:?}") };
    assert_eq!(book.ctx.log.open_personal(&name).await.unwrap().value(), None);
    assert!(candidate(&book.ctx, "minjun@example.com").await.unwrap().is_none());
    assert_eq!(refusal(sign_in(&book, user.user).await).0, "AUTH001");
    assert_eq!(refusal(register(&book, &form("minjun@example.com", Role::Guest), &password()).await).0, "AUTH004");
    release_email(&book.ctx, &system, user.user).await.unwrap();
    register(&book, &form("minjun@example.com", Role::Guest), &password()).await.unwrap();
    release_email(&book.ctx, &system, user.user).await.unwrap();
    let stream = email_stream(&book.ctx, &Email::parse("minjun@example.com").unwrap());
    assert!(book.ctx.log.load::<Claim>(stream).await.unwrap().0.user().is_some(), "the next holder keeps it");
}

#[tokio::test]
async fn licences_are_looked_at_by_others() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let support = sign_up(&book, "support@example.com", Role::Guest).await.user;
    let licence = SubmitLicence { number: "11-12-345678-90".to_owned(), expires_at: after(86_400) };
    submit_licence(&book.ctx, &by(user), &licence).await.unwrap();
    let of = OfUser { user };
    assert_eq!(refusal(verify_licence(&book.ctx, &by(user), &of).await).0, "AUTH010");
    let reject = RejectLicence { user, reason: "흐림".to_owned() };
    reject_licence(&book.ctx, &by(support), &reject).await.unwrap();
    submit_licence(&book.ctx, &by(user), &licence).await.unwrap();
    verify_licence(&book.ctx, &by(support), &of).await.unwrap();
    let nobody = OfUser { user: UserId::new(Uuid::nil()) };
    assert_eq!(refusal(verify_licence(&book.ctx, &by(support), &nobody).await).0, "USER001");
    let system = caller(Actor::system("licences"));
    expire_licence(&book.ctx, &system, user).await.unwrap();
    assert!(!events(&book).await.contains(&"DriverLicenceExpired".to_owned()), "its time has not come");
    book.ctx.clock.advance_to(after(86_400));
    expire_licence(&book.ctx, &system, user).await.unwrap();
    assert!(events(&book).await.contains(&"DriverLicenceExpired".to_owned()));
}

#[tokio::test]
async fn terms_and_consents_are_the_persons_own() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    accept_terms(&book.ctx, &by(user), &AcceptTerms { version: "2026-11".to_owned() }).await.unwrap();
    let consent = SetConsent { kind: ConsentKind::MarketingEmail, granted: true };
    set_consent(&book.ctx, &by(user), &consent).await.unwrap();
    let account = state(&book, user).await;
    let account = account.account().unwrap();
    assert_eq!((account.terms.as_deref(), account.consents.len()), (Some("2026-11"), 1));
    let nobody = set_consent(&book.ctx, &caller(Actor::Anonymous), &consent).await;
    assert_eq!(refusal(nobody).0, "AUTH002");
}
