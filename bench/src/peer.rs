//! postgres-es 0.5 as its documentation wires it: its schema, its default pool, no queries attached.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use kernel::{Actor, At, EventSourced, KeyClass, SealError, Sealed, Sealer, Timestamp, sealing};
use postgres_es::{PostgresCqrs, default_postgress_pool, postgres_cqrs};
use uuid::Uuid;

use crate::booking::{Booking, Journey};
use crate::clients::{Client, Contestant};
use crate::error::Failure;
use crate::place::{Place, Raw, run};

/// The event table of its `db/init.sql`.
pub const SCHEMA: &str = "create table events
(
    aggregate_type text                         not null,
    aggregate_id   text                         not null,
    sequence       bigint check (sequence >= 0) not null,
    event_type     text                         not null,
    event_version  text                         not null,
    payload        json                         not null,
    metadata       json                         not null,
    primary key (aggregate_type, aggregate_id, sequence)
)";

/// Its framework over the same decider.
pub struct Peer {
    framework: Arc<PostgresCqrs<EventSourced<Booking>>>,
}

/// One client.
pub struct PeerClient {
    framework: Arc<PostgresCqrs<EventSourced<Booking>>>,
    journey: Journey,
}

impl Peer {
    /// Prepares a fresh database for it.
    pub async fn open(place: &Place) -> Result<Self, Failure> {
        let (Place::Postgres { url, .. }, Raw::Postgres(mut db)) = (place, place.raw().await?) else {
            return Err(Failure::Usage("postgres-es needs PostgreSQL".into()));
        };
        run(&mut db, SCHEMA.to_owned()).await?;
        let pool = default_postgress_pool(url).await;
        Ok(Self { framework: Arc::new(postgres_cqrs(pool, Vec::new(), ())) })
    }
}

impl Contestant for Peer {
    type Client = PeerClient;

    async fn client(&self) -> Result<PeerClient, Failure> {
        Ok(PeerClient { framework: self.framework.clone(), journey: Journey::new() })
    }
}

impl Client for PeerClient {
    async fn next(&mut self) -> Result<u64, Failure> {
        let (booking, command, _) = self.journey.next();
        let at = At { now: Timestamp::now(), actor: Actor::User(self.journey.guest), command };
        let executed = unsealed(self.framework.execute(&booking.to_string(), at)).await;
        executed.map_err(|e| Failure::Peer(e.to_string()))?;
        Ok(1)
    }
}

/// Leaves values readable: the peer seals nothing, and shall not pay for it.
struct Plain;

impl Sealer for Plain {
    fn seal(&self, subject: Uuid, class: KeyClass, json: &[u8]) -> Result<Option<Sealed>, SealError> {
        let bytes = String::from_utf8_lossy(json).into();
        Ok(Some(Sealed { subject, class, associated: "".into(), bytes }))
    }
}

/// Runs a future of the peer, which may serialise events at any of its steps.
pub async fn unsealed<T>(future: impl Future<Output = T>) -> T {
    let (mut future, plain) = (pin!(future), Arc::new(Plain));
    poll_fn(|context| sealing(plain.clone(), || future.as_mut().poll(context))).await
}
