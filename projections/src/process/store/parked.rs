//! Reactions that could not be done: an operator looks at them.

use super::{Store, small};
use crate::db::{Sql, unsigned};

/// A reaction that an operator has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The reaction's id.
    pub id: String,
    /// The process that wanted it.
    pub process: String,
    /// Position of the event that caused it.
    pub position: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it did not work.
    pub reason: Option<String>,
}

impl Store {
    /// A parked reaction is to be tried again, as if for the first time.
    pub(crate) async fn again(&self, id: &str) -> Result<bool, sqlx::Error> {
        let sql = "update effects set state = case when state = 'parked' then 'pending' else 'command_again' end,
                       attempts = 0, not_before = 0, leased_until = 0, epoch = epoch + 1
                   where id = $1 and state in ('parked', 'parked_command')";
        Ok(self.db.execute(Sql::new(sql).bind(id)).await? == 1)
    }

    /// A parked reaction is put away.
    pub(crate) async fn put_away(&self, id: &str) -> Result<bool, sqlx::Error> {
        let sql = "delete from effects where id = $1 and state in ('parked', 'parked_command')";
        Ok(self.db.execute(Sql::new(sql).bind(id)).await? == 1)
    }

    /// Commands that an operator wants tried again, oldest first: id, position and intent.
    pub(crate) async fn commands_again(&self, limit: u64) -> Result<Vec<(String, u64, String)>, sqlx::Error> {
        let sql = "select id, position, cast(call as text) from effects where state = 'command_again' order by position, id limit $1";
        let rows = self.db.all::<(String, i64, String)>(Sql::new(sql).number(limit)).await?;
        Ok(rows.into_iter().map(|(id, position, intent)| (id, unsigned(position), intent)).collect())
    }

    /// What became of such a command: it has happened, or is parked again.
    pub(crate) async fn command_tried(&self, id: &str, parked: Option<&str>) -> Result<(), sqlx::Error> {
        let sql = match parked {
            None => Sql::new("delete from effects where id = $1 and state = 'command_again'").bind(id),
            Some(reason) => {
                let sql = "update effects set state = 'parked_command', attempts = attempts + 1, last_error = $2
                           where id = $1 and state = 'command_again'";
                Sql::new(sql).bind(id).bind(reason)
            }
        };
        self.db.execute(sql).await?;
        Ok(())
    }

    /// A parked reaction by its id.
    pub(crate) async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, sqlx::Error> {
        let sql = "select id, process, position, cast(attempts as bigint), last_error from effects
                   where id = $1 and state in ('parked', 'parked_command')";
        let row = self.db.first::<(String, String, i64, i64, Option<String>)>(Sql::new(sql).bind(id)).await?;
        Ok(row.map(|(id, process, position, attempts, reason)| DeadLetter {
            id,
            process,
            position: unsigned(position),
            attempts: small(attempts),
            reason,
        }))
    }

    /// Reactions that an operator has to look at, oldest first.
    pub(crate) async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let sql = "select id, process, position, cast(attempts as bigint), last_error from effects
                   where state in ('parked', 'parked_command') order by position, id limit $1";
        let rows = self.db.all::<(String, String, i64, i64, Option<String>)>(Sql::new(sql).number(limit)).await?;
        let letter = |(id, process, position, attempts, reason)| DeadLetter {
            id,
            process,
            position: unsigned(position),
            attempts: small(attempts),
            reason,
        };
        Ok(rows.into_iter().map(letter).collect())
    }
}
