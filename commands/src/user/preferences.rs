//! What a person wants to be told, by which way and when (NTF-08).

use domain::catalogue::Language;
use domain::ids::UserId;
use domain::inbox::{Choice, QuietHours, Refusal};
use domain::user;
use eventlog::{ExecuteError, Executed};
use serde::Serialize;

use super::on_own;
use crate::{Caller, Context};

/// Input of [`set_preferences`].
#[derive(Clone, Debug, Serialize)]
pub struct SetPreferences {
    /// A yes or a no to ways of kinds, in order.
    pub choices: Vec<Choice>,
    /// The language of what goes out; none leaves it.
    pub language: Option<Language>,
}

/// Chooses what to be told, and by which way.
///
/// # Errors
/// AUTH007, NOTI003; or the log's.
pub async fn set_preferences(ctx: &Context, caller: &Caller, input: &SetPreferences) -> Result<Executed<UserId>, ExecuteError> {
    let command = |_| user::Command::SetPreferences { choices: input.choices.clone(), language: input.language };
    on_own(ctx, "setNotificationPreferences", caller, input, command).await
}

/// Quiet hours as a person states them.
#[derive(Clone, Debug, Serialize)]
pub struct Quiet {
    /// Their beginning, in minutes after local midnight.
    pub from: u16,
    /// Their end, in minutes after local midnight; before `from`: on the next day.
    pub until: u16,
    /// IANA name of the zone whose clock it is.
    pub zone: String,
}

/// Input of [`set_quiet_hours`].
#[derive(Clone, Debug, Serialize)]
pub struct SetQuietHours {
    /// Which; none: there are none.
    pub quiet: Option<Quiet>,
}

/// Is left alone in some hours of the day, or in none.
///
/// # Errors
/// SYS003, AUTH007; or the log's.
pub async fn set_quiet_hours(ctx: &Context, caller: &Caller, input: &SetQuietHours) -> Result<Executed<UserId>, ExecuteError> {
    let quiet = input
        .quiet
        .as_ref()
        .map(read)
        .transpose()
        .map_err(|refusal| ExecuteError::Refused { refused: kernel::Refusal::refused(&refusal), replayed: false })?;
    on_own(ctx, "setQuietHours", caller, input, |_| user::Command::SetQuietHours { quiet: quiet.clone() }).await
}

fn read(hours: &Quiet) -> Result<QuietHours, Refusal> {
    let zone = hours.zone.parse().map_err(|_| Refusal::BadTimeZone)?;
    QuietHours::new(hours.from, hours.until, zone).ok_or(Refusal::BadQuietHours)
}
