//! Addresses to places (VEH-09, EXT-01), with a stub that knows the districts of Seoul.

use sha2::{Digest, Sha256};

use crate::BoxFuture;

/// The longest address, in characters.
pub const MAX_ADDRESS_CHARS: usize = 500;

/// A place, in ten-millionths of a degree (about a centimetre): exact, so that it may stand in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GeoPoint {
    /// Latitude × 10⁷, north positive.
    pub lat_e7: i32,
    /// Longitude × 10⁷, east positive.
    pub lng_e7: i32,
}

/// Why an address has no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeocodeError {
    /// The service knows no such address.
    #[error("address not found")]
    NotFound,
    /// The service did not answer; ask later.
    #[error("geocoder unavailable: {cause}")]
    Unavailable {
        /// What went wrong; for the log.
        cause: String,
    },
}

impl GeocodeError {
    /// May the same question be answered later?
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::NotFound => false,
        }
    }
}

/// Finds the place of an address.
pub trait Geocoder: Send + Sync {
    /// The place of an address, Korean or English.
    fn geocode<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<GeoPoint, GeocodeError>>;
}

/// One district of Seoul: its name in Korean, in English without `-gu`, and its office.
struct District {
    korean: &'static str,
    english: &'static str,
    office: GeoPoint,
}

const fn district(korean: &'static str, english: &'static str, lat_e7: i32, lng_e7: i32) -> District {
    District { korean, english, office: GeoPoint { lat_e7, lng_e7 } }
}

/// The 25 districts with roughly the places of their offices.
const DISTRICTS: [District; 25] = [
    district("강남구", "gangnam", 375_173_000, 1_270_473_000),
    district("강동구", "gangdong", 375_301_000, 1_271_238_000),
    district("강북구", "gangbuk", 376_397_000, 1_270_255_000),
    district("강서구", "gangseo", 375_509_000, 1_268_495_000),
    district("관악구", "gwanak", 374_784_000, 1_269_516_000),
    district("광진구", "gwangjin", 375_385_000, 1_270_823_000),
    district("구로구", "guro", 374_955_000, 1_268_875_000),
    district("금천구", "geumcheon", 374_569_000, 1_268_955_000),
    district("노원구", "nowon", 376_542_000, 1_270_568_000),
    district("도봉구", "dobong", 376_688_000, 1_270_471_000),
    district("동대문구", "dongdaemun", 375_744_000, 1_270_396_000),
    district("동작구", "dongjak", 375_124_000, 1_269_393_000),
    district("마포구", "mapo", 375_663_000, 1_269_019_000),
    district("서대문구", "seodaemun", 375_791_000, 1_269_368_000),
    district("서초구", "seocho", 374_837_000, 1_270_324_000),
    district("성동구", "seongdong", 375_634_000, 1_270_369_000),
    district("성북구", "seongbuk", 375_894_000, 1_270_167_000),
    district("송파구", "songpa", 375_145_000, 1_271_059_000),
    district("양천구", "yangcheon", 375_169_000, 1_268_664_000),
    district("영등포구", "yeongdeungpo", 375_264_000, 1_268_963_000),
    district("용산구", "yongsan", 375_326_000, 1_269_905_000),
    district("은평구", "eunpyeong", 376_027_000, 1_269_291_000),
    district("종로구", "jongno", 375_735_000, 1_269_790_000),
    district("중구", "jung", 375_641_000, 1_269_979_000),
    district("중랑구", "jungnang", 376_066_000, 1_270_927_000),
];

/// Other cities and provinces that have districts of the same names (`부산 강서구`, `Jung-gu, Daegu`).
const ELSEWHERE: [&str; 26] = [
    "부산", "대구", "인천", "광주", "대전", "울산", "세종", "경기", "강원", "충북", "충남", "충청", "전북", "전남", "전라", "경북", "경남",
    "경상", "제주", "busan", "daegu", "incheon", "gwangju", "daejeon", "ulsan", "gyeonggi",
];

/// Half the side of the square around a district's office into which its addresses fall: 0.005 degrees, about 500 m.
const SPREAD_E7: u32 = 50_000;

/// The stub: every address that names a district of Seoul has a place near that district's office, always the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeoulGeocoder;

impl SeoulGeocoder {
    /// The place of an address, without a future around it.
    ///
    /// # Errors
    /// [`GeocodeError::NotFound`] for an address that names no district of Seoul, or one of another city.
    pub fn place(address: &str) -> Result<GeoPoint, GeocodeError> {
        if address.chars().count() > MAX_ADDRESS_CHARS {
            return Err(GeocodeError::NotFound);
        }
        let address = address.to_lowercase();
        let words: Vec<&str> = address.split(|c: char| c.is_whitespace() || ",()".contains(c)).filter(|word| !word.is_empty()).collect();
        if words.iter().any(|word| is_elsewhere(word)) {
            return Err(GeocodeError::NotFound);
        }
        let found = words.iter().find_map(|word| DISTRICTS.iter().find(|district| district.is_named(word)));
        found.map(|district| spread(district.office, &words)).ok_or(GeocodeError::NotFound)
    }
}

impl Geocoder for SeoulGeocoder {
    fn geocode<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<GeoPoint, GeocodeError>> {
        Box::pin(async move { Self::place(address) })
    }
}

impl District {
    /// `강남구`, `서울특별시강남구`, `gangnam-gu`, `gangnam`; but `jung` alone is a surname.
    fn is_named(&self, word: &str) -> bool {
        let korean = word.strip_suffix(self.korean).is_some_and(|before| before.is_empty() || before.starts_with("서울"));
        let english = match word.strip_suffix("-gu") {
            Some(name) => name == self.english,
            None => word == self.english && self.english != "jung",
        };
        korean || english
    }
}

/// A city's name, alone or with what kind of city it is; `대구로` is a street and `광주빌딩` a house.
fn is_elsewhere(word: &str) -> bool {
    const KINDS: [&str; 9] = ["", "시", "도", "광역시", "특별시", "특별자치시", "특별자치도", "-si", "-do"];
    ELSEWHERE.iter().any(|place| word.strip_prefix(place).is_some_and(|rest| KINDS.contains(&rest) || matches!(rest, "북도" | "남도")))
}

/// A place in the square around the office that depends on the words of the address alone.
fn spread(office: GeoPoint, words: &[&str]) -> GeoPoint {
    let digest: [u8; 32] = Sha256::digest(words.join(" ")).into();
    let offset = |a: u8, b: u8, c: u8| {
        let step = u32::from_be_bytes([0, a, b, c]) % (2 * SPREAD_E7 + 1);
        step.cast_signed() - SPREAD_E7.cast_signed()
    };
    GeoPoint {
        lat_e7: office.lat_e7 + offset(digest[0], digest[1], digest[2]),
        lng_e7: office.lng_e7 + offset(digest[3], digest[4], digest[5]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn near(point: GeoPoint, korean: &str) -> bool {
        let office = DISTRICTS.iter().find(|d| d.korean == korean).unwrap().office;
        point.lat_e7.abs_diff(office.lat_e7) <= SPREAD_E7 && point.lng_e7.abs_diff(office.lng_e7) <= SPREAD_E7
    }

    #[test]
    fn every_district_is_found_in_both_languages() {
        for district in &DISTRICTS {
            for address in
                [format!("서울특별시 {} 세종대로 1", district.korean), format!("1 Main-ro, {}-gu, Seoul", district.english.to_uppercase())]
            {
                assert!(near(SeoulGeocoder::place(&address).unwrap(), district.korean), "{address}");
            }
        }
    }

    #[test]
    fn names_that_contain_each_other_are_told_apart() {
        for (address, korean) in [
            ("서울 중구 명동길 1", "중구"),
            ("서울특별시중랑구 봉화산로 179", "중랑구"),
            ("Gangnam Station, Seoul", "강남구"),
            ("서울 송파구 대구로 7", "송파구"),
            ("(06236) 서울 강남구 테헤란로 152, 5층", "강남구"),
        ] {
            assert!(near(SeoulGeocoder::place(address).unwrap(), korean), "{address}");
        }
    }

    #[test]
    fn what_lies_elsewhere_is_not_found() {
        for address in [
            "",
            "부산광역시 강서구 낙동북로 477",
            "대구 중구 공평로 88",
            "Jung-gu, Daegu",
            "Mr Jung, Seoul",
            "수원시 영통구",
            "상중구",
            &"강남구 ".repeat(300),
        ] {
            assert_eq!(SeoulGeocoder::place(address), Err(GeocodeError::NotFound), "{address}");
        }
    }

    #[tokio::test]
    async fn the_same_address_is_always_at_the_same_place_and_others_beside_it() {
        let geocoder: &dyn Geocoder = &SeoulGeocoder;
        let place = geocoder.geocode("서울 강남구 테헤란로 1").await.unwrap();
        assert_eq!(geocoder.geocode("서울  강남구  테헤란로 1 ").await.unwrap(), place);
        assert_ne!(geocoder.geocode("서울 강남구 테헤란로 2").await.unwrap(), place);
    }
}
