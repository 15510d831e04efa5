//! Who takes part, with which cars, at which prices, and who asks for what when. All of it follows from the seed.

use domain::cancellation::CancellationPolicy::{Flexible, Standard, Strict};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;

use super::driver::{Car, Person, Policy, Span};
use super::rng::Rng;
use super::shop::{self, Purchase, Ware};
use super::story::{self, Story, scaled};

/// Days of the month.
pub const DAYS: i64 = 30;
const VEHICLES: usize = 200;
const GUESTS: usize = 2_000;
const HOSTS: usize = 60;
/// Blocks that hosts try in the course of the month, on time that is taken.
const LATE_BLOCKS: usize = 30;
/// Every seventh car has opening hours, every fourth keeps time free around its rentals, every fifth is dear.
const HOURS_EVERY: usize = 7;
const BUFFERS_EVERY: usize = 4;
const DEAR_EVERY: usize = 5;

/// Districts of Seoul with the place of their offices, in 10⁻⁷ degrees.
const DISTRICTS: [(&str, i32, i32); 25] = [
    ("강남구", 375_172_000, 1_270_473_000),
    ("강동구", 375_301_000, 1_271_238_000),
    ("강북구", 376_396_000, 1_270_257_000),
    ("강서구", 375_509_000, 1_268_495_000),
    ("관악구", 374_784_000, 1_269_516_000),
    ("광진구", 375_385_000, 1_270_823_000),
    ("구로구", 374_954_000, 1_268_874_000),
    ("금천구", 374_568_000, 1_268_955_000),
    ("노원구", 376_542_000, 1_270_568_000),
    ("도봉구", 376_688_000, 1_270_471_000),
    ("동대문구", 375_744_000, 1_270_396_000),
    ("동작구", 375_124_000, 1_269_393_000),
    ("마포구", 375_663_000, 1_269_019_000),
    ("서대문구", 375_791_000, 1_269_368_000),
    ("서초구", 374_837_000, 1_270_324_000),
    ("성동구", 375_633_000, 1_270_369_000),
    ("성북구", 375_894_000, 1_270_167_000),
    ("송파구", 375_145_000, 1_271_059_000),
    ("양천구", 375_170_000, 1_268_665_000),
    ("영등포구", 375_264_000, 1_268_962_000),
    ("용산구", 375_324_000, 1_269_906_000),
    ("은평구", 376_027_000, 1_269_291_000),
    ("종로구", 375_735_000, 1_269_790_000),
    ("중구", 375_641_000, 1_269_979_000),
    ("중랑구", 376_063_000, 1_270_926_000),
];

/// Maker, model, won per hour at its cheapest.
const MODELS: [(&str, &str, i128); 12] = [
    ("현대", "캐스퍼", 6_500),
    ("기아", "레이 EV", 7_500),
    ("현대", "아반떼", 8_200),
    ("기아", "니로", 9_300),
    ("현대", "코나 일렉트릭", 10_400),
    ("현대", "아이오닉 5", 12_000),
    ("기아", "EV6", 12_700),
    ("현대", "투싼", 11_300),
    ("KGM", "토레스", 10_900),
    ("르노코리아", "그랑 콜레오스", 11_700),
    ("기아", "카니발", 14_900),
    ("테슬라", "모델 Y", 16_300),
];
/// Cars that cost more than a million won for three days.
const DEAR_MODELS: [(&str, &str, i128); 4] =
    [("제네시스", "GV70", 21_000), ("제네시스", "G90", 33_000), ("BMW", "i5", 27_500), ("메르세데스-벤츠", "E 350", 29_900)];
const FAMILIES: [&str; 12] = ["김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오"];
const GIVEN: [&str; 16] =
    ["서연", "민준", "지우", "하은", "도윤", "예준", "수아", "시우", "지호", "유나", "건우", "채원", "현우", "다은", "준서", "소율"];
const PLATE_SIGNS: [&str; 10] = ["가", "나", "다", "라", "마", "거", "너", "더", "러", "머"];

/// A request in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it is made.
    pub at: Timestamp,
    /// By whom, by the place among the guests.
    pub guest: usize,
    /// What is to become of it.
    pub story: Story,
}

/// A month before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Percent of the whole.
    pub percent: usize,
    /// Midnight in Seoul before the first day.
    pub begins: Timestamp,
    /// Who rents out.
    pub hosts: Vec<Person>,
    /// Who rents.
    pub guests: Vec<Person>,
    /// The cars.
    pub cars: Vec<Car>,
    /// Who asks when for what, in the order of time.
    pub requests: Vec<Request>,
    /// When hosts try to close time that is taken.
    pub late_blocks: Vec<Timestamp>,
    /// What hosts sell in the shop.
    pub wares: Vec<Ware>,
    /// Who buys when, in the order of time.
    pub purchases: Vec<Purchase>,
}

impl Plan {
    /// The plan of a seed: so many percent of the whole month.
    #[must_use]
    pub fn new(seed: u64, percent: usize, begins: Timestamp) -> Self {
        let mut rng = Rng::new(seed);
        let hosts: Vec<_> = (0..scaled(HOSTS, percent)).map(|n| person(&mut rng, n, true)).collect();
        let guests: Vec<_> = (0..scaled(GUESTS, percent)).map(|n| person(&mut rng, n, false)).collect();
        let cars = (0..scaled(VEHICLES, percent)).map(|n| car(&mut rng, n, n % hosts.len(), begins)).collect();
        let stories = story::stories(&mut rng, percent);
        let mut requests: Vec<_> = stories
            .into_iter()
            .map(|story| Request { at: daytime(&mut rng, begins, 0, DAYS), guest: rng.below(guests.len()), story })
            .collect();
        requests.sort_by_key(|request| request.at);
        let late_blocks = (0..scaled(LATE_BLOCKS, percent)).map(|_| daytime(&mut rng, begins, 2, DAYS)).collect();
        let wares = shop::wares(&mut rng, percent, hosts.len());
        let purchases = shop::purchases(&mut rng, percent, begins, guests.len());
        Self { seed, percent, begins, hosts, guests, cars, requests, late_blocks, wares, purchases }
    }
}

/// An instant so many minutes later; the end of time when there is none.
#[must_use]
pub fn later(at: Timestamp, minutes: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
}

/// Some time of some day from one to before another; nine in ten by day.
pub(super) fn daytime(rng: &mut Rng, begins: Timestamp, first: i64, end: i64) -> Timestamp {
    let day = rng.between(first, end - 1);
    let minute = if rng.chance(90) { rng.between(8 * 60, 23 * 60) } else { rng.between(0, 24 * 60 - 1) };
    let seconds = day * 86_400 + minute * 60 + rng.between(0, 59);
    begins.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(begins)
}

fn person(rng: &mut Rng, n: usize, is_host: bool) -> Person {
    let role = if is_host { "host" } else { "guest" };
    Person {
        email: format!("{role}@{role}{n:04}.month.daybook.example"),
        name: format!("{}{}", rng.pick(&FAMILIES), rng.pick(&GIVEN)),
        phone: format!("010-{:04}-{:04}", rng.below(10_000), rng.below(10_000)),
        is_host,
    }
}

fn car(rng: &mut Rng, n: usize, host: usize, begins: Timestamp) -> Car {
    let dear = n.is_multiple_of(DEAR_EVERY);
    let (make, model, cheapest) = *if dear { rng.pick(&DEAR_MODELS) } else { rng.pick(&MODELS) };
    let (district, lat, lng) = *rng.pick(&DISTRICTS);
    let mut near = |middle: i32| middle + i32::try_from(rng.between(-90_000, 90_000)).unwrap_or(0);
    let (lat_e7, lng_e7) = (near(lat), near(lng));
    let has_buffers = !dear && n % BUFFERS_EVERY == 1;
    let has_hours = !dear && !has_buffers && n % HOURS_EVERY == 3;
    Car {
        host,
        plate: format!("{:03}{} {:04}", 100 + n, rng.pick(&PLATE_SIGNS), rng.below(10_000)),
        make,
        model,
        year: i32::try_from(rng.between(2019, 2026)).unwrap_or(2024),
        // Uneven prices, so that shares have to be rounded.
        rate_won: cheapest + i128::from(rng.between(0, 170)) * 10 + i128::from(rng.between(0, 9)),
        address: format!("서울특별시 {district} {}번길 {}", rng.between(1, 90), rng.between(1, 120)),
        lat_e7,
        lng_e7,
        policy: Policy {
            instant: rng.chance(30),
            buffer_before: if has_buffers { 30 } else { 0 },
            buffer_after: if has_buffers { 60 } else { 0 },
            cancellation: [Flexible, Standard, Strict][n % 3],
        },
        hours: has_hours.then_some((7 * 60, 22 * 60)),
        blocks: blocks(rng, begins),
    }
}

/// A day or two off for two cars in five.
fn blocks(rng: &mut Rng, begins: Timestamp) -> Vec<Span> {
    if !rng.chance(40) {
        return Vec::new();
    }
    let from = later(begins, rng.between(3, DAYS) * 24 * 60);
    vec![(from, later(from, rng.between(1, 2) * 24 * 60))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins() -> Timestamp {
        Timestamp::from_second(1_788_188_400).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_plan_is_its_seed() {
        assert_eq!(Plan::new(2026, 10, begins()), Plan::new(2026, 10, begins()));
        assert_ne!(Plan::new(2026, 10, begins()).requests, Plan::new(2027, 10, begins()).requests);
    }

    #[test]
    fn the_whole_month_is_as_large_as_promised() {
        let plan = Plan::new(1, 100, begins());
        assert!(plan.cars.len() >= 200 && plan.guests.len() >= 2_000 && plan.requests.len() >= 5_000);
        assert!(plan.wares.len() >= 300 && plan.purchases.len() >= 3_000);
        assert!(plan.requests.iter().all(|request| request.at >= begins() && request.at < later(begins(), DAYS * 24 * 60)));
        let plates: std::collections::BTreeSet<_> = plan.cars.iter().map(|car| &car.plate).collect();
        assert_eq!(plates.len(), plan.cars.len());
    }
}
