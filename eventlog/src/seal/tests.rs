#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::{Actor, At, DomainEvent, Fact, JournalEntry, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};

use super::*;
use crate::config::{Config, KeySource, StoreUrl};
use crate::recorded::Recorded;
use rotation::Step;

/// A stream of notes about people.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Notes;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Note {
    Written { text: Personal<String>, record: Option<Personal<u32>> },
}

#[derive(Debug, thiserror::Error)]
#[error("no")]
struct Never;

impl kernel::Refusal for Never {
    fn refused(&self) -> Refused {
        Refused::code("SYS001")
    }
}

impl DomainEvent for Note {
    fn event_type(&self) -> String {
        "Written".to_owned()
    }
    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Note {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
}

impl kernel::Decider for Notes {
    const KIND: &'static str = "notes";
    type Command = Note;
    type Event = Note;
    type Refusal = Never;

    fn decide(&self, at: At<Note>) -> Result<Vec<Note>, Never> {
        Ok(vec![at.command])
    }
    fn evolve(self, _: &Note) -> Self {
        self
    }
}

/// A book in a folder that goes away.
struct Book(PathBuf);

impl Drop for Book {
    fn drop(&mut self) {
        // Only litter is left behind when it fails.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Book {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("daybook-seal-{}", Uuid::new_v4().simple())))
    }

    fn config(&self) -> Config {
        let url = StoreUrl::Sqlite(self.0.clone());
        Config { keys: KeySource::beside(&url), url, secret: [3; 32], migrate: true }
    }

    async fn open(&self) -> Log {
        Log::open(self.config()).await.unwrap()
    }

    fn key_files(&self) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.0.join("keys")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn subject(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn meta() -> CommandMeta {
    CommandMeta::new("test", Actor::system("test"), Timestamp::UNIX_EPOCH)
}

async fn write(log: &Log, number: u128, text: &str) {
    let of = subject(number);
    let note = Note::Written { text: Personal::profile(of, text.to_owned()), record: Some(Personal::retained(of, 7)) };
    let run = |session: Session| {
        let note = note.clone();
        async move {
            let mut notes = session.load::<Notes>("all").await?;
            session.decide(&mut notes, note)?;
            Ok(())
        }
    };
    log.execute(&meta(), run).await.unwrap();
}

async fn notes(log: &Log) -> Vec<Recorded> {
    log.read(0, 1_000).await.unwrap().into_iter().filter(|event| event.stream.kind() == "notes").collect()
}

/// What can be read of each note: its text and its record.
async fn readable(log: &Log) -> Vec<(Option<String>, Option<u32>)> {
    let mut read = Vec::new();
    for event in notes(log).await {
        let Note::Written { text, record } = event.decode().unwrap();
        let text = log.open_personal(&text).await.unwrap().value();
        read.push((text, log.open_personal(&record.unwrap()).await.unwrap().value()));
    }
    read
}

fn some(text: &str) -> (Option<String>, Option<u32>) {
    (Some(text.to_owned()), Some(7))
}

#[tokio::test]
async fn what_is_stored_is_sealed_and_opens_on_another_node() {
    let book = Book::new();
    let log = book.open().await;
    write(&log, 1, "김영희").await;
    write(&log, 2, "박철수").await;
    let event = notes(&log).await.remove(0);
    assert!(!event.payload.contains("김영희") && event.payload.contains("\"sealed\":"), "{}", event.payload);
    assert_eq!(readable(&log).await, [some("김영희"), some("박철수")]);
    assert_eq!(readable(&book.open().await).await, [some("김영희"), some("박철수")]);
    assert_eq!(book.key_files(), ["epoch-00000001.key"]);
    let Note::Written { text, record } = event.decode().unwrap();
    assert_eq!(log.open_all(&[&text, &Personal::profile(subject(9), "open".to_owned())]).await.unwrap().len(), 2);
    assert_ne!(text.sealed().unwrap().associated, record.unwrap().sealed().unwrap().associated);
}

#[tokio::test]
async fn an_erased_person_is_a_tombstone_and_nobody_else_is() {
    let book = Book::new();
    let (log, other) = (book.open().await, book.open().await);
    write(&log, 1, "김영희").await;
    write(&log, 2, "박철수").await;
    let before = notes(&log).await;
    assert_eq!(readable(&other).await, [some("김영희"), some("박철수")]);
    let erased = log.erase(&meta(), subject(1), KeyClass::Profile).await.unwrap();
    assert_eq!(erased.receipt.event_ids.len(), 1);
    assert_eq!(readable(&log).await, [(None, Some(7)), some("박철수")], "the law keeps its own");
    assert_eq!(notes(&log).await, before, "the log is as it was: digests and leaves, too");
    assert_eq!(book.key_files(), ["epoch-00000002.key"]);
    // A node that has the key in memory forgets it when it sees the new epoch.
    other.inner.keyring.note(2);
    assert_eq!(readable(&other).await, [(None, Some(7)), some("박철수")]);
    // Nothing happens twice, and what is written about the person now is erased from the start.
    assert!(log.erase(&meta(), subject(1), KeyClass::Profile).await.unwrap().receipt.event_ids.is_empty());
    assert_eq!(book.key_files(), ["epoch-00000002.key"]);
    write(&log, 1, "again").await;
    assert!(notes(&log).await[2].payload.contains(r#""text":{"erased":true}"#));
    assert_eq!(readable(&log).await[2], (None, Some(7)));
    log.erase(&meta(), subject(1), KeyClass::Retained).await.unwrap();
    assert_eq!(readable(&log).await, [(None, None), some("박철수"), (None, None)]);
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_made_up_for() {
    let steps = [Step::Forgot, Step::MadeKey, Step::BeganEpoch, Step::Rewrapped, Step::DestroyedOld];
    for crash in steps {
        let book = Book::new();
        let log = book.open().await;
        write(&log, 1, "김영희").await;
        write(&log, 2, "박철수").await;
        log.execute(&meta(), |session| destroy(session, subject(1), KeyClass::Profile)).await.unwrap();
        let reached = AtomicUsize::new(0);
        let between = |step| {
            if step == crash {
                reached.fetch_add(1, Ordering::Relaxed);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        log.inner.keyring.carry_out(&log.inner.store, &between).await.unwrap();
        assert_eq!(reached.load(Ordering::Relaxed), 1, "{crash:?}");
        log.close().await;
        let log = book.open().await;
        assert_eq!(readable(&log).await, [(None, Some(7)), some("박철수")], "after {crash:?}");
        assert_eq!(book.key_files().len(), 1, "after {crash:?}");
        write(&log, 3, "이민수").await;
        assert_eq!(readable(&book.open().await).await[2], some("이민수"));
    }
}

#[tokio::test]
async fn a_destruction_that_only_reached_the_log_is_carried_out_at_the_next_start() {
    let book = Book::new();
    let log = book.open().await;
    write(&log, 1, "김영희").await;
    log.execute(&meta(), |session| destroy(session, subject(1), KeyClass::Profile)).await.unwrap();
    log.close().await;
    assert_eq!(readable(&book.open().await).await, [(None, Some(7))]);
    assert_eq!(book.key_files(), ["epoch-00000002.key"]);
}

#[tokio::test]
async fn more_keys_than_one_step_rewraps_are_all_kept() {
    let book = Book::new();
    let log = book.open().await;
    let ids: Vec<_> = (1..=700).map(subject).collect();
    let texts: Vec<_> = ids.iter().map(|id| Personal::profile(*id, id.to_string())).collect();
    let encode = || Ok(texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect::<Vec<_>>());
    let stored = log.inner.keyring.encode_sealed(Uuid::nil(), encode).await.unwrap();
    log.erase(&meta(), subject(1), KeyClass::Profile).await.unwrap();
    let log = book.open().await;
    let read: Vec<Personal<String>> = stored.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let opened = log.open_all(&read.iter().collect::<Vec<_>>()).await.unwrap();
    let expected = ids.iter().map(|id| (*id != subject(1)).then(|| id.to_string()));
    assert!(opened.into_iter().map(Opened::value).eq(expected));
}

#[tokio::test]
async fn two_nodes_that_make_a_persons_keys_together_agree() {
    let book = Book::new();
    let (one, two) = (book.open().await, book.open().await);
    for number in 1..=20 {
        tokio::join!(write(&one, number, "one"), write(&two, number, "two"));
    }
    let fresh = book.open().await;
    let texts = readable(&fresh).await;
    assert_eq!(texts.len(), 40);
    assert!(texts.iter().all(|(text, record)| text.is_some() && *record == Some(7)));
}

#[tokio::test]
async fn without_its_own_keys_a_book_is_read_but_nothing_is_sealed() {
    let book = Book::new();
    let log = book.open().await;
    write(&log, 1, "김영희").await;
    log.close().await;
    let log = Log::open(Config { keys: KeySource::Absent, ..book.config() }).await.unwrap();
    let note = notes(&log).await.remove(0);
    let Note::Written { text, .. } = note.decode().unwrap();
    assert!(matches!(log.open_personal(&text).await, Err(LogError::Keys(KeyError::Absent))));
    let open = Personal::profile(subject(5), "Ada".to_owned());
    let sealed = log.inner.keyring.encode_sealed(Uuid::nil(), || Ok(serde_json::to_string(&open).unwrap())).await;
    assert!(matches!(sealed, Err(LogError::Keys(KeyError::Absent))));
    assert!(log.erase(&meta(), subject(1), KeyClass::Profile).await.is_err());
    log.close().await;
    let elsewhere = KeySource::Folder(book.0.join("elsewhere"));
    let missing = Log::open(Config { keys: elsewhere.clone(), ..book.config() }).await;
    assert!(matches!(missing, Err(LogError::Keys(KeyError::Missing { epoch: 1, .. }))));
    std::fs::create_dir(book.0.join("elsewhere")).unwrap();
    std::fs::write(book.0.join("elsewhere/epoch-00000001.key"), "07".repeat(32)).unwrap();
    let foreign = Log::open(Config { keys: elsewhere, ..book.config() }).await;
    assert!(matches!(foreign, Err(LogError::Keys(KeyError::Foreign { epoch: 1, .. }))));
}

#[tokio::test]
async fn an_older_log_with_the_newest_keys_goes_on_erasing() {
    let book = Book::new();
    let log = book.open().await;
    write(&log, 1, "김영희").await;
    let mut tx = log.inner.keyring.inner.store.begin().await.unwrap();
    // As if the log had been longer when the tables of keys were copied.
    tx.destroyed_to(1_000).await.unwrap();
    tx.commit().await.unwrap();
    log.close().await;
    let log = book.open().await;
    log.erase(&meta(), subject(1), KeyClass::Profile).await.unwrap();
    assert_eq!(readable(&log).await, [(None, Some(7))]);
}
