//! The shop of the month: what is sold, and what is to become of each purchase.

use kernel::Timestamp;

use super::plan::{DAYS, daytime};
use super::rng::Rng;
use super::story::scaled;

const WARES: usize = 300;
const PURCHASES: usize = 3_000;
/// Every tenth ware is wanted by everybody and there are few of it; every sixth may be had twice by one buyer.
const POPULAR_EVERY: usize = 10;
const LIMITED_EVERY: usize = 6;
/// So many of a hundred purchases are of what everybody wants.
const POPULAR_PERCENT: usize = 30;
/// So many units one buyer may have of a limited ware.
pub(super) const LIMIT: u32 = 2;

const CATEGORIES: [&str; 6] = ["캠핑", "차량용품", "세차", "전자기기", "안전", "여행"];
const NAMES: [&str; 12] = [
    "차박 텐트",
    "블랙박스",
    "휴대용 충전기",
    "세차 타월",
    "접이식 의자",
    "차량용 공기청정기",
    "스노우 체인",
    "트렁크 정리함",
    "캠핑 랜턴",
    "햇빛 가리개",
    "점프 스타터",
    "여행용 베개",
];

/// Something that a seller sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ware {
    /// The seller, by its place among the hosts.
    pub seller: usize,
    /// What it is called.
    pub name: String,
    /// What it is found under.
    pub category: &'static str,
    /// Won for one unit.
    pub price_won: i128,
    /// One buyer may have so many.
    pub max_per_buyer: Option<u32>,
    /// Units that come in before the first day.
    pub units: u32,
}

impl Ware {
    /// Does everybody want it?
    #[must_use]
    pub const fn is_popular(number: usize) -> bool {
        number.is_multiple_of(POPULAR_EVERY)
    }
}

/// What a purchase is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShopStory {
    /// A purchase that is kept.
    Kept,
    /// Nobody confirms that it arrived.
    Silent,
    /// It leaves in two parcels.
    Parcels,
    /// A part of it comes back.
    PartBack,
    /// All of it comes back.
    AllBack,
    /// The buyer wants to give it back too late.
    BackTooLate,
    /// Nobody pays.
    Unpaid,
    /// The provider captures when the order has expired.
    LateMoney,
    /// The buyer calls it off before paying.
    UnpaidCancel,
    /// The buyer calls it off after paying.
    BuyerCancels,
    /// The seller calls it off after it was paid.
    SellerCancels,
    /// The buyer wants to call it off when it has left.
    CancelsTooLate,
    /// The buyer was shown another price.
    OtherPrice,
    /// More than one buyer may have.
    OverLimit,
    /// A seller orders from themselves.
    OwnWare,
}

/// How many of 3,000 purchases have which story; the rest are kept.
const SHARES: [(ShopStory, usize); 14] = [
    (ShopStory::Silent, 300),
    (ShopStory::Parcels, 200),
    (ShopStory::PartBack, 150),
    (ShopStory::AllBack, 150),
    (ShopStory::BackTooLate, 60),
    (ShopStory::Unpaid, 250),
    (ShopStory::LateMoney, 80),
    (ShopStory::UnpaidCancel, 80),
    (ShopStory::BuyerCancels, 120),
    (ShopStory::SellerCancels, 60),
    (ShopStory::CancelsTooLate, 60),
    (ShopStory::OtherPrice, 80),
    (ShopStory::OverLimit, 80),
    (ShopStory::OwnWare, 60),
];

/// A purchase in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// When it is made.
    pub at: Timestamp,
    /// By whom, by the place among the guests.
    pub buyer: usize,
    /// What is to become of it.
    pub story: ShopStory,
    /// Of something that everybody wants.
    pub popular: bool,
}

/// What is sold: so many percent of the whole.
pub(super) fn wares(rng: &mut Rng, percent: usize, hosts: usize) -> Vec<Ware> {
    let ware = |n: usize| {
        let popular = Ware::is_popular(n);
        let limited = !popular && n % LIMITED_EVERY == 1;
        Ware {
            seller: n % hosts,
            name: format!("{} {n:03}", rng.pick(&NAMES)),
            category: CATEGORIES[rng.below(CATEGORIES.len())],
            price_won: i128::from(rng.between(3_000, 120_000)) + 1,
            max_per_buyer: limited.then_some(LIMIT),
            units: u32::try_from(if popular { rng.between(8, 20) } else { rng.between(40, 80) }).unwrap_or(40),
        }
    };
    (0..scaled(WARES, percent)).map(ware).collect()
}

/// Who buys when, in the order of time: so many percent of the whole.
pub(super) fn purchases(rng: &mut Rng, percent: usize, begins: Timestamp, guests: usize) -> Vec<Purchase> {
    let mut stories = Vec::with_capacity(scaled(PURCHASES, percent));
    for (story, share) in SHARES {
        stories.extend(std::iter::repeat_n(story, scaled(share, percent)));
    }
    stories.resize(scaled(PURCHASES, percent).max(stories.len()), ShopStory::Kept);
    rng.shuffle(&mut stories);
    let mut purchase = |story| Purchase {
        at: daytime(rng, begins, 0, DAYS),
        buyer: rng.below(guests),
        story,
        popular: matches!(story, ShopStory::Kept | ShopStory::Silent | ShopStory::Unpaid) && rng.chance(POPULAR_PERCENT),
    };
    let mut purchases: Vec<_> = stories.into_iter().map(&mut purchase).collect();
    purchases.sort_by_key(|purchase| purchase.at);
    purchases
}
