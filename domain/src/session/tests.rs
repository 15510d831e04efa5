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
    by(USER).when(Command::Revoke { reason: RevokeReason::LoggedOut }).then([revoked.clone()]);
    by(OTHER).when(Command::Revoke { reason: RevokeReason::LoggedOut }).refused("AUTH003", "");
    given::<Session>([started(), revoked]).by(Actor::User(USER.uuid())).when(Command::Revoke { reason: RevokeReason::LoggedOut }).then([]);
    given::<Session>([]).by(Actor::User(USER.uuid())).when(Command::Revoke { reason: RevokeReason::LoggedOut }).refused("AUTH003", "");
}

#[test]
fn the_answer_to_reuse_is_in_the_catalogue() {
    assert!(crate::catalogue::find(&kernel::Refusal::refused(&Refusal::TokenReused).code).is_some());
}

#[test]
fn the_session_that_changed_the_password_goes_on() {
    let keep = |from| Command::Keep { from, epoch: 8 };
    let epoch = match started() {
        Event::SessionStarted { epoch, .. } => epoch,
        other => panic!("{other:?}"),
    };
    let by = |user: UserId| given::<Session>([started()]).by(Actor::User(user.uuid()));
    let kept = by(USER).when(keep(epoch)).then([Event::SessionKept { epoch: 8 }]);
    assert_eq!(kept.live().map(|live| live.epoch), Some(8));
    by(USER).when(keep(epoch + 1)).refused("AUTH003", "");
    by(OTHER).when(keep(epoch)).refused("AUTH003", "");
    given::<Session>([]).by(Actor::User(USER.uuid())).when(keep(epoch)).refused("AUTH003", "");
}

/// I3: whatever is presented in whatever order, one generation is live, and an older one outside of its grace ends the family.
#[test]
fn one_generation_is_live_and_a_replay_ends_the_family() {
    for seed in 0..2_000_u64 {
        let mut dice = seed;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let (mut state, mut now) = (Session::fold([&started()]), moment("2026-11-02T00:00:00Z"));
        let epoch = state.live().map_or_else(|| panic!("it was started"), |live| live.epoch);
        // What a naive reader would say: the newest generation, and when it took its place; none once the family is dead.
        let mut model = Some((1, now));
        for _ in 0..30 {
            now = later(now, SignedDuration::from_secs([0, 1, 9, 10, 11, 600][usize::try_from(roll(6)).unwrap_or(0)]));
            let presented = u32::try_from(roll(u64::from(model.map_or(1, |(newest, _)| newest)) + 2)).unwrap_or(0);
            let command = Command::Refresh { generation: presented, user_epoch: Some(epoch), now_real: now };
            let decided = state.decide(At { now, actor: Actor::Anonymous, command });
            let events = decided.clone().unwrap_or_default();
            state = events.iter().fold(state, Session::evolve);
            let expected = match model {
                None => Err(Refusal::Over),
                Some((newest, _)) if presented > newest => Err(Refusal::Over),
                Some((newest, _)) if presented == newest => {
                    model = Some((newest + 1, now));
                    Ok(1)
                }
                Some((newest, since)) if presented + 1 == newest && now < later(since, GRACE) => Ok(0),
                Some(_) => {
                    model = None;
                    Ok(2)
                }
            };
            assert_eq!(decided.map(|events| events.len()), expected, "seed {seed}: generation {presented}");
            assert_eq!(state.live().map(|live| live.generation), model.map(|(newest, _)| newest), "seed {seed}");
        }
    }
}
