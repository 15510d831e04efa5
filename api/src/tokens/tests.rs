#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use base64::Engine as _;

const NOW: i64 = 1_800_000_000;

fn tokens() -> Tokens {
    Tokens::new(&[7; SECRET_BYTES])
}

fn claims(lifetime: Lifetime) -> Claims {
    Claims::new(Uuid::from_u128(1), Uuid::from_u128(2), vec!["guest".to_owned(), "host".to_owned()], NOW, lifetime)
}

/// Every text that differs from a token in one place.
fn damaged(token: &str) -> impl Iterator<Item = String> {
    (0..token.len()).map(|at| {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    })
}

#[test]
fn an_access_token_is_good_for_thirty_minutes() {
    let claims = claims(Lifetime::Usual);
    let token = tokens().access(&claims).unwrap();
    assert_eq!(tokens().verify_access(&token, NOW), Ok(claims.clone()));
    assert_eq!(tokens().verify_access(&token, NOW + 30 * 60 - 1), Ok(claims));
    assert_eq!(tokens().verify_access(&token, NOW + 30 * 60), Err(TokenError::Expired));
}

#[test]
fn an_endless_token_is_good_in_dev_alone() {
    let claims = claims(Lifetime::Endless);
    let token = tokens().access(&claims).unwrap();
    assert_eq!(tokens().with_endless().verify_access(&token, NOW * 2), Ok(claims));
    assert_eq!(tokens().verify_access(&token, NOW), Err(TokenError::Forged));
}

#[test]
fn damaged_truncated_and_foreign_access_tokens_are_forged() {
    let token = tokens().access(&claims(Lifetime::Usual)).unwrap();
    let forged = |token: &str| assert_eq!(tokens().verify_access(token, NOW), Err(TokenError::Forged), "{token}");
    damaged(&token).for_each(|token| forged(&token));
    (0..token.len()).for_each(|length| forged(&token[..length]));
    forged(&Tokens::new(&[8; SECRET_BYTES]).access(&claims(Lifetime::Usual)).unwrap());
    forged(&"x".repeat(100_000));
}

#[test]
fn no_other_algorithm_is_accepted() {
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let body = engine.encode(serde_json::to_string(&claims(Lifetime::Usual)).unwrap());
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"RS256"}"#, "{}"] {
        let head = engine.encode(header);
        let tag =
            engine.encode(mac(&derived(&[7; 32], "daybook access token v1"), format!("{head}.{body}").as_bytes()).finalize().into_bytes());
        for token in [format!("{head}.{body}."), format!("{head}.{body}.{tag}")] {
            assert_eq!(tokens().verify_access(&token, NOW), Err(TokenError::Forged), "{header}");
        }
    }
}

#[test]
fn a_refresh_token_is_the_same_each_time_and_names_its_generation() {
    let session = Uuid::new_v4();
    let token = tokens().refresh(session, 3);
    assert_eq!(token, tokens().refresh(session, 3));
    assert_ne!(token, tokens().refresh(session, 4));
    assert_eq!(tokens().verify_refresh(&token), Ok((session, 3)));
    assert_eq!(Tokens::new(&[8; 32]).verify_refresh(&token), Err(TokenError::Forged));
    for wrong in damaged(&token).chain((0..token.len()).map(|n| token[..n].to_owned())).chain([format!("{token}="), format!("{token}A")]) {
        assert_eq!(tokens().verify_refresh(&wrong), Err(TokenError::Forged), "{wrong}");
    }
}

#[test]
fn a_code_serves_one_purpose_until_it_ends() {
    let user = Uuid::new_v4();
    let code = tokens().code(Purpose::VerifyEmail, user, NOW + 60);
    assert_eq!(tokens().verify_code(Purpose::VerifyEmail, &code, NOW), Ok(user));
    assert_eq!(tokens().verify_code(Purpose::VerifyEmail, &code, NOW + 60), Err(TokenError::Expired));
    assert_eq!(tokens().verify_code(Purpose::Upload, &code, NOW), Err(TokenError::Forged));
    assert_eq!(tokens().verify_refresh(&code), Err(TokenError::Forged));
    assert_eq!(Tokens::new(&[8; 32]).verify_code(Purpose::VerifyEmail, &code, NOW), Err(TokenError::Forged));
    for wrong in damaged(&code).chain((0..code.len()).map(|n| code[..n].to_owned())) {
        assert_eq!(tokens().verify_code(Purpose::VerifyEmail, &wrong, NOW), Err(TokenError::Forged), "{wrong}");
    }
}

#[test]
fn nothing_shows_the_keys() {
    assert_eq!(format!("{:?}", tokens()), "Tokens(…)");
}
