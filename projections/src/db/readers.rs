//! Connections to PostgreSQL that answer questions of readers, one statement at a time, first come, first served.
//!
//! They are kept here and not in the pool, which sends a question of its own over each connection that comes back: a second journey
//! for each page. And what readers ask never waits for what projectors write, nor the other way round.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use sqlx::{Connection as _, FromRow, PgConnection, PgPool};
use tokio::sync::Semaphore;

use super::{Sql, is_lost};

/// Questions on their way at a time, for each processor: more of them wait for a processor of the server instead of here, in no order.
const PER_PROCESSOR: usize = 2;
/// Never fewer, so that a few slow questions do not hold up all others.
const LEAST: usize = 6;
/// Never more, whatever the machine has.
const MOST: usize = 16;
/// A connection idle for longer is tried before it is used: the server may have gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A few connections, made when they are first needed.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    /// Where connections come from, and what ends them.
    pool: PgPool,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    places: Semaphore,
    most: usize,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
}

impl Readers {
    pub(super) fn new(pool: PgPool) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let most = (processors * PER_PROCESSOR).clamp(LEAST, MOST);
        Self { pool, state: Arc::new(State { places: Semaphore::new(most), most, idle: Mutex::default() }) }
    }

    /// The rows of a question, asked again on another connection where one was lost: it changes nothing.
    pub(super) async fn all<R>(&self, sql: Sql) -> Result<Vec<R>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, PgRow>,
    {
        // Nobody closes the places; whoever waits has a turn.
        let _place = self.state.places.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut others = self.state.most;
        loop {
            let mut connection = self.connection().await?;
            let (text, values) = sql.clone().split();
            // A reader that goes away meanwhile takes the connection along: what is on its way is not the next one's answer.
            match sqlx::query_with(text, values).fetch_all(&mut connection).await {
                Ok(rows) => {
                    self.give_back(connection);
                    return rows.iter().map(R::from_row).collect();
                }
                Err(error) if others > 0 && is_lost(&error) => others -= 1,
                Err(error) => {
                    // The server refused the question, and takes the next one.
                    if error.as_database_error().is_some() {
                        self.give_back(connection);
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn connection(&self) -> Result<PgConnection, sqlx::Error> {
        if self.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed);
        }
        while let Some((mut connection, since)) = self.take() {
            if since.elapsed() < TRUSTED_IDLE || connection.ping().await.is_ok() {
                return Ok(connection);
            }
        }
        Ok(self.pool.acquire().await?.detach())
    }

    /// The one used last: those that are seldom needed age.
    fn take(&self) -> Option<(PgConnection, Instant)> {
        self.lock().pop()
    }

    fn give_back(&self, connection: PgConnection) {
        if !self.pool.is_closed() {
            self.lock().push((connection, Instant::now()));
        }
    }

    /// Connections that are in use, and that wait to be.
    pub(super) fn count(&self) -> (u32, u32) {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (small(self.state.most - self.state.places.available_permits()), small(self.lock().len()))
    }

    /// Ends those that wait; those in use end with their question. After the pool was closed.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(PgConnection, Instant)>> {
        self.state.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
