//! Transfers over HTTP, against a server that runs already: the same clients as in `transfers`, each on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::clients::{Client, Contestant, Load, drive};
use crate::error::Failure;
use crate::report::Printer;

/// Accounts that one mutation creates.
const CHUNK: u64 = 500;
/// Most bytes of an answer: 8,000 lines.
const MAX_BYTES: usize = 8 << 20;

/// A running server, and how to ask it.
#[derive(Args)]
pub struct HttpArgs {
    /// Where it listens, for example 127.0.0.1:8080; without TLS.
    #[arg(long)]
    address: String,
    /// An API key or access token of somebody with the role SERVICE or FINANCE.
    #[arg(long, env = "DAYBOOK_BENCH_TOKEN")]
    token: String,
    /// Accounts between which is transferred.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..))]
    accounts: u64,
    /// Clients at a time.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Transfers of a call.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=8_000))]
    size: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// A connection that stays open.
struct Connection {
    stream: TcpStream,
    address: String,
    token: String,
    read: Vec<u8>,
}

impl Connection {
    async fn open(args: &HttpArgs) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&args.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address: args.address.clone(), token: args.token.clone(), read: Vec::new() })
    }

    /// Sends one request and reads its answer, which must be 200.
    async fn post(&mut self, path: &str, kind: &str, body: &str) -> Result<Vec<u8>, Failure> {
        let (address, token, key, length) = (&self.address, &self.token, Uuid::new_v4(), body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
             content-type: {kind}\r\naccept: */*\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let end = self.until(0, b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        self.read.drain(..end);
        let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned);
        let answer = match of("content-length:").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => self.bytes(length).await?,
            None if of("transfer-encoding:").as_deref() == Some("chunked") => self.chunks().await?,
            None => return Err(Failure::Wrong("an answer without a length".into())),
        };
        match head.starts_with("http/1.1 200") {
            true => Ok(answer),
            false => Err(Failure::Wrong(format!("{} {}", head.lines().next().unwrap_or_default(), String::from_utf8_lossy(&answer)))),
        }
    }

    /// Reads on until the text has come; where it ends.
    async fn until(&mut self, from: usize, text: &[u8]) -> Result<usize, Failure> {
        loop {
            let found = self.read[from..].windows(text.len()).position(|window| window == text);
            if let Some(found) = found {
                return Ok(from + found + text.len());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(Failure::Wrong("the server hung up".into())),
            _ if self.read.len() > MAX_BYTES => Err(Failure::Wrong("the answer is too long".into())),
            _ => Ok(()),
        }
    }

    async fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let end = self.until(0, b"\r\n").await?;
            let line = String::from_utf8_lossy(&self.read[..end - 2]).into_owned();
            self.read.drain(..end);
            let length = usize::from_str_radix(&line, 16).map_err(|_| Failure::Wrong(format!("no length of a chunk: {line:?}")))?;
            let chunk = self.bytes(length + 2).await?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }
}

/// The clients of one book of the server.
struct Callers<'a> {
    args: &'a HttpArgs,
    book: String,
    next_id: Arc<AtomicU64>,
}

/// One of them.
struct Caller {
    connection: Connection,
    path: String,
    accounts: u64,
    size: u64,
    next_id: Arc<AtomicU64>,
}

impl Contestant for Callers<'_> {
    type Client = Caller;

    async fn client(&self) -> Result<Caller, Failure> {
        let (accounts, size, next_id) = (self.args.accounts, self.args.size, Arc::clone(&self.next_id));
        let path = format!("/ledger/transfers?book={}", self.book);
        Ok(Caller { connection: Connection::open(self.args).await?, path, accounts, size, next_id })
    }
}

impl Client for Caller {
    async fn next(&mut self) -> Result<u64, Failure> {
        let first = self.next_id.fetch_add(self.size, Ordering::Relaxed);
        let mut body = String::new();
        for id in first..first + self.size {
            let debit = id.wrapping_mul(7_368_787) % self.accounts;
            let (from, to) = (debit + 1, (debit + 1 + id % (self.accounts - 1)) % self.accounts + 1);
            body += &format!(
                "{{\"id\":\"{id}\",\"debit_account_id\":\"{from}\",\"credit_account_id\":\"{to}\",\"amount\":\"5\",\"ledger\":700,\"code\":10}}\n"
            );
        }
        let answer = self.connection.post(&self.path, "application/x-ndjson", &body).await?;
        let created = answer.split(|byte| *byte == b'\n').filter(|line| line.windows(9).any(|word| word == b"\"created\"")).count() as u64;
        match created == self.size {
            true => Ok(created),
            false => Err(Failure::Wrong(format!("{created} of {}: {}", self.size, String::from_utf8_lossy(&answer)))),
        }
    }
}

/// Opens the accounts of a fresh book, then measures.
pub async fn measure(args: &HttpArgs) -> Result<bool, Failure> {
    let book = format!("b{:.20}", Uuid::new_v4().simple().to_string());
    let mut connection = Connection::open(args).await?;
    for first in (1..=args.accounts).step_by(usize::try_from(CHUNK).unwrap_or(1)) {
        let accounts: Vec<_> =
            (first..=args.accounts.min(first + CHUNK - 1)).map(|id| json!({ "id": id.to_string(), "ledger": "700", "code": 1 })).collect();
        let query = "mutation($input: CreateAccountsInput!) { createAccounts(input: $input) { userErrors { message } } }";
        let input = json!({ "idempotencyKey": Uuid::new_v4().to_string(), "book": book, "accounts": accounts });
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let answer = connection.post("/graphql", "application/json", &body).await?;
        if !String::from_utf8_lossy(&answer).contains("\"userErrors\":[]") {
            return Err(Failure::Wrong(String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    let callers = Callers { args, book, next_id: Arc::new(AtomicU64::new(1)) };
    let load = Load { clients: args.clients, warm_up: Duration::from_secs(1), measured: Duration::from_secs(args.seconds.max(1)) };
    let measured = drive(&callers, &load).await?;
    if let Some(error) = &measured.first_error {
        eprintln!("{error}");
    }
    let quantile = |q| measured.latencies.value_at_quantile(q) as f64 / 1_000.0;
    Printer { json: args.json }.figures(
        "transfers-http",
        &[
            ("clients", args.clients as f64),
            ("transfers_per_s", measured.rate() * args.size as f64),
            ("p50_ms", quantile(0.5)),
            ("p99_ms", quantile(0.99)),
            ("acknowledged", measured.acknowledged as f64),
            ("errors", measured.errors as f64),
        ],
    )?;
    Ok(measured.errors == 0)
}
