#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_graphql::{InputType, ScalarType, Value};
use kernel::{Currency, Timestamp};
use serde_json::json;

use super::*;

fn read<T: InputType>(json: serde_json::Value) -> Option<T> {
    T::parse(Some(Value::from_json(json).unwrap())).ok()
}

fn both<T: InputType + ScalarType>(json: serde_json::Value) -> Option<T> {
    let value = Value::from_json(json.clone()).unwrap();
    let parsed = read::<T>(json.clone());
    assert_eq!(T::is_valid(&value), parsed.is_some(), "validation and parsing agree on {json}");
    parsed
}

#[test]
fn instants_are_read_with_any_offset_and_written_in_utc() {
    for (text, written) in [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000000Z"),
        ("2026-03-01T09:00:00+09:00", "2026-03-01T00:00:00.000000Z"),
        ("2026-03-01t09:00:00.1234567z", "2026-03-01T09:00:00.123456Z"),
        ("2026-03-01 09:00:00.5-05:30", "2026-03-01T14:30:00.500000Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000000Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000000Z"),
        ("9999-12-29T23:59:59Z", "9999-12-29T23:59:59.000000Z"),
    ] {
        let read = both::<DateTime>(json!(text)).unwrap_or_else(|| unreachable!("{text}"));
        assert_eq!(ScalarType::to_value(&read), Value::from(written), "{text}");
        assert!(read.instant(&["at"]).is_ok());
    }
}

#[test]
fn what_is_not_written_as_an_instant_does_not_fit_the_type() {
    for value in [
        json!("yesterday"),
        json!(""),
        json!("2026-03-01"),
        json!("2026-03-01T09:00Z"),
        json!("2026-03-01T09:00:00"),
        json!("2026-3-1T09:00:00Z"),
        json!("20260301T090000Z"),
        json!("2026-03-01T09:00:00.Z"),
        json!("2026-03-01T09:00:00+09"),
        json!("2026-03-01T09:00:00Z "),
        json!("+2026-03-01T09:00:00Z"),
        json!("２026-03-01T09:00:00Z"),
        json!(1_800_000_000),
        json!(true),
        json!(format!("2026-03-01T09:00:00.{}Z", "0".repeat(60))),
        json!("2026-03-01T09:00:00Z[Asia/Seoul]"),
    ] {
        assert!(both::<DateTime>(value.clone()).is_none(), "{value}");
    }
}

#[test]
fn an_instant_that_does_not_exist_is_refused_at_its_field() {
    for text in [
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "1899-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "1900-01-01T00:00:00+09:00",
    ] {
        let read = both::<DateTime>(json!(text)).unwrap_or_else(|| unreachable!("{text}"));
        let refused = read.instant(&["input", "startsAt"]).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.join(".").as_str()), ("SYS003", "input.startsAt"), "{text}");
    }
}

#[test]
fn instants_keep_their_microseconds() {
    let instant = Timestamp::from_microsecond(1_800_000_000_123_456).unwrap();
    let written = ScalarType::to_value(&DateTime::from(instant));
    assert_eq!(read::<DateTime>(written.into_json().unwrap()).unwrap().instant(&[]), Ok(instant));
}

#[test]
fn decimals_and_integers_are_strings_only() {
    for good in ["0", "12000", "-3.50", "0.000000000000000001"] {
        assert_eq!(both::<Decimal>(json!(good)).unwrap().as_str(), good);
    }
    for bad in [
        json!(1),
        json!(1.5),
        json!("1e3"),
        json!("1."),
        json!(".5"),
        json!("+1"),
        json!("1,000"),
        json!(" 1"),
        json!(""),
        json!("-"),
        json!("NaN"),
        json!("１"),
        json!("9".repeat(65)),
        json!("--1"),
        json!("1.2.3"),
    ] {
        assert!(both::<Decimal>(bad.clone()).is_none(), "{bad}");
    }
    assert_eq!(both::<BigInt>(json!("-170141183460469231731687303715884105728")), Some(BigInt(i128::MIN)));
    assert_eq!(both::<BigInt>(json!("9007199254740993")).and_then(BigInt::count), Some(9_007_199_254_740_993));
    for bad in [json!(5), json!("5.0"), json!("1e3"), json!("+5"), json!("170141183460469231731687303715884105728"), json!("")] {
        assert!(both::<BigInt>(bad.clone()).is_none(), "{bad}");
    }
    assert_eq!(BigInt(-1).count(), None);
}

#[test]
fn times_of_day_are_hours_and_minutes() {
    assert_eq!(both::<LocalTime>(json!("23:59")).map(LocalTime::minutes), Some(1_439));
    assert_eq!(ScalarType::to_value(&both::<LocalTime>(json!("09:05")).unwrap()), Value::from("09:05"));
    for bad in [json!("24:00"), json!("9:00"), json!("09:60"), json!("09:00:00"), json!("0900"), json!(900), json!("-1:00")] {
        assert!(both::<LocalTime>(bad.clone()).is_none(), "{bad}");
    }
}

#[test]
fn money_is_exact_and_its_faults_are_named() {
    let money = |amount: &str, currency: &str| read::<MoneyInput>(json!({"amount": amount, "currency": currency})).unwrap();
    assert_eq!(money("12.50", "USD").money(&["total"]), Ok(kernel::Money::new(1_250, Currency::Usd)));
    for (amount, currency, field) in [
        ("1.0", "KRW", "total.amount"),
        ("1.001", "USD", "total.amount"),
        ("99999999999999999999999999999", "KRW", "total.amount"),
        ("1", "XXX", "total.currency"),
        ("1", "krw", "total.currency"),
    ] {
        let refused = money(amount, currency).money(&["total"]).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.join(".").as_str()), ("SYS003", field), "{amount} {currency}");
    }
    for bad in
        [json!({"amount": 1, "currency": "KRW"}), json!({"amount": "1e3", "currency": "KRW"}), json!({"amount": "1"}), json!("1 KRW")]
    {
        assert!(read::<MoneyInput>(bad.clone()).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn money_is_shown_with_all_its_decimals() {
    struct Query;
    #[async_graphql::Object]
    impl Query {
        async fn price(&self) -> Money {
            kernel::Money::new(-1_250, Currency::Usd).into()
        }
        async fn most(&self) -> Money {
            kernel::Money::new(i128::MIN, Currency::Eth).into()
        }
    }
    let schema = async_graphql::Schema::new(Query, async_graphql::EmptyMutation, async_graphql::EmptySubscription);
    let response = schema.execute("{ price { amount currency minorUnits } most { amount minorUnits } }").await;
    let data = response.data.into_json().unwrap();
    assert_eq!(data["price"], json!({"amount": "-12.50", "currency": "USD", "minorUnits": "-1250"}));
    assert_eq!(data["most"]["minorUnits"], i128::MIN.to_string());
}

#[test]
fn places_are_on_earth() {
    let point = |lat, lng| GeoPointInput { lat, lng }.point(&["location"]);
    assert_eq!(point(37.5665, 126.978), Ok(GeoPoint { lat: 37.5665, lng: 126.978 }));
    assert_eq!(point(90.1, 0.0).unwrap_err().field, ["location", "lat"]);
    assert_eq!(point(0.0, -180.1).unwrap_err().field, ["location", "lng"]);
    assert!(point(f64::NAN, 0.0).is_err());
}
