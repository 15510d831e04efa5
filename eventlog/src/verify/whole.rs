//! What no single event shows: the ends of the log, streams as a whole, ids, and the database's own pages.

use super::source::{HeadRow, Source, damage};
use super::{Fault, Halt, Wrong};
use crate::recorded::{signed, unsigned};

/// Is the uniqueness of ids guarded by an index of them alone? In SQLite it is, unless somebody has dropped it.
const IDS_GUARDED: &str = "select count(*) from pragma_index_list('events') l where l.\"unique\" = 1 \
     and (select group_concat(name) from pragma_index_info(l.name)) = 'event_id'";

/// Positions begin with 1.
pub(super) async fn nothing_before(source: &mut Source) -> Result<(), Halt> {
    match source.number("select count(*) from events where position < 1").await {
        Ok(Some(0) | None) => Ok(()),
        Ok(Some(_)) => Err(Fault::at(0, Wrong::Surplus).into()),
        // The same page has the first events, and will be met again with a position.
        Err(error) if damage(&error).is_some() => Ok(source.begin_again().await?),
        Err(error) => Err(error.into()),
    }
}

/// The versions of each stream in the order of positions, sorted by the database: for logs with more unfinished streams than
/// [`Checker`] follows, and to tell where when the sums do not add up.
pub(super) async fn versions(source: &mut Source, from: u64, up_to: u64) -> Result<(), Halt> {
    // Of a range that begins later, the first event seen of a stream may have any version.
    let first = if from == 1 { "0" } else { "version - 1" };
    let sql = format!(
        "select position, version, before from
           (select position, version, coalesce(lag(version) over (partition by stream order by position), {first}) as before
            from events where position >= {} and position <= {}) followed
         where version <> before + 1 order by position limit 1",
        signed(from),
        signed(up_to)
    );
    match source.rows::<(i64, i64, i64)>(&sql).await?.first() {
        Some(&(position, found, before)) => {
            let wrong = Wrong::Version { found: unsigned(found).unwrap_or(0), before: unsigned(before).unwrap_or(0) };
            Err(Fault::at(unsigned(position).unwrap_or(0), wrong).into())
        }
        None => Ok(()),
    }
}

/// The head row names the last event and is not older.
pub(super) async fn end(source: &mut Source, head: HeadRow, recorded_at: i64) -> Result<(), Halt> {
    let last = source.number("select max(position) from events").await?.and_then(unsigned).unwrap_or(0);
    if last > head.position {
        return Err(Fault::at(head.position + 1, Wrong::Head { head: head.position }).into());
    }
    if head.position > 0 && head.recorded_at < recorded_at {
        return Err(Fault::at(head.position, Wrong::Number("the head row's time")).into());
    }
    let another = "select count(*) from log_head h join events e on e.position = h.position \
         where h.last_event_id is null or h.last_event_id <> e.event_id";
    let none = "select count(*) from log_head where position = 0 and last_event_id is not null";
    for sql in [another, none] {
        if source.number(sql).await?.is_some_and(|rows| rows > 0) {
            return Err(Fault::at(head.position, Wrong::Number("the head row's last event")).into());
        }
    }
    Ok(())
}

/// Ids are unique: an index sees to it, else those of the range are sorted here.
pub(super) async fn event_ids(source: &mut Source, from: u64, to: u64) -> Result<(), Halt> {
    let guarded = match source {
        Source::Sqlite(_) => source.number(IDS_GUARDED).await?,
        Source::Postgres(_) => None,
    };
    if guarded.is_some_and(|guards| guards > 0) {
        return Ok(());
    }
    let again = format!(
        "select min(position) from (select position, row_number() over (partition by event_id order by position) as nth from events
             where position >= {} and position <= {}) ids where nth > 1",
        signed(from),
        signed(to)
    );
    match source.number(&again).await? {
        Some(position) => Err(Fault::at(unsigned(position).unwrap_or(0), Wrong::EventId).into()),
        None => Ok(()),
    }
}

/// SQLite's own checks: the quick one of the pages and rows, then the indexes against their tables.
pub(super) async fn pages(source: &mut Source) -> Result<(), Halt> {
    if !source.checks_pages() {
        return Ok(());
    }
    for check in ["pragma quick_check(1)", "pragma integrity_check(1)"] {
        let said = source.rows::<(String,)>(check).await?.pop().map_or_else(String::new, |row| row.0);
        if said != "ok" {
            return Err(Fault { position: row_of_events(&said), wrong: Wrong::Damaged(said) }.into());
        }
    }
    Ok(())
}

/// The position that `row 7 missing from index events_type` means: rows are counted in the order of dense positions.
fn row_of_events(said: &str) -> Option<u64> {
    let (row, index) = said.strip_prefix("row ")?.split_once(" missing from index ")?;
    let of_events = index.starts_with("events_") || index.starts_with("sqlite_autoindex_events_");
    of_events.then(|| row.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_events_is_a_position() {
        assert_eq!(row_of_events("row 7 missing from index events_type"), Some(7));
        assert_eq!(row_of_events("row 7 missing from index sqlite_autoindex_events_2"), Some(7));
        assert_eq!(row_of_events("row 7 missing from index timers_due"), None);
        assert_eq!(row_of_events("Tree 5 page 9: btreeInitPage() returns error code 11"), None);
    }
}
