//! The tree on both stores: sealed, signed, served in tiles, proved; and what is never signed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daybook_eventlog::tree::{Halt, HeadError};
use daybook_eventlog::tree::{
    HeadsFolder, NoteError, SealError, Sealer, Sealing, SealingState, SignedHead, SigningKey, TileName, TlogProof, Tree, TreeHead,
    VerifierKey, seal_now, sign,
};
use daybook_eventlog::{Frontier, Log};
use tlog_tiles::{Hash as TheirHash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree};
use uuid::Uuid;

use crate::book::{Book, on_postgres, on_sqlite};
use crate::tally::{Command, add, command, decide};
use crate::verify::holds;

pub const ORIGIN: &str = "daybook.local/test";

/// Keys and the folder of heads, which a test throws away.
pub struct Seals {
    pub folder: PathBuf,
    pub sealing: Sealing,
    pub key: VerifierKey,
}

impl Seals {
    pub fn new(origin: &str) -> Self {
        let key = SigningKey::generate(origin).unwrap();
        let (verifier, folder) = (key.verifier().clone(), std::env::temp_dir().join(format!("daybook-heads-{}", Uuid::now_v7().simple())));
        Self { sealing: Sealing::new(vec![key], &folder).unwrap(), folder, key: verifier }
    }

    pub async fn seal(&self, log: &Log) -> TreeHead {
        seal_now(log, &self.sealing).await.unwrap().unwrap()
    }

    pub fn heads(&self) -> HeadsFolder {
        HeadsFolder::new(&self.folder)
    }
}

impl Drop for Seals {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Appends many events to the stream `tally-a`, by few commands.
pub async fn many(log: &Log, events: u64) {
    let mut left = events;
    while left > 0 {
        let count = left.min(100);
        left -= count;
        log.execute(&command(), |session| async move {
            for _ in 0..count {
                decide(session.clone(), "a".into(), Command::Add(1)).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }
}

async fn tile(tree: &Tree, path: &str) -> Option<Vec<u8>> {
    tree.tile(path.parse::<TileName>().unwrap()).await.unwrap()
}

/// The tiles of a log, as the crate `tlog_tiles` asks for them.
struct Served(HashMap<String, Vec<u8>>);

impl TileReader for Served {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles.iter().map(|tile| self.0[tile.path().strip_prefix("tile/8/").unwrap()].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

async fn what_is_sealed_is_provable(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let tree = log.tree();
    assert!(tree.head().await.unwrap().is_none() && tree.prove(1).await.unwrap().is_none() && tree.keys().await.unwrap().is_empty());
    let empty = seals.seal(&log).await;
    assert_eq!(empty, TreeHead { origin: ORIGIN.into(), size: 0, root: Frontier::default().root() });
    many(&log, 700).await;
    let head = seals.seal(&log).await;
    let newest = tree.head().await.unwrap().unwrap();
    assert_eq!((head.size, SignedHead::trusted(&newest.note, std::slice::from_ref(&seals.key))), (700, Ok(newest.clone())));
    assert_eq!(seals.heads().read(ORIGIN).unwrap(), Some(newest));
    assert_eq!(seals.seal(&log).await, head, "nothing new, nothing signed");

    // The same root, tiles and proofs as another implementation has.
    let mut served = HashMap::new();
    for path in ["0/000", "0/001", "0/002.p/188", "1/000.p/2"] {
        served.insert(path.to_owned(), tile(&tree, path).await.unwrap());
    }
    let (served, root) = (Served(served), TheirHash(head.root));
    let reader = TileHashReader::new(700, root, &served);
    for index in [0, 1, 127, 128, 255, 256, 511, 512, 638, 639, 698, 699] {
        let proof = tree.prove(index + 1).await.unwrap().unwrap();
        let leaf = tree.event(index + 1).await.unwrap().unwrap().leaf_hash().unwrap();
        let theirs = prove_record(700, index, &reader).unwrap();
        assert!(theirs.iter().map(|hash| hash.0).eq(proof.path.iter().copied()), "leaf {index}");
        check_record(&theirs, 700, root, index, TheirHash(leaf)).unwrap();
        let read: TlogProof = proof.to_string().parse().unwrap();
        assert_eq!(read.verify(&leaf, std::slice::from_ref(&seals.key)), Ok(()));
        assert!(read.verify(&[0; 32], std::slice::from_ref(&seals.key)).is_err());
    }
    let mut beginning = Frontier::default();
    for event in log.read(0, 700).await.unwrap() {
        beginning.push(event.leaf_hash().unwrap());
        let old = beginning.size();
        if [1, 2, 3, 255, 256, 257, 512, 600, 699, 700].contains(&old) {
            let ours = tree.consistency(old).await.unwrap().unwrap();
            let theirs = prove_tree(700, old, &reader).unwrap();
            assert!(theirs.iter().map(|hash| hash.0).eq(ours.iter().copied()), "the first {old}");
            check_tree(&theirs, 700, root, old, TheirHash(beginning.root())).unwrap();
            assert!(daybook_eventlog::tree::consistency_holds((old, &beginning.root()), (700, &head.root), &ours));
        }
    }
    what_is_served(&tree).await;
    many(&log, 400).await;
    assert_eq!(seals.seal(&log).await.size, 1_100);
    for position in [1, 700, 701, 1_100] {
        assert_eq!(tree.prove(position).await.unwrap().unwrap().head.head.size, 1_100);
    }
    assert_eq!(holds(book).await.heads, 3);
}

/// Of 700 sealed events: all tiles that the format says, all entries, and nothing else.
async fn what_is_served(tree: &Tree) {
    for absent in ["0/002", "0/002.p/189", "0/003.p/1", "1/000", "1/000.p/3", "2/000.p/1", "entries/002", "entries/003.p/1"] {
        assert_eq!(tile(tree, absent).await, None, "{absent}");
    }
    // Any smaller part of a tile may be asked for, as an older head did.
    assert_eq!(tile(tree, "0/000.p/7").await.unwrap()[..], tile(tree, "0/000").await.unwrap()[..7 * 32]);
    assert_eq!(tile(tree, "1/000.p/1").await.unwrap().len(), 32);
    for (path, count) in [("000", 256), ("001", 256), ("002.p/188", 188), ("002.p/1", 1)] {
        let (bundle, hashes) = (tile(tree, &format!("entries/{path}")).await.unwrap(), tile(tree, &format!("0/{path}")).await.unwrap());
        let (mut rest, mut seen) = (&bundle[..], 0);
        while let Some((length, entry)) = rest.split_first_chunk::<2>() {
            let (entry, after) = entry.split_at(usize::from(u16::from_be_bytes(*length)));
            assert_eq!(tlog_tiles::record_hash(entry).0, hashes[seen * 32..][..32]);
            (rest, seen) = (after, seen + 1);
        }
        assert_eq!((seen, hashes.len()), (count, count * 32));
    }
    for position in [0, 701] {
        assert!(tree.prove(position).await.unwrap().is_none());
    }
    assert!(tree.consistency(701).await.unwrap().is_none());
}

async fn keys_change_and_old_heads_hold(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let [first, second] = [0, 1].map(|_| SigningKey::generate(ORIGIN).unwrap());
    let (old, new) = (first.verifier().clone(), second.verifier().clone());
    let again = |key: &SigningKey| key.secret_text().parse::<SigningKey>().unwrap();
    // With the second key the head that the first has signed is signed again, although nothing happened.
    for (events, keys) in [(1, vec![again(&first)]), (0, vec![again(&second), first]), (1, vec![second])] {
        many(&log, events).await;
        seal_now(&log, &Sealing::new(keys, &seals.folder).unwrap()).await.unwrap().unwrap();
    }
    let notes = book.raw().await.texts("select note from signed_heads order by id").await;
    let trusted = |note: &str, key: &VerifierKey| SignedHead::trusted(note, std::slice::from_ref(key));
    let unsigned = Err(HeadError::Note(NoteError::Unsigned));
    assert!(notes.len() == 3 && trusted(&notes[0], &old).is_ok() && trusted(&notes[1], &old).is_ok() && trusted(&notes[1], &new).is_ok());
    assert!(trusted(&notes[0], &new) == unsigned && trusted(&notes[2], &old) == unsigned && trusted(&notes[2], &new).is_ok());
    assert_eq!(log.tree().keys().await.unwrap(), [new, old]);
    assert_eq!(holds(book).await.heads, 3);
    let other = SigningKey::generate("another.example").unwrap();
    assert!(Sealing::new(vec![other, SigningKey::generate(ORIGIN).unwrap()], &seals.folder).is_err());
    assert!(Sealing::new(vec![], &seals.folder).is_err());
}

/// A book that was restored from a backup is never signed under its old name, whatever was appended since.
async fn a_restored_backup_is_noticed(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    many(&log, 5).await;
    seals.seal(&log).await;
    log.close().await;
    book.back_up().await;
    let log = book.open().await;
    many(&log, 300).await;
    seals.seal(&log).await;
    log.close().await;
    book.restore().await;
    let log = book.open().await;
    let stopped = |result| match result {
        Err(SealError::Halt(halt)) => halt,
        other => panic!("{other:?}"),
    };
    let shorter = Halt::Shorter { origin: ORIGIN.into(), signed: 305, log: 5 };
    assert_eq!(stopped(seal_now(&log, &seals.sealing).await), shorter);
    many(&log, 400).await;
    let other = stopped(seal_now(&log, &seals.sealing).await);
    assert_eq!(other, Halt::Other { origin: ORIGIN.into(), signed: 305, kept: "the file outside of the database" });
    let sealer = Sealer::start(&log, seals.sealing.clone());
    let mut state = sealer.state();
    let state = state.wait_for(|state| matches!(state, SealingState::Stopped(_))).await.unwrap().clone();
    assert_eq!(state, SealingState::Stopped(other.to_string()));
    sealer.stop().await;
    assert_eq!(log.tree().head().await.unwrap().unwrap().head.size, 5, "what was signed before is still served");
    // The operator begins a new origin, whose tree is another one.
    let fresh = Seals::new("daybook.local/test-2");
    assert_eq!(fresh.seal(&log).await.size, 405);
    assert_eq!(log.tree().keys().await.unwrap()[0], fresh.key);
    assert!(log.tree().prove(405).await.unwrap().is_some());
    holds(book).await;
}

async fn a_head_that_was_kept_but_not_published_is_caught_up_with(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let key = SigningKey::generate(ORIGIN).unwrap();
    many(&log, 300).await;
    let mut tree = Frontier::default();
    log.read(0, 300).await.unwrap().iter().for_each(|event| tree.push(event.leaf_hash().unwrap()));
    let keep = |root| {
        let head = TreeHead { origin: ORIGIN.into(), size: 300, root };
        let note = sign(&head.to_string(), std::slice::from_ref(&key));
        seals.heads().write(&SignedHead { head, note }).unwrap();
    };
    keep([1; 32]);
    assert!(matches!(seal_now(&log, &seals.sealing).await, Err(SealError::Halt(Halt::Other { signed: 300, .. }))));
    std::fs::write(seals.heads().file(ORIGIN), "half a head").unwrap();
    assert!(matches!(seal_now(&log, &seals.sealing).await, Err(SealError::Outside(_))));
    assert!(log.tree().head().await.unwrap().is_none());
    keep(tree.root());
    assert_eq!(seals.seal(&log).await.root, tree.root());
    // The database's own head counts, too.
    let mut raw = book.raw().await;
    let (triggers, root) = if book.is_postgres() {
        ("alter table signed_heads disable trigger user", format!("'\\x{}'", "00".repeat(32)))
    } else {
        ("drop trigger signed_heads_no_update", format!("x'{}'", "00".repeat(32)))
    };
    raw.run(triggers).await.unwrap();
    raw.run(&format!("update signed_heads set root = {root}")).await.unwrap();
    assert!(matches!(seal_now(&log, &seals.sealing).await, Err(SealError::Halt(Halt::Other { kept: "the database", .. }))));
}

async fn the_worker_seals_beside_a_writer(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let sealing = seals.sealing.clone().paced(Duration::from_millis(50), 10);
    let sealer = Sealer::start(&log, sealing.clone());
    let mut state = sealer.state();
    state.wait_for(|state| *state == SealingState::Sealed(0)).await.unwrap();
    assert_eq!(seal_now(&log, &sealing).await.unwrap(), None, "one seals at a time");
    let second = Sealer::start(&log, sealing.clone());
    for _ in 0..40 {
        add(&log, "b", 1).await;
    }
    tokio::time::timeout(Duration::from_secs(60), state.wait_for(|state| *state == SealingState::Sealed(40))).await.unwrap().unwrap();
    assert_eq!(*second.state().borrow(), SealingState::Waiting);
    second.stop().await;
    sealer.stop().await;
    assert_eq!(seals.seal(&log).await.size, 40, "the lease was let go");
    let sizes = book.raw().await.texts("select cast(size as text) from signed_heads order by id").await;
    assert!(sizes.len() > 1 && sizes.windows(2).all(|two| two[0].parse::<u64>().unwrap() < two[1].parse::<u64>().unwrap()), "{sizes:?}");
    assert_eq!(holds(book).await.heads, sizes.len() as u64);
}

async fn the_database_refuses_changes(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    many(&log, 300).await;
    seals.seal(&log).await;
    let mut raw = book.raw().await;
    let head = |id: u32, size: u32, root: &str| {
        let root = if book.is_postgres() { root.to_owned() } else { root.replace("sha256('x')", "zeroblob(32)") };
        format!("insert into signed_heads select {id}, origin, {size}, {root}, note, 0 from signed_heads where id = 1")
    };
    let mut attempts = vec![
        ("update signed_heads set size = 1".to_owned(), "append-only"),
        ("delete from signed_heads".to_owned(), "append-only"),
        ("update tree_tiles set number = 7".to_owned(), "append-only"),
        ("delete from tree_tiles".to_owned(), "append-only"),
        ("update tree_keys set origin = 'x'".to_owned(), "append-only"),
        ("delete from tree_keys".to_owned(), "append-only"),
        (head(2, 299, "root"), "only move forward"),
        (head(2, 300, "sha256('x')"), "only move forward"),
    ];
    if book.is_postgres() {
        raw.run("set session_replication_role = replica").await.unwrap();
        attempts.extend(["signed_heads", "tree_tiles", "tree_keys"].map(|table| (format!("truncate {table}"), "append-only")));
    } else {
        attempts.push((head(1, 301, "root").replace("insert", "insert or replace"), "append-only"));
        attempts.push((
            "insert or replace into tree_tiles select origin, level, number, root, zeroblob(8192) from tree_tiles".into(),
            "append-only",
        ));
        attempts.push(("insert or replace into tree_keys select vkey, 'x', 0 from tree_keys".into(), "append-only"));
    }
    for (attempt, because) in attempts {
        let error = raw.run(&attempt).await.expect_err(&attempt).to_string();
        assert!(error.contains(because), "{attempt}: {error}");
    }
    raw.run(&head(2, 300, "root")).await.unwrap();
}

/// Copies everything that a log serves of its tree into a folder.
pub async fn mirror(tree: &Tree, folder: &Path) {
    let head = tree.head().await.unwrap().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("checkpoint"), &head.note).unwrap();
    for level in 0..3 {
        let hashes = head.head.size >> (8 * level);
        for number in 0..hashes.div_ceil(256) {
            let width = (hashes - number * 256).min(256);
            let hashes = TileName { kind: daybook_eventlog::tree::TileKind::Hashes(level), number, width };
            let entries = TileName { kind: daybook_eventlog::tree::TileKind::Entries, ..hashes };
            for name in if level == 0 { vec![hashes, entries] } else { vec![hashes] } {
                // Of a log that was cut there is no more to be had.
                let Ok(Some(bytes)) = tree.tile(name).await else { continue };
                let path = folder.join("tile").join(name.to_string());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
    }
}

mod sqlite {
    use super::on_sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_sealed_is_provable() {
        on_sqlite(super::what_is_sealed_is_provable).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keys_change_and_old_heads_hold() {
        on_sqlite(super::keys_change_and_old_heads_hold).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_restored_backup_is_noticed() {
        on_sqlite(super::a_restored_backup_is_noticed).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_that_was_kept_but_not_published_is_caught_up_with() {
        on_sqlite(super::a_head_that_was_kept_but_not_published_is_caught_up_with).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_worker_seals_beside_a_writer() {
        on_sqlite(super::the_worker_seals_beside_a_writer).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_database_refuses_changes() {
        on_sqlite(super::the_database_refuses_changes).await;
    }
}

mod postgres {
    use super::on_postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_sealed_is_provable() {
        on_postgres(super::what_is_sealed_is_provable).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keys_change_and_old_heads_hold() {
        on_postgres(super::keys_change_and_old_heads_hold).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_restored_backup_is_noticed() {
        on_postgres(super::a_restored_backup_is_noticed).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_that_was_kept_but_not_published_is_caught_up_with() {
        on_postgres(super::a_head_that_was_kept_but_not_published_is_caught_up_with).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_worker_seals_beside_a_writer() {
        on_postgres(super::the_worker_seals_beside_a_writer).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_database_refuses_changes() {
        on_postgres(super::the_database_refuses_changes).await;
    }
}
