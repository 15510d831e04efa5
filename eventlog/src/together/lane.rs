//! The lane of a stream: who waits, and the one task that makes groups of them.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::StreamName;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot};
use uuid::Uuid;

use super::{Joint, MAX_WEIGHT, Verdict};
use crate::command::CommandMeta;
use crate::execute::Key;
use crate::log::Log;

/// Commands that may wait for a group or be part of one; more wait for room.
const QUEUE: usize = 1_024;
/// Commands of one group.
const MAX_GROUP: usize = 256;
/// Groups of one stream on their way: one that is written, one that follows it.
const GROUPS_ON_THEIR_WAY: usize = 2;
/// Turns given to others before a group is taken: clients that have just been answered join it, instead of waiting for the next one.
const GATHER_TURNS: usize = 2;

/// A command that waits for its group.
pub(super) struct Member<J: Joint> {
    pub command: Arc<CommandMeta>,
    pub key: Option<Key>,
    pub asked: Arc<J>,
    /// Groups that it was in, and that somebody else was quicker than.
    pub conflicts: u32,
    pub answer: oneshot::Sender<Verdict<J::Answer>>,
}

impl<J: Joint> Member<J> {
    /// A client that has gone hears nothing; its command counts all the same.
    pub(super) fn hear(self, verdict: Verdict<J::Answer>) {
        let _ = self.answer.send(verdict);
    }
}

type Name = (StreamName, TypeId);

/// The lanes of one log; a stream that nobody waits for has none.
pub(crate) struct Lanes {
    open: Mutex<HashMap<Name, Arc<dyn Any + Send + Sync>>>,
    room: Semaphore,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { open: Mutex::default(), room: Semaphore::new(QUEUE) }
    }
}

impl Lanes {
    /// Room for one command; waits while there is none.
    pub(super) async fn room(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.room.acquire().await.ok()
    }

    /// Joins the lane of a stream; whoever is first starts its task.
    pub(super) fn join<J: Joint>(&self, log: &Log, stream: &StreamName, member: Member<J>) {
        let mut lanes = self.lanes();
        let lane = lanes.get(&(stream.clone(), TypeId::of::<J>())).and_then(|lane| lane.clone().downcast::<Lane<J>>().ok());
        if let Some(lane) = lane {
            // While the lanes are locked its task cannot end.
            lane.waiting().push_back(member);
            lane.changed.notify_one();
            return;
        }
        let lane = Arc::new(Lane::<J>::with(member));
        lanes.insert((stream.clone(), TypeId::of::<J>()), lane.clone());
        drop(lanes);
        let open = Open { log: log.clone(), stream: stream.clone(), lane };
        tokio::spawn(async move { open.run().await });
    }

    /// Never held across an await; a panic leaves a plain map behind.
    fn lanes(&self) -> MutexGuard<'_, HashMap<Name, Arc<dyn Any + Send + Sync>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits for one stream.
struct Lane<J: Joint> {
    waiting: Mutex<VecDeque<Member<J>>>,
    /// Commands on their way.
    ahead: AtomicUsize,
    /// Somebody has joined, or a group has landed.
    changed: Notify,
}

impl<J: Joint> Lane<J> {
    fn with(member: Member<J>) -> Self {
        Self { waiting: Mutex::new(VecDeque::from([member])), ahead: AtomicUsize::new(0), changed: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Member<J>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next group, no key twice in it: whoever comes with the key of another is heard after that one.
    fn take(&self) -> Vec<Member<J>> {
        let (mut waiting, mut weight, mut end, mut keys) = (self.waiting(), 0, 0, HashSet::<Uuid>::new());
        for member in waiting.iter().take(MAX_GROUP) {
            weight += member.asked.weight();
            let fits = end == 0 || weight <= MAX_WEIGHT;
            if !fits || !member.key.is_none_or(|key| keys.insert(key.digest)) {
                break;
            }
            end += 1;
        }
        waiting.drain(..end).collect()
    }
}

/// Commands on their way, until they have landed one way or the other.
pub(super) struct OnTheirWay<J: Joint> {
    lane: Arc<Lane<J>>,
    commands: usize,
    _place: OwnedSemaphorePermit,
}

impl<J: Joint> OnTheirWay<J> {
    /// Commands that have to go again, before all that came after them.
    pub(super) fn put_back(&self, members: Vec<Member<J>>) {
        let mut waiting = self.lane.waiting();
        for member in members.into_iter().rev() {
            waiting.push_front(Member { conflicts: member.conflicts + 1, ..member });
        }
    }
}

impl<J: Joint> Drop for OnTheirWay<J> {
    fn drop(&mut self) {
        self.lane.ahead.fetch_sub(self.commands, Ordering::AcqRel);
        self.lane.changed.notify_one();
    }
}

/// A lane with its task; its end takes the lane away, and whoever still waits hears that their group is gone.
struct Open<J: Joint> {
    log: Log,
    stream: StreamName,
    lane: Arc<Lane<J>>,
}

impl<J: Joint> Drop for Open<J> {
    fn drop(&mut self) {
        let mut lanes = self.log.inner.lanes.lanes();
        let name = (self.stream.clone(), TypeId::of::<J>());
        let own = lanes.get(&name).is_some_and(|lane| std::ptr::addr_eq(Arc::as_ptr(lane), Arc::as_ptr(&self.lane)));
        if own {
            lanes.remove(&name);
        }
        self.lane.waiting().clear();
    }
}

impl<J: Joint> Open<J> {
    /// Makes groups and sends them on their way, until nobody waits. A group is decided on what the one before it leaves.
    async fn run(self) {
        let places = Arc::new(Semaphore::new(GROUPS_ON_THEIR_WAY));
        while self.gather().await {
            // Never closed.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let group = self.lane.take();
            let commands = group.len();
            self.lane.ahead.fetch_add(commands, Ordering::AcqRel);
            let way = OnTheirWay { lane: self.lane.clone(), commands, _place: place };
            self.log.send_group(&self.stream, group, way).await;
        }
    }

    /// Waits until there is a group to take; no more when nobody waits and nothing is on its way. Behind a group on its way it waits until
    /// there are half as many, or that one has landed: two groups of about one size take turns, instead of a large one and a crumb.
    async fn gather(&self) -> bool {
        loop {
            for _ in 0..GATHER_TURNS {
                tokio::task::yield_now().await;
            }
            let (waiting, ahead) = (self.lane.waiting().len(), self.lane.ahead.load(Ordering::Acquire));
            if waiting > 0 && waiting >= ahead.div_ceil(2).min(MAX_GROUP) {
                return true;
            }
            if waiting == 0 && ahead == 0 && self.ends() {
                return false;
            }
            if waiting == 0 || ahead > 0 {
                self.lane.changed.notified().await;
            }
        }
    }

    /// Takes the lane away, unless somebody has joined meanwhile.
    fn ends(&self) -> bool {
        let mut lanes = self.log.inner.lanes.lanes();
        let ends = self.lane.waiting().is_empty();
        if ends {
            lanes.remove(&(self.stream.clone(), TypeId::of::<J>()));
        }
        ends
    }
}
