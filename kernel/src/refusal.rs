//! A business "no", with its public code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One enum per module implements this: one variant per rule broken, carrying the data that explains it.
pub trait Refusal: std::error::Error + Send + Sync + 'static {
    /// The public form: code, input field, parameters of the message.
    fn refused(&self) -> Refused;
}

/// What a refused command says, in no language yet: the texts of a code are in the domain's catalogue.
/// Stored under the command's key, so that a retry hears the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Public code, for example `BOOKING002`.
    pub code: String,
    /// Path into the input (`["amount", "currency"]`); empty when the whole command is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field: Vec<String>,
    /// Values for the `{}` places of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// The code of input that is malformed by meaning.
const MALFORMED: &str = "SYS003";

impl Refused {
    /// Is the input malformed? Such a refusal is not kept under the command's key: the same key may come again with the
    /// input mended (api.md §2).
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.code == MALFORMED
    }

    /// A refusal of the whole command.
    #[must_use]
    pub fn code(code: &str) -> Self {
        Self { code: code.to_owned(), field: Vec::new(), params: BTreeMap::new() }
    }

    /// A refusal because of one input field.
    #[must_use]
    pub fn at(code: &str, field: &[&str]) -> Self {
        Self { field: field.iter().map(|&f| f.to_owned()).collect(), ..Self::code(code) }
    }

    /// Adds a value for the message's `{name}`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}
