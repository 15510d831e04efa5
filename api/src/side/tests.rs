#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

/// Routes of the same shape, without a book behind them.
fn routes() -> Router {
    let too_large = |headers: HeaderMap, body: Result<Bytes, BytesRejection>| async move {
        let status = body.err().map(|rejection| rejection.status());
        Failure { status, ..Failure::of(Refused::code("FILE001"), "/uploads/…", &headers) }.into_response()
    };
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/uploads/{ticket}", put(too_large).layer(DefaultBodyLimit::max(10)))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

async fn answer(method: &str, path: &str, language: &str, body: &'static str) -> (u16, HeaderMap, Value) {
    let request = Request::builder().method(method).uri(path).header(header::ACCEPT_LANGUAGE, language).body(Body::from(body)).unwrap();
    let (parts, body) = routes().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, 100_000).await.unwrap();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn every_failure_beside_graphql_has_one_shape() {
    for (method, path, body, status, code) in [
        ("GET", "/nowhere", "", 404, "SYS007"),
        ("POST", "/livez", "", 405, "SYS003"),
        ("PUT", "/uploads/x", "more than ten bytes", 413, "FILE001"),
    ] {
        let (got, headers, json) = answer(method, path, "en", body).await;
        assert_eq!((got, &json["success"], &json["status"]), (status, &Value::from(false), &Value::from(status)), "{path}");
        assert_eq!(json["error"]["code"], code);
        assert!(json["error"]["message"].as_str().unwrap().is_ascii() && json["path"].is_string() && json["timestamp"].is_string());
        assert_eq!(headers.get(header::ALLOW).is_some(), status == 405);
        assert!(!answer(method, path, "ko", body).await.2["error"]["message"].as_str().unwrap().is_ascii());
    }
    assert_eq!(answer("GET", &format!("/{}", "x".repeat(5_000)), "en", "").await.2["path"].as_str().unwrap().len(), 200);
}
