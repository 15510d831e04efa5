//! Telling somebody something; seeing it and putting it away.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::inbox::{self, OfNotification, SendNotification};
use domain::ids::{NotificationId, UserId};

use super::NotificationNode;
use crate::errors::ApiError;
use crate::input::id;
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// Something to be told to somebody.
#[derive(InputObject)]
pub struct SendNotificationInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// To whom.
    user_id: ID,
    /// Which template: `ANNOUNCEMENT`, `SAFETY_NOTICE` or `PROMOTION`.
    template: String,
    /// In your words, at most 1,000 characters.
    message: String,
    /// Your own mark of what causes it, at most 100 characters: the same one tells the same person the same thing once.
    source: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A notification that was seen.
#[derive(InputObject)]
pub struct MarkReadInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which of yours.
    notification_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Everything was seen.
#[derive(InputObject)]
pub struct MarkAllReadInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A notification to be put away.
#[derive(InputObject)]
pub struct ArchiveNotificationInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which of yours.
    notification_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a notification's mutation answers.
#[derive(SimpleObject)]
pub struct NotificationPayload {
    /// The notification as of the receipt.
    notification: Option<NotificationNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<NotificationNode>> for NotificationPayload {
    fn from(Reply { entity, answer }: Reply<NotificationNode>) -> Self {
        Self { notification: entity, answer }
    }
}

/// What was sent.
#[derive(SimpleObject)]
pub struct SendNotificationPayload {
    /// The notification, now or before; null for somebody who never agreed to advertising, or may not use their account.
    notification_id: Option<ID>,
    #[graphql(flatten)]
    answer: Answer,
}

/// What is left.
#[derive(SimpleObject)]
pub struct MarkAllReadPayload {
    /// How many you have not seen yet, as of the receipt.
    unread_count: Option<i32>,
    #[graphql(flatten)]
    answer: Answer,
}

/// Mutations of inboxes.
#[derive(Default)]
pub struct InboxMutation;

#[Object]
impl InboxMutation {
    /// Tells somebody something in your words; for programs and administrators.
    async fn send_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SendNotificationInput,
    ) -> Result<SendNotificationPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let SendNotificationInput { idempotency_key, user_id, template, message, source, client_mutation_id } = input;
        let outcome = async {
            let caller = reader.caller(idempotency_key)?;
            let user: UserId = id(&user_id, "USER001", "userId")?;
            let letter = SendNotification { user, template, message, source };
            inbox::send_notification(&reader.app.ctx, &caller, &letter).await
        };
        let outcome = outcome.await;
        let show = async |sent: Option<NotificationId>, _| Ok(sent.map(|sent| ID(sent.to_string())));
        let Reply { entity, answer } = reader.reply(client_mutation_id, outcome, show).await?;
        Ok(SendNotificationPayload { notification_id: entity, answer })
    }

    /// Notes that you have seen a notification.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: MarkReadInput,
    ) -> Result<NotificationPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = OfNotification { notification: id(&input.notification_id, "NOTI001", "notificationId")? };
            inbox::mark_read(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<NotificationNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Notes that you have seen everything that there is.
    async fn mark_all_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: MarkAllReadInput,
    ) -> Result<MarkAllReadPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = match reader.caller(input.idempotency_key) {
            Ok(caller) => inbox::mark_all_read(&reader.app.ctx, &caller).await,
            Err(refused) => Err(refused),
        };
        let show = async |left: u32, _| Ok(Some(i32::try_from(left).unwrap_or(i32::MAX)));
        let Reply { entity, answer } = reader.reply(input.client_mutation_id, outcome, show).await?;
        Ok(MarkAllReadPayload { unread_count: entity, answer })
    }

    /// Puts a notification away.
    async fn archive_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ArchiveNotificationInput,
    ) -> Result<NotificationPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = OfNotification { notification: id(&input.notification_id, "NOTI001", "notificationId")? };
            inbox::archive_notification(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<NotificationNode, _>(caller, input.client_mutation_id, act).await
    }
}
