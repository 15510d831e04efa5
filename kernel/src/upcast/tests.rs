#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde::{Deserialize, Serialize};

use super::*;
use crate::{DomainEvent, JournalEntry, Unbalanced};

/// Today's events: an opening, deposits with a currency, and a fee that used to be part of a deposit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Opened { owner: String },
    Paid { minor: i128, currency: String },
    Charged { minor: i128 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Opened { .. } => "Opened",
            Self::Paid { .. } => "Paid",
            Self::Charged { .. } => "Charged",
        }
        .into()
    }
    fn event_version(&self) -> String {
        if matches!(self, Self::Paid { .. }) { "3".into() } else { "1".into() }
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&TABLE)
    }
}

const TODAY: &[(&str, u32)] = &[("Charged", 1), ("Opened", 1), ("Paid", 3)];
static TABLE: Upcasts = Upcasts::new(
    TODAY,
    &[
        // Renamed, one to many, fallible, one to none.
        Step::renamed(("Created", 1), &[("Opened", 1)]),
        Step::new(("Paid", 1), &[("Paid", 2)], with_currency),
        Step::new(("Paid", 2), &[("Paid", 3), ("Charged", 1)], fee_apart),
        Step::dropped(("Noticed", 1)),
        Step::new(("Lost", 1), &[("Opened", 1)], |fields| Ok(vec![Shape::new("Elsewhere", 1, fields)])),
    ],
);

fn with_currency(mut fields: Fields) -> Result<Vec<Shape>, Failed> {
    fields.set("currency", &"KRW")?;
    Ok(vec![Shape::new("Paid", 2, fields)])
}

fn fee_apart(mut fields: Fields) -> Result<Vec<Shape>, Failed> {
    fields.rename("amount", "minor")?;
    let fee: i128 = fields.take("fee")?;
    let mut charged = Fields::new();
    charged.set("minor", &fee)?;
    Ok(vec![Shape::new("Paid", 3, fields), Shape::new("Charged", 1, charged)])
}

fn read(event_type: &str, version: u32, payload: &str) -> Result<Vec<Event>, String> {
    decode::<Event>(event_type, version, payload).map(Decoded::into_vec).map_err(|error| error.to_string())
}

#[test]
fn every_way_of_becoming_another_event() {
    let opened = |owner: &str| Event::Opened { owner: owner.into() };
    assert_eq!(read("Opened", 1, r#"{"owner":"a"}"#), Ok(vec![opened("a")]));
    assert_eq!(read("Created", 1, r#"{"owner":"b"}"#), Ok(vec![opened("b")]));
    assert_eq!(read("Noticed", 1, "{}"), Ok(vec![]));
    // Two steps, two events; an amount that no JSON number type of 64 bits holds keeps its digits.
    let payload = format!(r#"{{"amount":{},"fee":7}}"#, i128::MAX);
    let expected = vec![Event::Paid { minor: i128::MAX, currency: "KRW".into() }, Event::Charged { minor: 7 }];
    assert_eq!(read("Paid", 1, &payload), Ok(expected));
}

#[test]
fn what_has_no_path_is_an_error_with_its_name() {
    let no_path = |what| Err(format!("no path leads from event {what} to today's"));
    assert_eq!(read("Paid", 4, "{}"), no_path("Paid of schema 4"));
    assert_eq!(read("Opened", 0, "{}"), no_path("Opened of schema 0"));
    assert_eq!(read("Closed", 1, "{}"), no_path("Closed of schema 1"));
}

#[test]
fn a_failed_step_names_its_shape_and_no_value() {
    let failed = read("Paid", 2, r#"{"amount":1,"fee":"secret","currency":"KRW"}"#).unwrap_err();
    assert_eq!(failed, "cannot upcast event Paid of schema 2: its fee is not what it should be");
    assert_eq!(read("Paid", 1, r#"{"fee":1}"#), Err("cannot upcast event Paid of schema 2: it has no amount".into()));
    assert!(read("Paid", 1, "7").unwrap_err().starts_with("cannot read event Paid of schema 1"));
    assert_eq!(read("Lost", 1, "{}"), Err("the step from event Lost of schema 1 goes where it does not say".into()));
}

#[test]
fn a_table_proves_its_paths() {
    assert_eq!(TABLE.check(), Ok(()));
    assert_eq!(Upcasts::new(&[("B", 1), ("A", 1)], &[]).check(), Err(Defect::Order("A")));
    const TWICE: &[Step] = &[Step::renamed(("A", 1), &[("A", 2)])];
    assert_eq!(Upcasts::new(&[("A", 1)], TWICE).check(), Err(Defect::Twice("A", 1)));
    assert_eq!(Upcasts::new(&[("A", 3)], TWICE).check(), Err(Defect::End("A", 2)));
    const CIRCLE: &[Step] = &[Step::renamed(("A", 1), &[("A", 2)]), Step::renamed(("A", 2), &[("A", 1)])];
    let circle = Upcasts::new(&[("A", 3)], CIRCLE);
    assert_eq!(circle.check(), Err(Defect::Circle("A", 1)));
    // A table that nobody checked ends all the same.
    assert!(matches!(circle.apply(Shape::new("A", 1, Fields::new())), Err(Unreadable::Astray { .. })));
}

#[test]
fn members_keep_their_bytes_and_their_order() {
    let mut fields = Fields::parse(r#" {"b": 1e400, "a":{"x" : [1 ,2]}, "차":"\u0041"} "#).unwrap();
    assert_eq!(fields.to_json(), r#"{"b":1e400,"a":{"x" : [1 ,2]},"차":"\u0041"}"#);
    let inner: Fields = fields.get("a").unwrap();
    assert_eq!(inner.to_json(), r#"{"x":[1 ,2]}"#);
    fields.set("a", &inner).unwrap();
    fields.remove("b");
    assert_eq!(fields.to_json(), r#"{"a":{"x":[1 ,2]},"차":"\u0041"}"#);
    assert!(fields.rename("차", "a").is_err() && Fields::parse("[]").is_err());
}
