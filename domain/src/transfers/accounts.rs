//! The rules of creating an account, in their order (docs/transfers.md).

use super::record::Account;
use super::{AccountFlags, AccountOutcome as O, Answer, TransferLedger};

impl TransferLedger {
    /// What becomes of one account: it is created at a timestamp, or the first rule that it breaks.
    pub(super) fn judge_account(&self, asked: &Account) -> Result<(), Answer<O>> {
        let refused = |outcome| Err(Answer { outcome, timestamp: 0 });
        let flags = asked.flags;
        if flags.has(AccountFlags::IMPORTED) {
            return refused(O::ImportedNotSupported);
        }
        if flags.is_unknown() {
            return refused(O::ReservedFlag);
        }
        if asked.id == 0 {
            return refused(O::IdMustNotBeZero);
        }
        if asked.id == u128::MAX {
            return refused(O::IdMustNotBeIntMax);
        }
        if let Some(known) = self.account(asked.id) {
            let outcome = differs(asked, &known.account);
            let timestamp = if outcome == O::Exists { known.account.timestamp } else { 0 };
            return Err(Answer { outcome, timestamp });
        }
        if flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS.with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)) {
            return refused(O::FlagsAreMutuallyExclusive);
        }
        if asked.ledger == 0 {
            return refused(O::LedgerMustNotBeZero);
        }
        if asked.code == 0 {
            return refused(O::CodeMustNotBeZero);
        }
        Ok(())
    }
}

/// The first field that differs from that of the account of the same id, as it was created.
fn differs(asked: &Account, known: &Account) -> O {
    let fields = [
        (asked.flags != known.flags, O::ExistsWithDifferentFlags),
        (asked.user_data_128 != known.user_data_128, O::ExistsWithDifferentUserData128),
        (asked.user_data_64 != known.user_data_64, O::ExistsWithDifferentUserData64),
        (asked.user_data_32 != known.user_data_32, O::ExistsWithDifferentUserData32),
        (asked.ledger != known.ledger, O::ExistsWithDifferentLedger),
        (asked.code != known.code, O::ExistsWithDifferentCode),
    ];
    fields.into_iter().find(|(differs, _)| *differs).map_or(O::Exists, |(_, outcome)| outcome)
}
