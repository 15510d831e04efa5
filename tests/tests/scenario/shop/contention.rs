//! Two hundred at once: for the last unit, and for the last two in different orders.

use super::*;
use crate::cast::sign_up;
use crate::contention::at_once;

const BUYERS: usize = 200;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let more = ["third", "fourth"].map(|name| sign_up(&cast.book, name, "GUEST"));
    let buyers = [&cast.guest, &cast.guest2, &more[0], &more[1]];
    last_unit(cast, &buyers);
    last_of_both(cast, &buyers);
    cast.close();
}

/// Exactly one order; everybody else is told which line is short, and nothing of theirs is left.
fn last_unit(cast: &Cast, buyers: &[&Client]) {
    let ware = cast.on_shelf("마지막 하나", 10_000, 1);
    let head = cast.head();
    let outcomes =
        at_once(BUYERS, |index| buyers[index % buyers.len()].command("placeShopOrder", "shopOrder { id }", wish(&[line(&ware, 1)])));
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.codes().is_empty());
    let verdicts: std::collections::BTreeSet<_> = lost.iter().map(Outcome::verdict).collect();
    assert_eq!((won.len(), lost.len()), (1, BUYERS - 1), "{verdicts:?}");
    for outcome in lost {
        let error = outcome.0["userErrors"][0].clone();
        assert_eq!((&error["details"]["products"], &error["details"]["available"]), (&json!(ware.id), &json!("0")), "{error}");
        assert_eq!(outcome.refused(), "SHOP001");
    }
    assert_eq!(cast.units(&ware), (1, 1));
    // One append: the order, its reservation and its payment.
    assert_eq!(cast.head() - head, 3);
}

/// Half of them list the lines the other way round: nobody waits for nobody, and all or none.
fn last_of_both(cast: &Cast, buyers: &[&Client]) {
    let (one, other) = (cast.on_shelf("왼쪽 장갑", 5_000, 1), cast.on_shelf("오른쪽 장갑", 5_000, 1));
    let outcomes = at_once(50, |index| {
        let lines = if index % 2 == 0 { [line(&one, 1), line(&other, 1)] } else { [line(&other, 1), line(&one, 1)] };
        buyers[index % buyers.len()].command("placeShopOrder", "shopOrder { id }", wish(&lines))
    });
    let accepted = outcomes.iter().filter(|outcome| outcome.codes().is_empty()).count();
    assert_eq!(accepted, 1);
    for outcome in outcomes.into_iter().filter(|outcome| !outcome.codes().is_empty()) {
        assert_eq!(outcome.refused(), "SHOP001");
    }
    assert_eq!((cast.units(&one), cast.units(&other)), ((1, 1), (1, 1)));
}
