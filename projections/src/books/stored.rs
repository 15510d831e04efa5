//! What is stored of the books, read without writing and without a server.

use std::collections::BTreeMap;

use eventlog::StoreUrl;

use crate::db::{Db, Sql, signed, unsigned};
use crate::model::ReadModel;
use crate::models::{AccountBalances, BalanceRow};
use crate::views::{ViewError, live_rows, read_row, runtime_table};

/// The read side's database, open for reading.
pub(super) struct Stored {
    db: Db,
}

impl Stored {
    /// Opens it; `None` when there is none.
    pub(super) async fn open(url: &StoreUrl) -> Result<Option<Self>, ViewError> {
        Ok(Db::open_to_read(url, crate::views::FILE).await?.map(|db| Self { db }))
    }

    /// Up to where a model has applied the log; `None` when it was never built.
    pub(super) async fn checkpoint<M: ReadModel>(&self) -> Result<Option<u64>, ViewError> {
        let Some((generation, _)) = live_rows::<M>(&self.db).await? else { return Ok(None) };
        let table = runtime_table(&self.db, "projections");
        let sql = format!("select position from {table} where name = $1 and version = $2 and generation = {generation} and ready");
        let sql = Sql::new(sql);
        let found = self.db.first::<(i64,)>(sql.bind(M::NAME).bind(i64::from(M::VERSION))).await?;
        Ok(found.map(|(position,)| unsigned(position)))
    }

    /// All balances with the position that they stand at, in one consistent read.
    pub(super) async fn balances(&self) -> Result<Option<(u64, BTreeMap<String, BalanceRow>)>, ViewError> {
        // Without its checkpoint row there is no table, either.
        if self.checkpoint::<AccountBalances>().await?.is_none() {
            return Ok(None);
        }
        let Some((generation, rows)) = live_rows::<AccountBalances>(&self.db).await? else { return Ok(None) };
        let projections = runtime_table(&self.db, "projections");
        let sql = Sql::new(format!(
            "select c.position, r.key, r.doc from {projections} c left join {rows} r on true
             where c.name = $1 and c.version = $2 and c.generation = {generation}"
        ));
        let sql = sql.bind(AccountBalances::NAME).bind(i64::from(AccountBalances::VERSION));
        let (mut at, mut balances) = (0, BTreeMap::new());
        for (position, key, doc) in self.db.all::<(i64, Option<String>, Option<String>)>(sql).await? {
            at = unsigned(position);
            if let (Some(key), Some(doc)) = (key, doc) {
                let row = read_row::<AccountBalances>(&key, &doc)?;
                balances.insert(key, row);
            }
        }
        Ok(Some((at, balances)))
    }

    /// Rows of a model after a key, in order; the text of each is that of the row read again, so that no spelling matters.
    pub(super) async fn rows<M: ReadModel>(&self, after: &str, limit: usize) -> Result<Vec<(String, String)>, ViewError> {
        let Some((_, table)) = live_rows::<M>(&self.db).await? else { return Ok(Vec::new()) };
        let sql = Sql::new(format!("select key, doc from {table} where key > $1 order by key limit $2"));
        let stored = self.db.all::<(String, String)>(sql.bind(after).bind(signed(limit as u64))).await?;
        let mut rows = Vec::with_capacity(stored.len());
        for (key, doc) in stored {
            let row = read_row::<M>(&key, &doc);
            // A row that cannot be read differs from every row that was made.
            let doc = row.ok().and_then(|row| serde_json::to_string(&row).ok()).unwrap_or_default();
            rows.push((key, doc));
        }
        Ok(rows)
    }

    pub(super) async fn close(&self) {
        self.db.close().await;
    }
}
