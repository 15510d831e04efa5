//! What a payment is for, as far as its commands have to know: the one place that names everything that can be bought.

use domain::booking::{self, Booking};
use domain::ids::{PaymentId, ShopOrderId, UserId};
use domain::purpose::Purpose;
use domain::shop_order::{self, ShopOrder};
use eventlog::{Loaded, LogError, Session, Stop};
use kernel::Timestamp;

use crate::access::{self, Denied};
use crate::context::Context;

/// Something that is bought, loaded.
#[derive(Debug)]
pub(crate) enum Purchase {
    /// A rental.
    Booking(Loaded<Booking>),
    /// A purchase in the shop.
    ShopOrder(ShopOrderId, Loaded<ShopOrder>),
}

impl Purchase {
    /// Loads what a payment is for.
    pub(crate) async fn load(s: &Session, purpose: Purpose) -> Result<Self, Stop> {
        Ok(match purpose {
            Purpose::Booking(id) => Self::Booking(s.load(id.uuid()).await?),
            Purpose::ShopOrder(id) => Self::ShopOrder(id, s.load(id.uuid()).await?),
        })
    }

    /// Does it still wait for its payment?
    pub(crate) fn awaits_payment(&self) -> bool {
        match self {
            Self::Booking(booking) => booking_waits(booking),
            Self::ShopOrder(_, order) => order_waits(order),
        }
    }

    /// Its payment, for who is to pay; forbidden to who earns it, not found to everybody else.
    pub(crate) fn payment_for(&self, payer: UserId) -> Result<PaymentId, Stop> {
        let (pays, payment) = match self {
            // A booking that never came to a payment has nothing to confirm.
            Self::Booking(booking) => (access::party_of(booking, payer)?.guest, booking.payment().ok_or(booking::Refusal::WrongState)),
            Self::ShopOrder(_, order) => {
                let deal = access::deal_of(order, payer)?;
                (deal.terms.buyer, Ok(deal.payment))
            }
        };
        if pays == payer { Ok(payment?) } else { Err(Denied::Forbidden.into()) }
    }

    /// Its payment arrived while it waited for it.
    pub(crate) async fn paid(self, s: &Session, paid_at: Timestamp) -> Result<(), Stop> {
        match self {
            Self::Booking(mut booking) => {
                s.decide(&mut booking, booking::Command::Confirm { paid_at })?;
                Ok(())
            }
            Self::ShopOrder(id, mut order) => {
                s.decide(&mut order, shop_order::Command::Pay { paid_at })?;
                crate::shop_order::confirm_units(s, id, &order).await
            }
        }
    }
}

/// Does what a payment is for still wait for it? Asked outside a command, where the answer may be old by the time it is used.
///
/// # Errors
/// Of the log.
pub async fn awaits_payment(ctx: &Context, purpose: Purpose) -> Result<bool, LogError> {
    Ok(match purpose {
        Purpose::Booking(id) => booking_waits(&ctx.log.load(id.uuid()).await?.0),
        Purpose::ShopOrder(id) => order_waits(&ctx.log.load(id.uuid()).await?.0),
    })
}

const fn booking_waits(booking: &Booking) -> bool {
    matches!(booking, Booking::Approved { .. })
}

const fn order_waits(order: &ShopOrder) -> bool {
    matches!(order, ShopOrder::Placed { .. })
}
