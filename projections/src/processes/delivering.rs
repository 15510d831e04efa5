//! The desk's part of a notification that leaves the house: by mail, SMS or push, under one key for each source event, person and way.

use std::collections::BTreeMap;

use adapters::{Message, Messenger, Push, PushError, PushMessage, Recipient};
use commands::inbox::{Delivered, Parcel, Way};
use commands::{Caller, Context};
use domain::ids::{DeviceId, NotificationId, UserId};
use domain::inbox::Channel;
use domain::inbox::template::ADVERTISEMENT;

use super::desk::{done, failed};
use crate::process::WorkError;

/// A delivery is given up with this attempt: the first, and three more.
const LAST_ATTEMPT: u32 = 4;

/// What is to be delivered.
#[derive(Clone, Copy)]
pub(super) struct Delivery {
    pub user: UserId,
    pub notification: NotificationId,
    pub channel: Channel,
    pub created: u64,
    pub attempt: u32,
}

/// One try. What cannot be delivered is noted as such and left to an operator.
pub(super) async fn deliver(
    ctx: &Context,
    messenger: &dyn Messenger,
    push: &dyn Push,
    by: &Caller,
    delivery: Delivery,
) -> Result<(), WorkError> {
    let Delivery { user, notification, channel, created, attempt } = delivery;
    let parcel = commands::inbox::parcel(ctx, user, notification, channel, created).await.map_err(failed)?;
    let Some(parcel) = parcel else { return Ok(()) };
    if let Some(not_before) = parcel.not_before {
        let wait = not_before.duration_since(ctx.clock.now());
        let reason = "advertising rests at night".to_owned();
        return Err(WorkError::Postponed { after: wait.try_into().ok(), reason });
    }
    let note = async |failure: Option<String>| {
        let input = Delivered { user, notification, channel, failure };
        done(commands::inbox::record_delivery(ctx, by, &input).await)
    };
    match send(ctx, messenger, push, by, user, notification, parcel).await? {
        Sent::Taken => note(None).await,
        Sent::Nobody => note(Some("there is nobody to be reached this way".to_owned())).await,
        Sent::Refused { reason, again } if again && attempt < LAST_ATTEMPT => Err(WorkError::Retry { after: None, reason }),
        Sent::Refused { reason, .. } => {
            note(Some(reason.clone())).await?;
            Err(WorkError::Fatal { reason })
        }
    }
}

/// What the services said.
enum Sent {
    Taken,
    Nobody,
    Refused { reason: String, again: bool },
}

async fn send(
    ctx: &Context,
    messenger: &dyn Messenger,
    push: &dyn Push,
    by: &Caller,
    user: UserId,
    notification: NotificationId,
    parcel: Parcel,
) -> Result<Sent, WorkError> {
    let to = match &parcel.way {
        None => return Ok(Sent::Nobody),
        Some(Way::Email(address)) => Recipient::Email(address.clone()),
        Some(Way::Sms(number)) => Recipient::Phone(number.clone()),
        Some(Way::Push(devices)) => return to_devices(ctx, push, by, (user, notification), &parcel, devices).await,
    };
    // What the law wants to be seen first stays first.
    let label = [ADVERTISEMENT.0, ADVERTISEMENT.1].into_iter().find(|label| parcel.title.starts_with(label)).unwrap_or_default();
    let subject = format!("{label}[Daybook] {}", parcel.title.strip_prefix(label).unwrap_or(&parcel.title));
    let message = Message { to, subject, text: parcel.text };
    Ok(match messenger.send_once(&parcel.key, message).await {
        Ok(()) => Sent::Taken,
        Err(error) => Sent::Refused { again: error.retryable(), reason: error.to_string() },
    })
}

/// Every device gets it under a key of its own; one that has it already is not told again, and one that is gone is forgotten.
async fn to_devices(
    ctx: &Context,
    push: &dyn Push,
    by: &Caller,
    (user, notification): (UserId, NotificationId),
    parcel: &Parcel,
    devices: &[(DeviceId, String)],
) -> Result<Sent, WorkError> {
    let mut data =
        BTreeMap::from([("notificationId".to_owned(), notification.to_string()), ("template".to_owned(), parcel.template.clone())]);
    data.extend(parcel.about.clone().map(|about| ("about".to_owned(), about)));
    let message = PushMessage { title: parcel.title.clone(), body: parcel.text.clone(), data }.fitted();
    let mut sent = Sent::Nobody;
    for (device, token) in devices {
        match push.push(&format!("{}:{device}", parcel.key), token, message.clone()).await {
            Ok(()) if matches!(sent, Sent::Nobody) => sent = Sent::Taken,
            Ok(()) => {}
            Err(PushError::Unregistered) => done(commands::device::unregister_device(ctx, by, user, *device).await)?,
            Err(error @ PushError::Undelivered { .. }) => sent = Sent::Refused { reason: error.to_string(), again: true },
            Err(error @ PushError::TooLarge) => sent = Sent::Refused { reason: error.to_string(), again: false },
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests;
