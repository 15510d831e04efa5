//! Places and time zones. Coordinates are integers (ten-millionths of a degree, about a centimetre): no float reaches a rule.

use std::fmt;
use std::str::FromStr;

use kernel::jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Units of a coordinate in one degree.
pub const E7_PER_DEGREE: i32 = 10_000_000;

const MAX_LAT_E7: i32 = 90 * E7_PER_DEGREE;
const MAX_LNG_E7: i32 = 180 * E7_PER_DEGREE;

/// The numbers are no point on Earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no point on Earth")]
pub struct NotAPoint;

/// A point on Earth (WGS 84), latitude within ±90°, longitude within ±180°.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct GeoPoint {
    lat_e7: i32,
    lng_e7: i32,
}

#[derive(Deserialize)]
struct Stored {
    lat_e7: i32,
    lng_e7: i32,
}

impl TryFrom<Stored> for GeoPoint {
    type Error = NotAPoint;

    fn try_from(stored: Stored) -> Result<Self, NotAPoint> {
        Self::new(stored.lat_e7, stored.lng_e7)
    }
}

impl GeoPoint {
    /// A point from ten-millionths of a degree.
    ///
    /// # Errors
    /// [`NotAPoint`] when either number is out of range.
    pub fn new(lat_e7: i32, lng_e7: i32) -> Result<Self, NotAPoint> {
        let inside = (-MAX_LAT_E7..=MAX_LAT_E7).contains(&lat_e7) && (-MAX_LNG_E7..=MAX_LNG_E7).contains(&lng_e7);
        if inside { Ok(Self { lat_e7, lng_e7 }) } else { Err(NotAPoint) }
    }

    /// A point from plain decimal degrees (`37.5665`), rounded half away from zero to seven decimals.
    ///
    /// # Errors
    /// [`NotAPoint`] when either text is no plain decimal or out of range.
    pub fn parse(lat: &str, lng: &str) -> Result<Self, NotAPoint> {
        Self::new(degrees_e7(lat)?, degrees_e7(lng)?)
    }

    /// Latitude in ten-millionths of a degree, north positive.
    #[must_use]
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in ten-millionths of a degree, east positive.
    #[must_use]
    pub const fn lng_e7(self) -> i32 {
        self.lng_e7
    }
}

fn degrees_e7(text: &str) -> Result<i32, NotAPoint> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(1..=3).contains(&whole.len()) || !plain(whole) || !plain(fraction) || (digits.contains('.') && fraction.is_empty()) {
        return Err(NotAPoint);
    }
    let seven: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    let up = i64::from(fraction.as_bytes().get(7).is_some_and(|&b| b >= b'5'));
    let e7 = format!("{whole}{seven}").parse::<i64>().map_err(|_| NotAPoint)? + up;
    i32::try_from(if negative { -e7 } else { e7 }).map_err(|_| NotAPoint)
}

/// The text names no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no IANA time zone")]
pub struct NotAZone;

/// The IANA name of a time zone (`Asia/Seoul`), known to the bundled database and in its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(String);

impl ZoneName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rules of the zone, from the database that is part of this program.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        // A name is only ever made from the database; a later one that dropped a zone would leave its cars on UTC.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for ZoneName {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, NotAZone> {
        let zone = TimeZone::get(text).map_err(|_| NotAZone)?;
        zone.iana_name().filter(|name| *name != "Etc/Unknown").map(|name| Self(name.to_owned())).ok_or(NotAZone)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = NotAZone;

    fn try_from(text: String) -> Result<Self, NotAZone> {
        text.parse()
    }
}

impl From<ZoneName> for String {
    fn from(zone: ZoneName) -> Self {
        zone.0
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_become_integers() {
        let point = |lat, lng| GeoPoint::parse(lat, lng).map(|p| (p.lat_e7(), p.lng_e7()));
        assert_eq!(point("37.5665", "126.978"), Ok((375_665_000, 1_269_780_000)));
        assert_eq!(point("-0.00000005", "0.00000004"), Ok((-1, 0)));
        assert_eq!(point("90", "-180"), Ok((900_000_000, -1_800_000_000)));
        for (lat, lng) in [
            ("90.0000001", "0"),
            ("0", "180.1"),
            ("", "0"),
            ("1e1", "0"),
            ("NaN", "0"),
            ("1.", "0"),
            (".5", "0"),
            ("+1", "0"),
            ("999", "0"),
        ] {
            assert_eq!(point(lat, lng), Err(NotAPoint), "{lat} {lng}");
        }
    }

    #[test]
    fn a_stored_point_is_checked_too() {
        assert!(serde_json::from_str::<GeoPoint>(r#"{"lat_e7":900000001,"lng_e7":0}"#).is_err());
        assert!(serde_json::from_str::<GeoPoint>(r#"{"lat_e7":1,"lng_e7":2}"#).is_ok());
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert_eq!("asia/seoul".parse::<ZoneName>().map(String::from).as_deref(), Ok("Asia/Seoul"));
        for bad in ["", "Asia/Nowhere", "+09:00", "KST-9", "../etc/passwd", "Etc/Unknown"] {
            assert_eq!(bad.parse::<ZoneName>(), Err(NotAZone), "{bad}");
        }
    }
}
