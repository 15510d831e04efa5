//! The read side's tables: one table, its indexes and a stable SQL view for each model, and the runtime's own five.
//!
//! A version of a model may have several tables, its generations: the one that `live` points to is read and moved along, a
//! newer one is being built beside it, an older one is kept for a while to go back to.

use crate::db::{Db, Dialect, Sql, Tx, unsigned};
use crate::model::{Column, ColumnKind};
use crate::views::definition::Definition;
use crate::views::error::ViewError;

/// Serialises the installers of several nodes (a lock of the database transaction, not of a session).
const INSTALL_LOCK: i64 = 0x6461_7962_6f6f_6b01;

/// A checkpoint row: the model's place, and who may move it.
const PROJECTIONS: &str = "
    name         text   not null,
    version      bigint not null,
    generation   bigint not null,
    shape        text   not null,
    position     bigint not null,
    epoch        bigint not null,
    holder       text,
    leased_until bigint not null,
    ready        boolean not null,
    halted       boolean not null,
    last_error   text,
    constraint projections_key primary key (name, version, generation)";

/// An event that could not be applied to a key (with the reason), or that came after one (without).
const PARKED: &str = "
    name       text   not null,
    version    bigint not null,
    generation bigint not null,
    key        text   not null,
    position   bigint not null,
    event_type text   not null,
    reason     text,
    constraint parked_key primary key (name, version, generation, key, position)";

/// Which generation of a version is read and moved: the one row that a switch changes.
const LIVE: &str = "
    name       text   not null,
    version    bigint not null,
    generation bigint not null,
    constraint live_pk primary key (name, version)";

/// How far each part of a generation is that is still being loaded.
const PARTS: &str = "
    name       text   not null,
    version    bigint not null,
    generation bigint not null,
    part       bigint not null,
    position   bigint not null,
    constraint parts_pk primary key (name, version, generation, part)";

/// Which version of a model the stable SQL view shows.
const POINTERS: &str = "
    name    text   not null constraint pointers_pk primary key,
    version bigint not null";

/// The function under the index of a searched column: the pairs of neighbouring characters of a text. Trigrams, as `pg_trgm` has
/// them, would not help with words of two syllables, and their alphabet is the database's locale (K11).
pub(crate) const BIGRAMS: &str = "views.bigrams";

const BIGRAMS_BODY: &str = "(value text) returns text[] language sql immutable strict parallel safe as $body$
    select coalesce(array_agg(distinct substr(value, at, 2)), '{}') from generate_series(1, length(value) - 1) as at
$body$";

/// The name of a table as a statement writes it.
pub(crate) fn table(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("\"{name}\""),
        Dialect::Postgres => format!("views.\"{name}\""),
    }
}

/// The name of a generation's table.
pub(crate) fn rows_of<E>(definition: &Definition<E>, generation: u32) -> String {
    let Definition { name, version, .. } = definition;
    if generation == 0 { format!("{name}_v{version}") } else { format!("{name}_v{version}_g{generation}") }
}

/// The live generation of a model as an expression; names are ours.
pub(crate) fn live_generation<E>(dialect: Dialect, definition: &Definition<E>) -> String {
    let (live, Definition { name, version, .. }) = (table(dialect, "live"), definition);
    format!("(select live.generation from {live} live where live.name = '{name}' and live.version = {version})")
}

/// Makes the runtime's own tables.
pub(crate) async fn prepare(db: &Db) -> Result<(), ViewError> {
    let mut tx = begin_locked(db).await?;
    let dialect = db.dialect();
    // Asked first: making a schema "if not exists" takes a right that the application's role need not have.
    let missing = "select cast(1 as bigint) from pg_namespace where nspname = 'views'";
    if dialect == Dialect::Postgres && tx.first::<(i64,)>(Sql::new(missing)).await?.is_none() {
        tx.execute(Sql::new("create schema views")).await?;
    }
    let missing = "select cast(1 as bigint) from pg_proc where pronamespace = 'views'::regnamespace and proname = 'bigrams'";
    if dialect == Dialect::Postgres && tx.first::<(i64,)>(Sql::new(missing)).await?.is_none() {
        tx.execute(Sql::new(format!("create function {BIGRAMS} {BIGRAMS_BODY}"))).await?;
    }
    for (name, columns) in [("projections", PROJECTIONS), ("parked", PARKED)] {
        number_generations(&mut tx, dialect, name, columns).await?;
    }
    for (name, columns) in [("projections", PROJECTIONS), ("parked", PARKED), ("pointers", POINTERS), ("live", LIVE), ("parts", PARTS)] {
        tx.execute(Sql::new(format!("create table if not exists {} ({columns})", table(dialect, name)))).await?;
    }
    Ok(tx.commit().await?)
}

/// Gives a table of the time before generations the column: all that it holds is of the first one.
async fn number_generations(tx: &mut Tx, dialect: Dialect, name: &str, columns: &str) -> Result<(), sqlx::Error> {
    let asked = match dialect {
        Dialect::Sqlite => format!("select name from pragma_table_info('{name}')"),
        Dialect::Postgres => {
            format!("select cast(attname as text) from pg_attribute where attrelid = to_regclass('views.{name}') and attnum > 0")
        }
    };
    let found = tx.all::<(String,)>(Sql::new(asked)).await?;
    if found.is_empty() || found.iter().any(|(column,)| column == "generation") {
        return Ok(());
    }
    let before = format!("{name}_before");
    let names = found.iter().map(|(column,)| column.as_str()).collect::<Vec<_>>().join(", ");
    let (old, new) = (table(dialect, &before), table(dialect, name));
    tx.execute(Sql::new(format!("alter table {new} rename to {before}"))).await?;
    tx.execute(Sql::new(format!("create table {new} ({columns})"))).await?;
    tx.execute(Sql::new(format!("insert into {new} ({names}, generation) select {names}, 0 from {old}"))).await?;
    tx.execute(Sql::new(format!("drop table {old}"))).await?;
    Ok(())
}

pub(crate) async fn begin_locked(db: &Db) -> Result<Tx, sqlx::Error> {
    let mut tx = db.begin().await?;
    if db.dialect() == Dialect::Postgres {
        tx.execute(Sql::new("select pg_advisory_xact_lock($1)").bind(INSTALL_LOCK)).await?;
    }
    Ok(tx)
}

/// How a model was found when it was installed.
pub(crate) struct Found {
    pub position: u64,
    pub generation: u32,
    /// Has it ever caught up?
    pub ready: bool,
}

/// Makes a model's table, indexes and checkpoint row where they are missing, and the stable view if it has none yet.
pub(crate) async fn install<E: 'static>(db: &Db, definition: &Definition<E>) -> Result<Found, ViewError> {
    let mut tx = begin_locked(db).await?;
    let dialect = db.dialect();
    let live = format!("select generation from {} where name = $1 and version = $2", table(dialect, "live"));
    let generation = match tx.first::<(i64,)>(named(live, definition)).await? {
        Some((generation,)) => small(generation),
        None => {
            tx.execute(named(format!("insert into {} values ($1, $2, 0)", table(dialect, "live")), definition)).await?;
            0
        }
    };
    let found = format!(
        "select shape, position, ready from {} where name = $1 and version = $2 and generation = {generation}",
        table(dialect, "projections")
    );
    let found = tx.first::<(String, i64, bool)>(named(found, definition)).await?;
    // Asked first: making what is there takes locks that a projector at work waits for, and the other way round.
    let (stored, position, ready) = match found {
        Some(found) => found,
        None => {
            make(&mut tx, dialect, definition, generation).await?;
            (definition.shape(), 0, false)
        }
    };
    if stored != definition.shape() {
        let reason = format!("its columns changed within version {}: raise the version", definition.version);
        return Err(ViewError::Definition { projection: definition.name, reason });
    }
    let pointer = Sql::new(format!("select version from {} where name = $1", table(dialect, "pointers"))).bind(definition.name);
    if tx.first::<(i64,)>(pointer).await?.is_none() {
        point(&mut tx, dialect, definition, generation).await?;
    }
    tx.commit().await?;
    Ok(Found { position: unsigned(position), generation, ready })
}

async fn make<E: 'static>(tx: &mut Tx, dialect: Dialect, definition: &Definition<E>, generation: u32) -> Result<(), sqlx::Error> {
    let rows = rows_of(definition, generation);
    tx.execute(Sql::new(create_table(dialect, &rows, definition.columns))).await?;
    for index in create_indexes(dialect, &rows, definition.columns) {
        tx.execute(Sql::new(index)).await?;
    }
    begin_checkpoint(tx, dialect, definition, generation).await
}

/// A checkpoint row at the log's beginning, unless there is one.
pub(crate) async fn begin_checkpoint<E: 'static>(
    tx: &mut Tx,
    dialect: Dialect,
    definition: &Definition<E>,
    generation: u32,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "insert into {} (name, version, generation, shape, position, epoch, leased_until, ready, halted)
         values ($1, $2, $3, $4, 0, 0, 0, false, false) on conflict (name, version, generation) do nothing",
        table(dialect, "projections")
    );
    tx.execute(named(sql, definition).bind(i64::from(generation)).bind(definition.shape())).await?;
    Ok(())
}

/// A statement whose first two values are a model's name and version.
pub(crate) fn named<E>(sql: String, definition: &Definition<E>) -> Sql {
    Sql::new(sql).bind(definition.name).bind(i64::from(definition.version))
}

/// A generation as it was kept.
pub(crate) fn small(generation: i64) -> u32 {
    u32::try_from(generation).unwrap_or(u32::MAX)
}

pub(crate) fn create_table(dialect: Dialect, rows: &str, columns: &[Column]) -> String {
    let text = match dialect {
        Dialect::Sqlite => "text",
        Dialect::Postgres => "text collate \"C\"",
    };
    let typed = columns.iter().map(|column| {
        let kind = match (column.kind, dialect) {
            (ColumnKind::Text, _) | (ColumnKind::Uuid, Dialect::Sqlite) => text,
            (ColumnKind::Uuid, Dialect::Postgres) => "uuid",
            (ColumnKind::BigInt | ColumnKind::Timestamp, _) => "bigint",
            (ColumnKind::Bool, _) => "boolean",
        };
        // Quoted: a column may be called "end" or "user".
        format!("\"{}\" {kind}{}, ", column.name, if column.nullable { "" } else { " not null" })
    });
    format!(
        "create table if not exists {} (key {text} not null constraint {rows}_pk primary key, {}doc text not null, position bigint not null)",
        table(dialect, rows),
        typed.collect::<String>()
    )
}

pub(crate) fn create_indexes(dialect: Dialect, rows: &str, columns: &[Column]) -> Vec<String> {
    let on = table(dialect, rows);
    let ordered = columns.iter().filter(|column| column.indexed).map(|Column { name, then, .. }| {
        // Pages are ordered by columns and key.
        let then = then.map(|then| format!("\"{then}\", ")).unwrap_or_default();
        format!("create index if not exists {rows}_{name} on {on} (\"{name}\", {then}key)")
    });
    // SQLite looks at every row instead: it serves one node, whose tables are small.
    let searched = columns
        .iter()
        .filter(|column| column.searched && dialect == Dialect::Postgres)
        .map(|Column { name, .. }| format!("create index if not exists {rows}_{name}_parts on {on} using gin ({BIGRAMS}(\"{name}\"))"));
    ordered.chain(searched).collect()
}

/// Shows a model's version, as its live generation has it, in its stable SQL view.
pub(crate) async fn point<E>(tx: &mut Tx, dialect: Dialect, definition: &Definition<E>, generation: u32) -> Result<(), sqlx::Error> {
    let (view, rows) = (table(dialect, definition.name), table(dialect, &rows_of(definition, generation)));
    let columns = definition.columns.iter().map(|column| format!("{}, ", shown(dialect, column))).collect::<String>();
    let doc = match dialect {
        Dialect::Sqlite => "doc",
        Dialect::Postgres => "cast(doc as json) as doc",
    };
    tx.execute(Sql::new(format!("drop view if exists {view}"))).await?;
    tx.execute(Sql::new(format!("create view {view} as select key, {columns}{doc}, position from {rows}"))).await?;
    let pointers = table(dialect, "pointers");
    let sql = format!("insert into {pointers} values ($1, $2) on conflict (name) do update set version = excluded.version");
    tx.execute(Sql::new(sql).bind(definition.name).bind(i64::from(definition.version))).await?;
    Ok(())
}

/// A column as people read it: times as times.
fn shown(dialect: Dialect, column: &Column) -> String {
    let name = format!("\"{}\"", column.name);
    match (column.kind, dialect) {
        (ColumnKind::Timestamp, Dialect::Postgres) => format!("timestamptz 'epoch' + {name} * interval '1 microsecond' as {name}"),
        (ColumnKind::Timestamp, Dialect::Sqlite) => {
            format!("strftime('%Y-%m-%dT%H:%M:%S', {name} / 1000000, 'unixepoch') || printf('.%06dZ', {name} % 1000000) as {name}")
        }
        (ColumnKind::Text | ColumnKind::Uuid | ColumnKind::BigInt | ColumnKind::Bool, _) => name,
    }
}

/// Lets readers in: the live generation has caught up for the first time. A newer version takes the stable view over.
pub(crate) async fn make_ready<E>(db: &Db, definition: &Definition<E>, generation: u32) -> Result<(), ViewError> {
    let mut tx = begin_locked(db).await?;
    let dialect = db.dialect();
    let projections = table(dialect, "projections");
    let ready = format!("update {projections} set ready = true where name = $1 and version = $2 and generation = {generation}");
    tx.execute(named(ready, definition)).await?;
    if shown_version(&mut tx, dialect, definition).await?.is_none_or(|shown| shown < definition.version) {
        point(&mut tx, dialect, definition, generation).await?;
    }
    Ok(tx.commit().await?)
}

/// Which version the stable SQL view shows.
pub(crate) async fn shown_version<E>(tx: &mut Tx, dialect: Dialect, definition: &Definition<E>) -> Result<Option<u32>, sqlx::Error> {
    let pointer = Sql::new(format!("select version from {} where name = $1", table(dialect, "pointers"))).bind(definition.name);
    Ok(tx.first::<(i64,)>(pointer).await?.map(|(version,)| small(version)))
}
