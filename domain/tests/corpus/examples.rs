//! One event of each shape that is written today.

use daybook_domain::Event;

use crate::encoded;

/// The events of `examples.txt`.
pub fn all() -> Vec<Event> {
    let lines = include_str!("examples.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(event).collect()
}

fn event(line: &str) -> Event {
    let mut words = line.splitn(3, ' ');
    let (kind, event_type, payload) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let event = Event::today(kind, event_type, &filled(payload));
    event.unwrap_or_else(|error| panic!("{event_type}: {error}")).unwrap_or_else(|| panic!("no module owns the streams {kind}-…"))
}

/// The payload with its `<…>` written out.
fn filled(payload: &str) -> String {
    let mut parts = payload.split('<');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (mark, rest) = part.split_once('>').unwrap();
        text += &value(&mark.split(' ').collect::<Vec<_>>());
        text += rest;
    }
    text
}

fn value(mark: &[&str]) -> String {
    let uuid = |number: &str| format!("00000000-0000-7000-8000-{:0>12}", number);
    match *mark {
        ["won", minor] => format!(r#"{{"minor":"{minor}","currency":"KRW"}}"#),
        ["day", day] => format!(r#""2026-11-{day:0>2}T09:00:00Z""#),
        // The stored form (docs/sealing.md); nobody has the key.
        ["personal", subject, class] => {
            format!(r#"{{"of":"{}","key":"{class}","ad":"AAAAAAAAAAAAAAAAAAAAAQ","sealed":"c2VhbGVkIGZvciBub2JvZHk"}}"#, uuid(subject))
        }
        [kind, number] => format!(r#""{kind}-{}""#, uuid(number)),
        _ => panic!("what is <{}>?", mark.join(" ")),
    }
}

/// Kind of stream, type, version and payload of an event.
pub fn stored(event: &Event) -> (&'static str, String, u32, String) {
    let (kind, (event_type, version, payload)) = match event {
        Event::User(event) => ("user", encoded(event)),
        Event::Session(event) => ("session", encoded(event)),
        Event::Admins(event) => ("roles", encoded(event)),
        Event::Corporate(event) => ("corp", encoded(event)),
        Event::ApiKey(event) => ("apikey", encoded(event)),
        Event::ExchangeKey(event) => ("xkey", encoded(event)),
        Event::Claim(event) => ("claim", encoded(event)),
        Event::Vehicle(event) => ("vehicle", encoded(event)),
        Event::Vehcal(event) => ("vehcal", encoded(event)),
        Event::Upload(event) => ("upload", encoded(event)),
        Event::Booking(event) => ("booking", encoded(event)),
        Event::Pending(event) => ("pending", encoded(event)),
        Event::Product(event) => ("product", encoded(event)),
        Event::Stock(event) => ("stock", encoded(event)),
        Event::ShopOrder(event) => ("shoporder", encoded(event)),
        Event::Payment(event) => ("payment", encoded(event)),
        Event::Payable(event) => ("payable", encoded(event)),
        Event::Settlement(event) => ("settlement", encoded(event)),
        Event::SettlementGuard(event) => ("settlementguard", encoded(event)),
        Event::Payout(event) => ("payout", encoded(event)),
        Event::DeadLetter(event) => ("deadletter", encoded(event)),
        Event::Adjustment(event) => ("ledgertx", encoded(event)),
        Event::Period(event) => ("period", encoded(event)),
        Event::Recon(event) => ("recon", encoded(event)),
        Event::Statement(event) => ("statement", encoded(event)),
        Event::Export(event) => ("export", encoded(event)),
        Event::FeeInvoice(event) => ("feebook", encoded(event)),
        Event::FeeNumbers(event) => ("feenumbers", encoded(event)),
        Event::Projection(event) => ("projection", encoded(event)),
        Event::Transfers(event) => ("transferledger", encoded(event)),
        Event::Inbox(event) => ("inbox", encoded(event)),
        Event::Device(event) => ("device", encoded(event)),
    };
    (kind, event_type, version, payload)
}
