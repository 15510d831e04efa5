//! Every shape of every event that a book may hold: today's, and the way from each older one.
//!
//! To change what an event says: raise its number here and in its `event_version`, write the step from the old number, and
//! run the corpus test (`tests/golden/events`), which keeps one event of every shape there ever was. A type that is no
//! longer written leaves the first list and gets a step of its own.

use kernel::upcast::{Step, Upcasts};

/// The table of all modules; types are unique across them.
pub static UPCASTS: Upcasts = Upcasts::new(TODAY, STEPS);

/// Type and schema version of what is written today, in the order of the types.
const TODAY: &[(&str, u32)] = &[
    ("AccountsCreated", 1),
    ("BookingApproved", 1),
    ("BookingCancelled", 1),
    ("BookingCompleted", 1),
    ("BookingConfirmed", 1),
    ("BookingPolicySet", 1),
    ("BookingRejected", 1),
    ("BookingRequested", 1),
    ("EarningCredited", 1),
    ("EarningReversed", 1),
    ("EmailClaimed", 1),
    ("EmailVerified", 1),
    ("EscrowReleased", 1),
    ("HostSkipped", 1),
    ("LineAdded", 1),
    ("LinesClaimed", 1),
    ("LinesOffset", 1),
    ("LinesReleased", 1),
    ("PaymentCompleted", 1),
    ("PaymentConfirmStarted", 1),
    ("PaymentExpired", 1),
    ("PaymentFailed", 1),
    ("PaymentOutcomeUnknown", 1),
    ("PaymentRequested", 1),
    ("PaymentSettled", 1),
    ("PaymentUnsettled", 1),
    ("PaymentVoided", 1),
    ("PayoutClosed", 1),
    ("PayoutCompleted", 1),
    ("PayoutFailed", 1),
    ("PayoutFinished", 1),
    ("PayoutRequested", 1),
    ("PayoutReserved", 1),
    ("PayoutReturned", 1),
    ("PayoutStarted", 1),
    ("PayoutUnknown", 1),
    ("PendingRequestClosed", 1),
    ("PendingRequestOpened", 1),
    ("PeriodBlocked", 1),
    ("PickupPhotoAttached", 1),
    ("PlateClaimed", 1),
    ("ProductArchived", 1),
    ("ProductCreated", 1),
    ("ProductPriceChanged", 1),
    ("ProductPublished", 1),
    ("ProductUpdated", 1),
    ("Recredited", 1),
    ("RefundCompleted", 1),
    ("RefundFailed", 1),
    ("RefundProposed", 1),
    ("RefundRequested", 1),
    ("RefundRetried", 1),
    ("RefundUnknown", 1),
    ("ReservationConfirmed", 1),
    ("ReturnApproved", 1),
    ("ReturnDeclined", 1),
    ("ReturnPhotoAttached", 1),
    ("ReturnRequested", 1),
    ("ReturnWithdrawn", 1),
    ("RoleGranted", 1),
    ("SessionRefreshed", 1),
    ("SessionReuseDetected", 1),
    ("SessionRevoked", 1),
    ("SessionStarted", 1),
    ("SessionsRevoked", 1),
    ("SettlementApproved", 1),
    ("SettlementCancelled", 1),
    ("SettlementGuardFreed", 1),
    ("SettlementGuardTaken", 1),
    ("SettlementOpened", 1),
    ("SettlementPaid", 1),
    ("SettlementPartlyPaid", 1),
    ("SettlementTotalled", 1),
    ("ShopOrderCancelled", 1),
    ("ShopOrderCompleted", 1),
    ("ShopOrderCutShort", 1),
    ("ShopOrderDelivered", 1),
    ("ShopOrderExpired", 1),
    ("ShopOrderPaid", 1),
    ("ShopOrderPlaced", 1),
    ("ShopOrderShipped", 1),
    ("SlotEnded", 1),
    ("SlotHeld", 1),
    ("SlotReleased", 1),
    ("SlotStarted", 1),
    ("StockAdjusted", 1),
    ("StockReceived", 1),
    ("StockReleased", 1),
    ("StockReserved", 1),
    ("StockRestocked", 1),
    ("StockShipped", 1),
    ("TransfersCreated", 1),
    ("TransfersExpired", 1),
    ("TripEnded", 1),
    ("TripStarted", 1),
    ("UploadRequested", 1),
    ("UploadStored", 1),
    ("UploadUsed", 1),
    ("UserRegistered", 1),
    ("VehicleActivated", 1),
    ("VehicleGeocodeFailed", 1),
    ("VehicleGeocoded", 1),
    ("VehiclePhotoAttached", 1),
    ("VehicleRegistered", 1),
    ("WeeklyWindowsSet", 1),
];

/// From each older shape, towards today's.
const STEPS: &[Step] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_path() {
        assert_eq!(UPCASTS.check(), Ok(()));
    }
}
