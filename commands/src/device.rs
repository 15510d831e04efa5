//! Devices that get push messages (NTF-05).

use domain::device::{Command, Devices, Platform};
use domain::ids::{DeviceId, UserId};
use eventlog::{ExecuteError, Executed};
use serde::Serialize;
use uuid::Uuid;

use crate::access::actor_of;
use crate::{Caller, Context};

/// Input of [`register_device`].
#[derive(Clone, Serialize)]
pub struct RegisterDevice {
    /// How the push service calls it.
    pub token: String,
    /// What it runs.
    pub platform: Platform,
}

/// Input of [`remove_device`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfDevice {
    /// Which.
    pub device: DeviceId,
}

/// Reaches a device from now on; the same token again is the same device.
///
/// # Errors
/// SYS003; or the log's.
pub async fn register_device(ctx: &Context, caller: &Caller, input: &RegisterDevice) -> Result<Executed<DeviceId>, ExecuteError> {
    ctx.execute("registerDevice", caller, input, |s| async move {
        let user = actor_of(&s)?;
        let device = id_of(ctx, user, &input.token);
        let mut devices = s.load::<Devices>(user.uuid()).await?;
        let (platform, token) = (input.platform, input.token.clone());
        s.decide(&mut devices, Command::Register { device, user, platform, token })?;
        Ok(device)
    })
    .await
}

/// Reaches a device no longer.
///
/// # Errors
/// SYS007; or the log's.
pub async fn remove_device(ctx: &Context, caller: &Caller, input: &OfDevice) -> Result<Executed<DeviceId>, ExecuteError> {
    ctx.execute("removeDevice", caller, input, |s| async move {
        let mut devices = s.load::<Devices>(actor_of(&s)?.uuid()).await?;
        s.decide(&mut devices, Command::Remove { device: input.device })?;
        Ok(input.device)
    })
    .await
}

/// The push service no longer knows a device; changes nothing when it is gone already.
///
/// # Errors
/// The log's.
pub async fn unregister_device(ctx: &Context, caller: &Caller, user: UserId, device: DeviceId) -> Result<Executed<DeviceId>, ExecuteError> {
    ctx.execute("unregisterDevice", caller, &(user, device), |s| async move {
        let mut devices = s.load::<Devices>(user.uuid()).await?;
        s.decide(&mut devices, Command::Unregister { device })?;
        Ok(device)
    })
    .await
}

/// Made of a keyed digest, so that an id tells nothing of a token.
fn id_of(ctx: &Context, user: UserId, token: &str) -> DeviceId {
    DeviceId::new(Uuid::new_v5(&user.uuid(), ctx.keys.claim("device", token).as_bytes()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use domain::user::Role;

    use super::*;
    use crate::testing::{book, by, events, refusal, sign_up};

    #[tokio::test]
    async fn a_token_is_one_device_of_one_person() {
        let book = book().await;
        let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
        let other = sign_up(&book, "b@example.com", Role::Guest).await.user;
        let phone = RegisterDevice { token: "token-1".to_owned(), platform: Platform::Ios };
        let device = register_device(&book.ctx, &by(me), &phone).await.unwrap().value;
        assert_eq!(register_device(&book.ctx, &by(me), &phone).await.unwrap().value, device);
        assert_ne!(register_device(&book.ctx, &by(other), &phone).await.unwrap().value, device);
        assert_eq!(refusal(remove_device(&book.ctx, &by(other), &OfDevice { device }).await).0, "SYS007");
        remove_device(&book.ctx, &by(me), &OfDevice { device }).await.unwrap();
        let seen = events(&book).await;
        assert_eq!(seen.iter().filter(|event| event.starts_with("Device")).count(), 3, "{seen:?}");
    }
}
