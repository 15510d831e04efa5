use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};

const USER: UserId = UserId::new(Uuid::from_u128(1));
const OTHER: UserId = UserId::new(Uuid::from_u128(2));

/// So long after the sign-in.
fn after(seconds: i64) -> Timestamp {
    later(moment("2026-11-02T00:00:00Z"), SignedDuration::from_secs(seconds))
}

fn started() -> Event {
    Event::SessionStarted {
        user: USER,
        epoch: 3,
        device: Some(Personal::profile(USER.uuid(), "Pixel 11".to_owned())),
        generation: 1,
        started_at: after(0),
        expires_at: after(7 * 86_400),
    }
}

fn refreshed(generation: u32, at: i64) -> Event {
    Event::SessionRefreshed { generation, refreshed_at: after(at), expires_at: after(at + 7 * 86_400) }
}

fn refresh(generation: u32, at: i64) -> Command {
    Command::Refresh { generation, user_epoch: Some(3), now_real: after(at) }
}

fn stolen(presented: u32, current: u32) -> [Event; 2] {
    [Event::SessionReuseDetected { presented, current }, Event::SessionRevoked { reason: RevokeReason::TokenReused }]
}

#[test]
fn a_sign_in_starts_generation_one() {
    let start = |device: &str| Command::Start { user: USER, epoch: 3, device: Some(device.to_owned()), now_real: after(0) };
    given::<Session>([]).when(start("Pixel 11")).then([started()]);
    let Event::SessionStarted { user, epoch, generation, started_at, expires_at, .. } = started() else { unreachable!("as built above") };
    let nameless = Event::SessionStarted { user, epoch, device: None, generation, started_at, expires_at };
    given::<Session>([]).when(start(&"x".repeat(500))).then([nameless]);
    given::<Session>([started()]).when(start("Pixel 11")).refused("SYS006", "");
}

#[test]
fn every_refresh_makes_the_next_generation() {
    let session = given::<Session>([started()]).when(refresh(1, 60)).then([refreshed(2, 60)]);
    assert_eq!(session.live().map(|live| live.generation), Some(2));
    given::<Session>([started(), refreshed(2, 60)]).when(refresh(2, 120)).then([refreshed(3, 120)]);
}

#[test]
fn the_predecessor_is_answered_within_its_grace() {
    let history = [started(), refreshed(2, 60)];
    given::<Session>(history.clone()).when(refresh(1, 69)).then([]);
    given::<Session>(history).when(refresh(1, 70)).then(stolen(1, 2));
}

#[test]
fn an_older_token_ends_the_session_even_within_the_grace() {
    let session = given::<Session>([started(), refreshed(2, 60), refreshed(3, 61)]).when(refresh(1, 62)).then(stolen(1, 3));
    assert_eq!(session, Session::Ended { user: USER });
    given::<Session>([started()].into_iter().chain(stolen(1, 3))).when(refresh(3, 63)).refused("AUTH003", "");
}

#[test]
fn a_token_expires_and_so_does_the_session() {
    given::<Session>([started()]).when(refresh(1, 7 * 86_400)).refused("AUTH003", "");
    given::<Session>([]).when(refresh(1, 1)).refused("AUTH003", "");
    given::<Session>([started()]).when(refresh(2, 1)).refused("AUTH003", "");
    let end = 90 * 86_400;
    let last = Event::SessionRefreshed { generation: 9, refreshed_at: after(end - 60), expires_at: after(end) };
    given::<Session>([started(), refreshed(8, end - 120)]).when(refresh(8, end - 60)).then([last.clone()]);
    given::<Session>([started(), last]).when(refresh(9, end)).refused("AUTH003", "");
}

#[test]
fn signing_out_everywhere_ends_sessions_of_an_older_epoch() {
    let later_epoch = |user_epoch| Command::Refresh { generation: 1, user_epoch, now_real: after(60) };
    given::<Session>([started()]).when(later_epoch(Some(4))).refused("AUTH003", "");
    given::<Session>([started()]).when(later_epoch(None)).refused("AUTH003", "");
}

#[test]
fn its_user_signs_out_once() {
    let by = |user: UserId| given::<Session>([started()]).by(Actor::User(user.uuid()));
    let revoked = Event::SessionRevoked { reason: RevokeReason::LoggedOut };
    by(USER).when(Command::Revoke {}).then([revoked.clone()]);
    by(OTHER).when(Command::Revoke {}).refused("AUTH003", "");
    given::<Session>([started(), revoked]).by(Actor::User(USER.uuid())).when(Command::Revoke {}).then([]);
    given::<Session>([]).by(Actor::User(USER.uuid())).when(Command::Revoke {}).refused("AUTH003", "");
}

#[test]
fn the_answer_to_reuse_is_in_the_catalogue() {
    assert!(crate::catalogue::find(&kernel::Refusal::refused(&Refusal::TokenReused).code).is_some());
}
