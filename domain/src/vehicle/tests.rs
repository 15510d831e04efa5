use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{Given, given, moment};

const OWNER: UserId = UserId::new(Uuid::from_u128(1));

fn won(amount: i128) -> Money {
    Money::new(amount, Currency::Krw)
}

fn seoul() -> ZoneName {
    "Asia/Seoul".parse().unwrap_or_else(|error| panic!("{error}"))
}

fn city_hall() -> GeoPoint {
    GeoPoint::parse("37.5665", "126.978").unwrap_or_else(|error| panic!("{error}"))
}

fn car(change: impl FnOnce(&mut Registration)) -> Command {
    let mut car = Registration {
        license_plate: "12가 3456".to_owned(),
        make: " 현대 ".to_owned(),
        model: "아이오닉 5".to_owned(),
        year: 2025,
        color: Some("흰색".to_owned()),
        fuel_type: Some(FuelType::Electric),
        transmission: Some(Transmission::Automatic),
        hourly_rate: won(12_000),
        location_address: "서울특별시 중구 세종대로 110".to_owned(),
        location: None,
        time_zone: seoul(),
        description: Some("깨끗해요 🙂\n금연".to_owned()),
    };
    change(&mut car);
    Command::Register(Box::new(car))
}

fn registered() -> Event {
    described(Some("깨끗해요 🙂\n금연"))
}

fn described(description: Option<&str>) -> Event {
    Event::VehicleRegistered {
        owner: OWNER,
        license_plate: Personal::profile(OWNER.uuid(), "12가 3456".to_owned()),
        make: "현대".to_owned(),
        model: "아이오닉 5".to_owned(),
        year: 2025,
        color: Some("흰색".to_owned()),
        fuel_type: Some(FuelType::Electric),
        transmission: Some(Transmission::Automatic),
        hourly_rate: won(12_000),
        location_address: "서울특별시 중구 세종대로 110".to_owned(),
        location: None,
        time_zone: seoul(),
        description: description.map(str::to_owned),
    }
}

fn geocoded() -> Event {
    Event::VehicleGeocoded { location: city_hall() }
}

fn upload(n: usize) -> UploadId {
    UploadId::new(Uuid::from_u128(n as u128))
}

fn photo(n: usize) -> Event {
    Event::VehiclePhotoAttached { upload: upload(n), content_type: ContentType::Jpeg, sha256: "0".repeat(64) }
}

fn attach(n: usize) -> Command {
    Command::AttachPhoto { upload: upload(n), content_type: ContentType::Jpeg, sha256: "0".repeat(64) }
}

fn owner(history: impl IntoIterator<Item = Event>) -> Given<Vehicle> {
    given::<Vehicle>(history).by(Actor::User(OWNER.uuid()))
}

fn stranger(history: impl IntoIterator<Item = Event>) -> Given<Vehicle> {
    given::<Vehicle>(history).by(Actor::User(Uuid::from_u128(9)))
}

#[test]
fn a_new_car_is_inactive() {
    let vehicle = owner([]).when(car(|_| {})).then([registered()]);
    assert_eq!(vehicle.listing().map(Listing::is_active), Ok(false));
    given::<Vehicle>([]).when(car(|_| {})).refused("AUTH010", "");
    owner([registered()]).when(car(|_| {})).refused("SYS006", "");
}

#[test]
fn texts_are_bounded_and_clean() {
    for bad in ["", " ", "a\u{7}", "🚗", "가".repeat(51).as_str()] {
        owner([]).when(car(|c| c.make = bad.to_owned())).refused("VEH002", "make");
        owner([]).when(car(|c| c.model = bad.to_owned())).refused("VEH002", "model");
        owner([]).when(car(|c| c.color = Some(bad.to_owned()))).refused("VEH002", "color");
        owner([]).when(car(|c| c.license_plate = bad.to_owned())).refused("VEH002", "licensePlate");
    }
    owner([]).when(car(|c| c.location_address = "가".repeat(300))).refused("VEH002", "locationAddress");
    owner([]).when(car(|c| c.description = Some("가".repeat(2_001)))).refused("VEH002", "description");
}

#[test]
fn an_empty_description_is_none() {
    owner([]).when(car(|c| c.description = Some("  ".to_owned()))).then([described(None)]);
}

#[test]
fn the_year_is_from_1950_to_next_year() {
    for bad in [i32::MIN, 1949, 2028, i32::MAX] {
        owner([]).when(car(|c| c.year = bad)).refused("VEH002", "year");
    }
    let silvester = owner([]).at(moment("2024-12-31T23:59:59Z")).when(car(|_| {}));
    silvester.then([registered()]);
    owner([]).at(moment("2023-12-31T23:59:59Z")).when(car(|_| {})).refused("VEH002", "year");
}

#[test]
fn the_rate_is_a_positive_number_of_won() {
    for bad in [i128::MIN, -1, 0, MAX_HOURLY_RATE_WON + 1] {
        owner([]).when(car(|c| c.hourly_rate = won(bad))).refused("VEH002", "hourlyRate.amount");
    }
    owner([]).when(car(|c| c.hourly_rate = Money::new(1, Currency::Usd))).refused("SYS003", "hourlyRate.currency");
}

#[test]
fn the_first_place_stays() {
    given::<Vehicle>([registered()]).when(Command::Geocode { location: city_hall() }).then([geocoded()]);
    given::<Vehicle>([registered(), geocoded()]).when(Command::Geocode { location: city_hall() }).then([]);
    let failed = |reason: &str| Command::FailGeocoding { reason: reason.to_owned() };
    given::<Vehicle>([registered()]).when(failed("no\nmatch")).then([Event::VehicleGeocodeFailed { reason: "nomatch".to_owned() }]);
    given::<Vehicle>([registered(), geocoded()]).when(failed("no match")).then([]);
    given::<Vehicle>([]).when(Command::Geocode { location: city_hall() }).refused("SYS007", "vehicleId");
    given::<Vehicle>([]).when(failed("")).refused("SYS007", "vehicleId");
}

#[test]
fn twenty_photos_and_no_more() {
    let full = || std::iter::once(registered()).chain((0..MAX_PHOTOS).map(photo));
    owner(full().take(MAX_PHOTOS)).when(attach(MAX_PHOTOS - 1)).then([photo(MAX_PHOTOS - 1)]);
    owner(full()).when(attach(MAX_PHOTOS)).refused("VEH006", "");
    owner(full()).when(attach(0)).then([]);
    stranger([registered()]).when(attach(0)).refused("SYS007", "vehicleId");
    stranger([registered(), Event::VehicleActivated {}]).when(attach(0)).refused("AUTH010", "");
    owner([]).when(attach(0)).refused("SYS007", "vehicleId");
}

#[test]
fn activation_needs_a_photo_a_place_and_a_verified_owner() {
    let activate = |owner_verified| Command::Activate { owner_verified };
    let active = Event::VehicleActivated {};
    let vehicle = owner([registered(), geocoded(), photo(1)]).when(activate(true)).then([active.clone()]);
    assert_eq!(vehicle.listing().map(Listing::is_active), Ok(true));
    owner([registered(), geocoded(), photo(1), active]).when(activate(true)).then([]);
    owner([registered(), geocoded()]).when(activate(true)).refused("VEH004", "");
    owner([registered(), photo(1)]).when(activate(true)).refused("VEH004", "");
    owner([registered(), geocoded(), photo(1)]).when(activate(false)).refused("VEH004", "");
    stranger([registered(), geocoded(), photo(1)]).when(activate(true)).refused("SYS007", "vehicleId");
    stranger([registered(), geocoded(), photo(1), Event::VehicleActivated {}]).when(activate(true)).refused("AUTH010", "");
    owner([]).when(activate(true)).refused("SYS007", "vehicleId");
}

#[test]
fn answers_given_before_decide_are_in_the_catalogue() {
    for refusal in [Refusal::BadTimeZone, Refusal::BadLocation] {
        assert!(crate::catalogue::find(&kernel::Refusal::refused(&refusal).code).is_some());
    }
}
