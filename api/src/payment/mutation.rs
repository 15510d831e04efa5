//! What changes payments.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::payment as command;
use domain::ids::{Booking, PaymentId, ShopOrderId};
use domain::purpose::Purpose;

use super::{PaymentNode, confirm};
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::MoneyInput;

/// What a payment's mutation answers.
#[derive(SimpleObject)]
pub struct PaymentPayload {
    /// The payment as of the receipt; after a confirmation, as the provider left it.
    payment: Option<PaymentNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<PaymentNode>> for PaymentPayload {
    fn from(Reply { entity, answer }: Reply<PaymentNode>) -> Self {
        Self { payment: entity, answer }
    }
}

/// What the payer's browser brings back from the payment provider.
#[derive(InputObject)]
pub struct ConfirmPaymentInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every new attempt.
    idempotency_key: String,
    /// What is paid, by its id: a booking or a shop order.
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
            purpose: purpose(&self.booking_id)?,
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

/// What is paid for; what is no shop order is looked for among the bookings.
fn purpose(text: &ID) -> Result<Purpose, commands::ExecuteError> {
    match text.parse::<ShopOrderId>() {
        Ok(order) => Ok(order.into()),
        Err(_) => id::<Booking>(text, "BOOKING001", "bookingId").map(Purpose::Booking),
    }
}

fn payment_id(text: &ID) -> Result<PaymentId, commands::ExecuteError> {
    id(text, "SYS007", "paymentId")
}

/// Mutations of payments.
#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Pays a booking or a shop order with what the provider authorised. Waits up to 10 seconds for the provider: declined (PAY001) or not known
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
        let caller = reader.caller(Some(input.idempotency_key.clone()));
        let act = async |caller: Caller| command::request_refund(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }

    /// A second person of finance agrees to a refund above the limit.
    async fn approve_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund of which payment.")] input: ApproveRefundInput,
    ) -> Result<PaymentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key.clone()));
        let act = async |caller: Caller| command::approve_refund(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }
}
