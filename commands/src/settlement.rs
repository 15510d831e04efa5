//! Settlements and their payouts (domain.md §3.4): open, review, second person, payouts, failures.

use domain::calendar::{self, Month};
use domain::ids::{PayoutId, SettlementId, UserId};
use domain::payable::{self, Earning, Payable};
use domain::payout::{self, Payout};
use domain::settlement::guard::{self, GUARD_ID, SettlementGuard};
use domain::settlement::{Command, Deferral, HostState, PayoutOutcome, Refusal, Settlement};
use domain::user::User;
use eventlog::{ExecuteError, Executed, Loaded, LogError, Session, Stop};
use kernel::jiff::SignedDuration;
use kernel::{Decider, Money, Personal, Refused, StreamName, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::access::{self, actor_of};
use crate::context::{Caller, Context};
use crate::payment::TransferAnswer;

/// Hosts are looked through in pages of so many.
const PAGE: usize = 1_000;
/// More lines and hosts than this do not go into one batch; the next one takes the rest.
const MAX_LINES: usize = 5_000;
const MAX_HOSTS: usize = 2_000;

/// Input of [`cancel_settlement`].
#[derive(Clone, Debug, Serialize)]
pub struct CancelSettlement {
    /// Which batch.
    pub settlement_id: SettlementId,
    /// Why.
    pub reason: String,
}

/// Input of [`set_payout_hold`] and [`release_payout_hold`].
#[derive(Clone, Debug, Serialize)]
pub struct PayoutHold {
    /// Whom.
    pub host_id: UserId,
    /// Why.
    pub reason: String,
}

/// Freezes into one batch whatever was earned before `period_end`, is past its holding time and in no other batch. Hosts
/// to whom less than the minimum would be paid, or whose payouts are held, keep their lines for the next one.
///
/// # Errors
/// SETTLE001, SETTLE002.
pub async fn open_settlement(ctx: &Context, caller: &Caller, period_end: Timestamp) -> Result<Executed<SettlementId>, ExecuteError> {
    let id = SettlementId::new(ctx.ids.mint());
    let candidates = &hosts_to_pay(ctx, period_end).await.map_err(ExecuteError::Log)?;
    let settings = &ctx.settings;
    ctx.execute("openSettlement", caller, &period_end, |s| async move {
        let by = actor_of(&s)?;
        if period_end > s.now() {
            return Err(Refusal::NotOver.into());
        }
        let mut guard = s.load::<SettlementGuard>(GUARD_ID).await?;
        s.decide(&mut guard, guard::Command::Take(id))?;
        let held_before = held_before(ctx, s.now());
        let mut lines = Vec::<(UserId, Earning)>::new();
        for host in candidates {
            let mut payable = s.load::<Payable>(host.uuid()).await?;
            if payable.held {
                continue;
            }
            let room = MAX_LINES - lines.len();
            let free: Vec<Earning> = payable.free_lines(period_end, held_before).take(room).copied().collect();
            let payout = payable.payable_minor(free.iter().map(|earning| earning.net.minor()).sum());
            if free.is_empty() || payout < settings.minimum_payout.minor() {
                continue;
            }
            let claimed = free.iter().map(|earning| earning.payment).collect();
            s.decide(&mut payable, payable::Command::Claim { settlement: id, lines: claimed })?;
            lines.extend(free.into_iter().map(|earning| (*host, earning)));
        }
        let mut settlement = s.load::<Settlement>(id.uuid()).await?;
        let zero = Money::zero(settings.currency);
        s.decide(&mut settlement, Command::Open { settlement: id, period_end, by, lines, zero })?;
        Ok(id)
    })
    .await
}

/// Hosts to whom a batch would pay something, as many as fit. Read outside the command, so that hosts who are owed nothing
/// are not checked at their versions; those who are get loaded and judged again inside.
async fn hosts_to_pay(ctx: &Context, period_end: Timestamp) -> Result<Vec<UserId>, LogError> {
    let (mut found, held_before) = (Vec::new(), held_before(ctx, ctx.clock.now()));
    let mut after: Option<StreamName> = None;
    loop {
        let page = ctx.log.streams_of_kind(Payable::KIND, after.as_ref().map(StreamName::as_str), PAGE).await?;
        for stream in &page {
            let Ok(host) = Uuid::parse_str(stream.id()) else { continue };
            let (payable, _) = ctx.log.load_stream::<Payable>(stream).await?;
            let net = payable.free_lines(period_end, held_before).map(|earning| earning.net.minor()).sum();
            if !payable.held && payable.payable_minor(net) >= ctx.settings.minimum_payout.minor() {
                found.push(UserId::new(host));
            }
        }
        if page.len() < PAGE || found.len() >= MAX_HOSTS {
            found.truncate(MAX_HOSTS);
            return Ok(found);
        }
        after = page.into_iter().next_back();
    }
}

/// What was earned up to then is past its holding time.
fn held_before(ctx: &Context, now: Timestamp) -> Timestamp {
    let holding = SignedDuration::from_hours(24 * i64::from(ctx.settings.holding_days));
    now.checked_sub(holding).unwrap_or(Timestamp::MIN)
}

/// A second person agrees; the payouts follow by themselves.
///
/// # Errors
/// SYS007, SYS006, SETTLE003.
pub async fn approve_settlement(ctx: &Context, caller: &Caller, id: SettlementId) -> Result<Executed<SettlementId>, ExecuteError> {
    ctx.execute("approveSettlement", caller, &id, |s| async move {
        let by = actor_of(&s)?;
        let mut settlement = s.load::<Settlement>(id.uuid()).await?;
        s.decide(&mut settlement, Command::Approve { by })?;
        free_guard(&s, id).await?;
        Ok(id)
    })
    .await
}

/// Calls a batch off; its lines are free again.
///
/// # Errors
/// SYS007, SYS003, SYS006.
pub async fn cancel_settlement(ctx: &Context, caller: &Caller, input: &CancelSettlement) -> Result<Executed<SettlementId>, ExecuteError> {
    let id = input.settlement_id;
    ctx.execute("cancelSettlement", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut settlement = s.load::<Settlement>(id.uuid()).await?;
        if matches!(settlement.state, Settlement::Absent) {
            return Err(Refusal::NotFound.into());
        }
        let reason = access::record(by, "reason", &input.reason)?;
        s.decide(&mut settlement, Command::Cancel { by, reason })?;
        free_guard(&s, id).await?;
        if let Settlement::Opened { hosts, .. } = &settlement.state {
            for host in hosts.keys() {
                let mut payable = s.load::<Payable>(host.uuid()).await?;
                s.decide(&mut payable, payable::Command::Release { settlement: id })?;
            }
        }
        Ok(id)
    })
    .await
}

async fn free_guard(s: &Session, id: SettlementId) -> Result<(), Stop> {
    let mut guard = s.load::<SettlementGuard>(GUARD_ID).await?;
    s.decide(&mut guard, guard::Command::Free(id))?;
    Ok(())
}

/// The payout of one host in one batch, by how often it was tried; the same for every node that asks.
#[must_use]
pub fn payout_id(settlement: SettlementId, host: UserId, attempt: u32) -> PayoutId {
    PayoutId::new(Uuid::new_v5(&settlement.uuid(), format!("{host}:{attempt}").as_bytes()))
}

/// Starts the next payout to one host of an approved batch: payout, payable and batch in one append (L5). When nothing
/// is left to pay, the host is skipped: what they owed has used the lines up. On a day without banks, while payouts to the
/// host are held, and below the minimum it is put off instead.
///
/// # Errors
/// Of the log only.
pub async fn pay_host(ctx: &Context, caller: &Caller, id: SettlementId, host: UserId) -> Result<Executed<SettlementId>, ExecuteError> {
    ctx.execute("payHost", caller, &(id, host), |s| async move {
        let mut settlement = s.load::<Settlement>(id.uuid()).await?;
        let mut payable = s.load::<Payable>(host.uuid()).await?;
        let claimed = payable.claimed_minor(id);
        let (net, attempt) = match settlement.host(host) {
            Some(HostState::Waiting) => (claimed, 1),
            // A failed payout still has its lines here; one that was returned has none, but its amount is owed again.
            Some(HostState::Unpaid { amount, attempt }) => (if claimed == 0 { amount.minor() } else { claimed }, attempt + 1),
            Some(HostState::Paying { .. } | HostState::Paid { .. } | HostState::Skipped) | None => return Ok(id),
        };
        let amount = Money::new(payable.payable_minor(net), ctx.settings.currency);
        if !amount.is_positive() {
            if !s.decide(&mut settlement, Command::SkipHost { host })?.is_empty() {
                s.decide(&mut payable, payable::Command::Offset { settlement: id })?;
            }
            return Ok(id);
        }
        if let Some((why, until)) = reason_to_wait(ctx, &payable, amount, s.now()) {
            let deferred = s.decide(&mut settlement, Command::Defer { host, amount, why, until })?;
            if why == Deferral::Held && !deferred.is_empty() {
                s.decide(&mut payable, payable::Command::HoldBack { settlement: id })?;
            }
            return Ok(id);
        }
        let payout_id = payout_id(id, host, attempt);
        if s.decide(&mut settlement, Command::StartPayout { payout: payout_id, host, amount })?.is_empty() {
            return Ok(id);
        }
        let lines = lines_of(&s, &payable, id, host, attempt).await?;
        let mut payout = s.load::<Payout>(payout_id.uuid()).await?;
        let order = payout::Order { payout: payout_id, settlement: id, host, amount, lines, attempt };
        s.decide(&mut payout, payout::Command::Request(Box::new(order)))?;
        s.decide(&mut payable, payable::Command::Reserve { payout: payout_id, settlement: id, amount })?;
        Ok(id)
    })
    .await
}

/// Why a payout of so much does not leave now, and until when where that is known.
fn reason_to_wait(ctx: &Context, payable: &Payable, amount: Money, now: Timestamp) -> Option<(Deferral, Option<Timestamp>)> {
    if payable.held {
        return Some((Deferral::Held, None));
    }
    if !calendar::banks_pay_at(now) {
        return Some((Deferral::ClosedDay, Some(calendar::payable_from(now))));
    }
    // Refunds may have come between the review and today; what is left is paid with what later batches make good.
    let later = || calendar::payable_from(Month::of(now).end());
    (amount.minor() < ctx.settings.minimum_payout.minor()).then(|| (Deferral::BelowMinimum, Some(later())))
}

/// Lets no money leave to a host until it is released: what is due waits, and new batches leave their lines out.
///
/// # Errors
/// SYS007, SYS003, SETTLE004.
pub async fn set_payout_hold(ctx: &Context, caller: &Caller, input: &PayoutHold) -> Result<Executed<UserId>, ExecuteError> {
    change_hold(ctx, "setPayoutHold", caller, input, |host, by, reason| payable::Command::Hold { host, by, reason }).await
}

/// Lets money leave to a host again; what waited for it is paid now.
///
/// # Errors
/// SYS007, SYS003, SETTLE005.
pub async fn release_payout_hold(ctx: &Context, caller: &Caller, input: &PayoutHold) -> Result<Executed<UserId>, ExecuteError> {
    change_hold(ctx, "releasePayoutHold", caller, input, |host, by, reason| payable::Command::ReleaseHold { host, by, reason }).await
}

async fn change_hold(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    input: &PayoutHold,
    command: fn(UserId, UserId, Personal<String>) -> payable::Command,
) -> Result<Executed<UserId>, ExecuteError> {
    let host = input.host_id;
    ctx.execute(name, caller, input, |s| async move {
        let by = actor_of(&s)?;
        if s.load::<User>(host.uuid()).await?.account().is_none() {
            return Err(NoSuchHost.into());
        }
        let reason = access::record(by, "reason", &input.reason)?;
        let mut payable = s.load::<Payable>(host.uuid()).await?;
        s.decide(&mut payable, command(host, by, reason))?;
        Ok(host)
    })
    .await
}

/// No such person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such host")]
struct NoSuchHost;

impl kernel::Refusal for NoSuchHost {
    fn refused(&self) -> Refused {
        Refused::at("SYS007", &["hostId"])
    }
}

/// The lines of a payout: those claimed for the batch, or those of the payout that was returned.
async fn lines_of(
    s: &Session,
    payable: &Payable,
    id: SettlementId,
    host: UserId,
    attempt: u32,
) -> Result<Vec<domain::ids::PaymentId>, Stop> {
    let claimed: Vec<_> = payable.lines.iter().filter(|(_, line)| line.claimed == Some(id)).map(|(payment, _)| *payment).collect();
    if !claimed.is_empty() || attempt < 2 {
        return Ok(claimed);
    }
    let last = s.load::<Payout>(payout_id(id, host, attempt - 1).uuid()).await?;
    Ok(last.order().map_or_else(Vec::new, |order| order.lines.clone()))
}

/// Records what the bank said of a payout: payout, payable and batch in one append.
///
/// # Errors
/// Of the log only.
pub async fn record_payout(
    ctx: &Context,
    caller: &Caller,
    payout_id: PayoutId,
    answer: &TransferAnswer,
) -> Result<Executed<PayoutId>, ExecuteError> {
    let command = match answer.clone() {
        TransferAnswer::Done { reference } => payout::Command::Complete { reference },
        TransferAnswer::Declined { code } => payout::Command::Fail { code },
        TransferAnswer::Unknown => payout::Command::MarkUnknown,
    };
    ctx.change("recordPayout", caller, payout_id, command, mirror).await
}

/// Input of [`receive_payout_notice`].
#[derive(Clone, Debug, Serialize)]
pub struct ReceivePayoutNotice {
    /// Which payout.
    pub payout_id: PayoutId,
    /// Tells the notice from others: 32 hexadecimal digits.
    pub notice: String,
}

/// Takes note of a signed notice of the provider's, if it is worth asking the bank (SEC-16). Answers whether it was.
///
/// # Errors
/// Of the log only.
pub async fn receive_payout_notice(ctx: &Context, caller: &Caller, input: &ReceivePayoutNotice) -> Result<Executed<bool>, ExecuteError> {
    ctx.execute("receivePayoutNotice", caller, input, |s| async move {
        let mut payout = s.load::<Payout>(input.payout_id.uuid()).await?;
        if payout.order().is_none() {
            return Ok(false);
        }
        let events = s.decide(&mut payout, payout::Command::ReceiveNotice { notice: input.notice.clone() })?;
        Ok(!events.is_empty())
    })
    .await
}

/// Records that the bank sent the money of a payout back.
///
/// # Errors
/// Of the log only.
pub async fn return_payout(ctx: &Context, caller: &Caller, payout_id: PayoutId) -> Result<Executed<PayoutId>, ExecuteError> {
    ctx.change("returnPayout", caller, payout_id, payout::Command::Return, mirror).await
}

/// Carries the end of a payout over to the host's payable and the batch.
async fn mirror(s: Session, payout: Loaded<Payout>, events: Vec<payout::Event>) -> Result<(), Stop> {
    // A payout's command leads to one event.
    let (Some(order), [event]) = (payout.order(), events.as_slice()) else { return Ok(()) };
    let (outcome, change) = match event {
        payout::Event::PayoutRequested { .. } | payout::Event::PayoutUnknown { .. } | payout::Event::PayoutNoticeReceived { .. } => {
            return Ok(());
        }
        payout::Event::PayoutCompleted { payout, .. } => (PayoutOutcome::Completed, payable::Command::Close { payout: *payout }),
        payout::Event::PayoutFailed { payout, amount, .. } => {
            (PayoutOutcome::Failed, payable::Command::Recredit { payout: *payout, amount: *amount })
        }
        payout::Event::PayoutReturned { payout, amount, .. } => {
            (PayoutOutcome::Returned, payable::Command::Recredit { payout: *payout, amount: *amount })
        }
    };
    let mut payable = s.load::<Payable>(order.host.uuid()).await?;
    s.decide(&mut payable, change)?;
    let mut settlement = s.load::<Settlement>(order.settlement.uuid()).await?;
    s.decide(&mut settlement, Command::FinishPayout { host: order.host, payout: order.payout, outcome })?;
    Ok(())
}
