//! What changes payments.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::payment as command;
use domain::ids::PaymentId;
use domain::user::Role;

use super::{PaymentNode, confirm};
use crate::errors::{ApiError, UserError};
use crate::input::{id, invalid};
use crate::mutation::{Receipt, Reply};
use crate::reading::Reader;
use crate::scalars::MoneyInput;

/// What a payment's mutation answers.
#[derive(SimpleObject)]
pub struct PaymentPayload {
    /// The payment as of the receipt; after a confirmation, as the provider left it.
    payment: Option<PaymentNode>,
    /// What the command did.
    receipt: Option<Receipt>,
    /// Why it was refused, or what the provider said.
    user_errors: Vec<UserError>,
    /// As the client sent it.
    client_mutation_id: Option<String>,
}

impl From<Reply<PaymentNode>> for PaymentPayload {
    fn from(reply: Reply<PaymentNode>) -> Self {
        let Reply { entity, receipt, user_errors, client_mutation_id } = reply;
        Self { payment: entity, receipt, user_errors, client_mutation_id }
    }
}

/// What the payer's browser brings back from the payment provider.
#[derive(InputObject)]
pub struct ConfirmPaymentInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every new attempt.
    idempotency_key: String,
    /// The booking that is paid.
    booking_id: ID,
    /// The provider's key of the payer's authorisation.
    payment_key: String,
    /// Our order number, as the provider repeats it.
    order_id: String,
    /// The whole amount, as the provider repeats it.
    amount: MoneyInput,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl ConfirmPaymentInput {
    fn command(&self) -> Result<command::ConfirmPayment, commands::ExecuteError> {
        Ok(command::ConfirmPayment {
            booking_id: id(&self.booking_id, "BOOKING001", "bookingId")?,
            payment_key: self.payment_key.clone(),
            order_id: self.order_id.clone(),
            amount: self.amount.money(&["amount"]).map_err(invalid)?,
        })
    }
}

/// Money that is to go back.
#[derive(InputObject)]
pub struct RequestRefundInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which payment.
    payment_id: ID,
    /// How much; without it, all that is left.
    amount: Option<MoneyInput>,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl RequestRefundInput {
    fn command(&self) -> Result<command::RequestRefund, commands::ExecuteError> {
        Ok(command::RequestRefund {
            payment_id: payment_id(&self.payment_id)?,
            amount: self.amount.as_ref().map(|amount| amount.money(&["amount"])).transpose().map_err(invalid)?,
            reason: self.reason.clone(),
        })
    }
}

/// A second person's yes.
#[derive(InputObject)]
pub struct ApproveRefundInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which payment.
    payment_id: ID,
    /// Which of its refunds.
    refund_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl ApproveRefundInput {
    fn command(&self) -> Result<command::ApproveRefund, commands::ExecuteError> {
        let payment_id = payment_id(&self.payment_id)?;
        Ok(command::ApproveRefund { payment_id, refund_id: id(&self.refund_id, "SYS007", "refundId")? })
    }
}

fn payment_id(text: &ID) -> Result<PaymentId, commands::ExecuteError> {
    id(text, "SYS007", "paymentId")
}

type Outcome = Result<commands::Executed<PaymentId>, commands::ExecuteError>;

async fn answer(reader: &Reader<'_>, client_mutation_id: Option<String>, outcome: Outcome) -> Result<PaymentPayload, ApiError> {
    let show = async |id, position| PaymentNode::fresh(reader, id, position).await;
    reader.reply(client_mutation_id, outcome, show).await.map(Into::into)
}

/// Mutations of payments.
#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Pays a booking with what the provider authorised. Waits up to 10 seconds for the provider: declined (PAY001) or not known
    /// yet (PAY008), payment and receipt are there beside the error. The same key asks again without paying twice.
    async fn confirm_payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the payer's browser brought back.")] input: ConfirmPaymentInput,
    ) -> Result<PaymentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.caller(Some(input.idempotency_key.clone()))?;
            command::confirm_payment(&reader.app.ctx, &caller, &input.command()?).await
        };
        let outcome = outcome.await;
        confirm::answer(&reader, input.client_mutation_id, outcome).await.map(Into::into)
    }

    /// Gives money back; above the limit it waits for a second person. For support and finance.
    async fn request_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which payment, how much, and why.")] input: RequestRefundInput,
    ) -> Result<PaymentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.caller_with(Some(input.idempotency_key.clone()), &[Role::Support, Role::Finance])?;
            command::request_refund(&reader.app.ctx, &caller, &input.command()?).await
        };
        let outcome = outcome.await;
        answer(&reader, input.client_mutation_id, outcome).await
    }

    /// A second person of finance agrees to a refund above the limit.
    async fn approve_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund of which payment.")] input: ApproveRefundInput,
    ) -> Result<PaymentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.caller_with(Some(input.idempotency_key.clone()), &[Role::Finance])?;
            command::approve_refund(&reader.app.ctx, &caller, &input.command()?).await
        };
        let outcome = outcome.await;
        answer(&reader, input.client_mutation_id, outcome).await
    }
}
