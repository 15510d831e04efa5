//! Earn and settle: an approved batch pays each host, payouts that wait or failed are repeated, payments are marked (domain.md §7).

use domain::ids::{PayoutId, SettlementId};
use domain::{payable, payout, settlement};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// A payout that failed or came back is repeated after so many hours, then one day more each time, up to a week, until it arrives.
const RETRY_HOURS: i64 = 24;
const MAX_RETRY_HOURS: i64 = 7 * 24;

/// Pays the hosts of approved batches and carries the outcome back.
#[derive(Debug)]
pub struct Settlements;

impl Process for Settlements {
    const NAME: &'static str = "settlements";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        match &event.event {
            domain::Event::Settlement(settlement::Event::SettlementApproved { settlement, hosts, .. }) => {
                let pay = |host: &_| Reaction::Command(Intent::PayHost { settlement: *settlement, host: *host });
                hosts.iter().map(pay).collect()
            }
            domain::Event::Settlement(settlement::Event::PayoutDeferred { host, until: Some(due), .. }) => {
                id_of(event).map_or_else(Vec::new, |id| {
                    let (settlement, host) = (SettlementId::new(id), *host);
                    let key = format!("deferred:{settlement}:{host}");
                    vec![Reaction::Timer { key, due: *due, intent: Intent::PayHost { settlement, host } }]
                })
            }
            domain::Event::Payable(payable::Event::PayoutReleased { host, settlements, .. }) => {
                let pay = |settlement: &_| Reaction::Command(Intent::PayHost { settlement: *settlement, host: *host });
                settlements.iter().map(pay).collect()
            }
            domain::Event::Payout(happened) => id_of(event).map_or_else(Vec::new, |id| after_payout(PayoutId::new(id), happened)),
            _ => Vec::new(),
        }
    }
}

fn after_payout(payout: PayoutId, happened: &payout::Event) -> Reactions {
    let retry = |settlement, host, attempt: u32, at: Timestamp| {
        let hours = i64::from(attempt).saturating_mul(RETRY_HOURS).min(MAX_RETRY_HOURS);
        let due = at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX);
        Reaction::Timer { key: format!("payout:{payout}"), due, intent: Intent::PayHost { settlement, host } }
    };
    match happened {
        payout::Event::PayoutRequested { .. } => vec![Reaction::Effect(Call::Payout { payout })],
        payout::Event::PayoutUnknown { ask_again_at, .. } => {
            vec![Reaction::Timer { key: format!("payout:{payout}"), due: *ask_again_at, intent: Intent::AskPayout { payout } }]
        }
        payout::Event::PayoutNoticeReceived { .. } => vec![Reaction::Command(Intent::AskPayout { payout })],
        payout::Event::PayoutCompleted { settlement, lines, .. } => {
            let settle = |payment: &_| Intent::SettlePayment { payment: *payment, settlement: *settlement, payout };
            lines.iter().map(settle).map(Reaction::Command).collect()
        }
        payout::Event::PayoutFailed { settlement, host, attempt, at, .. } => vec![retry(*settlement, *host, *attempt, *at)],
        payout::Event::PayoutReturned { settlement, host, lines, attempt, at, .. } => {
            let unsettle = |payment: &_| Reaction::Command(Intent::UnsettlePayment { payment: *payment, payout });
            lines.iter().map(unsettle).chain([retry(*settlement, *host, *attempt, *at)]).collect()
        }
    }
}
