//! By which ways a notification goes out, and when: preferences, consents, quiet hours, the night (domain.md §3.5, §5 Notify).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kernel::Timestamp;
use kernel::jiff::tz::{self, TimeZone};

use super::preferences::window_end;
use super::{Channel, Kind, Preferences};
use crate::user::ConsentKind;

/// Advertising rests from nine in the evening to eight in the morning in Seoul, unless a person agreed to it at night, too.
const NIGHT: (u16, u16) = (21 * 60, 8 * 60);
/// Windows that may follow one another; those of a person who is quiet around the clock never end, and then it goes out all the same.
const MAX_WINDOWS: usize = 8;
static SEOUL: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Asia/Seoul").unwrap_or_else(|_| TimeZone::fixed(tz::offset(9))));

/// What there is to know of a person before they are notified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// What they chose.
    pub preferences: Preferences,
    /// What they agreed to.
    pub consents: BTreeSet<ConsentKind>,
    /// Is there a proved address?
    pub email: bool,
    /// Is there a proved number?
    pub phone: bool,
    /// Is there a registered device?
    pub device: bool,
}

/// How one notification goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub channels: Vec<Channel>,
    /// Not before then.
    pub deliver_at: Option<Timestamp>,
    /// Until then not even the inbox shows it.
    pub held: bool,
}

impl Recipient {
    /// The plan for a kind; `None` for advertising that the person never agreed to.
    pub(super) fn plan(&self, kind: Kind, now: Timestamp) -> Option<Plan> {
        let channels: Vec<_> = match kind {
            // By mail, else by SMS: one that certainly arrives.
            Kind::Mandatory if self.email => vec![Channel::Email],
            Kind::Mandatory if self.phone => vec![Channel::Sms],
            Kind::Mandatory => Vec::new(),
            Kind::Transactional | Kind::Marketing => {
                let ways = [Channel::Email, Channel::Sms, Channel::Push].into_iter();
                ways.filter(|way| self.reaches(*way) && self.preferences.wants(kind, *way) && self.agrees(kind, *way)).collect()
            }
        };
        let ways = [Channel::Email, Channel::Sms, Channel::Push];
        if !ways.into_iter().any(|way| self.agrees(kind, way)) {
            return None;
        }
        let due = self.rested(kind, !channels.is_empty(), now);
        Some(Plan { channels, deliver_at: (due > now).then_some(due), held: self.night_end(kind, now).is_some() })
    }

    /// May a notification of this kind still go out this way? `Some(later)`: only then, because advertising rests at night; `None`: the person
    /// has taken the consent back. What a person agrees to counts when it is sent, not when it was planned.
    #[must_use]
    pub fn still(&self, kind: Kind, way: Channel, now: Timestamp) -> Option<Timestamp> {
        self.agrees(kind, way).then(|| self.night_end(kind, now).unwrap_or(now))
    }

    /// The first instant from now on at which nothing keeps it back. One window may end within another.
    fn rested(&self, kind: Kind, leaves: bool, now: Timestamp) -> Timestamp {
        let mut due = now;
        for _ in 0..MAX_WINDOWS {
            let quiet = self.preferences.quiet.as_ref().filter(|_| leaves && kind != Kind::Mandatory);
            match self.night_end(kind, due).max(quiet.and_then(|hours| hours.end_after(due))) {
                Some(later) => due = later,
                None => break,
            }
        }
        due
    }

    /// When the night ends for advertising that must not come in it.
    fn night_end(&self, kind: Kind, at: Timestamp) -> Option<Timestamp> {
        let kept_back = kind == Kind::Marketing && !self.consents.contains(&ConsentKind::NightMarketing);
        if kept_back { window_end(NIGHT.0, NIGHT.1, &SEOUL, at) } else { None }
    }

    fn reaches(&self, way: Channel) -> bool {
        match way {
            Channel::Email => self.email,
            Channel::Sms => self.phone,
            Channel::Push => self.device,
        }
    }

    fn agrees(&self, kind: Kind, way: Channel) -> bool {
        let needed = match way {
            Channel::Email => ConsentKind::MarketingEmail,
            Channel::Sms => ConsentKind::MarketingSms,
            Channel::Push => ConsentKind::MarketingPush,
        };
        kind != Kind::Marketing || self.consents.contains(&needed)
    }
}
