//! A real Daybook: its binary as a process of its own, reached over HTTP and WebSocket alone.

mod binary;
mod client;
mod database;
mod process;
mod socket;
mod watch;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

pub use binary::{binary, daybook, replay_tools};
pub use client::{Answer, Client, Outcome, codes, texts};
pub use database::Database;
pub use process::Process;
pub use socket::Socket;
pub use watch::Watch;

/// How long a server may take to be ready; generous, because tests share the machine.
const START: Duration = Duration::from_secs(60);
/// Tries of a free port: somebody else may be quicker.
const PORTS: usize = 5;
/// The secret of every server under test.
const SECRET: &str = "6b1f0a7c93d24e58b0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627";
/// The key that signs the tree heads of every server under test.
const TREE_KEY: &str = "PRIVATE+KEY+daybook.local/dev+2094fe7b+AeDB4ULVDMhrIRQk7ivbiuRUTCzHDKbQ8i2tM/3QsXbd";
/// What every server under test believes that the provider signs its notices of payouts with.
pub const NOTICE_SECRET: &str = "the-provider-and-the-server-alone";
/// The password of everybody in the tests.
pub const PASSWORD: &str = "Correct-horse-battery-9";

/// Which of the two ways to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `daybook dev` on SQLite.
    Embedded,
    /// `daybook serve` on PostgreSQL and Redis.
    Server,
}

/// A book in a folder or database of its own, and the process that serves it.
#[derive(Debug)]
pub struct Daybook {
    variant: Variant,
    folder: Folder,
    database: Option<Database>,
    settings: Vec<(&'static str, &'static str)>,
    process: Option<Process>,
    url: String,
    ready: Value,
    horizon: client::Horizon,
    watch: Watch,
}

impl Daybook {
    /// Starts one on an empty book, or with the demo that `dev` begins with. The business clock can be moved.
    #[must_use]
    pub fn start(variant: Variant) -> Self {
        Self::start_with(variant, &[("DAYBOOK_ADVANCE_CLOCK", "on")])
    }

    /// Starts one with settings in its environment; `dev` reads none.
    #[must_use]
    pub fn start_with(variant: Variant, settings: &[(&'static str, &'static str)]) -> Self {
        let database = (variant == Variant::Server).then(Database::create);
        let mut book = Self {
            variant,
            folder: Folder::new(),
            database,
            settings: settings.to_vec(),
            process: None,
            url: String::new(),
            ready: Value::Null,
            horizon: client::Horizon::default(),
            watch: Watch::default(),
        };
        book.launch();
        book
    }

    fn launch(&mut self) {
        match self.variant {
            Variant::Embedded => self.launch_dev(),
            Variant::Server => self.launch_serve(),
        }
    }

    fn launch_dev(&mut self) {
        let data = self.folder.path().display().to_string();
        let mut process = Process::spawn(daybook().args(["dev", "--json", "--port", "0", "--data", &data]), &self.log());
        self.ready = serde_json::from_str(&process.line(START)).expect("`dev --json` prints one line of JSON");
        self.url = self.ready["url"].as_str().expect("the line names the url").to_owned();
        self.process = Some(process);
    }

    fn launch_serve(&mut self) {
        for _ in 0..PORTS {
            let port = free_port();
            self.url = format!("http://127.0.0.1:{port}");
            let mut command = self.configured();
            // Tests ask more often than anybody may; those of the limits turn them on.
            command
                .arg("serve")
                .env("DAYBOOK_LISTEN", format!("127.0.0.1:{port}"))
                .env("DAYBOOK_LIMITS", "off")
                .envs(self.settings.iter().copied());
            let mut process = Process::spawn(&mut command, &self.log());
            let until = Instant::now() + START;
            while process.is_running() {
                if self.client().get("/readyz").is_some_and(|(status, _)| status == 200) {
                    self.process = Some(process);
                    return;
                }
                assert!(Instant::now() < until, "the server is not ready in time:\n{}", self.logged());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("the server does not start:\n{}", self.logged());
    }

    /// A command of the product with the configuration of this book in its environment.
    ///
    /// # Panics
    /// On the embedded variant: it needs no configuration.
    #[must_use]
    pub fn configured(&self) -> std::process::Command {
        let database = self.database.as_ref().expect("only a server is configured");
        let redis = std::env::var("DAYBOOK_TEST_REDIS_URL");
        let mut command = daybook();
        command
            .env("DATABASE_URL", database.url())
            .env("DAYBOOK_OWNER_DATABASE_URL", database.url())
            .env("REDIS_URL", redis.expect("DAYBOOK_TEST_REDIS_URL is set; scripts/test starts a Redis and sets it"))
            .env("DAYBOOK_SECRET", SECRET)
            .env("DAYBOOK_PAYOUT_NOTICE_SECRET", NOTICE_SECRET)
            .env("DAYBOOK_COST_PER_MINUTE", "0")
            .env("DAYBOOK_TREE_KEY", TREE_KEY)
            .env("DAYBOOK_KEYS_DIR", self.folder.path().join("keys"))
            .env("DAYBOOK_DATA", self.folder.path());
        // Where the tests go through a pooling proxy (tests/pooling/run).
        if let Some(listen) = database.listen_url() {
            command.env("DAYBOOK_LISTEN_DATABASE_URL", listen);
        }
        command
    }

    /// Creates a verified user who holds these roles, and signs in.
    #[must_use]
    pub fn staff(&self, name: &str, roles: &str) -> Client {
        let email = format!("{name}@staff.example");
        let (code, output) = self.create_user(&email, roles, &[], PASSWORD);
        assert_eq!(code, Some(0), "{output}");
        self.client().login(&email, PASSWORD)
    }

    /// `daybook admin create-user` with further arguments and this on standard input: the exit code, and what it printed.
    #[must_use]
    pub fn create_user(&self, email: &str, roles: &str, more: &[&str], input: &str) -> (Option<i32>, String) {
        let mut command = self.configured();
        command
            .args(["admin", "create-user", "--email", email, "--name", "김직원", "--phone", "010-2345-6789", "--role", roles])
            .args(more);
        process::fed(&mut command, input)
    }

    /// How another program opens the log of this book, beside the server, with the server's keys.
    ///
    /// # Panics
    /// When `dev` has not made its secret.
    #[must_use]
    pub fn log_config(&self) -> eventlog::Config {
        let data = self.folder.path();
        let (url, secret) = match &self.database {
            Some(database) => (database.url().parse().expect("our own address"), hex(SECRET)),
            None => (eventlog::StoreUrl::Sqlite(data.to_path_buf()), fs::read(data.join("secret")).expect("dev has made its secret")),
        };
        let secret = secret.try_into().expect("32 bytes");
        eventlog::Config { url, secret, migrate: false, keys: eventlog::KeySource::Folder(data.join("keys")) }
    }

    /// The address of its database, where it has one.
    #[must_use]
    pub fn database_url(&self) -> Option<String> {
        self.database.as_ref().map(Database::url)
    }

    /// Which variant it is.
    #[must_use]
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// Where its data are: photos, the sandbox's books and, on the embedded variant, the databases.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// What `dev --json` printed.
    #[must_use]
    pub const fn ready(&self) -> &Value {
        &self.ready
    }

    /// A client that is not signed in.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::seeing(&self.url, self.horizon.clone(), self.watch.clone())
    }

    /// The demo user of this name.
    ///
    /// # Panics
    /// When the demo has nobody of that name.
    #[must_use]
    pub fn demo(&self, name: &str) -> Client {
        self.client().with_token(self.ready["tokens"][name].as_str().expect("a token of a demo user"))
    }

    /// The verification code that went to this address last, from the server's log.
    ///
    /// # Panics
    /// When none appears in time.
    #[must_use]
    pub fn code_for(&self, email: &str) -> String {
        let shown = format!("{}***@{}", &email[..1], email.split_once('@').map_or("", |(_, host)| host));
        self.code_after(&shown, "verification code: ")
    }

    /// The code that stands after these words in the newest message to a masked recipient, from the server's log.
    ///
    /// # Panics
    /// When none appears in time.
    #[must_use]
    pub fn code_after(&self, shown: &str, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let lines = self.logged();
            let found = lines.lines().rev().filter(|line| line.contains("daybook::outbox") && line.contains(shown));
            let code = found.filter_map(|line| line.split_once(words)).map(|(_, rest)| rest).next();
            if let Some(code) = code {
                return code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
            }
            assert!(Instant::now() < until, "no code for {shown} in the log:\n{lines}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`: nothing is finished, nothing is flushed.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGTERM; the exit code.
    ///
    /// # Panics
    /// When it does not run, or does not end in time.
    pub fn terminate(&mut self) -> Option<i32> {
        self.process.take().expect("it runs").signal("TERM")
    }

    /// Starts it again on the same data. Clients and sockets of before are void, tokens are not.
    ///
    /// # Panics
    /// When it still runs.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        self.launch();
    }

    /// The same user on the server as it is now.
    #[must_use]
    pub fn again(&self, client: &Client) -> Client {
        self.client().with_token(client.token().unwrap_or_default())
    }

    /// Everything that it has logged so far.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn logged(&self) -> String {
        fs::read_to_string(self.log()).expect("the log is there")
    }

    /// The payloads of all events, as they are stored; nothing where the log cannot be opened (some tests break it on purpose).
    fn payloads(&self) -> String {
        let read = async {
            let log = eventlog::Log::open(self.log_config()).await.ok()?;
            let (mut text, mut after) = (String::new(), 0);
            while let Ok(events) = log.read(after, eventlog::MAX_READ).await
                && let Some(last) = events.last()
            {
                after = last.position;
                events.iter().for_each(|event| text.extend([event.payload.as_ref(), "\n"]));
            }
            log.close().await;
            Some(text)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        // On a thread of its own: the test that lets the server go may be on a runtime.
        let read = || runtime.ok().and_then(|runtime| runtime.block_on(read));
        std::thread::scope(|scope| scope.spawn(read).join().ok().flatten()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().with_extension("log")
    }
}

impl Drop for Daybook {
    fn drop(&mut self) {
        // Before the folder and the database that it uses.
        drop(self.process.take());
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", fs::read_to_string(self.log()).unwrap_or_default());
        } else if self.log().exists() {
            self.watch.look_through(&self.logged(), &self.payloads());
        }
        // Best effort: it is in the folder for temporary files.
        let _ = fs::remove_file(self.log());
    }
}

/// A folder that goes away.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder; that is no default value")]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("daybook-scenario-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).expect("a temporary folder can be made");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: it is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal digits")).collect()
}

/// A port that nobody listens on at this moment.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
