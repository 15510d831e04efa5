//! Which of the two response formats a client wants, and whether a body is JSON.

/// A response format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status says whether the request was executed.
    GraphQlResponse,
    /// `application/json`: whatever was well formed is 200.
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The format that an `Accept` header prefers; `None` when neither is acceptable.
    #[must_use]
    pub fn preferred(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else { return Some(Self::Json) };
        let graphql = rank(accept, "graphql-response+json");
        let json = rank(accept, "json");
        match (graphql.weight, json.weight) {
            (0, 0) => None,
            (g, j) if g > j => Some(Self::GraphQlResponse),
            // Named as such beside an equal: whoever knows the newer format wants it.
            (g, j) if g == j && graphql.named => Some(Self::GraphQlResponse),
            _ => Some(Self::Json),
        }
    }
}

/// Whether a client wants its answers as an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// It did not name `text/event-stream`.
    No,
    /// Beside JSON: subscriptions only.
    Accepted,
    /// Rather than JSON: whatever it asks.
    Preferred,
}

impl Events {
    /// What an `Accept` header says of event streams; ranges with a star do not ask for one.
    #[must_use]
    pub fn wanted(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let events = accept.split(',').map(weighted).filter(|(media, _)| media.eq_ignore_ascii_case("text/event-stream"));
        let events = events.map(|(_, weight)| weight).max().unwrap_or(0);
        let json = [rank(accept, "graphql-response+json"), rank(accept, "json")];
        let named = json.iter().filter(|rank| rank.named).map(|rank| rank.weight).max().unwrap_or(0);
        match (events, named) {
            (0, _) => Self::No,
            (events, json) if events > json => Self::Preferred,
            _ => Self::Accepted,
        }
    }
}

/// How much `application/{subtype}` is wanted: the most specific range that covers it decides.
struct Rank {
    weight: u16,
    named: bool,
}

fn rank(accept: &str, subtype: &str) -> Rank {
    let mut found = (0, 0);
    for range in accept.split(',') {
        let (media, weight) = weighted(range);
        let Some((kind, sub)) = media.split_once('/') else { continue };
        let specificity = match (kind.to_ascii_lowercase().as_str(), sub.to_ascii_lowercase().as_str()) {
            ("application", s) if s == subtype => 3,
            ("application", "*") => 2,
            ("*", "*") => 1,
            _ => continue,
        };
        // Of two ranges alike the greater weight counts.
        found = found.max((specificity, weight));
    }
    Rank { weight: found.1, named: found.0 == 3 }
}

/// An element of an `Accept…` list with its weight in thousandths; a malformed weight is none.
#[must_use]
pub(super) fn weighted(element: &str) -> (&str, u16) {
    let mut parts = element.split(';').map(str::trim);
    let value = parts.next().unwrap_or_default();
    let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q="))).map_or(1000, thousandths);
    (value, weight)
}

fn thousandths(q: &str) -> u16 {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    match (whole, digits) {
        ("0", true) => format!("{fraction:0<3}").parse().unwrap_or(0),
        ("1", true) => 1000,
        _ => 0,
    }
}

/// Is this `Content-Type` JSON in UTF-8?
#[must_use]
pub fn is_json(content_type: Option<&str>) -> bool {
    let Some(value) = content_type else { return false };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| {
        parameter.split_once('=').is_none_or(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides_the_format() {
        const GRAPHQL: Option<Media> = Some(Media::GraphQlResponse);
        const JSON: Option<Media> = Some(Media::Json);
        for (accept, media) in [
            ("", JSON),
            ("*/*", JSON),
            ("application/*", JSON),
            ("application/json", JSON),
            ("application/json; charset=utf-8", JSON),
            ("application/graphql-response+json", GRAPHQL),
            ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
            ("application/graphql-response+json, application/graphql+json, application/json, text/event-stream", GRAPHQL),
            ("application/json, application/graphql-response+json;q=0.5", JSON),
            ("application/json, */*;q=0.1", JSON),
            ("application/graphql-response+json, */*", GRAPHQL),
            ("application/json;q=0, */*", GRAPHQL),
            ("text/html", None),
            ("text/event-stream", None),
            ("application/json;q=0", None),
            ("nonsense", None),
        ] {
            assert_eq!(Media::preferred(Some(accept)), media, "{accept}");
        }
        assert_eq!(Media::preferred(None), JSON);
    }

    #[test]
    fn event_streams_are_asked_for_by_name() {
        for (accept, events) in [
            ("", Events::No),
            ("*/*", Events::No),
            ("text/*", Events::No),
            ("text/event-stream", Events::Preferred),
            ("text/event-stream, multipart/mixed", Events::Preferred),
            ("text/event-stream, */*", Events::Preferred),
            ("text/event-stream;q=0", Events::No),
            ("application/graphql-response+json, application/json, text/event-stream", Events::Accepted),
            ("application/json;q=0.5, text/event-stream", Events::Preferred),
            ("application/json, text/event-stream;q=0.5", Events::Accepted),
        ] {
            assert_eq!(Events::wanted(Some(accept)), events, "{accept}");
        }
        assert_eq!(Events::wanted(None), Events::No);
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for good in ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json; charset=\"UTF-8\""] {
            assert!(is_json(Some(good)), "{good}");
        }
        for bad in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/json; charset=iso-8859-1")] {
            assert!(!is_json(bad), "{bad:?}");
        }
    }
}
