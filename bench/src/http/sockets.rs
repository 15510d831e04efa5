//! Thousands of WebSockets that wait for one booking: what each costs, and how long one event takes to reach all of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Plan;
use super::figures::{metric, rss_kib};
use super::product::Product;
use super::wire::Wire;
use crate::error::Failure;
use crate::place::Server;
use crate::report::Printer;

/// Sockets that are opened at a time.
const OPENING: usize = 64;
/// All of them are subscribed within this time.
const SUBSCRIBED: Duration = Duration::from_secs(300);
/// One event reaches all of them within this time, or the measurement is given up.
const REACHED: Duration = Duration::from_secs(60);
/// Idle time before memory is read.
const IDLE: Duration = Duration::from_secs(5);
/// Our own end of a socket is small: its server is what is measured.
const READ_BYTES: usize = 1_024;
const WATCH: &str = "subscription($id: ID!) { bookingUpdated(id: $id) { cursor node { id status } } }";
const ACTIVE: &str = "daybook_subscriptions_active{transport=\"websocket\"}";

/// Opens so many sockets, waits, and lets one event reach them.
pub async fn measure(server: &Server, printer: Printer, plan: &Plan, sockets: usize) -> Result<bool, Failure> {
    let product = Product::start(&server.fresh().await?, plan).await?;
    let (address, pid) = (product.served.address, product.served.pid());
    let mut pair = product.pair(1).await?;
    let requested = pair.request().await?;
    let (before, began) = (rss_kib(pid), Instant::now());
    let (seen, mut all_seen) = watch::channel(0);
    let crowd = Crowd { seen, opened: AtomicUsize::new(0), token: pair.guest.clone(), booking: requested.booking.clone() };
    let mut open = gather(address, Arc::new(crowd), sockets).await?;
    subscribed(address, sockets).await?;
    let opening = began.elapsed();
    tokio::time::sleep(IDLE).await;
    let idle = rss_kib(pid);
    let sent = Instant::now();
    pair.approve(requested).await?;
    let answered = sent.elapsed();
    let everybody = tokio::time::timeout(REACHED, all_seen.wait_for(|count| *count >= sockets)).await.is_ok_and(|seen| seen.is_ok());
    let all_after = sent.elapsed();
    let heard = *all_seen.borrow();
    let figures = [
        ("sockets", sockets as f64),
        ("opened_per_s", sockets as f64 / opening.as_secs_f64()),
        ("rss_before_mib", before as f64 / 1_024.0),
        ("rss_idle_mib", idle as f64 / 1_024.0),
        ("rss_after_mib", rss_kib(pid) as f64 / 1_024.0),
        ("kib_per_socket", idle.saturating_sub(before) as f64 / sockets.max(1) as f64),
        ("mutation_answered_ms", answered.as_secs_f64() * 1_000.0),
        ("reached", heard as f64),
        ("reached_all_after_ms", all_after.as_secs_f64() * 1_000.0),
    ];
    printer.figures("daybook-sockets", &figures)?;
    open.shutdown().await;
    product.stop().await?;
    Ok(everybody)
}

/// What all sockets share.
struct Crowd {
    /// How many have heard of the event.
    seen: watch::Sender<usize>,
    /// How many are open.
    opened: AtomicUsize,
    token: String,
    booking: String,
}

/// Opens them, a few at a time; each then listens in a task of its own.
async fn gather(address: SocketAddr, crowd: Arc<Crowd>, sockets: usize) -> Result<JoinSet<()>, Failure> {
    let room = Arc::new(Semaphore::new(OPENING));
    let mut listening = JoinSet::new();
    for _ in 0..sockets {
        let place = room.clone().acquire_owned().await.map_err(|error| Failure::Wrong(error.to_string()))?;
        let crowd = crowd.clone();
        listening.spawn(async move {
            match Listener::open(address, &crowd).await {
                Ok(listener) => {
                    crowd.opened.fetch_add(1, Ordering::Relaxed);
                    drop(place);
                    if let Err(error) = listener.listen(&crowd).await {
                        eprintln!("a socket ended: {error}");
                    }
                }
                Err(error) => eprintln!("a socket was not opened: {error}"),
            }
        });
    }
    let _all_tried = room.acquire_many(u32::try_from(OPENING).unwrap_or(u32::MAX)).await;
    match crowd.opened.load(Ordering::Relaxed) {
        opened if opened == sockets => Ok(listening),
        opened => Err(Failure::Wrong(format!("{opened} of {sockets} sockets were opened; `ulimit -n` must allow them"))),
    }
}

/// Waits until the server counts all of them as subscribed.
async fn subscribed(address: SocketAddr, sockets: usize) -> Result<(), Failure> {
    let until = Instant::now() + SUBSCRIBED;
    while metric(address, ACTIVE).await? < sockets as f64 {
        if Instant::now() >= until {
            return Err(Failure::Wrong(format!("not all of {sockets} sockets are subscribed")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// One socket.
struct Listener {
    stream: BufReader<TcpStream>,
}

impl Listener {
    /// Connects, signs in, and asks for the booking.
    async fn open(address: SocketAddr, crowd: &Crowd) -> Result<Self, Failure> {
        let upgraded = Wire::connect(address).await?.upgrade("/graphql", "graphql-transport-ws").await?;
        let mut listener = Self { stream: BufReader::with_capacity(READ_BYTES, upgraded.into_inner()) };
        let authorization = format!("Bearer {}", crowd.token);
        listener.say(&json!({ "type": "connection_init", "payload": { "authorization": authorization } }).to_string()).await?;
        let answer = listener.hear().await?;
        if !answer.contains("connection_ack") {
            return Err(Failure::Wrong(answer));
        }
        let payload = json!({ "query": WATCH, "variables": { "id": crowd.booking } });
        listener.say(&json!({ "id": "1", "type": "subscribe", "payload": payload }).to_string()).await?;
        Ok(listener)
    }

    /// Listens for the event, and on, until it is dropped.
    async fn listen(mut self, crowd: &Crowd) -> Result<(), Failure> {
        loop {
            let message = self.hear().await?;
            if message.contains("\"type\":\"ping\"") {
                self.say("{\"type\":\"pong\"}").await?;
            } else if message.contains("\"type\":\"next\"") && message.contains("\"APPROVED\"") {
                crowd.seen.send_modify(|count| *count += 1);
            } else {
                return Err(Failure::Wrong(message));
            }
        }
    }

    /// Writes a text frame. A mask of zeros is a mask: it hides nothing, and nothing here has to be hidden.
    async fn say(&mut self, text: &str) -> Result<(), Failure> {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(short @ 0..126) => frame.push(0x80 | short),
            Ok(_) | Err(_) => {
                let length = u16::try_from(text.len()).map_err(|_| Failure::Usage("a message is too long".to_owned()))?;
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        Ok(self.stream.get_mut().write_all(&frame).await?)
    }

    /// Reads a frame, which the server never splits and never masks.
    async fn hear(&mut self) -> Result<String, Failure> {
        let (first, length) = (self.stream.read_u8().await?, self.stream.read_u8().await?);
        let length = match length {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap_or(0)];
        self.stream.read_exact(&mut payload).await?;
        let text = String::from_utf8_lossy(&payload).into_owned();
        if first == 0x81 { Ok(text) } else { Err(Failure::Wrong(format!("frame {first:#x}: {text}"))) }
    }
}
