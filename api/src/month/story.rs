//! What is to become of a request, as far as its people have a say in it.

use domain::cancellation::CancellationPolicy::{self, Flexible, Standard, Strict};

use super::rng::Rng;

/// When a guest calls a paid booking off, by what it gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// Early: everything.
    All,
    /// Late, but soon after paying: everything.
    Grace,
    /// Late: half.
    Half,
    /// Too late: nothing.
    Nothing,
}

/// How a guest pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Fine,
    /// At once, and the provider tells of it twice.
    Twice,
    /// With a card that is declined, then with another one.
    SecondCard,
    /// The provider's answer is lost.
    Timeout,
    /// So is the next one.
    Late,
    /// The request itself is lost, and so is each one that follows: the window ends first.
    Lost,
}

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Asks for a slot that another guest has.
    Clash,
    /// Asks for a slot within the time that is kept free after another one.
    BufferClash,
    /// Asks for a time at which the car is closed.
    Closed,
    /// A host asks for their own car.
    OwnCar,
    /// Asks for a period that nobody can book.
    Unbookable,
    /// Was shown another price.
    OtherPrice,
    /// The host declines.
    Rejected,
    /// The host does not answer.
    Unanswered,
    /// The guest thinks better of it before the host answers.
    Withdrawn,
    /// Nobody pays.
    Unpaid,
    /// The card is declined, and that is that.
    DeclinedForGood,
    /// The guest pays after the window.
    PaidTooLate,
    /// The guest calls it off before paying.
    UnpaidGuestCancels,
    /// The host calls it off before it is paid.
    UnpaidHostCancels,
    /// The provider captures when the booking has lapsed.
    LateMoney,
    /// A paid booking is called off by its guest.
    GuestCancels(CancellationPolicy, Window),
    /// A paid booking is called off by its host.
    HostCancels,
    /// A paid booking is called off by an administrator.
    AdminCancels,
    /// Support gives a part back, then the host calls it off.
    PartThenHostCancels,
    /// The guest does not come.
    NoShow,
    /// A trip.
    Trip,
    /// A trip that ends long before its time.
    EarlyTrip,
    /// A trip that ends long after its time, on a car that others take right after.
    LateTrip,
    /// A trip right after a late one.
    Following,
    /// A part is given back before the trip.
    PartBefore,
    /// A part is given back after the trip.
    PartAfter,
    /// More than the limit is given back after the trip.
    BigPart,
    /// Somebody wants to give back more than was paid.
    TooMuchBack,
    /// The provider refuses the refund at first.
    RefundRefused,
    /// The provider's answer to the refund is lost.
    RefundUnknown,
}

/// How many of 5,000 requests have which story; the rest are plain trips.
const SHARES: [(Story, usize); 38] = [
    (Story::Clash, 700),
    (Story::BufferClash, 80),
    (Story::Closed, 90),
    (Story::OwnCar, 45),
    (Story::Unbookable, 80),
    (Story::OtherPrice, 45),
    (Story::Rejected, 250),
    (Story::Unanswered, 150),
    (Story::Withdrawn, 80),
    (Story::Unpaid, 110),
    (Story::DeclinedForGood, 50),
    (Story::PaidTooLate, 45),
    (Story::UnpaidGuestCancels, 50),
    (Story::UnpaidHostCancels, 45),
    (Story::LateMoney, 55),
    (Story::GuestCancels(Flexible, Window::All), 60),
    (Story::GuestCancels(Flexible, Window::Half), 45),
    (Story::GuestCancels(Flexible, Window::Nothing), 40),
    (Story::GuestCancels(Standard, Window::All), 80),
    (Story::GuestCancels(Standard, Window::Grace), 45),
    (Story::GuestCancels(Standard, Window::Half), 50),
    (Story::GuestCancels(Standard, Window::Nothing), 40),
    (Story::GuestCancels(Strict, Window::All), 45),
    (Story::GuestCancels(Strict, Window::Half), 45),
    (Story::GuestCancels(Strict, Window::Nothing), 45),
    (Story::HostCancels, 60),
    (Story::AdminCancels, 45),
    (Story::PartThenHostCancels, 40),
    (Story::NoShow, 70),
    (Story::EarlyTrip, 250),
    (Story::LateTrip, 160),
    (Story::Following, 100),
    (Story::PartBefore, 50),
    (Story::PartAfter, 50),
    (Story::BigPart, 45),
    (Story::TooMuchBack, 40),
    (Story::RefundRefused, 40),
    (Story::RefundUnknown, 40),
];
/// Requests in the whole month.
pub(super) const REQUESTS: usize = 5_000;

/// The stories of a month in random order: so many percent of the whole.
pub(super) fn stories(rng: &mut Rng, percent: usize) -> Vec<Story> {
    let mut stories = Vec::with_capacity(scaled(REQUESTS, percent));
    for (story, share) in SHARES {
        stories.extend(std::iter::repeat_n(story, scaled(share, percent)));
    }
    stories.resize(scaled(REQUESTS, percent).max(stories.len()), Story::Trip);
    rng.shuffle(&mut stories);
    stories
}

/// So many percent, rounded up: nothing that there is vanishes.
pub(super) const fn scaled(whole: usize, percent: usize) -> usize {
    (whole * percent).div_ceil(100)
}

/// What kind of car and time a story needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The car's cancellation policy.
    pub cancellation: Option<CancellationPolicy>,
    /// A car that is approved at once, or is not.
    pub instant: Option<bool>,
    /// No opening hours, no buffers.
    pub plain: bool,
    /// Dear enough for a refund above the limit.
    pub dear: bool,
    /// Minutes from the request to the start.
    pub lead: (i64, i64),
    /// Length in minutes.
    pub length: (i64, i64),
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

impl Story {
    /// What it needs.
    pub(super) fn wish(self) -> Wish {
        let any =
            Wish { cancellation: None, instant: None, plain: false, dear: false, lead: (3 * HOUR, 5 * DAY), length: (2 * HOUR, 10 * HOUR) };
        match self {
            Self::Rejected | Self::Unanswered | Self::Withdrawn => Wish { instant: Some(false), ..any },
            Self::Unpaid | Self::DeclinedForGood | Self::PaidTooLate | Self::LateMoney => Wish { lead: (6 * HOUR, 4 * DAY), ..any },
            Self::GuestCancels(policy, window) => {
                let lead = match (policy, window) {
                    (Standard, Window::All) => (34 * HOUR, 6 * DAY),
                    (Standard, Window::Grace) => (4 * HOUR, 14 * HOUR),
                    (Strict, Window::All) => (8 * DAY, 12 * DAY),
                    (Strict, Window::Half) => (3 * DAY, 6 * DAY),
                    (Strict, Window::Nothing) => (5 * HOUR, 40 * HOUR),
                    (Flexible | Standard | Strict, _) => (8 * HOUR, 4 * DAY),
                };
                Wish { cancellation: Some(policy), lead, ..any }
            }
            Self::LateTrip => Wish { plain: true, lead: (10 * HOUR, 3 * DAY), ..any },
            Self::BigPart => Wish { dear: true, plain: true, lead: (4 * HOUR, 4 * DAY), length: (66 * HOUR, 80 * HOUR), ..any },
            Self::Trip | Self::EarlyTrip => Wish { length: (2 * HOUR, 14 * HOUR), ..any },
            Self::Clash
            | Self::BufferClash
            | Self::Closed
            | Self::OwnCar
            | Self::Unbookable
            | Self::OtherPrice
            | Self::UnpaidGuestCancels
            | Self::UnpaidHostCancels
            | Self::HostCancels
            | Self::AdminCancels
            | Self::PartThenHostCancels
            | Self::NoShow
            | Self::Following
            | Self::PartBefore
            | Self::PartAfter
            | Self::TooMuchBack
            | Self::RefundRefused
            | Self::RefundUnknown => any,
        }
    }

    /// How the guest pays, where the story leaves that open.
    pub(super) fn manner(self, rng: &mut Rng) -> Manner {
        match (self, rng.below(100)) {
            // Their keys say something else already, or their minutes count.
            (Self::RefundRefused | Self::RefundUnknown | Self::GuestCancels(Standard, Window::Grace), _) => Manner::Fine,
            (_, 0..5) => Manner::Twice,
            (_, 5..11) => Manner::SecondCard,
            (_, 11..15) => Manner::Timeout,
            (_, 15..17) => Manner::Late,
            (_, 17..20) => Manner::Lost,
            _ => Manner::Fine,
        }
    }
}
