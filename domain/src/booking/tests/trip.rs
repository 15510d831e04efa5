//! Photos, and a trip from pickup to return.

use super::*;

#[test]
fn photos_have_their_phase_and_time() {
    let pickup = Event::PickupPhotoAttached { photo: photo(0) };
    let back = Event::ReturnPhotoAttached { photo: photo(0) };
    booking("confirmed").at(at(-1_440)).when(attach(PhotoPhase::Pickup)).then([pickup.clone()]);
    booking("confirmed").at(at(-1_440) - MICRO).when(attach(PhotoPhase::Pickup)).refused("BOOKING011", "phase");
    booking("active").at(at(10)).when(attach(PhotoPhase::Return)).then([back.clone()]);
    booking("completed").at(at(180 + 1_440)).when(attach(PhotoPhase::Return)).then([back.clone()]);
    booking("completed").at(at(180 + 1_440) + MICRO).when(attach(PhotoPhase::Return)).refused("BOOKING011", "phase");
    booking("absent").when(attach(PhotoPhase::Pickup)).refused("BOOKING001", "bookingId");
    for (name, history) in histories().into_iter().skip(1) {
        if name != "confirmed" {
            given::<Booking>(history.clone()).at(at(0)).when(attach(PhotoPhase::Pickup)).refused("BOOKING011", "phase");
        }
        if !["active", "completed"].contains(&name) {
            given::<Booking>(history).at(at(180)).when(attach(PhotoPhase::Return)).refused("BOOKING011", "phase");
        }
    }
    for (state, phase, attached) in
        [("confirmed", PhotoPhase::Pickup, pickup), ("active", PhotoPhase::Return, back.clone()), ("completed", PhotoPhase::Return, back)]
    {
        let with = |photos| given::<Booking>(history(state).into_iter().chain(std::iter::repeat_n(attached.clone(), photos))).at(at(180));
        with(19).when(attach(phase)).then([attached.clone()]);
        with(20).when(attach(phase)).refused("BOOKING011", "phase");
    }
}

#[test]
fn a_trip_starts_a_quarter_of_an_hour_early_at_most() {
    let state = booking("confirmed").at(at(-15)).when(start(1_000, Some(80))).then([started()]);
    assert!(state.is_live() && state.payment() == Some(PAYMENT));
    booking("confirmed").at(at(-15) - MICRO).when(start(1_000, None)).refused("BOOKING012", "");
    booking("confirmed").at(at(180) - MICRO).when(start(1_000, Some(80))).then([started()]);
    booking("confirmed").at(at(180)).when(start(1_000, None)).refused("BOOKING012", "");
    booking("approved").at(at(0)).when(start(1_000, None)).refused("BOOKING012", "");
    only_in(&["approved", "confirmed"], at(0), &start(1_000, None));
}

#[test]
fn pickup_photos_are_needed_where_the_policy_says_so() {
    let strict = || vec![requested_with(|terms| terms.require_pickup_photos = true), approved(), confirmed(at(-2_880))];
    given::<Booking>(strict()).at(at(0)).when(start(1_000, Some(80))).refused("BOOKING012", "");
    let with = strict().into_iter().chain([Event::PickupPhotoAttached { photo: photo(0) }]);
    given::<Booking>(with).at(at(0)).when(start(1_000, Some(80))).then([started()]);
}

#[test]
fn readings_are_what_instruments_show() {
    for (odometer, fuel, field) in [(10_000_000, None, "odometerKm"), (u32::MAX, Some(101), "odometerKm"), (0, Some(101), "fuelPercent")] {
        booking("confirmed").at(at(0)).when(start(odometer, fuel)).refused("SYS003", field);
        booking("active").at(at(180)).when(end(odometer, fuel)).refused("SYS003", field);
        // Input is looked at before the state.
        booking("absent").at(at(0)).when(start(odometer, fuel)).refused("SYS003", field);
    }
    let most = Event::TripStarted { odometer_km: 9_999_999, fuel_percent: Some(100), by: GUEST };
    booking("confirmed").at(at(0)).when(start(9_999_999, Some(100))).then([most]);
    booking("active").at(at(180)).when(end(999, None)).refused("BOOKING013", "odometerKm");
}

#[test]
fn a_trip_ends_and_completes_the_booking() {
    for minutes in [1, 180, 210, 211, 240, 5_000] {
        let state = booking("active").at(at(minutes)).when(end(1_100, None)).then(ended(minutes));
        assert!(!state.is_live() && state.payment() == Some(PAYMENT));
    }
    let Event::TripEnded { late_minutes, .. } = &ended(211)[0] else { unreachable!("as built above") };
    assert_eq!(*late_minutes, 31);
    let same = [
        Event::TripEnded { odometer_km: 1_000, fuel_percent: Some(0), late_minutes: 0, by: HOST },
        Event::BookingCompleted { completed_at: at(180) },
    ];
    booking("active").at(at(180)).when(end(1_000, Some(0))).then(same);
    only_in(&["active"], at(180), &end(1_100, None));
}
