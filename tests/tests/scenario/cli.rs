//! The command line: what it prints, how it ends, and the fix that every error names.

use std::process::Command;

use daybook_tests::server::{Daybook, Folder, Variant, daybook};

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Exit code, standard output and standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code(), out, err)
}

fn on(folder: &Folder) -> Command {
    let mut command = daybook();
    command.env("DATABASE_URL", format!("sqlite://{}", folder.path().display())).env("DAYBOOK_DATA", folder.path());
    command
}

#[test]
fn configuration_says_where_each_value_came_from_and_shows_no_secret() {
    let folder = Folder::new();
    let file = folder.path().join("daybook.toml");
    std::fs::write(&file, "log = \"warn\"\ncors_origins = [\"https://a.example\", \"https://b.example\"]\n").unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let mut command = on(&folder);
    command.args(["config", "--show", "--sources", "--redis-url", "redis://:hunter2@localhost", "--config"]).arg(&file);
    command.env("DAYBOOK_SECRET_FILE", folder.path().join("secret")).env("DAYBOOK_LISTEN", "127.0.0.1:9999");
    let (code, out, err) = run(&mut command);
    assert_eq!(code, Some(0), "{err}");
    for line in [
        "listen = \"127.0.0.1:9999\"  # DAYBOOK_LISTEN",
        "secret = \"********\"  # DAYBOOK_SECRET_FILE",
        "limits = \"on\"  # default",
        "cors_origins = \"https://a.example,https://b.example\"",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    assert!(out.contains("# flag") && out.contains("daybook.toml") && !out.contains("hunter2") && !out.contains(SECRET), "{out}");
}

#[test]
fn what_is_wrong_in_the_configuration_is_named_with_its_fix() {
    let folder = Folder::new();
    for (name, value, hint) in [
        ("DAYBOOK_LISTN", "x", "did you mean `DAYBOOK_LISTEN`?"),
        ("DAYBOOK_TRUSTED_PROXIES", "example.org", "`trusted_proxies` is"),
        ("DAYBOOK_CORS_ORIGINS", "*", "`cors_origins` is"),
        ("DAYBOOK_TLS_CERT", "cert.pem", "`tls_cert` is"),
        ("DAYBOOK_LIMITS", "perhaps", "`limits` is"),
        ("DAYBOOK_SEND_TIMEOUT_S", "0", "`send_timeout_s` is"),
        ("DAYBOOK_SEND_TIMEOUT", "30", "did you mean `DAYBOOK_SEND_TIMEOUT_S`?"),
    ] {
        let (code, _, err) = run(on(&folder).env(name, value).args(["config", "--show"]));
        assert_eq!(code, Some(2), "{name}: {err}");
        assert!(err.contains("error: ") && err.contains("hint: ") && err.contains(hint), "{name}: {err}");
    }
    let (code, _, _) = run(daybook().arg("no-such-command"));
    assert_eq!(code, Some(2));
}

#[test]
fn what_stands_in_the_way_of_a_start_is_named_with_its_fix() {
    let (folder, taken) = (Folder::new(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let key = folder.path().join("tree.key");
    let (code, _, err) = run(daybook().args(["tree", "new-key", "--origin", "daybook.local/dev", "-o"]).arg(&key));
    assert_eq!(code, Some(0), "{err}");
    let postgres = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect("scripts/test starts a PostgreSQL");
    let elsewhere = format!("{}/no_such_database", postgres.rsplit_once('/').unwrap().0);
    let (here, busy) = (format!("sqlite://{}", folder.path().display()), taken.local_addr().unwrap().to_string());
    let anywhere = "127.0.0.1:0";
    for (database, redis, listen, hint) in [
        ("postgres://nobody:hunter2@127.0.0.1:1/books", None, anywhere, "host and port in DATABASE_URL"),
        (elsewhere.as_str(), None, anywhere, "createdb"),
        ("sqlite:///proc/nowhere", None, anywhere, "sqlite://FOLDER"),
        (here.as_str(), Some("http://127.0.0.1"), anywhere, "redis://HOST"),
        (here.as_str(), None, busy.as_str(), "--listen"),
    ] {
        let mut command = daybook();
        command.args(["serve", "--workers=off"]).env("DATABASE_URL", database).env("DAYBOOK_LISTEN", listen).env("DAYBOOK_SECRET", SECRET);
        command.env("DAYBOOK_TREE_KEY_FILE", &key).env("DAYBOOK_DATA", folder.path()).env("DAYBOOK_KEYS_DIR", folder.path().join("keys"));
        let (code, _, err) = run(command.envs(redis.map(|url| ("REDIS_URL", url))));
        assert_eq!(code, Some(4), "{database}: {err}");
        assert!(err.contains("error: ") && err.contains("hint: ") && err.contains(hint), "{database}: {err}");
        assert!(!err.contains("hunter2") && !err.contains(SECRET), "{err}");
    }
}

#[test]
fn a_schema_is_looked_at_tried_and_brought_up_to_date() {
    let folder = Folder::new();
    let (code, _, err) = run(on(&folder).args(["migrate", "status"]));
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("hint: run `daybook migrate up`"), "{err}");
    let (code, out, _) = run(on(&folder).args(["migrate", "up", "--dry-run"]));
    assert!(code == Some(0) && out.contains("would apply") && !folder.path().join("log.db").exists(), "{out}");
    let (code, out, err) = run(on(&folder).args(["migrate", "up"]));
    assert!(code == Some(0) && out.contains("applied: log"), "{out}{err}");
    let (code, out, _) = run(on(&folder).args(["--quiet", "migrate", "status"]));
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let (code, out, _) = run(on(&folder).args(["migrate", "up"]));
    assert!(code == Some(0) && out.contains("is up to date"), "{out}");
}

#[test]
fn a_newer_schema_is_refused_in_plain_words() {
    let mut book = Daybook::start_with(Variant::Server, &[]);
    assert_eq!(book.terminate(), Some(0));
    on_its_database(
        &book,
        "insert into log_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0)",
    );
    for arguments in [["serve", "--no-migrate"], ["serve", "--workers=off"]] {
        let (code, _, err) = run(book.configured().args(arguments));
        assert!(code == Some(4) && err.contains("is newer than this program") && err.contains("hint: "), "{code:?} {err}");
    }
    let (code, _, err) = run(book.configured().args(["migrate", "up"]));
    assert!(code == Some(3) && err.contains("use the newer program"), "{code:?} {err}");
}

/// Of the same version, but made by another build: nothing is opened, and it is said why.
#[test]
fn a_schema_that_another_build_made_is_refused_in_plain_words() {
    let mut book = Daybook::start_with(Variant::Server, &[]);
    assert_eq!(book.terminate(), Some(0));
    on_its_database(&book, "update log_migrations set checksum = sha256(checksum) where version = 4");
    let why = "migration 4 of the database is not the one of this program";
    for (arguments, expected) in [(["serve", "--no-migrate"], 4), (["serve", "--workers=off"], 4), (["migrate", "status"], 3)] {
        let (code, _, err) = run(book.configured().args(arguments));
        assert!(code == Some(expected) && err.contains(why) && err.contains("hint: "), "{arguments:?}: {code:?} {err}");
    }
    let (code, out, _) = run(book.configured().arg("doctor"));
    assert!(code == Some(4) && out.contains("failed database") && out.contains(why), "{code:?} {out}");
}

fn on_its_database(book: &Daybook, sql: &'static str) {
    let url = book.database_url().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        let mut db = sqlx::PgConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut db).await.unwrap();
    });
}

#[test]
fn a_doctor_looks_at_everything_that_a_server_needs() {
    let book = Daybook::start_with(Variant::Server, &[]);
    let (code, out, err) = run(book.configured().args(["doctor", "--json"]));
    assert_eq!(code, Some(0), "{out}{err}");
    for check in ["database", "redis", "data"] {
        assert!(out.lines().any(|line| line.contains(&format!("\"check\":\"{check}\"")) && line.contains("\"ok\":true")), "{check}: {out}");
    }
    let (code, out, err) = run(book.configured().env("REDIS_URL", "redis://127.0.0.1:1").arg("doctor"));
    assert!(code == Some(4) && out.contains("failed redis") && err.contains("hint: "), "{out}{err}");
}

#[test]
fn a_shell_can_be_told_the_commands() {
    let (code, out, _) = run(daybook().args(["completions", "bash"]));
    assert!(code == Some(0) && out.contains("daybook") && out.contains("migrate"));
    let (code, out, _) = run(daybook().args(["schema", "--sdl"]));
    assert!(code == Some(0) && out.contains("type Mutation"));
}
