//! What a month was for a host or seller: what their sales came to, what the platform kept of it, what went back, what was paid out.

use domain::calendar::Month;
use domain::ids::UserId;
use domain::ledger::{self, FEE_REVENUE, VAT_PAYABLE};
use kernel::{Money, MoneyError, Side};

use super::balances::AsOf;
use super::journal::JournalRow;
use super::statements::{Statement, StatementError, Timeline, Wanted, statements};
use crate::views::Views;

/// What a line of the month is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A booking or order ended.
    Earned,
    /// A refund after that took part of it back.
    Returned,
    /// Money left, failed to leave, or came back.
    PaidOut,
    /// Anything else, an adjustment for example.
    Other,
}

/// What one entry meant for the host; what goes out is negative.
#[derive(Clone, Debug, PartialEq)]
pub struct HostLine {
    /// The entry.
    pub entry: JournalRow,
    /// What it is.
    pub kind: Kind,
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

/// A month of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostStatement {
    /// Owed before it.
    pub opening: Money,
    /// Owed after it.
    pub closing: Money,
    /// In the order of business dates.
    pub lines: Vec<HostLine>,
}

impl HostStatement {
    /// The sum of something over the lines of a kind.
    ///
    /// # Errors
    /// When it leaves the range of money.
    pub fn total(&self, kind: Kind, of: fn(&HostLine) -> Money) -> Result<Money, MoneyError> {
        let zero = Money::zero(self.opening.currency());
        self.lines.iter().filter(|line| line.kind == kind).try_fold(zero, |sum, line| sum.plus(of(line)))
    }
}

/// The month of a host in the currency of the book, as the books are known at a moment. `None`: nothing was ever posted for them.
///
/// # Errors
/// [`StatementError`].
pub async fn host_statement(views: &Views, host: UserId, month: Month, as_of: AsOf) -> Result<Option<HostStatement>, StatementError> {
    let account = ledger::host_payable(host);
    let wanted = Wanted { account: &account, from: month.start(), to: month.end(), timeline: Timeline::Effective, as_of };
    let mut found = statements(views, &wanted).await?;
    if found.is_empty() { Ok(None) } else { Ok(Some(of(found.remove(0), &account)?)) }
}

/// The statement of a host's account, read as what it means to them.
fn of(statement: Statement, account: &str) -> Result<HostStatement, MoneyError> {
    let (opening, closing) = (statement.opening, statement.closing);
    let zero = Money::zero(opening.currency());
    let mut lines = Vec::with_capacity(statement.lines.len());
    for line in statement.lines {
        let side = |side: Side, of: fn(&str) -> bool| {
            let of = line.entry.postings.iter().filter(move |posting| posting.side == side && of(&posting.account));
            of.map(|posting| posting.amount).try_fold(zero, Money::plus)
        };
        let own = |name: &str| matches!(ledger::family_of(name), FEE_REVENUE | VAT_PAYABLE);
        let net = line.line.amount.with_minor(match line.line.side {
            Side::Credit => line.line.amount.minor(),
            Side::Debit => -line.line.amount.minor(),
        });
        debug_assert_eq!(line.line.account, account, "a statement is of one account");
        let (kind, gross, fee, vat) = match line.entry.kind.as_str() {
            "escrow_released" => {
                let (fee, vat) = (side(Side::Credit, own)?, side(Side::Credit, |name| name == VAT_PAYABLE)?);
                (Kind::Earned, net.plus(fee)?, fee, vat)
            }
            "refund_requested" => {
                let (fee, vat) = (side(Side::Debit, own)?, side(Side::Debit, |name| name == VAT_PAYABLE)?);
                let minus = |money: Money| money.with_minor(-money.minor());
                (Kind::Returned, net.minus(fee)?, minus(fee), minus(vat))
            }
            kind if kind.starts_with("payout_") => (Kind::PaidOut, net, zero, zero),
            _ => (Kind::Other, net, zero, zero),
        };
        lines.push(HostLine { entry: line.entry, kind, gross, fee, vat, net, balance: line.balance });
    }
    Ok(HostStatement { opening, closing, lines })
}
