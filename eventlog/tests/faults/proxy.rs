//! A proxy between the log and PostgreSQL that loses what it is told to lose.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use daybook_eventlog::StoreUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::book::Book;

const BUFFER: usize = 64 << 10;

/// What is lost, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loses {
    /// The answer: the server has done it.
    Answer,
    /// The request: the server never hears of it.
    Request,
    /// The client, at first: the server gets the request when it is let through, long after the client has given up.
    Time,
}

/// Where it is lost: at the first request with `mark` in it, after one with `after` in it on the same connection.
#[derive(Clone, Debug)]
pub struct Cut {
    pub after: String,
    pub mark: String,
    pub loses: Loses,
    /// Are new connections turned away from then on, and requests on the others not answered, until it is opened?
    pub closes: bool,
}

/// A proxy before a book on PostgreSQL.
#[derive(Clone, Default)]
pub struct Proxy {
    cut: Arc<Mutex<Option<Cut>>>,
    closed: Arc<AtomicBool>,
    turned_away: Arc<AtomicUsize>,
    let_through: Arc<Notify>,
    passed: Arc<Notify>,
}

impl Proxy {
    /// Starts one; gives the book as it is seen through it.
    pub async fn before(book: &Book) -> (Self, Book) {
        let StoreUrl::Postgres(url) = &book.url else { panic!("a file has no connection") };
        let (start, rest) = url.split_once('@').expect("an address with a user");
        let (server, path) = rest.split_once('/').expect("an address with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Book { url: StoreUrl::Postgres(format!("{start}@{}/{path}", listener.local_addr().unwrap())) };
        let (proxy, server) = (Self::default(), server.to_owned());
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if serving.closed.load(SeqCst) {
                    serving.turned_away.fetch_add(1, SeqCst);
                    continue;
                }
                tokio::spawn(serving.clone().serve(client, TcpStream::connect(server.clone()).await.unwrap()));
            }
        });
        (proxy, seen)
    }

    pub fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = Some(cut);
    }

    /// Has it happened?
    pub fn has_cut(&self) -> bool {
        self.cut.lock().unwrap().is_none()
    }

    /// Lets new connections in again.
    pub fn open(&self) {
        self.closed.store(false, SeqCst);
    }

    pub async fn turned_away(&self, count: usize) {
        while self.turned_away.load(SeqCst) < count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Lets a late request through, and waits until the server has dealt with it.
    pub async fn let_through(&self) {
        self.let_through.notify_one();
        self.passed.notified().await;
    }

    async fn serve(self, mut client: TcpStream, mut server: TcpStream) {
        let Some((loses, request)) = self.until_cut(&mut client, &mut server).await else { return };
        if loses == Loses::Answer {
            server.write_all(&request).await.unwrap();
            // The server has answered: what it did is done.
            server.readable().await.unwrap();
        }
        // The client sees its connection end.
        drop(client);
        if loses == Loses::Time {
            self.let_through.notified().await;
            server.write_all(&request).await.unwrap();
            // `Terminate` comes after it: when the connection ends, both are done.
            server.write_all(&[b'X', 0, 0, 0, 4]).await.unwrap();
            tokio::io::copy(&mut server, &mut tokio::io::sink()).await.unwrap();
            self.passed.notify_one();
        }
    }

    /// Passes on what both say, until the request that is to be cut, or the end.
    async fn until_cut(&self, client: &mut TcpStream, server: &mut TcpStream) -> Option<(Loses, Vec<u8>)> {
        let (mut asked, mut answered, mut seen) = (vec![0; BUFFER], vec![0; BUFFER], Vec::new());
        loop {
            tokio::select! {
                count = client.read(&mut asked) => {
                    let request = &asked[..count.ok().filter(|count| *count > 0)?];
                    if self.closed.load(SeqCst) {
                        return None;
                    }
                    seen.extend_from_slice(request);
                    if let Some(loses) = self.hits(&seen, request) {
                        let mut request = request.to_vec();
                        while !is_whole(&request) {
                            let count = client.read(&mut asked).await.ok().filter(|count| *count > 0)?;
                            request.extend_from_slice(&asked[..count]);
                        }
                        return Some((loses, request));
                    }
                    server.write_all(request).await.ok()?;
                }
                count = server.read(&mut answered) => {
                    client.write_all(&answered[..count.ok().filter(|count| *count > 0)?]).await.ok()?;
                }
            }
        }
    }

    fn hits(&self, seen: &[u8], request: &[u8]) -> Option<Loses> {
        let mut cut = self.cut.lock().unwrap();
        let hit = cut.take_if(|cut| contains(seen, &cut.after) && contains(request, &cut.mark))?;
        self.closed.store(hit.closes, SeqCst);
        Some(hit.loses)
    }
}

/// A request may come in pieces: it ends with `Sync`, unless it is a bare `Query`.
fn is_whole(request: &[u8]) -> bool {
    request.starts_with(b"Q") || request.ends_with(&[b'S', 0, 0, 0, 4])
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
