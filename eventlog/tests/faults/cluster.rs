//! A PostgreSQL server of one's own, to be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daybook_eventlog::StoreUrl;
use sqlx::{Connection, PgConnection};

use crate::book::{Book, temporary};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its files in a folder of its own.
pub struct Cluster {
    programs: PathBuf,
    home: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one and starts it.
    pub async fn start() -> Self {
        let home = temporary("dbk-pg");
        std::fs::create_dir_all(&home).unwrap();
        hand_over(&home);
        let mut cluster = Self { programs: programs(), home, port: 0, server: None };
        let data = cluster.data();
        let made = cluster
            .program("initdb")
            .args(["--username=daybook", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"])
            .arg(format!("--pgdata={}", data.display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster.restart().await;
        cluster
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// A program of the server: not as root, who may not run it; it dies with the test.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=INT");
        if is_root() {
            let account = account();
            command.args(["--reuid", account, "--regid", account, "--clear-groups"]);
        }
        command.arg(self.programs.join(name)).current_dir(&self.home).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts the server again after it has ended, and waits until it answers; on another port when the old one is taken.
    pub async fn restart(&mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.port == 0 {
                self.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            }
            let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("log")).unwrap();
            let mut server = self.program("postgres");
            server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
            server.args(["-c", &format!("unix_socket_directories={}", self.home.display()), "-c", "timezone=UTC"]);
            server.args(["-c", "restart_after_crash=on", "-c", "max_connections=60", "-c", "shared_buffers=16MB"]);
            self.server = Some(server.stderr(log).spawn().unwrap());
            if self.answers(until).await {
                return;
            }
            assert!(Instant::now() < until, "{}", std::fs::read_to_string(self.home.join("log")).unwrap_or_default());
        }
    }

    /// Waits for an answer; false when the server has ended, as it does while processes of the last one still live.
    async fn answers(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                connection.close().await.unwrap();
                return true;
            }
            if self.server.as_mut().is_none_or(|server| server.try_wait().unwrap().is_some()) {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://daybook@127.0.0.1:{}/{database}", self.port)
    }

    /// A fresh database.
    pub async fn book(&self, name: &str, sql: &str) -> Book {
        self.run(&format!("create database {name} {sql}")).await;
        Book { url: StoreUrl::Postgres(self.url(name)) }
    }

    pub async fn run(&self, sql: &str) {
        let mut server = PgConnection::connect(&self.url("postgres")).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut server).await.unwrap();
    }

    /// Kills the server and everything that it started, without a warning.
    pub fn kill_all(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let children = children(server.id());
        server.kill().unwrap();
        kill(&children);
        server.wait().unwrap();
    }

    /// Kills one of the processes that serve clients; the server then ends all the others and starts anew by itself.
    pub fn kill_one(&mut self, nth: usize) {
        let pid = self.server.as_ref().expect("it runs").id();
        let serving: Vec<_> = children(pid).into_iter().filter(|child| title(*child).contains("127.0.0.1")).collect();
        assert!(!serving.is_empty(), "nobody is served");
        kill(&[serving[nth % serving.len()]]);
    }

    /// Stops it as after a power cut.
    pub fn stop_immediately(&mut self) {
        let stopped = self.program("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()).status().unwrap();
        assert!(stopped.success());
        self.server.take().expect("it ran").wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill_all();
        }
        // Only litter is left behind when a process of it still writes.
        std::fs::remove_dir_all(&self.home).ok();
    }
}

fn kill(pids: &[u32]) {
    if !pids.is_empty() {
        // One that has ended meanwhile is no matter.
        Command::new("kill").arg("-KILL").args(pids.iter().map(ToString::to_string)).stderr(Stdio::null()).status().unwrap();
    }
}

/// The processes that one has started.
fn children(of: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid| parent(*pid) == Some(of)).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; state and parent follow.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn title(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Who runs the server where we are root.
fn account() -> &'static str {
    let known = std::fs::read_to_string("/etc/passwd").unwrap();
    if known.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" }
}

/// Makes a folder the account's.
pub fn hand_over(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg(account()).arg(folder).status().unwrap().success());
    }
}

/// The folder of the server's programs, of the newest version; Debian keeps them out of `PATH`.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let mut folders: Vec<_> = ["/usr/lib/postgresql", "/usr"]
        .iter()
        .flat_map(|base| std::fs::read_dir(base).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin"))))
        .collect();
    folders.sort_by_key(|folder| folder.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>());
    let mut all = on_path.into_iter().chain(folders.into_iter().rev());
    all.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .expect("PostgreSQL's programs, as scripts/test installs them")
}
