//! The books as files that others can read and check: hledger, beancount, ledger, CSV, NDJSON, Parquet.
//!
//! | file | does |
//! |---|---|
//! | `format` | the formats by name |
//! | `account` | account names that the tools accept, and what an account holds meanwhile |
//! | `exporter` | walks the log: one record per event, assertions at the end of each period |
//! | `text` | what hledger, ledger and beancount read |
//! | `data` | what programs read: CSV, NDJSON, rows of a table |
//! | `parquet` | a table as a file of columns |
//! | `run` | reads the log, writes chunks, digests them |
//! | `tool` | puts each reading and its digest on record |
//!
//! A record's date is its posting date: the business date on which the log took it, never before that of the record ahead of it.
//! What the entry counts from (its effective date, mostly the same) stands beside it. So records come in the order of their
//! dates, as ledger needs it, and what is asserted at the end of a month never changes when a correction comes later.

mod account;
mod data;
mod exporter;
mod format;
mod parquet;
mod run;
mod text;
mod tool;

pub use exporter::{ExportError, Exporter};
pub use format::{Format, UnknownFormat};
pub use run::{CHUNK_BYTES, Range, Summary, run};
pub use tool::{Tool, begin, finish};

#[cfg(test)]
mod tests;
