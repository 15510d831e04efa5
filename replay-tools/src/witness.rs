//! `witness`: a small witness of our own (c2sp.org/tlog-witness): it cosigns a log's heads as long as each is the beginning of the next,
//! and keeps the last one that it has seen.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use eventlog::Hash;
use eventlog::tree::{HeadsFolder, SignedHead, VerifierKey, consistency_holds};

use crate::cli::{Common, Exit, Failed};
use crate::cosignature::Cosigner;
use crate::kept;

/// Largest request and longest line of its head, in bytes; most hashes of a proof.
const MAX_BODY: usize = 256 * 1024;
const MAX_HEAD: u64 = 16 * 1024;
const MAX_HASHES: usize = 63;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a size in a refusal.
const SIZE: &str = "text/x.tlog.size";
const TEXT: &str = "text/plain; charset=utf-8";

/// Options of `witness`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4490")]
    pub listen: SocketAddr,
    /// The witness's name, when its key is made.
    #[arg(long, value_name = "NAME", default_value = "daybook.local/witness")]
    pub name: String,
    /// The file of its key; made when there is none.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The folder of the last head of each log.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// The public key of a log that is witnessed, or a file with keys. May be given several times.
    #[arg(long = "vkey", value_name = "KEY", required = true)]
    pub vkeys: Vec<String>,
}

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    pub content: &'static str,
    pub body: String,
}

impl Answer {
    fn said(status: u16, body: impl Into<String>) -> Self {
        Self { status, content: TEXT, body: body.into() }
    }
}

/// A witness with what it has seen.
pub(crate) struct Witness {
    cosigner: Cosigner,
    logs: Vec<VerifierKey>,
    seen: HeadsFolder,
}

impl Witness {
    pub(crate) const fn new(cosigner: Cosigner, logs: Vec<VerifierKey>, seen: HeadsFolder) -> Self {
        Self { cosigner, logs, seen }
    }

    /// The answer to `add-checkpoint`. One request at a time: what was seen is compared and written without another between.
    pub(crate) fn add_checkpoint(&self, body: &str, now: u64) -> Answer {
        let Some((old, proof, note)) = request(body) else { return Answer::said(400, "old size, proof and checkpoint are expected\n") };
        let Ok(read) = SignedHead::read(note) else { return Answer::said(400, "it is no checkpoint\n") };
        if self.logs.iter().all(|key| key.name() != read.head.origin) {
            return Answer::said(404, "that log is not witnessed\n");
        }
        let Ok(signed) = SignedHead::trusted(note, &self.logs) else { return Answer::said(403, "the log has not signed it\n") };
        let (size, root) = (signed.head.size, signed.head.root);
        if old > size {
            return Answer::said(400, "the old size is larger than the checkpoint's\n");
        }
        let last = match self.seen.read(&signed.head.origin) {
            Ok(last) => last.map(|last| last.head),
            Err(error) => return Answer::said(500, format!("{error}\n")),
        };
        let known = last.as_ref().map_or(0, |last| last.size);
        let conflict = || Answer { status: 409, content: SIZE, body: format!("{known}\n") };
        if old != known || last.as_ref().is_some_and(|last| last.size == size && last.root != root) {
            return conflict();
        }
        let holds = match &last {
            Some(last) if last.size > 0 => consistency_holds((known, &last.root), (size, &root), &proof),
            Some(_) | None => proof.is_empty(),
        };
        if !holds {
            return Answer::said(422, "the proof does not hold\n");
        }
        if let Err(error) = self.seen.write(&signed) {
            return Answer::said(500, format!("{error}\n"));
        }
        Answer::said(200, self.cosigner.line(&signed.head.to_string(), now))
    }
}

/// Old size, proof and checkpoint.
fn request(body: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (first, note) = body.split_once("\n\n")?;
    let mut lines = first.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let old = old.parse::<u64>().ok().filter(|size| size.to_string() == old)?;
    let proof = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect::<Option<Vec<Hash>>>()?;
    (proof.len() <= MAX_HASHES).then_some((old, proof, note))
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let witness = Witness::new(cosigner(options)?, kept::keys(&options.vkeys)?, HeadsFolder::new(&options.state));
    let listener = TcpListener::bind(options.listen)
        .map_err(|error| Failed::new(Exit::Unavailable, format!("{}: {error}", options.listen), "choose another --listen"))?;
    println!("{}", witness.cosigner.key());
    if !common.quiet {
        eprintln!("witnessing at http://{}/add-checkpoint", options.listen);
    }
    // A thread of its own, so that an interrupt ends the command at once.
    std::thread::spawn(move || serve(&listener, &witness));
    std::future::pending().await
}

fn cosigner(options: &Options) -> Result<Cosigner, Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed::new(Exit::Failure, format!("{}: {error}", options.key.display()), "check --key");
    match std::fs::read_to_string(&options.key) {
        Ok(text) => text.parse().map_err(|error: crate::cosignature::CosignatureError| failed(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            use std::os::unix::fs::OpenOptionsExt as _;
            let made = Cosigner::generate(&options.name).map_err(|error| failed(&error))?;
            let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&options.key);
            let written = file.and_then(|mut file| writeln!(file, "{}", made.secret_text()).and_then(|()| file.sync_all()));
            written.map_err(|error| failed(&error)).map(|()| made)
        }
        Err(error) => Err(failed(&error)),
    }
}

/// One connection after the other: heads come once a second at most.
pub(crate) fn serve(listener: &TcpListener, witness: &Witness) {
    for stream in listener.incoming().flatten() {
        if let Err(error) = answer(&stream, witness) {
            eprintln!("a request was not answered: {error}");
        }
    }
}

fn answer(mut stream: &TcpStream, witness: &Witness) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Answer { status, content, body } = match body(stream)? {
        Ok(body) => witness.add_checkpoint(&body, now),
        Err(answer) => answer,
    };
    write!(stream, "HTTP/1.1 {status} \r\ncontent-type: {content}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())?;
    stream.flush()
}

/// The body of a request to the one path that there is.
fn body(stream: &TcpStream) -> std::io::Result<Result<String, Answer>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut first) = (String::new(), None, None);
    let mut head = (&mut reader).take(MAX_HEAD);
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Ok(Err(Answer::said(400, "the request has no end\n")));
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if first.is_none() {
            first = Some(text.starts_with("POST ") && text.split(' ').nth(1).is_some_and(|path| path.ends_with("/add-checkpoint")));
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    if first != Some(true) {
        return Ok(Err(Answer::said(404, "POST /add-checkpoint is all that there is\n")));
    }
    let Some(length) = length.filter(|length| *length <= MAX_BODY) else { return Ok(Err(Answer::said(413, "too long\n"))) };
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(String::from_utf8(bytes).map_err(|_| Answer::said(400, "it is no text\n")))
}

#[cfg(test)]
mod tests;
