//! Tasks that run until they are told to stop.

use std::future::Future;

use tokio::sync::watch;

use crate::backoff::Backoff;

/// Runs a task, and again when it panics: one that is gone without a word would be missed late.
pub(crate) async fn supervise<F, Fut>(name: &str, stop: watch::Receiver<bool>, run: F)
where
    F: Fn(watch::Receiver<bool>) -> Fut + Send,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut backoff = Backoff::default();
    while !*stop.borrow() {
        match tokio::spawn(run(stop.clone())).await {
            Ok(()) => return,
            Err(error) => tracing::error!(task = name, %error, "a background task panicked, starting it again"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Completes when the task is told to stop, or nobody can tell it any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error: the sender is gone, which is the same news.
    let _ = stop.wait_for(|stop| *stop).await;
}
