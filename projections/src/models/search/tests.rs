#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::cancellation::CancellationPolicy;
use domain::upload::ContentType;
use domain::vehcal::{self, BookingPolicy, VehicleCalendar, WindowInput};
use domain::vehicle::{self, Vehicle};
use kernel::{Actor, At, Decider};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::known::Event;
use crate::model::{Column, ColumnKind};
use crate::models::testing::{History, Store, at, id, period, registered_vehicle};

fn point(lat_e7: i64, lng_e7: i64) -> GeoPoint {
    GeoPoint::new(lat_e7 as i32, lng_e7 as i32).unwrap()
}

/// By the chord between unit vectors: another formula than the one under test.
fn chord_distance_m(a: GeoPoint, b: GeoPoint) -> f64 {
    let vector = |p: GeoPoint| {
        let (lat, lng) = (radians(f64::from(p.lat_e7())), radians(f64::from(p.lng_e7())));
        [lat.cos() * lng.cos(), lat.cos() * lng.sin(), lat.sin()]
    };
    let chord = vector(a).iter().zip(vector(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    2.0 * EARTH_RADIUS_M * (chord / 2.0).min(1.0).asin()
}

/// Does a row with these column values pass the filters, as SQL reads them?
fn passes(filters: &[Filter], columns: &[Column], index: &[Value]) -> bool {
    filters.iter().all(|filter| match filter {
        Filter::Compare(name, op, value) => {
            let at = columns.iter().position(|column| column.name == *name).unwrap();
            assert!(columns[at].kind != ColumnKind::Text && value.kind() == Some(columns[at].kind));
            match op {
                _ if index[at] == Value::Null => false,
                Op::Eq => index[at] == *value,
                Op::Ne => index[at] != *value,
                Op::Lt => index[at] < *value,
                Op::Le => index[at] <= *value,
                Op::Gt => index[at] > *value,
                Op::Ge => index[at] >= *value,
                Op::Contains => panic!("places are no texts"),
            }
        }
        Filter::In(..) => panic!("not used here"),
        Filter::Any(any) => any.iter().any(|one| passes(std::slice::from_ref(one), columns, index)),
    })
}

fn request(centre: GeoPoint, radius_m: u32) -> SearchRequest {
    SearchRequest { centre, radius_m, period: period(600, 720), now: at(0), guest: None }
}

/// A listed car with its two streams.
#[derive(Clone, Debug, Default)]
struct Car {
    vehicle: Vehicle,
    calendar: VehicleCalendar,
    history: History,
}

impl Car {
    fn listed(number: u128, owner: UserId, location: Option<GeoPoint>) -> Self {
        let Event::Vehicle(registered) = registered_vehicle(owner, location) else { panic!("not a vehicle's event") };
        Self::default().took(number, [registered])
    }

    fn took(mut self, number: u128, events: impl IntoIterator<Item = vehicle::Event>) -> Self {
        for event in events {
            self.vehicle = self.vehicle.evolve(&event);
            self.history = self.history.on(format!("vehicle-{}", Uuid::from_u128(number)), Event::Vehicle(event));
        }
        self
    }

    /// Asks the calendar as commands do, and keeps what it answers.
    fn told(mut self, number: u128, now: Timestamp, command: vehcal::Command) -> Self {
        let events = self.calendar.decide(At { now, actor: Actor::Anonymous, command }).unwrap_or_default();
        for event in events {
            self.calendar = self.calendar.evolve(&event);
            self.history = self.history.on(format!("vehcal-{}", Uuid::from_u128(number)), Event::Vehcal(event));
        }
        self
    }

    fn row(&self) -> VehicleRow {
        self.history.rows::<Vehicles>().into_values().next().unwrap()
    }

    /// What `requestBooking` asks: the vehicle's listing and the calendar's decision, by somebody who owns no car here.
    fn accepts(&self, period: Period, guest: UserId, now: Timestamp) -> bool {
        let listing = self.vehicle.listing().unwrap();
        let (owner, active, zone) = (listing.owner, listing.is_active(), listing.time_zone.to_string());
        let slot = SlotRequest { booking: id(999_999), period, guest, owner, active, zone };
        self.calendar.decide(At { now, actor: Actor::Anonymous, command: vehcal::Command::HoldSlot(slot) }).is_ok()
    }
}

fn policies() -> impl Strategy<Value = BookingPolicy> {
    (any::<bool>(), 0..180_u32, 1..10_u32, 10..120_u32, 0..3_000_u32, 0..90_u32, 0..90_u32).prop_map(
        |(instant_book, min_notice_minutes, max_advance_days, min_duration_minutes, more, buffer_before_minutes, buffer_after_minutes)| {
            BookingPolicy {
                instant_book,
                min_notice_minutes,
                max_advance_days,
                min_duration_minutes,
                max_duration_minutes: min_duration_minutes + more,
                buffer_before_minutes,
                buffer_after_minutes,
                cancellation: CancellationPolicy::Standard,
                require_pickup_photos: false,
            }
        },
    )
}

fn periods() -> impl Strategy<Value = Period> {
    (0..600_u64, 1..80_u64).prop_map(|(start, length)| period(start * 10, (start + length) * 10))
}

fn orders() -> impl Strategy<Value = vehcal::Command> {
    let slot = |(number, period): (u128, Period)| {
        let zone = "Asia/Seoul".to_owned();
        vehcal::Command::HoldSlot(SlotRequest { booking: id(number), period, guest: id(500), owner: id(501), active: true, zone })
    };
    let window = (0..7_u8, 0..24_u16, 1..24_u16).prop_map(|(day, start, hours)| {
        let end = (start + hours) % 24;
        WindowInput { day, start: Some(start * 60), end: Some(end * 60) }
    });
    prop_oneof![
        4 => (1..20_u128, periods()).prop_map(slot),
        1 => (1..20_u128).prop_map(|number| vehcal::Command::ReleaseSlot(id(number))),
        1 => (1..20_u128).prop_map(|number| vehcal::Command::StartSlot(id(number))),
        1 => (1..20_u128).prop_map(|number| vehcal::Command::EndSlot(id(number))),
        1 => vec(window, 0..6).prop_map(vehcal::Command::SetWeeklyWindows),
        1 => policies().prop_map(vehcal::Command::SetPolicy),
        1 => periods().prop_map(|period| vehcal::Command::BlockPeriod {
            block: Uuid::from_u128(u128::from(period.start().as_second().unsigned_abs())),
            period,
            reason: None,
        }),
    ]
}

/// Within some 40 km of a point in Seoul.
fn places() -> impl Strategy<Value = GeoPoint> {
    (-3_000_000..3_000_000_i64, -3_000_000..3_000_000_i64).prop_map(|(lat, lng)| point(375_665_000 + lat, 1_269_780_000 + lng))
}

prop_compose! {
    fn cars()(
        number in 1_000..2_000_u128,
        owner in 1..4_u128,
        location in proptest::option::weighted(0.9, places()),
        active in proptest::bool::weighted(0.8),
        orders in vec((0..600_u64, orders()), 0..25),
    ) -> Car {
        let mut car = Car::listed(number, id(owner), location);
        if active {
            let (content_type, sha256) = (ContentType::Png, "00".repeat(32));
            let photo = vehicle::Event::VehiclePhotoAttached { upload: id(1), content_type, sha256 };
            car = car.took(number, [photo, vehicle::Event::VehicleActivated {}]);
        }
        orders.into_iter().fold(car, |car, (minute, order)| car.told(number, at(minute), order))
    }
}

proptest! {
    #[test]
    fn sound_and_complete(
        cars in vec(cars(), 1..12),
        wanted in vec((places(), 0..=MAX_RADIUS_M, periods(), 0..900_u64, proptest::option::of(1..5_u128)), 1..12),
    ) {
        for (centre, radius_m, period, minute, guest) in wanted {
            let request = SearchRequest { centre, radius_m, period, now: at(minute), guest: guest.map(id) };
            let query = candidates(&request);
            for car in &cars {
                let row = car.row();
                let candidate = passes(&query.filters, Vehicles::columns(), &Vehicles::index("", &row));
                let found = candidate && matches(&row, &request).is_some();
                let near = row.location.is_some_and(|place| chord_distance_m(place, centre) <= f64::from(radius_m));
                let accepted = car.accepts(period, request.guest.unwrap_or(id(777)), request.now);
                prop_assert_eq!(found, near && accepted, "{:?}", request);
            }
        }
    }

    /// Also at the poles and across the antimeridian.
    #[test]
    fn the_box_holds_the_circle(
        lat in prop_oneof![-900_000_000..=900_000_000_i64, 895_000_000..=900_000_000_i64, Just(-900_000_000_i64)],
        lng in prop_oneof![-HALF_TURN_E7..=HALF_TURN_E7, Just(HALF_TURN_E7), Just(-HALF_TURN_E7), 1_799_000_000..=HALF_TURN_E7],
        radius_m in 0..=MAX_RADIUS_M,
        bearing in 0.0..std::f64::consts::TAU,
        share in prop_oneof![Just(1.0), 0.0..1.0],
    ) {
        let centre = point(lat, lng);
        // The point at this bearing and distance.
        let (angle, phi) = (f64::from(radius_m) * share / EARTH_RADIUS_M, radians(lat as f64));
        let sin = phi.sin() * angle.cos() + phi.cos() * angle.sin() * bearing.cos();
        let east = (bearing.sin() * angle.sin() * phi.cos()).atan2(angle.cos() - phi.sin() * sin);
        let e7 = |angle: f64| (angle.to_degrees() * f64::from(E7_PER_DEGREE)).round() as i64;
        let there = (lng + e7(east) + HALF_TURN_E7).rem_euclid(TURN_E7) - HALF_TURN_E7;
        let place = point(e7(sin.clamp(-1.0, 1.0).asin()), there);
        let row = Car::listed(1, id(1), Some(place)).took(1, [vehicle::Event::VehicleActivated {}]).row();
        prop_assert!(passes(&candidates(&request(centre, radius_m)).filters, Vehicles::columns(), &Vehicles::index("", &row)));
        prop_assert!((distance_m(place, centre) - chord_distance_m(place, centre)).abs() < 0.1);
    }
}

#[test]
fn distances_are_those_of_the_map() {
    let seoul = point(375_665_000, 1_269_780_000);
    let busan = point(351_796_000, 1_290_756_000);
    assert!((distance_m(seoul, busan) - 325_000.0).abs() < 1_500.0);
    assert_eq!(distance_m(seoul, seoul), 0.0);
    let (west, east) = (point(0, -HALF_TURN_E7), point(0, HALF_TURN_E7));
    assert!(distance_m(west, east) < 0.001, "one meridian by two names");
    let half_way_round = distance_m(point(0, 0), west);
    assert!((half_way_round - std::f64::consts::PI * EARTH_RADIUS_M).abs() < 1.0);
}

#[test]
fn the_box_leaves_out_what_is_far() {
    let inside = |centre, lat, lng| {
        let row = Car::listed(1, id(1), Some(point(lat, lng))).took(1, [vehicle::Event::VehicleActivated {}]).row();
        passes(&candidates(&request(centre, 5_000)).filters, Vehicles::columns(), &Vehicles::index("", &row))
    };
    let seoul = point(375_665_000, 1_269_780_000);
    assert!(inside(seoul, 375_665_000, 1_269_780_000) && inside(seoul, 376_100_000, 1_269_780_000));
    assert!(!inside(seoul, 376_200_000, 1_269_780_000) && !inside(seoul, 375_665_000, 1_270_400_000));
    for (centre, side) in [(point(0, 100_000 - HALF_TURN_E7), -1), (point(0, HALF_TURN_E7 - 100_000), 1)] {
        assert!(inside(centre, 0, side * HALF_TURN_E7) && inside(centre, 0, side * (100_000 - HALF_TURN_E7)));
        assert!(!inside(centre, 0, 0) && !inside(centre, 0, side * (1_000_000 - HALF_TURN_E7)));
        assert!(!inside(centre, 0, side * (HALF_TURN_E7 - 1_000_000)));
    }
}

#[test]
fn nobody_finds_their_own_car_and_everybody_sees_only_active_ones() {
    let place = point(375_665_000, 1_269_780_000);
    let car = Car::listed(1, id(1), Some(place));
    assert_eq!(matches(&car.row(), &request(place, 0)), None, "not active");
    let row = car.took(1, [vehicle::Event::VehicleActivated {}]).row();
    assert_eq!(matches(&row, &request(place, 0)), Some(Found { distance_m: 0.0 }));
    let by = |guest| SearchRequest { guest: Some(id(guest)), ..request(place, 0) };
    assert_eq!((matches(&row, &by(1)), matches(&row, &by(2)).is_some()), (None, true));
}

#[tokio::test]
async fn nearest_first_over_any_number_of_pages() {
    let store = Store::open("search").await;
    let centre = point(375_665_000, 1_269_780_000);
    // Numbers rise, distances fall; the last one is too far away, the first one has no place.
    let offsets: [Option<i64>; 7] = [None, Some(50_000), Some(40_000), Some(30_000), Some(30_000), Some(10_000), Some(9_000_000)];
    for (number, offset) in (1..).zip(offsets) {
        let location = offset.map(|offset| point(375_665_000 + offset, 1_269_780_000));
        store.list_vehicle(id(number), id(100), location).await;
    }
    store.catch_up().await;
    let numbers = |found: &[(VehicleRow, Found)]| found.iter().map(|(row, _)| row.id.uuid().as_u128()).collect::<Vec<_>>();
    for page in [1, 2, 3, PAGE] {
        let found = search_by(&store.views, &request(centre, 5_000), page).await.unwrap();
        assert_eq!(numbers(&found), [6, 4, 5, 3, 2], "pages of {page}");
    }
    let too_far = search(&store.views, &request(centre, MAX_RADIUS_M + 1)).await;
    assert!(matches!(too_far, Err(ViewError::Query { .. })));
    let all = search(&store.views, &request(centre, MAX_RADIUS_M)).await.unwrap();
    assert_eq!(all.len(), 5);
    store.close().await;
}
