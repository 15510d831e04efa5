//! What processes may ask for: commands of our own and calls to the outside.

use commands::inbox::Notice;
use domain::calendar::Month;
use domain::ids::{BookingId, NotificationId, PaymentId, PayoutId, RefundId, SettlementId, ShopOrderId, UserId};
use domain::inbox::Channel;
use domain::transfers::LedgerName;
use serde::{Deserialize, Serialize};

/// A command that a process or a timer issues. Stored with its timer, so variants are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// Nobody answered the request.
    ExpireRequest {
        /// Which booking.
        booking: BookingId,
    },
    /// Nobody paid.
    LapsePayment {
        /// Which booking.
        booking: BookingId,
    },
    /// Nobody paid an order in the shop.
    ExpireShopOrder {
        /// Which order.
        order: ShopOrderId,
    },
    /// What should have left by now is called off.
    CutShort {
        /// Which order.
        order: ShopOrderId,
    },
    /// Nobody answered a return.
    LapseReturn {
        /// Of which order.
        order: ShopOrderId,
    },
    /// What was shipped counts as delivered.
    AssumeDelivery {
        /// Which order.
        order: ShopOrderId,
    },
    /// The time to return is over.
    CompleteShopOrder {
        /// Which order.
        order: ShopOrderId,
    },
    /// A refund that the provider refused is tried again.
    RetryRefund {
        /// Of which payment.
        payment: PaymentId,
        /// Which.
        refund: RefundId,
    },
    /// The provider is asked what became of a capture.
    AskCapture {
        /// Which payment.
        payment: PaymentId,
        /// Which attempt.
        attempt: u32,
    },
    /// The provider is asked what became of a refund.
    AskRefund {
        /// Of which payment.
        payment: PaymentId,
        /// Which.
        refund: RefundId,
    },
    /// The bank is asked what became of a payout.
    AskPayout {
        /// Which.
        payout: PayoutId,
    },
    /// A host of an approved batch is paid, or paid again.
    PayHost {
        /// Which batch.
        settlement: SettlementId,
        /// Whom.
        host: UserId,
    },
    /// The month of a host is to be invoiced.
    IssueFeeInvoice {
        /// Whose fees.
        host: UserId,
        /// Of which month.
        month: Month,
    },
    /// A payment was paid out to its host.
    SettlePayment {
        /// Which.
        payment: PaymentId,
        /// In which batch.
        settlement: SettlementId,
        /// By which payout.
        payout: PayoutId,
    },
    /// The payout of a payment came back.
    UnsettlePayment {
        /// Which.
        payment: PaymentId,
        /// Which payout.
        payout: PayoutId,
    },
    /// A person is to be forgotten.
    EraseUser {
        /// Who.
        user: UserId,
    },
    /// The address of a forgotten person is free.
    ReleaseEmail {
        /// Whose it was.
        user: UserId,
    },
    /// The law does not keep what it kept of a forgotten person any longer.
    EraseRetained {
        /// Of whom.
        user: UserId,
    },
    /// A driver's licence comes to its end.
    ExpireLicence {
        /// Whose.
        user: UserId,
    },
    /// The time of pending transfers is over.
    ExpireTransfers {
        /// In which book.
        book: LedgerName,
    },
    /// Somebody is to be told something.
    Notify {
        /// What, and whom.
        notice: Notice,
    },
    /// The time of a notification that was kept back has come.
    ReleaseNotification {
        /// Whose.
        user: UserId,
        /// Which.
        notification: NotificationId,
        /// Position of the event that created it.
        created: u64,
    },
}

/// A call to the outside. Its details are read from the log when it is made, so nothing secret is queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Have the provider capture a payment.
    Capture {
        /// Which.
        payment: PaymentId,
        /// Which attempt.
        attempt: u32,
    },
    /// Have the provider give money back.
    Refund {
        /// Of which payment.
        payment: PaymentId,
        /// Which.
        refund: RefundId,
    },
    /// Ask the provider what has changed about a payment.
    Notice {
        /// Which.
        payment: PaymentId,
    },
    /// Have the bank pay.
    Payout {
        /// Which.
        payout: PayoutId,
    },
    /// Find the coordinates of a vehicle's address.
    Geocode {
        /// Which vehicle.
        vehicle: domain::ids::VehicleId,
    },
    /// Send a notification out.
    Deliver {
        /// To whom.
        user: UserId,
        /// Which.
        notification: NotificationId,
        /// By which way.
        channel: Channel,
        /// Position of the event that created it.
        created: u64,
    },
    /// Build a read model anew: nothing outside, but as long as a call may take, and to be done once.
    Rebuild {
        /// The model.
        projection: String,
        /// Which rebuild of it.
        number: u32,
        /// Only build and compare.
        dry_run: bool,
        /// Switch although rows differ.
        accept: bool,
    },
}
