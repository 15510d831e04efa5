//! What becomes of a batch: written as it was foreseen, or under the head's lock, and each of its commands answered.

use fail::fail_point;
use tokio::sync::{oneshot, watch};

use super::failure::is_lost;
use super::{Answer, Before, Lane};
use crate::error::LogError;
use crate::outcome::{Append, Head, Outcome};
use crate::store::{AppendFailure, Written};

/// Calls of one batch, while other nodes keep moving the head, before it is done under the head's lock.
const CALLS: usize = 3;

impl Lane {
    /// Appends a batch and answers each of its commands; was it written as it was foreseen? When the database refuses the batch
    /// as a whole, each command is tried alone, so that what is wrong with one of them never fails its neighbours.
    pub(super) async fn commit(&self, appends: &[Append], answers: Vec<Answer>, before: Before, planned: oneshot::Sender<Head>) -> bool {
        // Kept to the end, unless what the batch leaves can be told before.
        let mut planned = Some(planned);
        let foreseen = self.as_foreseen(appends, before, &mut planned).await;
        let as_foreseen = matches!(foreseen, Ok(Some(_)));
        let done = match foreseen {
            Ok(Some(outcomes)) => Ok(outcomes),
            Ok(None) => self.attempt(appends).await,
            Err(failure) => Err(failure),
        };
        match done {
            Ok(outcomes) => self.answer(appends, answers, outcomes),
            Err(AppendFailure::Nothing(error)) if is_lost(&error) => {
                tracing::warn!(%error, "connection lost before commit, trying once more");
                match self.attempt(appends).await {
                    Ok(outcomes) => self.answer(appends, answers, outcomes),
                    Err(failure) => self.fail(appends, answers, failure),
                }
            }
            Err(failure) if appends.len() > 1 && failure.may_be_of_one() => {
                let error = LogError::from(failure);
                tracing::warn!(%error, commands = appends.len(), "batch refused, appending its commands one by one");
                for (append, answer) in appends.iter().map(std::slice::from_ref).zip(answers) {
                    match self.attempt(append).await {
                        Ok(outcomes) => self.answer(append, vec![answer], outcomes),
                        Err(failure) => self.fail(append, vec![answer], failure),
                    }
                }
            }
            Err(failure) => self.fail(appends, answers, failure),
        }
        as_foreseen
    }

    /// Writes a batch as it was planned on the memory; none when that did not come true, and nothing of it is in.
    async fn as_foreseen(
        &self,
        batch: &[Append],
        before: Before,
        planned: &mut Option<oneshot::Sender<Head>>,
    ) -> Result<Option<Vec<Outcome>>, AppendFailure> {
        // What the batch before has learned may be gone again, and half of it still there: then only its end tells.
        let before = match before {
            Some(previous) if previous.leaves.is_none() || previous.leaves != self.memory.head() => {
                ended(Some(previous)).await;
                None
            }
            before => before,
        };
        let Some(plan) = self.store.foresee(batch, &self.memory).await? else {
            ended(before).await;
            return Ok(None);
        };
        if before.as_ref().is_some_and(|previous| previous.leaves != Some(plan.base)) {
            // It failed while this one was planned.
            ended(before).await;
            return Ok(None);
        }
        fail_point!("append::foreseen");
        self.memory.learn(&plan);
        // Without events the head does not tell whether it is in, so the next one waits for its end.
        if let Some(planned) = planned.take_if(|_| !plan.events.is_empty()) {
            // The lane waits for it, or has ended.
            let _ = planned.send(plan.head);
        }
        let mut written = self.store.call(&plan).await;
        let held = ended(before).await;
        if held && matches!(written, Ok(Written::Nothing(_))) {
            // It may have come before its turn.
            written = self.store.call(&plan).await;
        }
        match written {
            // A call that fits shows that the batch before it is in.
            Ok(Written::All) if held || plan.passes() => {
                self.memory.committed(&plan);
                self.memory.doubt(batch, &plan.outcomes);
                Ok(Some(plan.outcomes))
            }
            Ok(written) => {
                self.memory.forget();
                if let Written::Nothing(Some(head)) = written {
                    self.memory.stands(head);
                }
                Ok(None)
            }
            Err(failure) => {
                self.memory.forget();
                Err(failure)
            }
        }
    }

    /// Appends a batch, while nothing of this node is on its way before it: as foreseen from where the head stands, where other
    /// nodes keep moving it under the head's lock.
    async fn attempt(&self, batch: &[Append]) -> Result<Vec<Outcome>, AppendFailure> {
        for _ in 0..CALLS {
            match self.as_foreseen(batch, None, &mut None).await? {
                Some(outcomes) => return Ok(outcomes),
                None if self.memory.head().is_none() => break,
                None => {}
            }
        }
        let done = self.store.append(batch, &self.memory).await;
        match &done {
            Ok(outcomes) => self.memory.doubt(batch, outcomes),
            Err(_) => self.memory.forget(),
        }
        done
    }

    fn answer(&self, batch: &[Append], answers: Vec<Answer>, outcomes: Vec<Outcome>) {
        fail_point!("append::before_settling");
        // Before anybody hears of them.
        self.newest.keep(batch, &outcomes);
        raise(&self.head, &outcomes);
        crate::metrics::batch(batch, &outcomes);
        for (append, outcome) in batch.iter().zip(&outcomes) {
            self.settle(append, matches!(outcome, Outcome::Appended(_)));
        }
        fail_point!("append::before_answering");
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A client that has gone hears nothing; its command is in all the same.
            let _ = answer.send(Ok(outcome));
            fail_point!("append::answered_one");
        }
    }

    fn fail(&self, batch: &[Append], answers: Vec<Answer>, failure: AppendFailure) {
        let error = LogError::from(failure);
        tracing::error!(%error, commands = batch.len(), "batch failed");
        for append in batch {
            self.settle(append, false);
        }
        for answer in answers {
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// Before the answer leaves: whoever is answered finds its own state settled.
    pub(super) fn settle(&self, append: &Append, committed: bool) {
        append.fate.settle(committed);
        self.states.settle(&append.fate, append.events.iter().map(|draft| &draft.stream));
    }
}

/// Waits for the batch before; did it end as it was foreseen?
async fn ended(before: Before) -> bool {
    match before {
        Some(before) => before.held.await.unwrap_or(false),
        None => true,
    }
}

fn raise(head: &watch::Sender<u64>, outcomes: &[Outcome]) {
    let last = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Appended(placed) => Some(placed.position),
        Outcome::Replayed(_) | Outcome::KeyReused | Outcome::Conflict => None,
    });
    if let Some(last) = last.max() {
        head.send_if_modified(|head| std::mem::replace(head, last.max(*head)) < last);
    }
}
