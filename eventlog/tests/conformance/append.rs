//! All or nothing, at the versions that were loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use daybook_eventlog::{ExecuteError, LogError, Stop};
use kernel::{Refused, StreamName, Timestamp};

use crate::book::Book;
use crate::tally::{Command, Tally, add, command, decide, execute};

pub async fn several_streams_at_once(book: &Book) {
    let log = book.open().await;
    let meta = command();
    let done = log.execute(&meta, |session| async move {
        for i in 0..300 {
            decide(session.clone(), format!("s{}", i % 200), Command::Add(1)).await?;
        }
        Ok(())
    });
    let receipt = done.await.unwrap().receipt;
    assert_eq!((receipt.position, receipt.event_ids.len(), receipt.replayed), (300, 300, false));
    let events = log.read(0, 1_000).await.unwrap();
    assert!(events.iter().map(|e| e.position).eq(1..=300));
    assert!(events.iter().map(|e| e.event_id).eq(receipt.event_ids.iter().copied()));
    assert!(events.iter().all(|e| e.command_id == meta.command_id && e.correlation_id == meta.correlation_id));
    assert!(events.iter().all(|e| e.recorded_at == receipt.committed_at && e.occurred_at == meta.now && e.actor == meta.actor));
    assert_eq!(log.load::<Tally>("s0").await.unwrap().1, 2);
    assert_eq!(log.load::<Tally>("s199").await.unwrap().1, 1);
    assert_eq!(log.head().await.unwrap(), 300);
}

/// E2: a refusal, an entry out of balance or a misuse after others were decided leaves nothing of any stream.
pub async fn nothing_of_a_command_that_fails(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    let meta = command();
    let refused = log.execute::<(), _, _>(&meta, |session| async move {
        decide(session.clone(), "a".into(), Command::Add(5)).await?;
        session.put_secret("leak", "x");
        Err(Stop::Refused(Refused::code("NO")))
    });
    assert!(matches!(refused.await, Err(ExecuteError::Refused { replayed: false, .. })));
    let meta = command();
    let unbalanced = log.execute(&meta, |session| async move {
        decide(session.clone(), "b".into(), Command::Post(3, 3)).await?;
        decide(session, "a".into(), Command::Post(2, 3)).await
    });
    assert!(matches!(unbalanced.await, Err(ExecuteError::Unbalanced(u)) if u.excess_minor == -1));
    let meta = command();
    let stale = log.execute(&meta, |session| async move {
        let mut first = session.load::<Tally>("a").await?;
        let mut second = session.load::<Tally>("a").await?;
        session.decide(&mut first, Command::Add(1))?;
        session.decide(&mut second, Command::Add(1))?;
        Ok(())
    });
    assert!(matches!(stale.await, Err(ExecuteError::Log(LogError::Session(_)))));
    assert_eq!(log.head().await.unwrap(), 1);
    assert_eq!(log.secret("leak").await.unwrap(), None);
    assert_eq!(log.load::<Tally>("b").await.unwrap().1, 0);
    assert!(log.streams_of_kind("tally", None, 10).await.unwrap().len() == 1);
}

pub async fn a_session_sees_what_it_recorded(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    let meta = command();
    let seen = log.execute(&meta, |session| async move {
        decide(session.clone(), "a".into(), Command::Add(10)).await?;
        let again = session.load::<Tally>("a").await?;
        session.put_secret("s", "new");
        Ok((again.total, again.version, session.secret("s").await?))
    });
    assert_eq!(seen.await.unwrap().value, (11, 2, Some("new".to_owned())));
    assert_eq!(log.secret("s").await.unwrap().as_deref(), Some("new"));
    log.execute(&command(), |session| async move {
        session.remove_secret("s");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(log.secret("s").await.unwrap(), None);
}

/// Somebody else changes stream `a` between the first load of it and the append; gives what the command was run on.
async fn runs_while_another_writes(book: &Book, first: Option<&str>, then: Command) -> (Result<i64, ExecuteError>, usize) {
    let (log, other) = (book.open().await, book.open().await);
    if let Some(id) = first {
        add(&log, id, 1).await;
    }
    let runs = Arc::new(AtomicUsize::new(0));
    let meta = command();
    let done = log.execute(&meta, |session| {
        let (other, runs, then) = (other.clone(), runs.clone(), then.clone());
        async move {
            let seen = session.load::<Tally>("a").await?;
            if runs.fetch_add(1, SeqCst) == 0 {
                execute(&other, &command(), "a", Command::Claim).await.unwrap();
            }
            match then {
                // Writes to another stream: `a` is only checked.
                Command::Add(amount) => decide(session, "b".into(), Command::Add(amount)).await?,
                then @ (Command::Note(_) | Command::Claim | Command::Post(..)) => {
                    if seen.claimed_by.is_none() {
                        return Err(Stop::Refused(Refused::code("NOBODY")));
                    }
                    decide(session, "a".into(), then).await?
                }
            };
            Ok(seen.total)
        }
    });
    (done.await.map(|done| done.value), runs.load(SeqCst))
}

pub async fn a_stream_only_read_is_checked(book: &Book) {
    let (result, runs) = runs_while_another_writes(book, Some("a"), Command::Add(1)).await;
    assert_eq!((result.unwrap(), runs), (1, 2));
}

pub async fn a_stream_that_must_not_exist_is_checked(book: &Book) {
    let (result, runs) = runs_while_another_writes(book, None, Command::Add(1)).await;
    assert_eq!((result.unwrap(), runs), (0, 2));
}

/// A refusal decided on what no longer holds never reaches anybody.
pub async fn a_stale_refusal_is_decided_again(book: &Book) {
    let (result, runs) = runs_while_another_writes(book, Some("a"), Command::Note("late".into())).await;
    assert_eq!((result.unwrap(), runs), (1, 2));
}

/// The payload is kept byte for byte, and every column comes back as it went in.
pub async fn bytes_and_columns_survive(book: &Book) {
    let log = book.open().await;
    let note = "한글 \"quoted\" \\ \u{1} \u{0} 🚗 {\"a\": 1.0}".to_owned();
    let mut meta = command().keyed("k", "in");
    meta.causation_id = Some(meta.command_id);
    meta.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    execute(&log, &meta, "a", Command::Note(note.clone())).await.unwrap();
    let events = log.read_stream(&StreamName::new("tally", "a").unwrap(), 0, 10).await.unwrap();
    let event = events.first().unwrap();
    assert_eq!(&*event.payload, format!("{{\"amount\":0,\"note\":{}}}", serde_json::to_string(&note).unwrap()));
    assert_eq!((event.causation_id, &event.traceparent), (meta.causation_id, &meta.traceparent));
    assert_eq!((event.event_type.as_str(), event.schema_version, event.version), ("Added", 1, 1));
    assert_eq!(event.event_id.get_version_num(), 7);
    assert!(event.recorded_at > Timestamp::from_second(1_600_000_000).unwrap());
    assert!(event.decode::<crate::tally::Event>().is_ok());
}

pub async fn limits_are_refused(book: &Book) {
    let log = book.open().await;
    let long = execute(&log, &command().keyed("k".repeat(1_025), ""), "a", Command::Add(1)).await;
    assert!(matches!(long, Err(ExecuteError::Log(LogError::Limit { .. }))));
    let big = execute(&log, &command(), "a", Command::Note("x".repeat(9 << 20))).await;
    assert!(matches!(big, Err(ExecuteError::Log(LogError::Limit { .. }))));
    let name = execute(&log, &command(), "not a name", Command::Add(1)).await;
    assert!(matches!(name, Err(ExecuteError::Log(LogError::Stream(_)))));
    assert_eq!(log.head().await.unwrap(), 0);
}
