//! Waiting for a model to reach a position: by notification from this process's projector, else by one poll for all.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep, timeout_at};

use crate::db::{Dialect, unsigned};
use crate::model::ReadModel;
use crate::views::error::ViewError;
use crate::views::gate::Gate;
use crate::views::{Installed, Views, schema};

/// How often the checkpoint of another process's projector is looked at while somebody waits: beside its hints, or for want of
/// them.
const LOOK_POSTGRES: Duration = Duration::from_millis(250);
const LOOK_SQLITE: Duration = Duration::from_millis(50);
/// Over how much time the pace of a model is taken.
const PACE_OVER: Duration = Duration::from_secs(1);

/// How far a model is, as this process knows.
pub(crate) struct Progress {
    gate: Gate,
    generation: AtomicU32,
    led_here: AtomicBool,
    ready: AtomicBool,
    polling: Mutex<()>,
    pace: std::sync::Mutex<Pace>,
    moved: Arc<Notify>,
}

/// How fast a model moves: two places that it was at, the earlier one at least [`PACE_OVER`] ago once there is one.
struct Pace {
    earlier: (Instant, u64),
    later: (Instant, u64),
}

impl Progress {
    pub(crate) fn new(found: &schema::Found, moved: Arc<Notify>) -> Self {
        let (led_here, ready, here) = (AtomicBool::new(false), AtomicBool::new(found.ready), (Instant::now(), found.position));
        let pace = std::sync::Mutex::new(Pace { earlier: here, later: here });
        let (gate, generation) = (Gate::new(found.position), AtomicU32::new(found.generation));
        Self { gate, generation, led_here, ready, polling: Mutex::new(()), pace, moved }
    }

    /// The model has come to a position.
    pub(crate) fn reached(&self, position: u64) {
        if !self.gate.reach(position) {
            return;
        }
        let (now, mut pace) = (Instant::now(), self.pace.lock().unwrap_or_else(PoisonError::into_inner));
        if now.duration_since(pace.later.0) >= PACE_OVER {
            (pace.earlier, pace.later) = (pace.later, (now, position));
        }
        drop(pace);
        if self.is_led_here() {
            self.moved.notify_one();
        }
    }

    /// The generation that readers look at, as this process knows.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Another generation is read from now on. Said before [`Progress::reached`]: who waits for a position reads the table
    /// that has it.
    pub(crate) fn switched(&self, generation: u32) {
        self.generation.store(generation, Ordering::Release);
    }

    /// Does a reader of this process wait for this position or an earlier one?
    pub(crate) fn is_wanted(&self, position: u64) -> bool {
        self.gate.is_wanted(position)
    }

    /// Completes when a reader of this process has begun to wait since it was last asked; sometimes earlier.
    pub(crate) async fn wanted(&self) {
        self.gate.wanted().await;
    }

    pub(crate) fn applied(&self) -> u64 {
        self.gate.reached()
    }

    /// This process's projector moves the model now, or no longer.
    pub(crate) fn lead(&self, here: bool) {
        self.led_here.store(here, Ordering::Relaxed);
    }

    pub(crate) fn is_led_here(&self) -> bool {
        self.led_here.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// How long it takes to a position at the pace of the last seconds; `None` when it has not moved meanwhile.
    fn time_to(&self, position: u64) -> Option<Duration> {
        let (from, since) = {
            let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            (pace.earlier.1, pace.earlier.0.elapsed())
        };
        let applied = self.applied();
        let (made, missing) = (applied.saturating_sub(from), position.saturating_sub(applied));
        let nanos = since.as_nanos().saturating_mul(missing.into()).checked_div(made.into())?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

impl<E: Send + Sync + 'static> Views<E> {
    /// Waits until a model has applied a position; returns how far it is.
    ///
    /// # Errors
    /// [`ViewError::Lagging`] when the time is over.
    pub async fn wait<M: ReadModel<E>>(&self, position: u64, timeout: Duration) -> Result<u64, ViewError> {
        let installed = self.installed::<M>()?;
        self.wait_for(&installed, position, Instant::now() + timeout).await
    }

    /// Waits until every installed model has been built once, after a start on a log without its read models.
    ///
    /// # Errors
    /// [`ViewError::Lagging`] of the first that has not when the time is over.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<(), ViewError> {
        let deadline = Instant::now() + timeout;
        for installed in self.all_installed() {
            while !installed.progress.is_ready() {
                self.look(&installed).await?;
                if Instant::now() >= deadline {
                    return Err(self.lagging(&installed).await?);
                }
                sleep(self.look_every()).await;
            }
        }
        Ok(())
    }

    /// Waits until every installed model has applied a position; returns how far the last one is.
    ///
    /// # Errors
    /// [`ViewError::Lagging`] of the first that has not when the time is over.
    pub async fn wait_all(&self, position: u64, timeout: Duration) -> Result<u64, ViewError> {
        let deadline = Instant::now() + timeout;
        let mut least = u64::MAX;
        // Nobody waits for what an operator has stopped.
        let controls = self.controls().await?;
        let stands = |name: &str| controls.get(name).is_some_and(|control| control.paused.is_some());
        for installed in self.all_installed().into_iter().filter(|installed| !stands(installed.definition.name)) {
            least = least.min(self.wait_for(&installed, position, deadline).await?);
        }
        Ok(if least == u64::MAX { position } else { least })
    }

    async fn wait_for(&self, installed: &Arc<Installed<E>>, position: u64, deadline: Instant) -> Result<u64, ViewError> {
        let progress = &installed.progress;
        let reached = async {
            tokio::select! {
                biased;
                reached = progress.gate.wait(position) => Ok(reached),
                failed = self.poll(installed) => Err(failed),
            }
        };
        match timeout_at(deadline, reached).await {
            Ok(reached) => reached,
            Err(_) => {
                let projection = installed.definition.name.to_owned();
                Err(ViewError::Lagging { projection, applied: progress.applied(), required: position })
            }
        }
    }

    /// Looks at the checkpoint again and again for all who wait: one of them does it, the others queue for its turn.
    async fn poll(&self, installed: &Arc<Installed<E>>) -> ViewError {
        let _turn = installed.progress.polling.lock().await;
        loop {
            if !installed.progress.is_led_here()
                && let Err(error) = self.look(installed).await
            {
                return error;
            }
            sleep(self.look_every()).await;
        }
    }

    fn look_every(&self) -> Duration {
        match self.db().dialect() {
            Dialect::Sqlite => LOOK_SQLITE,
            Dialect::Postgres => LOOK_POSTGRES,
        }
    }

    /// How long a model will need to a position, as it moves now; `None` when nobody can say: it stands still, or is unknown here.
    #[must_use]
    pub fn time_to(&self, projection: &str, position: u64) -> Option<Duration> {
        let installed = self.all_installed().into_iter().find(|installed| installed.definition.name == projection)?;
        installed.progress.time_to(position)
    }

    /// Reads a model's checkpoint.
    pub(crate) async fn look(&self, installed: &Arc<Installed<E>>) -> Result<(), ViewError> {
        let definition = &installed.definition;
        let dialect = self.db().dialect();
        let (projections, live) = (schema::table(dialect, "projections"), schema::live_generation(dialect, definition));
        let sql = format!("select position, ready, generation from {projections} where name = $1 and version = $2 and generation = {live}");
        let found = self.db().first::<(i64, bool, i64)>(schema::named(sql, definition)).await?;
        let (position, ready, generation) = found.ok_or(ViewError::NotInstalled(definition.name))?;
        installed.progress.switched(schema::small(generation));
        if ready {
            installed.progress.set_ready();
        }
        installed.progress.reached(unsigned(position));
        Ok(())
    }

    /// A model that has caught up at least once: nobody reads a half-built one.
    pub(crate) async fn ready<M: ReadModel<E>>(&self) -> Result<Arc<Installed<E>>, ViewError> {
        let installed = self.installed::<M>()?;
        if !installed.progress.is_ready() {
            self.look(&installed).await?;
        }
        if installed.progress.is_ready() {
            return Ok(installed);
        }
        Err(self.lagging(&installed).await?)
    }

    async fn lagging(&self, installed: &Installed<E>) -> Result<ViewError, ViewError> {
        let required = self.log().head().await?;
        let projection = installed.definition.name.to_owned();
        Ok(ViewError::Lagging { projection, applied: installed.progress.applied(), required })
    }
}
