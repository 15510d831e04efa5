//! Personal data on both stores: sealed, opened by every node, gone for good.

use daybook_eventlog::{CommandMeta, Log, Recorded, Session};
use kernel::{Actor, At, Decider, DomainEvent, Fact, JournalEntry, KeyClass, Opened, Personal, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::book::{Book, on_postgres, on_sqlite};

/// A stream of lines that people wrote.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Diary;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Line {
    LineWritten { text: Personal<String>, kept: Personal<String> },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl kernel::Refusal for Never {
    fn refused(&self) -> Refused {
        Refused::code("SYS001")
    }
}

impl DomainEvent for Line {
    fn event_type(&self) -> String {
        "LineWritten".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Line {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
}

impl Decider for Diary {
    const KIND: &'static str = "diary";
    type Command = Line;
    type Event = Line;
    type Refusal = Never;

    fn decide(&self, at: At<Line>) -> Result<Vec<Line>, Never> {
        Ok(vec![at.command])
    }

    fn evolve(self, _: &Line) -> Self {
        self
    }
}

fn meta() -> CommandMeta {
    CommandMeta::new("write", Actor::system("test"), Timestamp::UNIX_EPOCH)
}

async fn write(log: &Log, by: Uuid, text: &str) {
    let line = Line::LineWritten { text: Personal::profile(by, text.to_owned()), kept: Personal::retained(by, text.to_owned()) };
    let run = |session: Session| {
        let line = line.clone();
        async move {
            let mut diary = session.load::<Diary>(by).await?;
            session.decide(&mut diary, line)?;
            Ok(())
        }
    };
    log.execute(&meta(), run).await.unwrap();
}

async fn lines(log: &Log) -> Vec<Recorded> {
    log.read(0, 5_000).await.unwrap().into_iter().filter(|event| event.stream.kind() == "diary").collect()
}

/// Text and kept text of each line, as far as they can be read; all with one call.
async fn readable(log: &Log) -> Vec<[Option<String>; 2]> {
    let lines: Vec<Line> = lines(log).await.iter().map(|event| event.decode().unwrap()).collect();
    let values: Vec<_> = lines.iter().flat_map(|Line::LineWritten { text, kept }| [text, kept]).collect();
    let opened = log.open_all(&values).await.unwrap();
    opened.chunks(2).map(|pair| [pair[0].clone().value(), pair[1].clone().value()]).collect()
}

fn both(text: &str) -> [Option<String>; 2] {
    [Some(text.to_owned()), Some(text.to_owned())]
}

async fn every_node_reads_what_one_has_sealed(book: &Book) {
    let (one, two) = (book.open().await, book.open().await);
    let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
    // Both nodes make the same person's keys at once.
    tokio::join!(write(&one, ada, "from one"), write(&two, ada, "from two"), write(&two, bob, "else"));
    let mut read = readable(&one).await;
    read.sort();
    assert_eq!(read, [both("else"), both("from one"), both("from two")]);
    assert_eq!(readable(&book.open().await).await.len(), 3);
    for event in lines(&two).await {
        assert!(!event.payload.contains("from") && !event.payload.contains("else"), "{}", event.payload);
        let Line::LineWritten { text, .. } = event.decode().unwrap();
        assert_eq!((text.value(), text.sealed().is_some()), (None, true));
    }
}

async fn erasure_takes_one_key_of_one_person(book: &Book) {
    let log = book.open().await;
    let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
    write(&log, ada, "ada").await;
    write(&log, bob, "bob").await;
    let before = log.read(0, 10).await.unwrap();
    log.erase(&meta(), ada, KeyClass::Profile).await.unwrap();
    let tombstone = [None, Some("ada".to_owned())];
    assert_eq!(readable(&log).await, [tombstone.clone(), both("bob")]);
    assert_eq!(readable(&book.open().await).await, [tombstone, both("bob")], "a node that starts later");
    let after = log.read(0, 10).await.unwrap();
    assert_eq!(after[..2], before[..], "what was written stays as it was, byte for byte");
    assert_eq!((after.len(), after[2].event_type.as_str(), after[2].stream.kind()), (3, "SubjectKeyDestroyed", "subject"));
    log.erase(&meta(), ada, KeyClass::Profile).await.unwrap();
    log.erase(&meta(), ada, KeyClass::Retained).await.unwrap();
    write(&log, ada, "too late").await;
    assert_eq!(readable(&log).await, [[None, None], both("bob"), [None, None]]);
    assert_eq!(log.head().await.unwrap(), 5, "an erasure that was done is not recorded again");
}

async fn another_node_notices_in_time(book: &Book) {
    let (one, two) = (book.open().await, book.open().await);
    let ada = Uuid::now_v7();
    write(&one, ada, "ada").await;
    let Line::LineWritten { text, .. } = lines(&two).await[0].decode().unwrap();
    assert_eq!(two.open_personal(&text).await.unwrap(), Opened::Value("ada".to_owned()));
    one.erase(&meta(), ada, KeyClass::Profile).await.unwrap();
    for _ in 0..150 {
        if two.open_personal(&text).await.unwrap() == Opened::Erased {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the other node still reads what was erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_every_node_reads_what_one_has_sealed() {
    on_sqlite(every_node_reads_what_one_has_sealed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_every_node_reads_what_one_has_sealed() {
    on_postgres(every_node_reads_what_one_has_sealed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_erasure_takes_one_key_of_one_person() {
    on_sqlite(erasure_takes_one_key_of_one_person).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_erasure_takes_one_key_of_one_person() {
    on_postgres(erasure_takes_one_key_of_one_person).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_another_node_notices_in_time() {
    on_sqlite(another_node_notices_in_time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_another_node_notices_in_time() {
    on_postgres(another_node_notices_in_time).await;
}
