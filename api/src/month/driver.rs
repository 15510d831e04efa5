//! What the month asks of Daybook, whichever way it gets in: through the command layer or through GraphQL.

use std::collections::BTreeMap;

use adapters::sandbox::Book;
use domain::cancellation::{CancelCause, CancellationPolicy};
use domain::ids::{BookingId, PaymentId, ProductId, RefundId, SettlementId, ShopOrderId, UserId, VehicleId};
use domain::purpose::Purpose;
pub use domain::shop_order::Status as OrderStatus;
use kernel::Timestamp;

use super::shop::Ware;

/// Something broke; the month cannot go on.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A business no, by its public code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No(pub String);

/// What a command came to.
pub type Answer<T> = Result<Result<T, No>, AnyError>;

/// A half-open stretch of time.
pub type Span = (Timestamp, Timestamp);

/// The people behind the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Office {
    /// Opens settlements, asks for refunds.
    Finance,
    /// Approves what the other one began.
    SecondFinance,
    /// Asks for refunds.
    Support,
    /// Steps in.
    Admin,
}

/// Somebody who signs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// E-mail address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// Rents out, else only rents.
    pub is_host: bool,
}

/// A car and what its owner asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Car {
    /// The owner, by its place among the hosts.
    pub host: usize,
    /// Licence plate.
    pub plate: String,
    /// Maker.
    pub make: &'static str,
    /// Model.
    pub model: &'static str,
    /// Of manufacture.
    pub year: i32,
    /// Won per hour.
    pub rate_won: i128,
    /// Where it stands.
    pub address: String,
    /// Latitude in 10⁻⁷ degrees.
    pub lat_e7: i32,
    /// Longitude in 10⁻⁷ degrees.
    pub lng_e7: i32,
    /// What bookings have to obey.
    pub policy: Policy,
    /// Open every day from one minute of the day to another; none: always.
    pub hours: Option<(u16, u16)>,
    /// Closed from the start.
    pub blocks: Vec<Span>,
}

/// What an owner asks of bookings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Approved at once.
    pub instant: bool,
    /// Kept free before, in minutes.
    pub buffer_before: u32,
    /// Kept free after, in minutes.
    pub buffer_after: u32,
    /// What cancelling guests get back.
    pub cancellation: CancellationPolicy,
}

/// What a guest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which vehicle.
    pub vehicle: VehicleId,
    /// When.
    pub span: Span,
    /// What it should cost.
    pub total_won: i128,
}

/// Where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for its host.
    Pending,
    /// Agreed; paid when it is confirmed.
    Approved,
    /// Declined.
    Rejected,
    /// The car is out.
    Active,
    /// Over.
    Completed,
    /// Called off.
    Cancelled,
}

/// A booking as its guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it stands.
    pub status: Status,
    /// Was it paid in time?
    pub confirmed: bool,
    /// Why it was called off.
    pub cause: Option<CancelCause>,
    /// By when it is to be paid.
    pub due_at: Option<Timestamp>,
    /// What is to be paid.
    pub bill: Option<Bill>,
}

/// What is to be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Which payment.
    pub payment: PaymentId,
    /// The number of its order.
    pub order_id: String,
    /// How much.
    pub won: i128,
}

/// What a buyer orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cart {
    /// Products with their units.
    pub lines: Vec<(ProductId, u32)>,
    /// What it should cost.
    pub total_won: i128,
}

/// An order as its buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenOrder {
    /// Where it stands.
    pub status: OrderStatus,
    /// By when it is to be paid.
    pub due_at: Timestamp,
    /// What is to be paid.
    pub bill: Bill,
}

/// Both books of the world outside.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// The payment provider's.
    pub provider: Book,
    /// The bank's.
    pub bank: Book,
}

/// A way into Daybook. Each method is one intent of one person at the business clock's present; whatever follows from it
/// by itself has happened when the clock is moved next.
#[expect(async_fn_in_trait, reason = "a month is played by one task; nothing needs its futures to be sent")]
pub trait Driver {
    /// The business clock.
    async fn now(&mut self) -> Result<Timestamp, AnyError>;
    /// Moves the business clock, and lets happen on the way what falls due. The past changes nothing.
    async fn advance_to(&mut self, at: Timestamp) -> Result<(), AnyError>;

    /// Somebody behind the counter.
    async fn office(&mut self, office: Office) -> Result<UserId, AnyError>;
    /// Signs somebody up and proves their address.
    async fn register(&mut self, person: &Person) -> Result<UserId, AnyError>;
    /// Lists a car, with a photo, and opens it for bookings.
    async fn list_vehicle(&mut self, host: UserId, car: &Car) -> Result<VehicleId, AnyError>;
    /// Sets what bookings have to obey.
    async fn set_policy(&mut self, host: UserId, vehicle: VehicleId, policy: &Policy) -> Answer<()>;
    /// Opens a car every day from one minute of the day to another.
    async fn set_hours(&mut self, host: UserId, vehicle: VehicleId, hours: (u16, u16)) -> Answer<()>;
    /// Closes a stretch of time.
    async fn block(&mut self, host: UserId, vehicle: VehicleId, span: Span) -> Answer<()>;

    /// Asks for a car.
    async fn request(&mut self, guest: UserId, wanted: &Wanted) -> Answer<BookingId>;
    /// Agrees.
    async fn approve(&mut self, host: UserId, booking: BookingId) -> Answer<()>;
    /// Declines.
    async fn reject(&mut self, host: UserId, booking: BookingId) -> Answer<()>;
    /// Calls a booking off.
    async fn cancel(&mut self, by: UserId, booking: BookingId) -> Answer<()>;
    /// The guest did not come.
    async fn report_no_show(&mut self, host: UserId, booking: BookingId) -> Answer<()>;
    /// The car leaves.
    async fn start_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()>;
    /// The car is back.
    async fn end_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()>;

    /// Pays with an authorisation of the provider: `PAY001` when it was declined, `PAY008` when nobody knows yet.
    async fn pay(&mut self, payer: UserId, purpose: Purpose, bill: &Bill, payment_key: &str) -> Answer<()>;
    /// Gives money back. Above the limit that is a proposal, whose id comes back.
    async fn refund(&mut self, by: UserId, payment: PaymentId, won: i128) -> Answer<Option<RefundId>>;
    /// Agrees to a proposal.
    async fn approve_refund(&mut self, by: UserId, payment: PaymentId, refund: RefundId) -> Answer<()>;

    /// Describes, prices and publishes a ware.
    async fn sell(&mut self, seller: UserId, ware: &Ware) -> Result<ProductId, AnyError>;
    /// Takes units in.
    async fn receive(&mut self, seller: UserId, product: ProductId, units: u32) -> Answer<()>;
    /// Orders.
    async fn order(&mut self, buyer: UserId, cart: &Cart) -> Answer<ShopOrderId>;
    /// Calls an order off.
    async fn cancel_order(&mut self, by: UserId, order: ShopOrderId) -> Answer<()>;
    /// Sends units; none listed: all that have not left.
    async fn ship(&mut self, seller: UserId, order: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()>;
    /// Says that everything arrived.
    async fn confirm_delivery(&mut self, buyer: UserId, order: ShopOrderId) -> Answer<()>;
    /// Asks to give units back; none listed: all of them.
    async fn ask_back(&mut self, buyer: UserId, order: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()>;
    /// Takes back what the buyer asked to.
    async fn take_back(&mut self, seller: UserId, order: ShopOrderId) -> Answer<()>;
    /// An order as its buyer sees it.
    async fn see_order(&mut self, buyer: UserId, order: ShopOrderId) -> Result<SeenOrder, AnyError>;
    /// Units on hand and reserved of every product of a seller's.
    async fn stocks(&mut self, seller: UserId) -> Result<BTreeMap<ProductId, (i64, i64)>, AnyError>;

    /// Opens a settlement of all that was earned before an instant.
    async fn open_settlement(&mut self, by: UserId, period_end: Timestamp) -> Answer<SettlementId>;
    /// Agrees to a settlement.
    async fn approve_settlement(&mut self, by: UserId, settlement: SettlementId) -> Answer<()>;
    /// Calls a settlement off.
    async fn cancel_settlement(&mut self, by: UserId, settlement: SettlementId) -> Answer<()>;
    /// Lets the bank decline the next payouts, once each; false when the bank is out of reach this way.
    fn decline_payouts(&mut self, payouts: usize) -> Result<bool, AnyError>;

    /// A booking as one of its parties sees it.
    async fn see(&mut self, by: UserId, booking: BookingId) -> Result<Seen, AnyError>;
    /// What of a car is taken by live bookings, buffers included, from one instant to another.
    async fn taken(&mut self, vehicle: VehicleId, within: Span) -> Result<Vec<Span>, AnyError>;
    /// Every account of ours with debits less credits, in won.
    async fn balances(&mut self) -> Result<BTreeMap<String, i128>, AnyError>;
    /// The books of the world outside.
    async fn books(&mut self) -> Result<Books, AnyError>;
}
