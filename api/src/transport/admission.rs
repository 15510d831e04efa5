//! From the parameters of a request to an operation that its caller may run: the document found, sized up, priced and paid for.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};

use super::document::{BadParams, Params, Prepared, prepare};
use super::limits::Limits;
use super::persisted::Missing;
use super::{Admitted, Endpoint, RequestMeta};
use crate::crowd::host;
use crate::errors::{self, MALFORMED, RequestError};

/// Who holds as much open as they may comes back after something of it was closed.
pub(super) const CROWDED: Duration = Duration::from_secs(5);

/// Why an operation is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unprepared {
    /// The request is malformed.
    Bad(BadParams),
    /// Something is wrong with its document or variables.
    Request(RequestError),
    /// Its caller has spent what they may in a minute.
    Limited {
        /// When there is enough again.
        retry_after: Duration,
    },
}

impl From<Unprepared> for RequestError {
    fn from(unprepared: Unprepared) -> Self {
        match unprepared {
            Unprepared::Bad(bad) => Self::new(MALFORMED, bad.0),
            Unprepared::Request(fault) => fault,
            Unprepared::Limited { retry_after } => errors::limited(seconds(retry_after)).into(),
        }
    }
}

/// Whole seconds, at least one, and never too early.
pub(super) fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// What an operation costs, as `extensions.cost` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    price: u64,
    /// What one operation may cost.
    maximum: u64,
    /// What is left in the caller's bucket, and what flows into it each minute.
    bucket: Option<(u64, u64)>,
}

impl Cost {
    pub(super) const fn of(price: u64, limits: &Limits) -> Self {
        Self { price, maximum: limits.price, bucket: None }
    }

    /// Writes it into a response.
    pub(super) fn write(&self, response: &mut Response) {
        let mut fields = vec![("price", self.price), ("maximum", self.maximum)];
        fields.extend(self.bucket.into_iter().flat_map(|(left, minute)| [("remaining", left), ("perMinute", minute)]));
        let fields = fields.into_iter().map(|(name, points)| (async_graphql::Name::new(name), Value::from(points)));
        response.extensions.insert("cost".to_owned(), Value::Object(fields.collect()));
    }
}

impl Endpoint {
    /// The operation, ready to run for this viewer once it is paid for ([`Endpoint::charge`]).
    pub(super) fn prepare(&self, mut params: Params, viewer: &Admitted, meta: &RequestMeta) -> Result<Prepared, Unprepared> {
        let new = self.documents.complete(&mut params).map_err(|missing| match missing {
            Missing::Bad(bad) => Unprepared::Bad(bad),
            Missing::Unknown(fault) => Unprepared::Request(fault),
        })?;
        let mut prepared = prepare(params, &self.types, &self.limits).map_err(Unprepared::Request)?;
        if let Some(hash) = new {
            self.documents.remember(hash, &prepared.source.query);
        }
        crate::metrics::cost(prepared.cost.price);
        prepared.payer = payer(viewer, meta);
        prepared.request = self.furnished(prepared.request, viewer, meta);
        Ok(prepared)
    }

    /// Takes the price out of the caller's bucket, where there are buckets, and a place for what stays open. What costs nothing
    /// still costs a point: it is work.
    pub(super) async fn charge(&self, prepared: &mut Prepared) -> Result<(), Unprepared> {
        if prepared.operation == OperationType::Subscription {
            let place = self.subscriptions.enter(&prepared.payer);
            prepared.place = Some(place.ok_or(Unprepared::Limited { retry_after: CROWDED })?);
        }
        let Some(budget) = &self.budget else { return Ok(()) };
        let left = budget.spend(&prepared.payer, prepared.cost.price.max(1)).await;
        let left = left.map_err(|retry_after| Unprepared::Limited { retry_after })?;
        prepared.cost.bucket = Some((left, budget.points()));
        Ok(())
    }
}

/// Who pays: the viewer, else whoever shares their address.
fn payer(viewer: &Admitted, meta: &RequestMeta) -> String {
    match (&viewer.caller, meta.remote) {
        (Some(caller), _) => caller.clone(),
        (None, Some(address)) => host(address).to_string(),
        (None, None) => String::new(),
    }
}
