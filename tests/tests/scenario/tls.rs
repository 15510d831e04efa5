//! TLS in the server itself: handshakes from end to end over HTTP/1.1 and HTTP/2, who does not speak it, who speaks too slowly, and
//! whose word a server behind a proxy takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_tests::server::{Daybook, Process, Variant, daybook, free_port};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, rustls};

/// Longest wait for a server to be ready.
const START: Duration = Duration::from_secs(60);
/// A handshake must end in 10 s, a silent body in 15; a busy machine gets as much again.
const LET_GO: Duration = Duration::from_secs(40);

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tls").join(name)
}

/// A second server of a book, with settings of its own.
struct Second {
    book: Daybook,
    port: u16,
    _process: Process,
}

impl Second {
    fn start(settings: impl Fn(u16) -> Vec<(&'static str, String)>) -> Self {
        let book = Daybook::start_with(Variant::Server, &[]);
        let port = free_port();
        let mut command = book.configured();
        // One of them works, both serve.
        command.arg("serve").env("DAYBOOK_WORKERS", "off").env("DAYBOOK_LISTEN", format!("127.0.0.1:{port}")).envs(settings(port));
        let mut process = Process::spawn(&mut command, &book.data().join("second.log"));
        let until = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(process.is_running() && Instant::now() < until, "it does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { book, port, _process: process }
    }

    fn with_tls() -> Self {
        Self::start(|port| {
            let file = |name: &str| pem(name).display().to_string();
            let url = format!("https://localhost:{port}");
            vec![("DAYBOOK_TLS_CERT", file("cert.pem")), ("DAYBOOK_TLS_KEY", file("key.pem")), ("DAYBOOK_PUBLIC_URL", url)]
        })
    }

    /// Connects over TLS with our test certificate as the only one that is trusted.
    async fn connect(&self, protocol: &[u8]) -> TlsStream<tokio::net::TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pem("cert.pem")).unwrap()).unwrap();
        let versions =
            ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_protocol_versions(&[&rustls::version::TLS13]);
        let mut config = versions.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// One request of HTTP/1.1, and its whole answer.
async fn asked(stream: &mut TlsStream<tokio::net::TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes without a farewell has answered as well.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[test]
fn both_versions_of_http_are_spoken_over_tls() {
    let server = Second::with_tls();
    block_on(async {
        let mut one = server.connect(b"http/1.1").await;
        assert_eq!(one.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
        assert_eq!(one.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        let body = json!({ "query": "{ __typename }" }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = asked(&mut one, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("{\"__typename\":\"Query\"}"), "{answer}");
        assert!(answer.to_lowercase().contains("strict-transport-security: max-age=31536000"), "{answer}");
        let two = server.connect(b"h2").await;
        assert_eq!(two.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (status, body) = over_h2(two, &body).await;
        assert_eq!((status, &body["data"]["__typename"]), (200, &json!("Query")));
    });
    // Plain HTTP is nobody of ours, and hears nothing.
    let mut plain = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    plain.set_read_timeout(Some(LET_GO)).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!heard.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&heard));
    assert!(server.book.client().get("/livez").is_some_and(|(status, _)| status == 200));
}

/// The same question over HTTP/2.
async fn over_h2(stream: TlsStream<tokio::net::TcpStream>, body: &str) -> (u16, Value) {
    let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = ureq::http::Request::post("https://localhost/graphql").header("content-type", "application/json").body(()).unwrap();
    let (response, mut sending) = requests.send_request(request, false).unwrap();
    sending.send_data(body.to_owned().into(), true).unwrap();
    let response = response.await.unwrap();
    let (status, mut chunks) = (response.status().as_u16(), response.into_body());
    let mut text = Vec::new();
    while let Some(chunk) = chunks.data().await {
        let chunk = chunk.unwrap();
        chunks.flow_control().release_capacity(chunk.len()).unwrap();
        text.extend_from_slice(&chunk);
    }
    (status, serde_json::from_slice(&text).unwrap())
}

/// How long a client that says only this is kept.
fn kept(port: u16, says: &[u8]) -> (Duration, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LET_GO)).unwrap();
    let begun = Instant::now();
    stream.write_all(says).unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    (begun.elapsed(), String::from_utf8_lossy(&heard).into_owned())
}

#[test]
fn whoever_drags_it_out_is_let_go() {
    let server = Second::with_tls();
    let plain: u16 = server.book.client().url().rsplit(':').next().unwrap().parse().unwrap();
    std::thread::scope(|scope| {
        // A handshake that never goes on, and one that never begins.
        let half = scope.spawn(|| kept(server.port, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
        let silent = scope.spawn(|| kept(server.port, b""));
        let head =
            "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{";
        let body = scope.spawn(move || kept(plain, head.as_bytes()));
        for (what, handle) in [("half a handshake", half), ("silence", silent)] {
            let (took, _) = handle.join().unwrap();
            assert!(took < LET_GO, "{what} was kept for {took:?}");
        }
        let (took, answer) = body.join().unwrap();
        assert!(took < LET_GO && answer.starts_with("HTTP/1.1 408") | answer.starts_with("HTTP/1.1 400"), "{took:?}: {answer}");
    });
}

#[test]
fn only_a_trusted_proxy_says_who_calls_and_over_what() {
    let server = Second::start(|_| {
        let settings = [("DAYBOOK_LIMITS", "on"), ("DAYBOOK_LIMIT_ADDRESS_PER_MINUTE", "5"), ("DAYBOOK_TRUSTED_PROXIES", "127.0.0.0/8")];
        let url = ("DAYBOOK_PUBLIC_URL", "https://api.example.org".to_owned());
        settings.into_iter().map(|(key, value)| (key, value.to_owned())).chain([url]).collect()
    });
    let body = "{\"query\":\"{ __typename me { id } }\"}";
    let ask = |client: &str, over: &str| {
        let request = format!(
            "POST /graphql?x=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-forwarded-for: 1.1.1.1, {client}\r\nx-forwarded-proto: {over}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        kept(server.port, request.as_bytes()).1
    };
    let plain = ask("203.0.113.1", "http");
    assert!(plain.starts_with("HTTP/1.1 308") && plain.contains("location: https://api.example.org/graphql?x=1"), "{plain}");
    let answers: Vec<_> = (0..4).map(|_| ask("203.0.113.1", "https")).collect();
    assert!(answers[0].starts_with("HTTP/1.1 200"), "{}", answers[0]);
    assert!(answers[3].starts_with("HTTP/1.1 429") && answers[3].contains("retry-after: "), "{}", answers[3]);
    assert!(ask("203.0.113.2", "https").starts_with("HTTP/1.1 200"), "another client behind the same proxy is not meant");
}

#[test]
fn a_certificate_comes_with_its_own_key() {
    let secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let folder = daybook_tests::server::Folder::new();
    let url = format!("sqlite://{}", folder.path().display());
    let serve = |settings: &[(&str, PathBuf)]| {
        let mut command = daybook();
        command
            .arg("serve")
            .env("DATABASE_URL", &url)
            .env("DAYBOOK_SECRET", secret)
            .env("DAYBOOK_WORKERS", "off")
            .env("DAYBOOK_LISTEN", "127.0.0.1:0");
        let output = command.envs(settings.iter().map(|(key, file)| (key, file))).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = serve(&[("DAYBOOK_TLS_CERT", pem("cert.pem"))]);
    assert!(code == Some(2) && said.contains("tls_key") && said.contains("hint:"), "{code:?} {said}");
    let (code, said) = serve(&[("DAYBOOK_TLS_CERT", pem("cert.pem")), ("DAYBOOK_TLS_KEY", pem("cert.pem"))]);
    assert!(code == Some(2) && said.contains("hint:") && !said.contains("BEGIN"), "{code:?} {said}");
}
