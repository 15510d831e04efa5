//! What a stream's events add up to, for those who look into a book: the state that its aggregate decides on.

use kernel::Decider;
use kernel::upcast::{self, Unreadable};
use serde_json::Value;

use crate::settlement::guard;
use crate::{
    adjustment, admins, api_key, booking, claim, corporate, deadletter, device, exchange_key, export, fee_invoice, inbox, payable, payment,
    payout, pending, period, product, projection, recon, session, settlement, shop_order, statement, stock, transfers, upload, user,
    vehcal, vehicle,
};

/// A stored event, as far as its state needs it.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'s> {
    /// Its type.
    pub event_type: &'s str,
    /// Which shape its payload has.
    pub version: u32,
    /// Its payload.
    pub payload: &'s str,
}

/// The state after a stream's events as JSON, personal data sealed as it is stored; `None` for a kind of stream that no
/// module here owns.
///
/// # Errors
/// [`Unreadable`] when an event has no path to today's shape, or its payload does not fit.
pub fn of(kind: &str, events: &[Stored<'_>]) -> Result<Option<Value>, Unreadable> {
    match kind {
        user::User::KIND => fold::<user::User>(events),
        session::Session::KIND => fold::<session::Session>(events),
        claim::Claim::KIND => fold::<claim::Claim>(events),
        vehicle::Vehicle::KIND => fold::<vehicle::Vehicle>(events),
        vehcal::VehicleCalendar::KIND => fold::<vehcal::VehicleCalendar>(events),
        upload::Upload::KIND => fold::<upload::Upload>(events),
        booking::Booking::KIND => fold::<booking::Booking>(events),
        pending::PendingRequests::KIND => fold::<pending::PendingRequests>(events),
        product::Product::KIND => fold::<product::Product>(events),
        stock::Stock::KIND => fold::<stock::Stock>(events),
        shop_order::ShopOrder::KIND => fold::<shop_order::ShopOrder>(events),
        payment::Payment::KIND => fold::<payment::Payment>(events),
        payable::Payable::KIND => fold::<payable::Payable>(events),
        settlement::Settlement::KIND => fold::<settlement::Settlement>(events),
        guard::SettlementGuard::KIND => fold::<guard::SettlementGuard>(events),
        payout::Payout::KIND => fold::<payout::Payout>(events),
        deadletter::DeadLetter::KIND => fold::<deadletter::DeadLetter>(events),
        admins::Admins::KIND => fold::<admins::Admins>(events),
        corporate::Corporate::KIND => fold::<corporate::Corporate>(events),
        api_key::ApiKey::KIND => fold::<api_key::ApiKey>(events),
        exchange_key::ExchangeKey::KIND => fold::<exchange_key::ExchangeKey>(events),
        adjustment::Adjustment::KIND => fold::<adjustment::Adjustment>(events),
        period::AccountingPeriod::KIND => fold::<period::AccountingPeriod>(events),
        recon::Recon::KIND => fold::<recon::Recon>(events),
        statement::Statement::KIND => fold::<statement::Statement>(events),
        export::Export::KIND => fold::<export::Export>(events),
        fee_invoice::FeeBook::KIND => fold::<fee_invoice::FeeBook>(events),
        fee_invoice::number::FeeNumbers::KIND => fold::<fee_invoice::number::FeeNumbers>(events),
        projection::Projection::KIND => fold::<projection::Projection>(events),
        transfers::TransferLedger::KIND => fold::<transfers::TransferLedger>(events),
        inbox::Inbox::KIND => fold::<inbox::Inbox>(events),
        device::Devices::KIND => fold::<device::Devices>(events),
        _ => Ok(None),
    }
}

fn fold<D: Decider>(events: &[Stored<'_>]) -> Result<Option<Value>, Unreadable> {
    let mut state = D::default();
    for Stored { event_type, version, payload } in events {
        state = upcast::decode::<D::Event>(event_type, *version, payload)?.as_slice().iter().fold(state, D::evolve);
    }
    // A state is plain data, which nothing keeps from being JSON.
    Ok(Some(serde_json::to_value(&state).unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_stream_has_a_state() {
        let golden = include_str!("../../tests/golden/event_types.txt");
        let kinds: BTreeSet<&str> =
            golden.lines().filter_map(|line| line.strip_prefix("event ")).filter_map(|line| line.split(' ').next()).collect();
        assert!(kinds.len() > 10);
        for kind in kinds {
            assert!(of(kind, &[]).unwrap().is_some(), "no state of {kind}: add it to domain/src/state.rs");
        }
        assert_eq!(of("nothing", &[]).unwrap(), None);
    }
}
