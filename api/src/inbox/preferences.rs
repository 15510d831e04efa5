//! What a person wants to be told, by which way and when (NTF-08).

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::user::{self, Quiet, SetPreferences, SetQuietHours};
use domain::ids::UserId;
use domain::inbox::{Choice, Preferences, QuietHours};
use kernel::Refused;
use projections::models::Users;

use super::{NotificationChannel, NotificationKind};
use crate::errors::{ApiError, Language, MALFORMED};
use crate::input::invalid;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;

/// Most choices of one call: every kind by every way, and room for a second thought.
const MAX_CHOICES: usize = 20;
/// Whose clock quiet hours go by when nobody says.
const ZONE: &str = "Asia/Seoul";

/// A language of what goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationLanguage {
    /// Korean.
    Ko,
    /// English.
    En,
}

impl NotificationLanguage {
    const fn stored(self) -> Language {
        match self {
            Self::Ko => Language::Ko,
            Self::En => Language::En,
        }
    }
}

impl From<Language> for NotificationLanguage {
    fn from(language: Language) -> Self {
        match language {
            Language::Ko => Self::Ko,
            Language::En => Self::En,
        }
    }
}

/// A yes or a no to a way of a kind.
#[derive(InputObject)]
pub struct NotificationChoiceInput {
    /// Of what kind; a no to what is mandatory is refused.
    kind: NotificationKind,
    /// By which way.
    channel: NotificationChannel,
    /// Yes or no.
    enabled: bool,
}

/// What you want to be told, and by which way.
#[derive(InputObject)]
pub struct SetNotificationPreferencesInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Yes or no to ways of kinds, in order, at most 20; what is not named stays.
    choices: Vec<NotificationChoiceInput>,
    /// The language of mail, SMS and push messages; without it, it stays.
    language: Option<NotificationLanguage>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Hours in which only what is mandatory goes out.
#[derive(InputObject)]
pub struct QuietHoursInput {
    /// Their beginning by the clock on the wall, as `22:00`.
    from: String,
    /// Their end, as `07:00`; before the beginning: on the next day.
    until: String,
    /// IANA name of the zone whose clock it is; without it, `Asia/Seoul`.
    time_zone: Option<String>,
}

/// Hours to be left alone in.
#[derive(InputObject)]
pub struct SetQuietHoursInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which; null for none.
    quiet_hours: Option<QuietHoursInput>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Hours in which only what is mandatory goes out; your inbox gets the rest at once, the channels when they end.
#[derive(Clone, Debug, SimpleObject)]
pub struct QuietHoursSetting {
    /// Their beginning by the clock on the wall, as `22:00`.
    from: String,
    /// Their end; before the beginning: on the next day.
    until: String,
    /// IANA name of the zone whose clock it is.
    time_zone: String,
}

impl From<&QuietHours> for QuietHoursSetting {
    fn from(hours: &QuietHours) -> Self {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        Self { from: clock(hours.from), until: clock(hours.until), time_zone: hours.zone.to_string() }
    }
}

/// What you want to be told, by which way and when. What is mandatory comes by mail, else by SMS, whatever stands here.
#[derive(Clone, Debug, SimpleObject)]
pub struct NotificationPreferences {
    /// The language of mail, SMS and push messages.
    language: NotificationLanguage,
    /// Ways for what you take part in.
    transactional: Vec<NotificationChannel>,
    /// Ways for advertising; each needs its consent as well (`setConsent`).
    marketing: Vec<NotificationChannel>,
    /// Quiet hours; null for none.
    quiet_hours: Option<QuietHoursSetting>,
}

impl From<&Preferences> for NotificationPreferences {
    fn from(preferences: &Preferences) -> Self {
        let ways = |ways: &std::collections::BTreeSet<_>| ways.iter().map(|way| NotificationChannel::from(*way)).collect();
        Self {
            language: preferences.language.into(),
            transactional: ways(&preferences.transactional),
            marketing: ways(&preferences.marketing),
            quiet_hours: preferences.quiet.as_ref().map(Into::into),
        }
    }
}

impl Shown for NotificationPreferences {
    type Id = UserId;

    async fn fresh(reader: &Reader<'_>, id: UserId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Users>(&id.to_string(), position).await?.map(|row| Self::from(&row.preferences)))
    }
}

/// What a mutation of preferences answers.
#[derive(SimpleObject)]
pub struct NotificationPreferencesPayload {
    /// Your preferences as of the receipt.
    preferences: Option<NotificationPreferences>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<NotificationPreferences>> for NotificationPreferencesPayload {
    fn from(Reply { entity, answer }: Reply<NotificationPreferences>) -> Self {
        Self { preferences: entity, answer }
    }
}

/// Queries of preferences.
#[derive(Default)]
pub struct PreferenceQuery;

#[Object]
impl PreferenceQuery {
    /// What you want to be told, by which way and when.
    async fn notification_preferences(&self, ctx: &Context<'_>) -> Result<Option<NotificationPreferences>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        Ok(reader.get::<Users>(&user.to_string()).await?.map(|row| NotificationPreferences::from(&row.preferences)))
    }
}

/// Mutations of preferences.
#[derive(Default)]
pub struct PreferenceMutation;

#[Object]
impl PreferenceMutation {
    /// Chooses what you want to be told, and by which way.
    async fn set_notification_preferences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetNotificationPreferencesInput,
    ) -> Result<NotificationPreferencesPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            if input.choices.len() > MAX_CHOICES {
                return Err(invalid(Refused::at(MALFORMED, &["choices"])));
            }
            let choice = |choice: &NotificationChoiceInput| {
                let (kind, channel) = (choice.kind.stored(), choice.channel.stored());
                Choice { kind, channel, enabled: choice.enabled }
            };
            let choices = input.choices.iter().map(choice).collect();
            let command = SetPreferences { choices, language: input.language.map(NotificationLanguage::stored) };
            user::set_preferences(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<NotificationPreferences, _>(caller, input.client_mutation_id, act).await
    }

    /// Sets the hours in which only what is mandatory goes out to you, or does away with them.
    async fn set_quiet_hours(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetQuietHoursInput,
    ) -> Result<NotificationPreferencesPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let quiet = input.quiet_hours.map(quiet).transpose().map_err(invalid)?;
            user::set_quiet_hours(&reader.app.ctx, &caller, &SetQuietHours { quiet }).await
        };
        reader.mutate::<NotificationPreferences, _>(caller, input.client_mutation_id, act).await
    }
}

fn quiet(input: QuietHoursInput) -> Result<Quiet, Refused> {
    let clock = |text: &str, field| minutes(text).ok_or_else(|| Refused::at(MALFORMED, &["quietHours", field]));
    let (from, until) = (clock(&input.from, "from")?, clock(&input.until, "until")?);
    Ok(Quiet { from, until, zone: input.time_zone.unwrap_or_else(|| ZONE.to_owned()) })
}

/// Minutes after midnight of `07:30`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| match text.len() {
        2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u16>().ok().filter(|number| *number < below),
        _ => None,
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn a_time_of_day_has_four_digits() {
        assert_eq!([minutes("00:00"), minutes("07:30"), minutes("23:59")], [Some(0), Some(450), Some(1_439)]);
        for bad in ["24:00", "7:30", "07:60", "0730", "+7:30", "07:30:00", ""] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
    }
}
