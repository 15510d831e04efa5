//! `daybook-replay verify` finds books that are not what the events say.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod book;

use book::Book;
use projections::models::{AccountBalances, Journal, LedgerLines, install_all};
use projections::views::{Views, Workers};
use sqlx::{Connection, SqliteConnection};

/// A book whose read models have been built.
async fn built(name: &str, payouts: u128) -> Book {
    let book = Book::with_payouts(name, payouts).await;
    let log = book.log().await;
    let views = Views::open(log.clone(), projections::decode).await.unwrap();
    install_all(&views).await.unwrap();
    let workers = Workers::start(&views);
    let head = log.head().await.unwrap();
    let wait = std::time::Duration::from_secs(30);
    views.wait::<Journal>(head, wait).await.unwrap();
    views.wait::<LedgerLines>(head, wait).await.unwrap();
    views.wait::<AccountBalances>(head, wait).await.unwrap();
    workers.stop().await;
    views.close().await;
    log.close().await;
    book
}

/// Changes the stored rows behind everybody's back.
async fn tamper(book: &Book, sql: &'static str) {
    let file = format!("sqlite://{}", book.folder().join("views.db").display());
    let mut db = SqliteConnection::connect(&file).await.unwrap();
    assert!(sqlx::raw_sql(sql).execute(&mut db).await.unwrap().rows_affected() > 0, "{sql}");
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_hold_are_compared_at_their_checkpoint() {
    let book = built("holds", 300).await;
    let said = book.replay(&["verify", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let ledger = &answer["ledger"];
    assert_eq!((ledger["entries"].as_u64(), ledger["balances"].as_u64()), (Some(600), Some(5)), "{ledger}");
    for at in ["journal_at", "lines_at", "balances_at"] {
        assert_eq!(ledger[at].as_u64(), Some(600), "{ledger}");
    }
    // A part cannot be compared, but is posted again.
    let part = book.replay(&["verify", "--from", "3"]);
    assert!(part.status.success() && String::from_utf8(part.stdout).unwrap().contains("entries  598, not compared"));
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_were_altered_are_found_with_their_position() {
    for (sql, position, word) in [
        ("update account_balances_v2 set doc = replace(doc, '\"minor\":\"0\"', '\"minor\":\"7\"') where key like 'bank%'", 40, "bank"),
        ("delete from account_balances_v2 where key like 'bank%'", 40, "bank"),
        ("update journal_v2 set doc = replace(doc, '\"10003\"', '\"99999\"') where key like '%05'", 5, "journal"),
        ("delete from journal_v2 where key like '%12'", 12, "journal"),
        ("delete from ledger_lines_v2 where key like '%40/001'", 40, "ledger_lines"),
        ("update ledger_lines_v2 set doc = replace(doc, 'bank', 'escrow') where key like '%02/001'", 2, "ledger_lines"),
    ] {
        let book = built("altered", 20).await;
        tamper(&book, sql).await;
        let said = book.replay(&["verify", "--json"]);
        let answer: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!((said.status.code(), answer["position"].as_u64()), (Some(3), Some(position)), "{sql}: {answer}");
        assert!(answer["wrong"].as_str().unwrap().contains(word), "{sql}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_were_rebuilt_are_compared_as_readers_see_them() {
    let book = built("rebuilt", 20).await;
    for model in ["journal", "ledger_lines", "account_balances"] {
        // The second one removes the table that was there at first.
        for _ in 0..2 {
            let said = book.replay(&["rebuild", model, "--quiet"]);
            assert!(said.status.success(), "{said:?}");
        }
    }
    let said = book.replay(&["verify", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    for at in ["journal_at", "lines_at", "balances_at"] {
        assert_eq!(answer["ledger"][at].as_u64(), Some(40), "{answer}");
    }
    tamper(&book, "delete from ledger_lines_v2_g2 where key like '%40/001'").await;
    let said = book.replay(&["verify", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((said.status.code(), answer["position"].as_u64()), (Some(3), Some(40)), "{answer}");
}

#[tokio::test]
async fn books_that_were_thrown_away_are_no_fault() {
    let book = Book::with_payouts("gone", 2).await;
    let said = book.replay(&["verify"]);
    assert!(said.status.success() && String::from_utf8(said.stdout).unwrap().contains("balances 4, not compared"));
}
