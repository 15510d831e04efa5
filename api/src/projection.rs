//! How the read side is, for those who run it.

use async_graphql::{Context, Enum, Object, SimpleObject};
use domain::user::Role;
use projections::views;

use crate::errors::ApiError;
use crate::reading::{Reader, from_view};
use crate::scalars::BigInt;

/// Who may look at the read side.
pub const READERS: [Role; 3] = [Role::Engineer, Role::Admin, Role::Auditor];

/// What a read model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProjectionState {
    /// It follows the log.
    Running,
    /// It is being built and not read yet.
    Rebuilding,
    /// An event that it cannot apply stopped it; see `lastError`.
    Halted,
}

impl From<views::ProjectionState> for ProjectionState {
    fn from(state: views::ProjectionState) -> Self {
        match state {
            views::ProjectionState::Running => Self::Running,
            views::ProjectionState::Rebuilding => Self::Rebuilding,
            views::ProjectionState::Halted => Self::Halted,
        }
    }
}

/// How one version of a read model is.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProjectionStatus {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// What it is doing.
    pub state: ProjectionState,
    /// The last position of the log that it has applied.
    pub position: BigInt,
    /// Events that it has not applied yet.
    pub lag_events: BigInt,
    /// Age of the oldest event that it has not applied yet, in milliseconds; 0 when there is none.
    pub lag_ms: BigInt,
    /// Rows that stand still because of an event that could not be applied to them.
    pub parked_keys: i32,
    /// Why it halted, or why the last row was parked.
    pub last_error: Option<String>,
}

impl From<views::ProjectionStatus> for ProjectionStatus {
    fn from(status: views::ProjectionStatus) -> Self {
        let views::ProjectionStatus { name, version, state, position, lag_events, lag_ms, parked_keys, last_error } = status;
        Self {
            name,
            version: i32::try_from(version).unwrap_or(i32::MAX),
            state: state.into(),
            position: position.into(),
            lag_events: lag_events.into(),
            lag_ms: lag_ms.into(),
            parked_keys: i32::try_from(parked_keys).unwrap_or(i32::MAX),
            last_error,
        }
    }
}

/// Queries of the read side's own state.
#[derive(Default)]
pub struct ProjectionQuery;

#[Object]
impl ProjectionQuery {
    /// How every read model is; for engineers, administrators and auditors.
    async fn projections(&self, ctx: &Context<'_>) -> Result<Vec<ProjectionStatus>, ApiError> {
        let reader = Reader::of(ctx)?;
        Ok(reader.app.views.status().await.map_err(from_view)?.into_iter().map(Into::into).collect())
    }
}
