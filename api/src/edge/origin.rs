//! Which web pages may call (SEC-06): those of the list, and our own.

use std::fmt;
use std::str::FromStr;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, Uri, header};

use super::EdgeSettings;

/// The text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin such as https://app.example.org (no path, no *)")]
pub struct BadOrigin(String);

/// Scheme, host and port of a web page, as a browser writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of an address, if it has one.
    pub(super) fn of_url(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        format!("{}://{}", uri.scheme_str()?, uri.authority()?).parse().ok()
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin(text.to_owned());
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.authority()) else { return Err(bad()) };
        let plain = uri.path() == "/" && !text.ends_with('/') && uri.query().is_none() && !host.as_str().contains(['@', '*']);
        if plain { Ok(Self(format!("{scheme}://{host}").to_ascii_lowercase())) } else { Err(bad()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// May a page of this origin call? Whoever is no web page says no origin and is not meant by this.
pub(super) fn is_welcome(settings: &EdgeSettings, request: &Request) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
    !settings.guarded || is_listed(settings, origin) || is_own(settings, origin, request)
}

/// Is the origin on the list?
pub(super) fn is_listed(settings: &EdgeSettings, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| settings.origins.iter().any(|listed| listed.0.eq_ignore_ascii_case(origin)))
}

/// Our own pages: of the host that was asked, or of the address that clients know us by.
fn is_own(settings: &EdgeSettings, origin: &HeaderValue, request: &Request) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Origin>().ok()) else { return false };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let same_host = host.is_some_and(|host| origin.0.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)));
    same_host || Origin::of_url(&settings.public_url).is_some_and(|own| own == origin)
}

/// A browser asks beforehand.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Cookies that another site's page made the browser send. We set none for others to use.
pub(super) fn is_foreign_with_cookies(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(header::COOKIE) && headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        for text in ["https://app.example.org", "http://localhost:3000", "HTTPS://App.Example.org"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in
            ["*", "https://*.example.org", "https://example.org/", "https://example.org/x", "null", "", "ftp://example.org", "example.org"]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
        assert_eq!(Origin::of_url("https://api.example.org/base/").map(|o| o.to_string()).as_deref(), Some("https://api.example.org"));
    }
}
