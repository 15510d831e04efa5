//! What people are told (domain.md §3.5): by what has happened, or by hand; read, put away, delivered.

use std::collections::BTreeMap;

use domain::booking::Booking;
use domain::device::Devices;
use domain::ids::{BookingId, NotificationId, PaymentId, PayoutId, SessionId, ShopOrderId, UserId};
use domain::inbox::{self, Channel, Command, Draft, Inbox, Recipient, Refusal, template};
use domain::payment::Payment;
use domain::payout::Payout;
use domain::session::Session as SignIn;
use domain::shop_order::ShopOrder;
use domain::user::{self, Account, Standing, User};
use eventlog::{ExecuteError, Executed, Session, Stop};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::access::{self, actor_of};
use crate::{Caller, Context};

mod parcel;

pub use parcel::{Parcel, Way, parcel};

/// Who is told, as far as the event that causes it says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// This person.
    User(UserId),
    /// Who rents.
    Guest(BookingId),
    /// Whose vehicle it is.
    Host(BookingId),
    /// Who pays.
    Payer(PaymentId),
    /// Who is paid out.
    Payee(PayoutId),
    /// Who was signed in.
    Holder(SessionId),
    /// Who ordered.
    Buyer(ShopOrderId),
    /// Who sells.
    Seller(ShopOrderId),
}

/// Something to be told because of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whom.
    pub to: Addressee,
    /// The event's id.
    pub source: String,
    /// Business time of the event.
    pub happened_at: Timestamp,
    /// What it says.
    pub template: String,
    /// The id of the thing that it is about.
    pub about: Option<String>,
    /// The template's parameters; nothing personal.
    pub params: BTreeMap<String, String>,
}

/// What happened longer ago is told to nobody: a process that is new to a log, or was away, does not send the mail of years.
const NEWS: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Tells somebody that something has happened; nothing when they were told already, have no account to use, or it is old.
///
/// # Errors
/// NOTI002 for a template that is not in the table; or the log's.
pub async fn notify(ctx: &Context, caller: &Caller, notice: &Notice) -> Result<Executed<Option<NotificationId>>, ExecuteError> {
    ctx.execute("notify", caller, notice, |s| async move {
        let template = template::find(&notice.template).ok_or(Refusal::NoTemplate)?;
        if s.command().now.duration_since(notice.happened_at) > NEWS {
            return Ok(None);
        }
        let Some(user) = addressee(&s, notice.to).await? else { return Ok(None) };
        let Some(recipient) = recipient(&s, user).await? else { return Ok(None) };
        let (source, about, params) = (notice.source.clone(), notice.about.clone(), notice.params.clone());
        tell(&s, Draft { user, source, template, about, params, message: None, recipient }).await
    })
    .await
}

/// Input of [`send_notification`].
#[derive(Clone, Debug, Serialize)]
pub struct SendNotification {
    /// To whom.
    pub user: UserId,
    /// Which template.
    pub template: String,
    /// In the sender's words.
    pub message: String,
    /// The sender's own mark: the same one tells the same person the same thing once.
    pub source: Option<String>,
}

/// Tells somebody something in words of one's own (NTF-01). That the sender may is checked before. Nothing is created for whoever
/// never agreed to advertising, or may not use their account.
///
/// # Errors
/// USER001, NOTI002, SYS003; or the log's.
pub async fn send_notification(
    ctx: &Context,
    caller: &Caller,
    input: &SendNotification,
) -> Result<Executed<Option<NotificationId>>, ExecuteError> {
    let own = format!("sent-{}", ctx.ids.mint());
    let own = &own;
    ctx.execute("sendNotification", caller, input, |s| async move {
        let account = s.load::<User>(input.user.uuid()).await?;
        account.account().filter(|account| account.standing != Standing::Erased).ok_or(user::Refusal::Unknown)?;
        let template = template::find(&input.template).filter(template::Template::is_sent_by_hand).ok_or(Refusal::NoTemplate)?;
        let message = access::note(input.user, "message", &input.message)?;
        let source = match &input.source {
            Some(mark) if mark.is_empty() || mark.chars().count() > inbox::MAX_SOURCE_CHARS || mark.chars().any(char::is_control) => {
                return Err(Refusal::BadSource.into());
            }
            Some(mark) => mark.clone(),
            None => own.clone(),
        };
        let Some(recipient) = recipient(&s, input.user).await? else { return Ok(None) };
        let (user, params) = (input.user, BTreeMap::new());
        tell(&s, Draft { user, source, template, about: None, params, message: Some(message), recipient }).await
    })
    .await
}

/// The id of what the person was told, now or before.
async fn tell(s: &Session, draft: Draft) -> Result<Option<NotificationId>, Stop> {
    let notification = inbox::id_of(draft.user, &draft.source, draft.template.code);
    let mut inbox = s.load::<Inbox>(draft.user.uuid()).await?;
    s.decide(&mut inbox, Command::Create(Box::new(draft)))?;
    Ok(inbox.entry(notification).map(|entry| entry.id))
}

/// Who is meant. The states of what has just happened are at hand, and nothing changes hands.
async fn addressee(s: &Session, to: Addressee) -> Result<Option<UserId>, Stop> {
    Ok(match to {
        Addressee::User(user) => Some(user),
        Addressee::Guest(booking) => s.load::<Booking>(booking.uuid()).await?.terms().map(|terms| terms.guest),
        Addressee::Host(booking) => s.load::<Booking>(booking.uuid()).await?.terms().map(|terms| terms.host),
        Addressee::Payer(payment) => s.load::<Payment>(payment.uuid()).await?.order().map(|order| order.payer),
        Addressee::Payee(payout) => s.load::<Payout>(payout.uuid()).await?.order().map(|order| order.host),
        Addressee::Holder(session) => s.load::<SignIn>(session.uuid()).await?.user(),
        Addressee::Buyer(order) => s.load::<ShopOrder>(order.uuid()).await?.deal().map(|deal| deal.terms.buyer),
        Addressee::Seller(order) => s.load::<ShopOrder>(order.uuid()).await?.deal().map(|deal| deal.terms.seller),
    })
}

/// What there is to know of a person; `None` when nobody is to be told anything.
async fn recipient(s: &Session, user: UserId) -> Result<Option<Recipient>, Stop> {
    let loaded = s.load::<User>(user.uuid()).await?;
    let Some(account) = loaded.active() else { return Ok(None) };
    let device = !s.load::<Devices>(user.uuid()).await?.registered().is_empty();
    Ok(Some(known(account, device)))
}

/// What is known of a person who is to be told something.
fn known(account: &Account, device: bool) -> Recipient {
    let Account { preferences, consents, email_verified, phone_verified, .. } = account;
    let (preferences, consents) = (preferences.clone(), consents.clone());
    Recipient { preferences, consents, email: *email_verified, phone: *phone_verified, device }
}

/// Input of [`mark_read`] and [`archive_notification`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfNotification {
    /// Which.
    pub notification: NotificationId,
}

/// Notes that its person has seen a notification (NTF-03).
///
/// # Errors
/// NOTI001; or the log's.
pub async fn mark_read(ctx: &Context, caller: &Caller, input: &OfNotification) -> Result<Executed<NotificationId>, ExecuteError> {
    let read = |notification| Command::Read { notification };
    on_own(ctx, "markRead", caller, input, read).await
}

/// Puts a notification away.
///
/// # Errors
/// NOTI001; or the log's.
pub async fn archive_notification(
    ctx: &Context,
    caller: &Caller,
    input: &OfNotification,
) -> Result<Executed<NotificationId>, ExecuteError> {
    let archive = |notification| Command::Archive { notification };
    on_own(ctx, "archiveNotification", caller, input, archive).await
}

async fn on_own(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    input: &OfNotification,
    command: impl Fn(NotificationId) -> Command + Send + Sync,
) -> Result<Executed<NotificationId>, ExecuteError> {
    let command = &command;
    ctx.execute(name, caller, input, |s| async move {
        let mut inbox = s.load::<Inbox>(actor_of(&s)?.uuid()).await?;
        s.decide(&mut inbox, command(input.notification))?;
        Ok(input.notification)
    })
    .await
}

/// Notes that the person has seen everything that there is; gives how many are unread afterwards: none.
///
/// # Errors
/// The log's.
pub async fn mark_all_read(ctx: &Context, caller: &Caller) -> Result<Executed<u32>, ExecuteError> {
    ctx.execute("markAllRead", caller, &(), |s| async move {
        let mut inbox = s.load::<Inbox>(actor_of(&s)?.uuid()).await?;
        s.decide(&mut inbox, Command::ReadAll {})?;
        Ok(inbox.unread())
    })
    .await
}

/// Which notification of whom waits for its time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Deferred {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub notification: NotificationId,
    /// Position of the event that created it.
    pub created: u64,
}

/// Lets out what was kept back, as the person wants it now.
///
/// # Errors
/// The log's.
pub async fn release(ctx: &Context, caller: &Caller, input: &Deferred) -> Result<Executed<NotificationId>, ExecuteError> {
    ctx.execute("releaseNotification", caller, input, |s| async move {
        let recipient = recipient(&s, input.user).await?.map(Box::new);
        let mut inbox = s.load::<Inbox>(input.user.uuid()).await?;
        let (notification, created) = (input.notification, input.created);
        s.decide(&mut inbox, Command::Release { notification, created, recipient })?;
        Ok(input.notification)
    })
    .await
}

/// What became of a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Delivered {
    /// To whom.
    pub user: UserId,
    /// Of which notification.
    pub notification: NotificationId,
    /// By which way.
    pub channel: Channel,
    /// Why it failed; none: it did not.
    pub failure: Option<String>,
}

/// Notes what became of a delivery.
///
/// # Errors
/// The log's.
pub async fn record_delivery(ctx: &Context, caller: &Caller, input: &Delivered) -> Result<Executed<NotificationId>, ExecuteError> {
    ctx.execute("recordDelivery", caller, input, |s| async move {
        let mut inbox = s.load::<Inbox>(input.user.uuid()).await?;
        let Delivered { notification, channel, failure, .. } = input.clone();
        s.decide(&mut inbox, Command::Report { notification, channel, failure })?;
        Ok(notification)
    })
    .await
}

// A message by hand is checked as any other note.
const _: () = assert!(inbox::MAX_MESSAGE_CHARS == access::MAX_NOTE_CHARS);

#[cfg(test)]
mod tests;
