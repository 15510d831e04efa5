//! What people do in the shop: how they choose, through the real commands, and in the model.

use commands::product::ChangePrice;
use commands::shop_order::{AddressInput, CancelShopOrder, DeclineReturn, LineInput, PlaceShopOrder, RequestReturn, ShipShopOrder};
use commands::stock::{AdjustStock, ReceiveStock};
use commands::{Caller, Context};
use domain::ids::{ProductId, ShopOrderId, SkuId};
use kernel::{Currency, Money};
use uuid::Uuid;

use super::action::{Action, agree, refund, somebody};
use super::dice::Dice;
use super::model::shop::{Basket, Goods, Lines, Step};
use super::model::{Capture, Model, Verdict};
use super::play::{Minted, Outcome, text};
use super::world::{ADMIN, PEOPLE, PRODUCTS};

/// What somebody does in the shop. Deals and products by number, people too.
#[derive(Clone, Debug)]
pub enum ShopAction {
    Place(Basket),
    Cancel { deal: usize, who: usize },
    Ship { deal: usize, who: usize, lines: Lines },
    Deliver { deal: usize, who: usize },
    AskBack { deal: usize, who: usize, lines: Lines },
    TakeBack { deal: usize, who: usize },
    Decline { deal: usize, who: usize },
    Withdraw { deal: usize, who: usize },
    Receive { product: usize, who: usize, units: i32 },
    Count { product: usize, who: usize, change: i32 },
    Price { product: usize, who: usize, price: i128 },
}

impl ShopAction {
    /// Who acts.
    pub const fn who(&self) -> usize {
        match self {
            Self::Place(basket) => basket.buyer,
            Self::Cancel { who, .. }
            | Self::Ship { who, .. }
            | Self::Deliver { who, .. }
            | Self::AskBack { who, .. }
            | Self::TakeBack { who, .. }
            | Self::Decline { who, .. }
            | Self::Withdraw { who, .. }
            | Self::Receive { who, .. }
            | Self::Count { who, .. }
            | Self::Price { who, .. } => *who,
        }
    }
}

/// The next thing that somebody does in the shop, about this purchase if one has come into focus.
pub fn choose(dice: &mut Dice, model: &Model, focus: Option<usize>) -> Action {
    let goods = |at: &usize| model.deals[*at].goods.as_ref();
    let all: Vec<usize> = (0..model.deals.len()).filter(|at| goods(at).is_some()).collect();
    let open: Vec<usize> = all.iter().copied().filter(|at| goods(at).is_some_and(|goods| !goods.is_over())).collect();
    let deal = focus.or_else(|| if dice.chance(90) { dice.pick(&open) } else { dice.pick(&all) });
    match (deal, dice.between(0, 99)) {
        (Some(deal), _) if focus.is_some() => on_a_purchase(dice, model, deal),
        (Some(deal), 0..=54) => on_a_purchase(dice, model, deal),
        (_, 0..=84) => Action::Shop(ShopAction::Place(basket(dice, model))),
        _ => Action::Shop(of_a_product(dice, model)),
    }
}

fn basket(dice: &mut Dice, model: &Model) -> Basket {
    let mut lines: Lines = Vec::new();
    for _ in 0..dice.between(1, 2) {
        // Of one seller, most of the time.
        let product = if dice.chance(75) { dice.index(2) } else { dice.index(PRODUCTS.len()) };
        if dice.chance(97) && lines.iter().any(|(known, _)| *known == product) {
            continue;
        }
        let units = if dice.chance(96) { dice.between(1, 3) } else { dice.between(-1, 12) };
        lines.push((product, i32::try_from(units).unwrap_or(1)));
    }
    let total = model.basket_total(&lines);
    let expected = match dice.between(0, 9) {
        0..=5 => None,
        6..=8 => Some(total),
        _ => Some(total + i128::from(dice.between(-1, 1))),
    };
    let buyer = if dice.chance(96) { dice.index(4) } else { dice.index(PEOPLE) };
    Basket { buyer, lines, expected }
}

fn of_a_product(dice: &mut Dice, model: &Model) -> ShopAction {
    let product = dice.index(PRODUCTS.len());
    let who = somebody(dice, model.products[product].seller);
    match dice.between(0, 3) {
        0 | 1 => ShopAction::Receive { product, who, units: i32::try_from(dice.between(-1, 5)).unwrap_or(1) },
        2 => ShopAction::Count { product, who, change: i32::try_from(dice.between(-3, 2)).unwrap_or(0) },
        _ => ShopAction::Price { product, who, price: i128::from(dice.between(1, 30_000)) },
    }
}

/// What comes next for a purchase, or something else.
fn on_a_purchase(dice: &mut Dice, model: &Model, deal: usize) -> Action {
    let known = &model.deals[deal];
    let Some(goods) = &known.goods else { return Action::Shop(ShopAction::Place(basket(dice, model))) };
    let (buyer, seller) = (known.guest, goods.seller);
    let step = if dice.chance(93) { goods.step } else { [Step::Placed, Step::Paid, Step::Shipped, Step::Delivered][dice.index(4)] };
    let waiting = known.pay.as_ref().is_some_and(|pay| pay.capture == Capture::Waiting);
    let cancel = |dice: &mut Dice| {
        let party = if dice.chance(60) { buyer } else { seller };
        ShopAction::Cancel { deal, who: if dice.chance(15) { ADMIN } else { somebody(dice, party) } }
    };
    let action = match step {
        Step::Placed if waiting && dice.chance(85) => {
            let amount = if dice.chance(96) { known.total } else { known.total + 1 };
            let (order_matches, card) = (dice.chance(97), dice.next());
            return Action::Confirm { deal, who: somebody(dice, buyer), amount, order_matches, card };
        }
        Step::Placed => cancel(dice),
        Step::Paid if dice.chance(15) => cancel(dice),
        Step::Paid => ShopAction::Ship { deal, who: somebody(dice, seller), lines: some_of(dice, goods) },
        Step::Shipped => ShopAction::Deliver { deal, who: if dice.chance(10) { ADMIN } else { somebody(dice, buyer) } },
        Step::Delivered if goods.returning.is_some() => match dice.between(0, 99) {
            0..=54 => ShopAction::TakeBack { deal, who: somebody(dice, seller) },
            55..=74 => ShopAction::Decline { deal, who: somebody(dice, seller) },
            75..=89 => ShopAction::Withdraw { deal, who: somebody(dice, buyer) },
            // Nobody answers.
            _ => return refund(dice, model, deal),
        },
        Step::Delivered if dice.chance(75) => ShopAction::AskBack { deal, who: somebody(dice, buyer), lines: some_of(dice, goods) },
        Step::Completed if dice.chance(20) => ShopAction::AskBack { deal, who: buyer, lines: Vec::new() },
        Step::Delivered | Step::Completed | Step::Returned | Step::Cancelled | Step::Expired if dice.chance(70) => {
            return agree(dice, model).filter(|_| dice.chance(25)).unwrap_or_else(|| refund(dice, model, deal));
        }
        Step::Delivered | Step::Completed | Step::Returned | Step::Cancelled | Step::Expired => cancel(dice),
    };
    Action::Shop(action)
}

/// All, or a few units of a few lines.
fn some_of(dice: &mut Dice, goods: &Goods) -> Lines {
    if dice.chance(35) {
        return Vec::new();
    }
    let few = |dice: &mut Dice, units: i64| if dice.chance(94) { dice.between(1, units) } else { dice.between(-1, units + 1) };
    let mut lines: Lines = Vec::new();
    for item in &goods.items {
        if dice.chance(70) {
            lines.push((item.product, i32::try_from(few(dice, item.units)).unwrap_or(1)));
        }
    }
    lines
}

/// The real thing.
pub async fn perform(ctx: &Context, caller: &Caller, model: &Model, action: &ShopAction) -> Outcome {
    let order_id = |deal: usize| ShopOrderId::new(model.deals[deal].id);
    let product_id = |product: usize| ProductId::new(model.cast.products[product]);
    let sku = |product: usize| SkuId::new(model.cast.products[product]);
    let line = |(product, quantity): &(usize, i32)| LineInput { product_id: product_id(*product), quantity: *quantity };
    let listed = |lines: &Lines| lines.iter().map(line).collect();
    let words = || "사정이 생겼습니다".to_owned();
    match action {
        ShopAction::Place(basket) => {
            let expected_total = basket.expected.map(|total| Money::new(total, Currency::Krw));
            let input = PlaceShopOrder { lines: listed(&basket.lines), address: address(), expected_total };
            text(commands::shop_order::place_shop_order(ctx, caller, &input).await)
        }
        ShopAction::Cancel { deal, .. } => {
            let input = CancelShopOrder { order_id: order_id(*deal), reason: words() };
            text(commands::shop_order::cancel_shop_order(ctx, caller, &input).await)
        }
        ShopAction::Ship { deal, lines, .. } => {
            let (carrier, tracking_number) = ("한진택배".to_owned(), "1".to_owned());
            let input = ShipShopOrder { order_id: order_id(*deal), lines: listed(lines), carrier, tracking_number };
            text(commands::shop_order::ship_shop_order(ctx, caller, &input).await)
        }
        ShopAction::Deliver { deal, .. } => text(commands::shop_order::confirm_delivery(ctx, caller, order_id(*deal)).await),
        ShopAction::AskBack { deal, lines, .. } => {
            let input = RequestReturn { order_id: order_id(*deal), lines: listed(lines), reason: words() };
            text(commands::shop_order::request_return(ctx, caller, &input).await)
        }
        ShopAction::TakeBack { deal, .. } => text(commands::shop_order::approve_return(ctx, caller, order_id(*deal)).await),
        ShopAction::Decline { deal, .. } => {
            let input = DeclineReturn { order_id: order_id(*deal), reason: words() };
            text(commands::shop_order::decline_return(ctx, caller, &input).await)
        }
        ShopAction::Withdraw { deal, .. } => text(commands::shop_order::withdraw_return(ctx, caller, order_id(*deal)).await),
        ShopAction::Receive { product, units, .. } => {
            let input = ReceiveStock { sku: sku(*product), quantity: *units };
            text(commands::stock::receive_stock(ctx, caller, &input).await)
        }
        ShopAction::Count { product, change, .. } => {
            let input = AdjustStock { sku: sku(*product), change: *change, reason: words() };
            text(commands::stock::adjust_stock(ctx, caller, &input).await)
        }
        ShopAction::Price { product, price, .. } => {
            let input = ChangePrice { product_id: product_id(*product), price: Money::new(*price, Currency::Krw) };
            text(commands::product::change_price(ctx, caller, &input).await)
        }
    }
}

fn address() -> AddressInput {
    let text = |text: &str| text.to_owned();
    AddressInput { recipient: text("김하늘"), phone: text("010-0000-0000"), address: text("서울특별시 중구 세종대로 110") }
}

/// What the model says that the answer must be.
pub fn foresee(model: &Model, action: &ShopAction) -> Verdict {
    match action {
        ShopAction::Place(basket) => model.may_place(basket),
        ShopAction::Cancel { deal, who } => model.may_call_back(*deal, *who),
        ShopAction::Ship { deal, who, lines } => model.may_ship(*deal, *who, lines),
        ShopAction::Deliver { deal, who } => model.may_deliver(*deal, *who),
        ShopAction::AskBack { deal, who, lines } => model.may_return(*deal, *who, lines),
        ShopAction::TakeBack { deal, who } | ShopAction::Decline { deal, who } => model.may_answer(*deal, *who),
        ShopAction::Withdraw { deal, who } => model.may_withdraw(*deal, *who),
        ShopAction::Receive { product, who, units } => model.may_change(*product, *who, if *units > 0 { Ok(()) } else { Err("SYS003") }),
        ShopAction::Count { product, who, change } => model.may_change(*product, *who, model.may_count(*product, *change)),
        ShopAction::Price { product, who, .. } => model.may_change(*product, *who, Ok(())),
    }
}

/// Does the same in the model; `id` is what the command answered.
pub fn follow(model: &mut Model, action: &ShopAction, id: Uuid, minted: &Minted) {
    match action {
        ShopAction::Place(basket) => model.place(basket, id, minted.payment.unwrap_or_default()),
        ShopAction::Cancel { deal, .. } => model.call_back(*deal, minted.refund),
        ShopAction::Ship { deal, lines, .. } => model.ship(*deal, lines),
        ShopAction::Deliver { deal, .. } => model.deliver(*deal),
        ShopAction::AskBack { deal, lines, .. } => model.ask_back(*deal, lines),
        ShopAction::TakeBack { deal, .. } => model.take_back(*deal, minted.refund),
        ShopAction::Decline { deal, .. } | ShopAction::Withdraw { deal, .. } => model.keep(*deal),
        ShopAction::Receive { product, units, .. } => model.products[*product].on_hand += i64::from(*units),
        ShopAction::Count { product, change, .. } => model.products[*product].on_hand += i64::from(*change),
        ShopAction::Price { product, price, .. } => model.products[*product].price = *price,
    }
}
