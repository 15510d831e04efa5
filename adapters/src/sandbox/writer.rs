//! Appends to a book: many waiting calls, one fsync.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::book::{BookError, Entry, scan};

/// Calls that may wait for the disk at once; more wait for a place.
const MAX_WAITING: usize = 4_096;
/// Calls that one fsync answers at most.
const MAX_BATCH: usize = 1_024;

/// The book can no longer be written. What was not confirmed may or may not be in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the sandbox's book cannot be written: {0}")]
pub(super) struct Broken(String);

struct Job {
    /// Empty: only wait until everything before it is on disk.
    bytes: Vec<u8>,
    done: oneshot::Sender<Result<(), Broken>>,
}

/// The only writer of one book: a thread with the file, behind a queue.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// A place in the writer's queue.
pub(super) struct Slot<'a>(mpsc::Permit<'a, Job>);

/// Resolves when what was written in a slot, and everything before it, is on disk.
pub(super) struct Durable(oneshot::Receiver<Result<(), Broken>>);

impl Writer {
    /// Opens or makes the book, cuts off a line that a crash tore, and returns what it holds.
    pub fn open(path: &Path) -> Result<(Self, Vec<Entry>), BookError> {
        let (file, entries) = open_file(path)?;
        let (jobs, queue) = mpsc::channel(MAX_WAITING);
        let thread = std::thread::Builder::new().name("sandbox-book".to_owned()).spawn(move || write_all(file, queue))?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, entries))
    }

    /// Waits for a place in the queue. Taken before a decision, so that decisions and lines have one order.
    pub async fn reserve(&self) -> Result<Slot<'_>, Broken> {
        let gone = || Broken("its writer has stopped".to_owned());
        self.jobs.as_ref().ok_or_else(gone)?.reserve().await.map(Slot).map_err(|_| gone())
    }
}

impl Slot<'_> {
    /// Hands a line over, or nothing but the wish to know that all lines before are on disk.
    pub fn write(self, entry: Option<&Entry>) -> Durable {
        let mut bytes = Vec::new();
        if let Some(entry) = entry {
            serde_json::to_writer(&mut bytes, entry).expect("a flat object of strings always serialises into memory");
            bytes.push(b'\n');
        }
        let (done, durable) = oneshot::channel();
        self.0.send(Job { bytes, done });
        Durable(durable)
    }
}

impl Durable {
    /// Waits.
    pub async fn wait(self) -> Result<(), Broken> {
        self.0.await.unwrap_or_else(|_| Err(Broken("its writer has stopped".to_owned())))
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued, so that the book may be opened again right away.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "daybook::sandbox", "the writer of a sandbox book panicked");
        }
    }
}

fn open_file(path: &Path) -> Result<(File, Vec<Entry>), BookError> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => BookError::InUse,
        TryLockError::Error(error) => BookError::Io(error),
    })?;
    let book = scan(&file)?;
    let torn_bytes = file.metadata()?.len() - book.finished_bytes;
    if torn_bytes > 0 {
        tracing::warn!(target: "daybook::sandbox", path = %path.display(), torn_bytes, "cut off the torn last line of a sandbox book");
        file.set_len(book.finished_bytes)?;
    }
    file.seek(SeekFrom::End(0))?;
    file.sync_all()?;
    // A new file is durable only once its folder is.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok((file, book.entries))
}

fn write_all(mut file: File, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    let mut broken = None;
    while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        // After a failed fsync the kernel may forget what it could not write: nothing more may be promised on this file.
        if broken.is_none() {
            broken = write_batch(&mut file, &batch).err().map(|error| Broken(error.to_string()));
        }
        for job in batch.drain(..) {
            // Whoever asked may have given up waiting.
            let _ = job.done.send(broken.clone().map_or(Ok(()), Err));
        }
    }
}

fn write_batch(file: &mut File, batch: &[Job]) -> io::Result<()> {
    let lines: Vec<u8> = batch.iter().flat_map(|job| job.bytes.iter().copied()).collect();
    if lines.is_empty() {
        return Ok(());
    }
    file.write_all(&lines)?;
    file.sync_data()
}
