//! What guest and host agreed on when the booking was requested.

use kernel::Period;
use serde::{Deserialize, Serialize};

use crate::cancellation::CancellationPolicy;
use crate::ids::{UserId, VehicleId};
use crate::pricing::Price;

/// Frozen at the request: nothing of it changes when the vehicle, its price or its policy does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who rents it.
    pub guest: UserId,
    /// Who owned it at the request.
    pub host: UserId,
    /// The rental.
    pub period: Period,
    /// Total, shares and lines.
    pub price: Price,
    /// What a cancelling guest gets back.
    pub cancellation: CancellationPolicy,
    /// A trip starts only with pickup photos.
    pub require_pickup_photos: bool,
    /// Approved without the host.
    pub instant: bool,
}

impl Terms {
    /// Is the person the guest or the host of this booking?
    #[must_use]
    pub fn is_party(&self, user: UserId) -> bool {
        user == self.guest || user == self.host
    }
}
