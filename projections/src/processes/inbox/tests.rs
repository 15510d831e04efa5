use domain::ids::NotificationId;
use domain::inbox::template;

use super::*;
use crate::models::testing::{History, at, id, terms};

fn reactions(stream: impl Display, event: domain::Event) -> Reactions {
    Notifications::react(&History::default().on(stream, event).0.remove(0))
}

fn told_of(stream: impl Display, event: domain::Event) -> Vec<(Addressee, String)> {
    let notice = |reaction| match reaction {
        Reaction::Command(Intent::Notify { notice }) => {
            assert!(template::find(&notice.template).is_some(), "{} is not in the table", notice.template);
            (notice.to, notice.template)
        }
        other => panic!("{other:?}"),
    };
    reactions(stream, event).into_iter().map(notice).collect()
}

#[test]
fn a_request_is_told_to_its_host_and_an_answer_to_its_guest() {
    let booking: BookingId = id(1);
    let requested = booking::Event::BookingRequested { terms: Box::new(terms()), message: None, expires_at: at(60) };
    assert_eq!(told_of(booking, domain::Event::Booking(requested.clone())), [(Addressee::User(terms().host), "BOOKING_REQUESTED".into())]);
    let instant = domain::booking::Terms { instant: true, ..terms() };
    let instant = booking::Event::BookingRequested { terms: Box::new(instant), message: None, expires_at: at(60) };
    assert_eq!(told_of(booking, domain::Event::Booking(instant)), []);
    let approved = booking::Event::BookingApproved { payment: id(7), payment_due_at: at(120), response: None, auto: false };
    assert_eq!(told_of(booking, domain::Event::Booking(approved)), [(Addressee::Guest(booking), "BOOKING_APPROVED".into())]);
    let asked_for = reactions(booking, domain::Event::Booking(requested));
    let [Reaction::Command(Intent::Notify { notice })] = asked_for.as_slice() else {
        panic!("one notice");
    };
    assert_eq!(notice.source, format!("event-{}", Uuid::from_u128(1)), "the event's own id: the same at every rebuild");
    assert_eq!(notice.about, Some(booking.to_string()));
}

#[test]
fn nobody_is_told_twice_of_one_event() {
    let booking: BookingId = id(1);
    for cause in
        [CancelCause::Guest, CancelCause::Host, CancelCause::Admin, CancelCause::Expired, CancelCause::PaymentLapsed, CancelCause::NoShow]
    {
        let refund = crate::models::testing::won(0);
        let cancelled = booking::Event::BookingCancelled { cause, by: None, reason: None, refund, host_penalty: None };
        let told = told_of(booking, domain::Event::Booking(cancelled));
        assert!(!told.is_empty(), "{cause:?}");
        assert!(told.iter().enumerate().all(|(index, (to, _))| told[..index].iter().all(|(other, _)| other != to)), "{told:?}");
    }
}

#[test]
fn what_waits_has_a_timer_and_what_need_not_leaves_at_once() {
    let (user, notification): (UserId, NotificationId) = (id(1), id(11));
    let stream = "inbox-00000000-0000-0000-0000-000000000001";
    let created = |deliver_at| inbox::Event::NotificationCreated {
        notification,
        user,
        source: "event-1".to_owned(),
        template: "BOOKING_APPROVED".to_owned(),
        kind: inbox::Kind::Transactional,
        about: None,
        params: BTreeMap::new(),
        message: None,
        channels: vec![Channel::Email, Channel::Push],
        deliver_at,
        held: false,
        retires: None,
        unread: 1,
    };
    let call = |channel| Reaction::Effect(Call::Deliver { user, notification, channel, created: 1 });
    let now = reactions(stream, domain::Event::Inbox(created(None)));
    assert_eq!(now, [call(Channel::Email), call(Channel::Push)]);
    let due = at(600);
    let later = reactions(stream, domain::Event::Inbox(created(Some(due))));
    let intent = Intent::ReleaseNotification { user, notification, created: 1 };
    assert_eq!(later, [Reaction::Timer { key: format!("release:{notification}"), due, intent }]);
    let released = inbox::Event::NotificationReleased { notification, created: 1, channels: vec![Channel::Email], unread: 1 };
    assert_eq!(reactions(stream, domain::Event::Inbox(released)), [call(Channel::Email)]);
}
