//! Amounts.

use async_graphql::{InputObject, InputValueError, InputValueResult, Object, Scalar, ScalarType, Value};
use kernel::{Currency, MoneyError, Refused};

use super::{BigInt, Decimal, malformed};

/// Longest currency code that is looked at, in bytes.
const MAX_CODE_BYTES: usize = 16;

/// The code of a currency, known or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrencyCode(String);

impl CurrencyCode {
    /// The currency.
    ///
    /// # Errors
    /// SYS003 at the field when no such currency is kept here.
    pub fn currency(&self, field: &[&str]) -> Result<Currency, Refused> {
        self.0.parse().map_err(|_: MoneyError| malformed(field))
    }
}

impl From<Currency> for CurrencyCode {
    fn from(currency: Currency) -> Self {
        Self(currency.code().to_owned())
    }
}

/// A currency or asset by its code: `"KRW"`, `"USD"`, `"BTC"`, `"ETH"`.
#[Scalar]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(code) if code.len() <= MAX_CODE_BYTES => Ok(Self(code)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(code) if code.len() <= MAX_CODE_BYTES)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An amount to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money(pub kernel::Money);

impl From<kernel::Money> for Money {
    fn from(money: kernel::Money) -> Self {
        Self(money)
    }
}

/// An exact amount of a currency.
#[Object]
impl Money {
    /// The amount in the currency's main unit, with all its decimals: `"12000"` won, `"12.50"` dollars.
    async fn amount(&self) -> Decimal {
        // What kernel prints is a plain decimal by construction.
        Decimal::new(&self.0.decimal()).unwrap_or_else(|| unreachable!("an amount prints as a plain decimal of at most 41 bytes"))
    }

    /// The currency.
    async fn currency(&self) -> CurrencyCode {
        self.0.currency().into()
    }

    /// The amount in the smallest unit of the currency: won, cents, satoshi.
    async fn minor_units(&self) -> BigInt {
        self.0.minor().into()
    }
}

/// An exact amount of a currency.
#[derive(Clone, Debug, PartialEq, Eq, InputObject)]
pub struct MoneyInput {
    /// The amount in the currency's main unit; no more decimals than the currency has.
    pub amount: Decimal,
    /// The currency.
    pub currency: CurrencyCode,
}

impl MoneyInput {
    /// The amount, at this field of the input.
    ///
    /// # Errors
    /// SYS003 at `{field}.currency` for an unknown currency, at `{field}.amount` for too many decimals or digits.
    pub fn money(&self, field: &[&str]) -> Result<kernel::Money, Refused> {
        let below = |name| [field, &[name]].concat();
        let currency = self.currency.currency(&below("currency"))?;
        kernel::Money::parse(self.amount.as_str(), currency).map_err(|_| malformed(&below("amount")))
    }
}
