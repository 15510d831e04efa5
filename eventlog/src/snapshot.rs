//! States of long streams, kept so that their first command after a restart need not fold them from the beginning.
//!
//! Only a cache. A snapshot counts when its schema hash and checksum are right; on any mismatch the stream is folded whole,
//! and nothing is ever lost with a snapshot. The schema hash covers the program itself: a new build, whose `evolve` may
//! differ, starts afresh.

use std::future::Future;
use std::io::Read as _;
use std::pin::Pin;
use std::time::UNIX_EPOCH;

use kernel::{Decider, StreamName};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::error::LogError;
use crate::recorded::unsigned;
use crate::store::Store;

/// Events after which a stream's snapshot is renewed; a shorter stream has none.
pub(crate) const EVERY: u64 = 1_000;
/// Largest state that is kept, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// How much of the program's file is looked at; a linker's build id stands at its beginning.
const PROGRAM_BYTES: u64 = 64 << 10;

/// What tells this build from any other; none where the program cannot be looked at, and then there are no snapshots.
static PROGRAM: OnceCell<Option<[u8; 32]>> = OnceCell::const_new();

/// A snapshot's row: version, schema hash, checksum, state.
pub(crate) type SnapshotRow = (i64, Vec<u8>, Vec<u8>, String);

/// A row to write.
pub(crate) struct Snapshot {
    pub version: u64,
    pub schema_hash: [u8; 32],
    pub checksum: [u8; 32],
    pub state: String,
}

/// The state of a stream and its version, from its snapshot if that is one of this build.
pub(crate) async fn load<D: Decider>(store: &Store, stream: &StreamName) -> Result<Option<(D, u64)>, LogError> {
    let Some(schema_hash) = schema_hash::<D>().await else { return Ok(None) };
    Ok(store.snapshot(stream).await?.and_then(|row| read(stream, &schema_hash, row)))
}

fn read<D: Decider>(stream: &StreamName, schema_hash: &[u8; 32], (version, schema, sum, state): SnapshotRow) -> Option<(D, u64)> {
    let version = unsigned(version)?;
    let fits = schema == schema_hash && sum == checksum(stream, version, schema_hash, &state);
    fits.then(|| serde_json::from_str(&state).ok()).flatten().map(|state| (state, version))
}

/// Renews a stream's snapshot from what is committed. Where that fails there is none: the next command folds the stream.
pub(crate) async fn renew<D: Decider>(store: Store, stream: StreamName) {
    if let Err(error) = try_renew::<D>(&store, &stream).await {
        tracing::warn!(%error, %stream, "no snapshot");
    }
}

async fn try_renew<D: Decider>(store: &Store, stream: &StreamName) -> Result<(), LogError> {
    if D::BULKY {
        return Ok(());
    }
    let Some(schema_hash) = schema_hash::<D>().await else { return Ok(()) };
    // Folded from stored events, never taken from a decision: what is personal in it stays sealed.
    let (state, version) = store.fold::<D>(stream).await?;
    let state = serde_json::to_string(&state).map_err(|e| LogError::Encode { what: "state".into(), reason: e.to_string() })?;
    if version < EVERY || state.len() > MAX_BYTES {
        return Ok(());
    }
    let checksum = checksum(stream, version, &schema_hash, &state);
    store.put_snapshot(stream, Snapshot { version, schema_hash, checksum, state }).await
}

fn checksum(stream: &StreamName, version: u64, schema_hash: &[u8; 32], state: &str) -> [u8; 32] {
    let name = stream.as_str();
    let sum = Sha256::new().chain_update((name.len() as u64).to_be_bytes()).chain_update(name);
    sum.chain_update(version.to_be_bytes()).chain_update(schema_hash).chain_update(state).finalize().into()
}

/// Which rules made a state: the decider's, in this build.
async fn schema_hash<D: Decider>() -> Option<[u8; 32]> {
    let program = (*PROGRAM.get_or_init(|| async { tokio::task::spawn_blocking(program).await.ok().flatten() }).await)?;
    let names = [D::KIND, std::any::type_name::<D>()].join("\n");
    Some(Sha256::new().chain_update(program).chain_update(names).finalize().into())
}

fn program() -> Option<[u8; 32]> {
    let file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    let about = file.metadata().ok()?;
    let modified = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut beginning = Vec::new();
    file.take(PROGRAM_BYTES).read_to_end(&mut beginning).ok()?;
    let sum = Sha256::new().chain_update(about.len().to_be_bytes()).chain_update(modified.as_nanos().to_be_bytes());
    Some(sum.chain_update(beginning).finalize().into())
}

/// Renews the snapshot of a stream whose state is a `D`, whatever its type is called where it is known no longer.
pub(crate) type Renew = fn(Store, StreamName) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The renewal of a stream of `D`.
pub(crate) fn renewal<D: Decider>() -> Renew {
    |store, stream| Box::pin(renew::<D>(store, stream))
}

/// Has a command carried its stream over a multiple of [`EVERY`]?
pub(crate) fn is_due(before: u64, after: u64) -> bool {
    before / EVERY < after / EVERY
}

/// Streams whose snapshot waits to be renewed once the command is in.
pub(crate) type Due = Vec<(StreamName, Renew)>;

/// Renews snapshots beside everything else.
pub(crate) fn renew_all(store: &Store, due: Due) {
    for (stream, renew) in due {
        tokio::spawn(renew(store.clone(), stream));
    }
}
