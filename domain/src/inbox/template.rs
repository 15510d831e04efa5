//! What notifications say, as data: `inbox/templates.txt`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kernel::Timestamp;
use kernel::jiff::tz::TimeZone;

use super::Kind;
use crate::catalogue::Language;

const TABLE: &str = include_str!("templates.txt");
/// Stands for the words of whoever sends by hand.
const MESSAGE: &str = "message";
/// What the law wants before every advertisement (Network Act).
pub const ADVERTISEMENT: (&str, &str) = ("(광고) ", "(Ad) ");
/// How an advertisement is got rid of.
const OPT_OUT: (&str, &str) =
    ("\n수신 거부: 알림 설정에서 무료로 끌 수 있습니다.", "\nTo opt out, free of charge: turn it off in your notification settings.");

/// One kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name, in events and for clients.
    pub code: &'static str,
    /// How much a person may say about it.
    pub kind: Kind,
    ko: Texts,
    en: Texts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Texts {
    title: &'static str,
    text: &'static str,
}

/// What a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub title: String,
    /// The rest.
    pub text: String,
}

static TEMPLATES: LazyLock<BTreeMap<&'static str, Template>> =
    LazyLock::new(|| TABLE.lines().filter_map(read).map(|template| (template.code, template)).collect());

/// A line of the table; a comment is none.
fn read(line: &'static str) -> Option<Template> {
    let mut cells = line.split('|').map(str::trim);
    let (code, kind) = (cells.next()?, Kind::named(cells.next()?)?);
    let mut texts = || Some(Texts { title: cells.next()?, text: cells.next()? });
    Some(Template { code, kind, ko: texts()?, en: texts()? })
}

/// A template by its code.
#[must_use]
pub fn find(code: &str) -> Option<Template> {
    TEMPLATES.get(code).copied()
}

/// Every template, in the order of codes.
pub fn all() -> impl Iterator<Item = Template> {
    TEMPLATES.values().copied()
}

impl Template {
    /// Does it carry the words of whoever sends it? Others are only sent by what has happened, so that nobody can be told of a
    /// payment that was none.
    #[must_use]
    pub fn is_sent_by_hand(&self) -> bool {
        self.ko.text.contains("{message}")
    }

    /// What a person reads: parameters filled in, times as the clock in `zone` shows them, `?` for what is missing; `message` is what was
    /// written by hand, and nothing once it was erased.
    #[must_use]
    pub fn render(&self, language: Language, zone: &TimeZone, params: &BTreeMap<String, String>, message: Option<&str>) -> Rendered {
        let (texts, advertisement, opt_out) = match language {
            Language::Ko => (self.ko, ADVERTISEMENT.0, OPT_OUT.0),
            Language::En => (self.en, ADVERTISEMENT.1, OPT_OUT.1),
        };
        let fill = |text: &str| filled(text, zone, params, message);
        let (title, text) = (fill(texts.title), fill(texts.text));
        match self.kind {
            Kind::Marketing => Rendered { title: format!("{advertisement}{title}"), text: format!("{text}{opt_out}") },
            Kind::Mandatory | Kind::Transactional => Rendered { title, text },
        }
    }
}

/// The text in one pass, so that a value with braces is never read as a place.
fn filled(text: &str, zone: &TimeZone, params: &BTreeMap<String, String>, message: Option<&str>) -> String {
    let mut parts = text.split('{');
    let mut done = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        match (name, params.get(name)) {
            (MESSAGE, _) => done.push_str(message.unwrap_or_default()),
            (_, Some(value)) => done.push_str(&shown(name, value, zone)),
            (_, None) => done.push('?'),
        }
        done.push_str(rest);
    }
    done
}

fn shown(name: &str, value: &str, zone: &TimeZone) -> String {
    let instant = if name.ends_with("At") { value.parse::<Timestamp>().ok() } else { None };
    instant.map_or_else(|| value.to_owned(), |at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string())
}
