//! What a person wants to be told, by which way and when (NTF-07, NTF-08). Kept with the account ([`crate::user`]).

use std::collections::BTreeSet;

use kernel::Timestamp;
use kernel::jiff::civil::{Date, Time};
use kernel::jiff::tz::{Disambiguation, TimeZone};
use serde::{Deserialize, Serialize};

use crate::catalogue::Language;
use crate::geo::ZoneName;
use crate::vehcal::windows::DAY_MINUTES;

/// How much a person may say about a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Security, payment, safety: nothing keeps it back.
    Mandatory,
    /// About something that the person takes part in.
    Transactional,
    /// Advertising: only for those who agreed to it.
    Marketing,
}

impl Kind {
    /// Its name in the table of templates and in read models.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Transactional => "transactional",
            Self::Marketing => "marketing",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Mandatory, Self::Transactional, Self::Marketing].into_iter().find(|kind| kind.name() == name)
    }
}

/// A way out of the house. The inbox itself, and whoever listens to it, is none: it gets everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Mail to the proved address.
    Email,
    /// SMS to the proved number.
    Sms,
    /// A push message to every registered device.
    Push,
}

impl Channel {
    /// Its name, part of the key of each delivery.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }
}

/// Hours in which only what is mandatory goes out; the inbox gets the rest at once, the channels when they end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// Their beginning, in minutes after local midnight.
    pub from: u16,
    /// Their end, in minutes after local midnight; before `from`: on the next day.
    pub until: u16,
    /// Whose clock.
    pub zone: ZoneName,
}

impl QuietHours {
    /// Hours that make sense: within a day, and not empty.
    #[must_use]
    pub fn new(from: u16, until: u16, zone: ZoneName) -> Option<Self> {
        (from < DAY_MINUTES && until < DAY_MINUTES && from != until).then_some(Self { from, until, zone })
    }

    /// When they end, if it is one of them.
    #[must_use]
    pub fn end_after(&self, now: Timestamp) -> Option<Timestamp> {
        window_end(self.from, self.until, &self.zone.rules(), now)
    }
}

/// When a daily window of local time ends, if an instant lies within it.
pub(super) fn window_end(from: u16, until: u16, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let local = now.to_zoned(zone.clone());
    let minute = u16::try_from(local.hour()).ok()? * 60 + u16::try_from(local.minute()).ok()?;
    let overnight = from > until;
    let within = if overnight { minute >= from || minute < until } else { (from..until).contains(&minute) };
    if !within {
        return None;
    }
    let day = if overnight && minute >= from { local.date().tomorrow().ok()? } else { local.date() };
    // Where clocks are set forward over the end, it is the instant after the gap.
    instant(day, until, zone).filter(|end| *end > now)
}

fn instant(date: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
    zone.to_ambiguous_timestamp(date.to_datetime(time)).disambiguate(Disambiguation::Compatible).ok()
}

/// A yes or no to one channel for one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Of what kind.
    pub kind: Kind,
    /// By which way.
    pub channel: Channel,
    /// Yes or no.
    pub enabled: bool,
}

/// What a person chose; without a choice, push messages for what concerns them, and advertising as far as they agree to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// The language of what goes out.
    pub language: Language,
    /// Ways for what concerns them.
    pub transactional: BTreeSet<Channel>,
    /// Ways for advertising; each needs its consent as well.
    pub marketing: BTreeSet<Channel>,
    /// Quiet hours, if there are any.
    pub quiet: Option<QuietHours>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            language: Language::Ko,
            transactional: BTreeSet::from([Channel::Push]),
            marketing: BTreeSet::from([Channel::Email, Channel::Sms, Channel::Push]),
            quiet: None,
        }
    }
}

/// A mandatory kind was to be switched off (NOTI003).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mandatory notifications cannot be switched off")]
pub struct MandatoryKind;

impl Preferences {
    /// The same after some choices, in order.
    ///
    /// # Errors
    /// [`MandatoryKind`] when one of them says no to what is mandatory; a yes to it changes nothing.
    pub fn with(&self, choices: &[Choice]) -> Result<Self, MandatoryKind> {
        let mut chosen = self.clone();
        for Choice { kind, channel, enabled } in choices {
            let ways = match kind {
                Kind::Mandatory if *enabled => continue,
                Kind::Mandatory => return Err(MandatoryKind),
                Kind::Transactional => &mut chosen.transactional,
                Kind::Marketing => &mut chosen.marketing,
            };
            if *enabled {
                ways.insert(*channel);
            } else {
                ways.remove(channel);
            }
        }
        Ok(chosen)
    }

    /// Does this kind go out by this way?
    #[must_use]
    pub fn wants(&self, kind: Kind, channel: Channel) -> bool {
        match kind {
            Kind::Mandatory => true,
            Kind::Transactional => self.transactional.contains(&channel),
            Kind::Marketing => self.marketing.contains(&channel),
        }
    }
}
