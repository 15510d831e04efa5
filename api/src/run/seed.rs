//! `daybook seed --month`: being written.
use crate::cli::{Failed, Seed};
pub(super) async fn run(_: Seed) -> Result<(), Failed> {
    Ok(())
}
