//! Why an inbox's command is refused.

use kernel::Refused;

/// Why an inbox's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such notification in this inbox, or it was put away long ago.
    #[error("no such notification")]
    NotFound,
    /// No such template, or none that is sent by hand.
    #[error("no such template")]
    NoTemplate,
    /// Quiet hours that are empty, or no times of a day.
    #[error("bad quiet hours")]
    BadQuietHours,
    /// No IANA time zone.
    #[error("no time zone")]
    BadTimeZone,
    /// The mark of a source is empty or too long.
    #[error("bad source")]
    BadSource,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("NOTI001", &["notificationId"]),
            Self::NoTemplate => Refused::at("NOTI002", &["template"]),
            Self::BadQuietHours => Refused::at("SYS003", &["from"]),
            Self::BadTimeZone => Refused::at("SYS003", &["timeZone"]),
            Self::BadSource => Refused::at("SYS003", &["source"]),
        }
    }
}
