//! The read models of the book, each a pure fold in a file of its own. Keys are the ids that clients see.
//!
//! [`search`], [`balances`], [`statements`] and [`obligations`] are no models: they ask questions that no filter on columns can express.

pub mod account_balances;
pub mod adjustments;
pub mod api_keys;
pub mod balances;
pub mod bookings;
pub mod corporate_profiles;
pub mod exchange_keys;
pub mod fee_invoices;
#[cfg(test)]
mod golden;
pub mod host_statements;
pub mod journal;
pub mod ledger_blocks;
pub mod ledger_lines;
pub mod ledger_totals;
pub mod live_bookings;
pub mod notifications;
pub mod obligations;
pub mod payments;
pub mod payout_holds;
pub mod payouts;
pub mod periods;
pub mod products;
pub mod recon_lines;
pub mod search;
pub mod sessions;
pub mod settlement_lines;
pub mod settlements;
pub mod shop_orders;
pub mod statements;
pub mod stock_levels;
#[cfg(test)]
pub(crate) mod testing;
pub mod transfer_accounts;
pub mod transfer_history;
pub mod transfer_totals;
pub mod transfers;
pub mod unread;
pub mod users;
pub mod vehicle_places;
pub mod vehicles;

pub use account_balances::{AccountBalances, BalanceRow};
pub use adjustments::{AdjustmentRow, Adjustments};
pub use api_keys::{ApiKeyRow, ApiKeys};
pub use bookings::{BookingRow, Bookings};
pub use corporate_profiles::{CorporateProfileRow, CorporateProfiles};
pub use exchange_keys::{ExchangeKeyRow, ExchangeKeys};
pub use fee_invoices::{FeeInvoiceRow, FeeInvoices};
pub use journal::{Journal, JournalRow};
pub use ledger_blocks::{BlockRow, LedgerBlocks};
pub use ledger_lines::{LedgerLineRow, LedgerLines};
pub use ledger_totals::LedgerTotals;
pub use live_bookings::{LiveBookingRow, LiveBookings};
pub use notifications::{NotificationRow, Notifications};
pub use payments::{PaymentRow, Payments};
pub use payout_holds::{PayoutHoldRow, PayoutHolds};
pub use payouts::{PayoutRow, Payouts};
pub use periods::{PeriodRow, Periods};
pub use products::{ProductRow, Products};
pub use recon_lines::{ReconLineRow, ReconLines};
pub use sessions::{SessionRow, Sessions};
pub use settlement_lines::{SettlementLineRow, SettlementLines};
pub use settlements::{SettlementRow, Settlements};
pub use shop_orders::{ShopOrderRow, ShopOrders};
pub use stock_levels::{StockLevelRow, StockLevels};
pub use transfer_accounts::{TransferAccountRow, TransferAccounts};
pub use transfer_history::{TransferHistory, TransferHistoryRow};
pub use transfer_totals::{TransferTotals, TransferTotalsRow};
pub use transfers::{PendingStatus, TransferRow, Transfers};
pub use unread::{Unread, UnreadRow};
pub use users::{UserRow, Users};
pub use vehicle_places::{VehiclePlaceRow, VehiclePlaces};
pub use vehicles::{VehicleRow, Vehicles};

use std::sync::Arc;

use kernel::Id;
use kernel::id::Kind;

use crate::hot::HotViews;
use crate::hot::rows::HotRows;
use crate::known::Known;
use crate::model::Poison;
use crate::views::{ViewError, Views};

/// Installs every model of the book; [`crate::views::Workers`] started afterwards move them all.
///
/// # Errors
/// As [`Views::install`], of the first model that cannot be.
pub async fn install_all(views: &Views) -> Result<(), ViewError> {
    views.install::<Users>().await?;
    views.install::<Sessions>().await?;
    views.install::<CorporateProfiles>().await?;
    views.install::<ApiKeys>().await?;
    views.install::<ExchangeKeys>().await?;
    views.install::<Vehicles>().await?;
    views.install::<Bookings>().await?;
    views.install::<Payments>().await?;
    views.install::<Settlements>().await?;
    views.install::<SettlementLines>().await?;
    views.install::<Payouts>().await?;
    views.install::<PayoutHolds>().await?;
    views.install::<FeeInvoices>().await?;
    views.install::<Products>().await?;
    views.install::<StockLevels>().await?;
    views.install::<ShopOrders>().await?;
    views.install::<Journal>().await?;
    views.install::<LedgerLines>().await?;
    views.install::<LedgerBlocks>().await?;
    views.install::<Periods>().await?;
    views.install::<Adjustments>().await?;
    views.install::<ReconLines>().await?;
    views.install::<LedgerTotals>().await?;
    views.install::<AccountBalances>().await?;
    views.install::<Transfers>().await?;
    views.install::<TransferAccounts>().await?;
    views.install::<TransferHistory>().await?;
    views.install::<TransferTotals>().await?;
    views.install::<Notifications>().await
}

/// The models that are kept hot as well: what is asked very often and may be lost.
///
/// # Errors
/// As [`HotViews::install`].
pub fn install_hot(views: &Views, rows: Arc<dyn HotRows>) -> Result<HotViews, ViewError> {
    HotViews::new(views, rows).install::<LiveBookings>()?.install::<VehiclePlaces>()?.install::<Unread>()
}

/// The key of a row that mirrors one stream: the stream's name, which is the id that clients see.
fn own_key(event: &Known) -> Vec<String> {
    vec![event.stream().to_string()]
}

/// The id of the thing whose stream this is.
fn own_id<K: Kind>(event: &Known) -> Result<Id<K>, Poison> {
    event.stream().as_str().parse().map_err(Poison::new)
}

/// The row of an event that begins one.
fn begin<R>(row: Option<R>, event: &Known, first: R) -> Result<Option<R>, Poison> {
    match row {
        None => Ok(Some(first)),
        Some(_) => Err(Poison::new(format_args!("{} on a row that exists already", event.recorded.event_type))),
    }
}

/// The row that an event changes.
fn existing<R>(row: Option<R>, event: &Known) -> Result<R, Poison> {
    row.ok_or_else(|| Poison::new(format_args!("{} on a row that does not exist", event.recorded.event_type)))
}

/// The row after a change that cannot fail.
fn change<R>(row: Option<R>, event: &Known, change: impl FnOnce(&mut R)) -> Result<Option<R>, Poison> {
    let mut row = existing(row, event)?;
    change(&mut row);
    Ok(Some(row))
}

/// An event of another module: the model gave it no key, so it cannot come.
fn foreign(event: &Known) -> Poison {
    Poison::new(format_args!("{} is of no interest here", event.recorded.event_type))
}
