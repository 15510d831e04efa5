//! Behind a pooling proxy: the product shares a few connections, keeps nothing on them, and listens past it.
//! `tests/pooling/run` starts the proxy and runs this.

use daybook_tests::server::Variant;
use sqlx::{Connection as _, PgConnection};

use crate::cast::Cast;

const PROXY: &str = "tests/pooling/run sets it";

fn address(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: {PROXY}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/pooling/run starts the proxy that this needs"]
async fn it_works_on_shared_connections_and_listens_past_them() {
    let cast = tokio::task::spawn_blocking(|| {
        let cast = Cast::gather(Variant::Server);
        // A request, an approval, a capture by the provider, and what follows of them.
        let trip = cast.paid(24, 4);
        assert_eq!(cast.payment(&trip)["status"], "COMPLETED");
        cast
    });
    let cast = cast.await.unwrap();
    let database = cast.book.database_url().unwrap();
    let name = database.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();

    let mut server = PgConnection::connect(&address("DAYBOOK_TEST_LISTEN_DATABASE_URL")).await.unwrap();
    let listening =
        "select count(*) from pg_stat_activity where datname = $1 and application_name = 'daybook-hints' and query ilike 'listen%'";
    let listening: i64 = sqlx::query_scalar(listening).bind(&name).fetch_one(&mut server).await.unwrap();
    assert_eq!(listening, 2, "the log and the read models listen on connections of their own");
    let shared = "select count(*) from pg_stat_activity where datname = $1 and application_name <> 'daybook-hints'";
    let shared: i64 = sqlx::query_scalar(shared).bind(&name).fetch_one(&mut server).await.unwrap();

    let mut proxy = PgConnection::connect(&address("DAYBOOK_TEST_POOLER")).await.unwrap();
    let clients = sqlx::raw_sql("show clients").fetch_all(&mut proxy).await.unwrap();
    let ours =
        clients.iter().filter(|row| sqlx::Row::try_get::<String, _>(*row, "database").is_ok_and(|database| database == name)).count();
    assert!(shared >= 1 && i64::try_from(ours).unwrap() > shared, "{ours} clients on {shared} connections to the server");
    tokio::task::spawn_blocking(move || drop(cast)).await.unwrap();
}
