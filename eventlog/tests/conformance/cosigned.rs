//! What witnesses say of a head is shown with it, and changes nothing that the log has signed.

use daybook_eventlog::tree::{HeadsFolder, SignedHead, SigningKey, TreeHead, sign};
use daybook_eventlog::{Log, LogError};

use crate::book::{Book, on_postgres, on_sqlite};
use crate::tree::{ORIGIN, Seals, many};

const WITNESS: &str = "\u{2014} witness.example AAAAAAAAAAAAAAAA\n";

/// Publishes a note as a witness's.
fn publish(heads: &HeadsFolder, note: String) -> SignedHead {
    let head = SignedHead::read(&note).unwrap();
    heads.publish(&head).unwrap();
    head
}

async fn newest(log: &Log) -> SignedHead {
    log.tree().head().await.unwrap().unwrap()
}

async fn shown(log: &Log, heads: &HeadsFolder) -> SignedHead {
    log.tree().shown(heads).await.unwrap().unwrap()
}

async fn a_head_is_shown_with_its_cosignatures(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let heads = seals.heads();
    assert_eq!(log.tree().shown(&heads).await.unwrap(), None);
    many(&log, 3).await;
    seals.seal(&log).await;
    let first = newest(&log).await;
    assert_eq!(shown(&log, &heads).await, first);
    let cosigned = publish(&heads, format!("{}{WITNESS}", first.note));
    assert_eq!(shown(&log, &heads).await, cosigned);
    assert_eq!(log.tree().with_cosignatures(first.clone(), &heads).await.unwrap(), cosigned);
    // A witness takes its time: the next head is shown when it is cosigned, too, or after a minute.
    many(&log, 300).await;
    seals.seal(&log).await;
    let second = newest(&log).await;
    assert_eq!((shown(&log, &heads).await, second.head.size), (cosigned, 303));
    assert_eq!(log.tree().with_cosignatures(second.clone(), &heads).await.unwrap(), second, "another head has other lines");
    let cosigned = publish(&heads, format!("{}{WITNESS}", second.note));
    assert_eq!(shown(&log, &heads).await, cosigned);
    log.close().await;
}

async fn what_this_log_has_not_signed_is_not_shown(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    let heads = seals.heads();
    many(&log, 3).await;
    seals.seal(&log).await;
    let first = newest(&log).await;
    let stranger = SigningKey::generate(ORIGIN).unwrap();
    let other_root = sign(&TreeHead { root: [7; 32], ..first.head.clone() }.to_string(), std::slice::from_ref(&stranger));
    let other_size = sign(&TreeHead { size: 4, ..first.head.clone() }.to_string(), std::slice::from_ref(&stranger));
    let other_key = sign(&first.head.to_string(), &[stranger]);
    for note in [other_root, other_size, other_key, first.note.clone()] {
        publish(&heads, format!("{note}{WITNESS}"));
        let note_is_ours = note == first.note;
        assert_eq!(shown(&log, &heads).await != first, note_is_ours, "{note}");
    }
    for rubbish in ["", "half a no", "a\n1\nb\n\n"] {
        std::fs::write(heads.cosigned_file(ORIGIN), rubbish).unwrap();
        assert_eq!(shown(&log, &heads).await, first, "{rubbish:?}");
    }
    log.close().await;
}

/// A head that was kept, cosigned or stamped proves what it covers for ever.
async fn an_event_is_proved_under_an_older_head(book: &Book) {
    let (log, seals) = (book.open().await, Seals::new(ORIGIN));
    many(&log, 3).await;
    seals.seal(&log).await;
    let first = newest(&log).await;
    many(&log, 600).await;
    seals.seal(&log).await;
    let (tree, leaf) = (log.tree(), log.read(1, 1).await.unwrap().pop().unwrap().leaf_hash().unwrap());
    let cosigned = SignedHead::read(&format!("{}{WITNESS}", first.note)).unwrap();
    let proof = tree.prove_under(2, cosigned.clone()).await.unwrap().unwrap();
    proof.verify(&leaf, std::slice::from_ref(&seals.key)).unwrap();
    assert_eq!((proof.head, tree.prove_under(4, cosigned.clone()).await.unwrap()), (cosigned, None));
    let forged = SignedHead { head: TreeHead { root: [7; 32], ..first.head }, note: first.note };
    assert!(matches!(tree.prove_under(2, forged).await, Err(LogError::Damaged(_))));
    log.close().await;
}

mod sqlite {
    use super::on_sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_is_shown_with_its_cosignatures() {
        on_sqlite(super::a_head_is_shown_with_its_cosignatures).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_this_log_has_not_signed_is_not_shown() {
        on_sqlite(super::what_this_log_has_not_signed_is_not_shown).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_event_is_proved_under_an_older_head() {
        on_sqlite(super::an_event_is_proved_under_an_older_head).await;
    }
}

mod postgres {
    use super::on_postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_is_shown_with_its_cosignatures() {
        on_postgres(super::a_head_is_shown_with_its_cosignatures).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_this_log_has_not_signed_is_not_shown() {
        on_postgres(super::what_this_log_has_not_signed_is_not_shown).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_event_is_proved_under_an_older_head() {
        on_postgres(super::an_event_is_proved_under_an_older_head).await;
    }
}
