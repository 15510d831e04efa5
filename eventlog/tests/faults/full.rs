//! A disk without room: the log says so, takes nothing, and goes on when there is room again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use daybook_eventlog::{LogError, StoreUrl};

use crate::book::{Book, temporary, undisturbed};
use crate::chain::{Heard, Op};
use crate::check::{check, retries_hear_the_same};
use crate::cluster::{Cluster, hand_over};
use crate::load;

/// More than a store finds room for in the pages that it has.
const TRIES: usize = 200;

/// A small file system in memory.
struct Disk(PathBuf);

impl Disk {
    fn new(megabytes: usize) -> Self {
        let folder = temporary("dbk-disk");
        std::fs::create_dir_all(&folder).unwrap();
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=777"), "tmpfs"], &folder);
        assert!(mounted, "a full disk is shown on a small one: mounting it needs root, or sudo without a password");
        Self(folder)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).unwrap();
        let block = vec![0; 4_096];
        let error = std::iter::repeat_with(|| ballast.write_all(&block)).find_map(Result::err).expect("the disk is small");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], &self.0);
        // Only litter is left behind.
        std::fs::remove_dir(&self.0).ok();
    }
}

fn as_root(command: &[&str], folder: &Path) -> bool {
    let run = |words: &[&str]| Command::new(words[0]).args(&words[1..]).arg(folder).output().is_ok_and(|done| done.status.success());
    run(command) || run(&[&["sudo", "-n"], command].concat())
}

async fn no_room(book: &Book, disk: &Disk, says: &str) {
    let log = book.open().await;
    let mut words = load::all(&log, (0..20).map(|n| Op::add(format!("before-{n}"), &format!("c{n}"))).collect()).await;
    disk.fill();
    let mut refused = 0;
    for n in 0..TRIES {
        let op = |i: usize| Op::add(format!("full-{n}-{i}"), &format!("new-{n}-{i}"));
        let heard = load::all(&log, vec![op(0), op(1).unkeyed(), op(2).locked()]).await;
        refused += heard.values().filter(|(_, heard)| no(heard, says)).count();
        words.extend(heard);
        if refused > 20 {
            break;
        }
    }
    assert!(refused > 20, "there was room after all");
    assert_eq!(log.read(0, 20).await.unwrap().len(), 20, "what is in can be read");
    retries_hear_the_same(&log, &words).await;
    disk.make_room();
    for (op, heard) in words.values_mut().filter(|(op, heard)| op.keyed && matches!(heard, Heard::Failed(_))) {
        *heard = op.run(&log).await;
        heard.receipt();
    }
    let after = Op::add("after", "c0");
    let heard = after.run(&log).await;
    words.insert(after.name.clone(), (after, heard));
    check(book, &words).await;
}

/// Was it refused for want of room? Nothing but that, or success, is right.
fn no(heard: &Heard, says: &str) -> bool {
    match heard {
        Heard::In(_) => false,
        Heard::Failed(error @ LogError::Store(_)) if error.retryable() && error.to_string().contains(says) => true,
        other => panic!("neither in nor for want of room: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_room_on_sqlite() {
    let disk = Disk::new(4);
    let book = Book { url: StoreUrl::Sqlite(disk.0.join("book")) };
    undisturbed(no_room(&book, &disk, "disk is full")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_room_on_postgres() {
    let disk = Disk::new(24);
    hand_over(&disk.0);
    let space = disk.0.join("space");
    std::fs::create_dir(&space).unwrap();
    hand_over(&space);
    let cluster = Cluster::start().await;
    cluster.run(&format!("create tablespace small location '{}'", space.display())).await;
    let book = cluster.book("small", "tablespace small").await;
    undisturbed(no_room(&book, &disk, "No space left on device")).await;
}
