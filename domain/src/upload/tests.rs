use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};

const USER: UserId = UserId::new(Uuid::from_u128(1));
const TARGET: Target = Target::Vehicle(VehicleId::new(Uuid::from_u128(3)));
const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn request(content_type: &str, bytes: i64, sha256: &str) -> Command {
    Command::Request {
        target: TARGET,
        content_type: content_type.to_owned(),
        bytes,
        sha256: sha256.to_owned(),
        now_real: moment("2026-11-02T00:00:00Z"),
    }
}

fn store(sha256: &str, bytes: u64, now: &str) -> Command {
    Command::Store { sha256: sha256.to_owned(), bytes, now_real: moment(now) }
}

fn requested() -> Event {
    Event::UploadRequested {
        by: USER,
        target: TARGET,
        content_type: ContentType::Jpeg,
        bytes: 1_000,
        sha256: DIGEST.to_owned(),
        expires_at: moment("2026-11-02T00:15:00Z"),
    }
}

fn stored() -> Event {
    Event::UploadStored { sha256: DIGEST.to_owned(), bytes: 1_000 }
}

fn by_user(history: impl IntoIterator<Item = Event>) -> crate::testing::Given<Upload> {
    given::<Upload>(history).by(Actor::User(USER.uuid()))
}

#[test]
fn a_ticket_lives_fifteen_minutes() {
    by_user([]).when(request("image/jpeg", 1_000, DIGEST)).then([requested()]);
    given::<Upload>([]).when(request("image/jpeg", 1_000, DIGEST)).refused("AUTH002", "");
    by_user([requested()]).when(request("image/jpeg", 1_000, DIGEST)).refused("SYS006", "");
}

#[test]
fn only_photos_of_bounded_size_are_announced() {
    for bad in ["", "image/gif", "image/svg+xml", "IMAGE/JPEG", "image/jpeg; charset=utf-8"] {
        by_user([]).when(request(bad, 1_000, DIGEST)).refused("FILE001", "contentType");
    }
    for bad in [-1, 0, i64::from(MAX_BYTES) + 1, i64::MAX] {
        by_user([]).when(request("image/png", bad, DIGEST)).refused("FILE001", "bytes");
    }
    for bad in ["", &DIGEST[1..], &DIGEST.to_uppercase(), &"g".repeat(64), &"가".repeat(64)] {
        by_user([]).when(request("image/webp", 1, bad)).refused("FILE001", "sha256");
    }
}

#[test]
fn only_the_announced_bytes_are_kept_and_only_in_time() {
    let now = "2026-11-02T00:14:59Z";
    given::<Upload>([requested()]).when(store(DIGEST, 1_000, now)).then([stored()]);
    given::<Upload>([requested()]).when(store(DIGEST, 999, now)).refused("FILE001", "");
    given::<Upload>([requested()]).when(store(DIGEST, u64::MAX, now)).refused("FILE001", "");
    given::<Upload>([requested()]).when(store(&"0".repeat(64), 1_000, now)).refused("FILE001", "");
    given::<Upload>([requested()]).when(store(DIGEST, 1_000, "2026-11-02T00:15:00Z")).refused("FILE001", "");
    given::<Upload>([]).when(store(DIGEST, 1_000, now)).refused("SYS007", "uploadId");
}

#[test]
fn the_same_bytes_again_change_nothing() {
    given::<Upload>([requested(), stored()]).when(store(DIGEST, 1_000, "2026-11-03T00:00:00Z")).then([]);
    given::<Upload>([requested(), stored()]).when(store(&"0".repeat(64), 1_000, "2026-11-02T00:01:00Z")).refused("FILE001", "");
}

#[test]
fn it_is_used_once_by_its_owner_for_its_target() {
    let take = |target| Command::Use { target };
    let used = Event::UploadUsed { target: TARGET };
    by_user([requested(), stored()]).when(take(TARGET)).then([used.clone()]);
    by_user([requested()]).when(take(TARGET)).refused("FILE001", "uploadId");
    by_user([requested(), stored(), used]).when(take(TARGET)).refused("FILE001", "uploadId");
    let elsewhere = Target::Booking(BookingId::new(Uuid::from_u128(3)));
    by_user([requested(), stored()]).when(take(elsewhere)).refused("FILE001", "uploadId");
    by_user([]).when(take(TARGET)).refused("SYS007", "uploadId");
    let stranger = given::<Upload>([requested(), stored()]).by(Actor::User(Uuid::from_u128(9)));
    stranger.when(take(TARGET)).refused("SYS007", "uploadId");
}

#[test]
fn a_missing_target_is_malformed_input() {
    assert_eq!(kernel::Refusal::refused(&Refusal::BadTarget).code, "SYS003");
}
