//! Devices that get push messages (NTF-05).

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::device::{self, OfDevice, RegisterDevice};
use domain::device::Platform;
use domain::ids::DeviceId;

use crate::errors::ApiError;
use crate::input::id;
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DevicePlatform {
    /// Android.
    Android,
    /// Apple's iOS.
    Ios,
    /// A browser.
    Web,
}

impl DevicePlatform {
    const fn stored(self) -> Platform {
        match self {
            Self::Android => Platform::Android,
            Self::Ios => Platform::Ios,
            Self::Web => Platform::Web,
        }
    }
}

/// A device to be reached.
#[derive(InputObject)]
pub struct RegisterDeviceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// How the push service calls it: at most 512 printable ASCII characters.
    token: String,
    /// What it runs.
    platform: DevicePlatform,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A device to be reached no longer.
#[derive(InputObject)]
pub struct RemoveDeviceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which of yours.
    device_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a device's mutation answers.
#[derive(SimpleObject)]
pub struct DevicePayload {
    /// The device: the same token is the same device.
    device_id: Option<ID>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<DeviceId>> for DevicePayload {
    fn from(Reply { entity, answer }: Reply<DeviceId>) -> Self {
        Self { device_id: entity.map(|device| ID(device.to_string())), answer }
    }
}

/// Mutations of devices.
#[derive(Default)]
pub struct DeviceMutation;

#[Object]
impl DeviceMutation {
    /// Sends push messages to a device from now on; the eleventh pushes the oldest out.
    async fn register_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RegisterDeviceInput,
    ) -> Result<DevicePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let RegisterDeviceInput { idempotency_key, token, platform, client_mutation_id } = input;
        let outcome = async {
            let caller = reader.caller(idempotency_key)?;
            let command = RegisterDevice { token, platform: platform.stored() };
            device::register_device(&reader.app.ctx, &caller, &command).await
        };
        let (outcome, show) = (outcome.await, async |device, _| Ok(Some(device)));
        reader.reply(client_mutation_id, outcome, show).await.map(DevicePayload::from)
    }

    /// Sends push messages to a device no longer.
    async fn remove_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RemoveDeviceInput,
    ) -> Result<DevicePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let RemoveDeviceInput { idempotency_key, device_id, client_mutation_id } = input;
        let outcome = async {
            let caller = reader.caller(idempotency_key)?;
            let command = OfDevice { device: id(&device_id, "SYS007", "deviceId")? };
            device::remove_device(&reader.app.ctx, &caller, &command).await
        };
        let (outcome, show) = (outcome.await, async |device, _| Ok(Some(device)));
        reader.reply(client_mutation_id, outcome, show).await.map(DevicePayload::from)
    }
}
