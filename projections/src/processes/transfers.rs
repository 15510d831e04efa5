//! Pending transfers that expire: one deadline per book, the earliest (docs/transfers.md).

use domain::transfers::{Event as E, LedgerName, LookAgain};

use super::{Call, Intent, Reactions};
use crate::Known;
use crate::process::{Process, Reaction};

/// Looks for expired transfers when the ledger says so.
#[derive(Debug)]
pub struct TransferDeadlines;

impl Process for TransferDeadlines {
    const NAME: &'static str = "transfer-deadlines";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::Transfers(happened) = &event.event else { return Vec::new() };
        let Ok(book) = event.stream().id().parse::<LedgerName>() else { return Vec::new() };
        let key = format!("expiry:{book}");
        match happened {
            E::TransfersCreated { look_again: Some(when), .. } | E::TransfersExpired { look_again: when, .. } => match when {
                LookAgain::At { at } => vec![Reaction::Timer { key, due: *at, intent: Intent::ExpireTransfers { book } }],
                LookAgain::Never {} => vec![Reaction::CancelTimer { key }],
            },
            E::TransfersCreated { look_again: None, .. } | E::AccountsCreated { .. } => Vec::new(),
        }
    }
}
