//! The scalars of the schema and the few objects made of them.
//!
//! Shape is checked here (a wrong one is a coercion error that names the argument); meaning is checked where a resolver asks
//! for the value with the path of its field, and answers SYS003: an amount with too many decimals, an unknown currency, a
//! thirtieth of February.

mod date_time;
mod decimal;
mod geo;
mod local_time;
mod money;
mod uint128;

#[cfg(test)]
mod tests;

use kernel::Refused;

pub use date_time::DateTime;
pub use decimal::{BigInt, Decimal};
pub use geo::{GeoPoint, GeoPointInput};
pub use local_time::LocalTime;
pub use money::{CurrencyCode, Money, MoneyInput};
pub use uint128::UInt128;

/// Any JSON value.
pub type Json = async_graphql::Json<serde_json::Value>;

/// A value that is malformed by meaning, at a field of the input.
fn malformed(field: &[&str]) -> Refused {
    Refused::at(crate::errors::MALFORMED, field)
}
