//! The tree over the log: sealed after commit, signed, served in tiles, proved (docs/tree.md; ledger-and-audit, section 2).
//!
//! | file | has |
//! |---|---|
//! | `proof` | which hashes prove what, and whether they do |
//! | `note`, `head`, `tlog_proof` | the three texts, byte for byte: signed note, tree head, proof |
//! | `tile` | the names of tiles, and how a growing tree yields them |
//! | `sealer`, `round` | the worker that signs, and what it refuses to sign |
//! | `outside` | what is kept outside of the database: the last head and the key |
//! | `store`, `lease` | the tables |
//! | `reader` | what is served: head, keys, tiles, proofs |
//! | `cosigned` | which head is shown, with what witnesses say of it |
//! | `mirror` | the audit of a copy of what is served, without a database |

mod cosigned;
mod head;
mod lease;
mod mirror;
mod note;
mod outside;
mod proof;
mod reader;
mod round;
mod sealer;
mod store;
mod tile;
mod tlog_proof;

pub use head::{HeadError, SignedHead, TreeHead};
pub use mirror::{MirrorError, Mirrored, audit};
pub use note::{NoteError, SignedNote, SigningKey, VerifierKey, sign};
pub use outside::{HeadsFolder, OutsideError, key_file, read_keys};
pub use proof::{consistency_holds, root_of_inclusion};
pub use reader::Tree;
pub use round::{Halt, SealError};
pub use sealer::{Sealer, Sealing, SealingState, seal_now};
pub(crate) use store::{HeadRow, hashes, head_row};
pub(crate) use tile::{FullTile, Tiler};
pub use tile::{NoTile, TileKind, TileName};
pub use tlog_proof::{ProofError, TlogProof};
