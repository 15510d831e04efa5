//! A Redis of one's own, to empty and to kill.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use uuid::Uuid;

const NO_REDIS: &str = "these tests start a redis-server of their own; scripts/test installs it";

/// A Redis without clients but those of one test, in a folder of its own.
pub struct RedisServer {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one that is empty.
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-redis-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        // A port that nobody listens on: bound, asked for its number, and let go.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { port, folder, child: None };
        server.up().await;
        server
    }

    /// Starts it again, with what its folder holds.
    pub async fn up(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).arg("--dir").arg(&self.folder);
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(NO_REDIS));
        for _ in 0..200 {
            if self.try_say(&["PING"]).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the redis-server does not answer");
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A command that must work.
    pub async fn say(&self, words: &[&str]) {
        self.try_say(words).await.unwrap();
    }

    async fn try_say(&self, words: &[&str]) -> Result<(), redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async::<redis::Value>(&mut connection).await.map(drop)
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Takes away what it has saved.
    pub fn lose_its_disk(&self) {
        let _ = std::fs::remove_file(self.folder.join("dump.rdb"));
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
