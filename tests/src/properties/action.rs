//! What people may do, and how they choose.

use domain::cancellation::CancellationPolicy;
use uuid::Uuid;

use super::dice::Dice;
use super::model::booking::{Wish, price};
use super::model::{Capture, DAY, HOUR, MINUTE, Model, Stage, Stand, Status};
use super::shop::{self, ShopAction};
use super::world::{ADMIN, CARS, FINANCE, PEOPLE};

/// A change of a booking policy.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub instant: bool,
    pub before_minutes: i32,
    pub after_minutes: i32,
    pub notice_minutes: i32,
    pub longest_minutes: i32,
    pub refunds: CancellationPolicy,
}

/// What somebody does. Bookings, batches and cars by number, people too.
#[derive(Clone, Debug)]
pub enum Action {
    Request(Wish),
    Approve { deal: usize, who: usize },
    Reject { deal: usize, who: usize },
    Cancel { deal: usize, who: usize },
    NoShow { deal: usize, who: usize },
    Start { deal: usize, who: usize, odometer: i32 },
    End { deal: usize, who: usize, odometer: i32 },
    Confirm { deal: usize, who: usize, amount: i128, order_matches: bool, card: u64 },
    Refund { deal: usize, who: usize, amount: Option<i128> },
    Agree { deal: usize, back: Uuid, who: usize },
    OpenBatch { who: usize, end: i64 },
    Sign { batch: usize, who: usize },
    CallOff { batch: usize, who: usize },
    Block { car: usize, who: usize, period: (i64, i64) },
    Windows { car: usize, who: usize, windows: Vec<(u8, u16, u16)> },
    SetPolicy { car: usize, who: usize, policy: Policy },
    Shop(ShopAction),
}

impl Action {
    /// The deal whose payment it names.
    pub const fn payment_of(&self) -> Option<usize> {
        match self {
            Self::Confirm { deal, .. } | Self::Refund { deal, .. } | Self::Agree { deal, .. } => Some(*deal),
            _ => None,
        }
    }

    /// The deal that somebody will go on with, once so many deals there are.
    pub const fn leads_to(&self, deals: usize) -> Option<usize> {
        match self {
            Self::Request(_) | Self::Shop(ShopAction::Place(_)) => deals.checked_sub(1),
            Self::Approve { deal, .. } | Self::Confirm { deal, .. } => Some(*deal),
            _ => None,
        }
    }

    /// Who acts.
    pub const fn who(&self) -> usize {
        match self {
            Self::Request(wish) => wish.guest,
            Self::Shop(action) => action.who(),
            Self::Approve { who, .. }
            | Self::Reject { who, .. }
            | Self::Cancel { who, .. }
            | Self::NoShow { who, .. }
            | Self::Start { who, .. }
            | Self::End { who, .. }
            | Self::Confirm { who, .. }
            | Self::Refund { who, .. }
            | Self::Agree { who, .. }
            | Self::OpenBatch { who, .. }
            | Self::Sign { who, .. }
            | Self::CallOff { who, .. }
            | Self::Block { who, .. }
            | Self::Windows { who, .. }
            | Self::SetPolicy { who, .. } => *who,
        }
    }
}

/// The next thing that somebody does, about this deal if one has come into focus; so many of a hundred in the shop.
pub fn choose(dice: &mut Dice, model: &Model, focus: Option<usize>, shop: u64) -> Action {
    let in_shop = focus.map(|deal| model.deals[deal].goods.is_some());
    match dice.between(0, 99) {
        _ if in_shop.unwrap_or_else(|| dice.chance(shop)) => shop::choose(dice, model, focus),
        _ if focus.is_some() => on_a_deal(dice, model, focus).unwrap_or_else(|| Action::Request(wish(dice, model))),
        0..=22 => Action::Request(wish(dice, model)),
        23..=83 => on_a_deal(dice, model, None).unwrap_or_else(|| Action::Request(wish(dice, model))),
        84..=92 => settle(dice, model),
        _ => calendar(dice, model),
    }
}

/// Tens of minutes, most of the time.
fn moment(dice: &mut Dice, around: i64, spread: i64) -> i64 {
    let at = (around + dice.between(-spread / 20, spread)).div_euclid(10 * MINUTE) * 10 * MINUTE;
    if dice.chance(10) { at + dice.between(1, 10 * MINUTE - 1) } else { at }
}

/// What a guest may wish for.
pub fn wish(dice: &mut Dice, model: &Model) -> Wish {
    let car = dice.index(CARS.len());
    let spread = if dice.chance(85) { 2 * DAY } else { 12 * DAY };
    let mut from = moment(dice, model.now + HOUR, spread);
    let mut length = if dice.chance(80) { dice.between(6, 60) * 10 * MINUTE } else { dice.between(1, 3 * DAY) };
    // Right beside another slot, or in it.
    if let Some(other) = dice.pick(&live(model, car)).filter(|_| dice.chance(55)) {
        let wide = model.deals[other].wide;
        from = *[wide.1, wide.1 - 1, wide.0 - length, wide.0 - length + 1, wide.0].get(dice.index(5)).unwrap_or(&wide.1);
    }
    if dice.chance(2) {
        length = dice.between(-HOUR, 0);
    }
    if dice.chance(2) {
        from = model.now + dice.between(170, 190) * DAY;
    }
    let total = price(model.cars[car].rate, length.max(1)).0;
    let expected = match dice.between(0, 9) {
        0..=4 => None,
        5..=7 => Some((total, true)),
        8 => Some((total + i128::from(dice.between(-1, 1)), true)),
        _ => Some((total, dice.chance(50))),
    };
    let guest = if dice.chance(95) { dice.index(4) } else { dice.index(PEOPLE) };
    Wish { guest, car, from, to: from + length, expected }
}

fn live(model: &Model, car: usize) -> Vec<usize> {
    (0..model.deals.len()).filter(|at| model.deals[*at].live() && model.deals[*at].car == car).collect()
}

/// The right person, most of the time.
pub fn somebody(dice: &mut Dice, right: usize) -> usize {
    if dice.chance(93) { right } else { dice.index(PEOPLE) }
}

/// What may be done about a deal.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Approve,
    Reject,
    Cancel,
    NoShow,
    Start,
    End,
    Confirm,
    Refund,
    Agree,
}

const KINDS: [Kind; 9] =
    [Kind::Approve, Kind::Reject, Kind::Cancel, Kind::NoShow, Kind::Start, Kind::End, Kind::Confirm, Kind::Refund, Kind::Agree];

fn on_a_deal(dice: &mut Dice, model: &Model, focus: Option<usize>) -> Option<Action> {
    let all: Vec<usize> = (0..model.deals.len()).filter(|at| model.deals[*at].goods.is_none()).collect();
    // Those that have come far come further.
    let weight = |at: &usize| match model.deals[*at].status {
        Status::Approved | Status::Confirmed | Status::Active => 4,
        Status::Pending | Status::Completed => 1,
        Status::Rejected | Status::Cancelled => 0,
    };
    let likely: Vec<usize> = all.iter().flat_map(|at| std::iter::repeat_n(*at, weight(at))).collect();
    let any = if dice.chance(10) { dice.pick(&all) } else { dice.pick(&likely) };
    let deal = focus.or(any)?;
    let known = &model.deals[deal];
    let (guest, host) = (known.guest, model.host(deal));
    let party = if dice.chance(50) { guest } else { host };
    // What comes next for such a deal, or anything at all.
    let kind = if dice.chance(88) { next_kind(dice, model, deal)? } else { dice.pick(&KINDS)? };
    Some(match kind {
        Kind::Approve => Action::Approve { deal, who: somebody(dice, host) },
        Kind::Reject => Action::Reject { deal, who: somebody(dice, host) },
        Kind::Cancel => Action::Cancel { deal, who: if dice.chance(15) { ADMIN } else { somebody(dice, party) } },
        Kind::NoShow => Action::NoShow { deal, who: somebody(dice, host) },
        Kind::Start => Action::Start { deal, who: somebody(dice, party), odometer: reading(dice, 1_000) },
        Kind::End => Action::End { deal, who: somebody(dice, party), odometer: reading(dice, i64::from(known.odometer) + 5) },
        Kind::Confirm => {
            let amount = if dice.chance(94) { known.total } else { known.total + i128::from(dice.between(-1, 1)) };
            let (order_matches, card) = (dice.chance(97), dice.next());
            Action::Confirm { deal, who: somebody(dice, guest), amount, order_matches, card }
        }
        Kind::Refund => refund(dice, model, deal),
        Kind::Agree => agree(dice, model).unwrap_or_else(|| refund(dice, model, deal)),
    })
}

/// What comes next for a deal, if anything does yet.
fn next_kind(dice: &mut Dice, model: &Model, deal: usize) -> Option<Kind> {
    use Kind::{Agree, Approve, Cancel, Confirm, End, NoShow, Refund, Reject, Start};
    let known = &model.deals[deal];
    let given_back = known.pay.as_ref().is_some_and(|pay| !pay.backs.is_empty());
    let kinds: &[Kind] = match (known.status, known.pay.as_ref().map(|pay| pay.capture)) {
        // Whoever got something back asks for more.
        (Status::Confirmed | Status::Active | Status::Completed, _) if given_back && model.left(deal) > 0 && dice.chance(50) => {
            &[Refund, Refund, Refund, Agree]
        }
        (Status::Pending, _) => &[Approve, Approve, Approve, Approve, Reject, Cancel],
        (Status::Approved, Some(Capture::Waiting)) => &[Confirm, Confirm, Confirm, Confirm, Confirm, Confirm, Cancel],
        (Status::Approved, _) if dice.chance(70) => &[],
        (Status::Approved, _) => &[Cancel, Confirm],
        (Status::Confirmed, _) if model.now < known.from - 15 * MINUTE && dice.chance(75) => &[],
        (Status::Confirmed, _) if model.now < known.from - 15 * MINUTE => &[Start, Cancel, Refund],
        (Status::Confirmed, _) => &[Start, Start, Start, Start, Start, Start, Cancel, NoShow],
        (Status::Active, _) => &[End, End, End, End, Refund],
        (Status::Completed, _) => &[Refund, Refund, Refund, Agree],
        (Status::Rejected | Status::Cancelled, _) => &[Refund, Confirm, Cancel, Approve],
    };
    dice.pick(kinds)
}

fn reading(dice: &mut Dice, around: i64) -> i32 {
    let reading = if dice.chance(96) { around + dice.between(-15, 300) } else { dice.between(-1, 20_000_000) };
    i32::try_from(reading).unwrap_or(0)
}

/// Finance gives something back.
pub fn refund(dice: &mut Dice, model: &Model, deal: usize) -> Action {
    let left = i64::try_from(model.left(deal)).unwrap_or(0);
    let amount = match dice.between(0, 9) {
        0 => None,
        1 => Some(i128::from(left)),
        2 => Some(i128::from(left + dice.between(-1, 1))),
        3 => Some(i128::from(dice.between(-1, 1))),
        _ => Some(i128::from(dice.between(1, left.max(2)))),
    };
    Action::Refund { deal, who: FINANCE[dice.index(2)], amount }
}

/// A second person agrees, if anything waits for one.
pub fn agree(dice: &mut Dice, model: &Model) -> Option<Action> {
    let backs: Vec<(usize, Uuid, bool)> = (0..model.deals.len())
        .flat_map(|deal| model.deals[deal].pay.iter().flat_map(move |pay| pay.backs.iter().map(move |back| (deal, back))))
        .map(|(deal, back)| (deal, back.id, matches!(back.stand, Stand::Proposed(_))))
        .collect();
    let proposed: Vec<_> = backs.iter().copied().filter(|(.., proposed)| *proposed).collect();
    let (deal, back, _) = dice.pick(&proposed).or_else(|| dice.pick(&backs))?;
    let back = if dice.chance(97) { back } else { Uuid::from_u128(1) };
    Some(Action::Agree { deal, back, who: FINANCE[dice.index(2)] })
}

fn settle(dice: &mut Dice, model: &Model) -> Action {
    let who = FINANCE[dice.index(2)];
    let open = model.batches.iter().position(|batch| batch.stage == Stage::Open);
    let batch = if dice.chance(90) { open } else { (!model.batches.is_empty()).then(|| dice.index(model.batches.len())) };
    match batch.filter(|_| dice.chance(85)) {
        Some(batch) if dice.chance(80) => Action::Sign { batch, who },
        Some(batch) => Action::CallOff { batch, who },
        None if dice.chance(5) => Action::OpenBatch { who, end: model.now + 1 },
        None => Action::OpenBatch { who, end: if dice.chance(90) { model.now } else { model.now - dice.between(0, 3 * DAY) } },
    }
}

fn calendar(dice: &mut Dice, model: &Model) -> Action {
    let car = dice.index(CARS.len());
    let who = somebody(dice, CARS[car].0);
    match dice.between(0, 3) {
        0 => {
            let from = moment(dice, model.now, 4 * DAY);
            Action::Block { car, who, period: (from, from + dice.between(-1, 36) * 10 * MINUTE) }
        }
        1 => Action::Windows { car, who, windows: windows(dice) },
        _ => {
            let refunds = [CancellationPolicy::Flexible, CancellationPolicy::Standard, CancellationPolicy::Strict][dice.index(3)];
            let minutes = |dice: &mut Dice| [0, 0, 30, 60, 1_441][dice.index(5)];
            let (before_minutes, after_minutes, notice_minutes) = (minutes(dice), minutes(dice), minutes(dice));
            let longest_minutes = if dice.chance(80) { 30 * 1_440 } else { 600 };
            let policy = Policy { instant: dice.chance(40), before_minutes, after_minutes, notice_minutes, longest_minutes, refunds };
            Action::SetPolicy { car, who, policy }
        }
    }
}

/// None, or long days, sometimes one that is listed twice.
fn windows(dice: &mut Dice) -> Vec<(u8, u16, u16)> {
    if dice.chance(50) {
        return Vec::new();
    }
    let closed = dice.index(7);
    let (first, last) = (u16::try_from(dice.index(8) * 60).unwrap_or(0), u16::try_from(1_440 - dice.index(4) * 60).unwrap_or(1_440));
    let mut windows: Vec<_> = (0_u8..7).filter(|day| usize::from(*day) != closed).map(|day| (day, first, last)).collect();
    if dice.chance(15) {
        windows.push((windows[0].0, 600, 660));
    }
    windows
}
