//! How many events of a stream a fold reads at a time: many small ones, few large ones.

use std::collections::VecDeque;

use kernel::{Decider, StreamName};

use super::{FOLD_BYTES, FOLD_PAGE, Store};
use crate::error::LogError;

/// The pages of one fold.
pub(super) enum Pages {
    /// Its events are small: pages have one length.
    Even,
    /// Its events may be large. Their sizes are asked for before they are read.
    BySize(VecDeque<u64>),
}

impl Pages {
    pub(super) fn of<D: Decider>() -> Self {
        if D::BULKY { Self::BySize(VecDeque::new()) } else { Self::Even }
    }

    /// How many events to read after a version; none when there are none.
    pub(super) async fn next(&mut self, store: &Store, stream: &StreamName, after: u64) -> Result<Option<u64>, LogError> {
        let Self::BySize(sizes) = self else { return Ok(Some(FOLD_PAGE)) };
        if sizes.is_empty() {
            sizes.extend(store.sizes(stream, after).await?);
        }
        let page = within(sizes.iter().copied(), FOLD_BYTES);
        sizes.drain(..page);
        Ok((page > 0).then_some(page as u64))
    }
}

/// How many of these make up so many bytes; at least one.
fn within(sizes: impl Iterator<Item = u64>, bytes: u64) -> usize {
    let total = sizes.scan(0_u64, |total, size| {
        *total = total.saturating_add(size);
        Some(*total)
    });
    total.enumerate().take_while(|(at, total)| *at == 0 || *total <= bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_in_bytes_and_never_empty() {
        let pages = |sizes: &[u64]| within(sizes.iter().copied(), 10);
        assert_eq!([pages(&[]), pages(&[11, 1]), pages(&[1; 20]), pages(&[5, 5, 1]), pages(&[0, 11])], [0, 1, 10, 2, 1]);
        assert_eq!(within(vec![1; 1_000].into_iter(), FOLD_BYTES), 1_000);
        assert_eq!(within([u64::MAX, u64::MAX].into_iter(), FOLD_BYTES), 1);
    }
}
