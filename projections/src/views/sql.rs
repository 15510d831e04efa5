//! Queries and rows as statements of either database, by way of sea-query.

use sea_query::{
    Cond, Expr, ExprTrait, Func, InsertStatement, OnConflict, Order, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder,
};
use sea_query_sqlx::SqlxBinder;

use crate::db::{Array, Dialect, Sql, signed};
use crate::model::{Column, ColumnKind, Value};
use crate::views::definition::{Definition, StoredRow};
use crate::views::error::ViewError;
use crate::views::query::{Direction, Filter, MAX_IN, Op, Place, Query};
use crate::views::schema::{BIGRAMS, live_generation, rows_of, table};

/// How many rows an insert of SQLite has: few different texts, so that all of them stay prepared.
const INSERT_ROWS: [usize; 4] = [64, 16, 4, 1];

/// A model's table with what its statements need.
pub(crate) struct Rows<'d> {
    dialect: Dialect,
    name: &'static str,
    table: String,
    generation: u32,
    columns: &'d [Column],
    /// The live generation as an expression: a reader of another one notices.
    live: String,
}

/// Which side of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    After,
    Before,
}

/// A row to write.
pub(crate) struct Upsert {
    pub key: String,
    pub row: StoredRow,
    pub position: u64,
}

/// A page's rows: which, from where, how many, and counted from which end.
pub(crate) struct Window<'p> {
    pub after: Option<&'p Place>,
    pub before: Option<&'p Place>,
    pub backward: bool,
    pub limit: u64,
}

impl<'d> Rows<'d> {
    pub(crate) fn new<E>(dialect: Dialect, definition: &'d Definition<E>, generation: u32) -> Self {
        let (table, live) = (rows_of(definition, generation), live_generation(dialect, definition));
        Self { dialect, name: definition.name, table, generation, columns: definition.columns, live }
    }

    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn table(&self) -> String {
        table(self.dialect, &self.table)
    }

    /// `select key, doc, generation` of the rows of a query within a window. A backward window comes in reverse.
    pub(crate) fn select(&self, query: &Query, window: &Window<'_>) -> Result<Sql, ViewError> {
        let mut select = self.matching(query)?;
        select.column("key").column("doc").expr(self.live()).limit(window.limit);
        for (place, side) in [(window.after, Side::After), (window.before, Side::Before)] {
            if let Some(place) = place {
                select.and_where(self.beyond(query, place, side));
            }
        }
        for (column, direction) in self.sort(query) {
            select.order_by(column, order(direction, window.backward));
        }
        Ok(self.build_select(&select))
    }

    /// `select count, generation`: how many rows a query has.
    pub(crate) fn count(&self, query: &Query) -> Result<Sql, ViewError> {
        let mut select = self.matching(query)?;
        select.expr(Func::count(Expr::col("key"))).expr(self.live());
        Ok(self.build_select(&select))
    }

    /// `select key, generation`: one row at a place or beyond it, if there is any.
    pub(crate) fn any_from(&self, query: &Query, place: &Place, side: Side) -> Result<Sql, ViewError> {
        let mut select = self.matching(query)?;
        let here = Expr::col("key").eq(place.key.clone());
        select.column("key").expr(self.live()).and_where(here.or(self.beyond(query, place, side))).limit(1);
        Ok(self.build_select(&select))
    }

    /// `select key, doc, generation` by keys.
    pub(crate) fn by_keys(&self, keys: &[String]) -> Sql {
        let mut select = self.from();
        select.column("key").column("doc").expr(self.live()).and_where(self.among(keys));
        self.build_select(&select).arrays(self.array_of(keys))
    }

    /// One text however many keys there are.
    fn among(&self, keys: &[String]) -> Expr {
        match self.dialect {
            Dialect::Sqlite => {
                let keys = serde_json::Value::from(keys).to_string();
                Expr::cust_with_values("key in (select value from json_each(?))", [keys])
            }
            Dialect::Postgres => Expr::cust("key = any($1)"),
        }
    }

    /// What [`Rows::among`] refers to.
    fn array_of(&self, keys: &[String]) -> Option<Array> {
        (self.dialect == Dialect::Postgres).then(|| Array::Text(keys.iter().cloned().map(Some).collect()))
    }

    /// Deletes by keys.
    pub(crate) fn delete(&self, keys: &[String]) -> Sql {
        let mut delete = sea_query::Query::delete();
        match self.dialect {
            Dialect::Sqlite => delete.from_table(self.table.clone()),
            Dialect::Postgres => delete.from_table(("views", self.table.clone())),
        };
        delete.and_where(self.among(keys));
        let delete = match self.dialect {
            Dialect::Sqlite => Sql::from(delete.build_sqlx(SqliteQueryBuilder)),
            Dialect::Postgres => Sql::from(delete.build_sqlx(PostgresQueryBuilder)),
        };
        delete.arrays(self.array_of(keys))
    }

    /// Inserts or replaces rows, in few statements.
    pub(crate) fn upserts(&self, mut rows: Vec<Upsert>) -> Result<Vec<Sql>, ViewError> {
        if self.dialect == Dialect::Postgres && !rows.is_empty() {
            let (text, arrays) = self.upsert_arrays(rows, 1, None)?;
            return Ok(vec![Sql::new(text).arrays(arrays)]);
        }
        let mut statements = Vec::new();
        for at_once in INSERT_ROWS {
            while rows.len() >= at_once {
                let rest = rows.split_off(at_once);
                statements.push(self.upsert_values(std::mem::replace(&mut rows, rest))?);
            }
        }
        Ok(statements)
    }

    /// Inserts or replaces rows if, and only if, an update touches a row, all of it in one statement.
    /// PostgreSQL only.
    pub(crate) fn upsert_after(&self, update: Sql, rows: Vec<Upsert>) -> Result<Sql, ViewError> {
        let (insert, arrays) = self.upsert_arrays(rows, update.len() + 1, Some("exists (select from moved)"))?;
        Ok(update.reword(|update| format!("with moved as ({update} returning 1) {insert}")).arrays(arrays))
    }

    /// The insert with an array for each column, the first of them at a place.
    fn upsert_arrays(&self, rows: Vec<Upsert>, first: usize, only_if: Option<&'static str>) -> Result<(String, Vec<Array>), ViewError> {
        let kinds: Vec<ColumnKind> = self.columns.iter().map(|column| column.kind).collect();
        let (mut keys, mut docs, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let mut columns: Vec<Vec<Value>> = kinds.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for Upsert { key, row, position } in rows {
            keys.push(Some(key));
            docs.push(Some(row.doc));
            positions.push(Some(signed(position)));
            columns.iter_mut().zip(row.index).for_each(|(column, value)| column.push(value));
        }
        let fixed = [Array::Text(keys), Array::Text(docs), Array::BigInt(positions)];
        let arrays: Vec<Array> =
            fixed.into_iter().chain(kinds.into_iter().zip(columns).map(|(kind, column)| array(kind, column))).collect();
        // Sets in a list of columns go on together, a row at a time.
        let places = arrays.iter().zip(first..).map(|(array, place)| Expr::cust(format!("${place}::{}[]", element(array))));
        let mut source = SelectStatement::new();
        source.exprs(places.map(|array| Func::cust("unnest").arg(array)));
        if let Some(condition) = only_if {
            source.and_where(Expr::cust(condition));
        }
        let mut insert = self.insert();
        insert.select_from(source).map_err(|e| self.wrong(e.to_string()))?;
        Ok((insert.to_string(PostgresQueryBuilder), arrays))
    }

    fn upsert_values(&self, rows: Vec<Upsert>) -> Result<Sql, ViewError> {
        let mut insert = self.insert();
        for Upsert { key, row, position } in rows {
            let index = self.columns.iter().zip(row.index).map(|(column, value)| self.value(column.kind, value));
            let values = [key.into(), row.doc.into(), signed(position).into()].into_iter().chain(index).map(Expr::value);
            insert.values(values).map_err(|e| self.wrong(e.to_string()))?;
        }
        Ok(insert.build_sqlx(SqliteQueryBuilder).into())
    }

    /// An insert that replaces rows of the same key, still without rows.
    fn insert(&self) -> InsertStatement {
        let names = || self.columns.iter().map(|column| column.name);
        let mut insert = InsertStatement::new();
        match self.dialect {
            Dialect::Sqlite => insert.into_table(self.table.clone()),
            Dialect::Postgres => insert.into_table(("views", self.table.clone())),
        };
        insert.columns(["key", "doc", "position"].into_iter().chain(names()));
        insert.on_conflict(OnConflict::column("key").update_columns(["doc", "position"].into_iter().chain(names())).to_owned());
        insert
    }

    fn live(&self) -> Expr {
        Expr::cust(self.live.clone())
    }

    fn from(&self) -> SelectStatement {
        let mut select = SelectStatement::new();
        match self.dialect {
            Dialect::Sqlite => select.from(self.table.clone()),
            Dialect::Postgres => select.from(("views", self.table.clone())),
        };
        select
    }

    fn build_select(&self, select: &SelectStatement) -> Sql {
        match self.dialect {
            Dialect::Sqlite => select.build_sqlx(SqliteQueryBuilder).into(),
            Dialect::Postgres => select.build_sqlx(PostgresQueryBuilder).into(),
        }
    }

    /// A select of the rows of a query, still without columns.
    fn matching(&self, query: &Query) -> Result<SelectStatement, ViewError> {
        for (name, _) in &query.order {
            if self.column(name)?.nullable {
                return Err(self.wrong(format!("cannot sort by {name}: it may be empty")));
            }
        }
        let mut select = self.from();
        let conditions = query.filters.iter().map(|filter| self.condition(filter)).collect::<Result<Vec<_>, _>>()?;
        if !conditions.is_empty() {
            select.cond_where(conditions.into_iter().fold(Cond::all(), Cond::add));
        }
        Ok(select)
    }

    fn condition(&self, filter: &Filter) -> Result<Cond, ViewError> {
        Ok(match filter {
            Filter::Compare(name, op, value) => Cond::all().add(self.compare(name, *op, value)?),
            Filter::In(name, values) if values.len() <= MAX_IN => {
                let column = self.column(name)?;
                let values = values.iter().map(|value| self.checked(&column, value)).collect::<Result<Vec<_>, _>>()?;
                Cond::all().add(Expr::col(column.name).is_in(values))
            }
            Filter::In(name, _) => return Err(self.wrong(format!("more than {MAX_IN} values for {name}"))),
            Filter::Any(filters) if filters.is_empty() => Cond::all().add(Expr::value(1).eq(0)),
            Filter::Any(filters) => {
                filters.iter().map(|filter| self.condition(filter)).collect::<Result<Vec<_>, _>>()?.into_iter().fold(Cond::any(), Cond::add)
            }
        })
    }

    fn compare(&self, name: &str, op: Op, value: &Value) -> Result<Expr, ViewError> {
        let column = self.column(name)?;
        let col = Expr::col(column.name);
        if *value == Value::Null {
            return match op {
                Op::Eq => Ok(col.is_null()),
                Op::Ne => Ok(col.is_not_null()),
                Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Contains => Err(self.wrong(format!("{name} compared with nothing"))),
            };
        }
        let value = self.checked(&column, value)?;
        Ok(match op {
            Op::Eq => col.eq(value),
            Op::Ne => col.ne(value),
            Op::Lt => col.lt(value),
            Op::Le => col.lte(value),
            Op::Gt => col.gt(value),
            Op::Ge => col.gte(value),
            Op::Contains if column.kind == ColumnKind::Text => self.contains(&column, value),
            Op::Contains => return Err(self.wrong(format!("{name} is no text"))),
        })
    }

    /// The index finds the rows that hold all pairs of neighbouring characters; whether in this order, the text itself says.
    fn contains(&self, column: &Column, part: sea_query::Value) -> Expr {
        let name = column.name;
        match self.dialect {
            Dialect::Sqlite => Expr::cust_with_values(format!("instr(\"{name}\", ?) > 0"), [part]),
            Dialect::Postgres if column.searched => {
                let sql = format!("({BIGRAMS}(\"{name}\") @> {BIGRAMS}($1) and strpos(\"{name}\", $2) > 0)");
                Expr::cust_with_values(sql, [part.clone(), part])
            }
            Dialect::Postgres => Expr::cust_with_values(format!("strpos(\"{name}\", $1) > 0"), [part]),
        }
    }

    /// The sort columns with the key at the end, in the direction of the last one.
    fn sort(&self, query: &Query) -> Vec<(&'static str, Direction)> {
        let last = query.order.last().map_or(Direction::Asc, |(_, direction)| *direction);
        query.order.iter().copied().chain([("key", last)]).collect()
    }

    /// Rows on one side of a place. One row comparison where all directions agree (it uses the index), else spelled out.
    fn beyond(&self, query: &Query, place: &Place, side: Side) -> Expr {
        let sort = self.sort(query);
        let kind = |name: &str| self.columns.iter().find(|column| column.name == name).map_or(ColumnKind::Text, |column| column.kind);
        let mut values: Vec<Expr> =
            query.order.iter().zip(&place.values).map(|((name, _), value)| Expr::value(self.value(kind(name), value.clone()))).collect();
        values.push(Expr::value(place.key.clone()));
        let greater = |direction: Direction| (direction == Direction::Asc) == (side == Side::After);
        let first = sort[0].1;
        if sort.iter().all(|(_, direction)| *direction == first) {
            let columns = Expr::tuple(sort.iter().map(|(name, _)| Expr::col(*name)));
            let values = Expr::tuple(values);
            return if greater(first) { columns.gt(values) } else { columns.lt(values) };
        }
        let mut any = Cond::any();
        for (i, (name, direction)) in sort.iter().enumerate() {
            let mut all = Cond::all();
            for ((same, _), value) in sort.iter().zip(&values).take(i) {
                all = all.add(Expr::col(*same).eq(value.clone()));
            }
            let (column, value) = (Expr::col(*name), values[i].clone());
            any = any.add(all.add(if greater(*direction) { column.gt(value) } else { column.lt(value) }));
        }
        any.into()
    }

    fn column(&self, name: &str) -> Result<Column, ViewError> {
        if name == "key" {
            return Ok(Column::text("key"));
        }
        self.columns.iter().find(|column| column.name == name).copied().ok_or_else(|| self.wrong(format!("no column {name}")))
    }

    fn checked(&self, column: &Column, value: &Value) -> Result<sea_query::Value, ViewError> {
        if value.kind() != Some(column.kind) {
            return Err(self.wrong(format!("a value of another type for column {}", column.name)));
        }
        Ok(self.value(column.kind, value.clone()))
    }

    /// A value as the database binds it: UUIDs are text in SQLite, times microseconds in both.
    fn value(&self, kind: ColumnKind, value: Value) -> sea_query::Value {
        match (value, self.dialect) {
            (Value::Text(text), _) => text.into(),
            (Value::Uuid(uuid), Dialect::Sqlite) => uuid.to_string().into(),
            (Value::Uuid(uuid), Dialect::Postgres) => uuid.into(),
            (Value::BigInt(number), _) => number.into(),
            (Value::Bool(yes), _) => yes.into(),
            (Value::Timestamp(at), _) => at.as_microsecond().into(),
            (Value::Null, dialect) => match (kind, dialect) {
                (ColumnKind::Text, _) | (ColumnKind::Uuid, Dialect::Sqlite) => None::<String>.into(),
                (ColumnKind::Uuid, Dialect::Postgres) => None::<uuid::Uuid>.into(),
                (ColumnKind::BigInt | ColumnKind::Timestamp, _) => None::<i64>.into(),
                (ColumnKind::Bool, _) => None::<bool>.into(),
            },
        }
    }

    fn wrong(&self, reason: String) -> ViewError {
        ViewError::Query { projection: self.name, reason }
    }
}

fn order(direction: Direction, backward: bool) -> Order {
    if (direction == Direction::Asc) == backward { Order::Desc } else { Order::Asc }
}

/// A column's values as PostgreSQL takes them; they were checked against the column when the row was made.
fn array(kind: ColumnKind, values: Vec<Value>) -> Array {
    let values = values.into_iter();
    match kind {
        ColumnKind::Text => Array::Text(values.map(|value| if let Value::Text(text) = value { Some(text) } else { None }).collect()),
        ColumnKind::Uuid => Array::Uuid(values.map(|value| if let Value::Uuid(uuid) = value { Some(uuid) } else { None }).collect()),
        ColumnKind::BigInt => {
            Array::BigInt(values.map(|value| if let Value::BigInt(number) = value { Some(number) } else { None }).collect())
        }
        ColumnKind::Bool => Array::Bool(values.map(|value| if let Value::Bool(yes) = value { Some(yes) } else { None }).collect()),
        ColumnKind::Timestamp => {
            Array::BigInt(values.map(|value| if let Value::Timestamp(at) = value { Some(at.as_microsecond()) } else { None }).collect())
        }
    }
}

/// The type of an array's elements.
const fn element(array: &Array) -> &'static str {
    match array {
        Array::Text(_) => "text",
        Array::Uuid(_) => "uuid",
        Array::BigInt(_) => "bigint",
        Array::Bool(_) => "boolean",
    }
}
