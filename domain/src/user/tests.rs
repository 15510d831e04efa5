use std::collections::BTreeSet;

use kernel::{Actor, Personal};
use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};
use crate::text::Email;

const ID: UserId = UserId::new(Uuid::from_u128(1));

fn register(change: impl FnOnce(&mut (String, String, Role, usize))) -> Command {
    let mut typed = (" 김민준 ".to_owned(), "010-1234-5678".to_owned(), Role::Guest, 12);
    change(&mut typed);
    let (name, phone, role, password_chars) = typed;
    Command::Register { user: ID, email: email(), name, phone, role, password_chars }
}

fn email() -> Email {
    Email::parse("Minjun@Example.com").unwrap_or_else(|error| panic!("{error}"))
}

fn registered() -> [Event; 2] {
    let of = |text: &str| Personal::profile(ID.uuid(), text.to_owned());
    [
        Event::UserRegistered { email: of("Minjun@Example.com"), name: of("김민준"), phone: of("01012345678"), credential_version: 1 },
        Event::RoleGranted { role: Role::Guest },
    ]
}

fn verify(now: &str) -> Command {
    Command::VerifyEmail { expires_at: moment("2026-11-03T00:00:00Z"), now_real: moment(now) }
}

#[test]
fn registering_opens_an_account_with_one_role() {
    let user = given::<User>([]).when(register(|_| {})).then(registered());
    assert!(!user.is_verified());
    assert_eq!(user.roles(), BTreeSet::from([Role::Guest]));
    given::<User>([]).when(register(|typed| typed.3 = 128)).then(registered());
}

#[test]
fn registering_refuses_in_the_listed_order() {
    given::<User>([]).when(register(|t| *t = (String::new(), String::new(), Role::Admin, 7))).refused("AUTH005", "password");
    given::<User>([]).when(register(|t| t.3 = 129)).refused("AUTH005", "password");
    for role in Role::ALL.into_iter().filter(|role| !matches!(role, Role::Guest | Role::Host)) {
        given::<User>([]).when(register(|t| t.2 = role)).refused("AUTH011", "role");
    }
    for name in ["", "가".repeat(101).as_str(), "a".repeat(300).as_str(), "김🙂", "김\u{0}"] {
        given::<User>([]).when(register(|t| t.0 = name.to_owned())).refused("USER002", "name");
    }
    for phone in ["", "12345", "전화번호", "+82"] {
        given::<User>([]).when(register(|t| t.1 = phone.to_owned())).refused("USER002", "phone");
    }
    given::<User>(registered()).when(register(|_| {})).refused("SYS006", "");
}

#[test]
fn a_code_proves_the_address_once_and_in_time() {
    let user = given::<User>(registered()).when(verify("2026-11-02T23:59:59Z")).then([Event::EmailVerified {}]);
    assert!(user.is_verified());
    given::<User>(registered()).when(verify("2026-11-03T00:00:00Z")).refused("AUTH008", "code");
    given::<User>(registered().into_iter().chain([Event::EmailVerified {}]))
        .when(verify("2026-11-02T00:00:00Z"))
        .refused("AUTH008", "code");
    given::<User>([]).when(verify("2026-11-02T00:00:00Z")).refused("AUTH008", "code");
}

#[test]
fn roles_are_granted_once_and_never_by_oneself() {
    let grant = |role| Command::GrantRole { user: ID, role };
    let user = given::<User>(registered()).by(Actor::system("seed")).when(grant(Role::Finance));
    assert_eq!(user.then([Event::RoleGranted { role: Role::Finance }]).roles(), BTreeSet::from([Role::Guest, Role::Finance]));
    given::<User>(registered()).when(grant(Role::Guest)).then([]);
    given::<User>(registered()).by(Actor::User(ID.uuid())).when(grant(Role::Admin)).refused("AUTH011", "role");
    given::<User>([]).when(grant(Role::Admin)).refused("USER001", "");
}

#[test]
fn signing_out_everywhere_raises_the_epoch() {
    let user = given::<User>(registered()).when(Command::SignOutEverywhere {}).then([Event::SessionsRevoked { epoch: 1 }]);
    assert_eq!(user.session_epoch(), Some(1));
    given::<User>([]).when(Command::SignOutEverywhere {}).refused("USER001", "");
}

#[test]
fn a_role_is_its_name_everywhere() {
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
        assert_eq!(serde_json::to_string(&role).ok(), Some(format!("{:?}", role.name())));
    }
    assert!("GUEST".parse::<Role>().is_err());
}

#[test]
fn answers_beside_decide_are_in_the_catalogue() {
    for refusal in [Refusal::BadEmail, Refusal::WrongCredentials] {
        assert!(crate::catalogue::find(&kernel::Refusal::refused(&refusal).code).is_some());
    }
}

fn active(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    registered().into_iter().chain([Event::EmailVerified {}]).chain(more).collect()
}

fn own(text: &str) -> Personal<String> {
    Personal::profile(ID.uuid(), text.to_owned())
}

fn epoch(epoch: u32) -> Event {
    Event::SessionsRevoked { epoch }
}

#[test]
fn a_password_is_changed_by_whoever_knows_it() {
    let change = |known, password_chars| Command::ChangePassword { known, password_chars };
    let changed = [Event::PasswordChanged { credential_version: 2 }, epoch(1)];
    let user = given::<User>(active([])).when(change(true, 8)).then(changed);
    assert_eq!(user.session_epoch(), Some(1));
    given::<User>(active([])).when(change(false, 7)).refused("AUTH001", "oldPassword");
    given::<User>(active([])).when(change(true, 7)).refused("AUTH005", "password");
    given::<User>(active([Event::UserDeactivated {}])).when(change(true, 8)).refused("AUTH007", "");
}

#[test]
fn a_reset_code_replaces_the_password_that_it_names() {
    let reset = |replaces, password_chars| Command::ResetPassword { replaces, password_chars };
    let changed = || [Event::PasswordChanged { credential_version: 2 }, epoch(1)];
    given::<User>(active([])).when(reset(Some(1), 128)).then(changed());
    given::<User>(active([])).when(reset(None, 129)).refused("AUTH005", "password");
    given::<User>(active([])).when(reset(None, 8)).refused("AUTH008", "code");
    given::<User>(active(changed())).when(reset(Some(1), 8)).refused("AUTH008", "code");
    given::<User>(active([Event::UserSuspended { reason: own("x") }])).when(reset(Some(1), 8)).refused("AUTH008", "code");
    given::<User>([]).when(reset(None, 7)).refused("AUTH005", "password");
    given::<User>([]).when(reset(Some(1), 8)).refused("AUTH008", "code");
}

#[test]
fn a_number_is_proved_once_and_again_when_it_changes() {
    let verify = |code_fits| Command::VerifyPhone { code_fits };
    given::<User>(active([])).when(verify(true)).then([Event::PhoneVerified {}]);
    given::<User>(active([])).when(verify(false)).refused("AUTH008", "code");
    given::<User>(active([Event::PhoneVerified {}])).when(verify(true)).refused("AUTH008", "code");
    let another = Event::ProfileUpdated { name: None, phone: Some(own("01099998888")) };
    given::<User>(active([Event::PhoneVerified {}, another])).when(verify(true)).then([Event::PhoneVerified {}]);
}

#[test]
fn a_profile_changes_in_what_is_given() {
    let update = |name: Option<&str>, phone: Option<&str>| Command::UpdateProfile {
        user: ID,
        name: name.map(str::to_owned),
        phone: phone.map(str::to_owned),
    };
    let renamed = Event::ProfileUpdated { name: Some(own("이서윤")), phone: None };
    given::<User>(active([])).when(update(Some(" 이서윤 "), None)).then([renamed]);
    given::<User>(active([])).when(update(None, None)).then([]);
    given::<User>(active([])).when(update(Some("🙂"), Some("1"))).refused("USER002", "name");
    given::<User>(active([])).when(update(None, Some("1"))).refused("USER002", "phone");
    given::<User>([]).when(update(None, None)).refused("USER001", "");
}

#[test]
fn an_address_changes_when_the_new_one_is_proved() {
    let asked = Event::EmailChangeRequested { email: own("Minjun@Example.com") };
    let user = given::<User>(active([])).when(Command::RequestEmailChange { user: ID, email: email() }).then([asked.clone()]);
    assert!(user.account().is_some_and(|account| account.new_email.is_some()));
    let confirm = |code_fits| Command::ConfirmEmailChange { code_fits };
    let changed = Event::EmailChanged { email: own("Minjun@Example.com") };
    given::<User>(active([asked.clone()])).when(confirm(true)).then([changed.clone()]);
    given::<User>(active([asked.clone()])).when(confirm(false)).refused("AUTH008", "code");
    given::<User>(active([asked, changed])).when(confirm(true)).refused("AUTH008", "code");
    given::<User>(active([])).when(confirm(true)).refused("AUTH008", "code");
}

#[test]
fn a_role_ends_by_another_ones_hand() {
    let revoke = |role| Command::RevokeRole { user: ID, role };
    let user = given::<User>(active([])).by(Actor::system("x")).when(revoke(Role::Guest)).then([Event::RoleRevoked { role: Role::Guest }]);
    assert!(user.roles().is_empty());
    given::<User>(active([])).by(Actor::system("x")).when(revoke(Role::Admin)).then([]);
    given::<User>(active([])).by(Actor::User(ID.uuid())).when(revoke(Role::Guest)).refused("AUTH011", "role");
}

#[test]
fn a_closed_account_has_no_sessions_and_opens_again() {
    let suspended = || [Event::UserSuspended { reason: own("사칭") }, epoch(1)];
    let user = given::<User>(active([])).when(Command::Suspend { reason: own("사칭") }).then(suspended());
    assert!(!user.is_verified() && user.session_epoch().is_none());
    given::<User>(active(suspended())).when(Command::Suspend { reason: own("사칭") }).then([]);
    given::<User>(active(suspended())).when(Command::Deactivate {}).then([Event::UserDeactivated {}, epoch(2)]);
    let again = given::<User>(active(suspended())).when(Command::Reactivate {}).then([Event::UserReactivated {}]);
    assert!(again.is_verified() && again.session_epoch() == Some(1));
    given::<User>(active([])).when(Command::Reactivate {}).then([]);
}

#[test]
fn an_erasure_is_for_good() {
    let ask = || Command::RequestErasure { email_claim: "c0".to_owned() };
    let asked = || [Event::UserErasureRequested { email_claim: "c0".to_owned() }, epoch(1)];
    let (free, kept) = (moment("2026-12-02T00:00:00Z"), moment("2031-11-02T00:00:00Z"));
    let erase = || Command::Erase { email_free_at: free, retained_until: kept };
    let erased = || Event::UserErased { email_free_at: free, retained_until: kept };
    let leaving = given::<User>(active([])).when(ask()).then(asked());
    assert!(leaving.active().is_none());
    given::<User>(active(asked())).when(ask()).then([]);
    let blocked = Event::UserErasureBlocked { retry_at: free };
    given::<User>(active(asked())).when(Command::BlockErasure { retry_at: free }).then([blocked]);
    given::<User>(active(asked())).when(Command::Reactivate {}).refused("SYS006", "");
    let gone = given::<User>(active(asked())).when(erase()).then([erased()]);
    let account = gone.account().unwrap_or_else(|| panic!("it is known that there was somebody"));
    assert_eq!((&account.email, &account.phone), (&Personal::Erased {}, &Personal::Erased {}), "memory forgets, too");
    assert_eq!(account.email_claim.as_deref(), Some("c0"), "the claim outlives the person");
    let after = || active(asked()).into_iter().chain([erased()]);
    given::<User>(after()).when(erase()).then([]);
    given::<User>(after()).when(ask()).refused("USER001", "");
    given::<User>(after()).when(Command::Suspend { reason: own("x") }).refused("USER001", "");
    given::<User>(active([])).when(erase()).then([]);
}

#[test]
fn a_licence_is_looked_at_and_expires() {
    let end = moment("2027-01-01T00:00:00Z");
    let submit = |number: &str, expires_at| Command::SubmitLicence { user: ID, number: number.to_owned(), expires_at };
    let submitted = || Event::DriverLicenceSubmitted { number: own("111234567890"), expires_at: end };
    let verified = || Event::DriverLicenceVerified { expires_at: end };
    given::<User>(active([])).when(submit("11-12-345678-90", end)).then([submitted()]);
    for bad in ["", "123", "11-12-345678-9 🙂", &"1".repeat(21)] {
        given::<User>(active([])).when(submit(bad, end)).refused("SYS003", "number");
    }
    given::<User>(active([])).when(submit("11-12-345678-90", moment("2026-11-02T00:00:00Z"))).refused("SYS003", "expiresAt");
    given::<User>(active([submitted()])).when(Command::VerifyLicence {}).then([verified()]);
    given::<User>(active([submitted()])).at(end).when(Command::VerifyLicence {}).refused("SYS003", "expiresAt");
    given::<User>(active([])).when(Command::VerifyLicence {}).refused("SYS006", "");
    let reject = || Command::RejectLicence { reason: own("흐림") };
    given::<User>(active([submitted()])).when(reject()).then([Event::DriverLicenceRejected { reason: own("흐림") }]);
    given::<User>(active([submitted(), verified()])).when(reject()).refused("SYS006", "");
    given::<User>(active([submitted(), verified()])).at(end).when(Command::ExpireLicence {}).then([Event::DriverLicenceExpired {}]);
    given::<User>(active([submitted(), verified()])).when(Command::ExpireLicence {}).then([]);
    given::<User>(active([submitted(), verified(), Event::DriverLicenceExpired {}])).at(end).when(Command::ExpireLicence {}).then([]);
}

#[test]
fn terms_and_consents_are_noted_once() {
    let accept = |version: &str| Command::AcceptTerms { version: version.to_owned() };
    let accepted = Event::TermsAccepted { version: "2026-11".to_owned() };
    given::<User>(active([])).when(accept(" 2026-11 ")).then([accepted.clone()]);
    given::<User>(active([accepted])).when(accept("2026-11")).then([]);
    given::<User>(active([])).when(accept("")).refused("SYS003", "version");
    let consent = |granted| Command::SetConsent { kind: ConsentKind::MarketingSms, granted };
    let granted = Event::ConsentGranted { kind: ConsentKind::MarketingSms };
    given::<User>(active([])).when(consent(true)).then([granted.clone()]);
    given::<User>(active([granted.clone()])).when(consent(true)).then([]);
    let withdrawn = Event::ConsentWithdrawn { kind: ConsentKind::MarketingSms };
    given::<User>(active([granted])).when(consent(false)).then([withdrawn]);
    given::<User>(active([])).when(consent(false)).then([]);
}
