//! The processes of the business (domain.md §7): pure reactions, and the desk that carries out what they ask for.

mod booking;
mod delivering;
mod desk;
mod erasing;
mod fee_invoice;
mod inbox;
mod noticed;
mod read_side;
mod rebuilding;
mod settlement;
mod shop_order;
mod transfers;
mod user;
mod vehicle;
mod work;

use kernel::StreamName;
use uuid::Uuid;

use crate::Known;
use crate::process::Reaction;

pub use booking::{BookingDeadlines, ProviderCalls};
pub use desk::{Desk, Outside};
pub use fee_invoice::FeeInvoices;
pub use inbox::Notifications;
pub use read_side::Rebuilds;
pub use settlement::Settlements;
pub use shop_order::ShopOrderDeadlines;
pub use transfers::TransferDeadlines;
pub use user::Accounts;
pub use vehicle::Geocoding;
pub use work::{Call, Intent};

/// What a process answers an event with.
pub type Reactions = Vec<Reaction<Intent, Call>>;

/// The UUID that the event's stream is named by.
fn id_of(event: &Known) -> Option<Uuid> {
    let stream: &StreamName = event.stream();
    Uuid::try_parse(stream.id()).ok()
}
