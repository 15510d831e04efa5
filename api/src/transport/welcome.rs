//! Whoever stays is asked after again and again: a session that was revoked, or a role that was taken, ends what stays open and not
//! only what comes next (I2).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Admitted, Endpoint, RequestMeta, TurnedAway};

/// What the door said of a token holds for such a part of the time between two questions, for whoever else is here by the same one.
const HOLDS: u32 = 5;
/// A part of 2³² that keeps any number of turns far from each other (the golden ratio).
const TURN: u32 = 2_654_435_769;

/// Whether somebody may stay.
#[derive(Debug)]
pub(super) enum Stay {
    /// As who they are now.
    As(Admitted),
    /// The door cannot be asked now; whoever was let in stays.
    Unasked,
    /// No longer, or with less than they came with.
    No,
}

/// What the door said last of tokens that several may be here by. Clones see the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Welcomes(Arc<Mutex<Said>>);

/// Two generations, each as old as an answer holds: the older goes when the newer is full of time.
#[derive(Debug, Default)]
struct Said {
    newer: HashMap<String, (Instant, Admitted)>,
    older: HashMap<String, (Instant, Admitted)>,
    turned: Option<Instant>,
}

impl Said {
    fn of(&self, token: &str, holds: Duration) -> Option<&Admitted> {
        let (at, admitted) = self.newer.get(token).or_else(|| self.older.get(token))?;
        (at.elapsed() < holds).then_some(admitted)
    }

    fn note(&mut self, token: &str, admitted: Admitted, holds: Duration) {
        let now = Instant::now();
        if self.turned.is_none_or(|turned| now.duration_since(turned) >= holds) {
            self.older = std::mem::take(&mut self.newer);
            self.turned = Some(now);
        }
        self.newer.insert(token.to_owned(), (now, admitted));
    }
}

impl Welcomes {
    /// It guards plain maps.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    /// Asks the door about somebody who is here: now, or a moment ago about somebody else with the same token.
    pub(super) async fn may_stay(&self, token: Option<&str>, before: &Admitted, meta: &RequestMeta) -> Stay {
        let said = token.and_then(|token| self.welcomes.lock().of(token, self.sockets.ping_every / HOLDS).cloned());
        match said {
            Some(admitted) => Stay::judged(before, admitted),
            None => self.asked_anew(token, before, meta).await,
        }
    }

    /// The same, of the door itself.
    pub(super) async fn asked_anew(&self, token: Option<&str>, before: &Admitted, meta: &RequestMeta) -> Stay {
        let asked = tokio::time::timeout(self.sockets.init_timeout, self.door.enter(token, meta)).await;
        match asked.unwrap_or(Err(TurnedAway::Unavailable)) {
            Ok(admitted) => {
                if let Some(token) = token {
                    self.welcomes.lock().note(token, admitted.clone(), self.sockets.ping_every / HOLDS);
                }
                Stay::judged(before, admitted)
            }
            Err(TurnedAway::Unauthenticated | TurnedAway::Forbidden) => Stay::No,
            Err(TurnedAway::Limited { .. } | TurnedAway::Unavailable) => Stay::Unasked,
        }
    }
}

impl Stay {
    /// What is open goes on with the rights that it was begun with: none of them may be gone.
    fn judged(before: &Admitted, now: Admitted) -> Self {
        if now.rights.is_superset(&before.rights) { Self::As(now) } else { Self::No }
    }
}

/// When the first tick comes: somewhere in the second half, for each caller somewhere else. Those who came together do not all ask
/// together.
pub(super) fn first(every: Duration) -> Duration {
    static TURNS: AtomicU32 = AtomicU32::new(0);
    let part = TURNS.fetch_add(TURN, Ordering::Relaxed) >> 16;
    every / 2 + (every / 2) * part / (1 << 16)
}

/// Ticks of whoever stays.
pub(super) fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + first(every), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
