//! Who seals: the lease `sealing` with an epoch, in the log's database (as the processes have theirs).

use std::time::Duration;

use super::store::Tx;
use crate::filter::{Query, Value};
use crate::store::Store;

const NAME: &str = "sealing";
/// How long a silent holder keeps it.
const LEASE: Duration = Duration::from_secs(5);
/// How often an idle holder renews.
pub(super) const RENEW: Duration = Duration::from_millis(1_500);

/// The right to seal, until somebody else takes it over.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    epoch: i64,
}

impl Lease {
    /// Takes the lease unless somebody else holds it.
    pub(super) async fn take(store: &Store, holder: &str) -> Result<Option<Self>, sqlx::Error> {
        let now = now_ms(store);
        let query = Query::new("insert into leases (name, holder, epoch, expires_at) values (")
            .bind("", Value::Text(NAME.to_owned()))
            .bind(", ", Value::Text(holder.to_owned()))
            .bind(&format!(", 1, {now} + "), Value::Integer(lease_ms()))
            .text(
                ") on conflict (name) do update set holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
                 where leases.holder = excluded.holder or leases.expires_at < ",
            )
            .text(now)
            .text(" returning epoch");
        let mut tx = Tx::begin(store).await?;
        let taken = tx.run::<(i64,)>(query).await?;
        tx.commit().await?;
        Ok(taken.first().map(|&(epoch,)| Self { epoch }))
    }

    /// Keeps the lease; false when it is lost.
    pub(super) async fn renew(&self, store: &Store) -> Result<bool, sqlx::Error> {
        let mut tx = Tx::begin(store).await?;
        let held = self.hold(store, &mut tx).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Keeps the lease within a database transaction, which nobody can then take over before its end; false when it is lost.
    pub(super) async fn hold(&self, store: &Store, tx: &mut Tx) -> Result<bool, sqlx::Error> {
        Ok(!tx.run::<(i64,)>(self.expires(&format!("{} + {}", now_ms(store), lease_ms()))).await?.is_empty())
    }

    /// Lets go, so that another node need not wait.
    pub(super) async fn release(&self, store: &Store) -> Result<(), sqlx::Error> {
        let mut tx = Tx::begin(store).await?;
        tx.run::<(i64,)>(self.expires("0")).await?;
        tx.commit().await
    }

    fn expires(&self, at: &str) -> Query {
        Query::new(format!("update leases set expires_at = {at}"))
            .bind(" where name = ", Value::Text(NAME.to_owned()))
            .bind(" and epoch = ", Value::Integer(self.epoch))
            .text(" returning epoch")
    }
}

/// The database's own clock in milliseconds since 1970: leases compare no two hosts' clocks.
const fn now_ms(store: &Store) -> &'static str {
    match store {
        Store::Sqlite(_) => "cast(unixepoch('subsec') * 1000 as integer)",
        Store::Postgres(_) => "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
    }
}

fn lease_ms() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}
