//! Reading your own writes, and pages.

use std::time::Duration;

use daybook_projections::Value;
use daybook_projections::views::{
    Direction, Filter, Op, Page, PageArgs, PageError, ProjectionState, Projector, Query, Step, ViewError, Views, Workers,
};
use eventlog::StoreUrl;
use kernel::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::book::Book;
use crate::toy::{Monies, Tallies, Tally, Toy, added, append};

const LONG: Duration = Duration::from_secs(20);

pub async fn a_row_is_fresh_without_any_projector(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    assert_eq!(views.fresh::<Tallies>("toy-a", 0).await.unwrap(), None);
    append(&book.log, "a", vec![added(1)]).await;
    let own = append(&book.log, "a", vec![added(2)]).await;
    append(&book.log, "b", vec![added(4)]).await;
    assert_eq!(views.fresh::<Tallies>("toy-a", own).await.unwrap().unwrap().sum, 3);
    assert_eq!(views.get::<Tallies>("toy-a").await.unwrap(), None);
    // From a checkpoint in the middle.
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    assert_eq!(worker.step(1).await.unwrap(), Step::Advanced(1));
    assert_eq!(views.fresh::<Tallies>("toy-a", own).await.unwrap().unwrap().sum, 3);
    let own = append(&book.log, "a", vec![Toy::Cleared {}]).await;
    assert_eq!(views.fresh::<Tallies>("toy-a", own).await.unwrap(), None);
    assert!(matches!(views.fresh::<Tallies>("toy-a", own + 1).await, Err(ViewError::Lagging { .. })));
    // Further behind than one is willing to fold: the projector is waited for, in vain.
    append(&book.log, "a", (0..1_500).map(added).collect()).await;
    let head = book.log.head().await.unwrap();
    assert!(matches!(views.fresh::<Tallies>("toy-a", head).await, Err(ViewError::Lagging { applied: 1, .. })));
}

pub async fn a_watched_row_moves_with_the_log_without_any_projector(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let own = append(&book.log, "a", vec![added(1)]).await;
    let mut watched = views.follow::<Tallies>("toy-a", own).await.unwrap();
    assert_eq!((watched.row().unwrap().sum, watched.position()), (1, own));
    // A wait that is given up changes nothing.
    assert!(tokio::time::timeout(Duration::from_millis(30), watched.next()).await.is_err());
    assert_eq!((watched.row().unwrap().sum, watched.position()), (1, own));
    append(&book.log, "b", vec![added(8)]).await;
    // Another node's event, which this one hears of later.
    let another = book.another().await;
    let theirs = append(&another, "a", vec![added(2)]).await;
    while watched.position() < theirs {
        tokio::time::timeout(LONG, watched.next()).await.unwrap().unwrap();
    }
    assert_eq!(watched.row().unwrap().sum, 3);
    another.close().await;
    // Behind a poison there is no row to be had, now or later.
    append(&book.log, "a", vec![Toy::Spoiled {}]).await;
    assert!(matches!(tokio::time::timeout(LONG, watched.next()).await.unwrap(), Err(ViewError::Parked { projection: "tallies", .. })));
    assert!(matches!(views.follow::<Tallies>("toy-a", own + 9).await, Err(ViewError::Parked { .. } | ViewError::Lagging { .. })));
}

pub async fn a_wait_ends_with_the_position_or_says_lagging(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let own = append(&book.log, "a", vec![added(1)]).await;
    let lagging = views.wait::<Tallies>(own, Duration::from_millis(80)).await;
    assert!(matches!(lagging, Err(ViewError::Lagging { projection, applied: 0, required: 1 }) if projection == "tallies"));
    assert!(matches!(views.wait::<Monies>(0, LONG).await, Err(ViewError::NotInstalled("monies"))));
    // Another process projects: this one hears of it by looking.
    let elsewhere = book.views().await;
    elsewhere.install::<Tallies>().await.unwrap();
    let (waited, stepped) = tokio::join!(views.wait::<Tallies>(own, LONG), async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        Projector::new::<Tallies>(&elsewhere).unwrap().step(9).await
    });
    assert_eq!((waited.unwrap(), stepped.unwrap()), (1, Step::Advanced(1)));
}

pub async fn workers_follow_the_log(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    views.install::<Monies>().await.unwrap();
    append(&book.log, "x", (0..2_500).map(added).collect()).await;
    let other = book.views().await;
    other.install::<Tallies>().await.unwrap();
    let (workers, others) = (Workers::start(&views), Workers::start(&other));
    for i in 0..20 {
        let own = append(&book.log, i % 3, vec![added(1)]).await;
        views.wait::<Tallies>(own, LONG).await.unwrap();
        assert_eq!(views.wait_all(own, LONG).await.unwrap(), own);
        other.wait::<Tallies>(own, LONG).await.unwrap();
    }
    views.wait_ready(LONG).await.unwrap();
    assert_eq!(views.get::<Tallies>("all").await.unwrap().unwrap().events, 2_520);
    // A process that stops leaves its models to the other one at once.
    workers.stop().await;
    let own = append(&book.log, "y", vec![added(1)]).await;
    other.wait::<Tallies>(own, LONG).await.unwrap();
    others.stop().await;
    let status = views.status().await.unwrap();
    assert!(status.iter().all(|status| status.state == ProjectionState::Running && status.last_error.is_none()));
}

pub async fn deleted_views_are_rebuilt(book: &Book) {
    append(&book.log, "a", vec![added(1), added(2)]).await;
    for _ in 0..2 {
        let views = book.views().await;
        views.install::<Tallies>().await.unwrap();
        let workers = Workers::start(&views);
        views.wait::<Tallies>(2, LONG).await.unwrap();
        views.wait_ready(LONG).await.unwrap();
        assert_eq!(views.get::<Tallies>("toy-a").await.unwrap().unwrap().sum, 3);
        workers.stop().await;
        views.close().await;
        match &book.url {
            StoreUrl::Sqlite(folder) => {
                for file in ["views.db", "views.db-wal", "views.db-shm"] {
                    let _ = std::fs::remove_file(folder.join(file));
                }
            }
            StoreUrl::Postgres(_) => book.sql("", "drop schema views cascade").await,
        }
    }
}

pub async fn many_readers_at_once_get_a_row_each(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let toys = 40;
    for toy in 0..toys {
        append(&book.log, toy, vec![added(toy)]).await;
    }
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(100).await.unwrap() != Step::Idle {}
    // Each sees what was applied before it asked, whoever it goes with, and whoever sets out for all and is gone.
    for round in 0..5_i64 {
        let mut readers = JoinSet::new();
        for reader in 0..300 {
            let (views, toy) = (views.clone(), (reader * 7) % (toys + 5));
            readers.spawn(async move {
                let key = format!("toy-{toy}");
                if reader % 5 == 0 {
                    let _ = tokio::time::timeout(Duration::ZERO, views.get::<Tallies>(&key)).await;
                }
                (toy, views.get::<Tallies>(&key).await.unwrap().map(|row| row.sum))
            });
        }
        while let Some(told) = readers.join_next().await {
            let (toy, sum) = told.unwrap();
            assert_eq!(sum, (toy < toys).then_some(toy + round), "toy {toy} in round {round}");
        }
        for toy in 0..toys {
            append(&book.log, toy, vec![added(1)]).await;
        }
        while worker.step(100).await.unwrap() != Step::Idle {}
    }
    // What fails for all fails for each, and is over when it is over.
    let rename = async |from: &str, to: &str| {
        let sql = |schema: &str| format!("alter table {schema}{from} rename to {to}");
        book.sql(&sql(""), &sql("views.")).await;
    };
    rename("tallies_v1", "gone").await;
    let broken = futures_util::future::join_all((0..20).map(|toy| {
        let views = views.clone();
        async move { views.get::<Tallies>(&format!("toy-{toy}")).await }
    }));
    assert!(broken.await.into_iter().all(|told| told.is_err()));
    rename("gone", "tallies_v1").await;
    assert_eq!(views.get::<Tallies>("toy-3").await.unwrap().map(|row| row.sum), Some(8));
}

pub async fn what_is_passed_is_told_at_once_and_stored_soon(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let workers = Workers::start(&views);
    let mut head = append(&book.log, "a", vec![added(1)]).await;
    views.wait::<Tallies>(head, LONG).await.unwrap();
    views.wait_ready(LONG).await.unwrap();
    let stored = async || {
        let position = book.number("select position from projections", "select position from views.projections").await;
        u64::try_from(position).unwrap()
    };
    for _ in 0..30 {
        head = append(&book.log, "a", vec![Toy::Calmed {}]).await;
        views.wait::<Tallies>(head, LONG).await.unwrap();
        assert_eq!(views.checkpoint::<Tallies>().await.unwrap(), head);
        assert_eq!(views.status().await.unwrap()[0].lag_events, 0);
        assert_eq!(views.fresh::<Tallies>("toy-a", head).await.unwrap().unwrap().sum, 1);
    }
    let began = std::time::Instant::now();
    while stored().await < head {
        assert!(began.elapsed() < LONG, "never stored");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A change stores what was passed before it; a worker that stops leaves nothing behind.
    append(&book.log, "a", vec![Toy::Calmed {}]).await;
    head = append(&book.log, "a", vec![added(2)]).await;
    views.wait::<Tallies>(head, LONG).await.unwrap();
    assert_eq!(stored().await, head);
    head = append(&book.log, "a", vec![Toy::Calmed {}]).await;
    views.wait::<Tallies>(head, LONG).await.unwrap();
    workers.stop().await;
    assert_eq!(stored().await, head);
    assert_eq!(views.get::<Tallies>("toy-a").await.unwrap().unwrap().sum, 3);
}

pub async fn a_list_has_an_index_in_its_order(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let listed = book.number(
        "select count(*) from sqlite_master where type = 'index' and sql like '%(\"owner\", \"at\", key)%'",
        "select count(*) from pg_indexes where schemaname = 'views' and indexdef like '%(owner, at, key)%'",
    );
    assert_eq!(listed.await, 1);
}

/// Reads all pages in one direction, while `between` does as it likes after each of them.
async fn walk(views: &Views<Toy>, query: &Query, forward: bool, size: u32, mut between: impl AsyncFnMut()) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let args = if forward {
            PageArgs { first: Some(size), after: cursor, ..PageArgs::default() }
        } else {
            PageArgs { last: Some(size), before: cursor, ..PageArgs::default() }
        };
        let Page { items, has_next, has_previous, .. } = views.page::<Tallies>(query, &args).await.unwrap();
        let more = if forward { has_next } else { has_previous };
        // There is something on the side that one comes from.
        assert_eq!(if forward { has_previous } else { has_next }, !keys.is_empty());
        assert!(items.len() == size as usize || !more);
        cursor = if forward { items.last() } else { items.first() }.map(|item| item.cursor.clone());
        let found = items.into_iter().map(|item| item.key);
        if forward {
            keys.extend(found)
        } else {
            keys.splice(0..0, found).for_each(drop)
        }
        if !more {
            return keys;
        }
        between().await;
    }
}

pub async fn pages_neither_skip_nor_repeat_under_inserts(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    for i in 0..60_i64 {
        append(&book.log, format!("{i:03}"), vec![added(i * 7 % 10)]).await;
    }
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(1_000).await.unwrap() != Step::Idle {}
    let (asc, desc) = (Direction::Asc, Direction::Desc);
    let orders = [
        Query::new(),
        Query::new().order_by("sum", asc),
        Query::new().order_by("sum", desc),
        Query::new().order_by("sum", asc).order_by("at", desc).order_by("owner", asc),
        Query::new().order_by("even", desc).order_by("label", asc),
        Query::new().order_by("sum", desc).ne("key", "all").lt("sum", 9),
    ];
    for (round, query) in orders.iter().enumerate() {
        for forward in [true, false] {
            let before: Vec<String> = views.all::<Tallies>(query, 10_000).await.unwrap().into_iter().map(|(key, _)| key).collect();
            let mut i = 0;
            let seen = walk(&views, query, forward, 7, async || {
                // New rows everywhere in the order; those that exist stay where they are ("all" moves, and is not looked at).
                i += 1;
                let id = format!("{:03}-{round}{forward}", i * 13 % 60);
                append(&book.log, id, vec![added(i % 10)]).await;
                while worker.step(1_000).await.unwrap() != Step::Idle {}
            });
            let seen = seen.await;
            let unique: std::collections::BTreeSet<_> = seen.iter().filter(|key| *key != "all").collect();
            assert_eq!(unique.len(), seen.iter().filter(|key| *key != "all").count(), "repeated");
            let old = |keys: &[String]| keys.iter().filter(|key| before.contains(key) && *key != "all").cloned().collect::<Vec<_>>();
            assert_eq!(old(&seen), old(&before), "skipped or out of order");
        }
    }
}

pub async fn pages_keep_their_limits(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    for i in 0..30 {
        append(&book.log, format!("{i:03}"), vec![added(i)]).await;
    }
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(1_000).await.unwrap() != Step::Idle {}
    let query = Query::new().order_by("sum", Direction::Asc).ne("key", "all");
    let page = async |args: PageArgs| views.page::<Tallies>(&query, &args).await;
    let all = page(PageArgs { total: true, ..PageArgs::default() }).await.unwrap();
    assert_eq!((all.items.len(), all.has_next, all.has_previous, all.total), (25, true, false, Some(30)));
    // Between two cursors, from either end.
    let (third, tenth) = (all.items[2].cursor.clone(), all.items[9].cursor.clone());
    let between = |first, last| PageArgs { first, last, after: Some(third.clone()), before: Some(tenth.clone()), total: false };
    let sums = |page: Page<Tally>| page.items.iter().map(|item| item.row.sum).collect::<Vec<_>>();
    let front = page(between(Some(4), None)).await.unwrap();
    assert_eq!((front.has_previous, front.has_next, sums(front)), (true, true, vec![3, 4, 5, 6]));
    let back = page(between(None, Some(2))).await.unwrap();
    assert_eq!((back.has_previous, back.has_next, sums(back)), (true, true, vec![7, 8]));
    for (args, error) in [
        (PageArgs { last: Some(1), ..PageArgs::first(1) }, PageError::FirstWithLast),
        (PageArgs::first(101), PageError::Size { asked: 101, max: 100 }),
        (PageArgs::first(0), PageError::Size { asked: 0, max: 100 }),
        (PageArgs { after: Some("%%%".into()), ..PageArgs::default() }, PageError::Cursor),
        (PageArgs { after: Some("bm9wZQ".into()), ..PageArgs::default() }, PageError::Cursor),
    ] {
        assert!(matches!(page(args).await, Err(ViewError::Page(found)) if found == error), "{error}");
    }
    // A cursor of another order.
    let other = Query::new().order_by("sum", Direction::Desc);
    let args = PageArgs { after: Some(third), ..PageArgs::default() };
    assert!(matches!(views.page::<Tallies>(&other, &args).await, Err(ViewError::Page(PageError::Cursor))));
}

pub async fn filters_compare_typed_columns(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    for i in 0..6 {
        append(&book.log, i, vec![added(i * 40)]).await;
    }
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(1_000).await.unwrap() != Step::Idle {}
    let sums = async |query: Query| {
        let query = query.ne("key", "all").order_by("sum", Direction::Asc);
        views.all::<Tallies>(&query, 100).await.unwrap().into_iter().map(|(_, row)| row.sum / 40).collect::<Vec<_>>()
    };
    let owner = |position: u128| Uuid::from_u128(position);
    assert_eq!(sums(Query::new().eq("sum", 80)).await, [2]);
    assert_eq!(sums(Query::new().gt("sum", 80).le("sum", 160)).await, [3, 4]);
    assert_eq!(sums(Query::new().ge("sum", 160)).await, [4, 5]);
    assert_eq!(sums(Query::new().within("owner", [owner(1), owner(6), owner(99)])).await, [0, 5]);
    assert_eq!(sums(Query::new().within("label", Vec::<Value>::new())).await, [0_i64; 0]);
    assert_eq!(sums(Query::new().eq("end", Value::Null)).await, [0, 1, 2]);
    assert_eq!(sums(Query::new().ne("end", Value::Null).eq("even", true)).await, [3, 4, 5]);
    assert_eq!(sums(Query::new().eq("at", Timestamp::UNIX_EPOCH).lt("key", "toy-2")).await, [0, 1]);
    let either = vec![Filter::Compare("sum", Op::Eq, 0.into()), Filter::Compare("label", Op::Gt, "toy-4".into())];
    assert_eq!(sums(Query::new().filter(Filter::Any(either))).await, [0, 5]);
    assert_eq!(sums(Query::new().filter(Filter::Any(Vec::new()))).await, [0_i64; 0]);
    let wrong = [
        Query::new().eq("sum", "80"),
        Query::new().eq("nothing", 1),
        Query::new().lt("sum", Value::Null),
        Query::new().order_by("end", Direction::Asc),
        Query::new().within("sum", vec![1_i64; 1_001]),
        Query::new().compare("sum", Op::Contains, 1),
        Query::new().compare("label", Op::Contains, Value::Null),
    ];
    for query in wrong {
        assert!(matches!(views.all::<Tallies>(&query, 1).await, Err(ViewError::Query { .. })), "{query:?}");
    }
}

pub async fn a_text_is_found_by_any_part_of_it(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    for toy in ["banana", "bandana", "100%_sure", "ananas", "o'clock?"] {
        append(&book.log, toy, vec![added(1)]).await;
    }
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(1_000).await.unwrap() != Step::Idle {}
    let found = async |part: &str| {
        let query = Query::new().ne("key", "all").contains("label", part).order_by("label", Direction::Asc);
        let rows = views.all::<Tallies>(&query, 100).await.unwrap();
        rows.into_iter().map(|(key, _)| key.trim_start_matches("toy-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ana").await, ["ananas", "banana", "bandana"]);
    assert_eq!(found("an").await, ["ananas", "banana", "bandana"]);
    assert_eq!(found("-b").await, ["banana", "bandana"]);
    // All pairs of it are there, in another order.
    assert_eq!(found("nanan").await, [""; 0]);
    assert_eq!(found("q").await, [""; 0]);
    assert_eq!(found("d").await, ["bandana"]);
    assert_eq!((found("0%_").await, found("o'clock?").await), (vec!["100%_sure".to_owned()], vec!["o'clock?".to_owned()]));
    assert_eq!(found("").await.len(), 5);
}
