#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::user::Role;
use uuid::Uuid;

use super::*;
use crate::testing::{Book, after, book, by, caller, events, now, refusal, sign_up, verify};

fn notice(user: UserId, source: &str) -> Notice {
    let (template, params) = ("PASSWORD_CHANGED".to_owned(), BTreeMap::new());
    Notice { to: Addressee::User(user), source: source.to_owned(), happened_at: now(), template, about: None, params }
}

fn process(key: &str) -> Caller {
    Caller { key: Some(key.to_owned()), ..caller(kernel::Actor::system("notifications")) }
}

async fn created(book: &Book) -> usize {
    events(book).await.iter().filter(|event| *event == "NotificationCreated").count()
}

fn letter(user: UserId) -> SendNotification {
    SendNotification { user, template: "ANNOUNCEMENT".to_owned(), message: "점검 안내".to_owned(), source: Some("note-1".to_owned()) }
}

#[tokio::test]
async fn a_reaction_that_comes_again_tells_nobody_twice() {
    let book = book().await;
    let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
    let first = notify(&book.ctx, &process("n:1:0"), &notice(me, "event-1")).await.unwrap();
    let again = notify(&book.ctx, &process("n:1:0"), &notice(me, "event-1")).await.unwrap();
    // Another process has lost its receipts, or another event of the same source comes.
    let other = notify(&book.ctx, &process("n:1:1"), &notice(me, "event-1")).await.unwrap();
    assert_eq!((again.receipt.replayed, first.value, other.value), (true, again.value, first.value));
    assert_eq!(created(&book).await, 1);
    let nobody = notice(UserId::new(Uuid::from_u128(99)), "event-1");
    assert_eq!(notify(&book.ctx, &process("n:2:0"), &nobody).await.unwrap().value, None);
}

/// A process that is new to a log begins at its first event, and one that was away where it stopped.
#[tokio::test]
async fn what_happened_long_ago_is_told_to_nobody() {
    let book = book().await;
    let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
    let days = |days: i64| Notice { happened_at: after(-days * 24 * 3_600), ..notice(me, &format!("event-{days}")) };
    assert_eq!(notify(&book.ctx, &process("n:1:0"), &days(4)).await.unwrap().value, None);
    assert_eq!(created(&book).await, 0);
    assert!(notify(&book.ctx, &process("n:2:0"), &days(3)).await.unwrap().value.is_some());
}

#[tokio::test]
async fn what_is_sent_by_hand_names_its_template_and_its_person() {
    let book = book().await;
    let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
    let admin = sign_up(&book, "b@example.com", Role::Guest).await.user;
    let send = async |letter: SendNotification| send_notification(&book.ctx, &by(admin), &letter).await;
    let sent = send(letter(me)).await.unwrap().value.unwrap();
    assert_eq!(send(letter(me)).await.unwrap().value, Some(sent), "the same mark again");
    assert_eq!(created(&book).await, 1);
    let stranger = UserId::new(Uuid::from_u128(99));
    assert_eq!(refusal(send(letter(stranger)).await).0, "USER001");
    for template in ["NOTHING", "PAYMENT_COMPLETED"] {
        let wrong = SendNotification { template: template.to_owned(), ..letter(me) };
        assert_eq!(refusal(send(wrong).await), ("NOTI002".into(), "template".into()));
    }
    assert_eq!(refusal(send(SendNotification { message: " ".to_owned(), ..letter(me) }).await), ("SYS003".into(), "message".into()));
    assert_eq!(refusal(send(SendNotification { source: Some(String::new()), ..letter(me) }).await), ("SYS003".into(), "source".into()));
    let advert = SendNotification { template: "PROMOTION".to_owned(), ..letter(me) };
    assert_eq!(send(advert).await.unwrap().value, None, "nobody agreed to it");
}

#[tokio::test]
async fn an_inbox_is_its_persons_own() {
    let book = book().await;
    let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
    let other = sign_up(&book, "b@example.com", Role::Guest).await.user;
    let notification = send_notification(&book.ctx, &by(other), &letter(me)).await.unwrap().value.unwrap();
    let of = OfNotification { notification };
    assert_eq!(refusal(mark_read(&book.ctx, &by(other), &of).await), ("NOTI001".into(), "notificationId".into()));
    assert_eq!(refusal(archive_notification(&book.ctx, &by(other), &of).await).0, "NOTI001");
    mark_read(&book.ctx, &by(me), &of).await.unwrap();
    archive_notification(&book.ctx, &by(me), &of).await.unwrap();
    assert_eq!(mark_all_read(&book.ctx, &by(me)).await.unwrap().value, 0);
}

#[tokio::test]
async fn a_parcel_is_made_while_its_delivery_is_open() {
    let book = book().await;
    let me = sign_up(&book, "a@example.com", Role::Guest).await.user;
    verify(&book, me).await;
    let done = notify(&book.ctx, &process("n:1:0"), &notice(me, "event-1")).await.unwrap();
    let (notification, created) = (done.value.unwrap(), done.receipt.position);
    let parcel = async || parcel(&book.ctx, me, notification, Channel::Email, created).await.unwrap();
    let made = parcel().await.unwrap();
    assert!(made.way == Some(Way::Email("a@example.com".to_owned())));
    assert_eq!((made.key, made.title), (format!("notify:event-1:{}:email", me.uuid()), "비밀번호 변경".to_owned()));
    let failed = Delivered { user: me, notification, channel: Channel::Email, failure: Some("down".to_owned()) };
    record_delivery(&book.ctx, &process("d:1"), &failed).await.unwrap();
    assert!(parcel().await.is_some(), "an operator may try again");
    record_delivery(&book.ctx, &process("d:2"), &Delivered { failure: None, ..failed }).await.unwrap();
    assert!(parcel().await.is_none(), "it was delivered");
    assert!(super::parcel(&book.ctx, me, notification, Channel::Sms, created).await.unwrap().is_none(), "never planned");
}
