//! From any figure to the entries, and so to the events, that make it.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, Object};
use projections::models::payouts::PayoutRow;
use projections::models::{FeeInvoiceRow, FeeInvoices, Journal, PaymentRow, Payments, Payouts};
use projections::views::{Direction, Query};

use super::{BALANCE, ENTRY, JournalEntryNode, moment};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::AsOf;
use crate::ledger::query::of_account;
use crate::reading::{Reader, from_view};

/// Most payouts of one settlement that are looked at; a batch has fewer hosts.
const MAX_PAYOUTS: u64 = 10_000;
/// Most references of one question; the rest are found by the payouts' own ids.
const MAX_REFERENCES: usize = 1_000;

/// Queries that explain.
#[derive(Default)]
pub struct ExplainQuery;

#[Object]
impl ExplainQuery {
    /// The entries behind a figure, oldest first, by the id of what shows it: a payment, refund, booking, shop order, payout,
    /// settlement, line of one, fee invoice, balance, entry or event. Each leads to its event, the command, who caused it and the provider's key.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn explain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of what shows the figure.")] id: ID,
        #[graphql(desc = "Only entries that counted at a moment of the past.")] as_of: Option<AsOf>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<JournalEntryNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        if let Some((account, _)) = id.strip_prefix(BALANCE).and_then(|key| key.rsplit_once('|')) {
            return if moment::is_account(account) { of_account(&reader, account, &limit, &page).await } else { Ok(Connection::empty()) };
        }
        moment::ready::<Journal>(&reader, &limit).await?;
        let Some(query) = entries_of(&reader, &id).await? else { return Ok(Connection::empty()) };
        reader
            .page::<Journal, _>(limit.limit(query).order_by("entry_position", Direction::Asc), &page, |_, row| JournalEntryNode(row))
            .await
    }
}

/// The entries of a thing; `None` for an id that names nothing with entries.
async fn entries_of(reader: &Reader<'_>, id: &str) -> Result<Option<Query>, ApiError> {
    let by_reference = |references: Vec<String>| Some(Query::new().within("reference", references.into_iter().take(MAX_REFERENCES)));
    Ok(match id.split('-').next().unwrap_or_default() {
        "payment" => reader.get::<Payments>(id).await?.and_then(|payment| by_reference(references(&payment))),
        "booking" | "shoporder" => {
            let purpose = id.split_once('-').and_then(|(_, uuid)| uuid::Uuid::try_parse(uuid).ok());
            let Some(purpose) = purpose else { return Ok(None) };
            reader.ready::<Payments>().await?;
            let paid = reader.app.views.all::<Payments>(&Query::new().eq("purpose", purpose), 10).await.map_err(from_view)?;
            by_reference(paid.iter().flat_map(|(_, payment)| references(payment)).collect())
        }
        "line" => match id.split_once('/') {
            Some((_, payment)) => reader.get::<Payments>(payment).await?.and_then(|payment| by_reference(references(&payment))),
            None => None,
        },
        "feeinvoice" => match reader.get::<FeeInvoices>(id).await? {
            Some(invoice) => by_reference(invoiced(reader, &invoice).await?),
            None => None,
        },
        "settlement" => {
            let Ok(settlement) = id.parse::<domain::ids::SettlementId>() else { return Ok(None) };
            reader.ready::<Payouts>().await?;
            let of_batch = Query::new().eq("settlement", settlement);
            let payouts = reader.app.views.all::<Payouts>(&of_batch, MAX_PAYOUTS).await.map_err(from_view)?;
            by_reference(payouts.iter().map(|(_, PayoutRow { id, .. })| id.to_string()).collect())
        }
        "entry" => {
            let position = id.strip_prefix(ENTRY).and_then(|digits| digits.parse::<i64>().ok());
            position.map(|position| Query::new().eq("entry_position", position))
        }
        "event" => {
            let Some(event_id) = id.strip_prefix("event-").and_then(|id| uuid::Uuid::try_parse(id).ok()) else { return Ok(None) };
            let filter = eventlog::EventFilter { event_id: Some(event_id), ..Default::default() };
            let one = eventlog::EventPage { after: None, before: None, order: eventlog::Order::Ascending, limit: 1 };
            let found = reader.app.ctx.log.search(&filter, one).await.map_err(ApiError::internal)?.events;
            found.first().map(|event| Query::new().eq("entry_position", moment::stored(event.position)))
        }
        // What names its own entries: refunds, payouts, adjustments, rows of the provider.
        _ => by_reference(vec![id.to_owned()]),
    })
}

/// Under what the entries of an invoice's lines are found.
async fn invoiced(reader: &Reader<'_>, invoice: &FeeInvoiceRow) -> Result<Vec<String>, ApiError> {
    let mut found = BTreeSet::new();
    let payments: BTreeSet<_> = invoice.lines.iter().map(|line| line.payment).collect();
    for payment in payments {
        if found.len() >= MAX_REFERENCES {
            break;
        }
        if let Some(payment) = reader.get::<Payments>(&payment.to_string()).await? {
            found.extend(references(&payment));
        }
    }
    Ok(found.into_iter().collect())
}

/// Under what the entries of a payment are found: what was bought, and each refund.
fn references(payment: &PaymentRow) -> Vec<String> {
    let refunds = payment.refunds.iter().map(|refund| refund.id.to_string());
    std::iter::once(payment.purpose.to_string()).chain(refunds).collect()
}
