//! The kinds of things there are, and their ids.

use kernel::id::Kind;
use kernel::{Actor, Id};

/// A person with an account.
#[derive(Debug)]
pub enum User {}
/// A signed-in device of a user.
#[derive(Debug)]
pub enum Session {}
/// A car for rent.
#[derive(Debug)]
pub enum Vehicle {}
/// A ticket to upload one photo.
#[derive(Debug)]
pub enum Upload {}
/// A rental, from request to return.
#[derive(Debug)]
pub enum Booking {}
/// Something that a seller sells.
#[derive(Debug)]
pub enum Product {}
/// The units of one product that there are to sell.
#[derive(Debug)]
pub enum Stock {}
/// A purchase, from placement to the end of its returns.
#[derive(Debug)]
pub enum ShopOrder {}
/// The money side of one purchase.
#[derive(Debug)]
pub enum Payment {}
/// Money going back to the payer.
#[derive(Debug)]
pub enum Refund {}
/// A batch that pays hosts and sellers what they earned.
#[derive(Debug)]
pub enum Settlement {}
/// Money leaving to one host or seller.
#[derive(Debug)]
pub enum Payout {}

/// A correction of the books.
#[derive(Debug)]
pub enum Adjustment {}
/// A movement of money as provider or bank report it.
#[derive(Debug)]
pub enum Recon {}
/// A report of the provider or the bank.
#[derive(Debug)]
pub enum Statement {}
/// The platform's invoice for its fees of a month.
#[derive(Debug)]
pub enum FeeInvoice {}
/// A copy of the books that somebody took.
#[derive(Debug)]
pub enum Export {}
/// Something that one person is told.
#[derive(Debug)]
pub enum Notification {}
/// A device that gets push messages.
#[derive(Debug)]
pub enum Device {}

/// A business that a person acts for.
#[derive(Debug)]
pub enum Corporate {}
/// A key by which a program acts for a person.
#[derive(Debug)]
pub enum ApiKey {}
/// A person's key of an exchange.
#[derive(Debug)]
pub enum ExchangeKey {}

impl Kind for Corporate {
    const PREFIX: &'static str = "corp";
}
impl Kind for ApiKey {
    const PREFIX: &'static str = "apikey";
}
impl Kind for ExchangeKey {
    const PREFIX: &'static str = "xkey";
}
impl Kind for User {
    const PREFIX: &'static str = "user";
}
impl Kind for Session {
    const PREFIX: &'static str = "session";
}
impl Kind for Vehicle {
    const PREFIX: &'static str = "vehicle";
}
impl Kind for Upload {
    const PREFIX: &'static str = "upload";
}
impl Kind for Booking {
    const PREFIX: &'static str = "booking";
}
impl Kind for Product {
    const PREFIX: &'static str = "product";
}
impl Kind for Stock {
    const PREFIX: &'static str = "stock";
}
impl Kind for ShopOrder {
    const PREFIX: &'static str = "shoporder";
}
impl Kind for Payment {
    const PREFIX: &'static str = "payment";
}
impl Kind for Refund {
    const PREFIX: &'static str = "refund";
}
impl Kind for Settlement {
    const PREFIX: &'static str = "settlement";
}
impl Kind for Payout {
    const PREFIX: &'static str = "payout";
}
impl Kind for Adjustment {
    const PREFIX: &'static str = "ledgertx";
}
impl Kind for Recon {
    const PREFIX: &'static str = "recon";
}
impl Kind for Statement {
    const PREFIX: &'static str = "statement";
}
impl Kind for FeeInvoice {
    const PREFIX: &'static str = "feeinvoice";
}
impl Kind for Device {
    const PREFIX: &'static str = "device";
}
impl Kind for Notification {
    const PREFIX: &'static str = "notification";
}
impl Kind for Export {
    const PREFIX: &'static str = "export";
}

/// Id of a [`User`].
pub type UserId = Id<User>;
/// Id of a [`Corporate`] profile; it shares the UUID of its person.
pub type CorporateId = Id<Corporate>;
/// Id of an [`ApiKey`].
pub type ApiKeyId = Id<ApiKey>;
/// Id of an [`ExchangeKey`].
pub type ExchangeKeyId = Id<ExchangeKey>;
/// Id of a [`Session`].
pub type SessionId = Id<Session>;
/// Id of a [`Vehicle`]; its calendar stream `vehcal-…` shares the UUID.
pub type VehicleId = Id<Vehicle>;
/// Id of an [`Upload`].
pub type UploadId = Id<Upload>;
/// Id of a [`Booking`].
pub type BookingId = Id<Booking>;
/// Id of a [`Product`]; the stream `stock-…` of its units shares the UUID.
pub type ProductId = Id<Product>;
/// Id of a [`Stock`], the product's stock-keeping unit (SKU).
pub type SkuId = Id<Stock>;
/// Id of a [`ShopOrder`].
pub type ShopOrderId = Id<ShopOrder>;
/// Id of a [`Payment`].
pub type PaymentId = Id<Payment>;
/// Id of a [`Refund`].
pub type RefundId = Id<Refund>;
/// Id of a [`Settlement`].
pub type SettlementId = Id<Settlement>;
/// Id of a [`Payout`].
pub type PayoutId = Id<Payout>;
/// Id of an [`Adjustment`].
pub type AdjustmentId = Id<Adjustment>;
/// Id of a [`Recon`].
pub type ReconId = Id<Recon>;
/// Id of a [`Statement`].
pub type StatementId = Id<Statement>;
/// Id of a [`FeeInvoice`].
pub type FeeInvoiceId = Id<FeeInvoice>;
/// Id of an [`Export`].
pub type ExportId = Id<Export>;

/// Id of a [`Notification`]; its events are in its person's stream `inbox-…`.
pub type NotificationId = Id<Notification>;
/// Id of a [`Device`]; its events are in its person's stream `device-…`.
pub type DeviceId = Id<Device>;

/// The user behind an actor, if it is one.
#[must_use]
pub fn user_of(actor: &Actor) -> Option<UserId> {
    actor.user().map(UserId::new)
}
