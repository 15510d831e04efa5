//! Accounts and transfers as a product of their own, as GraphQL and `POST /ledger/transfers` show them (docs/transfers.md).

use async_graphql::{Context, Enum, Object, SimpleObject};
use domain::transfers::{Counters, LedgerName, Transfer};
use domain::user::Role;
use kernel::Refused;
use projections::models::transfers::key;
use projections::models::{PendingStatus, TransferAccountRow, TransferAccounts, TransferHistoryRow, TransferRow, TransferTotalsRow};

mod flags;
mod input;
mod line;
mod mutation;
pub mod ndjson;
mod outcome;
mod query;

use crate::errors::ApiError;
use crate::event::EventNode;
use crate::reading::Reader;
use crate::scalars::{BigInt, UInt128};
pub use flags::{AccountFlag, TransferFlag};
pub use mutation::TransferMutation;
pub use query::TransferQuery;

/// Who reads transfer ledgers.
pub(crate) const READERS: [Role; 3] = [Role::Finance, Role::Service, Role::Auditor];

/// The book that is meant; without a name, `main`.
///
/// # Errors
/// SYS003 at `book`.
fn book(name: Option<&str>) -> Result<LedgerName, Refused> {
    let parsed = name.map_or_else(|| Ok(LedgerName::main()), str::parse::<LedgerName>);
    parsed.map_err(|wrong| kernel::Refusal::refused(&wrong))
}

/// The four counters of an account. Pending ones are not decided yet; posted ones only grow.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TransferCounters {
    /// Debits that are not decided yet.
    debits_pending: UInt128,
    /// Debits that happened.
    debits_posted: UInt128,
    /// Credits that are not decided yet.
    credits_pending: UInt128,
    /// Credits that happened.
    credits_posted: UInt128,
}

impl From<Counters> for TransferCounters {
    fn from(counters: Counters) -> Self {
        Self {
            debits_pending: UInt128(counters.debits_pending),
            debits_posted: UInt128(counters.debits_posted),
            credits_pending: UInt128(counters.credits_pending),
            credits_posted: UInt128(counters.credits_posted),
        }
    }
}

/// An account of a transfer ledger.
#[derive(Clone, Debug)]
pub struct TransferAccountNode(TransferAccountRow);

/// An account of a transfer ledger.
#[Object(name = "TransferAccount")]
impl TransferAccountNode {
    /// In which book.
    async fn book(&self) -> &str {
        &self.0.book
    }

    /// Its id, chosen by whoever created it.
    async fn id(&self) -> UInt128 {
        UInt128(self.0.holding.account.id)
    }

    /// What it counts, for example a currency.
    async fn ledger(&self) -> BigInt {
        u64::from(self.0.holding.account.ledger).into()
    }

    /// What kind of account it is.
    async fn code(&self) -> i32 {
        self.0.holding.account.code.into()
    }

    /// Its rules.
    async fn flags(&self) -> Vec<AccountFlag> {
        AccountFlag::of(self.0.holding.account.flags)
    }

    /// The client's own.
    async fn user_data_128(&self) -> UInt128 {
        UInt128(self.0.holding.account.user_data_128)
    }

    /// The client's own.
    async fn user_data_64(&self) -> BigInt {
        self.0.holding.account.user_data_64.into()
    }

    /// The client's own.
    async fn user_data_32(&self) -> BigInt {
        u64::from(self.0.holding.account.user_data_32).into()
    }

    /// What it was debited and credited.
    async fn counters(&self) -> TransferCounters {
        self.0.holding.counters.into()
    }

    /// It takes nothing but voids of pending transfers.
    async fn closed(&self) -> bool {
        self.0.holding.closed
    }

    /// When it was created, in nanoseconds since 1970.
    async fn timestamp(&self) -> BigInt {
        self.0.holding.account.timestamp.into()
    }
}

/// What became of a pending transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(name = "PendingTransferStatus", remote = "PendingStatus")]
pub enum PendingTransferStatus {
    /// Nothing yet.
    Pending,
    /// It was posted, all or a part.
    Posted,
    /// It was voided.
    Voided,
    /// Its time was over.
    Expired,
}

/// A recorded transfer.
#[derive(Clone, Debug)]
pub struct TransferNode(TransferRow);

impl TransferNode {
    const fn transfer(&self) -> &Transfer {
        &self.0.movement.transfer
    }

    async fn account(&self, ctx: &Context<'_>, id: u128) -> Result<Option<TransferAccountNode>, ApiError> {
        Ok(Reader::of(ctx)?.get::<TransferAccounts>(&key(&self.0.book, id)).await?.map(TransferAccountNode))
    }
}

/// A recorded transfer; it never changes. What became of a pending one stands beside it.
#[Object(name = "Transfer")]
impl TransferNode {
    /// In which book.
    async fn book(&self) -> &str {
        &self.0.book
    }

    /// Its id, chosen by whoever asked for it.
    async fn id(&self) -> UInt128 {
        UInt128(self.transfer().id)
    }

    /// The account that it debits.
    async fn debit_account_id(&self) -> UInt128 {
        UInt128(self.transfer().debit_account_id)
    }

    /// The account that it credits.
    async fn credit_account_id(&self) -> UInt128 {
        UInt128(self.transfer().credit_account_id)
    }

    /// The account that it debits, as it is now.
    async fn debit_account(&self, ctx: &Context<'_>) -> Result<Option<TransferAccountNode>, ApiError> {
        self.account(ctx, self.transfer().debit_account_id).await
    }

    /// The account that it credits, as it is now.
    async fn credit_account(&self, ctx: &Context<'_>) -> Result<Option<TransferAccountNode>, ApiError> {
        self.account(ctx, self.transfer().credit_account_id).await
    }

    /// What it came to: less than was asked for where it balances.
    async fn amount(&self) -> UInt128 {
        UInt128(self.transfer().amount)
    }

    /// The pending transfer that it posts or voids.
    async fn pending_id(&self) -> Option<UInt128> {
        Some(UInt128(self.transfer().pending_id)).filter(|id| id.0 != 0)
    }

    /// The client's own.
    async fn user_data_128(&self) -> UInt128 {
        UInt128(self.transfer().user_data_128)
    }

    /// The client's own.
    async fn user_data_64(&self) -> BigInt {
        self.transfer().user_data_64.into()
    }

    /// The client's own.
    async fn user_data_32(&self) -> BigInt {
        u64::from(self.transfer().user_data_32).into()
    }

    /// Seconds after which a pending transfer expires; 0: never.
    async fn timeout(&self) -> BigInt {
        u64::from(self.transfer().timeout).into()
    }

    /// The ledger of its accounts.
    async fn ledger(&self) -> BigInt {
        u64::from(self.transfer().ledger).into()
    }

    /// Why it happened.
    async fn code(&self) -> i32 {
        self.transfer().code.into()
    }

    /// How it was done.
    async fn flags(&self) -> Vec<TransferFlag> {
        TransferFlag::of(self.transfer().flags)
    }

    /// When it was recorded, in nanoseconds since 1970.
    async fn timestamp(&self) -> BigInt {
        self.transfer().timestamp.into()
    }

    /// The place in the log of the event that recorded it.
    async fn position(&self) -> BigInt {
        self.0.position.into()
    }

    /// The event that recorded it: with the command that it came from, who sent that, and its proof.
    async fn event(&self, ctx: &Context<'_>) -> Result<EventNode, ApiError> {
        EventNode::at(&Reader::of(ctx)?, self.0.position).await
    }

    /// What became of it, where it was created pending.
    async fn pending_status(&self) -> Option<PendingTransferStatus> {
        self.0.status.map(Into::into)
    }

    /// The transfer that posted or voided it.
    async fn resolved_by_id(&self) -> Option<UInt128> {
        self.0.resolved_by.as_ref().map(|by| UInt128(by.transfer.id))
    }

    /// When it was posted, voided or released, in nanoseconds since 1970.
    async fn resolved_at(&self) -> Option<BigInt> {
        Some(self.0.resolved_at).filter(|at| *at != 0).map(Into::into)
    }
}

/// The counters of an account with the flag HISTORY after one of its transfers.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TransferAccountBalance {
    /// The transfer, or the pending one that expired.
    transfer_id: UInt128,
    /// When, in nanoseconds since 1970.
    timestamp: BigInt,
    /// The counters then.
    counters: TransferCounters,
}

impl From<TransferHistoryRow> for TransferAccountBalance {
    fn from(row: TransferHistoryRow) -> Self {
        Self { transfer_id: UInt128(row.transfer), timestamp: row.timestamp.into(), counters: row.counters.into() }
    }
}

/// The counters of all accounts of one ledger, added up side by side.
#[derive(Clone, Debug, SimpleObject)]
pub struct TransferTrialBalance {
    /// In which book.
    book: String,
    /// Which ledger.
    ledger: BigInt,
    /// How many accounts there are.
    accounts: BigInt,
    /// How many transfers were recorded.
    transfers: BigInt,
    /// The sums.
    counters: TransferCounters,
    /// Do debits and credits agree, pending and posted?
    balanced: bool,
    /// The last event that moved them.
    position: BigInt,
}

impl From<TransferTotalsRow> for TransferTrialBalance {
    fn from(row: TransferTotalsRow) -> Self {
        let balanced = row.is_balanced();
        Self {
            book: row.book,
            ledger: u64::from(row.ledger).into(),
            accounts: row.accounts.into(),
            transfers: row.transfers.into(),
            counters: row.sums.into(),
            balanced,
            position: row.position.into(),
        }
    }
}
