//! Does a log hold? Everything that can be derived again is derived again from the stored bytes, in one pass over the events,
//! beside a running server, without writing.
//!
//! | file | looks at |
//! |---|---|
//! | `check` | one event after the other: digest, leaf, place, time, stream and version |
//! | `receipts` | the receipts, in step with the events |
//! | `source` | the two stores: connections, snapshots, queries |
//! | `whole` | what no single event shows: the head, streams, ids, the pages of the database itself |
//!
//! Memory does not grow with the log. Versions are followed in a map of the streams that have events still to come, up to
//! [`check::MAX_FOLLOWED`] of them; beyond that the database sorts them itself, by one query at the end.
//!
//! Whether payloads decode and entries balance is not asked here: an [`Observer`] may ask it of every event that holds.

mod check;
mod receipts;
mod source;
mod whole;

use futures_util::TryStreamExt as _;

use crate::config::StoreUrl;
use crate::error::LogError;
use crate::leaf::{LeafError, LeafRecord};
use check::Checker;
use receipts::Keyed;
use source::{ReceiptStream, Source};

/// Positions of one query; a damaged page is looked for within one such range.
const PAGE: u64 = 20_000;

/// Which positions to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first one; 1 for the whole log. With a later one neither tree nor streams are complete, and are not judged as such.
    pub from: u64,
    /// The last one; without it, the head as it is at the start.
    pub to: Option<u64>,
}

impl Default for Range {
    fn default() -> Self {
        Self { from: 1, to: None }
    }
}

/// Is told how far a verification is, and may judge each event that holds.
pub trait Observer: Send {
    /// Positions up to `position` hold; `to` is the last one to be looked at.
    fn progress(&mut self, position: u64, to: u64) {
        let _ = (position, to);
    }

    /// An event of which everything that the log itself promises holds.
    ///
    /// # Errors
    /// What is wrong with it beyond that.
    fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), String> {
        let _ = (record, payload);
        Ok(())
    }
}

/// Nobody looks.
impl Observer for () {}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it holds.
    Holds(Verified),
    /// Something does not.
    Broken(Fault),
}

/// A log, or a range of it, that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The first position looked at.
    pub from: u64,
    /// The last one; less than `from` when there was none.
    pub to: u64,
    /// The head when the verification started.
    pub head: u64,
    /// Streams that begin within the range.
    pub streams: u64,
    /// Receipts within the range.
    pub receipts: u64,
    /// Root of the tree over positions 1 to `to` (RFC 6962); only when the range begins with 1.
    pub root: Option<[u8; 32]>,
}

/// The first thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{wrong}", .position.map_or_else(String::new, |position| format!("position {position}: ")))]
pub struct Fault {
    /// Where; `None` when it belongs to no event.
    pub position: Option<u64>,
    /// What.
    pub wrong: Wrong,
}

impl Fault {
    fn at(position: u64, wrong: Wrong) -> Self {
        Self { position: Some(position), wrong }
    }
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The positions have a gap.
    #[error("there is no event")]
    Missing,
    /// A position below 1, or a second time.
    #[error("there is an event too many")]
    Surplus,
    /// The head row stands elsewhere than the last event.
    #[error("the head row says that {head} is the last position")]
    Head {
        /// What it says.
        head: u64,
    },
    /// The payload is not the one that was digested.
    #[error("the payload does not have its digest")]
    Payload,
    /// A column other than the payload is not what was appended.
    #[error("the row does not have its leaf hash: a column was altered")]
    Leaf,
    /// A column holds what no version of the program wrote.
    #[error(transparent)]
    Text(#[from] LeafError),
    /// A number that cannot be.
    #[error("{0} is not possible")]
    Number(&'static str),
    /// The row or page cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Its type is not listed under its kind of stream.
    #[error("searches by kind miss it: its type is not listed there")]
    Unlisted,
    /// The version does not follow the one before.
    #[error("version {found} of its stream follows version {before}")]
    Version {
        /// Version of the event.
        found: u64,
        /// Version of the stream's event before it; 0 when there is none.
        before: u64,
    },
    /// Earlier than the event before.
    #[error("it was recorded before the event that precedes it")]
    RecordedAt,
    /// Two events have one id.
    #[error("its id is that of an earlier event")]
    EventId,
    /// The receipt and the events disagree.
    #[error("the receipt of command {command} {says}")]
    Receipt {
        /// The command.
        command: uuid::Uuid,
        /// In what.
        says: &'static str,
    },
    /// The database finds fault with its own pages.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// What the observer says.
    #[error("{0}")]
    Observed(String),
}

/// Why a run ended early.
enum Halt {
    Fault(Fault),
    Store(sqlx::Error),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

/// Verifies a log from its stored bytes, up to the head as it is now.
///
/// # Errors
/// When the store cannot be reached or is not of this program's schema. What does not hold is no error but [`Verdict::Broken`].
pub async fn verify(url: &StoreUrl, range: Range, observer: &mut impl Observer) -> Result<Verdict, LogError> {
    let halt = match Run::open(url, range).await {
        Ok(mut run) => match run.all(observer).await {
            Ok(verified) => return Ok(Verdict::Holds(verified)),
            Err(halt) => halt,
        },
        Err(LogError::Store(error)) => match source::damage(&error) {
            Some(text) => Halt::Fault(Fault { position: None, wrong: Wrong::Damaged(text) }),
            None => return Err(LogError::Store(error)),
        },
        Err(error) => return Err(error),
    };
    match halt {
        Halt::Fault(fault) => Ok(Verdict::Broken(fault)),
        Halt::Store(error) => match source::damage(&error) {
            Some(text) => Ok(Verdict::Broken(Fault { position: None, wrong: Wrong::Damaged(text) })),
            None => Err(error.into()),
        },
    }
}

/// One verification.
struct Run {
    /// Reads events, at one snapshot.
    events: Source,
    /// Reads receipts meanwhile, at the same or a later one: what is stored there never changes.
    receipts: Source,
    head: source::HeadRow,
    from: u64,
    to: u64,
}

impl Run {
    async fn open(url: &StoreUrl, range: Range) -> Result<Self, LogError> {
        let mut events = Source::open(url).await?;
        let head = events.head().await?;
        let receipts = Source::open(url).await?;
        let to = range.to.map_or(head.position, |to| to.min(head.position));
        Ok(Self { events, receipts, head, from: range.from.max(1), to })
    }

    /// Is the range all that there is?
    fn whole(&self) -> bool {
        self.from == 1 && self.to == self.head.position
    }

    async fn all(&mut self, observer: &mut impl Observer) -> Result<Verified, Halt> {
        let (from, to, head, whole) = (self.from, self.to, self.head, self.whole());
        if from == 1 {
            whole::nothing_before(&mut self.events).await?;
        }
        let mut keyed = Keyed::new(from, to, whole);
        let mut receipts = self.receipts.receipts(from);
        let mut checker = Checker::new(from, self.events.rows("select kind, event_type from event_types").await?);
        let scanned = scan(&mut self.events, &mut receipts, &mut keyed, &mut checker, to, observer).await;
        drop(receipts);
        // Where versions could not be followed, the database tells; what it finds may lie before what stopped the scan.
        let reached = checker.position();
        if checker.lost_track() {
            whole::versions(&mut self.events, from, reached).await?;
        }
        scanned?;
        whole::event_ids(&mut self.events, from, to).await?;
        if whole {
            whole::end(&mut self.events, head, checker.recorded_at()).await?;
            whole::pages(&mut self.events).await?;
        }
        Ok(Verified { from, to, head: head.position, streams: checker.streams(), receipts: keyed.seen(), root: checker.root() })
    }
}

async fn scan(
    source: &mut Source,
    receipts: &mut ReceiptStream<'_>,
    keyed: &mut Keyed,
    checker: &mut Checker,
    to: u64,
    observer: &mut impl Observer,
) -> Result<(), Halt> {
    while checker.position() < to {
        let up_to = to.min(checker.position() + PAGE);
        let Err(error) = page(source, receipts, keyed, checker, up_to, observer).await else {
            observer.progress(up_to, to);
            continue;
        };
        let text = match &error {
            Halt::Store(error) => source::damage(error),
            Halt::Fault(_) => None,
        };
        let Some(text) = text else { return Err(error) };
        // Rows before the damage may have been read already; the checker knows how far it came.
        let Some(first) = source.first_unreadable(checker.position(), up_to).await? else {
            // Not the events, then, but the receipts that are read beside them.
            return Err(Fault { position: None, wrong: Wrong::Damaged(text) }.into());
        };
        page(source, receipts, keyed, checker, first - 1, observer).await?;
        return Err(Fault::at(first, Wrong::Unreadable(text)).into());
    }
    while keyed.wants(u64::MAX) {
        keyed.take(receipts.try_next().await?)?;
    }
    Ok(())
}

/// The events after the checker's position, up to another.
async fn page(
    source: &mut Source,
    receipts: &mut ReceiptStream<'_>,
    keyed: &mut Keyed,
    checker: &mut Checker,
    up_to: u64,
    observer: &mut impl Observer,
) -> Result<(), Halt> {
    if checker.position() >= up_to {
        return Ok(());
    }
    let mut rows = source.events(checker.position(), up_to);
    while let Some(row) = rows.try_next().await? {
        let stored = row.event().map_err(|error| unreadable(checker.position() + 1, error))?;
        let (record, payload) = checker.event(&stored)?;
        while keyed.wants(record.position) {
            keyed.take(receipts.try_next().await?)?;
        }
        keyed.event(&record)?;
        observer.event(&record, payload).map_err(|wrong| Fault::at(record.position, Wrong::Observed(wrong)))?;
    }
    if checker.position() < up_to { Err(Fault::at(checker.position() + 1, Wrong::Missing).into()) } else { Ok(()) }
}

/// A row that came, of which a column is of another kind than ever written.
fn unreadable(position: u64, error: sqlx::Error) -> Halt {
    match error {
        sqlx::Error::ColumnDecode { index, source } => Fault::at(position, Wrong::Unreadable(format!("column {index}: {source}"))).into(),
        error => error.into(),
    }
}
