//! Carries out what processes ask for: commands through `commands`, calls through the adapters.
//!
//! The answer of a call becomes a command without a key of its own: it is decided on the payment's or payout's state, so
//! an answer that comes twice changes nothing. A timeout is unknown, never failed.

use std::sync::Arc;
use std::time::Duration;

use adapters::{
    CancelRequest, ConfirmRequest, Confirmation, Geocoder, GuardFigures, Messenger, PaymentOutcome, PaymentProvider, PayoutBank,
    PayoutOrder, PayoutState, ProviderError, ProviderPayment, Push, Watched,
};
use commands::payment::{CaptureAnswer, Confirming, TransferAnswer};
use commands::{Caller, Context, ExecuteError, Executed};
use domain::geo::GeoPoint;
use domain::ids::{PaymentId, PayoutId, RefundId, VehicleId};
use domain::payment::{Payment, Phase};
use domain::payout::Payout;
use domain::vehicle::{self, Vehicle};
use eventlog::LogError;
use kernel::Money;
use uuid::Uuid;

use super::delivering::{self, Delivery};
use super::{Call, Intent, erasing, noticed, rebuilding};
use crate::process::{CALL_TIMEOUT, ReactionId, Work, WorkError};
use crate::views::Views;

/// The systems outside.
#[derive(Clone)]
pub struct Outside {
    /// Captures and refunds.
    pub provider: Arc<dyn PaymentProvider>,
    /// Payouts.
    pub bank: Arc<dyn PayoutBank>,
    /// Coordinates.
    pub geocoder: Arc<dyn Geocoder>,
    /// Mail and SMS.
    pub messenger: Arc<dyn Messenger>,
    /// Push messages.
    pub push: Arc<dyn Push>,
    /// Those of them that are guarded, for metrics.
    pub guards: Vec<Arc<dyn Watched>>,
}

/// Does the work of the processes.
#[derive(Clone)]
pub struct Desk {
    ctx: Context,
    outside: Outside,
    views: Option<Views>,
}

/// What the provider is told of a refund's reason; people's words stay here.
const REFUND_REASON: &str = "refund";
/// The provider has captured already: ask what, instead of believing a decline (ledger-and-audit.md §6.3).
const ALREADY_PROCESSED: &str = "ALREADY_PROCESSED_PAYMENT";

/// Why a desk without read models cannot do some work.
const BLIND: &str = "this desk cannot look into read models";

impl Desk {
    /// A desk over a book and the systems outside.
    #[must_use]
    pub fn new(ctx: Context, outside: Outside) -> Self {
        Self { ctx, outside, views: None }
    }

    /// The same with the read models that some work has to look into.
    #[must_use]
    pub fn reading(self, views: &Views) -> Self {
        Self { views: Some(views.clone()), ..self }
    }

    /// The services outside as their guards see them; none where nothing is guarded.
    #[must_use]
    pub fn guards(&self) -> Vec<GuardFigures> {
        self.outside.guards.iter().map(|guard| guard.figures()).collect()
    }

    async fn capture(&self, by: &Caller, payment: PaymentId, attempt: u32, ask: bool) -> Result<(), WorkError> {
        let (state, _) = self.ctx.log.load::<Payment>(payment.uuid()).await.map_err(failed)?;
        let (Some(order), Some(phase)) = (state.order(), state.phase()) else { return Ok(()) };
        let Some(open) = phase.attempt().filter(|open| phase.in_progress() && open.number == attempt) else { return Ok(()) };
        let request = ConfirmRequest {
            payment_key: open.payment_key.clone(),
            order_id: order.order_id.clone(),
            amount: order.amount,
            idempotency_key: format!("confirm:{}:{attempt}", payment.uuid()),
        };
        let known = if ask || matches!(phase, Phase::Unknown { .. }) {
            match self.find_capture(&request).await {
                // The provider has never heard of it. While the payment is awaited, the same key makes telling it again safe.
                Err(ProviderError::NotFound) if commands::purchase::awaits_payment(&self.ctx, order.purpose).await.map_err(failed)? => {
                    self.confirm(request).await
                }
                found => found,
            }
        } else {
            self.confirm(request).await
        };
        let answer = match known {
            Ok(capture) => CaptureAnswer::Captured { paid_at: capture.approved_at, method: capture.method, reference: capture.reference },
            Err(ProviderError::Declined { code, .. }) => CaptureAnswer::Declined { code },
            Err(ProviderError::NotFound) => CaptureAnswer::Declined { code: "NOT_FOUND_PAYMENT".to_owned() },
            Err(ProviderError::Unknown { .. }) => CaptureAnswer::Unknown,
            Err(ProviderError::Unavailable { retry_in_ms }) => return Err(later(retry_in_ms)),
        };
        let confirming = Confirming { payment, attempt };
        done(commands::payment::record_capture(&self.ctx, by, confirming, &answer).await)
    }

    async fn confirm(&self, request: ConfirmRequest) -> Result<Confirmation, ProviderError> {
        match self.outside.provider.confirm(request.clone()).await {
            Err(ProviderError::Declined { code, .. }) if code == ALREADY_PROCESSED => self.find_capture(&request).await,
            answer => answer,
        }
    }

    /// What the provider's books say of an attempt.
    async fn find_capture(&self, request: &ConfirmRequest) -> Result<Confirmation, ProviderError> {
        let found = self.outside.provider.find(&request.payment_key, &request.order_id).await?;
        captured(found, &request.order_id, request.amount)
    }

    async fn refund(&self, by: &Caller, payment: PaymentId, refund: RefundId, ask: bool) -> Result<(), WorkError> {
        let (state, _) = self.ctx.log.load::<Payment>(payment.uuid()).await.map_err(failed)?;
        let (Some(order), Some(known)) = (state.order(), state.refund(refund)) else { return Ok(()) };
        let Some(attempt) = state.phase().and_then(Phase::attempt) else { return Ok(()) };
        let (payment_key, key) = (attempt.payment_key.clone(), refund_key(refund, known.attempt));
        let answer = self.cancel(payment_key, &order.order_id, key, known.amount, ask).await;
        let answer = transfer_answer(answer.map(|cancelled| cancelled.reference))?;
        done(commands::payment::record_refund(&self.ctx, by, payment, refund, &answer).await)
    }

    /// Asks first whether the refund was made, when there is reason to; what was not is told again under the same key.
    async fn cancel(
        &self,
        payment_key: String,
        order_id: &str,
        idempotency_key: String,
        amount: Money,
        ask: bool,
    ) -> Result<adapters::Cancellation, ProviderError> {
        if ask {
            let found = self.outside.provider.find(&payment_key, order_id).await?;
            if let Some(made) = found.cancel_by_key(&idempotency_key) {
                return Ok(made.cancellation.clone());
            }
        }
        let request = CancelRequest { payment_key, amount, reason: REFUND_REASON.to_owned(), idempotency_key };
        self.outside.provider.cancel(request).await
    }

    async fn payout(&self, by: &Caller, payout: PayoutId, ask: bool) -> Result<(), WorkError> {
        let (state, _) = self.ctx.log.load::<Payout>(payout.uuid()).await.map_err(failed)?;
        let Some(order) = state.order().filter(|_| state.is_open()) else { return Ok(()) };
        let key = format!("payout:{}", payout.uuid());
        let told = if ask { self.outside.bank.find(&key).await } else { Err(ProviderError::NotFound) };
        let answer = match told {
            Ok(PayoutState::Paid(result)) => Ok(result.reference),
            Ok(PayoutState::Declined { code, message }) => Err(ProviderError::Declined { code, message }),
            // The bank has never heard of it: the same key makes telling it again safe.
            Err(ProviderError::NotFound) => {
                let (payout, payee) = (payout.to_string(), order.host.to_string());
                let order = PayoutOrder { payout, payee, amount: order.amount, idempotency_key: key };
                self.outside.bank.pay(order).await.map(|result| result.reference)
            }
            Err(error) => Err(error),
        };
        done(commands::settlement::record_payout(&self.ctx, by, payout, &transfer_answer(answer)?).await)
    }

    async fn geocode(&self, by: &Caller, vehicle: VehicleId) -> Result<(), WorkError> {
        let history = vehicle.to_string().parse().map_err(failed)?;
        let first = self.ctx.log.read_stream(&history, 0, 1).await.map_err(failed)?;
        let address = first.first().and_then(|event| match event.decode::<vehicle::Event>() {
            Ok(vehicle::Event::VehicleRegistered { location_address, .. }) => Some(location_address),
            _ => None,
        });
        let (state, _) = self.ctx.log.load::<Vehicle>(vehicle.uuid()).await.map_err(failed)?;
        let Some(address) = address.filter(|_| state.listing().is_ok_and(|listing| listing.location.is_none())) else {
            return Ok(());
        };
        let found = match self.outside.geocoder.geocode(&address).await {
            Ok(point) => GeoPoint::new(point.lat_e7, point.lng_e7).map_err(|error| error.to_string()),
            Err(error) if error.retryable() => return Err(later(1_000)),
            Err(error) => Err(error.to_string()),
        };
        let input = commands::vehicle::LocateVehicle { vehicle_id: vehicle, found };
        done(commands::vehicle::locate_vehicle(&self.ctx, by, &input).await)
    }
}

/// What the provider has of a payment. A capture of another amount is none that we may post: it stays unknown, and an operator has
/// to look (L7, L8).
pub(super) fn captured(found: ProviderPayment, order_id: &str, amount: Money) -> Result<Confirmation, ProviderError> {
    match found.outcome {
        PaymentOutcome::Confirmed(capture) if found.amount == amount => Ok(capture),
        PaymentOutcome::Confirmed(_) => {
            tracing::error!(order = order_id, "the provider has captured another amount than was ordered");
            Err(ProviderError::Unknown { cause: "captured another amount".to_owned() })
        }
        PaymentOutcome::Declined { code, message } => Err(ProviderError::Declined { code, message }),
    }
}

/// Where a refund is known to the provider by.
pub(super) fn refund_key(refund: RefundId, attempt: u32) -> String {
    format!("refund:{}:{attempt}", refund.uuid())
}

impl Work for Desk {
    type Intent = Intent;
    type Call = Call;

    async fn perform(&self, intent: Intent, id: ReactionId) -> Result<(), WorkError> {
        let (keyed, answer) = (caller(&id, true), caller(&id, false));
        let ctx = &self.ctx;
        match intent {
            Intent::ExpireRequest { booking } => done(commands::booking::expire_request(ctx, &keyed, booking).await),
            Intent::LapsePayment { booking } => done(commands::booking::lapse_payment(ctx, &keyed, booking).await),
            Intent::ExpireShopOrder { order } => done(commands::shop_order::expire_shop_order(ctx, &keyed, order).await),
            Intent::CutShort { order } => done(commands::shop_order::cut_short(ctx, &keyed, order).await),
            Intent::LapseReturn { order } => done(commands::shop_order::lapse_return(ctx, &keyed, order).await),
            Intent::AssumeDelivery { order } => done(commands::shop_order::assume_delivery(ctx, &keyed, order).await),
            Intent::CompleteShopOrder { order } => done(commands::shop_order::complete_shop_order(ctx, &keyed, order).await),
            Intent::RetryRefund { payment, refund } => done(commands::payment::retry_refund(ctx, &keyed, payment, refund).await),
            Intent::AskCapture { payment, attempt } => self.capture(&answer, payment, attempt, true).await,
            Intent::AskRefund { payment, refund } => self.refund(&answer, payment, refund, true).await,
            Intent::AskPayout { payout } => self.payout(&answer, payout, true).await,
            Intent::PayHost { settlement, host } => done(commands::settlement::pay_host(ctx, &keyed, settlement, host).await),
            Intent::IssueFeeInvoice { host, month } => done(commands::fee_invoice::issue_fee_invoice(ctx, &keyed, host, month).await),
            Intent::SettlePayment { payment, settlement, payout } => {
                done(commands::payment::settle_payment(ctx, &keyed, payment, settlement, payout).await)
            }
            Intent::UnsettlePayment { payment, payout } => done(commands::payment::unsettle_payment(ctx, &keyed, payment, payout).await),
            // Several commands, each of which looks where it stands: no key of its own.
            Intent::EraseUser { user } => match &self.views {
                Some(views) => erasing::erase(ctx, views, &answer, user).await,
                None => Err(WorkError::Fatal { reason: BLIND.to_owned() }),
            },
            Intent::ReleaseEmail { user } => done(commands::user::release_email(ctx, &keyed, user).await),
            Intent::EraseRetained { user } => done(commands::user::erase_retained(ctx, &keyed, user).await),
            Intent::ExpireLicence { user } => done(commands::user::expire_licence(ctx, &keyed, user).await),
            Intent::Notify { notice } => done(commands::inbox::notify(ctx, &keyed, &notice).await),
            Intent::ReleaseNotification { user, notification, created } => {
                let deferred = commands::inbox::Deferred { user, notification, created };
                done(commands::inbox::release(ctx, &keyed, &deferred).await)
            }
            Intent::ExpireTransfers { book } => done(commands::transfers::expire_transfers(ctx, &keyed, &book).await),
        }
    }

    fn service(call: &Call) -> &'static str {
        match call {
            Call::Capture { .. } | Call::Refund { .. } | Call::Notice { .. } => "payment-provider",
            Call::Payout { .. } => "bank",
            Call::Geocode { .. } => "geocoder",
            Call::Deliver { .. } => "notifications",
            Call::Rebuild { .. } => "read-side",
        }
    }

    fn patience(call: &Call) -> Duration {
        match call {
            Call::Capture { .. }
            | Call::Refund { .. }
            | Call::Notice { .. }
            | Call::Payout { .. }
            | Call::Geocode { .. }
            | Call::Deliver { .. } => CALL_TIMEOUT,
            Call::Rebuild { .. } => rebuilding::PATIENCE,
        }
    }

    fn breaks_off(call: &Call) -> bool {
        match call {
            Call::Capture { .. }
            | Call::Refund { .. }
            | Call::Notice { .. }
            | Call::Payout { .. }
            | Call::Geocode { .. }
            | Call::Deliver { .. } => false,
            // What was built so far is kept, and nothing outside has heard of it.
            Call::Rebuild { .. } => true,
        }
    }

    async fn call(&self, call: Call, id: ReactionId, attempt: u32) -> Result<(), WorkError> {
        let (by, ask) = (caller(&id, false), attempt > 1);
        match call {
            Call::Capture { payment, attempt } => self.capture(&by, payment, attempt, false).await,
            Call::Refund { payment, refund } => self.refund(&by, payment, refund, ask).await,
            Call::Notice { payment } => noticed::ask(&self.ctx, self.outside.provider.as_ref(), &by, payment).await,
            Call::Payout { payout } => self.payout(&by, payout, ask).await,
            Call::Geocode { vehicle } => self.geocode(&by, vehicle).await,
            Call::Deliver { user, notification, channel, created } => {
                let delivery = Delivery { user, notification, channel, created, attempt };
                let Outside { messenger, push, .. } = &self.outside;
                delivering::deliver(&self.ctx, messenger.as_ref(), push.as_ref(), &by, delivery).await
            }
            Call::Rebuild { projection, number, dry_run, accept } => match &self.views {
                Some(views) => {
                    let asked = rebuilding::Asked { projection, number, dry_run, accept };
                    rebuilding::rebuild(&self.ctx, views, &by, asked).await
                }
                None => Err(WorkError::Fatal { reason: BLIND.to_owned() }),
            },
        }
    }
}

/// The process as a caller; under the reaction's id as key where the answer of an earlier try must stand.
fn caller(id: &ReactionId, keyed: bool) -> Caller {
    let key = keyed.then(|| id.to_string());
    let process = id.as_str().trim_start_matches("timer:").split(':').next().unwrap_or_default();
    // Every reaction has a cause; one whose cause is gone is still traceable by its own id.
    let correlation = id.correlation.unwrap_or_else(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_str().as_bytes()));
    Caller { causation_id: id.causation, traceparent: id.traceparent.clone(), ..Caller::system(process, key, correlation) }
}

/// A refusal is an answer: the process lost politely.
pub(super) fn done<T>(result: Result<Executed<T>, ExecuteError>) -> Result<(), WorkError> {
    match result {
        Ok(_) | Err(ExecuteError::Refused { .. }) => Ok(()),
        Err(error) if error.retryable() => Err(failed(error)),
        // Out of reach for a reason that no later call meets: the log is closing, or another node must migrate first.
        Err(ExecuteError::Log(error)) if !is_defect(&error) => Err(failed(error)),
        Err(error) => Err(WorkError::Fatal { reason: error.to_string() }),
    }
}

/// Would every later try end the same way?
fn is_defect(error: &LogError) -> bool {
    matches!(
        error,
        LogError::Encode { .. }
            | LogError::Decode(_)
            | LogError::Limit { .. }
            | LogError::Session(_)
            | LogError::Stream(_)
            | LogError::Damaged(_)
    )
}

pub(super) fn failed(error: impl std::fmt::Display) -> WorkError {
    WorkError::Postponed { after: None, reason: error.to_string() }
}

pub(super) fn later(retry_in_ms: u64) -> WorkError {
    WorkError::Postponed { after: Some(Duration::from_millis(retry_in_ms)), reason: "the service is not asked now".to_owned() }
}

fn transfer_answer(answer: Result<String, ProviderError>) -> Result<TransferAnswer, WorkError> {
    match answer {
        Ok(reference) => Ok(TransferAnswer::Done { reference }),
        Err(ProviderError::Declined { code, .. }) => Ok(TransferAnswer::Declined { code }),
        Err(ProviderError::NotFound) => Ok(TransferAnswer::Declined { code: "NOT_FOUND".to_owned() }),
        Err(ProviderError::Unknown { .. }) => Ok(TransferAnswer::Unknown),
        Err(ProviderError::Unavailable { retry_in_ms }) => Err(later(retry_in_ms)),
    }
}
