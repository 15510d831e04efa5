//! The projectors of a process.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::tasks::supervise;
use crate::views::Views;
use crate::views::projector::Projector;

/// The running projectors of one process: one task for each model installed when they were started.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts a projector for every installed model. Any number of processes may do so; each model has one at a time.
    #[must_use]
    pub fn start<E: Send + Sync + 'static>(views: &Views<E>) -> Self {
        let (stop, told) = watch::channel(false);
        let holder = Uuid::new_v4().to_string();
        let tasks = views.all_installed().into_iter().map(|model| {
            let (views, holder, told) = (views.clone(), holder.clone(), told.clone());
            tokio::spawn(async move {
                let name = model.definition.name;
                supervise(name, told, |mut told| {
                    let mut projector = Projector::of(&views, Arc::clone(&model), holder.clone());
                    async move { projector.run(&mut told).await }
                })
                .await;
            })
        });
        Self { tasks: tasks.collect(), stop }
    }

    /// Ends after the steps under way, and gives the models to others.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a projector ended badly");
            }
        }
    }
}
