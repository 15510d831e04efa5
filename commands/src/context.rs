//! What every command needs besides its input: the log, the business clock, ids, settings and keys.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::settings::Settings;
use domain::user::Role;
use eventlog::{CommandMeta, ExecuteError, Executed, Loaded, Log, Session, Stop};
use hmac::{Hmac, KeyInit, Mac};
use kernel::id::Kind;
use kernel::{Actor, Decider, Id, Refusal, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The surroundings of a command. Cheap to clone; one per book.
#[derive(Clone)]
pub struct Context {
    /// Where events go.
    pub log: Log,
    /// Business time.
    pub clock: Clock,
    /// Where new ids come from.
    pub ids: Ids,
    /// Fees, windows and limits.
    pub settings: Arc<Settings>,
    /// Keys of claims.
    pub keys: Keys,
}

/// Who calls, and under which marks the call is traced and repeated.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Scope of the idempotency key, and the actor of the events.
    pub actor: Actor,
    /// Roles granted to the actor.
    pub roles: BTreeSet<Role>,
    /// The idempotency key, if one was given.
    pub key: Option<String>,
    /// Links everything that one request set off.
    pub correlation_id: Uuid,
    /// The event that caused this command, when a process issued it.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Caller {
    /// A process of our own, with the deterministic key of its reaction.
    #[must_use]
    pub fn system(name: &str, key: impl Into<Option<String>>, correlation_id: Uuid) -> Self {
        Self { actor: Actor::system(name), roles: BTreeSet::new(), key: key.into(), correlation_id, causation_id: None, traceparent: None }
    }

    /// Does the caller hold one of these roles?
    #[must_use]
    pub fn is_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }
}

impl Context {
    /// Runs one command: `run` loads and decides on a fresh session, and everything that it recorded is committed at
    /// once. It is called again when another writer was faster, so it must not have effects of its own.
    ///
    /// # Errors
    /// A refusal, a reused key, a conflict that would not end, or a failure of the log.
    pub async fn execute<I, T, F, Fut>(&self, name: &'static str, caller: &Caller, input: &I, run: F) -> Result<Executed<T>, ExecuteError>
    where
        I: Serialize + Sync,
        T: Serialize + DeserializeOwned + Send,
        F: Fn(Session) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Stop>> + Send,
    {
        self.log.execute(&self.meta(name, caller, input), run).await
    }

    /// The circumstances of one command of a caller.
    pub(crate) fn meta<I: Serialize>(&self, name: &'static str, caller: &Caller, input: &I) -> CommandMeta {
        CommandMeta {
            name,
            actor: caller.actor.clone(),
            key: caller.key.clone(),
            input: canonical(input),
            command_id: self.ids.mint(),
            correlation_id: caller.correlation_id,
            causation_id: caller.causation_id,
            traceparent: caller.traceparent.clone(),
            now: self.clock.now(),
        }
    }

    /// Runs one command on one stream, and `then` whatever its events bring along on others, all of it in one append. What
    /// the command says is not part of the fingerprint: a process's key names its reaction already.
    ///
    /// # Errors
    /// As [`Context::execute`].
    pub async fn change<D, K, F, Fut>(
        &self,
        name: &'static str,
        caller: &Caller,
        id: Id<K>,
        command: D::Command,
        then: F,
    ) -> Result<Executed<Id<K>>, ExecuteError>
    where
        D: Decider<Command: Clone + Sync, Refusal: Refusal>,
        K: Kind,
        F: Fn(Session, Loaded<D>, Vec<D::Event>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(), Stop>> + Send,
    {
        let (command, then) = (&command, &then);
        self.execute(name, caller, &id, |s| async move {
            let mut loaded = s.load::<D>(id.uuid()).await?;
            let events = s.decide(&mut loaded, command.clone())?;
            if !events.is_empty() {
                then(s, loaded, events).await?;
            }
            Ok(id)
        })
        .await
    }
}

/// Nothing else follows from the events of a [`Context::change`].
pub async fn nothing_else<D: Decider>(_: Session, _: Loaded<D>, _: Vec<D::Event>) -> Result<(), Stop> {
    Ok(())
}

/// The bytes that tell one input from another. A map with keys that are no strings cannot occur in our inputs; should
/// it ever, the input counts as empty and only the command's name is compared.
fn canonical<I: Serialize>(input: &I) -> Vec<u8> {
    serde_json::to_vec(input).unwrap_or_default()
}

/// The business clock: what `occurred_at`, deadlines and timers go by. It never runs backwards.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mode>);

#[derive(Debug)]
enum Mode {
    /// Real time plus an offset in microseconds that only grows (api.md §8, `advanceClock`). The latest time that was told is
    /// kept, since the host's clock may be set back: a deadline that was found due stays due.
    Shifted { offset: AtomicI64, latest: AtomicI64 },
    /// Stands still until it is set (simulations).
    Frozen(AtomicI64),
}

impl Clock {
    /// Real time shifted forward by so many microseconds.
    #[must_use]
    pub fn shifted(offset_us: i64) -> Self {
        Self(Arc::new(Mode::Shifted { offset: AtomicI64::new(offset_us), latest: AtomicI64::new(i64::MIN) }))
    }

    /// A clock that stands at an instant until it is moved.
    #[must_use]
    pub fn frozen(at: Timestamp) -> Self {
        Self(Arc::new(Mode::Frozen(AtomicI64::new(at.as_microsecond()))))
    }

    /// The business time, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match &*self.0 {
            Mode::Shifted { offset, latest } => {
                let now = Timestamp::now().as_microsecond() + offset.load(Ordering::SeqCst);
                latest.fetch_max(now, Ordering::SeqCst).max(now)
            }
            Mode::Frozen(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// Moves forward to an instant; an instant that is past already changes nothing.
    pub fn advance_to(&self, at: Timestamp) {
        let at = at.as_microsecond();
        match &*self.0 {
            Mode::Shifted { offset, .. } => offset.fetch_max(at - Timestamp::now().as_microsecond(), Ordering::SeqCst),
            Mode::Frozen(now) => now.fetch_max(at, Ordering::SeqCst),
        };
    }

    /// How far it is ahead of real time, in microseconds; what is kept with the data.
    #[must_use]
    pub fn offset_us(&self) -> i64 {
        match &*self.0 {
            Mode::Shifted { offset, .. } => offset.load(Ordering::SeqCst),
            Mode::Frozen(at) => at.load(Ordering::SeqCst) - Timestamp::now().as_microsecond(),
        }
    }
}

/// Where new ids come from.
#[derive(Clone, Debug)]
pub struct Ids(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// UUIDv7.
    Time,
    /// A reproducible sequence from a seed (demo data, simulations).
    Seeded { seed: u64, next: AtomicU64 },
}

impl Ids {
    /// New ids in the order of time.
    #[must_use]
    pub fn time_ordered() -> Self {
        Self(Arc::new(Source::Time))
    }

    /// The same ids for the same seed, in the same order.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Source::Seeded { seed, next: AtomicU64::new(0) }))
    }

    /// One more id.
    #[must_use]
    pub fn mint(&self) -> Uuid {
        match &*self.0 {
            Source::Time => Uuid::now_v7(),
            Source::Seeded { seed, next } => {
                let digest = Sha256::new()
                    .chain_update(b"daybook id")
                    .chain_update(seed.to_be_bytes())
                    .chain_update(next.fetch_add(1, Ordering::SeqCst).to_be_bytes())
                    .finalize();
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest[..16]);
                uuid::Builder::from_random_bytes(bytes).into_uuid()
            }
        }
    }
}

/// Keyed digests for claims: a unique value names its stream without being readable in it.
#[derive(Clone)]
pub struct Keys(Arc<[u8; 32]>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Keys under one secret, which must stay the same as long as the data.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(secret))
    }

    /// The digest under which a normalised value is claimed, 64 hexadecimal digits.
    #[must_use]
    pub fn claim(&self, kind: &str, normalised: &str) -> String {
        self.digest("claim", kind, normalised).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What was typed, unreadable: the same only for the same. It goes into a command's input, where a retry is told from another wish.
    #[must_use]
    pub fn mark(&self, typed: &[&str]) -> String {
        let whole: String = typed.iter().map(|part| format!("{}:{part}", part.len())).collect();
        self.digest("mark", "", &whole).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A key of its own for one purpose.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; 32] {
        self.digest("key", purpose, "")
    }

    fn digest(&self, domain: &str, kind: &str, text: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        for part in [domain.as_bytes(), kind.as_bytes(), text.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
