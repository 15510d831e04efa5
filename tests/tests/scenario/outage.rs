//! The database is cut off: the process lives, says that it is not ready, tells its metrics, refuses in plain words, and goes on when
//! the database is back.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use daybook_tests::server::{Daybook, Folder, PASSWORD, Process, Variant, free_port};
use serde_json::{Value, json};

use crate::cast::sign_up;

/// How soon a prober must have its answer: two seconds of the server's own patience, on a machine that is shared.
const SOON: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// A line to the database that can be cut.
#[derive(Clone)]
struct Line {
    port: u16,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    fn to(database: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Self { port: listener.local_addr().unwrap().port(), cut: Arc::default(), open: Arc::default() };
        let own = line.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok).filter(|_| !own.cut.load(Ordering::SeqCst)) {
                let Ok(far) = TcpStream::connect(&database) else { continue };
                let mut open = own.open.lock().unwrap_or_else(PoisonError::into_inner);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    open.push(from.try_clone().unwrap());
                    thread::spawn(move || {
                        // Until one of them hangs up.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        line
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Status and body of an answer, and how long it took.
fn ask(port: u16, head: &str, body: &str) -> Option<(u16, String, Duration)> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!(
        "{head} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned(), begun.elapsed()))
}

/// The server that is asked goes through the line; another one beside it does the work, and is not meant.
#[test]
fn a_database_that_is_cut_off_is_told_and_survived() {
    let book = Daybook::start(Variant::Server);
    sign_up(&book, "minjun", "GUEST");
    let url = book.database_url().unwrap();
    let (before, rest) = url.rsplit_once('@').or_else(|| url.split_once("://")).unwrap();
    let (authority, database) = rest.split_once('/').unwrap();
    let server = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:5432") };
    let line = Line::to(server);
    let through = format!("{before}{}127.0.0.1:{}/{database}", if url.contains('@') { "@" } else { "://" }, line.port);
    let (folder, port) = (Folder::new(), free_port());
    let mut command = book.configured();
    command.arg("serve").env("DATABASE_URL", through).env("DAYBOOK_LISTEN", format!("127.0.0.1:{port}")).env("DAYBOOK_WORKERS", "off");
    command.env("DAYBOOK_MIGRATE", "off").env("DAYBOOK_LIMITS", "off").env("DAYBOOK_PROVIDER_BOOK", folder.path().join("provider"));
    let mut process = Process::spawn(&mut command, &folder.path().join("log"));
    let ready = || ask(port, "GET /readyz", "").is_some_and(|(status, _, _)| status == 200);
    let wait = |wanted: bool| {
        let until = Instant::now() + PATIENCE;
        while ready() != wanted {
            assert!(Instant::now() < until, "ready is not {wanted}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    wait(true);
    line.cut();
    wait(false);
    let (status, body, took) = ask(port, "GET /readyz", "").unwrap();
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["ready"], &told["checks"]["store"]["ok"]), (503, &json!(false), &json!(false)), "{told}");
    assert!(took < SOON, "it said so after {took:?}");
    let (status, _, took) = ask(port, "GET /metrics", "").unwrap();
    assert!(status == 200 && took < SOON, "metrics: {status} after {took:?}");
    assert_eq!(ask(port, "GET /livez", "").unwrap().0, 200, "it lives");
    let login = |email: &str| {
        let input = json!({ "input": { "email": email, "password": PASSWORD } });
        let query = "mutation($input: LoginInput!) { login(input: $input) { accessToken userErrors { code } } }";
        let (status, body, _) = ask(port, "POST /graphql", &json!({ "query": query, "variables": input }).to_string()).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let refused = login("minjun@people.example");
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["retryable"]),
        (&json!("SYS008"), &json!(true)),
        "no defect, and worth another try: {refused}"
    );
    line.mend();
    wait(true);
    assert!(login("minjun@people.example")["data"]["login"]["accessToken"].is_string());
    assert_eq!(process.signal("TERM"), Some(0));
}

/// A database that answers every question and takes no writes: a standby after a failover, and like a full disk.
#[test]
fn a_database_that_takes_no_writes_is_told() {
    let book = Daybook::start(Variant::Server);
    sign_up(&book, "minjun", "GUEST");
    let url = book.database_url().unwrap();
    let database = url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let set = |how: &str| {
        let statements = [
            "set default_transaction_read_only = off".to_owned(),
            format!("alter database {database} {how}"),
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and pid <> pg_backend_pid()"),
        ];
        runtime.block_on(async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
            for statement in statements {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
            }
        });
    };
    let ready = || {
        let (status, body) = book.client().get("/readyz").unwrap();
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let wait = |wanted: u16| {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, told) = ready();
            if status == wanted && (status == 200 || told["checks"]["store"]["ok"] == true) {
                return told;
            }
            assert!(Instant::now() < until, "{wanted} was expected: {told}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    wait(200);
    set("set default_transaction_read_only = on");
    let told = wait(503);
    assert_eq!((&told["ready"], &told["checks"]["writes"]["ok"]), (&json!(false), &json!(false)), "{told}");
    assert!(
        told["checks"]["writes"]["reason"].is_string() && !told.to_string().contains("cannot execute"),
        "a reason, and no internals: {told}"
    );
    assert_eq!(book.client().status("/livez"), Some(200));
    let input = json!({ "email": "minjun@people.example", "password": PASSWORD });
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken userErrors { code } } }";
    let refused = book.client().send(login, &json!({ "input": input }));
    assert_eq!((refused.code(), &refused.body["errors"][0]["extensions"]["retryable"]), ("SYS008", &json!(true)), "{refused:?}");
    set("reset default_transaction_read_only");
    wait(200);
    assert!(book.client().login("minjun@people.example", PASSWORD).token().is_some());
}
