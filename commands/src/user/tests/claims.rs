//! I1: one owner per address at every position, whatever people do with their addresses in whatever order.

use std::collections::BTreeMap;

use domain::claim::Claim;
use domain::user::Standing;

use super::*;

const ADDRESSES: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];
const STEPS: usize = 60;

/// Whose an address is: by its claim, and by what the accounts say that still stand or have not been forgotten for long.
async fn holders(book: &Book, users: &[UserId]) -> BTreeMap<String, Vec<UserId>> {
    let mut by_account = BTreeMap::<String, Vec<UserId>>::new();
    for user in users {
        let (state, _) = book.ctx.log.load::<User>(user.uuid()).await.unwrap();
        let account = state.account().unwrap();
        if account.standing != Standing::Erased {
            let shown = book.ctx.log.open_personal(&account.email).await.unwrap().value().unwrap();
            by_account.entry(shown).or_default().push(*user);
        }
    }
    by_account
}

#[tokio::test]
async fn one_person_has_an_address_at_every_position() {
    for seed in 1..=6_u64 {
        let (book, mut dice, mut users) = (book().await, seed, Vec::<UserId>::new());
        let system = caller(Actor::system("erasures"));
        for step in 0..STEPS {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [act, who, address] = [60, 50, 40].map(|shift| usize::try_from((dice >> shift) & 0xf).unwrap());
            let address = ADDRESSES[address % ADDRESSES.len()];
            let user = users.get(who % users.len().max(1)).copied();
            match (act % 8, user) {
                (0 | 1, _) | (_, None) => {
                    users.extend(register(&book, &form(address, Role::Guest), &password()).await.ok().map(|done| done.value.user));
                }
                (2 | 3, Some(user)) => drop(change_email(&book.ctx, &by(user), &ChangeEmail { email: address.to_owned() }).await),
                (4 | 5, Some(user)) => {
                    if let Some((letter, _)) = email_change_code(&book.ctx, user, now()).await.unwrap() {
                        let code = ConfirmEmailChange { code: letter.code };
                        drop(confirm_email_change(&book.ctx, &by(user), &code, now()).await);
                    }
                }
                (6, Some(user)) => {
                    request_erasure(&book.ctx, &by(user), &OfUser { user }, &Obligations::default()).await.ok();
                    finish_erasure(&book.ctx, &system, &OfUser { user }).await.unwrap();
                }
                (_, Some(user)) => drop(release_email(&book.ctx, &system, user).await.unwrap()),
            }
            let by_account = holders(&book, &users).await;
            for address in ADDRESSES {
                let stream = email_stream(&book.ctx, &Email::parse(address).unwrap());
                let holder = book.ctx.log.load::<Claim>(stream).await.unwrap().0.user();
                let owners = by_account.get(address).cloned().unwrap_or_default();
                assert!(owners.len() <= 1, "seed {seed}, step {step}: {address} is {owners:?}'s");
                assert!(owners.is_empty() || holder == owners.first().copied(), "seed {seed}, step {step}: {address} is not claimed");
            }
        }
    }
}
