#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kernel::jiff::SignedDuration;
use kernel::jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::catalogue::Language;
use crate::testing::{given, moment};
use crate::user::ConsentKind;

fn me() -> UserId {
    UserId::new(Uuid::from_u128(1))
}

/// Somebody with a proved address and a device, who agreed to advertising by push.
fn anybody() -> Recipient {
    let consents = BTreeSet::from([ConsentKind::MarketingPush]);
    Recipient { consents, email: true, device: true, ..Recipient::default() }
}

fn draft(source: &str, template: &str, recipient: Recipient) -> Draft {
    let template = template::find(template).unwrap();
    Draft { user: me(), source: source.to_owned(), template, about: None, params: BTreeMap::new(), message: None, recipient }
}

fn create(source: &str, template: &str, recipient: Recipient) -> Command {
    Command::Create(Box::new(draft(source, template, recipient)))
}

/// What a command makes of an inbox at an instant.
fn decided(state: &Inbox, now: Timestamp, command: Command) -> Vec<Event> {
    state.decide(At { now, actor: kernel::Actor::Anonymous, command }).unwrap()
}

/// Ways and time of the one event that creates something.
fn planned(template: &str, recipient: Recipient, now: &str) -> (Vec<Channel>, Option<Timestamp>, bool) {
    match decided(&Inbox::default(), moment(now), create("s", template, recipient)).as_slice() {
        [Event::NotificationCreated { channels, deliver_at, held, .. }] => (channels.clone(), *deliver_at, *held),
        events => panic!("{events:?}"),
    }
}

fn created(source: &str) -> Event {
    decided(&Inbox::default(), moment("2026-11-02T00:00:00Z"), create(source, "BOOKING_REQUESTED", anybody())).remove(0)
}

#[test]
fn the_same_source_tells_the_same_thing_once() {
    let first = created("event-1");
    given::<Inbox>([first.clone()]).when(create("event-1", "BOOKING_REQUESTED", anybody())).then([]);
    let state = Inbox::fold([&first]);
    assert_eq!(decided(&state, moment("2026-11-02T00:00:00Z"), create("event-1", "TRIP_ENDED", anybody())).len(), 1, "another template");
    assert_eq!(decided(&state, moment("2026-11-02T00:00:00Z"), create("event-2", "BOOKING_REQUESTED", anybody())).len(), 1);
}

#[test]
fn it_is_read_once_and_put_away() {
    let (first, notification) = (created("event-1"), id_of(me(), "event-1", "BOOKING_REQUESTED"));
    let read = Event::NotificationRead { notification, unread: 0 };
    let archived = Event::NotificationArchived { notification, unread: 0 };
    given::<Inbox>([first.clone()]).when(Command::Read { notification }).then([read.clone()]);
    given::<Inbox>([first.clone(), read.clone()]).when(Command::Read { notification }).then([]);
    given::<Inbox>([first.clone()]).when(Command::Archive { notification }).then([archived.clone()]);
    given::<Inbox>([first.clone(), archived.clone()]).when(Command::Archive { notification }).then([]);
    given::<Inbox>([first.clone(), archived]).when(Command::Read { notification }).then([]);
    let all = Event::AllNotificationsRead { notifications: vec![notification], unread: 0 };
    given::<Inbox>([first.clone()]).when(Command::ReadAll {}).then([all]);
    given::<Inbox>([first, read]).when(Command::ReadAll {}).then([]);
    given::<Inbox>([]).when(Command::Read { notification }).refused("NOTI001", "notificationId");
    given::<Inbox>([]).when(Command::Archive { notification }).refused("NOTI001", "notificationId");
}

#[test]
fn what_is_mandatory_goes_by_mail_else_by_sms_whatever_was_chosen() {
    let seoul_night = "2026-11-02T15:00:00Z";
    let quiet = QuietHours::new(0, 23 * 60, "Asia/Seoul".parse().unwrap());
    let silent = Preferences { transactional: BTreeSet::new(), marketing: BTreeSet::new(), quiet, ..Preferences::default() };
    let who = Recipient { preferences: silent, email: true, phone: true, device: true, ..Recipient::default() };
    assert_eq!(planned("PASSWORD_CHANGED", who.clone(), seoul_night), (vec![Channel::Email], None, false));
    assert_eq!(planned("PAYMENT_FAILED", Recipient { email: false, ..who.clone() }, seoul_night), (vec![Channel::Sms], None, false));
    assert_eq!(planned("BOOKING_APPROVED", who, seoul_night), (vec![], None, false), "the inbox has it at once");
}

#[test]
fn quiet_hours_put_off_what_leaves_the_house() {
    let zone = || "Asia/Seoul".parse().unwrap();
    let quiet = |from, until| Preferences { quiet: QuietHours::new(from, until, zone()), ..Preferences::default() };
    let who = |preferences| Recipient { preferences, ..anybody() };
    // 23:00, 06:59 and 07:00 in Seoul.
    let overnight = || who(quiet(22 * 60, 7 * 60));
    let morning = Some(moment("2026-11-02T22:00:00Z"));
    assert_eq!(planned("BOOKING_APPROVED", overnight(), "2026-11-02T14:00:00Z"), (vec![Channel::Push], morning, false));
    assert_eq!(planned("BOOKING_APPROVED", overnight(), "2026-11-02T21:59:59Z"), (vec![Channel::Push], morning, false));
    assert_eq!(planned("BOOKING_APPROVED", overnight(), "2026-11-02T22:00:00Z"), (vec![Channel::Push], None, false));
    let noon = who(quiet(12 * 60, 13 * 60));
    assert_eq!(planned("BOOKING_APPROVED", noon, "2026-11-02T03:30:00Z").1, Some(moment("2026-11-02T04:00:00Z")));
    assert_eq!(QuietHours::new(60, 60, zone()), None);
    assert_eq!(QuietHours::new(0, 1_440, zone()), None);
}

#[test]
fn advertising_needs_consent_and_rests_at_night() {
    let nobody = Recipient { consents: BTreeSet::new(), ..anybody() };
    given::<Inbox>([]).when(create("s", "PROMOTION", nobody)).then([]);
    let day = "2026-11-02T03:00:00Z";
    assert_eq!(planned("PROMOTION", anybody(), day), (vec![Channel::Push], None, false));
    // 21:00, 03:00 and 07:59 in Seoul wait for 08:00.
    let eight = Some(moment("2026-11-02T23:00:00Z"));
    for night in ["2026-11-02T12:00:00Z", "2026-11-02T18:00:00Z", "2026-11-02T22:59:59Z"] {
        assert_eq!(planned("PROMOTION", anybody(), night), (vec![Channel::Push], eight, true), "{night}");
    }
    assert_eq!(planned("PROMOTION", anybody(), "2026-11-02T23:00:00Z").1, None);
    let mut owl = anybody();
    owl.consents.insert(ConsentKind::NightMarketing);
    assert_eq!(planned("PROMOTION", owl, "2026-11-02T18:00:00Z"), (vec![Channel::Push], None, false));
    // Quiet hours that end in the night do not let it out.
    let quiet = QuietHours::new(20 * 60, 22 * 60, "Asia/Seoul".parse().unwrap());
    let early = Recipient { preferences: Preferences { quiet, ..Preferences::default() }, ..anybody() };
    assert_eq!(planned("PROMOTION", early, "2026-11-02T11:30:00Z"), (vec![Channel::Push], eight, false));
}

#[test]
fn what_was_kept_back_is_looked_at_again() {
    let night = moment("2026-11-02T18:00:00Z");
    let eight = moment("2026-11-02T23:00:00Z");
    let held = decided(&Inbox::default(), night, create("s", "PROMOTION", anybody())).remove(0);
    let state = Inbox::fold([&held]);
    let notification = id_of(me(), "s", "PROMOTION");
    assert_eq!(
        (state.unread(), state.decide(At { now: night, actor: kernel::Actor::Anonymous, command: Command::Read { notification } })),
        (0, Err(Refusal::NotFound))
    );
    let release = |recipient: Option<Recipient>| Command::Release { notification, created: 1, recipient: recipient.map(Box::new) };
    let released = Event::NotificationReleased { notification, created: 1, channels: vec![Channel::Push], unread: 1 };
    given::<Inbox>([held.clone()]).at(eight).when(release(Some(anybody()))).then([released.clone()]);
    assert_eq!(Inbox::fold([&held, &released]).unread(), 1);
    given::<Inbox>([held.clone(), released]).at(eight).when(release(Some(anybody()))).then([]);
    let early = Event::NotificationDeferred { notification, created: 1, until: eight };
    given::<Inbox>([held.clone()]).at(night).when(release(Some(anybody()))).then([early]);
    // Consent was withdrawn, or the person has left.
    let dropped = Event::NotificationArchived { notification, unread: 0 };
    given::<Inbox>([held.clone()])
        .at(eight)
        .when(release(Some(Recipient { consents: BTreeSet::new(), ..anybody() })))
        .then([dropped.clone()]);
    given::<Inbox>([held]).at(eight).when(release(None)).then([dropped]);
}

#[test]
fn a_delivery_ends_once_and_may_succeed_after_all() {
    let (first, notification, channel) = (created("event-1"), id_of(me(), "event-1", "BOOKING_REQUESTED"), Channel::Push);
    let report = |failure: Option<&str>| Command::Report { notification, channel, failure: failure.map(str::to_owned) };
    let succeeded = Event::DeliverySucceeded { notification, channel };
    let failed = Event::DeliveryFailed { notification, channel, reason: "down".to_owned() };
    given::<Inbox>([first.clone()]).when(report(None)).then([succeeded.clone()]);
    given::<Inbox>([first.clone()]).when(report(Some("down"))).then([failed.clone()]);
    given::<Inbox>([first.clone(), failed.clone()]).when(report(Some("down"))).then([]);
    given::<Inbox>([first.clone(), failed]).when(report(None)).then([succeeded.clone()]);
    given::<Inbox>([first.clone(), succeeded.clone()]).when(report(None)).then([]);
    given::<Inbox>([first.clone(), succeeded]).when(report(Some("down"))).then([]);
    let by_mail = Command::Report { notification, channel: Channel::Email, failure: None };
    given::<Inbox>([first]).when(by_mail).then([]);
}

#[test]
fn every_template_speaks_both_languages() {
    assert!(template::all().count() >= 20);
    let seoul = TimeZone::get("Asia/Seoul").unwrap();
    let params: BTreeMap<_, _> =
        [("startsAt", "2026-11-02T00:00:00Z"), ("answerAt", "2026-11-02T01:00:00Z"), ("payAt", "soon"), ("amount", "24,000 KRW")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    for template in template::all() {
        for language in [Language::Ko, Language::En] {
            let shown = template.render(language, &seoul, &params, Some("안녕 {amount}"));
            assert!(!shown.title.is_empty() && !shown.text.contains('?'), "{}: {}", template.code, shown.text);
            assert_eq!(shown.title.starts_with(['(']), template.kind == Kind::Marketing, "{}", template.code);
            // What somebody wrote is never read as a place.
            assert_eq!(shown.text.contains("{amount}"), template.is_sent_by_hand(), "{}", template.code);
        }
    }
    let requested = template::find("BOOKING_REQUESTED").unwrap().render(Language::En, &seoul, &params, None);
    assert_eq!(requested.text, "Somebody asks for your car from 2026-11-02 09:00. Please answer by 2026-11-02 10:00.");
    assert_eq!(template::find("NOTHING"), None);
    let hands: Vec<_> = template::all().filter(template::Template::is_sent_by_hand).map(|template| template.code).collect();
    assert_eq!(hands, ["ANNOUNCEMENT", "PROMOTION", "SAFETY_NOTICE"]);
}

#[test]
fn choices_never_touch_what_is_mandatory() {
    let choice = |kind, channel, enabled| Choice { kind, channel, enabled };
    let chosen = Preferences::default().with(&[
        choice(Kind::Transactional, Channel::Email, true),
        choice(Kind::Transactional, Channel::Push, false),
        choice(Kind::Mandatory, Channel::Email, true),
    ]);
    assert_eq!(chosen.map(|chosen| chosen.transactional), Ok(BTreeSet::from([Channel::Email])));
    assert_eq!(Preferences::default().with(&[choice(Kind::Mandatory, Channel::Sms, false)]), Err(MandatoryKind));
}

/// A step of the random life of an inbox.
#[derive(Clone, Debug)]
enum Step {
    Create(u16, bool),
    Release(u16),
    Read(u16),
    ReadAll,
    Archive(u16),
    Report(u16, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let source = 0_u16..260;
    let step = prop_oneof![
        8 => (source.clone(), prop::bool::weighted(0.2)).prop_map(|(source, promotion)| Step::Create(source, promotion)),
        2 => source.clone().prop_map(Step::Release),
        2 => source.clone().prop_map(Step::Read),
        2 => source.clone().prop_map(Step::Archive),
        2 => (source, any::<bool>()).prop_map(|(source, fails)| Step::Report(source, fails)),
        1 => Just(Step::ReadAll),
    ];
    prop::collection::vec(step, 1..500)
}

/// The naive book: what was created, read and archived, by id.
#[derive(Default)]
struct Naive {
    counted: HashSet<NotificationId>,
    read: HashSet<NotificationId>,
    archived: HashSet<NotificationId>,
    succeeded: HashSet<NotificationId>,
}

impl Naive {
    fn unread(&self) -> u32 {
        let gone = |id: &&NotificationId| !self.read.contains(*id) && !self.archived.contains(*id);
        u32::try_from(self.counted.iter().filter(gone).count()).unwrap()
    }

    /// Notes an event; gives the number of unread ones that it says.
    fn note(&mut self, event: &Event) -> Option<u32> {
        match event {
            Event::NotificationCreated { notification, held, retires, unread, .. } => {
                self.archived.extend(retires.iter());
                if !held {
                    assert!(self.counted.insert(*notification), "created twice");
                }
                Some(*unread)
            }
            Event::NotificationReleased { notification, unread, .. } => {
                self.counted.insert(*notification);
                Some(*unread)
            }
            Event::NotificationRead { notification, unread } => {
                self.read.insert(*notification);
                Some(*unread)
            }
            Event::AllNotificationsRead { notifications, unread } => {
                self.read.extend(notifications);
                Some(*unread)
            }
            Event::NotificationArchived { notification, unread } => {
                self.archived.insert(*notification);
                Some(*unread)
            }
            Event::DeliverySucceeded { notification, .. } => {
                assert!(self.succeeded.insert(*notification), "delivered twice (N1)");
                None
            }
            Event::NotificationDeferred { .. } | Event::DeliveryFailed { .. } => None,
        }
    }
}

/// Both notifications that a source may cause.
fn both(source: u16) -> [(NotificationId, &'static str); 2] {
    ["BOOKING_REQUESTED", "PROMOTION"].map(|template| (id_of(me(), &source.to_string(), template), template))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// unread = created − read − archived, whatever happens in whatever order; nothing is created or delivered twice within what is
    /// remembered, and no more is remembered than [`KEPT`].
    #[test]
    fn unread_is_what_was_created_less_what_was_read_and_put_away(steps in steps()) {
        let (mut state, mut naive, mut known) = (Inbox::default(), Naive::default(), HashSet::new());
        let mut now = moment("2026-11-02T11:00:00Z");
        for step in steps {
            now = now.checked_add(SignedDuration::from_mins(7)).unwrap();
            let find = |source: u16| both(source).into_iter().map(|(id, _)| id).find(|id| state.entry(*id).is_some());
            let nothing = || both(0)[0].0;
            let command = match step {
                Step::Create(source, ad) => {
                    let (id, template) = both(source)[usize::from(ad)];
                    // One that was pushed out may come again: its receipt stops it, which is not here.
                    if !known.insert(id) && state.entry(id).is_none() {
                        continue;
                    }
                    create(&source.to_string(), template, anybody())
                }
                Step::Release(source) => {
                    let notification = find(source).unwrap_or_else(nothing);
                    Command::Release { notification, created: 1, recipient: Some(Box::new(anybody())) }
                }
                Step::Read(source) => Command::Read { notification: find(source).unwrap_or_else(nothing) },
                Step::ReadAll => Command::ReadAll {},
                Step::Archive(source) => Command::Archive { notification: find(source).unwrap_or_else(nothing) },
                Step::Report(source, fails) => {
                    let notification = find(source).unwrap_or_else(nothing);
                    Command::Report { notification, channel: Channel::Push, failure: fails.then(|| "down".to_owned()) }
                }
            };
            let Ok(events) = state.decide(At { now, actor: kernel::Actor::Anonymous, command }) else { continue };
            for event in events {
                let said = naive.note(&event);
                state = state.evolve(&event);
                prop_assert_eq!(state.unread(), naive.unread());
                prop_assert!(said.is_none_or(|said| said == state.unread()), "{:?}", event);
                prop_assert!(state.kept.len() <= KEPT);
            }
        }
    }
}
