//! Events of older shapes: any number of today's events at one position, and a shape without a path halts what reads it.

use daybook_projections::views::{ProjectionState, Projector, Step};
use eventlog::CommandMeta;
use kernel::upcast::{self, Failed, Fields, Shape, Upcasts};
use kernel::{Actor, At, Decider, DomainEvent, Fact, JournalEntry, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::toy::{Monies, Never, Tallies, Toy, added, append};

/// What toys say today, and what they used to say.
pub static UPCASTS: Upcasts = Upcasts::new(
    &[("Added", 1), ("Alarmed", 1), ("Answered", 1), ("Asked", 1), ("Calmed", 1), ("Cleared", 1), ("Garbled", 1), ("Spoiled", 1)],
    &[
        upcast::Step::new(("AllAdded", 1), &[("Added", 1)], one_each),
        upcast::Step::new(("AddedAndSpoiled", 1), &[("Added", 1), ("Spoiled", 1)], and_spoiled),
        upcast::Step::dropped(("LookedAt", 1)),
    ],
);

fn one_each(mut fields: Fields) -> Result<Vec<Shape>, Failed> {
    let added = |amount: i64| {
        let mut one = Fields::new();
        one.set("amount", &amount)?;
        Ok(Shape::new("Added", 1, one))
    };
    fields.take::<Vec<i64>>("amounts")?.into_iter().map(added).collect()
}

fn and_spoiled(fields: Fields) -> Result<Vec<Shape>, Failed> {
    Ok(vec![Shape::new("Added", 1, fields), Shape::new("Spoiled", 1, Fields::new())])
}

/// What an older program wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Old {
    /// The same then and now.
    Added {
        amount: i64,
    },
    AllAdded {
        amounts: Vec<i64>,
    },
    AddedAndSpoiled {
        amount: i64,
    },
    LookedAt {},
    Forgotten {},
}

impl DomainEvent for Old {
    fn event_type(&self) -> String {
        match self {
            Self::Added { .. } => "Added",
            Self::AllAdded { .. } => "AllAdded",
            Self::AddedAndSpoiled { .. } => "AddedAndSpoiled",
            Self::LookedAt {} => "LookedAt",
            Self::Forgotten {} => "Forgotten",
        }
        .into()
    }
    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Old {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OldToys;

impl Decider for OldToys {
    const KIND: &'static str = "toy";
    type Command = Old;
    type Event = Old;
    type Refusal = Never;
    fn decide(&self, at: At<Old>) -> Result<Vec<Old>, Never> {
        Ok(vec![at.command])
    }
    fn evolve(self, _: &Old) -> Self {
        self
    }
}

/// Appends an event as an older program did, which knows nothing of what others write since.
pub async fn append_old(book: &Book, id: &'static str, event: Old) {
    let meta = CommandMeta::new("old", Actor::system("test"), Timestamp::UNIX_EPOCH);
    let done = book.log.execute(&meta, |session| {
        let event = event.clone();
        async move {
            let mut toys = session.load::<OldToys>(id).await?;
            session.decide(&mut toys, event)?;
            Ok(())
        }
    });
    done.await.unwrap();
}

/// Three positions: one event, three, none; and one more.
async fn history(book: &Book) {
    append(&book.log, "a", vec![added(1)]).await;
    append_old(book, "b", Old::AllAdded { amounts: vec![2, 4, 8] }).await;
    append_old(book, "b", Old::LookedAt {}).await;
    append(&book.log, "a", vec![added(16)]).await;
}

pub async fn one_position_may_be_any_number_of_events(book: &Book) {
    assert_eq!(UPCASTS.check(), Ok(()));
    history(book).await;
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    // A page ends between positions, never inside of one.
    for position in 1..=4 {
        assert_eq!(worker.step(1).await.unwrap(), Step::Advanced(position));
    }
    assert_eq!(worker.step(1).await.unwrap(), Step::Idle);
    let rows = views.get_many::<Tallies>(&["toy-a".into(), "toy-b".into(), "all".into()]).await.unwrap();
    let counts = |key: &str| (rows[key].sum, rows[key].events);
    assert_eq!((counts("toy-a"), counts("toy-b"), counts("all")), ((17, 2), (14, 3), (31, 5)));
    assert_eq!(
        book.number("select position from tallies_v1 where key = 'toy-b'", "select position from views.tallies_v1 where key = 'toy-b'")
            .await,
        2
    );
}

pub async fn a_row_is_fresh_with_events_of_older_shapes(book: &Book) {
    history(book).await;
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    Projector::new::<Tallies>(&views).unwrap().step(1).await.unwrap();
    append_old(book, "a", Old::AllAdded { amounts: vec![32, 64] }).await;
    let fresh = views.fresh::<Tallies>("toy-a", 5).await.unwrap();
    assert_eq!(fresh.map(|row| (row.sum, row.events)), Some((113, 4)));
}

pub async fn a_poison_parks_its_whole_position(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    views.install::<Monies>().await.unwrap();
    append(&book.log, "a", vec![added(1)]).await;
    append_old(book, "a", Old::AddedAndSpoiled { amount: 2 }).await;
    append(&book.log, "a", vec![added(4)]).await;
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    assert_eq!(worker.step(9).await.unwrap(), Step::Advanced(3));
    // Not half of a stored event: the row is as before it.
    assert_eq!(views.get::<Tallies>("toy-a").await.unwrap().map(|row| (row.sum, row.events)), Some((1, 1)));
    let parked = "select count(*) from parked where name = 'tallies' and key = 'toy-a'";
    assert_eq!(book.number(parked, &parked.replace("parked", "views.parked")).await, 2);
    // Nor does money move for half of it.
    assert_eq!(Projector::new::<Monies>(&views).unwrap().step(9).await.unwrap(), Step::Halted);
    let money = book.number("select sum(position) from monies_v1", "select sum(position)::bigint from views.monies_v1").await;
    assert_eq!(money, 2, "both rows stand at position 1");
}

pub async fn a_shape_without_a_path_halts_and_refuses(book: &Book) {
    append(&book.log, "a", vec![added(1)]).await;
    append_old(book, "b", Old::Forgotten {}).await;
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    assert_eq!(Projector::new::<Tallies>(&views).unwrap().step(9).await.unwrap(), Step::Halted);
    let status = &views.status().await.unwrap()[0];
    assert_eq!((status.state, status.position), (ProjectionState::Halted, 1));
    let no_path = "no path leads from event Forgotten of schema 1 to today's";
    assert!(status.last_error.as_deref().unwrap().contains(no_path), "{status:?}");
    // Nobody decides on a history that cannot be read.
    let meta = CommandMeta::new("toy", Actor::system("test"), Timestamp::UNIX_EPOCH);
    let node = book.another().await;
    let refused = node.execute(&meta, |session| async move {
        let mut toys = session.load::<crate::toy::Toys>("b").await?;
        session.decide(&mut toys, vec![Toy::Cleared {}])?;
        Ok(())
    });
    assert_eq!(refused.await.unwrap_err().to_string(), no_path);
    assert_eq!(book.log.head().await.unwrap(), 2);
    node.close().await;
}
