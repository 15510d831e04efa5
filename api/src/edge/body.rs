//! A clock on every body: a client that sends a byte now and then does not hold a request open for ever.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

/// Longest silence within a body.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest time for a whole body: the largest photo over a slow telephone.
const WHOLE: Duration = Duration::from_secs(120);

/// The request with a body that fails when it comes too slowly.
pub(super) fn timed(request: Request) -> Request {
    within(request, SILENCE, WHOLE)
}

fn within(request: Request, silence: Duration, whole: Duration) -> Request {
    let (parts, body) = request.into_parts();
    let exact = http_body(&body);
    if exact == Some(0) {
        return Request::from_parts(parts, body);
    }
    let deadline = Instant::now() + whole;
    let chunks = stream::unfold(Some(body.into_data_stream()), move |chunks| async move {
        let mut chunks = chunks?;
        let patience = deadline.min(Instant::now() + silence);
        match tokio::time::timeout_at(patience, chunks.next()).await {
            Ok(Some(chunk)) => Some((chunk.map_err(io::Error::other), Some(chunks))),
            Ok(None) => None,
            Err(_) => Some((Err(io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly")), None)),
        }
    });
    Request::from_parts(parts, Body::from_stream(chunks))
}

/// The body's exact size, where it is known.
fn http_body(body: &Body) -> Option<u64> {
    use axum::body::HttpBody as _;
    body.size_hint().exact()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn a_body_that_stalls_fails() {
        let stalled = stream::iter([Ok::<_, io::Error>("some")]).chain(stream::pending());
        let request = within(Request::new(Body::from_stream(stalled)), Duration::from_millis(20), WHOLE);
        assert!(axum::body::to_bytes(request.into_body(), 100).await.is_err());
        let dripping = stream::repeat_with(|| Ok::<_, io::Error>("drop")).then(async |drop| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop
        });
        let request = within(Request::new(Body::from_stream(dripping)), SILENCE, Duration::from_millis(50));
        assert!(axum::body::to_bytes(request.into_body(), usize::MAX).await.is_err(), "it never ends");
        let whole = timed(Request::new(Body::from("whole")));
        assert_eq!(axum::body::to_bytes(whole.into_body(), 100).await.unwrap(), "whole");
    }
}
