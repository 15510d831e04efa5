use kernel::{Actor, Personal};
use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};

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
