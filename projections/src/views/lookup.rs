//! Rows by key, fetched together: what is asked for while statements are on their way goes with the next one. A lone reader waits for
//! nobody; many at a time share the price of a statement, as commands share an append.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::views::error::ViewError;
use crate::views::{Installed, Views};

/// Statements of one model on their way at a time.
const ON_THEIR_WAY: usize = 2;
/// Most keys of one statement.
const KEYS: usize = 128;

/// The keys of one model that wait for a statement.
#[derive(Default)]
pub(crate) struct Lookups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    on_their_way: usize,
    waiting: VecDeque<Asked>,
}

struct Asked {
    key: String,
    answer: oneshot::Sender<Option<String>>,
}

impl Lookups {
    /// Puts a key in the queue; true when somebody has to set out for it.
    fn ask(&self, asked: Asked) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(asked);
        let sets_out = state.on_their_way < ON_THEIR_WAY;
        state.on_their_way += usize::from(sets_out);
        sets_out
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is under way, until nothing waits any more, or it dies.
struct Journey<'l> {
    lookups: &'l Lookups,
    over: bool,
}

impl Journey<'_> {
    /// What goes with the next statement.
    fn take(&mut self) -> Option<Vec<Asked>> {
        let mut state = self.lookups.lock();
        let most = state.waiting.len().min(KEYS);
        if most == 0 {
            // Under the same lock: who asks next knows that nobody is coming back for more.
            state.on_their_way -= 1;
            self.over = true;
            return None;
        }
        Some(state.waiting.drain(..most).collect())
    }
}

impl Drop for Journey<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.lookups.lock().on_their_way -= 1;
        }
    }
}

impl<E: Send + Sync + 'static> Views<E> {
    /// A stored row by its key. The statement that finds it begins after this call.
    pub(crate) async fn look_up(&self, installed: &Arc<Installed<E>>, key: &str) -> Result<Option<String>, ViewError> {
        let (answer, answered) = oneshot::channel();
        if installed.lookups.ask(Asked { key: key.to_owned(), answer }) {
            // A task of its own: whoever set out may be dropped, and others wait for it.
            tokio::spawn(fetch(self.clone(), Arc::clone(installed)));
        }
        match answered.await {
            Ok(doc) => Ok(doc),
            // The statement failed for all. Each asks for itself, and hears its own failure.
            Err(_) => Ok(self.docs(installed, &[key.to_owned()]).await?.pop().map(|(_, doc)| doc)),
        }
    }

    async fn docs(&self, installed: &Installed<E>, keys: &[String]) -> Result<Vec<(String, String)>, ViewError> {
        let found = self.current::<(String, String, i64)>(installed, |rows| Ok(rows.by_keys(keys))).await?;
        Ok(found.into_iter().map(|(key, doc, _)| (key, doc)).collect())
    }
}

/// Fetches what waits until nothing does.
async fn fetch<E: Send + Sync + 'static>(views: Views<E>, installed: Arc<Installed<E>>) {
    let mut journey = Journey { lookups: &installed.lookups, over: false };
    while let Some(asked) = journey.take() {
        let mut keys: Vec<String> = asked.iter().map(|asked| asked.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        // Without an answer those who wait hear that there is none: their senders are dropped here.
        let Ok(mut found) = views.docs(&installed, &keys).await else { continue };
        found.sort_unstable();
        for Asked { key, answer } in asked {
            let doc = found.binary_search_by(|(found, _)| found.as_str().cmp(&key)).ok().map(|at| found[at].1.clone());
            // Whoever has gone needs no answer.
            let _ = answer.send(doc);
        }
    }
}
