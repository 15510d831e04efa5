//! The monthly invoices for the platform's fees: what they are for is read off the host's payable, where every fee was
//! credited or given back in the append that posted it.

use domain::Event;
use domain::calendar::Month;
use domain::corporate::{self, Corporate};
use domain::fee_invoice::lines::Fees;
use domain::fee_invoice::number::{self, FeeNumbers};
use domain::fee_invoice::{Command, Draft, FeeBook, FeeLine, Recipient, id_of};
use domain::ids::{FeeInvoiceId, UserId};
use domain::payable::Payable;
use domain::user::{self, User};
use eventlog::{ExecuteError, Executed, LogError, MAX_READ, Recorded};
use kernel::upcast::Decoded;
use kernel::{Decider, Money, Personal, StreamName};

use crate::context::{Caller, Context};

/// What a month's invoice would be for.
struct Found {
    lines: Vec<FeeLine>,
    through: u64,
}

/// Issues the invoice of a host for a month that is over; does nothing where there is one, or nothing to invoice. Only our own
/// timer asks.
///
/// # Errors
/// LEDGER003; or the log's.
pub async fn issue_fee_invoice(ctx: &Context, caller: &Caller, host: UserId, month: Month) -> Result<Executed<FeeInvoiceId>, ExecuteError> {
    let id = id_of(host, month);
    let (book, _) = ctx.log.load::<FeeBook>(host.uuid()).await.map_err(ExecuteError::Log)?;
    let found = &find(ctx, host, month, book.through).await.map_err(ExecuteError::Log)?;
    let recipient = &recipient(ctx, host).await.map_err(ExecuteError::Log)?;
    ctx.execute("issueFeeInvoice", caller, &(host, month), |s| async move {
        let mut book = s.load::<FeeBook>(host.uuid()).await?;
        if found.lines.is_empty() || book.months.contains(&month) {
            return Ok(id);
        }
        let mut numbers = s.load::<FeeNumbers>(month).await?;
        s.decide(&mut numbers, number::Command::Next(id))?;
        let draft = Draft {
            host,
            month,
            number: numbers.text(month),
            supplier: ctx.settings.supplier.clone(),
            recipient: recipient.clone(),
            lines: found.lines.clone(),
            through: found.through,
            zero: Money::zero(ctx.settings.currency),
        };
        s.decide(&mut book, Command::Issue(Box::new(draft)))?;
        Ok(id)
    })
    .await
}

/// The fees after a version of the payable that count for the month, or for an earlier one that nobody has invoiced.
async fn find(ctx: &Context, host: UserId, month: Month, invoiced: u64) -> Result<Found, LogError> {
    let (mut fees, mut found) = (Fees::default(), Found { lines: Vec::new(), through: invoiced });
    let stream = StreamName::new(Payable::KIND, host.uuid())?;
    let mut pages = Pages::of(stream);
    while let Some(page) = pages.next(ctx).await? {
        for recorded in &page {
            let mut lines = Vec::new();
            for event in decoded(recorded)? {
                let Event::Payable(event) = event else { continue };
                lines.extend(fees.line(&event, recorded.occurred_at).map_err(|error| damaged(recorded, &error))?);
            }
            if recorded.version > invoiced && recorded.occurred_at < month.end() {
                found.lines.extend(lines);
                found.through = recorded.version;
            }
        }
    }
    Ok(found)
}

/// Who is invoiced: a verified business by its name and number, anybody else by their own name. Kept as long as the law keeps invoices.
async fn recipient(ctx: &Context, host: UserId) -> Result<Recipient, LogError> {
    let (profile, _) = ctx.log.load::<Corporate>(host.uuid()).await?;
    if matches!(profile, Corporate::Shown { status: corporate::Status::Verified, .. }) {
        let shown = last(ctx, StreamName::new(Corporate::KIND, host.uuid())?, |event| match event {
            Event::Corporate(corporate::Event::CorporateProfileSubmitted { company_name, registration_number, .. }) => {
                Some((company_name, registration_number))
            }
            _ => None,
        });
        if let Some((name, number)) = shown.await? {
            let registration_number = kept(ctx, host, &number).await?;
            return Ok(Recipient { registration_number, name: kept(ctx, host, &name).await? });
        }
    }
    let named = last(ctx, StreamName::new(User::KIND, host.uuid())?, |event| match event {
        Event::User(user::Event::UserRegistered { name, .. }) => Some(name),
        Event::User(user::Event::ProfileUpdated { name, .. }) => name,
        _ => None,
    });
    let named = named.await?;
    let name = match named {
        Some(name) => kept(ctx, host, &name).await?,
        None => None,
    };
    Ok(Recipient { registration_number: None, name })
}

/// A copy under the key of what the law keeps; none once the person was forgotten.
async fn kept(ctx: &Context, host: UserId, value: &Personal<String>) -> Result<Option<Personal<String>>, LogError> {
    let open = ctx.log.open_personal(value).await?.value();
    Ok(open.map(|open| Personal::retained(host.uuid(), open)))
}

/// What the last event of a stream says of which something can be said.
async fn last<T>(ctx: &Context, stream: StreamName, says: fn(Event) -> Option<T>) -> Result<Option<T>, LogError> {
    let (mut pages, mut found) = (Pages::of(stream), None);
    while let Some(page) = pages.next(ctx).await? {
        for recorded in &page {
            for event in decoded(recorded)? {
                found = says(event).or(found);
            }
        }
    }
    Ok(found)
}

/// A stream, page by page.
struct Pages {
    stream: StreamName,
    after: Option<u64>,
}

impl Pages {
    const fn of(stream: StreamName) -> Self {
        Self { stream, after: Some(0) }
    }

    async fn next(&mut self, ctx: &Context) -> Result<Option<Vec<Recorded>>, LogError> {
        let Some(after) = self.after else { return Ok(None) };
        let page = ctx.log.read_stream(&self.stream, after, MAX_READ).await?;
        self.after = page.last().map(|event| event.version);
        Ok((!page.is_empty()).then_some(page))
    }
}

/// What a stored event says today.
fn decoded(recorded: &Recorded) -> Result<Vec<Event>, LogError> {
    let read = Event::decode(recorded.stream.kind(), &recorded.event_type, recorded.schema_version, &recorded.payload);
    Ok(read.map_err(|error| damaged(recorded, &error))?.map_or_else(Vec::new, Decoded::into_vec))
}

fn damaged(recorded: &Recorded, error: &dyn std::fmt::Display) -> LogError {
    LogError::Damaged(format!("position {}: {error}", recorded.position))
}
