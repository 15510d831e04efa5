use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::given;

const USER: UserId = UserId::new(Uuid::from_u128(1));
const KEY: ExchangeKeyId = ExchangeKeyId::new(Uuid::from_u128(7));

fn offered(fingerprint: &str) -> Offered {
    let permissions = vec![Permission::Read, Permission::Trade];
    Offered { fingerprint: fingerprint.to_owned(), last4: "9f3a".to_owned(), chars: 64, permissions }
}

fn register(is_testnet: bool, second_factor: bool, offered: Offered) -> Command {
    Command::Register { key: KEY, user: USER, exchange: "binance".to_owned(), offered, is_testnet, second_factor }
}

fn last4() -> Personal<String> {
    Personal::profile(USER.uuid(), "9f3a".to_owned())
}

fn registered(is_testnet: bool) -> Event {
    let (exchange, fingerprint) = ("binance".to_owned(), "f1".to_owned());
    Event::ExchangeKeyRegistered { user: USER, exchange, fingerprint, last4: last4(), vault_ref: secret_name(KEY), is_testnet }
}

fn by(user: u128) -> Actor {
    Actor::User(Uuid::from_u128(user))
}

#[test]
fn a_key_is_registered_when_it_cannot_do_harm() {
    given::<ExchangeKey>([]).when(register(true, false, offered("f1"))).then([registered(true)]);
    given::<ExchangeKey>([]).when(register(false, true, offered("f1"))).then([registered(false)]);
    given::<ExchangeKey>([]).when(register(false, false, offered("f1"))).refused("KEY003", "secondFactor");
    let withdraws = Offered { permissions: vec![Permission::Withdraw], ..offered("f1") };
    given::<ExchangeKey>([]).when(register(false, false, withdraws)).refused("KEY002", "permissions");
    for chars in [0, 513] {
        given::<ExchangeKey>([]).when(register(true, false, Offered { chars, ..offered("f1") })).refused("SYS003", "apiKey");
    }
    given::<ExchangeKey>([registered(true)]).when(register(true, false, offered("f1"))).refused("SYS006", "");
}

#[test]
fn a_key_is_rotated_by_its_owner_alone() {
    let rotate = Command::Rotate { offered: offered("f2"), second_factor: false };
    let rotated = Event::ExchangeKeyRotated { fingerprint: "f2".to_owned(), last4: last4() };
    let state = given::<ExchangeKey>([registered(true)]).by(by(1)).when(rotate.clone()).then([rotated]);
    assert_eq!(state.fingerprint(), Some("f2"));
    given::<ExchangeKey>([registered(true)]).by(by(2)).when(rotate.clone()).refused("SYS007", "exchangeKeyId");
    given::<ExchangeKey>([registered(false)]).by(by(1)).when(rotate.clone()).refused("KEY003", "secondFactor");
    let over = [registered(true), Event::ExchangeKeyDeactivated {}];
    given::<ExchangeKey>(over).by(by(1)).when(rotate.clone()).refused("SYS006", "");
    given::<ExchangeKey>([]).by(by(1)).when(rotate).refused("SYS007", "exchangeKeyId");
}

#[test]
fn a_key_ends_once() {
    let end = || Command::Deactivate {};
    given::<ExchangeKey>([registered(true)]).by(by(1)).when(end()).then([Event::ExchangeKeyDeactivated {}]);
    given::<ExchangeKey>([registered(true)]).by(by(2)).when(end()).refused("SYS007", "exchangeKeyId");
    given::<ExchangeKey>([registered(true), Event::ExchangeKeyDeactivated {}]).by(by(1)).when(end()).then([]);
    given::<ExchangeKey>([]).by(by(1)).when(end()).refused("SYS007", "exchangeKeyId");
}
