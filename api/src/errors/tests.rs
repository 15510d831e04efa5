#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_graphql::{PathSegment, Response, ServerError, Value};
use uuid::Uuid;

use super::*;
use crate::transport::RequestMeta;

fn meta(language: Language) -> RequestMeta {
    RequestMeta { correlation_id: Uuid::from_u128(5), language, consistency: None, traceparent: None, remote: None, socket: false }
}

fn extension<'e>(error: &'e ServerError, name: &str) -> &'e Value {
    error.extensions.as_ref().and_then(|extensions| extensions.get(name)).unwrap()
}

#[test]
fn every_edge_code_has_a_text_in_both_languages_and_a_status() {
    for code in
        [PARSE_FAILED, VALIDATION_FAILED, QUERY_TOO_EXPENSIVE, PAGE_SIZE_OUT_OF_RANGE, PROJECTION_LAGGING, PERSISTED_QUERY_NOT_FOUND]
            .into_iter()
            .chain([INTERNAL, LIMITED, MALFORMED, UNAVAILABLE, SIGN_IN, TOKEN_REFUSED, FORBIDDEN])
    {
        let refused = Refused::code(code).with("max", 100).with("seconds", 3);
        let (ko, en) = (text(&refused, Language::Ko), text(&refused, Language::En));
        assert!(!ko.is_ascii() && en.is_ascii() && ko.ends_with('.') && en.ends_with('.'), "{code}: {ko} {en}");
        assert!(!ko.contains(['{', '?']) && !en.contains(['{', '?']), "{code}");
        assert!((400..=503).contains(&facts(code).status));
    }
    assert_eq!(facts(INTERNAL), Facts { status: 500, retryable: true });
    assert_eq!(facts("BOOKING002"), Facts { status: 409, retryable: false });
}

#[test]
fn a_request_error_says_what_is_wrong() {
    let response = finished(RequestError::new(VALIDATION_FAILED, "unknown operation"), &meta(Language::En));
    assert!(missing_data(&response));
    let error = &response.errors[0];
    assert_eq!(error.message, "unknown operation");
    assert_eq!(extension(error, "status"), &Value::from(400));
    assert_eq!(extension(error, "retryable"), &Value::from(false));
    assert!(extension(error, "details").to_string().contains("unknown operation"));
    assert_eq!(extension(error, "correlationId"), &Value::from(Uuid::from_u128(5).to_string()));
}

#[test]
fn errors_are_cut_off() {
    let error = ServerError::new("x", None).with_path(vec![PathSegment::Field("a".to_owned())]);
    let mut response = Response::from_errors(vec![error; 500]);
    finish(&mut response, &meta(Language::Ko));
    assert_eq!(response.errors.len(), 50);
    assert_eq!(extension(&response.errors[0], "code"), &Value::from(INTERNAL));
}

#[test]
fn an_instant_has_six_decimals() {
    let text = timestamp();
    assert!(text.len() == 27 && text.ends_with('Z'), "{text}");
}
