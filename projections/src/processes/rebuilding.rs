//! The desk's part of a rebuild: builds, compares, switches, and reports how it ended.

use std::time::Duration;

use commands::projection::{RebuildEnd, record_rebuild};
use commands::{Caller, Context};
use domain::projection::Built;

use super::desk::{done, failed};
use crate::process::WorkError;
use crate::views::rebuild::{RebuildError, RebuildOptions, Rebuilt};
use crate::views::{ViewError, Views};

/// The longest that one node works at a rebuild before it looks again whether it still should; what was built is kept.
pub(super) const PATIENCE: Duration = Duration::from_secs(6 * 3_600);
/// When a rebuild is tried again that somebody else is at.
const AGAIN: Duration = Duration::from_secs(5);

/// A rebuild as it was asked for.
pub(super) struct Asked {
    pub projection: String,
    pub number: u32,
    pub dry_run: bool,
    pub accept: bool,
}

/// One try. Whoever was killed on the way is followed by another node, which goes on where that one was.
pub(super) async fn rebuild(ctx: &Context, views: &Views, by: &Caller, asked: Asked) -> Result<(), WorkError> {
    let Asked { projection, number, dry_run, accept } = asked;
    if !commands::projection::is_open(ctx, &projection, number).await.map_err(failed)? {
        return Ok(());
    }
    tracing::info!(projection, number, dry_run, "building a read model anew");
    let options = RebuildOptions { dry_run, accept, ..RebuildOptions::default() };
    let end = match views.rebuild(&projection, &options, &mut ()).await {
        Ok(rebuilt) => RebuildEnd::Built(built(&rebuilt)),
        Err(error @ (RebuildError::Busy(_) | RebuildError::Overtaken(_))) => {
            return Err(WorkError::Postponed { after: Some(AGAIN), reason: error.to_string() });
        }
        Err(RebuildError::View(error @ (ViewError::Store(_) | ViewError::Log(_)))) => return Err(failed(error)),
        Err(error @ RebuildError::Died(_)) => return Err(WorkError::Retry { after: None, reason: error.to_string() }),
        Err(
            error @ (RebuildError::View(_)
            | RebuildError::Unknown(_)
            | RebuildError::Halted { .. }
            | RebuildError::LiveBehind { .. }
            | RebuildError::NoPrevious(_)),
        ) => RebuildEnd::Failed(error.to_string()),
    };
    done(record_rebuild(ctx, by, &projection, number, &end).await)
}

fn built(rebuilt: &Rebuilt) -> Built {
    let comparison = rebuilt.comparison.as_ref();
    Built {
        version: rebuilt.version,
        generation: rebuilt.generation,
        position: rebuilt.position,
        live_rows: comparison.map(|comparison| comparison.live_rows),
        built_rows: comparison.map(|comparison| comparison.built_rows),
        differences: comparison.map_or(0, |comparison| comparison.differences),
        switched: rebuilt.switched,
    }
}
