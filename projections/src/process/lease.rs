//! Named leases with epochs in the log's database: who runs a process.

use std::time::Duration;

use crate::db::{Db, Sql, Tx};

/// How long a silent holder keeps what it leases.
const LEASE: Duration = Duration::from_secs(5);
/// How often an idle holder renews.
pub(crate) const RENEW: Duration = Duration::from_millis(1_500);

/// The right to run something, until somebody else takes it over.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    name: String,
    epoch: i64,
}

impl Lease {
    /// Takes a lease unless somebody else holds it.
    pub(crate) async fn take(db: &Db, name: &str, holder: &str) -> Result<Option<Self>, sqlx::Error> {
        let now = db.dialect().now_ms();
        let sql = format!(
            "insert into leases (name, holder, epoch, expires_at) values ($1, $2, 1, {now} + $3)
             on conflict (name) do update set holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
             where leases.holder = excluded.holder or leases.expires_at < {now}
             returning epoch"
        );
        let taken = db.returning::<(i64,)>(Sql::new(sql).bind(name).bind(holder).bind(lease_ms())).await?;
        Ok(taken.first().map(|&(epoch,)| Self { name: name.to_owned(), epoch }))
    }

    /// Keeps the lease; false when it is lost.
    pub(crate) async fn renew(&self, db: &Db) -> Result<bool, sqlx::Error> {
        Ok(db.execute(self.extend(db)).await? == 1)
    }

    /// Keeps the lease within a database transaction, which nobody can then take over before its end; false when it is lost.
    pub(crate) async fn hold(&self, db: &Db, tx: &mut Tx) -> Result<bool, sqlx::Error> {
        Ok(tx.execute(self.extend(db)).await? == 1)
    }

    /// Lets go, so that another worker need not wait.
    pub(crate) async fn release(&self, db: &Db) -> Result<(), sqlx::Error> {
        let sql = Sql::new("update leases set expires_at = 0 where name = $1 and epoch = $2");
        db.execute(sql.bind(self.name.as_str()).bind(self.epoch)).await?;
        Ok(())
    }

    fn extend(&self, db: &Db) -> Sql {
        let now = db.dialect().now_ms();
        let sql = format!("update leases set expires_at = {now} + $3 where name = $1 and epoch = $2");
        Sql::new(sql).bind(self.name.as_str()).bind(self.epoch).bind(lease_ms())
    }
}

fn lease_ms() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}
