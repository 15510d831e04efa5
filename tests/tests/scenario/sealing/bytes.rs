//! Reads every byte that a book keeps.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use daybook_tests::server::{Daybook, Variant};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The world outside: the sandbox's own books.
const OUTSIDE: [&str; 2] = ["provider.ndjson", "bank.ndjson"];
/// What everybody may read: where a car is picked up.
const OPEN: &str = "세종대로 110";
/// Larger than any file of the server that a scenario fills.
const MAX_FILE: i64 = 64 << 20;

/// Texts that may stand nowhere, in the forms in which they could.
pub struct Marks {
    forms: Vec<(&'static str, Vec<u8>)>,
    /// Which forms begin with these two bytes: one look at each place of what is read.
    by_start: HashMap<[u8; 2], Vec<usize>>,
    /// Was something found that stands there in the open? Else nothing was looked through.
    open_words: Cell<bool>,
}

impl Marks {
    pub fn new(texts: &[&'static str]) -> Self {
        let forms: Vec<_> = texts.iter().flat_map(|text| forms(text).into_iter().map(|form| (*text, form))).collect();
        let mut by_start = HashMap::<_, Vec<usize>>::new();
        for (i, (_, form)) in forms.iter().enumerate() {
            by_start.entry([form[0], form[1]]).or_default().push(i);
        }
        Self { forms, by_start, open_words: Cell::new(false) }
    }

    /// The first mark in these bytes.
    fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let mut starts = vec![false; 1 << 16];
        for start in self.by_start.keys() {
            starts[usize::from(u16::from_be_bytes(*start))] = true;
        }
        let mut pair = 0_usize;
        for (at, byte) in bytes.iter().enumerate() {
            pair = (pair << 8 | usize::from(*byte)) & 0xffff;
            if starts[pair] && at > 0 {
                let here = &bytes[at - 1..];
                let forms = self.by_start.get(&[here[0], here[1]]).into_iter().flatten().map(|i| &self.forms[*i]);
                if let Some((text, _)) = forms.into_iter().find(|(_, form)| here.starts_with(form)) {
                    return Some(text);
                }
            }
        }
        None
    }
}

fn forms(text: &str) -> [Vec<u8>; 6] {
    let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    [
        text.as_bytes().to_vec(),
        text.to_uppercase().into_bytes(),
        text.to_lowercase().into_bytes(),
        text.chars().map(escaped).collect::<String>().into_bytes(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
    ]
}

/// Where the write-ahead log stood before the scenario.
pub struct Start {
    wal: Option<String>,
}

impl Start {
    pub fn note(book: &Daybook) -> Self {
        let here = |url: String| on_runtime(async { text(&mut connect(&url).await, "select pg_current_wal_lsn()::text").await });
        Self { wal: book.database_url().map(here) }
    }
}

/// Looks for every mark in everything that the book keeps; how many bytes that was.
///
/// # Panics
/// Where one is found.
pub fn looked_through(book: &Daybook, start: &Start, marks: &Marks) -> usize {
    marks.open_words.set(false);
    let mut read = in_folder(book.data(), marks);
    if book.variant() == Variant::Server {
        let url = book.database_url().unwrap();
        read += in_dump(&url, marks);
        read += on_runtime(in_pages_and_wal(&url, start.wal.as_deref().unwrap(), marks));
        read += in_redis(marks);
    }
    assert!(marks.open_words.get(), "{OPEN:?} is not sealed, and was not found");
    read
}

/// Panics when one of the marks is in these bytes.
fn look(place: &str, bytes: &[u8], marks: &Marks) -> usize {
    assert_eq!(marks.found_in(bytes), None, "can be read in {place}");
    marks.open_words.set(marks.open_words.get() || Marks::new(&[OPEN]).found_in(bytes).is_some());
    bytes.len()
}

/// Every file: databases with their free pages, write-ahead logs, indexes of shared memory, photos, keys.
fn in_folder(folder: &Path, marks: &Marks) -> usize {
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read += in_folder(&path, marks);
        } else if !OUTSIDE.iter().any(|name| path.ends_with(name)) {
            // A write-ahead log may go while we look.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            read += look(&path.display().to_string(), &bytes, marks);
        }
    }
    read
}

fn in_dump(url: &str, marks: &Marks) -> usize {
    let dump = Command::new("pg_dump").args(["--dbname", url]).output().expect("pg_dump is installed with PostgreSQL");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    assert!(Marks::new(&["COPY public.events"]).found_in(&dump.stdout).is_some(), "the dump holds the events");
    look("the dump", &dump.stdout, marks)
}

/// The server's own files of this database, free pages and all, and what it has logged since the start.
async fn in_pages_and_wal(url: &str, start: &str, marks: &Marks) -> usize {
    let mut db = connect(url).await;
    assert_eq!(text(&mut db, "select current_setting('is_superuser')").await, "on", "only a superuser reads the server's files");
    sqlx::raw_sql("checkpoint").execute(&mut db).await.unwrap();
    let pages =
        "select 'base/' || d.oid || '/' || f from pg_database d, pg_ls_dir('base/' || d.oid) f where d.datname = current_database()";
    let logs = format!(
        "select 'pg_wal/' || name from pg_ls_waldir() \
         where name between pg_walfile_name('{start}') and pg_walfile_name(pg_current_wal_lsn()) and length(name) = 24"
    );
    let mut read = 0;
    for list in [pages.to_owned(), logs] {
        let files: Vec<String> = sqlx::query_scalar(AssertSqlSafe(list)).fetch_all(&mut db).await.unwrap();
        assert!(!files.is_empty());
        for file in files {
            let bytes = sqlx::query_scalar("select pg_read_binary_file($1, 0, $2, true)").bind(&file).bind(MAX_FILE).fetch_one(&mut db);
            let bytes = Option::<Vec<u8>>::unwrap_or_default(bytes.await.unwrap());
            assert!((bytes.len() as i64) < MAX_FILE, "{file} is read to its end");
            read += look(&file, &bytes, marks);
        }
    }
    read
}

/// Every key and value of every type.
fn in_redis(marks: &Marks) -> usize {
    let url = std::env::var("DAYBOOK_TEST_REDIS_URL").expect("the server's scenarios need it");
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut redis).unwrap();
    let mut read = 0;
    for key in keys {
        read += look("the keys of Redis", key.as_bytes(), marks);
        let kind: String = redis::cmd("TYPE").arg(&key).query(&mut redis).unwrap();
        let mut all = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "list" => redis::cmd("LRANGE"),
            "zset" => redis::cmd("ZRANGE"),
            "stream" => redis::cmd("XRANGE"),
            // It went while we looked.
            _ => continue,
        };
        all.arg(&key);
        match kind.as_str() {
            "list" | "zset" => all.arg(0).arg(-1),
            "stream" => all.arg("-").arg("+"),
            _ => &mut all,
        };
        let value: redis::Value = all.query(&mut redis).unwrap();
        read += look(&format!("Redis, {key}"), &flat(&value), marks);
    }
    read
}

fn flat(value: &redis::Value) -> Vec<u8> {
    match value {
        redis::Value::BulkString(bytes) => bytes.clone(),
        redis::Value::SimpleString(text) => text.clone().into_bytes(),
        redis::Value::Array(values) | redis::Value::Set(values) => values.iter().flat_map(flat).collect(),
        redis::Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [flat(key), flat(value)].concat()).collect(),
        other => format!("{other:?}").into_bytes(),
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn text(db: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
