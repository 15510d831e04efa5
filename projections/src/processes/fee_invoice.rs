//! Monthly fee invoices: whoever was charged a fee in a month gets its invoice on the 5th of the next one (domain.md §5).

use domain::fee_invoice::{issued_from, lines::month_of};
use domain::ids::UserId;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// Keeps one timer per host and month in which a fee moved.
#[derive(Debug)]
pub struct FeeInvoices;

impl Process for FeeInvoices {
    const NAME: &'static str = "fee-invoices";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::Payable(happened) = &event.event else { return Vec::new() };
        let month = month_of(happened, event.recorded.occurred_at);
        month.zip(id_of(event)).map_or_else(Vec::new, |(month, host)| {
            let host = UserId::new(host);
            let intent = Intent::IssueFeeInvoice { host, month };
            vec![Reaction::Timer { key: format!("{host}:{month}"), due: issued_from(month), intent }]
        })
    }
}
