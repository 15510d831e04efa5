//! What a caller's operations may cost in a minute: a bucket each, filled again steadily, that all nodes share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use projections::hot::{Bucket, Hot};

/// A bucket is full again after this time.
const WINDOW: Duration = Duration::from_secs(60);

/// The buckets of all callers: in the hot store, or in this process while that is out of reach.
#[derive(Clone)]
pub struct Budget {
    points: u64,
    hot: Arc<dyn Hot>,
}

impl Budget {
    /// So many points a minute for each caller; at least one.
    #[must_use]
    pub fn new(points: u64, hot: Arc<dyn Hot>) -> Self {
        Self { points: points.max(1), hot }
    }

    /// Points a minute.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.points
    }

    /// Takes points out of a caller's bucket; answers what is left. An operation that costs more than a whole bucket takes it all.
    ///
    /// # Errors
    /// How long to wait until the bucket holds enough; nothing is taken then.
    pub async fn spend(&self, caller: &str, price: u64) -> Result<u64, Duration> {
        self.hot.spend(&format!("cost:{caller}"), Bucket { points: self.points, window: WINDOW }, price).await
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("points", &self.points).finish_non_exhaustive()
    }
}
