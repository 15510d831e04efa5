//! The connection to PostgreSQL is cut while the log waits for an answer.

use daybook_eventlog::Log;

use crate::book::{Book, alone, alone_on_postgres, on_postgres};
use crate::chain::{Heard, Op, Words};
use crate::check::{check, retries_hear_the_same};
use crate::proxy::{Cut, Loses, Proxy};

/// A batch by one call: the name of the operation is in the request. Under the head's lock: in one before the commit's.
fn cut(op: &Op, loses: Loses) -> Cut {
    let mark = if op.secret { "COMMIT" } else { &op.name };
    Cut { after: op.name.clone(), mark: mark.to_owned(), loses, closes: false }
}

/// Nothing here takes long; what hangs is named.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("{what}: not within 30 s"))
}

fn note(words: &mut Words, op: Op, heard: Heard) {
    words.insert(op.name.clone(), (op, heard));
}

async fn warm(log: &Log, name: &str, words: &mut Words) {
    let op = Op::add(format!("warm-{name}"), "warm");
    let heard = op.run(log).await;
    heard.receipt();
    note(words, op, heard);
}

/// Nobody hears of it: the log finds out what became of the batch, and does it again if nothing did.
async fn found_out(book: &Book) {
    let (proxy, seen) = Proxy::before(book).await;
    let (log, mut words) = (seen.open().await, Words::new());
    for loses in [Loses::Answer, Loses::Request] {
        for (secret, keyed) in [(false, true), (false, false), (true, true), (true, false)] {
            let name = format!("{loses:?}-{secret}-{keyed}");
            warm(&log, &name, &mut words).await;
            let op = Op { secret, keyed, ..Op::add(name, "a") };
            proxy.cut(cut(&op, loses));
            let heard = op.run(&log).await;
            assert!(proxy.has_cut() && !heard.receipt().replayed, "{op:?}: {heard:?}");
            note(&mut words, op, heard);
        }
    }
    retries_hear_the_same(&log, &words).await;
    check(book, &words).await;
}

/// The server has committed and cannot be reached any more. Whoever has a key hears the first outcome when it can be; who
/// has none and does not wait hears that nobody knows.
async fn out_of_reach(book: &Book) {
    let (proxy, seen) = Proxy::before(book).await;
    let (log, mut words) = (seen.open().await, Words::new());
    warm(&log, "a", &mut words).await;
    let op = Op::add("out-of-reach", "a");
    proxy.cut(Cut { closes: true, ..cut(&op, Loses::Answer) });
    let (task, running) = (log.clone(), op.clone());
    let mut answer = tokio::spawn(async move { running.run(&task).await });
    tokio::select! {
        () = within("turned away", proxy.turned_away(3)) => {}
        heard = &mut answer => panic!("nobody could know that: {heard:?}, cut: {}", proxy.has_cut()),
    }
    proxy.open();
    let heard = within("an answer when it is back", answer).await.unwrap();
    assert!(!heard.receipt().replayed);
    note(&mut words, op, heard);
    warm(&log, "b", &mut words).await;
    let op = Op::add("nobody-knows", "a").unkeyed();
    proxy.cut(Cut { closes: true, ..cut(&op, Loses::Answer) });
    let heard = within("an answer while it is away", op.run(&log)).await;
    assert!(matches!(heard, Heard::Unknown), "{heard:?}");
    proxy.open();
    note(&mut words, op, heard);
    warm(&log, "c", &mut words).await;
    retries_hear_the_same(&log, &words).await;
    check(book, &words).await;
}

/// A request that reaches the server long after the log has given it up and done it again, or has said that nothing is
/// in: it must not go in then.
async fn too_late(book: &Book) {
    let (proxy, seen) = Proxy::before(book).await;
    let (log, mut words) = (seen.open().await, Words::new());
    for (name, keyed, again) in [("late", true, true), ("late-unkeyed", false, true), ("given-up", false, false)] {
        warm(&log, name, &mut words).await;
        let op = Op { keyed, ..Op::add(name, "a") };
        proxy.cut(cut(&op, Loses::Time));
        if !again {
            fail::cfg("append::locked", "1*return").unwrap();
        }
        let heard = op.run(&log).await;
        assert!(matches!(&heard, Heard::In(receipt) if again && !receipt.replayed) || matches!(&heard, Heard::Failed(_) if !again));
        fail::remove("append::locked");
        note(&mut words, op, heard);
        proxy.let_through().await;
        check(book, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_out() {
    on_postgres(found_out).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_out_of_reach() {
    on_postgres(out_of_reach).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_too_late() {
    let _alone = alone().await;
    alone_on_postgres(too_late).await;
}
