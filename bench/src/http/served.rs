//! Servers as processes of their own: `daybook serve` as it is released, and the peer, which is this binary under another command.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use uuid::Uuid;

use super::Plan;
use super::wire::Wire;
use crate::error::Failure;
use crate::place::{Place, SECRET};

/// A server is ready within this time.
const START: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// It ends within this time.
const STOP: Duration = Duration::from_secs(15);
/// The name of the log in its tree heads.
const ORIGIN: &str = "bench.example/http";

/// A running server, killed when it is dropped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Served {
    /// Starts `daybook serve` with workers, idempotency, sealing and log lines as it comes; only limits of callers are off.
    pub async fn daybook(place: &Place, plan: &Plan) -> Result<Self, Failure> {
        let (url, keys) = postgres(place)?;
        let folder = folder()?;
        let key = folder.join("tree.key");
        let made = clean(&plan.binary).args(["tree", "new-key", "--origin", ORIGIN, "-o"]).arg(&key).output().await;
        let made =
            made.map_err(|error| Failure::Usage(format!("{} cannot be run ({error}); --daybook-bin names it", plan.binary.display())))?;
        if !made.status.success() {
            return Err(Failure::Usage(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        let secret: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
        let address = free_address()?;
        let mut command = clean(&plan.binary);
        command
            .arg("serve")
            .current_dir(&folder)
            .env("DATABASE_URL", url)
            .env("DAYBOOK_OWNER_DATABASE_URL", url)
            .env("DAYBOOK_SECRET", secret)
            .env("DAYBOOK_KEYS_DIR", keys)
            .env("DAYBOOK_DATA", folder.join("data"))
            .env("DAYBOOK_ORIGIN", ORIGIN)
            .env("DAYBOOK_TREE_KEY_FILE", &key)
            .env("DAYBOOK_LISTEN", address.to_string())
            .env("DAYBOOK_LIMITS", "off")
            .env("DAYBOOK_COST_PER_MINUTE", "0");
        if let Some(redis) = &plan.redis_url {
            command.env("REDIS_URL", redis);
        }
        Self::ready(command, address, folder).await
    }

    /// Starts the peer.
    pub async fn peer(place: &Place) -> Result<Self, Failure> {
        let (url, _) = postgres(place)?;
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["http-peer", "--listen", &address.to_string()]).env("DAYBOOK_BENCH_DATABASE_URL", url);
        Self::ready(command, address, folder()?).await
    }

    async fn ready(mut command: Command, address: SocketAddr, folder: PathBuf) -> Result<Self, Failure> {
        let log = folder.join("log");
        let file = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true).spawn()?;
        let mut served = Self { address, child, folder };
        let until = Instant::now() + START;
        loop {
            if let Ok(mut wire) = Wire::connect(address).await
                && let Ok((200, _)) = wire.get("/readyz").await
            {
                return Ok(served);
            }
            if served.child.try_wait()?.is_some() || Instant::now() >= until {
                return Err(Failure::Wrong(format!("a server does not start:\n{}", tail(&log))));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Ends it as an operator does, which must take effect in time, and removes its files.
    pub async fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status().await?;
        let ended = tokio::time::timeout(STOP, self.child.wait()).await;
        let log = tail(&self.folder.join("log"));
        std::fs::remove_dir_all(&self.folder)?;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::Wrong(format!("a server ended with {status}:\n{log}"))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::Wrong(format!("a server did not end in time:\n{log}"))),
        }
    }
}

/// The product with nothing of our own environment that would configure it.
fn clean(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    let names = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("DAYBOOK_"));
    for name in names.chain(["DATABASE_URL".into(), "REDIS_URL".into()]) {
        command.env_remove(name);
    }
    command
}

fn postgres(place: &Place) -> Result<(&str, &Path), Failure> {
    match place {
        Place::Postgres { url, keys, .. } => Ok((url, keys)),
        Place::Sqlite(_) => Err(Failure::Usage("this is measured on PostgreSQL".to_owned())),
    }
}

fn folder() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("bench-{}", Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// An address that nobody listens on now.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
