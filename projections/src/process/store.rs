//! Checkpoints, timers and effects in the log's database.

mod parked;

use std::collections::BTreeMap;
use std::time::Duration;

use eventlog::StoreUrl;
use fail::fail_point;
use kernel::Timestamp;
use sqlx::sqlite::SqliteSynchronous;

use crate::db::{Db, Dialect, Sql, signed, unsigned};
use crate::process::figures::QueueFigures;
use crate::process::lease::Lease;

pub use parked::DeadLetter;

/// The log's SQLite file.
const FILE: &str = "log.db";
/// How long a silent worker keeps an effect; longer than a call may take.
const EFFECT_LEASE: Duration = Duration::from_secs(15);
/// Rows of one statement.
const ROWS: usize = 100;

/// The tables that processes keep beside the log.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Db,
}

/// A timer to set, as it is stored.
pub(crate) struct NewTimer {
    pub key: String,
    pub due: Timestamp,
    pub intent: String,
    pub position: u64,
}

/// An effect to queue, or a command to park, as it is stored.
pub(crate) struct NewEffect {
    pub id: String,
    pub position: u64,
    pub call: String,
    pub parked: Option<String>,
}

/// What a process's events want to have written.
#[derive(Default)]
pub(crate) struct Writes {
    /// In order: a later one of a key wins.
    pub timers: Vec<TimerWrite>,
    pub effects: Vec<NewEffect>,
}

impl Writes {
    /// What a later event wants, too.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.timers.append(&mut later.timers);
        self.effects.append(&mut later.effects);
    }
}

pub(crate) enum TimerWrite {
    Set(NewTimer),
    Cancel(String),
}

impl TimerWrite {
    fn key(&self) -> &str {
        match self {
            Self::Set(timer) => &timer.key,
            Self::Cancel(key) => key,
        }
    }
}

/// A timer whose time has come.
pub(crate) struct DueTimer {
    pub process: String,
    pub key: String,
    pub due_at: i64,
    pub intent: String,
    pub position: u64,
}

/// A leased effect.
pub(crate) struct Claimed {
    pub id: String,
    pub position: u64,
    pub call: String,
    /// Attempts that failed before.
    pub attempts: u32,
    epoch: i64,
}

/// Which effects a worker may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Those whose pause is over.
    Rested,
    /// Any that nobody else works at: time stands still.
    Any,
}

impl Store {
    pub(crate) async fn open(url: &StoreUrl) -> Result<Self, sqlx::Error> {
        // NORMAL: whatever a power cut takes from the end is derived from the log again, under the same ids.
        Ok(Self { db: Db::open(url, FILE, SqliteSynchronous::Normal).await? })
    }

    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }

    /// A process's checkpoint; made at 0 where it is missing.
    pub(crate) async fn checkpoint(&self, process: &str) -> Result<u64, sqlx::Error> {
        let sql = "insert into process_checkpoints (process, position) values ($1, 0) on conflict (process) do nothing";
        self.db.execute(Sql::new(sql).bind(process)).await?;
        self.read_checkpoint(process).await
    }

    pub(crate) async fn read_checkpoint(&self, process: &str) -> Result<u64, sqlx::Error> {
        let sql = Sql::new("select position from process_checkpoints where process = $1").bind(process);
        Ok(self.db.first::<(i64,)>(sql).await?.map_or(0, |(position,)| unsigned(position)))
    }

    /// Writes timers, effects and checkpoint at once, if the lease and the checkpoint are still ours; false if not.
    pub(crate) async fn commit(&self, lease: &Lease, process: &str, from: u64, upto: u64, writes: &Writes) -> Result<bool, sqlx::Error> {
        let mut tx = self.db.begin().await?;
        if !lease.hold(&self.db, &mut tx).await? {
            return Ok(false);
        }
        fail_point!("process::held", |_| Err(crate::process::failpoint::broken()));
        let sql = Sql::new("update process_checkpoints set position = $3 where process = $1 and position = $2");
        if tx.execute(sql.bind(process).number(from).number(upto)).await? != 1 {
            return Ok(false);
        }
        fail_point!("process::moved", |_| Err(crate::process::failpoint::broken()));
        for statement in self.write_timers(process, &writes.timers) {
            tx.execute(statement).await?;
        }
        for effects in writes.effects.chunks(ROWS) {
            tx.execute(self.insert_effects(process, effects)).await?;
        }
        fail_point!("process::before_commit", |_| Err(crate::process::failpoint::broken()));
        tx.commit().await?;
        fail_point!("process::after_commit", |_| Err(crate::process::failpoint::broken()));
        Ok(true)
    }

    /// What is left of timers that were set and cancelled one after the other: the last word on each key.
    fn write_timers(&self, process: &str, writes: &[TimerWrite]) -> Vec<Sql> {
        let mut last = BTreeMap::new();
        for write in writes {
            last.insert(write.key(), write);
        }
        let (mut set, mut cancelled) = (Vec::new(), Vec::new());
        for write in last.into_values() {
            match write {
                TimerWrite::Set(timer) => set.push(timer),
                TimerWrite::Cancel(key) => cancelled.push(key),
            }
        }
        let set = set.chunks(ROWS).map(|timers| self.set_timers(process, timers));
        let cancelled = cancelled.chunks(ROWS).map(|keys| {
            let sql = Sql::new(format!("delete from timers where process = $1 and key in ({})", places(2, keys.len())));
            keys.iter().fold(sql.bind(process), |sql, key| sql.bind(key.as_str()))
        });
        set.chain(cancelled).collect()
    }

    fn set_timers(&self, process: &str, timers: &[&NewTimer]) -> Sql {
        let rows = (0..timers.len()).map(|i| {
            let n = 2 + i * 4;
            format!("($1, ${n}, ${}, {}, ${})", n + 1, json(self.db.dialect(), &format!("${}", n + 2)), n + 3)
        });
        let sql = Sql::new(format!(
            "insert into timers (process, key, due_at, intent, position) values {}
             on conflict (process, key) do update set due_at = excluded.due_at, intent = excluded.intent, position = excluded.position",
            rows.collect::<Vec<_>>().join(", ")
        ));
        timers.iter().fold(sql.bind(process), |sql, timer| {
            sql.bind(timer.key.as_str()).bind(timer.due.as_microsecond()).bind(timer.intent.as_str()).number(timer.position)
        })
    }

    fn insert_effects(&self, process: &str, effects: &[NewEffect]) -> Sql {
        let rows = (0..effects.len()).map(|i| {
            let n = 2 + i * 5;
            let call = json(self.db.dialect(), &format!("${}", n + 2));
            format!("(${n}, $1, ${}, {call}, ${}, 0, 0, 0, 0, ${})", n + 1, n + 3, n + 4)
        });
        let sql = Sql::new(format!(
            "insert into effects (id, process, position, call, state, attempts, not_before, leased_until, epoch, last_error)
             values {} on conflict (id) do nothing",
            rows.collect::<Vec<_>>().join(", ")
        ));
        effects.iter().fold(sql.bind(process), |sql, effect| {
            let state = if effect.parked.is_some() { "parked_command" } else { "pending" };
            let sql = sql.bind(effect.id.as_str()).number(effect.position).bind(effect.call.as_str());
            sql.bind(state).bind(effect.parked.clone())
        })
    }

    /// Timers due at a business time, in the order in which they fire.
    pub(crate) async fn due(&self, now: Timestamp, limit: u64) -> Result<Vec<DueTimer>, sqlx::Error> {
        let sql = "select process, key, due_at, cast(intent as text), position from timers where due_at <= $1
                   order by due_at, key, process limit $2";
        let rows = self.db.all::<(String, String, i64, String, i64)>(Sql::new(sql).bind(now.as_microsecond()).number(limit)).await?;
        let timer = |(process, key, due_at, intent, position)| DueTimer { process, key, due_at, intent, position: unsigned(position) };
        Ok(rows.into_iter().map(timer).collect())
    }

    /// When the next timer is due.
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, sqlx::Error> {
        let next = self.db.first::<(Option<i64>,)>(Sql::new("select min(due_at) from timers")).await?;
        Ok(next.and_then(|(due,)| due).and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Takes a fired timer away, unless it was set anew meanwhile; a command that could not work is parked with it.
    pub(crate) async fn fired(&self, timer: &DueTimer, parked: Option<NewEffect>) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin().await?;
        let sql = Sql::new("delete from timers where process = $1 and key = $2 and due_at = $3 and position = $4");
        let sql = sql.bind(timer.process.as_str()).bind(timer.key.as_str()).bind(timer.due_at).bind(signed(timer.position));
        tx.execute(sql).await?;
        if let Some(parked) = parked {
            tx.execute(self.insert_effects(&timer.process, &[parked])).await?;
        }
        tx.commit().await
    }

    /// Leases effects, oldest first.
    pub(crate) async fn claim(&self, which: Claim, limit: u64) -> Result<Vec<Claimed>, sqlx::Error> {
        let now = self.db.dialect().now_ms();
        let rested = match which {
            Claim::Rested => format!("not_before <= {now}"),
            Claim::Any => "true".to_owned(),
        };
        let waiting = format!("(state = 'pending' and {rested}) or (state = 'leased' and leased_until < {now})");
        // A look first: most of the time there is nothing, and looking takes no lock.
        if self.db.first::<(String,)>(Sql::new(format!("select id from effects where {waiting} limit 1"))).await?.is_none() {
            return Ok(Vec::new());
        }
        // An array is made once. A plan that asks the subquery again for each row would, past locked and updated ones, lease more
        // than the limit.
        let (chosen, skip) = match self.db.dialect() {
            Dialect::Sqlite => ("in", ""),
            Dialect::Postgres => ("= any(array", "for update skip locked)"),
        };
        let sql = format!(
            "update effects set attempts = attempts + (case when state = 'leased' then 1 else 0 end),
                 state = 'leased', leased_until = {now} + $1, epoch = epoch + 1
             where id {chosen} (select id from effects where {waiting}
                 order by position, length(id), id limit $2 {skip})
             returning id, position, cast(call as text), cast(attempts as bigint), epoch"
        );
        let lease = i64::try_from(EFFECT_LEASE.as_millis()).unwrap_or(i64::MAX);
        let rows = self.db.returning::<(String, i64, String, i64, i64)>(Sql::new(sql).bind(lease).number(limit)).await?;
        let claimed =
            |(id, position, call, attempts, epoch)| Claimed { id, position: unsigned(position), call, attempts: small(attempts), epoch };
        let mut claimed: Vec<Claimed> = rows.into_iter().map(claimed).collect();
        claimed.sort_by_key(|effect| (effect.position, index_of(&effect.id)));
        Ok(claimed)
    }

    /// Keeps an effect leased while its call is under way.
    pub(crate) async fn keep(&self, effect: &Claimed) -> Result<(), sqlx::Error> {
        let sql = format!("update effects set leased_until = {} + $3 where id = $1 and epoch = $2", self.db.dialect().now_ms());
        let lease = i64::try_from(EFFECT_LEASE.as_millis()).unwrap_or(i64::MAX);
        self.db.execute(Sql::new(sql).bind(effect.id.as_str()).bind(effect.epoch).bind(lease)).await?;
        Ok(())
    }

    /// These effects have happened.
    pub(crate) async fn done(&self, effects: &[Claimed]) -> Result<(), sqlx::Error> {
        for effects in effects.chunks(ROWS) {
            let rows: Vec<_> = (0..effects.len()).map(|i| format!("(id = ${} and epoch = ${})", 2 * i + 1, 2 * i + 2)).collect();
            let sql = Sql::new(format!("delete from effects where {}", rows.join(" or ")));
            let sql = effects.iter().fold(sql, |sql, effect| sql.bind(effect.id.as_str()).bind(effect.epoch));
            self.db.execute(sql).await?;
        }
        Ok(())
    }

    /// The effect was not even tried: again after a pause.
    pub(crate) async fn postponed(&self, effect: &Claimed, pause: Duration, reason: &str) -> Result<(), sqlx::Error> {
        let sql = format!(
            "update effects set state = 'pending', not_before = {} + $3, leased_until = 0, last_error = $4 where id = $1 and epoch = $2",
            self.db.dialect().now_ms()
        );
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let sql = Sql::new(sql).bind(effect.id.as_str()).bind(effect.epoch).bind(pause).bind(reason);
        self.db.execute(sql).await?;
        Ok(())
    }

    /// The effect has not happened: again after a pause, or never (`None`).
    pub(crate) async fn failed(&self, effect: &Claimed, again: Option<Duration>, reason: &str) -> Result<(), sqlx::Error> {
        let sql = format!(
            "update effects set state = $3, attempts = attempts + 1, not_before = {} + $4, leased_until = 0, last_error = $5
             where id = $1 and epoch = $2",
            self.db.dialect().now_ms()
        );
        let state = if again.is_some() { "pending" } else { "parked" };
        let pause = again.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        let sql = Sql::new(sql).bind(effect.id.as_str()).bind(effect.epoch).bind(state).bind(pause).bind(reason);
        self.db.execute(sql).await?;
        Ok(())
    }

    /// What waits, counted.
    pub(crate) async fn queue(&self) -> Result<QueueFigures, sqlx::Error> {
        let sql = "select coalesce(sum(case when state = 'pending' then 1 else 0 end), 0),
                 coalesce(sum(case when state = 'leased' then 1 else 0 end), 0),
                 coalesce(sum(case when state in ('parked', 'parked_command') then 1 else 0 end), 0),
                 (select count(*) from timers)
             from effects";
        let row = self.db.first::<(i64, i64, i64, i64)>(Sql::new(sql)).await?.unwrap_or_default();
        let (pending, leased, parked, timers) = (unsigned(row.0), unsigned(row.1), unsigned(row.2), unsigned(row.3));
        Ok(QueueFigures { pending, leased, parked, timers })
    }

    /// Every process with its checkpoint.
    pub(crate) async fn checkpoints(&self) -> Result<Vec<(String, u64)>, sqlx::Error> {
        let sql = Sql::new("select process, position from process_checkpoints order by process");
        let rows = self.db.all::<(String, i64)>(sql).await?;
        Ok(rows.into_iter().map(|(process, position)| (process, unsigned(position))).collect())
    }

    /// Effects that wait or are being worked at.
    pub(crate) async fn open_effects(&self) -> Result<u64, sqlx::Error> {
        let sql = Sql::new("select count(*) from effects where state in ('pending', 'leased')");
        Ok(self.db.first::<(i64,)>(sql).await?.map_or(0, |(count,)| unsigned(count)))
    }
}

/// A reaction's index within its event, from its id.
fn index_of(id: &str) -> u64 {
    id.rsplit(':').next().and_then(|index| index.parse().ok()).unwrap_or(u64::MAX)
}

/// So many parameters, from a number on.
fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// A text parameter of a JSON column.
fn json(dialect: Dialect, parameter: &str) -> String {
    match dialect {
        Dialect::Sqlite => parameter.to_owned(),
        Dialect::Postgres => format!("cast({parameter} as json)"),
    }
}

/// A count as it was kept.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
