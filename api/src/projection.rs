//! How the read side is, for those who run it.

mod mutation;

use async_graphql::{Context, Enum, Object, SimpleObject};
use domain::user::Role;
use projections::views::{self, AskedRebuild, Control, Word};

use crate::errors::ApiError;
use crate::mutation::Shown;
use crate::reading::{Reader, from_view};
use crate::scalars::{BigInt, DateTime};

pub use mutation::ProjectionMutation;

/// Who may look at the read side.
pub const READERS: [Role; 3] = [Role::Engineer, Role::Admin, Role::Auditor];

/// What a read model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProjectionState {
    /// It follows the log.
    Running,
    /// It is being built and not read yet.
    Rebuilding,
    /// It stands still: an event that it cannot apply stopped it (see `lastError`), or an operator did (see `pause`).
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
    /// Who has it stand still, when somebody has.
    pub pause: Option<OperatorWord>,
    /// The last rebuild that somebody asked for here.
    pub rebuild: Option<ProjectionRebuild>,
    /// Up to where a new one stands beside it, while one is built or kept, whoever has it built.
    pub built_beside: Option<BigInt>,
}

impl ProjectionStatus {
    fn of(status: views::ProjectionStatus, control: Control) -> Self {
        let views::ProjectionStatus { name, version, state, position, lag_events, lag_ms, parked_keys, last_error, built_beside } = status;
        Self {
            name,
            version: i32::try_from(version).unwrap_or(i32::MAX),
            state: if control.paused.is_some() { ProjectionState::Halted } else { state.into() },
            position: position.into(),
            lag_events: lag_events.into(),
            lag_ms: lag_ms.into(),
            parked_keys: i32::try_from(parked_keys).unwrap_or(i32::MAX),
            last_error,
            pause: control.paused.map(OperatorWord),
            rebuild: control.rebuild.map(Into::into),
            built_beside: built_beside.map(Into::into),
        }
    }

    /// All of them, by name and version.
    async fn all(reader: &Reader<'_>) -> Result<Vec<Self>, ApiError> {
        let controls = reader.app.views.controls().await.map_err(from_view)?;
        let control = |name: &str| controls.get(name).cloned().unwrap_or_default();
        let all = reader.app.views.status().await.map_err(from_view)?.into_iter();
        Ok(all
            .map(|status| {
                let control = control(&status.name);
                Self::of(status, control)
            })
            .collect())
    }
}

impl Shown for ProjectionStatus {
    type Id = String;

    /// The version that this program reads.
    async fn fresh(reader: &Reader<'_>, name: String, _: u64) -> Result<Option<Self>, ApiError> {
        let versions = reader.app.views.models();
        let read =
            |status: &Self| versions.iter().any(|(name, version)| *name == status.name && i64::from(*version) == i64::from(status.version));
        Ok(Self::all(reader).await?.into_iter().find(|status| status.name == name && read(status)))
    }
}

/// What an operator wanted, for the record.
#[derive(Clone, Debug)]
pub struct OperatorWord(Word);

/// Who wanted something, when and why.
#[Object]
impl OperatorWord {
    /// Who, as the log names actors.
    async fn by(&self) -> &str {
        &self.0.by
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Why, in their words; null once these were erased.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.reason).await
    }
}

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RebuildState {
    /// It waits for a worker, or one is at it.
    Running,
    /// Readers see the new one.
    Switched,
    /// It is the same as the live one, which goes on: only a comparison was asked for.
    Same,
    /// Rows differ, and the live one goes on; `accept` switches all the same.
    Different,
    /// It could not be built; the live one goes on.
    Failed,
}

/// A rebuild that an operator asked for.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProjectionRebuild {
    /// Which of this model: 1, 2, ….
    pub number: i32,
    /// How far it is.
    pub state: RebuildState,
    /// Was it only to be compared?
    pub dry_run: bool,
    /// Who asked for it, when and why.
    pub asked: OperatorWord,
    /// The position at which both were compared.
    pub position: Option<BigInt>,
    /// Rows of the one that was built.
    pub rows: Option<BigInt>,
    /// Rows that are not the same in both.
    pub differences: Option<BigInt>,
    /// What was in the way.
    pub error: Option<String>,
}

impl From<AskedRebuild> for ProjectionRebuild {
    fn from(AskedRebuild { number, dry_run, word, end }: AskedRebuild) -> Self {
        let (built, error) = match end {
            None => (None, None),
            Some(Ok(built)) => (Some(built), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let state = match (&built, &error) {
            (Some(built), _) if built.switched => RebuildState::Switched,
            (Some(built), _) if built.differences > 0 => RebuildState::Different,
            (Some(_), _) => RebuildState::Same,
            (None, Some(_)) => RebuildState::Failed,
            (None, None) => RebuildState::Running,
        };
        Self {
            number: i32::try_from(number).unwrap_or(i32::MAX),
            state,
            dry_run,
            asked: OperatorWord(word),
            position: built.as_ref().map(|built| built.position.into()),
            rows: built.as_ref().and_then(|built| built.built_rows).map(Into::into),
            differences: built.as_ref().map(|built| built.differences.into()),
            error,
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
        ProjectionStatus::all(&Reader::of(ctx)?).await
    }
}
