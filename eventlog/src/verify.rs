//! Does a log hold? Everything that can be derived again is derived again from the stored bytes, in one pass over the events,
//! beside a running server, without writing.
//!
//! | file | looks at |
//! |---|---|
//! | `check` | one event after the other: digest, leaf, place, time, stream and version |
//! | `fault` | what can be wrong, in words |
//! | `receipts` | the receipts, in step with the events |
//! | `kept_receipts` | a digest over them, which shows to whoever keeps it that one is gone |
//! | `sealed` | the tree: signed heads, tiles, and heads that were kept outside, in step with the events |
//! | `source` | the two stores: connections, snapshots, queries |
//! | `whole` | what no single event shows: the head, streams, ids, the pages of the database itself |
//!
//! Memory does not grow with the log. Versions are followed in a map of the streams that have events still to come, up to
//! [`check::MAX_FOLLOWED`] of them; beyond that the database sorts them itself, by one query at the end.
//!
//! Whether payloads decode and entries balance is not asked here: an [`Observer`] may ask it of every event that holds.

mod check;
mod fault;
mod kept_receipts;
mod receipts;
mod sealed;
mod source;
mod whole;

use futures_util::TryStreamExt as _;

use crate::config::StoreUrl;
use crate::error::LogError;
use crate::leaf::LeafRecord;
use check::Checker;
pub use fault::{Fault, Wrong};
pub use kept_receipts::{NoReceiptsDigest, ReceiptsDigest, receipts_digest};
use receipts::Keyed;
use sealed::Sealed;
pub use sealed::{Keeper, Kept};
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
    /// Signed heads that the tree was compared with, those that were kept outside among them.
    pub heads: u64,
    /// Root of the tree over positions 1 to `to` (RFC 6962); only when the range begins with 1.
    pub root: Option<[u8; 32]>,
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
    verify_against(url, range, &[], observer).await
}

/// [`verify`], and the tree against heads, too, that somebody has kept outside of the database and trusts.
///
/// # Errors
/// Like [`verify`].
pub async fn verify_against(url: &StoreUrl, range: Range, kept: &[Kept], observer: &mut impl Observer) -> Result<Verdict, LogError> {
    let halt = match Run::open(url, range, kept).await {
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
    /// Reads heads and tiles meanwhile, at an earlier snapshot: what they cover was appended before.
    sealed: Sealed,
    head: source::HeadRow,
    /// The head of the receipts' snapshot.
    receipts_head: u64,
    from: u64,
    to: u64,
}

impl Run {
    async fn open(url: &StoreUrl, range: Range, kept: &[Kept]) -> Result<Self, LogError> {
        let sealed = Sealed::open(Source::open(url).await?, range.from.max(1), kept).await?;
        let mut events = Source::open(url).await?;
        let head = events.head().await?;
        let mut receipts = Source::open(url).await?;
        let receipts_head = receipts.head().await?.position;
        let to = range.to.map_or(head.position, |to| to.min(head.position));
        Ok(Self { events, receipts, sealed, head, receipts_head, from: range.from.max(1), to })
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
        let mut keyed = Keyed::new(from, to, whole, self.receipts_head);
        let mut receipts = self.receipts.receipts(from);
        let mut checker = Checker::new(from, self.events.rows("select kind, event_type from event_types").await?);
        let mut beside = Beside { receipts: &mut receipts, keyed: &mut keyed, sealed: &mut self.sealed };
        let scanned = scan(&mut self.events, &mut beside, &mut checker, to, observer).await;
        drop(receipts);
        // Where versions could not be followed, the database tells; what it finds may lie before what stopped the scan.
        let reached = checker.position();
        if checker.lost_track() {
            whole::versions(&mut self.events, from, reached).await?;
        }
        // An id that comes twice may lie before what stopped the scan too; a page that cannot be read would stop this one as well.
        match &scanned {
            Ok(_) => whole::event_ids(&mut self.events, from, to).await?,
            Err(Halt::Fault(fault)) if !matches!(fault.wrong, Wrong::Unreadable(_)) => {
                whole::event_ids(&mut self.events, from, reached).await?;
            }
            Err(Halt::Fault(_) | Halt::Store(_)) => {}
        }
        scanned?;
        if whole {
            self.sealed.end(head.position).await?;
            whole::end(&mut self.events, head, checker.recorded_at()).await?;
            whole::pages(&mut self.events).await?;
        }
        Ok(Verified {
            from,
            to,
            head: head.position,
            streams: checker.streams(),
            receipts: keyed.seen(),
            heads: self.sealed.seen(),
            root: checker.root(),
        })
    }
}

/// What is read in step with the events.
struct Beside<'r, 'c> {
    receipts: &'r mut ReceiptStream<'c>,
    keyed: &'r mut Keyed,
    sealed: &'r mut Sealed,
}

async fn scan(
    source: &mut Source,
    beside: &mut Beside<'_, '_>,
    checker: &mut Checker,
    to: u64,
    observer: &mut impl Observer,
) -> Result<(), Halt> {
    beside.sealed.begin(checker).await?;
    while checker.position() < to {
        let up_to = to.min(checker.position() + PAGE);
        let Err(error) = page(source, beside, checker, up_to, observer).await else {
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
        page(source, beside, checker, first - 1, observer).await?;
        return Err(Fault::at(first, Wrong::Unreadable(text)).into());
    }
    while beside.keyed.wants(u64::MAX) {
        beside.keyed.take(beside.receipts.try_next().await?)?;
    }
    Ok(())
}

/// The events after the checker's position, up to another.
async fn page(
    source: &mut Source,
    beside: &mut Beside<'_, '_>,
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
        while beside.keyed.wants(record.position) {
            beside.keyed.take(beside.receipts.try_next().await?)?;
        }
        beside.keyed.event(&record)?;
        beside.sealed.event(checker).await?;
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
