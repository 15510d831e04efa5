//! Rows that events append and nothing changes, compared in blocks: what is remembered of a block is its digest.

use std::marker::PhantomData;

use eventlog::Log;
use sha2::{Digest, Sha256};

use super::stored::Stored;
use super::{Mismatch, POSTING};
use crate::known::{Known, decode};
use crate::model::ReadModel;
use crate::views::ViewError;

/// Rows of a block.
const BLOCK: usize = 512;

/// A model whose rows are each made by one event, under keys that sort as positions do.
pub(super) struct Rows<M> {
    /// The model's checkpoint; no row after it is compared.
    up_to: Option<u64>,
    blocks: Vec<Block>,
    open: Sha256,
    open_rows: usize,
    first: u64,
    last: u64,
    model: PhantomData<fn() -> M>,
}

/// So many rows in a row, from one position to another.
struct Block {
    first: u64,
    last: u64,
    rows: usize,
    digest: [u8; 32],
}

impl<M> Default for Rows<M> {
    fn default() -> Self {
        Self { up_to: None, blocks: Vec::new(), open: Sha256::new(), open_rows: 0, first: 0, last: 0, model: PhantomData }
    }
}

impl<M: ReadModel> Rows<M> {
    /// To be compared up to a checkpoint.
    pub(super) fn up_to(up_to: Option<u64>) -> Self {
        Self { up_to, ..Self::default() }
    }

    /// The rows that one more event makes. A block ends with an event, never within one.
    pub(super) fn event(&mut self, known: &Known) -> Result<(), String> {
        if self.up_to.is_none_or(|up_to| known.position() > up_to) {
            return Ok(());
        }
        if self.open_rows >= BLOCK {
            self.end_block();
        }
        if self.open_rows == 0 {
            self.first = known.position();
        }
        self.last = known.position();
        for (key, doc) in made::<M>(known)? {
            feed(&mut self.open, &key, &doc);
            self.open_rows += 1;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        if self.open_rows > 0 {
            let digest = std::mem::take(&mut self.open).finalize().into();
            let (first, last, rows) = (self.first, self.last, std::mem::take(&mut self.open_rows));
            self.blocks.push(Block { first, last, rows, digest });
        }
    }

    /// Compares with what is stored; where it differs, the first position that does.
    pub(super) async fn compare(mut self, stored: &Stored, log: &Log, to: u64) -> Result<Result<Option<u64>, Mismatch>, ViewError> {
        let Some(up_to) = self.up_to.map(|up_to| up_to.min(to)) else { return Ok(Ok(None)) };
        self.end_block();
        let mut after = String::new();
        for block in &self.blocks {
            let rows = stored.rows::<M>(&after, block.rows).await?;
            let mut digest = Sha256::new();
            for (key, doc) in &rows {
                feed(&mut digest, key, doc);
            }
            if rows.len() != block.rows || <[u8; 32]>::from(digest.finalize()) != block.digest {
                return Ok(Err(first_difference::<M>(log, block, &rows).await?));
            }
            after = rows.into_iter().next_back().map_or(after, |(key, _)| key);
        }
        // A row too many: one that no event made, before the checkpoint.
        let surplus = stored.rows::<M>(&after, 1).await?.pop();
        Ok(match surplus.and_then(|(key, _)| position_of(&key)).filter(|position| *position <= up_to) {
            Some(position) => Err(Mismatch { position, wrong: format!("{} has an entry that no event posted", M::NAME) }),
            None => Ok(Some(up_to)),
        })
    }
}

/// Key and text of the rows that an event makes; the text is that of the row read again, so that no spelling matters.
fn made<M: ReadModel>(known: &Known) -> Result<Vec<(String, String)>, String> {
    let mut made = Vec::new();
    for key in M::keys(known) {
        let row = M::apply(&key, None, known).map_err(|poison| poison.to_string())?;
        let doc = row.map(|row| serde_json::to_string(&row)).transpose().map_err(|error| error.to_string())?;
        made.extend(doc.map(|doc| (key, doc)));
    }
    Ok(made)
}

fn feed(digest: &mut Sha256, key: &str, doc: &str) {
    for part in [key, doc] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
}

/// Keys begin with the position, in 20 digits.
fn position_of(key: &str) -> Option<u64> {
    key.get(..20).and_then(|digits| digits.parse().ok())
}

/// Walks the events of a block once more, to name the first whose rows are not what is stored.
async fn first_difference<M: ReadModel>(log: &Log, block: &Block, rows: &[(String, String)]) -> Result<Mismatch, ViewError> {
    let (mut after, mut rows) = (block.first - 1, rows.iter());
    while after < block.last {
        let page = log.read(after, eventlog::MAX_READ).await?;
        let Some(last) = page.last().map(|event| event.position) else { break };
        for recorded in page.into_iter().take_while(|event| event.position <= block.last) {
            if !POSTING.contains(&recorded.stream.kind()) {
                continue;
            }
            let position = recorded.position;
            let events = decode(&recorded).map(kernel::upcast::Decoded::into_vec).unwrap_or_default();
            for event in events {
                let known = Known { recorded: recorded.clone(), event };
                for (key, doc) in made::<M>(&known).unwrap_or_default() {
                    match rows.next() {
                        Some((stored_key, stored)) if *stored_key == key && *stored == doc => {}
                        Some((stored_key, _)) if *stored_key == key => {
                            return Ok(Mismatch { position, wrong: format!("the row of {} is not what the event posts", M::NAME) });
                        }
                        Some(_) | None => {
                            return Ok(Mismatch { position, wrong: format!("{} has not what the event posts", M::NAME) });
                        }
                    }
                }
            }
        }
        after = last;
    }
    Ok(Mismatch { position: block.first, wrong: format!("{} has rows that no event posted", M::NAME) })
}
