//! `prove`, `verify-proof`, `audit` and `verify` with a head that was kept, as they are run.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use eventlog::tree::{Sealing, SigningKey, TileKind, TileName, seal_now};
use eventlog::{CommandMeta, Config, KeySource, Log, Recorded, StoreUrl};
use kernel::{Actor, At, Decider, DomainEvent, Fact, JournalEntry, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ORIGIN: &str = "books.example/test";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Diary;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Line {
    Written { text: String },
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
        "Written".to_owned()
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

/// A book of ten events, of which nine are sealed, and the files that somebody keeps; all of it goes with the test.
struct Kept {
    folder: PathBuf,
    vkey: String,
    events: Vec<Recorded>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Kept {
    async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-proof-{name}-{}", std::process::id()));
        let book = folder.join("book");
        let config = Config { url: StoreUrl::Sqlite(book.clone()), secret: [1; 32], migrate: true, keys: KeySource::Absent };
        let log = Log::open(config).await.unwrap();
        let key = SigningKey::generate(ORIGIN).unwrap();
        let vkey = key.verifier().to_string();
        let sealing = Sealing::new(vec![key], book.join("heads")).unwrap();
        for number in 1..=10 {
            let meta = CommandMeta::new("diary", Actor::system("test"), Timestamp::from_microsecond(1_785_542_400_123_456).unwrap());
            log.execute(&meta, |session| async move {
                let mut diary = session.load::<Diary>("a").await?;
                session.decide(&mut diary, Line::Written { text: format!("{number}, 서울") })?;
                Ok(())
            })
            .await
            .unwrap();
            if number == 5 || number == 9 {
                let head = seal_now(&log, &sealing).await.unwrap().unwrap();
                std::fs::write(folder.join(format!("head-{number}")), log.tree().head().await.unwrap().unwrap().note).unwrap();
                assert_eq!(head.size, number);
            }
        }
        mirror(&log, &folder.join("mirror")).await;
        let events = log.read(0, 20).await.unwrap();
        log.close().await;
        Self { folder, vkey, events }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.join(name), text).unwrap();
        self.path(name)
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.path("book"))
    }
}

async fn mirror(log: &Log, folder: &Path) {
    let tree = log.tree();
    for (kind, path) in [(TileKind::Hashes(0), "tile/0/000.p/9"), (TileKind::Entries, "tile/entries/000.p/9")] {
        let bytes = tree.tile(TileName { kind, number: 0, width: 9 }).await.unwrap().unwrap();
        std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.join(path), bytes).unwrap();
    }
    std::fs::write(folder.join("checkpoint"), tree.head().await.unwrap().unwrap().note).unwrap();
}

/// An event as GraphQL gives it.
fn graphql(event: &Recorded) -> Value {
    json!({
        "id": format!("event-{}", event.event_id),
        "position": event.position.to_string(),
        "stream": event.stream.as_str(),
        "version": event.version,
        "type": event.event_type,
        "schemaVersion": event.schema_version,
        "recordedAt": format!("{:.6}", event.recorded_at),
        "occurredAt": format!("{:.6}", event.occurred_at),
        "actor": event.actor.to_string(),
        "correlationId": event.correlation_id.to_string(),
        "causationId": event.causation_id.map(|id| id.to_string()),
        "commandId": event.command_id.to_string(),
        "payloadText": &*event.payload,
    })
}

fn replay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daybook-replay")).env_remove("DATABASE_URL").args(arguments).output().unwrap()
}

#[track_caller]
fn ends(arguments: &[&str], code: i32, word: &str) {
    let output = replay(arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code() == Some(code) && said.contains(word), "{arguments:?}: {:?}\n{said}", output.status.code());
    assert!(code == 0 || said.contains("hint: ") || code == 2, "{said}");
}

#[tokio::test]
async fn an_event_is_proved_without_its_book() {
    let kept = Kept::new("event").await;
    let (file, url) = (kept.path("7.tlog-proof"), kept.url());
    ends(&["prove", "--database-url", &url, "--position", "7", "-o", &file], 0, "position 7 is in books.example/test with 9 events");
    let event = kept.write("7.json", &json!({ "data": { "event": graphql(&kept.events[6]) } }).to_string());
    std::fs::remove_dir_all(kept.folder.join("book")).unwrap();
    ends(&["verify-proof", &file, "--vkey", &kept.vkey, "--event", &event], 0, "proved: position 7");
    let keys = kept.write("vkeys", &format!("{}\n", kept.vkey));
    ends(&["verify-proof", &file, "--vkey", &keys, "--event", &event, "--json"], 0, r#""holds":true,"#);

    let other = kept.write("8.json", &graphql(&kept.events[7]).to_string());
    ends(&["verify-proof", &file, "--vkey", &kept.vkey, "--event", &other], 3, "position 8");
    let mut altered = graphql(&kept.events[6]);
    altered["payloadText"] = json!(r#"{"Written":{"text":"another"}}"#);
    let altered = kept.write("altered.json", &altered.to_string());
    ends(&["verify-proof", &file, "--vkey", &kept.vkey, "--event", &altered], 3, "the leaf is not at index 6");
    let stranger = SigningKey::generate(ORIGIN).unwrap().verifier().to_string();
    ends(&["verify-proof", &file, "--vkey", &stranger, "--event", &event], 3, "none of the keys");
    let forged = std::fs::read_to_string(&file).unwrap().replace("\n9\n", "\n8\n");
    let forged = kept.write("forged.tlog-proof", &forged);
    ends(&["verify-proof", &forged, "--vkey", &kept.vkey, "--event", &event], 3, "does not hold");
    let half = kept.write("half.tlog-proof", "c2sp.org/tlog-proof@v1\n");
    ends(&["verify-proof", &half, "--vkey", &kept.vkey, "--event", &event, "--json"], 3, r#""holds":false"#);
    ends(&["verify-proof", &file, "--vkey", "no-key", "--event", &event], 2, "--vkey");
    ends(&["verify-proof", &file, "--vkey", &kept.vkey, "--event", "/nowhere"], 1, "/nowhere");
    ends(&["verify-proof", &file, "--event", &event], 2, "--vkey");
}

#[tokio::test]
async fn what_is_not_sealed_is_not_proved() {
    let kept = Kept::new("unsealed").await;
    ends(&["prove", "--database-url", &kept.url(), "--position", "10"], 3, "the signed head covers 9 events");
    ends(&["prove", "--database-url", &kept.url(), "--position", "0"], 2, "--position");
    ends(&["prove", "--database-url", &kept.url(), "--position", "9"], 0, "c2sp.org/tlog-proof@v1\nindex 8\n");
}

#[tokio::test]
async fn a_copy_is_audited_without_its_book() {
    let kept = Kept::new("audit").await;
    let (mirror, head) = (kept.path("mirror"), kept.path("head-5"));
    ends(&["audit", &mirror, "--vkey", &kept.vkey, "--signed-head", &head], 0, "entries  9");
    ends(&["audit", &mirror, "--vkey", &kept.vkey, "--json"], 0, r#""holds":true"#);
    let entries = kept.folder.join("mirror/tile/entries/000.p/9");
    let mut bytes = std::fs::read(&entries).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&entries, bytes).unwrap();
    ends(&["audit", &mirror, "--vkey", &kept.vkey], 3, "position 9");
    let other = Kept::new("audit-other").await;
    ends(&["audit", &mirror, "--vkey", &other.vkey], 3, "none of the keys");
    ends(&["audit", &kept.path("nothing"), "--vkey", &kept.vkey], 1, "checkpoint");
}

#[tokio::test]
async fn a_head_that_was_kept_counts() {
    let kept = Kept::new("kept").await;
    let (url, head) = (kept.url(), kept.path("head-9"));
    ends(&["verify", "--database-url", &url, "--signed-head", &head, "--vkey", &kept.vkey], 0, "heads    4");
    let longer = kept.write("longer", &std::fs::read_to_string(&head).unwrap().replace("\n9\n", "\n11\n"));
    ends(
        &["verify", "--database-url", &url, "--signed-head", &longer],
        3,
        "position 11: there is no event, and books.example/test was signed with 11",
    );
    ends(&["verify", "--database-url", &url, "--signed-head", &longer, "--vkey", &kept.vkey], 3, "does not hold");
    ends(&["verify", "--database-url", &url, "--signed-head", "/nowhere"], 1, "/nowhere");
}
