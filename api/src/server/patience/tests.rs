#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LIMIT: Duration = Duration::from_millis(200);
/// A busy machine may take so long for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server's end, and the client's.
async fn pair() -> (Patient, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Patient::new(listener.accept().await.unwrap().0, LIMIT), client)
}

#[tokio::test]
async fn whoever_reads_nothing_is_cut_off() {
    let (mut server, mut client) = pair().await;
    let endless = async {
        loop {
            server.write_all(&[0; 65_536]).await?;
        }
    };
    let ended: io::Result<()> = tokio::time::timeout(PATIENCE, endless).await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(server);
    let mut heard = Vec::new();
    let reset = client.read_to_end(&mut heard).await.unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset, "and what was still to come does not come");
}

#[tokio::test]
async fn whoever_reads_slowly_is_not() {
    let (mut server, mut client) = pair().await;
    let written = tokio::spawn(async move {
        for _ in 0..400 {
            server.write_all(&[0; 65_536]).await?;
        }
        io::Result::Ok(server)
    });
    // Longer than the limit in all, never that long without a byte.
    let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
    while taken < 400 * 65_536 {
        tokio::time::sleep(LIMIT / 20).await;
        taken += client.read(&mut buffer).await.unwrap();
    }
    assert!(tokio::time::timeout(PATIENCE, written).await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_overdue() {
    let untaken = Untaken::default();
    let begun = Instant::now();
    let _body = untaken.watch(Body::from("an answer"));
    untaken.overdue(LIMIT).await;
    assert!(begun.elapsed() >= LIMIT);
}

#[tokio::test]
async fn an_answer_that_waits_for_us_is_not_overdue() {
    let untaken = Untaken::default();
    let silent = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
    let mut body = untaken.watch(silent).into_data_stream();
    let asked = async { drop(body.next().await) };
    assert!(tokio::time::timeout(LIMIT * 4, futures_util::future::join(asked, untaken.overdue(LIMIT))).await.is_err());
    drop(body);
    assert!(untaken.lock().waiting.is_empty(), "what is over is forgotten");
}

#[tokio::test]
async fn a_body_comes_whole_and_in_pieces() {
    let untaken = Untaken::default();
    let sent: Vec<u8> = (0..3 * PIECE + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut pieces = untaken.watch(Body::from(sent.clone())).into_data_stream();
    let mut heard = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() <= PIECE);
        heard.extend_from_slice(&piece);
    }
    drop(pieces);
    assert!(heard == sent && untaken.lock().waiting.is_empty());
}
