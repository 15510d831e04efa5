//! What is asked for through GraphQL.

use std::sync::Arc;

use async_graphql::InputObject;
use commands::ExecuteError;
use domain::transfers::{Account, Transfer};
use kernel::Refused;

use super::{AccountFlag, TransferFlag};
use crate::input::invalid;
use crate::scalars::{BigInt, UInt128};

/// Most items of one mutation; larger batches go to `POST /ledger/transfers`.
const MAX_ITEMS: usize = 500;

/// An account to create.
#[derive(InputObject)]
pub struct TransferAccountInput {
    /// Of your choice: from 1 to 2^128 - 2.
    id: UInt128,
    /// What it counts, for example a currency: from 1 to 2^32 - 1.
    ledger: BigInt,
    /// What kind of account it is: from 1 to 65,535.
    code: i32,
    /// Its rules.
    #[graphql(default)]
    flags: Vec<AccountFlag>,
    /// Your own.
    user_data_128: Option<UInt128>,
    /// Your own: 64 bits.
    user_data_64: Option<BigInt>,
    /// Your own: 32 bits.
    user_data_32: Option<BigInt>,
}

/// A transfer to record.
#[derive(InputObject)]
pub struct TransferInput {
    /// Of your choice: from 1 to 2^128 - 2. Never used twice, also not after a refusal.
    id: UInt128,
    /// The account to debit; may be left out where it posts or voids.
    debit_account_id: Option<UInt128>,
    /// The account to credit; may be left out where it posts or voids.
    credit_account_id: Option<UInt128>,
    /// How much, in the ledger's smallest unit. Where it posts a pending transfer, 2^128 - 1 stands for all of it.
    amount: UInt128,
    /// The pending transfer that it posts or voids.
    pending_id: Option<UInt128>,
    /// Your own.
    user_data_128: Option<UInt128>,
    /// Your own: 64 bits.
    user_data_64: Option<BigInt>,
    /// Your own: 32 bits.
    user_data_32: Option<BigInt>,
    /// Seconds after which a pending transfer expires; 0: never.
    timeout: Option<BigInt>,
    /// The ledger of its accounts; may be left out where it posts or voids.
    ledger: Option<BigInt>,
    /// Why: from 1 to 65,535; may be left out where it posts or voids.
    code: Option<i32>,
    /// How it is to be done.
    #[graphql(default)]
    flags: Vec<TransferFlag>,
}

impl TransferAccountInput {
    /// Its id.
    pub const fn id(&self) -> u128 {
        self.id.0
    }
}

impl TransferInput {
    /// Its id.
    pub const fn id(&self) -> u128 {
        self.id.0
    }
}

/// A number that fits its bits; else SYS003 at its field.
struct Place<'p>(&'p str, usize);

impl Place<'_> {
    fn fits<N: TryFrom<i128>>(&self, field: &str, number: Option<BigInt>) -> Result<N, Refused> {
        N::try_from(number.map_or(0, |number| number.0))
            .map_err(|_| Refused::at(crate::errors::MALFORMED, &[self.0, &self.1.to_string(), field]))
    }
}

fn whole(number: Option<UInt128>) -> u128 {
    number.map_or(0, |number| number.0)
}

fn code(number: Option<i32>) -> Option<BigInt> {
    number.map(|number| BigInt(number.into()))
}

/// The accounts, in order.
///
/// # Errors
/// SYS003 for more than 500, and for a number that does not fit its bits.
pub fn accounts(list: Vec<TransferAccountInput>) -> Result<Arc<[Account]>, ExecuteError> {
    within("accounts", list.len())?;
    let account = |(index, asked): (usize, TransferAccountInput)| {
        let place = Place("accounts", index);
        Ok(Account {
            id: asked.id.0,
            user_data_128: whole(asked.user_data_128),
            user_data_64: place.fits("userData64", asked.user_data_64)?,
            user_data_32: place.fits("userData32", asked.user_data_32)?,
            ledger: place.fits("ledger", Some(asked.ledger))?,
            code: place.fits("code", code(Some(asked.code)))?,
            flags: AccountFlag::bits(&asked.flags),
            timestamp: 0,
        })
    };
    list.into_iter().enumerate().map(account).collect::<Result<_, _>>().map_err(invalid)
}

/// The transfers, in order.
///
/// # Errors
/// SYS003 for more than 500, and for a number that does not fit its bits.
pub fn transfers(list: Vec<TransferInput>) -> Result<Arc<[Transfer]>, ExecuteError> {
    within("transfers", list.len())?;
    let transfer = |(index, asked): (usize, TransferInput)| {
        let place = Place("transfers", index);
        Ok(Transfer {
            id: asked.id.0,
            debit_account_id: whole(asked.debit_account_id),
            credit_account_id: whole(asked.credit_account_id),
            amount: asked.amount.0,
            pending_id: whole(asked.pending_id),
            user_data_128: whole(asked.user_data_128),
            user_data_64: place.fits("userData64", asked.user_data_64)?,
            user_data_32: place.fits("userData32", asked.user_data_32)?,
            timeout: place.fits("timeout", asked.timeout)?,
            ledger: place.fits("ledger", asked.ledger)?,
            code: place.fits("code", code(asked.code))?,
            flags: TransferFlag::bits(&asked.flags),
            timestamp: 0,
        })
    };
    list.into_iter().enumerate().map(transfer).collect::<Result<_, _>>().map_err(invalid)
}

fn within(field: &str, items: usize) -> Result<(), ExecuteError> {
    if items <= MAX_ITEMS { Ok(()) } else { Err(invalid(Refused::at(crate::errors::MALFORMED, &[field]))) }
}
