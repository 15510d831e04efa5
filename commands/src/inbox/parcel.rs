//! What a delivery carries, and where to: read from the log when it is made, so that nothing personal is queued.

use domain::device::Devices;
use domain::geo::ZoneName;
use domain::ids::{DeviceId, NotificationId, UserId};
use domain::inbox::template::{self, Rendered};
use domain::inbox::{Channel, Event, Inbox, Outcome, Preferences};
use domain::user::{Account, User};
use eventlog::LogError;
use kernel::Timestamp;
use kernel::jiff::tz::TimeZone;

use super::known;
use crate::Context;

/// Whose clock times are shown by, where a person has not said whose.
const ZONE: &str = "Asia/Seoul";

/// Where a delivery goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Way {
    /// To an address.
    Email(String),
    /// To a number.
    Sms(String),
    /// To devices, each with its push service's token.
    Push(Vec<(DeviceId, String)>),
}

/// A delivery that is to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where to; `None` when there is nobody to be reached this way any more.
    pub way: Option<Way>,
    /// Business time before which it must not go out: advertising at night.
    pub not_before: Option<Timestamp>,
    /// One for each source event, person and way (N1).
    pub key: String,
    /// One line.
    pub title: String,
    /// The rest.
    pub text: String,
    /// The template's code, for programs.
    pub template: String,
    /// The id of the thing that it is about.
    pub about: Option<String>,
}

/// What a planned delivery carries; `None` when it was made already, or is not planned any more.
///
/// # Errors
/// When the log cannot be read.
pub async fn parcel(
    ctx: &Context,
    user: UserId,
    notification: NotificationId,
    channel: Channel,
    created: u64,
) -> Result<Option<Parcel>, LogError> {
    let (inbox, _) = ctx.log.load::<Inbox>(user.uuid()).await?;
    match inbox.entry(notification).and_then(|entry| entry.delivery(channel)) {
        None | Some(Outcome::Succeeded) => return Ok(None),
        Some(Outcome::Planned | Outcome::Failed) => {}
    }
    let Some(event) = created_at(ctx, created, notification).await? else { return Ok(None) };
    let Event::NotificationCreated { source, template, params, message, about, .. } = event else { return Ok(None) };
    let Some(found) = template::find(&template) else { return Ok(None) };
    let (account, _) = ctx.log.load::<User>(user.uuid()).await?;
    let preferences = account.active().map_or_else(Preferences::default, |account| account.preferences.clone());
    let message = match &message {
        Some(message) => ctx.log.open_personal(message).await?.value(),
        None => None,
    };
    let zone = preferences.quiet.as_ref().map(|hours| hours.zone.clone()).or_else(|| ZONE.parse().ok());
    let zone = zone.as_ref().map_or(TimeZone::UTC, ZoneName::rules);
    let Rendered { title, text } = found.render(preferences.language, &zone, &params, message.as_deref());
    let now = ctx.clock.now();
    let still = account.active().and_then(|account| known(account, true).still(found.kind, channel, now));
    let way = match account.active().filter(|_| still.is_some()) {
        Some(account) => way(ctx, user, account, channel).await?,
        None => None,
    };
    let not_before = still.filter(|still| *still > now);
    let key = format!("notify:{source}:{}:{}", user.uuid(), channel.name());
    Ok(Some(Parcel { way, not_before, key, title, text, template, about }))
}

/// The event that created a notification.
async fn created_at(ctx: &Context, position: u64, notification: NotificationId) -> Result<Option<Event>, LogError> {
    let found = ctx.log.read(position.saturating_sub(1), 1).await?.into_iter().find(|event| event.position == position);
    let Some(found) = found.filter(|found| found.stream.kind() == <Inbox as kernel::Decider>::KIND) else { return Ok(None) };
    let event = found.decode::<Event>()?;
    let same = matches!(&event, Event::NotificationCreated { notification: created, .. } if *created == notification);
    Ok(Some(event).filter(|_| same))
}

async fn way(ctx: &Context, user: UserId, account: &Account, channel: Channel) -> Result<Option<Way>, LogError> {
    Ok(match channel {
        Channel::Email if account.email_verified => ctx.log.open_personal(&account.email).await?.value().map(Way::Email),
        Channel::Sms if account.phone_verified => ctx.log.open_personal(&account.phone).await?.value().map(Way::Sms),
        Channel::Email | Channel::Sms => None,
        Channel::Push => {
            let (devices, _) = ctx.log.load::<Devices>(user.uuid()).await?;
            let mut tokens = Vec::new();
            for device in devices.registered() {
                tokens.extend(ctx.log.open_personal(&device.token).await?.value().map(|token| (device.id, token)));
            }
            (!tokens.is_empty()).then_some(Way::Push(tokens))
        }
    })
}
