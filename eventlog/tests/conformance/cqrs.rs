//! An aggregate of cqrs-es on our log: the example, conflicts, metadata, upcasters, and a log that others use too.

use std::collections::HashMap;

use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster};
use cqrs_es::{Aggregate, AggregateContext, AggregateError, CqrsFramework, DomainEvent, EventStore};
use daybook_eventlog::cqrs::{Store, stream_of};
use kernel::{At, EventSourced, Timestamp};
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::example::{self, BankAccount, BankAccountCommand, BankAccountEvent};
use crate::tally::{self, Command, Tally};

fn deposited(amount: i64, balance: i64) -> BankAccountEvent {
    BankAccountEvent::CustomerDepositedMoney { amount, balance }
}

fn metadata(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub async fn the_example_runs(book: &Book) {
    let log = book.open().await;
    let told = example::run(log.clone(), "ACCT-1").await.unwrap();
    let expected = [
        "ACCT-1-1: AccountOpened { account_id: \"ACCT-1\" }",
        "ACCT-1-2: CustomerDepositedMoney { amount: 1000, balance: 1000 }",
        "ACCT-1-3: CustomerWithdrewCash { amount: 300, balance: 700 }",
    ];
    assert_eq!(told, expected);
    // Applied once, not twice; and another node loads the same.
    let node = book.open().await;
    let mut account = Store::<BankAccount>::new(node.clone()).load_aggregate("ACCT-1").await.unwrap();
    assert_eq!(account.version(), 3);
    assert_eq!(serde_json::to_string(account.aggregate()).unwrap(), r#"{"opened":true,"balance":700}"#);
    let events = Store::<BankAccount>::new(node.clone()).load_events("ACCT-1").await.unwrap();
    assert_eq!(events[1].metadata, metadata(&[("user", "teller-7")]));
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    log.close().await;
    node.close().await;
}

pub async fn a_stale_commit_is_a_conflict(book: &Book) {
    let (log, other) = (book.open().await, book.open().await);
    let (store, elsewhere) = (Store::<BankAccount>::new(log.clone()), Store::<BankAccount>::new(other.clone()));
    let loaded = [store.load_aggregate("a").await.unwrap(), store.load_aggregate("a").await.unwrap()];
    let [first, second] = loaded;
    assert_eq!(store.commit(vec![deposited(1, 1), deposited(2, 3)], first, HashMap::new()).await.unwrap().len(), 2);
    let stale = store.commit(vec![deposited(4, 4)], second, HashMap::new()).await;
    assert!(matches!(stale, Err(AggregateError::AggregateConflict)), "{stale:?}");
    // Of two nodes, and of many at once on one, exactly one wins each version.
    let (mine, theirs) = (store.load_aggregate("a").await.unwrap(), elsewhere.load_aggregate("a").await.unwrap());
    elsewhere.commit(vec![deposited(8, 11)], theirs, HashMap::new()).await.unwrap();
    let stale = store.commit(vec![deposited(16, 19)], mine, HashMap::new()).await;
    assert!(matches!(stale, Err(AggregateError::AggregateConflict)), "{stale:?}");
    let (mut racing, mut loaded) = (tokio::task::JoinSet::new(), Vec::new());
    for _ in 0..8 {
        loaded.push(store.load_aggregate("a").await.unwrap());
    }
    for loaded in loaded {
        let store = store.clone();
        racing.spawn(async move { store.commit(vec![deposited(0, 11)], loaded, HashMap::new()).await });
    }
    let outcomes = racing.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(AggregateError::AggregateConflict))), "{outcomes:?}");
    assert_eq!(store.load_events("a").await.unwrap().len(), 4);
    assert_eq!(log.head().await.unwrap(), 4);
    log.close().await;
    other.close().await;
}

pub async fn metadata_is_kept_and_fills_the_envelope(book: &Book) {
    let log = book.open().await;
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let store = Store::<BankAccount>::new(log.clone()).with_clock(|| Timestamp::from_second(1_700_000_000).unwrap());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let id = "0193a1b2-0000-7000-8000-000000000001";
    let sent =
        metadata(&[("correlation_id", id), ("causation_id", "order 7"), ("traceparent", trace), ("actor", "system-till"), ("차", "\"}")]);
    let loaded = store.load_aggregate("a b").await.unwrap();
    store.commit(vec![deposited(1, 1)], loaded, sent.clone()).await.unwrap();
    let event = &log.read(0, 10).await.unwrap()[0];
    assert_eq!(event.stream, stream_of(BankAccount::TYPE, "a b").unwrap());
    assert_eq!((event.event_type.as_str(), event.schema_version, event.occurred_at), ("CustomerDepositedMoney", 1, at));
    assert_eq!((event.correlation_id.to_string(), event.causation_id), (id.to_owned(), None));
    assert_eq!((event.traceparent.as_deref(), event.actor.to_string()), (Some(trace), "system-till".to_owned()));
    assert_eq!(store.load_events("a b").await.unwrap()[0].metadata, sent);
    // A commit without events leaves nothing.
    let loaded = store.load_aggregate("a b").await.unwrap();
    assert!(store.commit(Vec::new(), loaded, HashMap::new()).await.unwrap().is_empty());
    assert_eq!(log.head().await.unwrap(), 1);
    log.close().await;
}

/// An account as an older program wrote it: other variants, and one without members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum OldEvent {
    Opened,
    Deposited(i64),
}

impl DomainEvent for OldEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Opened => "AccountOpened",
            Self::Deposited(_) => "CustomerDepositedMoney",
        }
        .into()
    }
    fn event_version(&self) -> String {
        "0.9.1".into()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct OldAccount;

impl Aggregate for OldAccount {
    const TYPE: &'static str = BankAccount::TYPE;
    type Command = OldEvent;
    type Event = OldEvent;
    type Error = std::fmt::Error;
    type Services = ();

    async fn handle(&mut self, command: OldEvent, (): &(), sink: &cqrs_es::event_sink::EventSink<Self>) -> Result<(), std::fmt::Error> {
        sink.write(command, self).await;
        Ok(())
    }
    fn apply(&mut self, _: OldEvent) {}
}

pub async fn upcasters_of_cqrs_es_are_used(book: &Book) {
    let log = book.open().await;
    let old = CqrsFramework::new(Store::<OldAccount>::new(log.clone()), vec![], ());
    old.execute("a", OldEvent::Opened).await.unwrap();
    old.execute("a", OldEvent::Deposited(7)).await.unwrap();
    assert_eq!(Store::<OldAccount>::new(log.clone()).load_events("a").await.unwrap()[1].payload, OldEvent::Deposited(7));
    // Without upcasters today's aggregate says that it cannot read them.
    let plain = Store::<BankAccount>::new(log.clone()).load_aggregate("a").await;
    assert!(matches!(plain, Err(AggregateError::DeserializationError(_))));
    let opened = |_| serde_json::json!({"AccountOpened": {"account_id": "a"}});
    let deposited = |old: serde_json::Value| serde_json::json!({"CustomerDepositedMoney": {"amount": old["Deposited"], "balance": 7}});
    let upcasters: Vec<Box<dyn EventUpcaster>> = vec![
        Box::new(SemanticVersionEventUpcaster::new("AccountOpened", "1.0.0", Box::new(opened))),
        Box::new(SemanticVersionEventUpcaster::new("CustomerDepositedMoney", "1.0.0", Box::new(deposited))),
    ];
    let store = Store::<BankAccount>::new(log.clone()).with_upcasters(upcasters);
    let cqrs = CqrsFramework::new(store.clone(), vec![], ());
    cqrs.execute("a", BankAccountCommand::WithdrawMoney { amount: 3 }).await.unwrap();
    let events = store.load_events("a").await.unwrap();
    assert_eq!(events[1].payload, self::deposited(7, 7));
    assert_eq!(events[2].payload, BankAccountEvent::CustomerWithdrewCash { amount: 3, balance: 4 });
    log.close().await;
}

pub async fn a_decider_of_ours_runs_under_the_framework(book: &Book) {
    let log = book.open().await;
    let cqrs = CqrsFramework::new(Store::<EventSourced<Tally>>::new(log.clone()), vec![], ());
    let at = |command| At { now: Timestamp::UNIX_EPOCH, actor: kernel::Actor::Anonymous, command };
    cqrs.execute("t", at(Command::Add(5))).await.unwrap();
    cqrs.execute_with_metadata("t", at(Command::Note("n".into())), metadata(&[("by", "x")])).await.unwrap();
    // Ours and theirs take turns on one stream, in either order.
    assert_eq!(tally::add(&log, "t", 2).await.value, 7);
    cqrs.execute("t", at(Command::Add(1))).await.unwrap();
    assert_eq!(tally::add(&log, "t", 4).await.value, 12);
    // An entry that does not balance is nothing to a store that posts nothing.
    cqrs.execute("t", at(Command::Post(1, 2))).await.unwrap();
    let (state, version) = log.load::<Tally>("t").await.unwrap();
    assert_eq!((state.total, version), (12, 6));
    log.close().await;
}
