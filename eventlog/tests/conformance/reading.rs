//! Pages, filters, names and hints.

use std::time::Duration;

use daybook_eventlog::{CommandMeta, EventFilter, EventPage, Log, Order, Session};
use kernel::{Actor, StreamName, Timestamp};
use tokio::task::JoinSet;

use crate::book::Book;
use crate::tally::{Command, add, command, decide, execute};

pub async fn filters_and_pages(book: &Book) {
    let log = book.open().await;
    for i in 0..6 {
        add(&log, &format!("s{}", i % 3), i).await;
    }
    let mut claim = command();
    claim.actor = Actor::system("claimant");
    execute(&log, &claim, "s0", Command::Claim).await.unwrap();
    let page = |after, before, order, limit| EventPage { after, before, order, limit };
    let all = page(None, None, Order::Ascending, 100);
    let positions = async |filter: EventFilter, page: EventPage| -> Vec<u64> {
        let found = log.search(&filter, page).await.unwrap().events;
        found.into_iter().map(|event| event.position).collect()
    };
    let any = EventFilter::default;
    let stream = StreamName::new("tally", "s0").unwrap();
    let seventh = log.read(6, 1).await.unwrap().remove(0);
    let eighth_second = Some(seventh.recorded_at.checked_add(Duration::from_secs(1)).unwrap());
    let cases = [
        (any(), vec![1, 2, 3, 4, 5, 6, 7]),
        (EventFilter { types: vec!["Claimed".into(), "Posted".into()], ..any() }, vec![7]),
        (EventFilter { stream_kind: Some("tally".into()), up_to: Some(2), ..any() }, vec![1, 2]),
        (EventFilter { stream_kind: Some("other".into()), ..any() }, vec![]),
        (EventFilter { stream: Some(stream.clone()), ..any() }, vec![1, 4, 7]),
        (EventFilter { stream: Some(StreamName::new("tally", "none").unwrap()), ..any() }, vec![]),
        (EventFilter { correlation_id: Some(claim.correlation_id), ..any() }, vec![7]),
        (EventFilter { event_id: Some(seventh.event_id), ..any() }, vec![7]),
        (EventFilter { actor: Some(claim.actor), ..any() }, vec![7]),
        (EventFilter { recorded_from: Some(seventh.recorded_at), types: vec!["Claimed".into()], ..any() }, vec![7]),
        (EventFilter { recorded_to: eighth_second, ..any() }, vec![1, 2, 3, 4, 5, 6, 7]),
        (EventFilter { recorded_from: eighth_second, ..any() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(positions(filter.clone(), all).await, expected, "{filter:?}");
        assert_eq!(log.count(&filter).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
    assert_eq!(positions(any(), page(Some(2), Some(6), Order::Ascending, 2)).await, [3, 4]);
    assert_eq!(positions(any(), page(Some(2), Some(6), Order::Descending, 2)).await, [5, 4]);
    assert_eq!(positions(any(), page(None, None, Order::Ascending, 0)).await, [0; 0]);
    let claimed = EventFilter { types: vec!["Claimed".into()], ..any() };
    let scanned = async |filter: &EventFilter, page: EventPage| log.search(filter, page).await.unwrap().scanned_to;
    // Nothing more to find: up to the head, or to the end of what was asked for; else up to the last one found.
    assert_eq!(scanned(&claimed, page(None, Some(5), Order::Ascending, 2)).await, 4);
    assert_eq!(scanned(&EventFilter { types: vec!["Posted".into()], ..any() }, all).await, 7);
    assert_eq!(scanned(&EventFilter { up_to: Some(3), ..any() }, all).await, 3);
    assert_eq!(scanned(&any(), page(None, None, Order::Ascending, 2)).await, 2);
    assert_eq!(scanned(&any(), page(None, None, Order::Descending, 2)).await, 6);
    assert_eq!(scanned(&claimed, page(Some(2), None, Order::Descending, 2)).await, 3);
    assert_eq!(scanned(&claimed, page(Some(2), None, Order::Ascending, 0)).await, 2);
    let tail = log.read_stream(&stream, 1, 1).await.unwrap();
    assert_eq!((tail.len(), tail[0].version), (1, 2));
}

pub async fn names_of_a_kind(book: &Book) {
    let log = book.open().await;
    for id in ["b", "a-1", "a", "C"] {
        add(&log, id, 1).await;
    }
    let names = async |after, limit| -> Vec<String> {
        let names = log.streams_of_kind("tally", after, limit).await.unwrap();
        names.into_iter().map(|name| name.id().to_owned()).collect()
    };
    assert_eq!(names(None, 10).await, ["C", "a", "a-1", "b"]);
    assert_eq!(names(Some("tally-a"), 1).await, ["a-1"]);
    assert!(log.streams_of_kind("tall", None, 10).await.unwrap().is_empty());
}

/// What a node hands to those who follow its log is what the log has, field by field, also between another node's events.
pub async fn what_is_followed_is_what_is_read(book: &Book) {
    let (log, other) = (book.open().await, book.open().await);
    let same = async || {
        let read = log.read(0, 100).await.unwrap();
        for after in 0..=read.len() {
            for limit in [1, 3, 100] {
                let followed = log.follow(after as u64, limit).await.unwrap();
                let end = after + followed.len();
                assert_eq!(followed, read[after..end], "{limit} after {after}");
                // A page may end where this node's events end, but it says something wherever there is something.
                assert_eq!(followed.is_empty(), after == read.len());
                assert!(followed.len() <= limit);
            }
        }
        read.len()
    };
    assert_eq!(same().await, 0);
    for round in 0..4 {
        let now = Timestamp::from_nanosecond(1_795_000_000_123_456_789 + i128::from(round)).unwrap();
        let meta = CommandMeta { now, ..command() };
        let (traceparent, causation_id) = (Some(format!("00-{round:032x}-00000000000000ab-01")), Some(meta.command_id));
        let meta = CommandMeta { traceparent, causation_id, ..meta }.keyed(round.to_string(), "in");
        let several = |session: Session| async move {
            for (id, what) in [("a", Command::Add(round)), ("b", Command::Note("차".into())), ("a", Command::Post(5, 5))] {
                decide(session.clone(), id.to_owned(), what).await?;
            }
            Ok(())
        };
        log.execute(&meta, several).await.unwrap();
        // Answered from its receipt, and refused: nothing of either is followed.
        log.execute(&meta, several).await.unwrap();
        execute(&log, &command(), "c", Command::Claim).await.map(|_| ()).unwrap_or_default();
        at_once(&log, 3).await;
        same().await;
        if round % 2 == 0 {
            add(&other, "a", 7).await;
            same().await;
        }
    }
    assert_eq!(same().await, 4 * (3 + 3) + 1 + 2);
}

/// So many commands at once, which share batches.
async fn at_once(log: &Log, commands: usize) {
    let mut clients = JoinSet::new();
    for client in 0..commands {
        let log = log.clone();
        clients.spawn(async move { add(&log, &format!("client-{client}"), 1).await });
    }
    clients.join_all().await;
}

/// One's own appends are known at once; another node's too where PostgreSQL tells of them.
pub async fn hints_of_new_positions(book: &Book) {
    let (log, other) = (book.open().await, book.open().await);
    let (own, mut others) = (log.watch(), other.watch());
    assert_eq!(*own.borrow(), 0);
    add(&log, "a", 1).await;
    assert_eq!(*own.borrow(), 1);
    if book.is_postgres() {
        // Listening begins in the background: say it again until it is heard.
        let heard = tokio::time::timeout(Duration::from_secs(20), async {
            while *others.borrow_and_update() == 0 {
                add(&log, "a", 1).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        heard.await.unwrap();
    }
}
