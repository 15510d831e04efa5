//! Reading the live generation of a model, whoever has switched it meanwhile.
//!
//! Each statement also asks which generation is live; who finds another one than it has read reads once more there.

use crate::db::{Row, Sql};
use crate::views::error::ViewError;
use crate::views::sql::Rows;
use crate::views::{Installed, Views, schema};

/// How often a reader follows a switch; each takes an operator.
const FOLLOWS: u32 = 4;

/// A row of a statement of [`Rows`], with the generation that was live then.
pub(crate) trait Stamped: Row {
    fn generation(&self) -> u32;
}

impl Stamped for (String, String, i64) {
    fn generation(&self) -> u32 {
        schema::small(self.2)
    }
}

impl Stamped for (String, i64) {
    fn generation(&self) -> u32 {
        schema::small(self.1)
    }
}

impl Stamped for (i64, i64) {
    fn generation(&self) -> u32 {
        schema::small(self.1)
    }
}

impl Stamped for (i64, Option<String>, i64, i64) {
    fn generation(&self) -> u32 {
        schema::small(self.3)
    }
}

impl<E: Send + Sync + 'static> Views<E> {
    /// The rows of a statement about the live generation.
    pub(crate) async fn current<R: Stamped>(
        &self,
        installed: &Installed<E>,
        statement: impl Fn(&Rows<'_>) -> Result<Sql, ViewError>,
    ) -> Result<Vec<R>, ViewError> {
        let mut follows = 0;
        loop {
            let read = installed.progress.generation();
            let rows = Rows::new(self.db().dialect(), &installed.definition, read);
            let found = self.db().ask::<R>(statement(&rows)?).await;
            follows += 1;
            let live = match &found {
                Ok(rows) => match rows.first() {
                    Some(row) => row.generation(),
                    // No row says nothing: the table may be an old one.
                    None => self.live(installed).await?,
                },
                // Perhaps the table is gone, because two switches have passed.
                Err(_) => self.live(installed).await?,
            };
            if live == read || follows > FOLLOWS {
                return Ok(found?);
            }
            installed.progress.switched(live);
        }
    }

    /// The live generation.
    pub(crate) async fn live(&self, installed: &Installed<E>) -> Result<u32, ViewError> {
        let definition = &installed.definition;
        let live = schema::table(self.db().dialect(), "live");
        let sql = schema::named(format!("select generation from {live} where name = $1 and version = $2"), definition);
        let found = self.db().first::<(i64,)>(sql).await?;
        found.map(|(generation,)| schema::small(generation)).ok_or(ViewError::NotInstalled(definition.name))
    }
}
