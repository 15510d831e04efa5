//! One group: decided on one state, appended at once, answered one by one.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use fail::fail_point;
use kernel::{Decider, Fact, StreamName};
use tokio::sync::oneshot;

use super::lane::{Member, OnTheirWay};
use super::{Joint, Verdict};
use crate::codec;
use crate::command::Executed;
use crate::error::{ExecuteError, LogError, Stop};
use crate::execute::{Decided, answered, check, receipt};
use crate::log::Log;
use crate::outcome::{Append, Draft, Expected, Outcome, Placed};
use crate::snapshot::{self, Due};
use crate::states::{AnyState, Basis, Fate, Known, Overtaken};
use crate::turns::Turn;

/// Times that a command waits for another group because somebody else was quicker.
const MAX_CONFLICTS: u32 = 8;
/// Times that a group is decided again on what this node's other commands have decided.
const MAX_OVERTAKEN: usize = 60;

/// A group that was decided: its append, what that was decided on, the state that it leaves, and the answers.
struct Ready<T> {
    append: Append,
    basis: Basis,
    written: Vec<(StreamName, Known)>,
    /// Of each member, with its events among those of the group.
    answers: Vec<(Decided<T>, Range<usize>)>,
    due: Due,
}

/// A group on its way.
struct Left<T> {
    answer: oneshot::Receiver<Result<Outcome, LogError>>,
    /// Of each member, with its events among those of the group.
    answers: Vec<(Decided<T>, Range<usize>)>,
    /// The command ahead that it stands and falls with.
    rests_on: Option<Arc<Fate>>,
    due: Due,
}

/// Why a group has not left.
enum Stay {
    /// It falls apart: each of its commands is executed alone, and says what is wrong.
    Apart,
    /// Nothing was appended, for this reason.
    Failed(LogError),
}

impl From<LogError> for Stay {
    fn from(error: LogError) -> Self {
        Self::Failed(error)
    }
}

impl Log {
    /// Decides a group and hands it to the appender; returns then. Its answers come when it is durable.
    pub(super) async fn send_group<J: Joint>(&self, stream: &StreamName, group: Vec<Member<J>>, way: OnTheirWay<J>) {
        match self.leave(stream, &group).await {
            Ok(left) => {
                let (log, stream) = (self.clone(), stream.clone());
                tokio::spawn(async move { log.settle_group(&stream, group, left, &way).await });
            }
            Err(Stay::Apart) => group.into_iter().for_each(|member| member.hear(Verdict::Alone(None))),
            Err(Stay::Failed(error)) => {
                group.into_iter().for_each(|member| member.hear(Verdict::Answered(Err(error.clone().into()))));
            }
        }
    }

    /// Decides the group on the newest state until nobody of this node is quicker.
    async fn leave<J: Joint>(&self, stream: &StreamName, group: &[Member<J>]) -> Result<Left<J::Answer>, Stay> {
        let mut turn = None::<Turn<'_>>;
        for _ in 0..MAX_OVERTAKEN {
            let Ready { append, basis, written, answers, due } = self.decide_group(stream, group).await?;
            // Too large together; each of them may fit.
            check(&append).map_err(|_| Stay::Apart)?;
            fail_point!("append::group_decided");
            let place = self.inner.appender.reserve().await?;
            let (mut answer, rests_on) = (None, basis.rests_on());
            let published = match self.inner.turns.yields_to_others(std::iter::once(stream), turn.as_ref()) {
                true => Err(Overtaken),
                false => self.inner.states.publish(&[basis], written, || answer = Some(place.hand_over(append))),
            };
            if let Some(answer) = answer.filter(|_| published.is_ok()) {
                return Ok(Left { answer, answers, rests_on, due });
            }
            if turn.is_none() {
                turn = Some(self.inner.turns.take(BTreeSet::from([stream.clone()])).await);
            }
        }
        Err(Stay::Apart)
    }

    async fn decide_group<J: Joint>(&self, stream: &StreamName, group: &[Member<J>]) -> Result<Ready<J::Answer>, Stay> {
        let first = group.first().ok_or(Stay::Apart)?;
        let known = self.newest::<J::State>(stream).await?;
        let mut state = known.state.downcast_ref::<J::State>().cloned().ok_or(Stay::Apart)?;
        let (mut events, mut receipts, mut answers) = (Vec::new(), Vec::new(), Vec::with_capacity(group.len()));
        for member in group {
            let (decided, own) = match member.asked.decide(&member.command, &mut state) {
                Ok((answer, own)) => (Decided::Done(answer), own),
                Err(Stop::Refused(refused)) => (Decided::Refused(refused), Vec::new()),
                Err(Stop::Unbalanced(_) | Stop::Log(_)) => return Err(Stay::Apart),
            };
            let place = events.len()..events.len() + own.len();
            events.extend(self.drafts::<J::State>(stream, member, &own).await?);
            receipts.extend(receipt(Some(&member.command), member.key, &decided, place.clone()).map_err(|_| Stay::Apart)?);
            answers.push((decided, place));
        }
        let fate = Arc::<Fate>::default();
        let basis = Basis { stream: stream.clone(), version: known.version, fate: known.fate };
        let version = known.version + events.len() as u64;
        let state: AnyState = Arc::new(state);
        let written = (!events.is_empty()).then(|| (stream.clone(), Known { version, state, fate: Some(fate.clone()) }));
        let due = snapshot::is_due(known.version, version).then(|| (stream.clone(), snapshot::renewal::<J::State>()));
        let command = first.command.clone();
        let append = Append { command, receipts, expected: vec![Expected::of(&basis)], events, secrets: Vec::new(), fate };
        Ok(Ready { append, basis, written: written.into_iter().collect(), answers, due: due.into_iter().collect() })
    }

    /// The newest state of the stream that is known here, or else the stored one.
    async fn newest<D: Decider>(&self, stream: &StreamName) -> Result<Known, LogError> {
        if let Some(known) = self.inner.states.newest(stream).filter(|known| known.state.is::<D>()) {
            return Ok(known);
        }
        let (state, version) = self.inner.store.fold::<D>(stream).await?;
        let state: AnyState = Arc::new(state);
        self.inner.states.loaded(stream, version, state.clone());
        Ok(Known { version, state, fate: None })
    }

    /// A member's events in their stored form, with its own circumstances.
    async fn drafts<D: Decider>(&self, stream: &StreamName, member: &Member<impl Joint>, events: &[D::Event]) -> Result<Vec<Draft>, Stay> {
        if events.iter().any(|event| event.entry().is_err()) {
            return Err(Stay::Apart);
        }
        let command = &member.command;
        let draft = |event| Ok(Draft { stream: stream.clone(), event: codec::encode(event)?, command: Some(command.clone()) });
        let encode = || events.iter().map(draft).collect::<Result<Vec<_>, LogError>>();
        // What is wrong with one of them is no answer to the others.
        self.inner.keyring.encode_sealed(command.command_id, encode).await.map_err(|_| Stay::Apart)
    }

    /// Waits until the group is durable and answers each of its commands. Where others were quicker its commands wait for the next group:
    /// so the stream is read once for all of them. Where it did not go through otherwise they are executed alone.
    async fn settle_group<J: Joint>(&self, stream: &StreamName, group: Vec<Member<J>>, left: Left<J::Answer>, way: &OnTheirWay<J>) {
        let Left { answer, answers, rests_on, due } = left;
        let doubt = match answer.await.unwrap_or_else(|_| Err(LogError::Unknown(Arc::new(sqlx::Error::WorkerCrashed)))) {
            Ok(Outcome::Appended(placed)) => {
                snapshot::renew_all(&self.inner.store, due);
                for (member, (decided, events)) in group.into_iter().zip(answers) {
                    // It has left no receipt: whether there is an older one, it finds out alone.
                    let malformed = matches!(&decided, Decided::Refused(refused) if refused.is_malformed());
                    let verdict = match malformed && member.key.is_some() {
                        true => Verdict::Alone(None),
                        false => Verdict::Answered(part(&member, decided, &events, &placed)),
                    };
                    member.hear(verdict);
                }
                return;
            }
            Ok(Outcome::Conflict) => {
                // What it was decided on is wrong, unless it is only the group ahead that has not gone through.
                if !rests_on.is_some_and(|fate| fate.has_failed()) {
                    self.inner.states.forget(std::iter::once(stream));
                }
                let (again, tired) = group.into_iter().partition::<Vec<_>, _>(|member| member.conflicts < MAX_CONFLICTS);
                way.put_back(again);
                tired.into_iter().for_each(|member| member.hear(Verdict::Alone(None)));
                return;
            }
            // One of its keys was used before: which, each of them finds out.
            Ok(Outcome::Replayed(_) | Outcome::KeyReused) => None,
            Err(unknown @ LogError::Unknown(_)) => Some(unknown),
            Err(error) => {
                group.into_iter().for_each(|member| member.hear(Verdict::Answered(Err(error.clone().into()))));
                return;
            }
        };
        group.into_iter().for_each(|member| member.hear(Verdict::Alone(doubt.clone())));
    }
}

/// A member's own part of what was appended.
fn part<J: Joint>(
    member: &Member<J>,
    decided: Decided<J::Answer>,
    events: &Range<usize>,
    whole: &Placed,
) -> Result<Executed<J::Answer>, ExecuteError> {
    let event_ids = whole.event_ids.get(events.clone()).unwrap_or_default().to_vec();
    let before = whole.position - whole.event_ids.len() as u64;
    answered(&member.command, decided, Placed { position: before + events.end as u64, event_ids, recorded_at: whole.recorded_at })
}
