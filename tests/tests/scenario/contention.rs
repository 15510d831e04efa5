//! Fifty at once: for one slot, and with one key.

use std::collections::BTreeSet;
use std::sync::Barrier;

use daybook_tests::server::{Outcome, Variant};
use serde_json::json;
use uuid::Uuid;

use crate::cast::{BOOKING, Cast, scenario};

const AT_ONCE: usize = 50;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    one_slot(cast);
    one_key(cast);
    one_payment(cast);
    cast.close();
}

/// Does the same so many times at the same moment.
pub fn at_once(times: usize, act: impl Fn(usize) -> Outcome + Sync) -> Vec<Outcome> {
    let start = Barrier::new(times);
    let act = |index| {
        start.wait();
        act(index)
    };
    std::thread::scope(|threads| {
        let running: Vec<_> = (0..times)
            .map(|index| {
                threads.spawn({
                    let act = &act;
                    move || act(index)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn one_slot(cast: &Cast) {
    let slot = cast.slot(48, 3);
    let outcomes = at_once(AT_ONCE, |index| {
        let guest = if index % 2 == 0 { &cast.guest } else { &cast.guest2 };
        guest.command("requestBooking", BOOKING, cast.wish(slot))
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.codes().is_empty());
    let lost: Vec<_> = lost.into_iter().map(Outcome::refused).collect();
    assert_eq!((won.len(), lost.len()), (1, AT_ONCE - 1), "{lost:?}");
    assert!(lost.iter().all(|code| code == "BOOKING002"), "{lost:?}");
    let requested = cast.events().iter().filter(|event| event["type"] == "BookingRequested").count();
    assert_eq!(requested, 1);
}

fn one_key(cast: &Cast) {
    let mut input = cast.wish(cast.slot(72, 3));
    input["idempotencyKey"] = Uuid::new_v4().to_string().into();
    let payloads: Vec<_> =
        at_once(AT_ONCE, |_| cast.guest.mutate("requestBooking", BOOKING, &input)).into_iter().map(Outcome::done).collect();
    let fresh = payloads.iter().filter(|payload| payload["receipt"]["replayed"] == false).count();
    assert_eq!(fresh, 1, "49 are marked replayed");
    let answers: BTreeSet<_> = payloads
        .into_iter()
        .map(|mut payload| {
            payload["receipt"]["replayed"] = json!(true);
            payload.to_string()
        })
        .collect();
    assert_eq!(answers.len(), 1, "one answer: {answers:?}");
}

/// Fifty clicks on "pay", each with a key of its own: the money is taken once.
fn one_payment(cast: &Cast) {
    let trip = cast.approved(96, 3);
    let input = cast.payment_input(&trip, "sandbox-ok-card");
    let outcomes = at_once(AT_ONCE, |_| cast.guest.command("confirmPayment", "payment { status }", input.clone()));
    let (paid, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.codes().is_empty());
    let codes: Vec<_> = refused.into_iter().map(Outcome::refused).collect();
    assert_eq!(paid.len(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| code == "PAY008" || code == "PAY003"), "{codes:?}");
    assert_eq!(cast.balance("psp_clearing"), trip.total);
    cast.cancel(&cast.guest, &trip).done();
}
