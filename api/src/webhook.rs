//! `POST /payments/webhook`: the payment provider tells that something has changed (PAY-08, SEC-16).
//!
//! Nobody signs the notices of payments, so nothing of them is believed. Order number and payment key lead to a payment of ours; the notice
//! goes on record if there is something to ask, and a process asks the provider. Its answer is what counts
//! (`projections/src/processes/noticed.rs`). Whoever writes well-formed JSON hears the same, whatever the payment: nobody learns here which
//! there are. What could not be kept is answered with 503, so that the provider sends it again. Notices of payouts are signed (`payouts.rs`).

mod payouts;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use axum::routing::post;
use commands::Caller;
use commands::payment::{ReceiveNotice, receive_notice};
use domain::payment::notice::payment_of;
use kernel::Refused;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::errors::{FORBIDDEN, MALFORMED, UNAVAILABLE};
use crate::metrics::{Noticed, noticed};
use crate::side::{failure, failure_as, success};
use crate::transport::CORRELATION_HEADER;

pub use payouts::NoticeSecret;

const PATH: &str = "/payments/webhook";
/// Most bytes of a notice; the provider's own have a few thousand.
const MAX_BYTES: usize = 64 << 10;
/// Tells a notice from others; the same when the provider repeats it.
const TRANSMISSION_ID: HeaderName = HeaderName::from_static("tosspayments-webhook-transmission-id");
/// What tells of a payment, and so has to name it.
const STATUS_CHANGED: &str = "PAYMENT_STATUS_CHANGED";

/// Where notices come in.
#[derive(Clone)]
struct Mailbox {
    app: Arc<App>,
    secret: Option<NoticeSecret>,
}

/// The route of the provider's notices; those of payouts count where the provider's secret is known.
pub fn router(app: Arc<App>, secret: Option<NoticeSecret>) -> Router {
    Router::new().route(PATH, post(serve)).layer(DefaultBodyLimit::max(MAX_BYTES)).with_state(Mailbox { app, secret })
}

async fn serve(State(mailbox): State<Mailbox>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            noticed(Noticed::Malformed);
            return failure_as(rejection.status(), Refused::code(MALFORMED), PATH, &headers);
        }
    };
    let Some(told) = Told::read(&body) else {
        noticed(Noticed::Malformed);
        return failure_as(StatusCode::BAD_REQUEST, Refused::code(MALFORMED), PATH, &headers);
    };
    match take(&mailbox, told, &headers, &body).await {
        Ok(Noticed::Forged) => {
            noticed(Noticed::Forged);
            tracing::warn!("a notice of a payout that the provider has not signed");
            failure(Refused::code(FORBIDDEN), PATH, &headers)
        }
        Ok(outcome) => {
            noticed(outcome);
            tracing::info!(outcome = outcome.name(), "a notice of the payment provider");
            success(Value::Null)
        }
        Err(error) => {
            noticed(Noticed::Failed);
            tracing::error!(%error, "a notice of the payment provider could not be kept");
            failure(Refused::code(UNAVAILABLE), PATH, &headers)
        }
    }
}

async fn take(mailbox: &Mailbox, told: Told, headers: &HeaderMap, body: &[u8]) -> Result<Noticed, commands::ExecuteError> {
    let Mailbox { app, secret } = mailbox;
    let correlation = headers.get(&CORRELATION_HEADER).and_then(|id| id.to_str().ok()).and_then(|id| Uuid::try_parse(id).ok());
    let caller = Caller::system("payment-webhook", None, correlation.unwrap_or_else(Uuid::new_v4));
    if let Some(payout) = told.payout {
        return payouts::take(app, secret.as_ref(), caller, payout.as_deref(), (headers, body)).await;
    }
    let Some(payment_id) = told.order_id.as_deref().and_then(payment_of) else { return Ok(Noticed::Ignored) };
    let input = ReceiveNotice { payment_id, notice: digest(headers, body), payment_key: told.payment_key };
    let recorded = receive_notice(&app.ctx, &caller, &input).await?.value;
    Ok(if recorded { Noticed::Recorded } else { Noticed::Ignored })
}

/// All that is read of a notice. Other members, and other kinds of notices, are for others.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    order_id: Option<String>,
    payment_key: Option<String>,
    /// It is of a payout: of this one, if it says which.
    payout: Option<Option<String>>,
}

impl Told {
    /// A notice of any kind that the provider has: `{eventType, data: {…}}`, or the flat one of a deposit. None: it is no notice.
    fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let notice = value.as_object()?;
        let data = notice.get("data").and_then(Value::as_object).unwrap_or(notice);
        let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = notice.get("eventType").and_then(Value::as_str);
        let own_name = || notice.get("entityBody")?.get("refPayoutId")?.as_str().map(str::to_owned);
        let payout = (kind == Some(payouts::CHANGED)).then(own_name);
        let told = Self { order_id: text("orderId"), payment_key: text("paymentKey"), payout };
        let other_kind = kind.is_some_and(|kind| kind != STATUS_CHANGED);
        (told.order_id.is_some() || other_kind).then_some(told)
    }
}

/// Tells a notice from others without keeping a word of it.
fn digest(headers: &HeaderMap, body: &[u8]) -> String {
    let own = headers.get(&TRANSMISSION_ID).map(|id| (b"id".as_slice(), id.as_bytes()));
    let (kind, bytes) = own.unwrap_or((b"body", body));
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(bytes).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn told(body: &str) -> Option<(Option<String>, Option<String>)> {
        Told::read(body.as_bytes()).map(|told| (told.order_id, told.payment_key))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn order_and_key_are_all_that_is_read() {
        let payment = r#"{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-11-02T09:00:00.000000",
            "data":{"paymentKey":"k","orderId":"db-1","status":"SOMETHING_NEW","totalAmount":181.56,"cancels":null,"new":{}}}"#;
        assert_eq!(told(payment), Some((some("db-1"), some("k"))));
        let deposit = r#"{"createdAt":"2026-11-02T09:00:00","secret":"s","status":"DONE","transactionKey":"t","orderId":"db-1"}"#;
        assert_eq!(told(deposit), Some((some("db-1"), None)));
        let odd = r#"{"eventType":7,"data":{"orderId":"db-1","paymentKey":5}}"#;
        assert_eq!(told(odd), Some((some("db-1"), None)));
    }

    #[test]
    fn other_kinds_are_well_formed_and_of_no_use() {
        for body in [
            r#"{"eventType":"BILLING_DELETED","data":{"billingKey":"b","reason":"r"}}"#,
            r#"{"eventType":"payout.changed","entityBody":{"id":"p","status":"COMPLETED"}}"#,
            r#"{"eventType":"CANCEL_STATUS_CHANGED","data":{"cancelAmount":100}}"#,
        ] {
            assert_eq!(told(body), Some((None, None)), "{body}");
        }
    }

    #[test]
    fn a_payout_is_named_as_we_named_it() {
        let payout = |body: &str| Told::read(body.as_bytes()).unwrap().payout;
        let body = r#"{"eventType":"payout.changed","entityBody":{"id":"theirs","refPayoutId":"payout-1","status":"COMPLETED"}}"#;
        assert_eq!(payout(body), Some(some("payout-1")));
        assert_eq!(payout(r#"{"eventType":"payout.changed","entityBody":{"refPayoutId":7}}"#), Some(None));
        assert_eq!(payout(r#"{"eventType":"payout.changed"}"#), Some(None));
        assert_eq!(payout(r#"{"eventType":"seller.changed","entityBody":{"refPayoutId":"payout-1"}}"#), None);
    }

    #[test]
    fn what_names_no_order_is_no_notice() {
        let deep = "[".repeat(10_000);
        for body in ["", "{", "null", "7", "[]", "{}", r#"{"eventType":"PAYMENT_STATUS_CHANGED","data":{}}"#, r#"{"orderId":5}"#, &deep] {
            assert_eq!(told(body), None, "{}", &body[..body.len().min(80)]);
        }
        assert_eq!(Told::read(b"{\"orderId\":\"\xff\"}"), None);
    }

    #[test]
    fn a_repeated_notice_is_known_by_its_id_else_by_its_bytes() {
        let none = HeaderMap::new();
        let with = |id: &str| HeaderMap::from_iter([(TRANSMISSION_ID, id.parse().unwrap())]);
        assert_eq!(digest(&none, b"x").len(), 32);
        assert_eq!(digest(&none, b"x"), digest(&none, b"x"));
        assert_ne!(digest(&none, b"x"), digest(&none, b"y"));
        assert_eq!(digest(&with("1"), b"x"), digest(&with("1"), b"y"), "it is sent again with another retry count");
        assert_ne!(digest(&with("1"), b"x"), digest(&with("2"), b"x"));
        assert_ne!(digest(&with("x"), b""), digest(&none, b"x"));
    }
}
