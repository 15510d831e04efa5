//! Rows that stand still, what operators do about it, and that a rebuild does the same.

use daybook_projections::views::{ParkedKey, ProjectionState, Projector, Step, Views};
use domain::deadletter::LeftOut;
use eventlog::{CommandMeta, Log};
use kernel::{Actor, At, Decider, DomainEvent, Fact, Timestamp};
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::toy::{Monies, Never, Tallies, Toy, added, append};

/// What the runtime reads of an operator's decision; the operator's words are another module's matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Decided {
    DeadLetterSkipped { left_out: LeftOut },
}

impl DomainEvent for Decided {
    fn event_type(&self) -> String {
        "DeadLetterSkipped".into()
    }
    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Fact for Decided {}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Letter;

impl Decider for Letter {
    const KIND: &'static str = domain::deadletter::DeadLetter::KIND;
    type Command = LeftOut;
    type Event = Decided;
    type Refusal = Never;
    fn decide(&self, at: At<LeftOut>) -> Result<Vec<Decided>, Never> {
        Ok(vec![Decided::DeadLetterSkipped { left_out: at.command }])
    }
    fn evolve(self, _: &Decided) -> Self {
        self
    }
}

/// An operator leaves out what stands between two positions.
pub async fn leave_out(log: &Log, key: &str, from: u64, upto: u64) {
    let left_out = LeftOut { projection: "tallies".into(), version: 1, key: key.into(), from, upto };
    let meta = CommandMeta::new("skip", Actor::system("test"), Timestamp::UNIX_EPOCH);
    let done = log.execute(&meta, |session| {
        let left_out = left_out.clone();
        async move {
            let mut letter = session.load::<Letter>(key).await?;
            session.decide(&mut letter, left_out)?;
            Ok(())
        }
    });
    done.await.unwrap();
}

async fn only_letter(views: &Views<Toy>) -> ParkedKey {
    let mut letters = views.parked(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

/// A toy with two poisons: 1, spoiled at 2, 2, spoiled at 4, 4.
async fn spoiled_twice(book: &Book) -> (Views<Toy>, Projector<Toy>) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    append(&book.log, "a", vec![added(1), Toy::Spoiled {}, added(2), Toy::Spoiled {}, added(4)]).await;
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(9).await.unwrap() != Step::Idle {}
    (views, worker)
}

async fn sum(views: &Views<Toy>) -> i64 {
    views.get::<Tallies>("toy-a").await.unwrap().unwrap().sum
}

pub async fn what_is_skipped_is_left_out_of_every_rebuild(book: &Book) {
    let (views, mut worker) = spoiled_twice(book).await;
    let letter = only_letter(&views).await;
    assert_eq!((letter.position, letter.last_position, letter.events, letter.reason.as_deref()), (2, 5, 4, Some("spoiled")));
    assert_eq!(letter.name(), "tallies@1/toy-a");
    // Tried again without a cure: nothing changes.
    assert!(!views.try_again(&letter).await.unwrap());
    assert_eq!((only_letter(&views).await.position, sum(&views).await), (2, 1));
    // Skipped: the row goes on up to the next one.
    leave_out(&book.log, "toy-a", 2, 2).await;
    assert!(!views.try_again(&letter).await.unwrap());
    let next = only_letter(&views).await;
    assert_eq!((next.position, next.events, sum(&views).await), (4, 2, 3));
    leave_out(&book.log, "toy-a", 4, 4).await;
    assert!(views.try_again(&next).await.unwrap());
    assert_eq!((sum(&views).await, views.parked(10).await.unwrap()), (7, vec![]));
    // The worker that led the model before goes on with the row.
    append(&book.log, "a", vec![added(8)]).await;
    while worker.step(9).await.unwrap() != Step::Idle {}
    assert_eq!(sum(&views).await, 15);
    assert_eq!(views.diff("tallies", &mut ()).await.unwrap().differences, 0);
    let rebuilt = views.rebuild("tallies", &Default::default(), &mut ()).await.unwrap();
    assert!(rebuilt.switched && rebuilt.comparison.unwrap().differences == 0);
    assert_eq!(sum(&views).await, 15);
}

pub async fn what_is_resolved_leaves_all_that_waits_out(book: &Book) {
    let (views, mut worker) = spoiled_twice(book).await;
    let letter = only_letter(&views).await;
    leave_out(&book.log, "toy-a", letter.position, letter.last_position).await;
    assert!(views.try_again(&letter).await.unwrap());
    append(&book.log, "a", vec![added(8)]).await;
    while worker.step(9).await.unwrap() != Step::Idle {}
    assert_eq!((sum(&views).await, views.parked(10).await.unwrap()), (9, vec![]));
    assert_eq!(views.diff("tallies", &mut ()).await.unwrap().differences, 0);
}

pub async fn a_halted_model_is_a_letter_too(book: &Book) {
    let views = book.views().await;
    views.install::<Monies>().await.unwrap();
    append(&book.log, "a", vec![added(1), Toy::Spoiled {}]).await;
    let mut worker = Projector::new::<Monies>(&views).unwrap();
    assert_eq!(worker.step(9).await.unwrap(), Step::Halted);
    // Any node sees it, and may ask for another look.
    let elsewhere = book.views().await;
    elsewhere.install::<Monies>().await.unwrap();
    let letter = only_letter(&elsewhere).await;
    assert_eq!((letter.name().as_str(), letter.key.as_deref(), letter.position), ("monies@1", None, 2));
    assert!(letter.reason.as_deref().unwrap().contains("spoiled"));
    assert!(elsewhere.try_again(&letter).await.unwrap());
    assert_eq!(elsewhere.status().await.unwrap()[0].state, ProjectionState::Running);
    assert_eq!(elsewhere.parked(10).await.unwrap(), []);
}
