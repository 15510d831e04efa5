//! Rows that stand still: which, why, and what is done about them.

use std::sync::Arc;

use fail::fail_point;
use uuid::Uuid;

use crate::db::unsigned;
use crate::known::{Known, Seen};
use crate::views::error::ViewError;
use crate::views::fold::{Changes, Parked};
use crate::views::lead::{self, Advance, Lead, Which};
use crate::views::left_out::LeftOut;
use crate::views::schema::{live_generation, named, small, table};
use crate::views::sql::Upsert;
use crate::views::stored::stored;
use crate::views::{Installed, Views};

/// Most parked events of one key that are tried again at once.
const MAX_PARKED: usize = 10_000;

/// A row that stands still since an event that could not be applied to it; or, without a key, a model that has halted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedKey {
    /// The model.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The row's key; `None` for a model that has halted as a whole.
    pub key: Option<String>,
    /// Position of the event that is in the way.
    pub position: u64,
    /// Position of the last event that waits.
    pub last_position: u64,
    /// Events that wait, that one included.
    pub events: u64,
    /// Its type, where it is known.
    pub event_type: Option<String>,
    /// Why it could not be applied.
    pub reason: Option<String>,
}

impl ParkedKey {
    /// Names it: `model@version/key`, or `model@version` for a whole model.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { projection, version, key, .. } = self;
        key.as_ref().map_or_else(|| format!("{projection}@{version}"), |key| format!("{projection}@{version}/{key}"))
    }
}

type Row = (String, i64, String, i64, i64, i64, Option<String>, Option<String>);

impl<E: Send + Sync + 'static> Views<E> {
    /// Rows that stand still and models that have halted, oldest event first; at most `limit`. Read from the tables, and so the
    /// same on every node.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn parked(&self, limit: u64) -> Result<Vec<ParkedKey>, ViewError> {
        let table = |name: &str| table(self.db().dialect(), name);
        let (parked, live, projections) = (table("parked"), table("live"), table("projections"));
        let sql = format!(
            "select p.name, p.version, p.key, min(p.position), max(p.position), count(*),
                 (select f.event_type from {parked} f where f.name = p.name and f.version = p.version and f.generation = p.generation
                      and f.key = p.key order by f.position limit 1),
                 (select f.reason from {parked} f where f.name = p.name and f.version = p.version and f.generation = p.generation
                      and f.key = p.key order by f.position limit 1)
             from {parked} p join {live} l on l.name = p.name and l.version = p.version and l.generation = p.generation
             group by p.name, p.version, p.generation, p.key order by 4, 1, 3 limit $1"
        );
        let rows = self.db().all::<Row>(crate::db::Sql::new(sql).number(limit)).await?;
        let key = |(projection, version, key, first, last, events, event_type, reason): Row| ParkedKey {
            projection,
            version: small(version),
            key: Some(key),
            position: unsigned(first),
            last_position: unsigned(last),
            events: unsigned(events),
            event_type,
            reason,
        };
        let mut all: Vec<ParkedKey> = rows.into_iter().map(key).collect();
        let sql = format!(
            "select c.name, c.version, c.position, c.last_error from {projections} c
             join {live} l on l.name = c.name and l.version = c.version and l.generation = c.generation where c.halted"
        );
        for (projection, version, position, reason) in self.db().all::<(String, i64, i64, Option<String>)>(crate::db::Sql::new(sql)).await?
        {
            let at = unsigned(position) + 1;
            let halted = ParkedKey {
                projection,
                version: small(version),
                key: None,
                position: at,
                last_position: at,
                events: 1,
                event_type: None,
                reason,
            };
            all.insert(0, halted);
        }
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// One of them, by its name; `None` when nothing of that name stands still.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn parked_by_name(&self, name: &str) -> Result<Option<ParkedKey>, ViewError> {
        // There are few, and this is asked by people.
        Ok(self.parked(u64::from(u32::MAX)).await?.into_iter().find(|parked| parked.name() == name))
    }

    /// Applies what waits once more, past what operators have left out; says whether the row goes on. A halted model is told to
    /// look again.
    ///
    /// # Errors
    /// [`ViewError::NotInstalled`] for a model that this program does not have; else the database's or the log's.
    pub async fn try_again(&self, parked: &ParkedKey) -> Result<bool, ViewError> {
        let installed = self.named(&parked.projection).filter(|installed| installed.definition.version == parked.version);
        let Some(installed) = installed else { return Err(ViewError::Unknown(parked.name())) };
        let Some(key) = &parked.key else { return self.look_again(&installed).await };
        let (db, definition) = (self.db(), &installed.definition);
        // The projector is stopped for a moment: its next write is refused, and it learns what is parked when it takes the lead again.
        let live = self.live(&installed).await?;
        let holder = Uuid::new_v4().to_string();
        let Some(mut lead) = lead::take(db, definition, &holder, Which::Seized(live)).await? else { return Ok(false) };
        fail_point!("unpark::seized", |_| Err(crate::failpoint::broken().into()));
        let applied = self.apply_parked(&installed, &mut lead, key).await;
        lead.release(db, definition).await?;
        applied
    }

    async fn apply_parked(&self, installed: &Installed<E>, lead: &mut Lead, key: &str) -> Result<bool, ViewError> {
        loop {
            let waiting = self.parked_events(installed, lead, key).await?;
            let Some(goes_on) = self.apply_waiting(installed, lead, key, &waiting).await? else { return Ok(false) };
            if !goes_on || !waiting.more {
                return Ok(goes_on);
            }
        }
    }

    /// Applies some of what waits; says whether nothing of it waits any more, or none when the lead is lost.
    async fn apply_waiting(
        &self,
        installed: &Installed<E>,
        lead: &mut Lead,
        key: &str,
        waiting: &Waiting<E>,
    ) -> Result<Option<bool>, ViewError> {
        let (db, definition, events) = (self.db(), &installed.definition, &waiting.events);
        let docs = stored(self, installed, lead.generation, &[key.to_owned()]).await?;
        let doc = docs.get(key).map(String::as_str);
        let mut folded = (definition.fold)(key, doc, events)?;
        let mut changes = Changes::default();
        let mut applied = events.len();
        if let Some((at, reason)) = folded.poison.take() {
            // As in a batch: a stored event is applied as a whole or not at all.
            applied = events[..at].iter().rposition(|event| event.position() < events[at].position()).map_or(0, |last| last + 1);
            if applied < at {
                folded = (definition.fold)(key, doc, &events[..applied])?;
            }
            changes.park(key, &events[applied..], Some(reason.to_string()));
        }
        match (folded.row, events[..applied].last()) {
            (Some(row), Some(last)) => changes.upserts.push(Upsert { key: key.to_owned(), row, position: last.position() }),
            (None, Some(_)) if doc.is_some() => changes.deletes.push(key.to_owned()),
            (None | Some(_), _) => {}
        }
        let goes_on = changes.parked.is_empty();
        let advance = Advance { upto: lead.position, changes, halt: None };
        Ok(lead.unpark(db, definition, (key, waiting.upto), advance).await?.then_some(goes_on))
    }

    /// The first events of a parked key that are not left out, in order.
    async fn parked_events(&self, installed: &Installed<E>, lead: &Lead, key: &str) -> Result<Waiting<E>, ViewError> {
        let definition = &installed.definition;
        let sql = format!(
            "select position from {} where name = $1 and version = $2 and generation = {} and key = $3 order by position limit {MAX_PARKED}",
            table(self.db().dialect(), "parked"),
            lead.generation
        );
        let positions = self.db().all::<(i64,)>(named(sql, definition).bind(key)).await?;
        let (upto, more) = (positions.last().map_or(0, |(last,)| unsigned(*last)), positions.len() >= MAX_PARKED);
        let left_out = LeftOut::read(self.log(), definition.name, definition.version).await?;
        let mut events = Vec::new();
        for position in positions.into_iter().map(|(position,)| unsigned(position)).filter(|position| !left_out.covers(key, *position)) {
            let Some(recorded) = self.log().read(position.saturating_sub(1), 1).await?.pop() else { continue };
            let seen = Seen::of(recorded, self.tail().decode());
            let wrong =
                |(_, reason): (&str, &str)| ViewError::Row { projection: definition.name, key: key.to_owned(), reason: reason.to_owned() };
            let mine = |event: &&Arc<Known<E>>| (definition.keys)(event).iter().any(|touched| touched == key);
            events.extend(seen.events().map_err(wrong)?.iter().filter(mine).cloned());
        }
        Ok(Waiting { events, upto, more })
    }

    /// Tells whoever has halted before an event to try it again.
    async fn look_again(&self, installed: &Installed<E>) -> Result<bool, ViewError> {
        let (dialect, definition) = (self.db().dialect(), &installed.definition);
        let sql = format!(
            "update {} set halted = false, last_error = null where name = $1 and version = $2 and generation = {}",
            table(dialect, "projections"),
            live_generation(dialect, definition)
        );
        Ok(self.db().execute(named(sql, definition)).await? == 1)
    }

    /// Is the live generation told to stand still?
    pub(crate) async fn is_halted(&self, installed: &Installed<E>) -> Result<bool, ViewError> {
        let (dialect, definition) = (self.db().dialect(), &installed.definition);
        let sql = format!(
            "select halted from {} where name = $1 and version = $2 and generation = {}",
            table(dialect, "projections"),
            live_generation(dialect, definition)
        );
        Ok(self.db().first::<(bool,)>(named(sql, definition)).await?.is_some_and(|(halted,)| halted))
    }
}

/// What waits for a parked key, or the first part of it.
struct Waiting<E> {
    events: Vec<Arc<Known<E>>>,
    /// The last position of this part.
    upto: u64,
    /// Does more wait behind it?
    more: bool,
}

impl Parked {
    /// Is it the event that is in the way, and not one behind it?
    pub(crate) const fn is_poison(&self) -> bool {
        self.reason.is_some()
    }
}
