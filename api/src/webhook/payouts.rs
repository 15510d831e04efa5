//! Notices of payouts: the only ones that the provider signs (ledger-and-audit.md §6.4, SEC-16).
//!
//! A signature tells who speaks and not that it is so still: the notice makes us ask the bank, as those of payments make us ask the
//! provider. What is not signed with our secret, or is older than the last time the provider sends a notice again, is refused.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use commands::Caller;
use commands::settlement::{ReceivePayoutNotice, receive_payout_notice};
use domain::ids::PayoutId;
use hmac::{Hmac, KeyInit, Mac};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use kernel::jiff::civil::DateTime;
use kernel::jiff::tz::{TimeZone, offset};
use sha2::{Digest as _, Sha256};

use crate::app::{App, real_now};
use crate::metrics::Noticed;

/// What tells of a payout.
pub(super) const CHANGED: &str = "payout.changed";
const SIGNATURE: HeaderName = HeaderName::from_static("tosspayments-webhook-signature");
const TRANSMISSION_TIME: HeaderName = HeaderName::from_static("tosspayments-webhook-transmission-time");
/// What a signature begins with.
const VERSION: &str = "v1:";
/// Signatures that are looked at: the provider sends one for each of its secrets, the new one and the old one.
const MAX_SIGNATURES: usize = 8;
/// The provider sends a notice for the last time 3 days and 19 hours after the first.
const OLDEST: SignedDuration = SignedDuration::from_hours(4 * 24);
/// How far its clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// What a secret may be long, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// The secret that the provider signs its notices of payouts with; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct NoticeSecret(Vec<u8>);

impl fmt::Debug for NoticeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoticeSecret(…)")
    }
}

impl FromStr for NoticeSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text.as_bytes().to_vec())),
            false => Err(format!("{} to {} characters without spaces are expected", LENGTHS.start(), LENGTHS.end())),
        }
    }
}

impl NoticeSecret {
    /// Was the body signed with it, not too long ago? One of several signatures is enough.
    fn signed(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let Some(time) = headers.get(&TRANSMISSION_TIME).and_then(|time| time.to_str().ok()) else { return false };
        let signatures = headers.get_all(&SIGNATURE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        is_recent(time, now) && signatures.take(MAX_SIGNATURES).any(|signature| self.made(signature.trim(), body, time))
    }

    /// Compared in constant time.
    fn made(&self, signature: &str, body: &[u8], time: &str) -> bool {
        let Some(signature) = signature.strip_prefix(VERSION).and_then(|text| STANDARD.decode(text).ok()) else { return false };
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return false };
        mac.chain_update(body).chain_update(b":").chain_update(time).verify_slice(&signature).is_ok()
    }
}

/// A time with its offset, or one without, which is Korea's.
fn is_recent(time: &str, now: Timestamp) -> bool {
    let seoul = || time.parse::<DateTime>().ok()?.to_zoned(TimeZone::fixed(offset(9))).ok().map(|zoned| zoned.timestamp());
    let sent = time.parse::<Timestamp>().ok().or_else(seoul);
    sent.is_some_and(|sent| {
        let age = now.duration_since(sent);
        age <= OLDEST && age >= -AHEAD
    })
}

/// Takes a notice of a payout of ours, under the name that the bank was told. Without a secret nobody can tell who wrote it, and it is
/// for others.
pub(super) async fn take(
    app: &App,
    secret: Option<&NoticeSecret>,
    by: Caller,
    payout: Option<&str>,
    (headers, body): (&HeaderMap, &[u8]),
) -> Result<Noticed, commands::ExecuteError> {
    let Some(secret) = secret else { return Ok(Noticed::Ignored) };
    if !secret.signed(headers, body, real_now()) {
        return Ok(Noticed::Forged);
    }
    let Some(payout_id) = payout.and_then(|text| text.parse::<PayoutId>().ok()) else { return Ok(Noticed::Ignored) };
    // Of what is signed: the same notice under another id, or at another time, is the same.
    let notice: String = Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let by = Caller { key: Some(format!("payout-notice:{notice}")), ..by };
    let recorded = receive_payout_notice(&app.ctx, &by, &ReceivePayoutNotice { payout_id, notice }).await?;
    Ok(if recorded.value && !recorded.receipt.replayed { Noticed::Recorded } else { Noticed::Ignored })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const BODY: &[u8] = br#"{"eventType":"payout.changed","entityBody":{"refPayoutId":"payout-1","status":"COMPLETED"}}"#;
    const TIME: &str = "2026-11-02T09:00:00+09:00";

    fn secret(text: &str) -> NoticeSecret {
        text.parse().unwrap()
    }

    fn signature(secret: &NoticeSecret, body: &[u8], time: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&secret.0).unwrap().chain_update(body).chain_update(b":").chain_update(time);
        format!("v1:{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn headers(time: &str, signatures: &[&str]) -> HeaderMap {
        let signed = signatures.iter().map(|value| (SIGNATURE, value.parse().unwrap()));
        let mut headers = HeaderMap::from_iter([(TRANSMISSION_TIME, time.parse().unwrap())]);
        signed.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Made with OpenSSL: `printf '%s:%s' "$body" "$time" | openssl dgst -sha256 -hmac a-secret-of-sixteen -binary | base64`.
    #[test]
    fn a_signature_is_what_others_make_of_it() {
        assert_eq!(
            signature(&secret("a-secret-of-sixteen"), b"{}", "2026-11-02T00:00:00Z"),
            "v1:HPBHPkXFKUuplsuXab78plbBuyj7HZRX9UMujFQfJzs="
        );
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let (own, other, now) = (secret("the-provider's-own-secret"), secret("somebody-else's-secret"), at("2026-11-02T00:01:00Z"));
        let (right, wrong) = (signature(&own, BODY, TIME), signature(&other, BODY, TIME));
        for signatures in [vec![&*right], vec![&*format!("{wrong},{right}")], vec![&*format!("{right}, {wrong}")], vec![&*wrong, &*right]] {
            assert!(own.signed(&headers(TIME, &signatures), BODY, now), "{signatures:?}");
        }
        let many = format!("{}{right}", format!("{wrong},").repeat(MAX_SIGNATURES));
        let unversioned = right.trim_start_matches("v1:").to_owned();
        for signatures in [vec![], vec![&*wrong], vec![&*unversioned], vec!["v1:"], vec!["v1:%"], vec![""], vec![&*many]] {
            assert!(!own.signed(&headers(TIME, &signatures), BODY, now), "{signatures:?}");
        }
        assert!(!own.signed(&headers(TIME, &[&right]), b"{}", now), "another body");
        assert!(!own.signed(&headers("2026-11-02T09:00:01+09:00", &[&right]), BODY, now), "another time");
        assert!(!own.signed(&HeaderMap::new(), BODY, now));
    }

    #[test]
    fn what_was_sent_too_long_ago_is_not_taken_again() {
        let now = at("2026-11-06T00:00:00Z");
        for (time, recent) in [
            ("2026-11-02T00:00:00Z", true),
            ("2026-11-01T23:59:59Z", false),
            ("2026-11-06T00:05:00Z", true),
            ("2026-11-06T00:05:01Z", false),
            // Without an offset it is Korea's.
            ("2026-11-02T09:00:00.000000", true),
            ("2026-11-02T08:59:59", false),
            ("1793577600", false),
            ("", false),
        ] {
            assert_eq!(is_recent(time, now), recent, "{time}");
        }
    }

    #[test]
    fn a_secret_is_long_enough_and_never_shown() {
        assert_eq!(format!("{:?}", secret("0123456789abcdef")), "NoticeSecret(…)");
        for wrong in ["", "0123456789abcde", "with some spaces in it", &"x".repeat(257)] {
            assert!(wrong.parse::<NoticeSecret>().is_err(), "{wrong}");
        }
    }
}
