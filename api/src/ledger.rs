//! The books as GraphQL shows them: journal, balances, trial balance. Nothing changes them but events of other modules.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::user::Role;
use kernel::Side as Booked;
use projections::models::account_balances::key;
use projections::models::journal::key as entry_key;
use projections::models::{AccountBalances, BalanceRow, Journal, JournalRow};
use projections::views::{Direction, Query};

mod explain;
mod moment;
mod query;
mod statement;
mod trial;

use crate::errors::ApiError;
use crate::event::EventNode;
use crate::reading::{Reader, from_view};
use crate::scalars::{BigInt, DateTime, Money};
pub use explain::ExplainQuery;
pub use query::LedgerQuery;
pub use statement::StatementQuery;
pub use trial::{TrialBalance, TrialBalanceCurrency};

/// Who reads the books.
pub(crate) const READERS: [Role; 2] = [Role::Finance, Role::Auditor];
/// Begins the id of a journal entry; its position follows.
const ENTRY: &str = "entry-";
/// Begins the id of a balance; its row's key follows.
const BALANCE: &str = "balance-";

/// A side of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Side {
    /// Left: what assets and expenses grow by.
    Debit,
    /// Right: what liabilities and income grow by.
    Credit,
}

impl From<Booked> for Side {
    fn from(side: Booked) -> Self {
        match side {
            Booked::Debit => Self::Debit,
            Booked::Credit => Self::Credit,
        }
    }
}

impl From<Side> for Booked {
    fn from(side: Side) -> Self {
        match side {
            Side::Debit => Self::Debit,
            Side::Credit => Self::Credit,
        }
    }
}

/// One line of a journal entry.
#[derive(Clone, Debug, SimpleObject)]
pub struct Posting {
    /// The account by its name, for example `psp_clearing`.
    pub account: String,
    /// Which side of the account.
    pub side: Side,
    /// A positive amount.
    pub amount: Money,
}

impl From<&kernel::Posting> for Posting {
    fn from(posting: &kernel::Posting) -> Self {
        Self { account: posting.account.clone(), side: posting.side.into(), amount: posting.amount.into() }
    }
}

/// A journal entry, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct JournalEntryNode(JournalRow);

impl JournalEntryNode {
    /// An entry by its id, when the viewer reads the books.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let position = id.strip_prefix(ENTRY).and_then(|digits| digits.parse::<u64>().ok());
        // One text per id: `+7` and `07` are numbers, too.
        let Some(position) = position.filter(|position| id == format!("{ENTRY}{position}")) else { return Ok(None) };
        if !reader.viewer.is_any(&READERS) {
            return Ok(None);
        }
        Ok(reader.get::<Journal>(&entry_key(position)).await?.map(Self))
    }
}

/// A balanced entry: what one event moved between accounts. It is never changed; a mistake is reversed by another entry.
#[Object(name = "JournalEntry")]
impl JournalEntryNode {
    /// The entry's id.
    pub async fn id(&self) -> ID {
        ID(format!("{ENTRY}{}", self.0.position))
    }

    /// The place in the log of the event that posted it.
    async fn position(&self) -> BigInt {
        self.0.position.into()
    }

    /// What kind of fact posted it, for example `payment_completed`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The business date that it counts from.
    async fn effective_at(&self) -> DateTime {
        self.0.effective_at.into()
    }

    /// When the log took it.
    async fn recorded_at(&self) -> DateTime {
        self.0.recorded_at.into()
    }

    /// Its lines; debits equal credits in every currency.
    async fn postings(&self) -> Vec<Posting> {
        self.0.postings.iter().map(Into::into).collect()
    }

    /// What it is about: a booking, an order, a refund, a payout, by its id.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// Who caused the event that posted it, as the log names them.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The command that the event came from.
    async fn command_id(&self) -> ID {
        ID(self.0.command_id.to_string())
    }

    /// The payment provider's or bank's own key of what it did; null where nobody outside took part.
    async fn provider_reference(&self) -> Option<&str> {
        self.0.provider_reference.as_deref()
    }

    /// The event that posted it.
    async fn event(&self, ctx: &Context<'_>) -> Result<EventNode, ApiError> {
        EventNode::at(&Reader::of(ctx)?, self.0.position).await
    }

    /// The entry that it takes back: the last one before it under the same reference. Null when it takes nothing back.
    async fn reverses(&self, ctx: &Context<'_>) -> Result<Option<Self>, ApiError> {
        let Some(reference) = &self.0.reverses else { return Ok(None) };
        let reader = Reader::of(ctx)?;
        let earlier = Query::new().eq("reference", reference.as_str()).lt("entry_position", moment::stored(self.0.position));
        let last = earlier.order_by("entry_position", Direction::Desc);
        let found = reader.app.views.all::<Journal>(&last, 1).await.map_err(from_view)?;
        Ok(found.into_iter().next().map(|(_, row)| Self(row)))
    }
}

/// What an account holds in one currency, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct AccountBalanceNode(BalanceRow);

impl AccountBalanceNode {
    /// A balance as of now by its id, when the viewer reads the books.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let parts = id.strip_prefix(BALANCE).and_then(|key| key.rsplit_once('|'));
        let Some((account, Ok(currency))) = parts.map(|(account, code)| (account, code.parse())) else { return Ok(None) };
        if !moment::is_account(account) || !reader.viewer.is_any(&READERS) {
            return Ok(None);
        }
        Ok(reader.get::<AccountBalances>(&key(account, currency)).await?.map(Self))
    }
}

/// What an account holds in one currency.
#[Object(name = "AccountBalance")]
impl AccountBalanceNode {
    /// The balance's id: that of the account in this currency, at whatever moment.
    pub async fn id(&self) -> ID {
        ID(format!("{BALANCE}{}", key(&self.0.account, self.0.currency)))
    }

    /// The account by its name.
    async fn account(&self) -> &str {
        &self.0.account
    }

    /// What it holds, seen from its own side; negative when it is overdrawn.
    async fn balance(&self) -> Money {
        self.0.balance().into()
    }

    /// The side on which the account grows.
    async fn side(&self) -> Side {
        self.0.normal_side().into()
    }

    /// The sum of its debits.
    async fn debits(&self) -> Money {
        self.0.debits.into()
    }

    /// The sum of its credits.
    async fn credits(&self) -> Money {
        self.0.credits.into()
    }
}
