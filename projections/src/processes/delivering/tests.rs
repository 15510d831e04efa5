#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use adapters::{BoxFuture, ConsolePush, MessengerError};
use commands::inbox::{Addressee, Notice, notify};
use commands::user::{NewPassword, RegisterUser, VerifyEmail, register_user, verification_code, verify_email};
use commands::{Clock, Ids, Keys};
use domain::settings::Settings;
use domain::user::Role;
use eventlog::{Config, KeySource, Log, StoreUrl};
use kernel::{Actor, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// A book in a folder that goes with it.
struct Book {
    ctx: Context,
    folder: PathBuf,
}

impl Drop for Book {
    fn drop(&mut self) {
        // Only litter is left behind when it fails.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn now() -> Timestamp {
    "2026-11-02T00:00:00Z".parse().unwrap()
}

async fn book() -> Book {
    let folder = std::env::temp_dir().join(format!("daybook-delivering-{}", Uuid::now_v7()));
    let url = StoreUrl::Sqlite(folder.clone());
    let config = Config { keys: KeySource::beside(&url), url, secret: [7; 32], migrate: true };
    let log = Log::open(config).await.unwrap();
    let settings = Arc::new(Settings::default());
    Book { ctx: Context { log, clock: Clock::frozen(now()), ids: Ids::seeded(1), settings, keys: Keys::new([9; 32]) }, folder }
}

fn by(name: &str) -> Caller {
    Caller::system(name, None, Uuid::nil())
}

/// Somebody with a proved address who is to hear that their password was changed.
async fn told(ctx: &Context) -> Delivery {
    let anonymous = Caller { actor: Actor::Anonymous, ..by("test") };
    let (email, name, phone) = ("a@example.com".to_owned(), "김민준".to_owned(), "010-1234-5678".to_owned());
    let account = RegisterUser { email, name, phone, role: Role::Guest };
    let password = NewPassword { chars: 12, phc: "$argon2id$test".to_owned(), mark: String::new() };
    let user = register_user(ctx, &anonymous, &account, &password, now()).await.unwrap().value.user;
    verify_email(ctx, &anonymous, &VerifyEmail { code: verification_code(ctx, user, now()) }, now()).await.unwrap();
    let (template, params) = ("PASSWORD_CHANGED".to_owned(), BTreeMap::new());
    let notice = Notice { to: Addressee::User(user), source: "event-1".to_owned(), happened_at: now(), template, about: None, params };
    let done = notify(ctx, &by("notifications"), &notice).await.unwrap();
    Delivery { user, notification: done.value.unwrap(), channel: Channel::Email, created: done.receipt.position, attempt: 1 }
}

/// Takes messages by their keys, and does not always say so.
#[derive(Default)]
struct Post {
    /// Answers to come; then it takes everything.
    silent: Mutex<Vec<bool>>,
    taken: Mutex<BTreeMap<String, u32>>,
}

impl Messenger for Post {
    fn send(&self, _: Message) -> BoxFuture<'_, Result<(), MessengerError>> {
        Box::pin(async { panic!("a notification goes out under a key") })
    }

    fn send_once<'a>(&'a self, key: &'a str, _: Message) -> BoxFuture<'a, Result<(), MessengerError>> {
        let silent = self.silent.lock().unwrap().pop().unwrap_or(false);
        *self.taken.lock().unwrap().entry(key.to_owned()).or_default() += 1;
        let answer = if silent { Err(MessengerError::Undelivered { cause: "no answer".to_owned() }) } else { Ok(()) };
        Box::pin(async { answer })
    }
}

async fn types(ctx: &Context, prefix: &str) -> Vec<String> {
    let events = ctx.log.read(0, 1_000).await.unwrap().into_iter().map(|event| event.event_type);
    events.filter(|event| event.starts_with(prefix)).collect()
}

async fn attempt(ctx: &Context, post: &Post, delivery: Delivery) -> Result<(), WorkError> {
    deliver(ctx, post, &ConsolePush::new(), &by("notifications"), delivery).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// N1: whatever the service says, and however often an attempt is made again after a crash, it sees one key, it is asked no more
    /// once the answer is noted, and the answer is noted once.
    #[test]
    fn a_delivery_has_one_key_and_one_end(silent in prop::collection::vec(any::<bool>(), 0..4), again in 1_usize..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let book = book().await;
            let delivery = told(&book.ctx).await;
            let post = Post { silent: Mutex::new(silent.clone()), ..Post::default() };
            let mut number = 1;
            while let Err(WorkError::Retry { .. }) = attempt(&book.ctx, &post, Delivery { attempt: number, ..delivery }).await {
                number += 1;
            }
            let asked: u32 = post.taken.lock().unwrap().values().sum();
            let answered = types(&book.ctx, "DeliverySucceeded").await.len();
            for _ in 0..again {
                // Its outcome was not noted by the worker: the effect comes again.
                attempt(&book.ctx, &post, delivery).await.ok();
            }
            let taken = post.taken.lock().unwrap().clone();
            assert_eq!(taken.keys().map(String::as_str).collect::<Vec<_>>(), [format!("notify:event-1:{}:email", delivery.user.uuid())]);
            if answered == 1 {
                assert_eq!(taken.values().sum::<u32>(), asked, "it was delivered: nobody is asked again");
            }
            assert_eq!(types(&book.ctx, "DeliverySucceeded").await.len(), 1, "an operator's retry gets through");
        });
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_is_noted_and_parked() {
    let book = book().await;
    let delivery = told(&book.ctx).await;
    let post = Post { silent: Mutex::new(vec![true; 10]), ..Post::default() };
    for number in 1..LAST_ATTEMPT {
        let failed = attempt(&book.ctx, &post, Delivery { attempt: number, ..delivery }).await;
        assert!(matches!(failed, Err(WorkError::Retry { .. })), "{failed:?}");
    }
    assert_eq!(types(&book.ctx, "Delivery").await.len(), 0);
    for _ in 0..2 {
        let last = attempt(&book.ctx, &post, Delivery { attempt: LAST_ATTEMPT, ..delivery }).await;
        assert!(matches!(last, Err(WorkError::Fatal { .. })), "{last:?}");
        assert_eq!(types(&book.ctx, "Delivery").await, ["DeliveryFailed"]);
    }
}
