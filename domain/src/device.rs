//! The devices that a person gets push messages on (NTF-05): stream `device-{user}`, all of them in one, so that what goes out knows
//! at once where to.
//!
//! ```text
//! Absent ── register ──▶ Registered ── remove | the provider no longer knows it ──▶ Absent
//! ```

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, UserId};

/// Devices that one person may have; another one pushes the oldest out.
pub const MAX_DEVICES: usize = 10;
/// Longest token of a push service, in characters.
pub const MAX_TOKEN_CHARS: usize = 512;

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// A browser.
    Web,
}

/// Why a device gets nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Its person wants it so.
    Asked,
    /// The push service does not know its token any more.
    Unregistered,
    /// A newer device took its place.
    Replaced,
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a person's devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A device can be reached.
    DeviceRegistered {
        /// Its own id, made of person and token.
        device: DeviceId,
        /// Whose.
        user: UserId,
        /// What it runs.
        platform: Platform,
        /// How the push service calls it.
        token: Personal<String>,
    },
    /// A device gets nothing any more.
    DeviceRemoved {
        /// Which.
        device: DeviceId,
        /// Why.
        removal: Removal,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::DeviceRegistered { .. } => "DeviceRegistered",
            Self::DeviceRemoved { .. } => "DeviceRemoved",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

// --- state --------------------------------------------------------------------------------------------------

/// A registered device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What it runs.
    pub platform: Platform,
    /// How the push service calls it.
    pub token: Personal<String>,
}

/// A person's devices, oldest first; at most [`MAX_DEVICES`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Devices {
    registered: Vec<Device>,
}

impl Devices {
    /// Those that can be reached, oldest first.
    #[must_use]
    pub fn registered(&self) -> &[Device] {
        &self.registered
    }

    fn has(&self, device: DeviceId) -> bool {
        self.registered.iter().any(|known| known.id == device)
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a person's devices.
#[derive(Clone, Debug)]
pub enum Command {
    /// Reach one from now on.
    Register {
        /// Its id.
        device: DeviceId,
        /// Whose.
        user: UserId,
        /// What it runs.
        platform: Platform,
        /// How the push service calls it.
        token: String,
    },
    /// Reach one no longer.
    Remove {
        /// Which.
        device: DeviceId,
    },
    /// The push service no longer knows one.
    Unregister {
        /// Which.
        device: DeviceId,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a device's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such device of the person's.
    #[error("no such device")]
    NotFound,
    /// A token that is empty, too long, or not printable.
    #[error("not a token")]
    BadToken,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("SYS007", &["deviceId"]),
            Self::BadToken => Refused::at("SYS003", &["token"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Devices {
    const KIND: &'static str = "device";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Register { device, user, platform, token } => {
                let sound = !token.is_empty() && token.len() <= MAX_TOKEN_CHARS && token.chars().all(|c| c.is_ascii_graphic());
                if !sound {
                    return Err(Refusal::BadToken);
                }
                if self.has(device) {
                    return Ok(vec![]);
                }
                let oldest = self.registered.first().filter(|_| self.registered.len() >= MAX_DEVICES);
                let replaced = oldest.map(|oldest| Event::DeviceRemoved { device: oldest.id, removal: Removal::Replaced });
                let token = Personal::profile(user.uuid(), token);
                Ok(replaced.into_iter().chain([Event::DeviceRegistered { device, user, platform, token }]).collect())
            }
            Command::Remove { device } if self.has(device) => Ok(vec![Event::DeviceRemoved { device, removal: Removal::Asked }]),
            Command::Remove { .. } => Err(Refusal::NotFound),
            Command::Unregister { device } if self.has(device) => Ok(vec![Event::DeviceRemoved { device, removal: Removal::Unregistered }]),
            Command::Unregister { .. } => Ok(vec![]),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::DeviceRegistered { device, platform, token, user: _ } => {
                self.registered.push(Device { id: *device, platform: *platform, token: token.clone() });
            }
            Event::DeviceRemoved { device, removal: _ } => self.registered.retain(|known| known.id != *device),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Actor, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn after(events: Vec<Event>, command: Command) -> Result<Vec<Event>, Refusal> {
        Devices::fold(&events).decide(At { now: Timestamp::UNIX_EPOCH, actor: Actor::Anonymous, command })
    }

    fn register(number: u128, token: &str) -> Command {
        let (device, user) = (DeviceId::new(Uuid::from_u128(number)), UserId::new(Uuid::from_u128(1)));
        Command::Register { device, user, platform: Platform::Ios, token: token.to_owned() }
    }

    fn registered(numbers: std::ops::Range<u128>) -> Vec<Event> {
        let mut events = Vec::new();
        for number in numbers {
            let more = after(events.clone(), register(number, "t"));
            events.extend(more.unwrap_or_default());
        }
        events
    }

    #[test]
    fn a_device_is_registered_once_and_removed_by_its_person() {
        let events = registered(1..2);
        assert_eq!(after(events.clone(), register(1, "t")), Ok(vec![]));
        let device = DeviceId::new(Uuid::from_u128(1));
        assert_eq!(after(events.clone(), Command::Remove { device }).map(|events| events.len()), Ok(1));
        assert_eq!(after(vec![], Command::Remove { device }), Err(Refusal::NotFound));
        assert_eq!(after(vec![], Command::Unregister { device }), Ok(vec![]), "the service may say so twice");
        for bad in ["", "with space", &"x".repeat(MAX_TOKEN_CHARS + 1)] {
            assert_eq!(after(vec![], register(1, bad)), Err(Refusal::BadToken), "{bad}");
        }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let events = registered(0..MAX_DEVICES as u128 + 3);
        let state = Devices::fold(&events);
        assert_eq!(state.registered().len(), MAX_DEVICES);
        assert_eq!(state.registered()[0].id, DeviceId::new(Uuid::from_u128(3)));
    }
}
