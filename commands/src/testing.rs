//! A book of its own for each test: SQLite in a temporary folder that goes with it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use domain::ids::UserId;
use domain::settings::Settings;
use domain::user::Role;
use eventlog::{Config, ExecuteError, KeySource, Log, StoreUrl};
use kernel::{Actor, Timestamp};
use uuid::Uuid;

use crate::session::SignedIn;
use crate::user::{self, NewPassword, RegisterUser, VerifyEmail};
use crate::{Caller, Clock, Context, Ids, Keys};

/// A context over a fresh log.
pub(crate) struct Book {
    pub ctx: Context,
    folder: PathBuf,
}

impl Drop for Book {
    fn drop(&mut self) {
        // Only litter is left behind when it fails.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Opens a book whose clocks stand at [`now`].
pub(crate) async fn book() -> Book {
    let folder = std::env::temp_dir().join(format!("daybook-commands-{}", Uuid::now_v7()));
    let url = StoreUrl::Sqlite(folder.clone());
    let config = Config { keys: KeySource::beside(&url), url, secret: [7; 32], migrate: true };
    let log = Log::open(config).await.unwrap();
    let settings = Arc::new(Settings::default());
    let ctx = Context { log, clock: Clock::frozen(now()), ids: Ids::seeded(1), settings, keys: Keys::new([9; 32]) };
    Book { ctx, folder }
}

/// Business and real time alike.
pub(crate) fn now() -> Timestamp {
    "2026-11-02T00:00:00Z".parse().unwrap()
}

/// So many seconds after [`now`].
pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

/// A caller without a key.
pub(crate) fn caller(actor: Actor) -> Caller {
    Caller { actor, ..Caller::system("test", None, Uuid::nil()) }
}

/// A signed-in caller.
pub(crate) fn by(user: UserId) -> Caller {
    caller(Actor::User(user.uuid()))
}

/// What somebody types into the sign-up form.
pub(crate) fn form(email: &str, role: Role) -> RegisterUser {
    RegisterUser { email: email.to_owned(), name: "김민준".to_owned(), phone: "010-1234-5678".to_owned(), role }
}

/// A password that was hashed.
pub(crate) fn password() -> NewPassword {
    NewPassword { chars: 12, phc: "$argon2id$test".to_owned(), mark: String::new() }
}

/// Signs somebody up.
pub(crate) async fn sign_up(book: &Book, email: &str, role: Role) -> SignedIn {
    let anonymous = caller(Actor::Anonymous);
    user::register_user(&book.ctx, &anonymous, &form(email, role), &password(), now()).await.unwrap().value
}

/// Lets somebody prove their address.
pub(crate) async fn verify(book: &Book, user: UserId) {
    let code = user::verification_code(&book.ctx, user, now());
    user::verify_email(&book.ctx, &caller(Actor::Anonymous), &VerifyEmail { code }, now()).await.unwrap();
}

/// Code and field of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, ExecuteError>) -> (String, String) {
    match result.unwrap_err() {
        ExecuteError::Refused { refused, .. } => (refused.code, refused.field.join(".")),
        other => panic!("not refused: {other}"),
    }
}

/// Types of all events, in order.
pub(crate) async fn events(book: &Book) -> Vec<String> {
    book.ctx.log.read(0, 1_000).await.unwrap().into_iter().map(|event| event.event_type).collect()
}
