//! What one is told, as it is told (NTF-04).

use std::sync::Arc;

use async_graphql::{Context, Subscription};
use domain::inbox::{self, Standing};
use eventlog::Recorded;
use futures_util::stream::{Stream, StreamExt};
use projections::feed::Wanted;
use projections::models::{NotificationRow, Notifications};
use projections::{Known, ReadModel};

use super::NotificationNode;
use crate::app::App;
use crate::connection::Edge;
use crate::errors::ApiError;
use crate::event;
use crate::reading::{Reader, token};

/// The events that make a notification appear.
const APPEARS: [&str; 2] = ["NotificationCreated", "NotificationReleased"];

/// Notifications as they appear.
#[derive(Default)]
pub struct InboxSubscription;

#[Subscription]
impl InboxSubscription {
    /// Every notification of yours, when it appears in your inbox.
    async fn notification_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<NotificationNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let after = event::start(reader.app, after).await?;
        let (app, own) = (reader.app.clone(), format!("inbox-{}", user.uuid()));
        let wants: Wanted = Arc::new(move |event: &Recorded| event.stream.as_str() == own && APPEARS.contains(&event.event_type.as_str()));
        let appeared = event::tail(&app, after, wants).then(move |recorded| {
            let app = app.clone();
            async move { appeared(&app, &*recorded?).await }
        });
        Ok(appeared.filter_map(|edge| std::future::ready(edge.transpose())))
    }
}

/// The notification that an event makes appear, as of that event.
async fn appeared(app: &App, recorded: &Recorded) -> Result<Option<Edge<NotificationNode>>, ApiError> {
    let mut row: Option<NotificationRow> = None;
    for event in projections::decode(recorded).map_err(ApiError::internal)?.into_vec() {
        let known = Known { recorded: recorded.clone(), event };
        row = match &known.event {
            domain::Event::Inbox(inbox::Event::NotificationCreated { notification, .. }) => {
                let created = Notifications::apply(&notification.to_string(), None, &known).map_err(ApiError::internal)?;
                created.filter(|row| row.standing != Standing::Held)
            }
            // What was shown at once and only went out later was here before.
            domain::Event::Inbox(inbox::Event::NotificationReleased { notification, created, .. }) => {
                let key = notification.to_string();
                let held = held_at(app, *created, &key).await?;
                if held.is_some() { Notifications::apply(&key, held, &known).map_err(ApiError::internal)? } else { None }
            }
            _ => None,
        };
    }
    Ok(row.map(|row| Edge { cursor: token(recorded.position), node: NotificationNode(row) }))
}

/// A notification as it was created, if it was kept back then.
async fn held_at(app: &App, created: u64, key: &str) -> Result<Option<NotificationRow>, ApiError> {
    let found = app.ctx.log.read(created.saturating_sub(1), 1).await.map_err(ApiError::internal)?;
    let Some(recorded) = found.into_iter().find(|event| event.position == created) else { return Ok(None) };
    for event in projections::decode(&recorded).map_err(ApiError::internal)?.into_vec() {
        let known = Known { recorded: recorded.clone(), event };
        if Notifications::keys(&known).iter().any(|touched| touched == key) {
            let row = Notifications::apply(key, None, &known).map_err(ApiError::internal)?;
            return Ok(row.filter(|row| row.standing == Standing::Held));
        }
    }
    Ok(None)
}
