//! Tells other nodes of new positions over PostgreSQL's LISTEN and NOTIFY, and hears of theirs.
//!
//! Only a hint: nothing waits for it and nothing is lost with it; readers poll as well. It is sent beside the append, not
//! within it, because NOTIFY takes a lock of the whole server at commit; positions that follow closely go as one.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The channel; a database holds one log.
const CHANNEL: &str = "daybook_log";
/// Least time between two hints.
const PACE: Duration = Duration::from_millis(5);
/// Time between two attempts to listen.
const RECONNECT: Duration = Duration::from_secs(2);

/// Starts both tasks. To listen takes a connection that stays ours: past a pooling proxy, whose address is given then.
pub(crate) fn start(pool: &PgPool, listen: Option<&str>, head: &Arc<watch::Sender<u64>>) -> Result<Vec<AbortHandle>, sqlx::Error> {
    let heard = Arc::new(AtomicU64::new(0));
    let direct = match listen {
        None => pool.clone(),
        Some(address) => {
            let options = PgConnectOptions::from_str(address)?.application_name("daybook-hints");
            PgPoolOptions::new().max_connections(1).connect_lazy_with(options)
        }
    };
    let tell = tokio::spawn(tell(pool.clone(), head.subscribe(), heard.clone()));
    let hear = tokio::spawn(hear(direct, head.clone(), heard));
    Ok(vec![tell.abort_handle(), hear.abort_handle()])
}

async fn tell(pool: PgPool, mut head: watch::Receiver<u64>, heard: Arc<AtomicU64>) {
    while head.changed().await.is_ok() {
        let position = *head.borrow_and_update();
        if position <= heard.load(Relaxed) {
            // Everybody has heard it as we have; nodes must not echo each other.
            continue;
        }
        // Its commit need not reach the disk; and both are done within the statement's own database transaction.
        let notify =
            sqlx::query("select pg_notify($1, $2), set_config('synchronous_commit', 'off', true)").bind(CHANNEL).bind(position.to_string());
        if let Err(error) = notify.execute(&pool).await {
            tracing::debug!(%error, "hint not sent");
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn hear(pool: PgPool, head: Arc<watch::Sender<u64>>, heard: Arc<AtomicU64>) {
    loop {
        if let Err(error) = listen(&pool, &head, &heard).await {
            tracing::debug!(%error, "not listening for hints");
        }
        if pool.is_closed() {
            return;
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listen(pool: &PgPool, head: &watch::Sender<u64>, heard: &AtomicU64) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let hint = listener.recv().await?;
        if let Ok(position) = hint.payload().parse::<u64>() {
            heard.fetch_max(position, Relaxed);
            head.send_if_modified(|head| std::mem::replace(head, position.max(*head)) < position);
        }
    }
}
