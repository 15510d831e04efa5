//! Everybody counts right: what was acknowledged is in the database, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use uuid::Uuid;

use crate::contest::{Contest, Question};
use crate::place::Server;
use crate::reading;
use crate::report::{Line, Printer};
use crate::transfers::{self, Plan};
use crate::trial;

const PRINTER: Printer = Printer { json: true };

/// A short run of a question; all of its lines must be right.
async fn ask(server: &Server, question: Question) -> Vec<String> {
    let (warm_up, measured) = (Duration::ZERO, Duration::from_secs(1));
    let contest = Contest { server, printer: PRINTER, question, only: Vec::new(), runs: 1, warm_up, measured, profile: true };
    let lines = contest.hold(4).await.unwrap();
    assert!(lines.iter().all(Line::is_right), "{lines:?}");
    lines.into_iter().map(|line| line.name).collect()
}

async fn everything(server: &Server) -> Vec<String> {
    let peers = ask(server, Question::Peers).await;
    assert_eq!(ask(server, Question::Bad(20)).await, ["daybook-bad-20", "daybook"]);
    assert_eq!(ask(server, Question::Hot).await, ["daybook-hot", "daybook"]);
    reading::load(server, PRINTER, 50, 300).await.unwrap();
    reading::open(server, PRINTER, 300).await.unwrap();
    reading::snapshot(server, PRINTER, 50).await.unwrap();
    let plan = Plan { accounts: 10, batch_clients: 2, single_clients: 4, warm_up: Duration::ZERO, measured: Duration::from_millis(300) };
    assert!(transfers::measure(server, PRINTER, plan).await.unwrap());
    trial::trial(server, PRINTER, 500, 5).await.unwrap();
    server.clean_up().await.unwrap();
    peers
}

#[tokio::test(flavor = "multi_thread")]
async fn all_contestants_count_right_on_sqlite() {
    let folder = std::env::temp_dir().join(format!("daybook-bench-{}", Uuid::now_v7()));
    let server = Server::new(&format!("sqlite://{}", folder.display())).unwrap();
    assert_eq!(everything(&server).await, ["daybook", "limit", "daybook-real"]);
    std::fs::remove_dir(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_contestants_count_right_on_postgres() {
    let address = std::env::var("DAYBOOK_TEST_DATABASE_URL")
        .expect("DAYBOOK_TEST_DATABASE_URL names a server on which databases may be created; scripts/test starts one and sets it");
    assert_eq!(everything(&Server::new(&address).unwrap()).await, ["daybook", "postgres-es", "limit", "daybook-real"]);
}
