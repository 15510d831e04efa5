//! Placing an order: every line's units are checked and reserved in one step, all or none (S1, SHP-02).

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{PaymentId, ProductId, ShopOrderId, UserId};
use domain::product::{Product, Status};
use domain::shop_order::{self, Address, Command, MAX_LINES, MAX_QUANTITY, OrderLine, Refusal, ShopOrder, ShortLine, Terms, Tracking};
use domain::stock::{self, Stock, sku_of};
use domain::text;
use domain::user::User;
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use kernel::{Money, Personal};
use serde::Serialize;

use crate::access::{Denied, actor_of};
use crate::context::{Caller, Context};
use crate::escrow::{self, Bill};

const MAX_NAME_CHARS: usize = 100;
const MAX_ADDRESS_CHARS: usize = 200;
const MAX_TRACKING_CHARS: usize = 50;

/// So many units of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LineInput {
    /// Which product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: i32,
}

/// Where an order goes; texts as typed.
#[derive(Clone, Debug, Serialize)]
pub struct AddressInput {
    /// Who receives it.
    pub recipient: String,
    /// Under which number they are called.
    pub phone: String,
    /// Where.
    pub address: String,
}

/// Input of [`place_shop_order`].
#[derive(Clone, Debug, Serialize)]
pub struct PlaceShopOrder {
    /// What, all of one seller.
    pub lines: Vec<LineInput>,
    /// Where it goes.
    pub address: AddressInput,
    /// The total that the buyer was shown.
    pub expected_total: Option<Money>,
}

/// Orders: the order, every line's reservation and the payment in one append, or nothing.
///
/// # Errors
/// AUTH002, AUTH010, SYS003, SHOP002, SHOP001 with all short lines, SHOP003, SHOP004, in this order.
pub async fn place_shop_order(ctx: &Context, caller: &Caller, input: &PlaceShopOrder) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let (id, payment_id) = (ShopOrderId::new(ctx.ids.mint()), PaymentId::new(ctx.ids.mint()));
    let settings = &ctx.settings;
    ctx.execute("placeShopOrder", caller, input, |s| async move {
        let buyer = actor_of(&s)?;
        if !s.load::<User>(buyer.uuid()).await?.is_verified() {
            return Err(Denied::Forbidden.into());
        }
        check_lines(&input.lines)?;
        let address = Personal::retained(buyer.uuid(), address(&input.address)?);
        let cart = Cart::load(&s, buyer, &input.lines).await?;
        cart.check_stock()?;
        let zero = Money::zero(settings.currency);
        let terms = Terms::new(buyer, cart.seller, cart.lines, zero, settings.shop_fee_bps).map_err(Refusal::from)?;
        let mut order = s.load::<ShopOrder>(id.uuid()).await?;
        let (terms, expected_total) = (Box::new(terms), input.expected_total);
        s.decide(&mut order, Command::Place { terms, address, payment: payment_id, expected_total })?;
        let ShopOrder::Placed { deal, due_at } = &order.state else { return Err(Refusal::WrongState.into()) };
        let ordered = deal.terms.by_product();
        for (product, Shelf { mut stock, limit }) in cart.shelves {
            let quantity = ordered.get(&product).copied().unwrap_or_default();
            s.decide(&mut stock, stock::Command::Reserve { order: id, buyer, quantity, limit, until: *due_at })?;
        }
        let Terms { seller, total: amount, platform_fee: fee, .. } = deal.terms;
        escrow::ask(&s, payment_id, Bill { purpose: id.into(), payer: buyer, earner: seller, amount, fee, due_at: *due_at }).await?;
        Ok(id)
    })
    .await
}

/// The stock of one product, and how many of it one buyer may have.
struct Shelf {
    stock: Loaded<Stock>,
    limit: Option<u32>,
}

/// Lines at today's prices, with their stocks in the order of their SKUs.
struct Cart {
    seller: UserId,
    lines: Vec<OrderLine>,
    shelves: BTreeMap<ProductId, Shelf>,
}

impl Cart {
    async fn load(s: &Session, buyer: UserId, lines: &[LineInput]) -> Result<Self, Stop> {
        let (mut seller, mut priced, mut limits) = (None, Vec::with_capacity(lines.len()), BTreeMap::new());
        for (index, line) in lines.iter().enumerate() {
            let product = s.load::<Product>(line.product_id.uuid()).await?;
            let offer = product.offer().ok().filter(|offer| offer.status == Status::Published && offer.seller != buyer);
            let offer = match offer {
                // As with a host: what a seller who was locked out or leaves has offered is for sale no longer.
                Some(offer) if s.load::<User>(offer.seller.uuid()).await?.active().is_some() => Some(offer),
                Some(_) | None => None,
            };
            let offer = offer.filter(|offer| *seller.get_or_insert(offer.seller) == offer.seller).ok_or(Refusal::NotForSale(index))?;
            let quantity = u32::try_from(line.quantity).map_err(|_| Refusal::BadQuantity(index))?;
            let name = offer.details.name.clone();
            priced.push(OrderLine::new(line.product_id, name, quantity, offer.price).map_err(Refusal::from)?);
            limits.insert(line.product_id, offer.details.max_per_buyer);
        }
        let mut shelves = BTreeMap::new();
        for (product, limit) in limits {
            let stock = s.load::<Stock>(sku_of(product).uuid()).await?;
            shelves.insert(product, Shelf { stock, limit });
        }
        Ok(Self { seller: seller.ok_or(Refusal::BadInput("lines"))?, lines: priced, shelves })
    }

    /// Names every short line at once, so that a buyer need not find them one by one.
    fn check_stock(&self) -> Result<(), Refusal> {
        let short = |line: &OrderLine| {
            let stock = &self.shelves.get(&line.product)?.stock;
            let short = ShortLine { product: line.product, available: stock.available() };
            stock.check(line.quantity).is_err().then_some(short)
        };
        let short: Vec<_> = self.lines.iter().filter_map(short).collect();
        if short.is_empty() { Ok(()) } else { Err(Refusal::Short(short)) }
    }
}

fn check_lines(lines: &[LineInput]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    if lines.is_empty() || lines.len() > MAX_LINES || !lines.iter().all(|line| seen.insert(line.product_id)) {
        return Err(Refusal::BadInput("lines"));
    }
    let fits = |line: &LineInput| u32::try_from(line.quantity).is_ok_and(|quantity| (1..=MAX_QUANTITY).contains(&quantity));
    lines.iter().position(|line| !fits(line)).map_or(Ok(()), |index| Err(Refusal::BadQuantity(index)))
}

fn address(typed: &AddressInput) -> Result<Address, Refusal> {
    Ok(Address {
        recipient: text::name(&typed.recipient, MAX_NAME_CHARS).map_err(|_| Refusal::BadInput("recipient"))?,
        phone: text::phone(&typed.phone).map_err(|_| Refusal::BadInput("phone"))?,
        address: text::line(&typed.address, MAX_ADDRESS_CHARS).map_err(|_| Refusal::BadInput("address"))?,
    })
}

pub(super) fn tracking(carrier: &str, number: &str) -> Result<Tracking, Refusal> {
    let line = |field, typed| text::line(typed, MAX_TRACKING_CHARS).map_err(|_| shop_order::Refusal::BadInput(field));
    Ok(Tracking { carrier: line("carrier", carrier)?, number: line("trackingNumber", number)? })
}
