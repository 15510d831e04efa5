//! The deployment, step by step as `deploy/compose.yaml` has it but without containers: roles, migration as the owner, a server and a
//! worker as the application, the health check, and the orderly end. What the files name must be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use api::config::KEYS;
use daybook_tests::server::{Client, Database, Folder, PASSWORD, Process, daybook, free_port};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const START: Duration = Duration::from_secs(60);
const ORIGIN: &str = "books.example.org/main";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// The lines of a block of YAML under a line, as names and values.
fn block(yaml: &str, under: &str) -> BTreeMap<String, String> {
    let mut lines = yaml.lines().skip_while(|line| line.trim() != under);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(lines.next().unwrap_or_else(|| panic!("{under} is not there")));
    let within = lines.take_while(|line| !line.trim().is_empty() && indent(line) > depth);
    within
        .filter_map(|line| line.trim().split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// A list in one line of a service.
fn list(yaml: &str, service: &str, key: &str) -> Vec<String> {
    let lines = yaml.lines().skip_while(|line| *line != format!("  {service}:")).skip(1);
    let mut lines = lines.take_while(|line| line.starts_with("    "));
    let line = lines.find_map(|line| line.trim().strip_prefix(&format!("{key}: "))).unwrap_or_else(|| panic!("{service} has no {key}"));
    serde_json::from_str(line).unwrap()
}

#[test]
fn what_the_files_name_is_there() {
    let (compose, docker) = (text("deploy/compose.yaml"), text("deploy/Dockerfile"));
    let known = |name: &str| KEYS.iter().any(|key| key.env == name || format!("{}_FILE", key.env) == name);
    let names = block(&compose, "environment: &environment").into_keys();
    let baked =
        docker.lines().filter_map(|line| line.strip_prefix("ENV ")).flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let names: Vec<_> = names.chain(baked.filter_map(|pair| pair.split_once('=').map(|(name, _)| name.to_owned()))).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(known(&name), "nobody reads {name}");
    }
    let example = text("deploy/.env.example");
    for variable in compose.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next()) {
        assert!(example.contains(&format!("\n{variable}=")), "{variable} is not in .env.example");
    }
    for mounted in ["postgres-init.sh", "prometheus", "grafana/provisioning", "grafana/dashboards"] {
        assert!(compose.contains(&format!("./{mounted}:")) && file("deploy").join(mounted).exists(), "{mounted}");
    }
    // The image is built from a clean context, as one of nobody's, in a form that takes signals.
    let ignored = text(".dockerignore");
    assert!(["**/target", ".git", "deploy/.env", "deploy/secret"].iter().all(|name| ignored.lines().any(|line| line == *name)));
    let from: Vec<_> = docker.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert!(from.len() == 2 && from.iter().all(|image| image.contains(':') && !image.contains(":latest")), "{from:?}");
    assert!(docker.contains("\nUSER 10001\n") && docker.contains("ENTRYPOINT [\"daybook\"]") && docker.contains("--locked"));
    let toolchain = text("Cargo.toml");
    let version = toolchain.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"').to_owned();
    assert!(from[0].starts_with(&format!("rust:{version}-")), "{} does not build what needs {version}", from[0]);
}

/// A database with the two roles that the deployment has, and the environment of its services.
struct Site {
    database: Database,
    role: String,
    folder: Folder,
}

impl Site {
    fn prepare() -> Self {
        let site = Self { database: Database::create(), role: format!("app_{}", uuid::Uuid::new_v4().simple()), folder: Folder::new() };
        let script = text("deploy/postgres-init.sh");
        let sql = script.split("<<'SQL'\n").nth(1).unwrap().split("SQL\n").next().unwrap();
        let name = site.name();
        let sql = sql.replace("database daybook ", &format!("database {name} ")).replace("daybook_app", &site.role);
        site.run(&sql.replace(":'password'", "'app-password'"));
        fs::write(site.path("secret"), "6b1f0a7c93d24e58b0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627\n").unwrap();
        let made = daybook().args(["tree", "new-key", "--origin", ORIGIN, "-o"]).arg(site.path("tree.key")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        site
    }

    fn name(&self) -> String {
        self.database.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, sql: &str) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut db = PgConnection::connect(&self.database.url()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        });
    }

    /// A service's command with the environment that compose gives it, of this machine instead of the containers'.
    fn service(&self, service: &str) -> Command {
        let compose = text("deploy/compose.yaml");
        let owner = self.database.url();
        let (scheme, rest) = owner.split_once("://").unwrap();
        let host = rest.split_once('@').unwrap().1;
        let redis = std::env::var("DAYBOOK_TEST_REDIS_URL").expect("scripts/test starts a Redis and sets it");
        let mut command = daybook();
        command.args(list(&compose, service, "command")).current_dir(self.folder.path());
        for (name, value) in block(&compose, "environment: &environment") {
            let value = match name.as_str() {
                "DATABASE_URL" => {
                    assert_eq!(value, "postgres://daybook_app:${DAYBOOK_DB_PASSWORD:?}@postgres/daybook");
                    format!("{scheme}://{}:app-password@{host}", self.role)
                }
                "REDIS_URL" => redis.clone(),
                "DAYBOOK_SECRET_FILE" => self.path("secret").display().to_string(),
                "DAYBOOK_TREE_KEY_FILE" => self.path("tree.key").display().to_string(),
                "DAYBOOK_ORIGIN" => ORIGIN.to_owned(),
                "DAYBOOK_PUBLIC_URL" => "https://api.example.org".to_owned(),
                _ => value.split_once(":-").map_or(value.clone(), |(_, default)| default.trim_end_matches('}').to_owned()),
            };
            command.env(name, value);
        }
        command.env("DAYBOOK_DATA", self.path("data")).env("DAYBOOK_KEYS_DIR", self.path("data/keys"));
        if service == "migrate" {
            command.env("DAYBOOK_OWNER_DATABASE_URL", owner);
        }
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let role = &self.role;
            self.run(&format!("drop owned by {role} cascade; drop role {role}"));
        }
    }
}

#[test]
fn the_services_start_work_and_end_in_their_order() {
    let site = Site::prepare();
    let early = site.service("api").env("DAYBOOK_LISTEN", "127.0.0.1:0").output().unwrap();
    let said = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(early.status.code() == Some(4) && said.contains("migrate up"), "before the migration: {said}");
    let migrated = site.service("migrate").output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let port = free_port();
    let mut server = Process::spawn(site.service("api").env("DAYBOOK_LISTEN", format!("127.0.0.1:{port}")), &site.path("api.log"));
    let mut worker = Process::spawn(&mut site.service("worker"), &site.path("worker.log"));
    let health: Vec<String> = list(&text("deploy/compose.yaml"), "api", "test");
    assert_eq!(health[0], "CMD");
    let asks: Vec<_> = health[1..].iter().map(|part| part.replace("4480", &port.to_string())).collect();
    let until = Instant::now() + START;
    while !Command::new(&asks[0]).args(&asks[1..]).output().unwrap().status.success() {
        let logs = || ["api.log", "worker.log"].map(|log| fs::read_to_string(site.path(log)).unwrap_or_default()).join("\n");
        assert!(server.is_running() && worker.is_running() && Instant::now() < until, "not healthy:\n{}", logs());
        std::thread::sleep(Duration::from_millis(100));
    }
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    let input =
        json!({ "email": "first@people.example", "password": PASSWORD, "name": "김하늘", "phone": "010-1234-5678", "role": "GUEST" });
    let payload = client.mutate("registerUser", "accessToken", &input).done();
    let own = client.with_token(payload["accessToken"].as_str().unwrap());
    // The worker projects what the server appends.
    assert_eq!(own.query("{ me { name } }", json!({}))["me"]["name"], "김하늘");
    let ended = [server.signal("TERM"), worker.signal("TERM")];
    assert_eq!(ended, [Some(0), Some(0)]);
}
