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
