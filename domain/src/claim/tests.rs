use uuid::Uuid;

use super::*;
use crate::testing::given;

const USER: UserId = UserId::new(Uuid::from_u128(1));
const VEHICLE: VehicleId = VehicleId::new(Uuid::from_u128(2));

#[test]
fn the_first_one_holds_the_value() {
    let claim = given::<Claim>([]).when(Command::ClaimEmail { user: USER }).then([Event::EmailClaimed { user: USER }]);
    assert_eq!(claim.user(), Some(USER));
    let claim = given::<Claim>([]).when(Command::ClaimPlate { vehicle: VEHICLE }).then([Event::PlateClaimed { vehicle: VEHICLE }]);
    assert_eq!(claim.user(), None);
}

#[test]
fn nobody_else_gets_it() {
    given::<Claim>([Event::EmailClaimed { user: USER }]).when(Command::ClaimEmail { user: USER }).refused("AUTH004", "email");
    given::<Claim>([Event::PlateClaimed { vehicle: VEHICLE }])
        .when(Command::ClaimPlate { vehicle: VEHICLE })
        .refused("VEH001", "licensePlate");
}

#[test]
fn a_stream_is_named_by_kind_and_digest() {
    assert_eq!(Kind::Email.stream_id("ab12"), "email-ab12");
    assert_eq!(Kind::Plate.stream_id("ab12"), "plate-ab12");
}

#[test]
fn its_holder_gives_it_back() {
    let other = UserId::new(Uuid::from_u128(3));
    let held = || [Event::EmailClaimed { user: USER }];
    let released = Event::EmailReleased { user: USER };
    let free = given::<Claim>(held()).when(Command::ReleaseEmail { user: USER }).then([released.clone()]);
    assert_eq!(free.user(), None);
    given::<Claim>(held()).when(Command::ReleaseEmail { user: other }).then([]);
    let again = held().into_iter().chain([released]);
    given::<Claim>(again).when(Command::ClaimEmail { user: other }).then([Event::EmailClaimed { user: other }]);
}

#[test]
fn a_business_number_and_an_exchange_key_are_registered_once() {
    let other = UserId::new(Uuid::from_u128(3));
    let number = [Event::BusinessNumberClaimed { user: USER }];
    given::<Claim>(number.clone()).when(Command::ClaimBusinessNumber { user: USER }).then([]);
    given::<Claim>(number.clone()).when(Command::ClaimBusinessNumber { user: other }).refused("CORP002", "businessRegistrationNumber");
    given::<Claim>(number).when(Command::ReleaseBusinessNumber { user: USER }).then([Event::BusinessNumberReleased { user: USER }]);
    let key = ExchangeKeyId::new(Uuid::from_u128(4));
    given::<Claim>([]).when(Command::ClaimExchangeKey { key }).then([Event::ExchangeKeyClaimed { key }]);
    given::<Claim>([Event::ExchangeKeyClaimed { key }]).when(Command::ClaimExchangeKey { key }).refused("KEY001", "apiKey");
    given::<Claim>([Event::ExchangeKeyClaimed { key }])
        .when(Command::ReleaseExchangeKey { key })
        .then([Event::ExchangeKeyReleased { key }]);
}
