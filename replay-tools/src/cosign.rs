//! `cosign`: has a witness cosign the newest signed head of this book (c2sp.org/tlog-witness), and writes the head with both signatures.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use eventlog::Hash;
use eventlog::tree::{HeadsFolder, SignedHead, Tree};
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::cosignature::WitnessKey;
use crate::kept;

/// How long the witness may take, and the longest answer.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER: u64 = 64 * 1024;
/// The witness names the size that it has seen, and the log may sign another head meanwhile: so often it is tried.
const TRIES: usize = 10;

/// Options of `cosign`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The witness, as http://HOST:PORT or with a path before /add-checkpoint. Plain HTTP: TLS is a proxy's.
    #[arg(long, value_name = "URL")]
    pub witness: String,
    /// The witness's public key (NAME+HEX+BASE64 of type 4).
    #[arg(long = "witness-vkey", value_name = "KEY")]
    pub key: WitnessKey,
    /// The file to write; without it, standard output.
    #[arg(long, short, value_name = "FILE", conflicts_with = "publish")]
    pub output: Option<PathBuf>,
    /// Put the head where the server finds it: /log/checkpoint then has the witness's line, too.
    #[arg(long)]
    pub publish: bool,
    /// The folder in which the server keeps its last head (DAYBOOK_HEADS_DIR); of a data folder, `heads` in it.
    #[arg(long = "heads", value_name = "DIR", requires = "publish")]
    pub folder: Option<PathBuf>,
    /// Do so again and again, with so many seconds in between. What fails is said, and tried again.
    #[arg(long, value_name = "SECONDS", requires = "publish", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: Option<u64>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let store = common.store()?;
    let folder = kept::folder(&store, options.folder.as_ref()).filter(|_| options.publish);
    if options.publish && folder.is_none() {
        return Err(Failed::new(Exit::Usage, "--publish needs --heads", "the folder that the server has as DAYBOOK_HEADS_DIR"));
    }
    let tree = Tree::open(&store).await?;
    let done = match folder {
        Some(folder) => published(common, &tree, options, &folder).await,
        None => written(common, options, cosign(&tree, options).await),
    };
    tree.close().await;
    done
}

/// Cosigned heads go to the server's folder: once, or until somebody stops this.
async fn published(common: &Common, tree: &Tree, options: &Options, folder: &HeadsFolder) -> Result<(), Failed> {
    loop {
        let done = cosign(tree, options).await.and_then(|(note, time)| {
            let head = SignedHead::read(&note).map_err(|error| Failed::new(Exit::Refused, error, "is it a witness that answers there?"))?;
            folder.publish(&head).map_err(|error| Failed::new(Exit::Failure, error, "check the folder and its permissions"))?;
            if common.json {
                println!("{}", json!({ "cosigned": true, "at": time, "size": head.head.size }));
            } else if !common.quiet {
                println!("cosigned at {time}: {} events", head.head.size);
            }
            Ok(())
        });
        let Some(seconds) = options.every else { return done };
        if let Err(failed) = done {
            eprintln!("{}; {}", failed.message, failed.hint);
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

fn written(common: &Common, options: &Options, cosigned: Result<(String, u64), Failed>) -> Result<(), Failed> {
    let (note, time) = cosigned?;
    match &options.output {
        None => print!("{note}"),
        Some(file) => {
            let failed = |error| Failed::new(Exit::Failure, format!("{}: {error}", file.display()), "check the path and its permissions");
            std::fs::write(file, note).map_err(failed)?;
            if common.json {
                println!("{}", json!({ "cosigned": true, "at": time, "file": file }));
            }
        }
    }
    Ok(())
}

async fn cosign(tree: &Tree, options: &Options) -> Result<(String, u64), Failed> {
    let unsealed = || Failed::new(Exit::Refused, "the log is not sealed yet", "a running server seals every second");
    let mut old = 0;
    for _ in 0..TRIES {
        let newest = tree.head().await?.ok_or_else(unsealed)?;
        let proof = tree.consistency(old).await?.ok_or_else(|| behind(old))?;
        // A head that was signed in between has another proof.
        if tree.head().await?.is_none_or(|now| now.head.size != newest.head.size) {
            continue;
        }
        let (status, body) =
            post(&options.witness, &request(old, &proof, &newest.note)).map_err(|error| unreachable(&options.witness, &error))?;
        match status {
            200 => {
                let note = format!("{}{body}", newest.note);
                let time = options.key.seen_at(&note);
                return time.map(|time| (note, time)).map_err(|error| Failed::new(Exit::Refused, error, "is it the witness's key?"));
            }
            409 => old = body.trim().parse().map_err(|_| refused(status, &body))?,
            _ => return Err(refused(status, &body)),
        }
    }
    Err(Failed::new(Exit::Unavailable, "the log or the witness was faster each time", "try again"))
}

/// What a witness is asked.
fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let lines: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{lines}\n{note}")
}

fn behind(old: u64) -> Failed {
    Failed::new(
        Exit::Refused,
        format!("the witness has seen {old} events, more than this log has signed"),
        "the log was restored from an older backup, or cut (docs/tree.md)",
    )
}

fn refused(status: u16, body: &str) -> Failed {
    Failed::new(Exit::Refused, format!("the witness refuses ({status}): {}", body.trim()), "does it know this log's key and history?")
}

fn unreachable(url: &str, error: &std::io::Error) -> Failed {
    Failed::new(Exit::Unavailable, format!("{url}: {error}"), "--witness takes http://HOST:PORT of a running witness")
}

/// Status and body of an answer.
fn post(url: &str, body: &str) -> std::io::Result<(u16, String)> {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    let rest = url.trim_end_matches('/').strip_prefix("http://").ok_or_else(|| wrong("plain http:// is expected"))?;
    let (authority, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST {path}/add-checkpoint HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| wrong("the answer is no HTTP"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| wrong("the answer has no status"))?;
    Ok((status, body.to_owned()))
}
