//! Loading: the log is read and decoded page by page, several at once; what it says is dealt out by key to parts that fold
//! in memory and write in bulk.

use std::sync::Arc;

use eventlog::Log;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::build::{Build, live};
use super::part::Part;
use super::{Pace, RebuildError, Stage, Watch};
use crate::db::{Dialect, Sql, unsigned};
use crate::known::{Decode, Known, Seen};
use crate::views::definition::Definition;
use crate::views::fold::Batch;
use crate::views::lead::Advance;
use crate::views::left_out::LeftOut;
use crate::views::schema::{self, named, table};
use crate::views::stored::stored;
use crate::views::{Installed, Views};

/// Pages read at once.
const READS: usize = 4;
/// Pages that wait for a part.
const WAITING: usize = 2;
/// Events of one step of the tail.
const STEP: usize = 1_000;

/// What one stored event says to one key.
pub(super) struct Touch<E> {
    pub key: String,
    events: Told<E>,
}

enum Told<E> {
    One(Arc<Known<E>>),
    Several(Vec<Arc<Known<E>>>),
}

impl<E> Touch<E> {
    pub(super) fn events(&self) -> &[Arc<Known<E>>] {
        match &self.events {
            Told::One(event) => std::slice::from_ref(event),
            Told::Several(events) => events,
        }
    }
}

/// How the log is dealt out.
#[derive(Clone, Copy)]
pub(super) struct Deal {
    pub parts: usize,
    /// All parts but this one stay empty.
    pub only: Option<usize>,
    /// Events of one page.
    pub page: usize,
}

/// A page of the log, dealt out.
pub(super) struct Dealt<E> {
    pub upto: u64,
    /// One for each part.
    pub lanes: Vec<Vec<Touch<E>>>,
}

/// What a part gets of a page.
pub(super) struct Lane<E> {
    pub upto: u64,
    pub touches: Vec<Touch<E>>,
}

/// Which part a key belongs to; the same in every run (FNV-1a).
pub(super) fn hash(key: &str) -> u64 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 32)
}

/// Pages of the log between two positions, in order, read and decoded ahead.
pub(super) fn pages<E: Send + Sync + 'static>(
    views: &Views<E>,
    model: &Arc<Installed<E>>,
    left_out: &Arc<LeftOut>,
    (from, upto): (u64, u64),
    deal: Deal,
) -> impl futures_util::Stream<Item = Result<Dealt<E>, RebuildError>> + use<E> {
    let (log, decode, model) = (views.log().clone(), views.tail().decode(), Arc::clone(model));
    let left_out = Arc::clone(left_out);
    let size = deal.page.clamp(1, eventlog::MAX_READ);
    let page = move |after: u64| -> JoinHandle<_> {
        let (log, model, left_out) = (log.clone(), Arc::clone(&model), Arc::clone(&left_out));
        let limit = usize::try_from(upto - after).unwrap_or(size).min(size);
        tokio::spawn(async move { read(&log, decode, (&model.definition, &left_out), (after, limit), deal).await })
    };
    let died = |joined: Result<Result<Dealt<E>, RebuildError>, tokio::task::JoinError>| {
        joined.unwrap_or_else(|error| Err(RebuildError::Died(error.to_string())))
    };
    stream::iter((from..upto).step_by(size)).map(page).buffered(READS).map(died)
}

async fn read<E: Send + Sync + 'static>(
    log: &Log,
    decode: Decode<E>,
    (definition, left_out): (&Definition<E>, &LeftOut),
    (after, limit): (u64, usize),
    deal: Deal,
) -> Result<Dealt<E>, RebuildError> {
    let recorded = log.read(after, limit).await?;
    if recorded.len() < limit {
        let (position, head) = (after + limit as u64, after + recorded.len() as u64);
        return Err(crate::views::ViewError::AheadOfLog { projection: definition.name, position, head }.into());
    }
    let mut lanes: Vec<Vec<Touch<E>>> = (0..deal.parts).map(|_| Vec::new()).collect();
    for recorded in recorded {
        let position = recorded.position;
        let seen = Seen::of(recorded, decode);
        let events = seen.events().map_err(|(event_type, reason)| {
            let reason = format!("cannot read event {event_type} at position {position}: {reason}");
            RebuildError::Halted { projection: definition.name, position, reason }
        })?;
        deal_out((definition, left_out), events, &mut lanes, deal.only);
    }
    Ok(Dealt { upto: after + limit as u64, lanes })
}

/// Gives each key that a stored event touches what it says to it.
fn deal_out<E>(
    (definition, left_out): (&Definition<E>, &LeftOut),
    events: &[Arc<Known<E>>],
    lanes: &mut [Vec<Touch<E>>],
    only: Option<usize>,
) {
    let lane_of = |key: &str| usize::try_from(hash(key) % lanes.len().max(1) as u64).unwrap_or(0);
    let mut touches: Vec<(usize, Touch<E>)> = Vec::new();
    for event in events {
        for key in (definition.keys)(event) {
            let lane = lane_of(&key);
            if only.is_some_and(|only| only != lane) || left_out.covers(&key, event.position()) {
                continue;
            }
            // More than one event at one place is rare: then a key gets all of its events at once.
            match touches.iter_mut().find(|(_, touch)| events.len() > 1 && touch.key == key) {
                Some((_, touch)) => touch.events = Told::Several(touch.events().iter().cloned().chain([Arc::clone(event)]).collect()),
                None => touches.push((lane, Touch { key, events: Told::One(Arc::clone(event)) })),
            }
        }
    }
    for (lane, touch) in touches {
        lanes[lane].push(touch);
    }
}

impl<E: Send + Sync + 'static> Build<E> {
    /// Loads up to the live model's position, or to the log's end where none is live yet, and makes the indexes. Returns how
    /// many events were folded.
    pub(super) async fn load(&mut self, jobs: usize, pace: Pace, watch: &mut dyn Watch) -> Result<u64, RebuildError> {
        let upto = if self.live.ready { self.live.position } else { self.views.log().head().await? };
        let mut folded = 0;
        if self.lead.position == 0 && upto > 0 {
            watch.stage(Stage::Loading);
            folded = self.load_parts(jobs, pace, upto, watch).await?;
        }
        watch.stage(Stage::Indexing);
        self.index().await?;
        // An unfinished one may stand behind the live model of today.
        let now = live(&self.views, &self.model).await?;
        folded += now.position.saturating_sub(self.lead.position);
        watch.stage(Stage::Tailing);
        self.tail(now.position, watch).await?;
        Ok(folded)
    }

    async fn load_parts(&mut self, jobs: usize, pace: Pace, upto: u64, watch: &mut dyn Watch) -> Result<u64, RebuildError> {
        let parts = self.parts(jobs).await?;
        let from = parts.iter().map(|(_, position)| *position).min().unwrap_or(0);
        let (mut lanes, mut workers) = (Vec::new(), JoinSet::new());
        for &(part, position) in &parts {
            let (give, take) = mpsc::channel(WAITING);
            lanes.push(give);
            workers.spawn(Part::new(self, part, position, pace).run(take));
        }
        let given = self.give(&lanes, (from, upto), pace.page, watch).await;
        drop(lanes);
        // A part that failed says more than the lane that it has left.
        let mut ended = Ok(());
        while let Some(joined) = workers.join_next().await {
            let part = joined.unwrap_or_else(|error| Err(RebuildError::Died(error.to_string())));
            ended = ended.and(part);
        }
        ended?;
        given?;
        self.loaded(upto).await?;
        Ok(upto - from)
    }

    async fn give(
        &self,
        lanes: &[mpsc::Sender<Lane<E>>],
        (from, upto): (u64, u64),
        page: usize,
        watch: &mut dyn Watch,
    ) -> Result<(), RebuildError> {
        let mut pages =
            std::pin::pin!(pages(&self.views, &self.model, &self.left_out, (from, upto), Deal { parts: lanes.len(), only: None, page }));
        while let Some(page) = pages.next().await {
            let Dealt { upto: reached, lanes: dealt } = page?;
            for (lane, touches) in lanes.iter().zip(dealt) {
                if lane.send(Lane { upto: reached, touches }).await.is_err() {
                    return Err(RebuildError::Died("it takes nothing more".to_owned()));
                }
            }
            watch.progress(reached - from, upto - from);
        }
        Ok(())
    }

    /// The parts of this generation, with the position of each.
    async fn parts(&self, jobs: usize) -> Result<Vec<(u32, u64)>, RebuildError> {
        let (db, definition, generation) = (self.views.db(), &self.model.definition, self.lead.generation);
        let parts = table(db.dialect(), "parts");
        let sql =
            format!("select part, position from {parts} where name = $1 and version = $2 and generation = {generation} order by part");
        let found = db.all::<(i64, i64)>(named(sql, definition)).await?;
        if !found.is_empty() {
            return Ok(found.into_iter().map(|(part, position)| (schema::small(part), unsigned(position))).collect());
        }
        let numbers: Vec<u32> = (0..).take(jobs).collect();
        let rows = numbers.iter().map(|part| format!("($1, $2, {generation}, {part}, 0)")).collect::<Vec<_>>().join(", ");
        db.execute(named(format!("insert into {parts} (name, version, generation, part, position) values {rows}"), definition)).await?;
        Ok(numbers.into_iter().map(|part| (part, 0)).collect())
    }

    /// All parts have come to a position: the generation has.
    async fn loaded(&mut self, upto: u64) -> Result<(), RebuildError> {
        let (db, definition, generation) = (self.views.db(), &self.model.definition, self.lead.generation);
        let mut tx = db.begin().await?;
        let sql = format!(
            "update {} set position = $4 where name = $1 and version = $2 and epoch = $3 and generation = {generation}",
            table(db.dialect(), "projections")
        );
        if tx.execute(named(sql, definition).bind(self.lead.epoch).number(upto)).await? != 1 {
            return Err(RebuildError::Overtaken(definition.name));
        }
        let sql = format!("delete from {} where name = $1 and version = $2 and generation = {generation}", table(db.dialect(), "parts"));
        tx.execute(named(sql, definition)).await?;
        let sql = format!(
            "select distinct key from {} where name = $1 and version = $2 and generation = {generation}",
            table(db.dialect(), "parked")
        );
        let parked = tx.all::<(String,)>(named(sql, definition)).await?;
        tx.commit().await?;
        self.lead.stand_at(upto);
        self.lead.parked = parked.into_iter().map(|(key,)| key).collect();
        Ok(())
    }

    /// Makes the indexes, all at once, and lets the planner know the table.
    async fn index(&self) -> Result<(), RebuildError> {
        let (db, definition) = (self.views.db(), &self.model.definition);
        let rows = schema::rows_of(definition, self.lead.generation);
        let indexes = schema::create_indexes(db.dialect(), &rows, definition.columns);
        futures_util::future::try_join_all(indexes.into_iter().map(|index| db.execute(Sql::new(index)))).await?;
        if db.dialect() == Dialect::Postgres {
            db.execute(Sql::new(format!("analyze {}", table(db.dialect(), &rows)))).await?;
        }
        Ok(())
    }

    /// Follows the log to a position, as a projector does.
    pub(super) async fn tail(&mut self, upto: u64, watch: &mut dyn Watch) -> Result<(), RebuildError> {
        let from = self.lead.position;
        while self.lead.position < upto {
            let missing = usize::try_from(upto - self.lead.position).unwrap_or(STEP).min(STEP);
            let stretch = self.views.tail().read(self.lead.position, missing).await?;
            if stretch.events.is_empty() {
                let (position, head) = (upto, self.lead.position);
                return Err(crate::views::ViewError::AheadOfLog { projection: self.name(), position, head }.into());
            }
            let definition = &self.model.definition;
            let mut batch = Batch::gather(definition, &stretch, &self.left_out);
            let docs = stored(&self.views, &self.model, self.lead.generation, &batch.keys()).await?;
            let changes = batch.fold(definition, &docs, &self.lead.parked)?;
            let (reached, halt) = (batch.upto, batch.halt.take());
            if !self.lead.advance(self.views.db(), definition, Advance { upto: reached, changes, halt: None }).await? {
                return Err(RebuildError::Overtaken(definition.name));
            }
            if let Some(halt) = halt {
                return Err(RebuildError::Halted { projection: definition.name, position: halt.position, reason: halt.reason });
            }
            watch.progress(reached - from, upto - from);
        }
        Ok(())
    }
}
