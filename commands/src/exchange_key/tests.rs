#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::UserId;
use domain::user::Role;

use super::*;
use crate::testing::{Book, book, by, refusal, sign_up};

fn pair(key: &str) -> KeyPair {
    KeyPair { key: key.to_owned(), secret: "the-secret-of-the-exchange".to_owned() }
}

fn wish(is_testnet: bool, permissions: &[Permission]) -> RegisterExchangeKey {
    RegisterExchangeKey { exchange: "Binance".to_owned(), permissions: permissions.to_vec(), is_testnet }
}

async fn register(book: &Book, user: UserId, key: &str) -> Result<Executed<ExchangeKeyId>, ExecuteError> {
    register_exchange_key(&book.ctx, &by(user), &wish(true, &[Permission::Trade]), &pair(key), false).await
}

#[tokio::test]
async fn a_key_is_kept_encrypted_and_registered_once() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let other = sign_up(&book, "other@example.com", Role::Guest).await.user;
    let id = register(&book, user, "abcdefgh12345678").await.unwrap().value;
    assert_eq!(key_pair(&book.ctx, id).await.unwrap(), Some(pair("abcdefgh12345678")));
    let stored = book.ctx.log.secret(&secret_name(id)).await.unwrap().unwrap();
    let payloads: String = book.ctx.log.read(0, 100).await.unwrap().iter().map(|event| event.payload.to_string()).collect();
    for place in [&stored, &payloads] {
        assert!(!place.contains("abcdefgh") && !place.contains("the-secret"), "{place}");
    }
    assert!(decrypted(&book.ctx, ExchangeKeyId::new(uuid::Uuid::nil()), &stored).is_none(), "an entry fits its own key only");
    assert_eq!(refusal(register(&book, other, "abcdefgh12345678").await), ("KEY001".into(), "apiKey".into()));
}

#[tokio::test]
async fn what_could_do_harm_is_refused() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let refused = async |wish: RegisterExchangeKey| {
        refusal(register_exchange_key(&book.ctx, &by(user), &wish, &pair("abcdefgh12345678"), false).await).0
    };
    assert_eq!(refused(wish(true, &[Permission::Read, Permission::Withdraw])).await, "KEY002");
    assert_eq!(refused(wish(false, &[Permission::Read])).await, "KEY003");
    let live = register_exchange_key(&book.ctx, &by(user), &wish(false, &[Permission::Read]), &pair("live-key-12345678"), true).await;
    let key = live.unwrap().value;
    let rotate = RotateExchangeKey { key, permissions: vec![Permission::Trade] };
    assert_eq!(refusal(rotate_exchange_key(&book.ctx, &by(user), &rotate, &pair("next-key-12345678"), false).await).0, "KEY003");
    rotate_exchange_key(&book.ctx, &by(user), &rotate, &pair("next-key-12345678"), true).await.unwrap();
    register(&book, user, "abcdefgh12345678").await.unwrap();
}

#[tokio::test]
async fn rotation_frees_the_old_key_and_deactivation_forgets() {
    let book = book().await;
    let user = sign_up(&book, "minjun@example.com", Role::Guest).await.user;
    let other = sign_up(&book, "other@example.com", Role::Guest).await.user;
    let key = register(&book, user, "abcdefgh12345678").await.unwrap().value;
    let rotate = RotateExchangeKey { key, permissions: vec![Permission::Trade] };
    assert_eq!(refusal(rotate_exchange_key(&book.ctx, &by(other), &rotate, &pair("another-key-1234"), false).await).0, "SYS007");
    rotate_exchange_key(&book.ctx, &by(user), &rotate, &pair("another-key-1234"), false).await.unwrap();
    assert_eq!(key_pair(&book.ctx, key).await.unwrap(), Some(pair("another-key-1234")));
    register(&book, other, "abcdefgh12345678").await.unwrap();
    deactivate_exchange_key(&book.ctx, &by(user), &DeactivateExchangeKey { key }).await.unwrap();
    assert_eq!(key_pair(&book.ctx, key).await.unwrap(), None);
    assert_eq!(refusal(rotate_exchange_key(&book.ctx, &by(user), &rotate, &pair("third-key-123456"), false).await).0, "SYS006");
    register(&book, other, "another-key-1234").await.unwrap();
}
