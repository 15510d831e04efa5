//! The formats, by name.

use std::fmt;
use std::str::FromStr;

/// A form in which the books are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For hledger, `hledger check -s`.
    Hledger,
    /// For beancount, `bean-check`.
    Beancount,
    /// For ledger 3, `ledger --pedantic`.
    Ledger,
    /// One line per posting.
    Csv,
    /// One JSON object per journal entry and line.
    Ndjson,
    /// One row per posting, for programs that read columns (Apache Parquet).
    Parquet,
    /// One JSON object per event of the log and line, with its leaf hash: what proves the rest.
    Events,
}

impl Format {
    /// Every format there is.
    pub const ALL: [Self; 7] = [Self::Hledger, Self::Beancount, Self::Ledger, Self::Csv, Self::Ndjson, Self::Parquet, Self::Events];

    /// Its name in addresses, options and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hledger => "hledger",
            Self::Beancount => "beancount",
            Self::Ledger => "ledger",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Events => "events",
        }
    }

    /// How a file of it is named at the end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Hledger => "journal",
            Self::Beancount => "beancount",
            Self::Ledger => "ledger",
            Self::Csv => "csv",
            Self::Ndjson | Self::Events => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Hledger | Self::Beancount | Self::Ledger => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson | Self::Events => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Is it for a program that keeps books in text, with accounts to declare and balances to assert?
    #[must_use]
    pub const fn is_plain_text_accounting(self) -> bool {
        matches!(self, Self::Hledger | Self::Beancount | Self::Ledger)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the formats are hledger, beancount, ledger, csv, ndjson, parquet and events")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or(UnknownFormat)
    }
}
