//! Statements of accounts, and the month of a host.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::calendar::Month;
use domain::ids::UserId;
use kernel::Refused;
use projections::models::balances::AsOf as Limit;
use projections::models::host_statements::{HostLine, HostStatement, Kind, host_statement};
use projections::models::statements::{Statement, StatementError, StatementLine, Timeline as By, Wanted, statements};
use projections::models::{AccountBalances, Journal, LedgerLines};

use super::{JournalEntryNode, READERS, Side, moment};
use crate::errors::{ApiError, MALFORMED};
use crate::event::AsOf;
use crate::reading::{Reader, from_view};
use crate::scalars::{CurrencyCode, DateTime, Money};
use crate::user::UserNode;

/// By which of the two timelines a statement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Timeline {
    /// Business dates.
    Effective,
    /// When the log took it.
    Recorded,
}

impl From<Timeline> for By {
    fn from(timeline: Timeline) -> Self {
        match timeline {
            Timeline::Effective => Self::Effective,
            Timeline::Recorded => Self::Recorded,
        }
    }
}

/// What moved on an account in one currency.
#[derive(Clone, Debug)]
pub struct AccountStatement(Statement);

/// What moved on an account in one currency within a time.
#[Object]
impl AccountStatement {
    /// The account by its name.
    async fn account(&self) -> &str {
        &self.0.end.account
    }

    /// The currency.
    async fn currency(&self) -> CurrencyCode {
        self.0.end.currency.into()
    }

    /// The side on which the account grows; balances are seen from it.
    async fn side(&self) -> Side {
        self.0.end.normal_side().into()
    }

    /// What it held before.
    async fn opening(&self) -> Money {
        self.0.opening.into()
    }

    /// What it held after.
    async fn closing(&self) -> Money {
        self.0.closing.into()
    }

    /// The sum of the debits within.
    async fn debits(&self) -> Money {
        self.0.debits.into()
    }

    /// The sum of the credits within.
    async fn credits(&self) -> Money {
        self.0.credits.into()
    }

    /// What moved, in the order of the timeline.
    async fn lines(&self) -> Vec<StatementLineNode> {
        self.0.lines.iter().cloned().map(StatementLineNode).collect()
    }
}

/// A line of a statement.
pub struct StatementLineNode(StatementLine);

/// A posting with what the account held after it.
#[Object(name = "StatementLine")]
impl StatementLineNode {
    /// Which side of the account.
    async fn side(&self) -> Side {
        self.0.line.side.into()
    }

    /// A positive amount.
    async fn amount(&self) -> Money {
        self.0.line.amount.into()
    }

    /// What the account held after it.
    async fn balance(&self) -> Money {
        self.0.balance.into()
    }

    /// The entry that it is of, and so the event, the command and who caused it.
    async fn entry(&self) -> JournalEntryNode {
        JournalEntryNode(self.0.entry.clone())
    }
}

/// What a line of a host's month is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum HostStatementLineKind {
    /// A booking or order ended.
    Earned,
    /// A refund after that took part of it back.
    Returned,
    /// Money left, failed to leave, or came back.
    PaidOut,
    /// Anything else, an adjustment for example.
    Other,
}

impl From<Kind> for HostStatementLineKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Earned => Self::Earned,
            Kind::Returned => Self::Returned,
            Kind::PaidOut => Self::PaidOut,
            Kind::Other => Self::Other,
        }
    }
}

/// Sums over the lines of one kind.
#[derive(Clone, Debug, SimpleObject)]
pub struct HostStatementSum {
    /// What payers paid or got back.
    pub gross: Money,
    /// The platform's share of it, VAT included.
    pub fee: Money,
    /// The VAT in that share.
    pub vat: Money,
    /// What it made of the host's account.
    pub net: Money,
}

/// A line of a host's month; what goes out is negative.
#[derive(Clone, Debug, SimpleObject)]
pub struct HostStatementLine {
    /// What it is.
    pub kind: HostStatementLineKind,
    /// The business date.
    pub effective_at: DateTime,
    /// What it is about: a booking, an order, a refund or a payout, by its id.
    pub reference: ID,
    /// What the payer paid or got back.
    pub gross: Money,
    /// The platform's share of it, VAT included: a line of the month's fee invoice.
    pub fee: Money,
    /// The VAT in that share.
    pub vat: Money,
    /// What it made of the host's account.
    pub net: Money,
    /// What the host was owed after it.
    pub balance: Money,
}

impl From<&HostLine> for HostStatementLine {
    fn from(line: &HostLine) -> Self {
        Self {
            kind: line.kind.into(),
            effective_at: line.entry.effective_at.into(),
            reference: ID(line.entry.reference.clone()),
            gross: line.gross.into(),
            fee: line.fee.into(),
            vat: line.vat.into(),
            net: line.net.into(),
            balance: line.balance.into(),
        }
    }
}

/// A month of a host or seller.
pub struct HostStatementNode {
    host: UserId,
    month: Month,
    found: HostStatement,
}

impl HostStatementNode {
    fn sum(&self, kind: Kind) -> Result<HostStatementSum, ApiError> {
        let of = |of: fn(&HostLine) -> kernel::Money| self.found.total(kind, of).map(Money::from).map_err(ApiError::internal);
        Ok(HostStatementSum {
            gross: of(|line| line.gross)?,
            fee: of(|line| line.fee)?,
            vat: of(|line| line.vat)?,
            net: of(|line| line.net)?,
        })
    }
}

/// A month of a host or seller: what was earned, what the platform kept, what went back, what was paid out.
#[Object(name = "HostStatement")]
impl HostStatementNode {
    /// Whose month.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.host).await
    }

    /// Which month, as `2026-11`, by Seoul's calendar.
    async fn month(&self) -> String {
        self.month.to_string()
    }

    /// Owed before it; negative: the host owed the platform.
    async fn opening(&self) -> Money {
        self.found.opening.into()
    }

    /// Owed after it.
    async fn closing(&self) -> Money {
        self.found.closing.into()
    }

    /// What bookings and orders came to.
    async fn earned(&self) -> Result<HostStatementSum, ApiError> {
        self.sum(Kind::Earned)
    }

    /// What refunds took back of it.
    async fn returned(&self) -> Result<HostStatementSum, ApiError> {
        self.sum(Kind::Returned)
    }

    /// What left to the host, less what came back; negative.
    async fn paid_out(&self) -> Result<Money, ApiError> {
        Ok(self.sum(Kind::PaidOut)?.net)
    }

    /// What happened, in the order of business dates.
    async fn lines(&self) -> Vec<HostStatementLine> {
        self.found.lines.iter().map(HostStatementLine::from).collect()
    }
}

fn failed(error: StatementError) -> ApiError {
    match error {
        StatementError::TooLong => Refused::at(MALFORMED, &["to"]).into(),
        StatementError::View(error) => from_view(error),
        other => ApiError::internal(other),
    }
}

async fn ready(reader: &Reader<'_>, limit: &Limit) -> Result<(), ApiError> {
    moment::ready::<LedgerLines>(reader, limit).await?;
    moment::ready::<AccountBalances>(reader, limit).await?;
    moment::ready::<Journal>(reader, limit).await
}

/// Queries of statements.
#[derive(Default)]
pub struct StatementQuery;

#[Object]
impl StatementQuery {
    /// What moved on an account within a time, one statement per currency; for finance and auditors. At most 10,000 lines.
    async fn account_statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account by its name, for example `psp_clearing`.")] account: String,
        #[graphql(desc = "From this moment on.")] from: DateTime,
        #[graphql(desc = "Before this moment.")] to: DateTime,
        #[graphql(desc = "By business date, or by the time of recording.", default_with = "Timeline::Effective")] by: Timeline,
        #[graphql(desc = "As the books were known at a moment of the past.")] as_of: Option<AsOf>,
    ) -> Result<Vec<AccountStatement>, ApiError> {
        let reader = Reader::of(ctx)?;
        let (from, to) = (from.instant(&["from"])?, to.instant(&["to"])?);
        if to < from {
            return Err(Refused::at(MALFORMED, &["to"]).into());
        }
        if !moment::is_account(&account) {
            return Ok(Vec::new());
        }
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        ready(&reader, &limit).await?;
        let wanted = Wanted { account: &account, from, to, timeline: by.into(), as_of: limit };
        let found = statements(&reader.app.views, &wanted).await.map_err(failed)?;
        Ok(found.into_iter().map(AccountStatement).collect())
    }

    /// A month of a host or seller: their own, or anybody's for finance and auditors. Null when nothing was ever posted for them.
    async fn host_statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which month, as `2026-11`, by Seoul's calendar.")] month: String,
        #[graphql(desc = "Whose; without it, the viewer's own.")] host_id: Option<ID>,
        #[graphql(desc = "As the books were known at a moment of the past.")] as_of: Option<AsOf>,
    ) -> Result<Option<HostStatementNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let viewer = reader.viewer.person()?;
        let month: Month = month.parse().map_err(|_| Refused::at(MALFORMED, &["month"]))?;
        let host = match &host_id {
            Some(id) => id.parse::<UserId>().map_err(|_| Refused::at("SYS007", &["hostId"]))?,
            None => viewer,
        };
        if host != viewer && !reader.viewer.is_any(&READERS) {
            return Err(ApiError::forbidden());
        }
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        ready(&reader, &limit).await?;
        let found = host_statement(&reader.app.views, host, month, limit).await.map_err(failed)?;
        Ok(found.map(|found| HostStatementNode { host, month, found }))
    }
}
