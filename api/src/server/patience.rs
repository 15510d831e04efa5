//! Clients that do not read: whoever takes nothing of what is ready for them is cut off after a time.
//!
//! A connection that takes no byte is noticed where it is written to. Over HTTP/2 it may take the one answer and not the other: there
//! each answer's body is looked at, too.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// Bytes of a body that a stream of HTTP/2 is handed at a time: more would lie about where nobody looks whether it is taken.
const PIECE: usize = 16 * 1_024;
/// Bodies are looked at so often within the time that a client may take.
const LOOKS: u32 = 4;

/// How long a client may take nothing of what is ready for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTimeout(pub Duration);

impl Default for SendTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}

/// A connection whose client must take something of what is written within a time.
pub(super) struct Patient {
    stream: TcpStream,
    limit: Duration,
    /// Runs while something waits to be taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// Puts a limit on a connection.
    pub(super) const fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, limit, stalled: None }
    }

    /// What a write came to; one that waits too long has failed.
    fn judged<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        crate::metrics::cut_off();
        // Nothing of what the system still holds is sent: a client that does not read would keep it.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(cx, outcome)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judged(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judged(cx, outcome)
    }
}

/// The answers of one connection that their client has not taken yet. Clones see the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Untaken(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    /// Since when each has been waiting to be taken.
    since: Mutex<Since>,
    /// Rings when there is something to look at.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Since {
    serial: u64,
    waiting: HashMap<u64, Instant>,
}

impl Untaken {
    /// A body that is looked after.
    pub(super) fn watch(&self, body: Body) -> Body {
        let id = {
            let mut since = self.lock();
            since.serial += 1;
            let id = since.serial;
            since.waiting.insert(id, Instant::now());
            id
        };
        self.0.begun.notify_one();
        Body::new(Watched { body, board: self.clone(), id, rest: Bytes::new() })
    }

    /// Completes when an answer has waited too long; never, while there is none to be taken.
    pub(super) async fn overdue(&self, limit: Duration) {
        loop {
            while let Some(oldest) = self.oldest() {
                if oldest.elapsed() >= limit {
                    crate::metrics::cut_off();
                    return;
                }
                tokio::time::sleep((limit / LOOKS).max(Duration::from_millis(1))).await;
            }
            self.0.begun.notified().await;
        }
    }

    fn oldest(&self) -> Option<Instant> {
        self.lock().waiting.values().min().copied()
    }

    /// It guards plain data.
    fn lock(&self) -> MutexGuard<'_, Since> {
        self.0.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is asked for more only when its client has taken what it was given, in pieces small enough for that to be true.
struct Watched {
    body: Body,
    board: Untaken,
    id: u64,
    rest: Bytes,
}

impl Watched {
    /// The client is to take something from now on, or we are to give something.
    fn note(&self, waits: bool) {
        let mut since = self.board.lock();
        if waits {
            since.waiting.insert(self.id, Instant::now());
            drop(since);
            self.board.0.begun.notify_one();
        } else {
            since.waiting.remove(&self.id);
        }
    }

    fn piece(&mut self) -> Bytes {
        let most = self.rest.len().min(PIECE);
        self.rest.split_to(most)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Poll::Ready(other) => {
                    self.note(false);
                    return Poll::Ready(other);
                }
                Poll::Pending => {
                    self.note(false);
                    return Poll::Pending;
                }
            }
        }
        self.note(true);
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), u64::try_from(self.rest.len()).unwrap_or(u64::MAX));
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.note(false);
    }
}

#[cfg(test)]
mod tests;
