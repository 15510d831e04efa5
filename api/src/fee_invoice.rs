//! The platform's monthly fee invoices: in GraphQL, and as a page to print or keep (`GET /fee-invoices/{id}`).

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::calendar::Month;
use domain::fee_invoice::{self, FeeLineKind as Kind};
use domain::ids::{FeeInvoiceId, UserId};
use domain::user::Role;
use kernel::Refused;
use projections::models::{FeeInvoiceRow, FeeInvoices};
use projections::views::{Direction, Query};

mod page;

use crate::connection::{Connection, Page};
use crate::errors::{ApiError, MALFORMED};
use crate::payment::PaymentNode;
use crate::proof::{self, EventProof};
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::user::UserNode;
pub use page::router;

/// Who sees everybody's invoices; hosts and sellers see their own.
const READERS: [Role; 2] = [Role::Finance, Role::Auditor];

/// What a line of an invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum FeeInvoiceLineKind {
    /// A booking or order ended: its fee was earned.
    Earned,
    /// A refund after that: a part of its fee goes back.
    Returned,
}

impl From<Kind> for FeeInvoiceLineKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Earned => Self::Earned,
            Kind::Returned => Self::Returned,
        }
    }
}

/// Who invoices.
#[derive(Clone, Debug, SimpleObject)]
pub struct FeeInvoiceSupplier {
    /// Business registration number, ten digits.
    registration_number: Option<String>,
    /// What it is called.
    name: Option<String>,
    /// Who represents it.
    representative: Option<String>,
    /// Where it is.
    address: Option<String>,
}

/// Who is invoiced, as they were known then.
#[derive(Clone, Debug, SimpleObject)]
pub struct FeeInvoiceRecipient {
    /// Business registration number of a verified business; a private person has none.
    registration_number: Option<String>,
    /// The company's or the person's name.
    name: Option<String>,
}

/// A line of an invoice.
#[derive(Clone, Debug)]
pub struct FeeInvoiceLineNode(fee_invoice::FeeLine);

/// One fee; negative where it goes back.
#[Object(name = "FeeInvoiceLine")]
impl FeeInvoiceLineNode {
    /// What it is.
    async fn kind(&self) -> FeeInvoiceLineKind {
        self.0.kind.into()
    }

    /// Of which payment; null where the viewer may not see it.
    async fn payment(&self, ctx: &Context<'_>) -> Result<Option<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let row = reader.get::<projections::models::Payments>(&self.0.payment.to_string()).await?;
        Ok(row.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// The booking or shop order that it is for, by its id.
    async fn purpose_id(&self) -> ID {
        ID(self.0.purpose.to_string())
    }

    /// What the payer paid or got back.
    async fn gross(&self) -> Money {
        self.0.gross.into()
    }

    /// The fee, VAT included.
    async fn fee(&self) -> Money {
        self.0.fee.into()
    }

    /// The VAT in it.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }

    /// When it was earned or given back.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }
}

/// An invoice that the viewer may see.
#[derive(Clone, Debug)]
pub struct FeeInvoiceNode(FeeInvoiceRow);

impl FeeInvoiceNode {
    /// An invoice by its id, when it is the viewer's or the viewer may see them all.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let Ok(id) = id.parse::<FeeInvoiceId>() else { return Ok(None) };
        let row = reader.get::<FeeInvoices>(&id.to_string()).await?;
        Ok(row.filter(|row| reader.viewer.user == Some(row.host) || reader.viewer.is_any(&READERS)).map(Self))
    }
}

/// The platform's invoice for its fees of a month, with what a Korean tax invoice says. Issued on the 5th of the next month.
#[Object(name = "FeeInvoice")]
impl FeeInvoiceNode {
    /// The invoice's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Its number among all invoices of the month, without gaps.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// For which month, as `2026-11`, by Seoul's calendar.
    async fn month(&self) -> String {
        self.0.month.to_string()
    }

    /// The date that it is written for, as `2026-11-30` (작성일자).
    async fn written_on(&self) -> String {
        self.0.written_on.to_string()
    }

    /// The date by which it had to be issued, as `2026-12-10`.
    async fn due_on(&self) -> String {
        fee_invoice::due_on(self.0.month).to_string()
    }

    /// When it was issued.
    async fn issued_at(&self) -> DateTime {
        self.0.issued_at.into()
    }

    /// To whom.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.host).await
    }

    /// Who invoices (공급자), as the operator has configured it.
    async fn supplier(&self) -> FeeInvoiceSupplier {
        let fee_invoice::Supplier { registration_number, name, representative, address } = self.0.supplier.clone();
        FeeInvoiceSupplier { registration_number, name, representative, address }
    }

    /// Who is invoiced (공급받는 자).
    async fn recipient(&self, ctx: &Context<'_>) -> Result<FeeInvoiceRecipient, ApiError> {
        let reader = Reader::of(ctx)?;
        let registration_number = reader.open(self.0.recipient.registration_number.as_ref()).await?;
        Ok(FeeInvoiceRecipient { registration_number, name: reader.open(self.0.recipient.name.as_ref()).await? })
    }

    /// The fees without VAT (공급가액).
    async fn supply_amount(&self) -> Money {
        self.0.supply.into()
    }

    /// The VAT in them (세액).
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }

    /// Both (합계금액): what was withheld from the host's earnings, so nothing is to be paid.
    async fn total(&self) -> Money {
        self.0.total.into()
    }

    /// How many lines it has.
    async fn line_count(&self) -> i32 {
        i32::try_from(self.0.lines.len()).unwrap_or(i32::MAX)
    }

    /// What it is for, in the order of time.
    async fn lines(
        &self,
        #[graphql(desc = "So many, at most 10,000.", default = 1000)] first: i32,
        #[graphql(desc = "Without so many before them.", default = 0)] skip: i32,
    ) -> Vec<FeeInvoiceLineNode> {
        let count = |number: i32| usize::try_from(number).unwrap_or(0);
        self.0.lines.iter().skip(count(skip)).take(count(first).min(10_000)).copied().map(FeeInvoiceLineNode).collect()
    }

    /// Where it is as a page to print or keep; asked for with the viewer's token.
    async fn document_url(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        let reader = Reader::of(ctx)?;
        Ok(format!("{}{}", reader.app.public_url, page::path(self.0.id)))
    }

    /// The proof that it is in the log, as a download; null until it is sealed.
    async fn proof(&self, ctx: &Context<'_>) -> Result<Option<EventProof>, ApiError> {
        proof::at(&Reader::of(ctx)?, self.0.position).await
    }
}

/// Queries of invoices.
#[derive(Default)]
pub struct FeeInvoiceQuery;

#[Object]
impl FeeInvoiceQuery {
    /// An invoice; its host's or seller's, and finance's and auditors'.
    async fn fee_invoice(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<FeeInvoiceNode>, ApiError> {
        FeeInvoiceNode::find(&Reader::of(ctx)?, &id).await
    }

    /// Invoices, the newest month first: yours, or everybody's for finance and auditors.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn fee_invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this month, as `2026-11`.")] month: Option<String>,
        #[graphql(desc = "Only those to this host or seller.")] host_id: Option<ID>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<FeeInvoiceNode>, ApiError> {
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        let asked = host_id.map(|id| id.parse::<UserId>().map_err(|_| Refused::at(MALFORMED, &["hostId"]))).transpose()?;
        let own = reader.viewer.user.ok_or(Refused::code(crate::errors::SIGN_IN))?;
        let host = if reader.viewer.is_any(&READERS) { asked } else { Some(own) };
        if asked.is_some_and(|asked| host != Some(asked)) {
            return Err(Refused::code(crate::errors::FORBIDDEN).into());
        }
        let mut query = Query::new().order_by("month", Direction::Desc).order_by("number", Direction::Desc);
        if let Some(host) = host {
            query = query.eq("host", host);
        }
        if let Some(month) = month {
            let month: Month = month.parse().map_err(|_| Refused::at(MALFORMED, &["month"]))?;
            query = query.eq("month", month.to_string());
        }
        reader.page::<FeeInvoices, _>(query, &page, |_, row| FeeInvoiceNode(row)).await
    }
}
