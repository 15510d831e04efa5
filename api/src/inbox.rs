//! What people are told, as GraphQL shows it (domain.md §3.5).

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::ids::NotificationId;
use domain::inbox::template::{self, Rendered};
use domain::inbox::{Channel, Kind, Outcome, Standing};
use kernel::jiff::tz::TimeZone;
use projections::models::{NotificationRow, Notifications};

mod device;
mod mutation;
mod preferences;
mod query;
mod subscription;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::reading::Reader;
use crate::scalars::DateTime;
pub use device::DeviceMutation;
pub use mutation::InboxMutation;
pub use preferences::{PreferenceMutation, PreferenceQuery};
pub use query::InboxQuery;
pub use subscription::InboxSubscription;

/// How much a person may say about a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationKind {
    /// Security, payment, safety: nothing keeps it back.
    Mandatory,
    /// About something that the person takes part in.
    Transactional,
    /// Advertising: only for those who agreed to it.
    Marketing,
}

impl From<Kind> for NotificationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mandatory => Self::Mandatory,
            Kind::Transactional => Self::Transactional,
            Kind::Marketing => Self::Marketing,
        }
    }
}

impl NotificationKind {
    const fn stored(self) -> Kind {
        match self {
            Self::Mandatory => Kind::Mandatory,
            Self::Transactional => Kind::Transactional,
            Self::Marketing => Kind::Marketing,
        }
    }
}

/// A way out of the house; the inbox and its subscription get everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationChannel {
    /// Mail to the proved address.
    Email,
    /// SMS to the proved number.
    Sms,
    /// A push message to every registered device.
    Push,
}

impl From<Channel> for NotificationChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
            Channel::Push => Self::Push,
        }
    }
}

impl NotificationChannel {
    const fn stored(self) -> Channel {
        match self {
            Self::Email => Channel::Email,
            Self::Sms => Channel::Sms,
            Self::Push => Channel::Push,
        }
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationStatus {
    /// Not seen yet.
    Unread,
    /// Seen.
    Read,
    /// Put away.
    Archived,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeliveryStatus {
    /// It is on its way, or waits for the end of quiet hours.
    Planned,
    /// A service took it.
    Succeeded,
    /// It was tried four times and given up.
    Failed,
}

impl From<Outcome> for DeliveryStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Planned => Self::Planned,
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
        }
    }
}

/// A delivery of a notification.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct NotificationDelivery {
    /// By which way.
    channel: NotificationChannel,
    /// What became of it.
    status: DeliveryStatus,
    /// When that was known.
    at: DateTime,
}

/// A notification of the viewer's own.
#[derive(Clone, Debug)]
pub struct NotificationNode(NotificationRow);

impl NotificationNode {
    /// The notification, when it is the viewer's and does not wait for the morning.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: NotificationRow) -> Option<Self> {
        (reader.viewer.user == Some(row.user) && row.standing != Standing::Held).then_some(Self(row))
    }

    /// A notification of the viewer's own by its id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<Notifications>(id).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// What it says in the language of the request, its times by the clock of Seoul.
    async fn rendered(&self, reader: &Reader<'_>) -> Result<Option<Rendered>, ApiError> {
        let message: Option<String> = reader.open(self.0.message.as_ref()).await?;
        let zone = TimeZone::get("Asia/Seoul").unwrap_or(TimeZone::UTC);
        let found = template::find(&self.0.template);
        Ok(found.map(|found| found.render(reader.meta.language, &zone, &self.0.params, message.as_deref())))
    }
}

impl Shown for NotificationNode {
    type Id = NotificationId;

    async fn fresh(reader: &Reader<'_>, id: NotificationId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Notifications>(&id.to_string(), position).await?.and_then(|row| Self::visible(reader, row)))
    }
}

/// Something that you were told.
#[Object(name = "Notification")]
impl NotificationNode {
    /// The notification's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What it says, for programs.
    async fn template(&self) -> &str {
        &self.0.template
    }

    /// How much you may say about it.
    async fn kind(&self) -> NotificationKind {
        self.0.kind.into()
    }

    /// One line, in the language of the request.
    async fn title(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        Ok(self.rendered(&Reader::of(ctx)?).await?.map_or_else(String::new, |rendered| rendered.title))
    }

    /// The rest, in the language of the request.
    async fn text(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        Ok(self.rendered(&Reader::of(ctx)?).await?.map_or_else(String::new, |rendered| rendered.text))
    }

    /// The id of the thing that it is about; give it to `node`.
    async fn about_id(&self) -> Option<ID> {
        self.0.about.clone().map(ID)
    }

    /// What caused it: the id of an event, or the mark of whoever sent it.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// Where it stands.
    async fn status(&self) -> NotificationStatus {
        match self.0.standing {
            Standing::Held | Standing::Unread => NotificationStatus::Unread,
            Standing::Read => NotificationStatus::Read,
            Standing::Archived => NotificationStatus::Archived,
        }
    }

    /// When you were told.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When you saw it.
    async fn read_at(&self) -> Option<DateTime> {
        self.0.read_at.map(Into::into)
    }

    /// By which ways it went out, and what became of that.
    async fn deliveries(&self) -> Vec<NotificationDelivery> {
        let shown = self.0.deliveries.iter();
        shown
            .map(|delivery| NotificationDelivery {
                channel: delivery.channel.into(),
                status: delivery.outcome.into(),
                at: delivery.at.into(),
            })
            .collect()
    }

    /// The events of your inbox, oldest first: what you were told, saw and put away, when, and by whom.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        event::history(&Reader::of(ctx)?, format!("inbox-{}", self.0.user.uuid()), &page).await
    }
}
