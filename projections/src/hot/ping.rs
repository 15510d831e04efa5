//! Is Redis there? For those who set a server up; the server itself goes on without.

use std::time::Duration;

use redis::RedisError;

/// How long Redis may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The address is none, or Redis refuses.
    #[error("{0}")]
    Refused(#[from] RedisError),
    /// Nothing came in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Silent(#[from] tokio::time::error::Elapsed),
}

/// Asks a Redis whether it is there.
///
/// # Errors
/// [`PingError`].
pub async fn ping(url: &str) -> Result<(), PingError> {
    let client = redis::Client::open(url)?;
    let asked = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    tokio::time::timeout(PATIENCE, asked).await??;
    Ok(())
}
