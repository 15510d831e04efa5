//! Tells other nodes of a PostgreSQL book how far the models are that this one moves, and hears it from them: their readers wait
//! for no poll. A hint and no more: who waits looks now and then as well, and a token is compared with what is applied.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use crate::db::Db;
use crate::views::{Inner, Installed};

/// The channel; a database holds one book.
const CHANNEL: &str = "daybook_views";
/// Least time between two hints; the positions of all models go as one.
const PACE: Duration = Duration::from_millis(10);
/// Time between two attempts to listen.
const RECONNECT: Duration = Duration::from_secs(2);
/// How often a task looks whether anybody still needs it.
const LOOK: Duration = Duration::from_secs(1);
/// Longest hint in bytes; PostgreSQL takes 7,999.
const MAX_BYTES: usize = 7_900;

/// Starts both tasks, for as long as the read side lives.
pub(crate) fn start<E: Send + Sync + 'static>(inner: &Arc<Inner<E>>) {
    let Db::Postgres(pool, _) = &inner.db else { return };
    tokio::spawn(tell(Arc::downgrade(inner), pool.clone()));
    tokio::spawn(hear(Arc::downgrade(inner), listening(pool, inner.tail.log().listen_url())));
}

/// Where to listen: past a pooling proxy if there is one, since such a connection must stay ours.
fn listening(pool: &PgPool, address: Option<&str>) -> PgPool {
    let direct = address.and_then(|address| PgConnectOptions::from_str(address).ok());
    let one =
        |options: PgConnectOptions| PgPoolOptions::new().max_connections(1).connect_lazy_with(options.application_name("daybook-hints"));
    direct.map_or_else(|| pool.clone(), one)
}

async fn tell<E: Send + Sync + 'static>(inner: Weak<Inner<E>>, pool: PgPool) {
    let mut told = HashMap::<String, u64>::new();
    while let Some(here) = inner.upgrade() {
        // What is moved after this line rings again.
        let moved = here.moved.notified();
        let hint = news(&here, &mut told);
        if let Some(hint) = hint {
            if let Err(error) = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(hint).execute(&pool).await {
                tracing::debug!(%error, "hint not sent");
            }
            if pool.is_closed() {
                return;
            }
            tokio::time::sleep(PACE).await;
        } else {
            // The bell is kept alive by what rings it: it is looked up again after a while.
            let _ = tokio::time::timeout(LOOK, moved).await;
        }
    }
}

/// The models that this process has moved since it told of them last: name, version, generation and position of each.
fn news<E>(inner: &Inner<E>, told: &mut HashMap<String, u64>) -> Option<String> {
    let installed: Vec<_> = inner.installed.lock().map(|models| models.values().cloned().collect()).unwrap_or_default();
    let mut hint = String::new();
    for model in installed.into_iter().filter(|model| model.progress.is_led_here()) {
        let (definition, applied) = (&model.definition, model.progress.applied());
        let name = format!("{}:{}:{}", definition.name, definition.version, model.progress.generation());
        let last = told.entry(name.clone()).or_default();
        if applied > *last && hint.len() < MAX_BYTES - name.len() - 24 {
            *last = applied;
            // Writing to a string cannot fail.
            let _ = write!(hint, "{name}:{applied} ");
        }
    }
    (!hint.is_empty()).then_some(hint)
}

async fn hear<E: Send + Sync + 'static>(inner: Weak<Inner<E>>, pool: PgPool) {
    while inner.strong_count() > 0 && !pool.is_closed() {
        if let Err(error) = listen(&inner, &pool).await {
            tracing::debug!(%error, "not listening for hints of read models");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listen<E: Send + Sync + 'static>(inner: &Weak<Inner<E>>, pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let hint = tokio::time::timeout(LOOK, listener.recv()).await;
        let Some(here) = inner.upgrade().filter(|_| !pool.is_closed()) else { return Ok(()) };
        if let Ok(hint) = hint {
            hint?.payload().split_ascii_whitespace().for_each(|word| apply(&here, word));
        }
    }
}

fn apply<E>(inner: &Inner<E>, word: &str) {
    let mut parts = word.split(':');
    let (Some(name), Some(version), Some(generation), Some(position)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let Ok(position) = position.parse() else { return };
    let found = inner.installed.lock().ok().and_then(|models| models.get(name).cloned());
    // What another generation has applied says nothing of the table that is read here; a look finds that there is another one.
    let same =
        |model: &Installed<E>| model.definition.version.to_string() == version && model.progress.generation().to_string() == generation;
    if let Some(model) = found.filter(|model| same(model)) {
        model.progress.reached(position);
    }
}
