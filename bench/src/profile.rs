//! What the server was doing meanwhile: its sessions are asked fifty times a second, its tables once at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::error::Failure;
use crate::place::{Place, Raw};
use crate::report::Printer;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Most lines of a profile.
const LINES: usize = 12;

/// What each busy session of this database does: its wait, or `cpu`, or that its client keeps it waiting within a
/// database transaction.
const SESSIONS: &str = "select case when state <> 'active' then state else coalesce(wait_event_type || ':' || wait_event, 'cpu') end
    || ' | ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 60)
    from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";

const TABLES: &str = "select relname::text, seq_scan, seq_tup_read, coalesce(idx_scan, 0), n_tup_ins, pg_total_relation_size(relid)
    from pg_stat_user_tables where n_tup_ins > 0 or seq_tup_read > 0 order by 6 desc";

/// A profile under way.
pub struct Profile {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Result<Seen, sqlx::Error>>,
}

/// What was seen how often, and in how many looks.
#[derive(Default)]
struct Seen {
    looks: u64,
    times: BTreeMap<String, u64>,
}

impl Profile {
    /// Begins to look; nothing for a file, which has no sessions.
    pub async fn start(place: &Place) -> Result<Option<Self>, Failure> {
        let Raw::Postgres(db) = place.raw().await? else { return Ok(None) };
        let stop = Arc::new(AtomicBool::new(false));
        let looking = tokio::spawn(look(db, stop.clone()));
        Ok(Some(Self { stop, looking }))
    }

    /// Prints what was seen: in what share of the looks a session did this.
    pub async fn print(self, printer: Printer) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.looking.await.map_err(|e| Failure::Wrong(format!("the profile died: {e}")))??;
        let mut times: Vec<_> = seen.times.into_iter().collect();
        times.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        for (what, times) in times.into_iter().take(LINES) {
            printer.figures("  profile", &[(&what, times as f64 * 100.0 / seen.looks.max(1) as f64)])?;
        }
        Ok(())
    }
}

async fn look(mut db: PgConnection, stop: Arc<AtomicBool>) -> Result<Seen, sqlx::Error> {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let sessions: Vec<String> = sqlx::query_scalar(SESSIONS).fetch_all(&mut db).await?;
        seen.looks += 1;
        for session in sessions {
            *seen.times.entry(session).or_default() += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    db.close().await?;
    Ok(seen)
}

/// Prints how each table was read, and how large it has become.
pub async fn tables(place: &Place, events: u64, printer: Printer) -> Result<(), Failure> {
    let Raw::Postgres(mut db) = place.raw().await? else { return Ok(()) };
    let rows: Vec<(String, i64, i64, i64, i64, i64)> = sqlx::query_as(TABLES).fetch_all(&mut db).await?;
    for (name, scans, scanned, lookups, inserted, bytes) in rows {
        let figures = [
            ("inserted", inserted as f64),
            ("full_scans", scans as f64),
            ("rows_in_full_scans", scanned as f64),
            ("index_scans", lookups as f64),
            ("bytes_per_event", bytes as f64 / events.max(1) as f64),
        ];
        printer.figures(&format!("  table {name}"), &figures)?;
    }
    Ok(())
}
