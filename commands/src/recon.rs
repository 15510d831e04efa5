//! Reconciliation: what provider and bank report, beside what our books say (ledger-and-audit.md §5, §6).
//!
//! Rows go first, in appends of a few hundred; that the report was imported is recorded last. So an import that was broken off is
//! simply made again: rows that are in say nothing new.

use std::collections::BTreeMap;

use domain::calendar::day_of;
use domain::ids::{PaymentId, PayoutId, ReconId, StatementId};
use domain::payment::notice::payment_of;
use domain::payment::{self, Payment};
use domain::payout;
use domain::recon::{self, BankLine, BankSide, Command, Ours, ProviderRow, Recon};
use domain::statement::{self, Statement, StatementSource};
use eventlog::{EventFilter, EventPage, ExecuteError, Executed, LogError, MAX_READ, Order, Recorded};
use kernel::jiff::civil::Date;
use kernel::upcast::Decoded;
use kernel::{Money, StreamName, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::access::{self, actor_of};
use crate::context::{Caller, Context};
use crate::settlement;

/// Rows of one append.
const CHUNK: usize = 250;
/// The provider and our bank need not book on the same day: so many days are looked at before and after.
const SHIFT_DAYS: i64 = 5;

/// A report of the provider that was read.
#[derive(Clone, Debug)]
pub struct ProviderReport {
    /// Digest of its bytes.
    pub sha256: String,
    /// Its rows.
    pub rows: Vec<ProviderRow>,
    /// The report has everything that was captured or given back within these days: what it has not is missing.
    pub complete: Option<(Date, Date)>,
}

/// A statement of the bank that was read.
#[derive(Clone, Debug)]
pub struct BankReport {
    /// Digest of its bytes.
    pub sha256: String,
    /// Its lines.
    pub lines: Vec<BankLine>,
}

/// Input of [`resolve_recon_exception`].
#[derive(Clone, Debug, Serialize)]
pub struct ResolveReconException {
    /// Which.
    pub exception_id: ReconId,
    /// What was found.
    pub reason: String,
}

/// Records the rows of a provider's report, each beside what our books say.
///
/// # Errors
/// RECON001; or the log's.
pub async fn import_provider(ctx: &Context, caller: &Caller, report: &ProviderReport) -> Result<Executed<StatementId>, ExecuteError> {
    let id = fresh(ctx, &report.sha256).await?;
    let mut commands = Vec::with_capacity(report.rows.len());
    for row in &report.rows {
        let ours = ours_of(ctx, row).await.map_err(ExecuteError::Log)?;
        let recon = ProviderRow::id(&row.payment_key, &row.movement_key);
        // Without an agreed rate, what the provider says that it took is what is expected; its parts must add up all the same.
        let fee = ctx.settings.provider_fee_bps.map_or(Ok(row.fee), |bps| row.amount.basis_points(bps));
        let expected_fee =
            fee.map_err(|_| ExecuteError::Refused { refused: kernel::Refused::at("SYS003", &["content"]), replayed: false })?;
        commands.push((recon, Command::Record { recon, statement: id, row: row.clone(), ours, expected_fee }));
    }
    record(ctx, caller, id, commands).await?;
    if let Some(days) = report.complete {
        let missing = missing(ctx, days).await.map_err(ExecuteError::Log)?;
        record(ctx, caller, id, missing).await?;
    }
    imported(ctx, caller, id, StatementSource::Provider, &report.sha256, report.rows.len()).await
}

/// Records the lines of a bank's statement, each beside what the provider or a payout said. A payout that came back is taken back:
/// what the host is owed, the batch and the payments follow.
///
/// # Errors
/// RECON001; or the log's.
pub async fn import_bank(ctx: &Context, caller: &Caller, report: &BankReport) -> Result<Executed<StatementId>, ExecuteError> {
    let id = fresh(ctx, &report.sha256).await?;
    let known = Known::read(ctx).await.map_err(ExecuteError::Log)?;
    let command = |(number, line): (usize, &BankLine)| {
        let recon = ReconId::new(Uuid::new_v5(&id.uuid(), number.to_string().as_bytes()));
        (recon, Command::RecordBank { recon, statement: id, line: line.clone(), side: known.side(line) })
    };
    record(ctx, caller, id, report.lines.iter().enumerate().map(command).collect()).await?;
    let unkeyed = Caller { key: None, ..caller.clone() };
    for payout in report.lines.iter().filter_map(|line| known.came_back(line)) {
        settlement::return_payout(ctx, &unkeyed, payout).await?;
    }
    imported(ctx, caller, id, StatementSource::Bank, &report.sha256, report.lines.len()).await
}

/// A person explains what did not match.
///
/// # Errors
/// SYS007, SYS003.
pub async fn resolve_recon_exception(
    ctx: &Context,
    caller: &Caller,
    input: &ResolveReconException,
) -> Result<Executed<ReconId>, ExecuteError> {
    let id = input.exception_id;
    ctx.execute("resolveReconException", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut recon = s.load::<Recon>(id.uuid()).await?;
        let reason = access::record(by, "reason", &input.reason)?;
        s.decide(&mut recon, Command::Resolve { recon: id, by, reason })?;
        Ok(id)
    })
    .await
}

/// The id of a report that was not imported yet.
async fn fresh(ctx: &Context, sha256: &str) -> Result<StatementId, ExecuteError> {
    let id = statement::id_of(sha256);
    let (known, _) = ctx.log.load::<Statement>(id.uuid()).await.map_err(ExecuteError::Log)?;
    if known.imported {
        let refused = kernel::Refusal::refused(&statement::Refusal::Imported);
        return Err(ExecuteError::Refused { refused, replayed: false });
    }
    Ok(id)
}

async fn record(ctx: &Context, caller: &Caller, id: StatementId, commands: Vec<(ReconId, Command)>) -> Result<(), ExecuteError> {
    // The last append answers under the caller's key; these are harmless to repeat without one.
    let unkeyed = Caller { key: None, ..caller.clone() };
    for chunk in commands.chunks(CHUNK) {
        ctx.execute("recordReconLines", &unkeyed, &id, |s| async move {
            for (recon, command) in chunk {
                let mut state = s.load::<Recon>(recon.uuid()).await?;
                s.decide(&mut state, command.clone())?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn imported(
    ctx: &Context,
    caller: &Caller,
    id: StatementId,
    source: StatementSource,
    sha256: &str,
    rows: usize,
) -> Result<Executed<StatementId>, ExecuteError> {
    ctx.execute("importStatement", caller, &(id, source), |s| async move {
        let mut state = s.load::<Statement>(id.uuid()).await?;
        let import = statement::Command::Import { statement: id, source, sha256: sha256.to_owned(), rows: rows as u64 };
        s.decide(&mut state, import)?;
        Ok(id)
    })
    .await
}

/// What our books say of a row: read from the payment's own events, which never change.
async fn ours_of(ctx: &Context, row: &ProviderRow) -> Result<Option<Ours>, LogError> {
    let Some(payment) = payment_of(&row.order_id) else { return Ok(None) };
    let stream: StreamName = payment.to_string().parse()?;
    let events = ctx.log.read_stream(&stream, 0, MAX_READ).await?;
    let (mut same_payment, mut found) = (false, None);
    for event in &events {
        for happened in event.events::<payment::Event>()?.into_vec() {
            same_payment |=
                matches!(&happened, payment::Event::PaymentConfirmStarted { attempt } if attempt.payment_key == row.payment_key);
            found = found.or(movement(payment, &happened).filter(|(reference, _)| *reference == row.movement_key).map(|(_, ours)| ours));
        }
    }
    Ok(found.filter(|_| same_payment))
}

/// The provider's key of what a payment's event moved, and how much.
fn movement(payment: PaymentId, event: &payment::Event) -> Option<(String, Ours)> {
    match event {
        payment::Event::PaymentCompleted { amount, reference, paid_at, .. } => {
            Some((reference.clone(), Ours { payment, amount: *amount, at: *paid_at }))
        }
        payment::Event::RefundCompleted { amount, reference, at, .. } => {
            Some((reference.clone(), Ours { payment, amount: amount.with_minor(-amount.minor()), at: *at }))
        }
        _ => None,
    }
}

/// What our books have of some days, and no report has ever had.
async fn missing(ctx: &Context, (from, to): (Date, Date)) -> Result<Vec<(ReconId, Command)>, LogError> {
    let mut missing = Vec::new();
    let mut pages = Pages::of(&["PaymentCompleted", "RefundCompleted"]);
    while let Some(events) = pages.next(ctx).await? {
        for event in events {
            let Ok(payment) = event.stream.as_str().parse::<PaymentId>() else { continue };
            for happened in event.events::<payment::Event>()?.into_vec() {
                let Some((reference, ours)) = movement(payment, &happened) else { continue };
                if !(from..=to).contains(&day_of(ours.at)) {
                    continue;
                }
                let (state, _) = ctx.log.load::<Payment>(payment.uuid()).await?;
                let Some(attempt) = state.phase().and_then(payment::Phase::attempt) else { continue };
                let recon = ProviderRow::id(&attempt.payment_key, &reference);
                missing.push((recon, Command::Miss { recon, ours }));
            }
        }
    }
    Ok(missing)
}

/// Every event of some types, in order, page by page.
struct Pages {
    filter: EventFilter,
    after: u64,
}

impl Pages {
    fn of(types: &[&str]) -> Self {
        let types = types.iter().map(|&name| name.to_owned()).collect();
        Self { filter: EventFilter { types, ..EventFilter::default() }, after: 0 }
    }

    /// The next page; none after the last one.
    async fn next(&mut self, ctx: &Context) -> Result<Option<Vec<Recorded>>, LogError> {
        let page = EventPage { after: Some(self.after), before: None, order: Order::Ascending, limit: MAX_READ };
        let events = ctx.log.search(&self.filter, page).await?.events;
        let Some(last) = events.last() else { return Ok(None) };
        self.after = last.position;
        Ok(Some(events))
    }
}

/// A payout that left.
#[derive(Clone, Copy)]
struct Left {
    payout: PayoutId,
    amount: Money,
    day: Date,
}

/// What a bank's lines may be.
#[derive(Default)]
struct Known {
    /// What the provider said it pays, by day.
    days: BTreeMap<Date, Money>,
    /// Payouts by the bank's reference.
    payouts: BTreeMap<String, Left>,
}

impl Known {
    async fn read(ctx: &Context) -> Result<Self, LogError> {
        let mut known = Self::default();
        let mut pages = Pages::of(&["ProviderRowRecorded", "PayoutCompleted"]);
        while let Some(events) = pages.next(ctx).await? {
            for event in &events {
                known.take(event)?;
            }
        }
        Ok(known)
    }

    fn take(&mut self, event: &Recorded) -> Result<(), LogError> {
        if event.stream.kind() == "payout" {
            for happened in event.events::<payout::Event>()?.into_vec() {
                if let payout::Event::PayoutCompleted { payout, amount, reference, at, .. } = happened {
                    self.payouts.insert(reference, Left { payout, amount, day: day_of(at) });
                }
            }
            return Ok(());
        }
        let events: Decoded<recon::Event> = event.events()?;
        for happened in events.into_vec() {
            if let recon::Event::ProviderRowRecorded { row, .. } = happened {
                let sum = self.days.entry(row.paid_out_on).or_insert(Money::zero(row.paid_out.currency()));
                *sum = sum.with_minor(sum.minor() + row.paid_out.minor());
            }
        }
        Ok(())
    }

    /// The payout whose money a line brings back, all of it, under the reference that it left with.
    fn came_back(&self, line: &BankLine) -> Option<PayoutId> {
        self.payouts.get(&line.reference).filter(|left| left.amount == line.amount).map(|left| left.payout)
    }

    /// What a line is: a payout by its reference, or a day of the provider, that day or one near it with the very same sum.
    fn side(&self, line: &BankLine) -> BankSide {
        if let Some(payout) = self.came_back(line) {
            return BankSide::Payout { payout, expected: line.amount, day: line.day };
        }
        if let Some(Left { payout, amount, day }) = self.payouts.get(&line.reference).copied() {
            return BankSide::Payout { payout, expected: amount.with_minor(-amount.minor()), day };
        }
        let day = |day: Date| self.days.get(&day).map(|expected| BankSide::ProviderDay { day, expected: *expected });
        let near = |day: &Date| day.since(line.day).is_ok_and(|span| i64::from(span.get_days()).abs() <= SHIFT_DAYS);
        let same = self.days.iter().find(|(found, expected)| **expected == line.amount && near(found)).map(|(found, _)| *found);
        let exact = self.days.get(&line.day).is_some_and(|expected| *expected == line.amount);
        match (exact, same) {
            (true, _) => day(line.day),
            (false, Some(shifted)) => day(shifted),
            (false, None) if line.amount.is_positive() => day(line.day),
            (false, None) => None,
        }
        .unwrap_or(BankSide::Unknown)
    }
}

/// Age of an exception in whole days.
#[must_use]
pub fn age_days(since: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - since.as_second()).max(0) / 86_400
}
