//! What a payment is for: the one list of what can be bought. Stored as the id itself, whose text says what it names.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::ids::{BookingId, ShopOrderId};

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A rental.
    Booking(BookingId),
    /// A purchase in the shop.
    ShopOrder(ShopOrderId),
}

impl Purpose {
    /// The bare UUID of what is paid for.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::Booking(id) => id.uuid(),
            Self::ShopOrder(id) => id.uuid(),
        }
    }

    /// The booking, if it is one.
    #[must_use]
    pub const fn booking(&self) -> Option<BookingId> {
        match self {
            Self::Booking(id) => Some(*id),
            Self::ShopOrder(_) => None,
        }
    }

    /// The shop order, if it is one.
    #[must_use]
    pub const fn shop_order(&self) -> Option<ShopOrderId> {
        match self {
            Self::ShopOrder(id) => Some(*id),
            Self::Booking(_) => None,
        }
    }
}

impl From<BookingId> for Purpose {
    fn from(id: BookingId) -> Self {
        Self::Booking(id)
    }
}

impl From<ShopOrderId> for Purpose {
    fn from(id: ShopOrderId) -> Self {
        Self::ShopOrder(id)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booking(id) => id.fmt(f),
            Self::ShopOrder(id) => id.fmt(f),
        }
    }
}

impl Serialize for Purpose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purpose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let booking = || text.parse().ok().map(Self::Booking);
        let order = || text.parse().ok().map(Self::ShopOrder);
        booking().or_else(order).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} names nothing that can be paid for")))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn its_text_says_what_it_names() {
        let id = Uuid::from_u128(7);
        for purpose in [Purpose::Booking(BookingId::new(id)), Purpose::ShopOrder(ShopOrderId::new(id))] {
            let stored = serde_json::to_string(&purpose).unwrap();
            assert_eq!(stored, format!("\"{purpose}\""));
            assert_eq!(serde_json::from_str::<Purpose>(&stored).unwrap(), purpose);
            assert_eq!(purpose.uuid(), id);
            assert_ne!(purpose.booking().is_some(), purpose.shop_order().is_some());
        }
        assert!(serde_json::from_str::<Purpose>(&format!("\"payment-{id}\"")).is_err());
    }
}
