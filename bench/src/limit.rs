//! What the server could take at most: the very rows that the log wrote, inserted again without a question asked. One
//! connection, 256 rows a statement, one database transaction for 256 events and what belongs to them.
//!
//! Tables and columns are read from the source's schema, so that the rows stay the same whatever the log adds to them.

mod postgres;
mod sqlite;

use std::time::Instant;

use crate::clients::Measured;
use crate::error::Failure;
use crate::place::{Place, Raw};

/// Rows of one statement.
const ROWS: usize = 256;

/// Inserts the rows of a source into a fresh place of the same schema. A command counts as answered with its chunk.
pub async fn measure(source: &Place, target: &Place) -> Result<Measured, Failure> {
    // Only for the schema: nothing goes through the log.
    target.log().await?.close().await;
    match (target.raw().await?, source, target) {
        (Raw::Postgres(db), Place::Postgres { url, .. }, _) => postgres::copy(url, db).await,
        (Raw::Sqlite(_), Place::Sqlite(from), Place::Sqlite(to)) => sqlite::copy(from, to).await,
        _ => Err(Failure::Usage("the limit copies between places of one kind".into())),
    }
}

/// How many rows of a table go along with each chunk of events.
fn share(rows: u64, events: u64) -> f64 {
    rows as f64 / events.max(1) as f64 * ROWS as f64
}

/// Counts chunk after chunk; the first eighth only warms up.
struct Meter {
    measured: Measured,
    events: u64,
    warm_up: u64,
}

impl Meter {
    fn new(events: u64) -> Self {
        Self { measured: Measured::new(), events: 0, warm_up: events / 8 }
    }

    fn chunk(&mut self, events: u64, began: Instant) {
        let took = began.elapsed();
        self.events += events;
        self.measured.acknowledged += events;
        if self.events > self.warm_up {
            self.measured.elapsed += took;
            self.measured.record(took, events);
        }
    }
}
