//! Clients that ask for much and read nothing of it: each is cut off in time, over whatever it came, and nobody waits for it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_tests::server::{Daybook, Variant};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// Two seconds of the server's, on a machine that is shared.
const CUT_OFF: Duration = Duration::from_secs(60);
/// Bytes that a client's system takes without anybody reading them.
const TAKES: u32 = 4_096;
/// The whole schema three times over: more than any system keeps for a client that does not read.
const MUCH: &str = "{ a: __schema { ...S } b: __schema { ...S } c: __schema { ...S } } fragment S on __Schema { types { name description \
    fields { name description args { name description type { name kind } } type { name kind ofType { name kind } } } \
    inputFields { name description type { name kind ofType { name kind } } } enumValues { name description } } }";

fn address(book: &Daybook) -> String {
    book.client().url().split_once("://").unwrap().1.to_owned()
}

async fn lame(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(TAKES).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

fn post(accept: &str) -> String {
    let body = json!({ "query": MUCH }).to_string();
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}accept: {accept}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// How many were cut off so far.
fn cut_off(book: &Daybook) -> u64 {
    let metrics = book.client().get("/metrics").unwrap().1;
    let line = metrics.lines().find_map(|line| line.strip_prefix("daybook_connections_cut_off_total "));
    line.unwrap().parse().unwrap()
}

/// Waits until so many were.
fn until(book: &Daybook, many: u64) {
    let began = Instant::now();
    while cut_off(book) < many {
        assert!(began.elapsed() < CUT_OFF, "{} of {many} were cut off", cut_off(book));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What is left of a connection that was cut off: not all that was asked for.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> usize {
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(CUT_OFF, stream.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "it is still open");
    heard.len()
}

#[test]
fn over_http_event_streams_and_sockets() {
    let settings = [("DAYBOOK_SEND_TIMEOUT_S", "2"), ("DAYBOOK_INTROSPECTION", "on")];
    let book = Daybook::start_with(Variant::Server, &settings);
    let whole = book.client().send(MUCH, &json!({})).body.to_string().len();
    assert!(whole > 500_000, "{whole} bytes are not much");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let address = address(&book);
        let mut streams = Vec::new();
        for accept in ["application/json", "text/event-stream"] {
            let mut stream = lame(&address).await;
            stream.write_all(post(accept).as_bytes()).await.unwrap();
            streams.push(stream);
        }
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let stream = lame(&address).await.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let (mut socket, _) = tokio_tungstenite::tungstenite::client(request, stream).unwrap();
        for message in [json!({ "type": "connection_init" }), json!({ "type": "subscribe", "id": "1", "payload": { "query": MUCH } })] {
            socket.send(Message::text(message.to_string())).unwrap();
        }
        let asked = Instant::now();
        assert_eq!(book.client().status("/livez"), Some(200));
        assert!(asked.elapsed() < Duration::from_secs(5), "nobody waits for those who do not read");
        tokio::task::block_in_place(|| until(&book, 3));
        for stream in &mut streams {
            assert!(rest(stream).await < whole, "what was not taken in time does not come");
        }
    });
}

async fn over_tls(address: &str, protocol: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let pem = Path::new(env!("CARGO_MANIFEST_DIR")).join("tls").join("cert.pem");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, lame(address).await).await.unwrap()
}

/// A client that opens no window for its answer: the connection is fine, and everything else on it goes on.
async fn closed_window(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> tokio::task::JoinHandle<()> {
    let (mut requests, connection) = h2::client::Builder::new().initial_window_size(0).handshake::<_, &'static [u8]>(stream).await.unwrap();
    tokio::spawn(async move {
        let request = "https://localhost/livez".parse::<ureq::http::Uri>().unwrap();
        let request = ureq::http::Request::get(request).body(()).unwrap();
        let (response, _) = requests.send_request(request, true).unwrap();
        let driven = tokio::spawn(connection);
        let body = response.await.unwrap().into_body();
        let _ = driven.await;
        drop(body);
    })
}

#[test]
fn over_tls_and_in_a_stream_of_http2() {
    let pem = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tls").join(name).display().to_string();
    let book = Daybook::start_with(Variant::Server, &[]);
    let port = daybook_tests::server::free_port();
    let mut command = book.configured();
    command.arg("serve").env("DAYBOOK_WORKERS", "off").env("DAYBOOK_LISTEN", format!("127.0.0.1:{port}"));
    command.env("DAYBOOK_TLS_CERT", pem("cert.pem")).env("DAYBOOK_TLS_KEY", pem("key.pem"));
    command.env("DAYBOOK_SEND_TIMEOUT_S", "2").env("DAYBOOK_INTROSPECTION", "on").env("DAYBOOK_LIMITS", "off");
    let _second = daybook_tests::server::Process::spawn(&mut command, &book.data().join("second.log"));
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < CUT_OFF, "it does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let address = format!("127.0.0.1:{port}");
        let mut one = over_tls(&address, b"http/1.1").await;
        one.write_all(post("application/json").as_bytes()).await.unwrap();
        let two = closed_window(over_tls(&address, b"h2").await).await;
        // Its connection ends although its client answers every ping.
        tokio::time::timeout(CUT_OFF, two).await.expect("it is still open").unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let heard = rest(&mut one).await;
        assert!(heard < 500_000, "{heard} bytes came");
    });
}
