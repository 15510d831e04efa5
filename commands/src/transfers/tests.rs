#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::UserId;
use domain::transfers::TransferFlags;
use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::{Book, after, book, by, caller, events, now, refusal};

fn teller() -> Caller {
    let mut teller = by(UserId::new(Uuid::from_u128(7)));
    teller.roles.insert(Role::Service);
    teller
}

fn keyed(key: &str) -> Caller {
    Caller { key: Some(key.to_owned()), ..teller() }
}

fn accounts(ids: impl IntoIterator<Item = u128>) -> CreateAccounts {
    let account = |id| Account { id, ledger: 1, code: 1, ..Account::default() };
    CreateAccounts { book: LedgerName::main(), accounts: ids.into_iter().map(account).collect() }
}

fn transfer(id: u128, amount: u128) -> Transfer {
    Transfer { id, debit_account_id: 1, credit_account_id: 2, amount, ledger: 1, code: 1, ..Transfer::default() }
}

fn transfers(list: &[Transfer]) -> CreateTransfers {
    CreateTransfers { book: LedgerName::main(), transfers: list.into() }
}

fn outcomes(done: &Executed<Answers<TransferOutcome>>) -> Vec<&'static str> {
    done.value.0.iter().map(|answer| answer.outcome.name()).collect()
}

async fn opened() -> Book {
    let book = book().await;
    create_accounts(&book.ctx, &teller(), &accounts([1, 2])).await.unwrap();
    book
}

async fn posted(book: &Book) -> u128 {
    let (ledger, _) = book.ctx.log.load::<TransferLedger>("main").await.unwrap();
    ledger.account(2).unwrap().counters.credits_posted
}

#[tokio::test]
async fn a_batch_is_one_event_and_its_retry_none() {
    let book = opened().await;
    let batch = transfers(&[transfer(10, 5), transfer(11, 7), transfer(10, 6)]);
    let first = create_transfers(&book.ctx, &keyed("k"), &batch).await.unwrap();
    assert_eq!(outcomes(&first), ["created", "created", "exists_with_different_amount"]);
    let again = create_transfers(&book.ctx, &keyed("k"), &batch).await.unwrap();
    assert!(again.receipt.replayed && again.value == first.value);
    // Under another key each item says what became of it.
    let other = create_transfers(&book.ctx, &keyed("other"), &batch).await.unwrap();
    assert_eq!(outcomes(&other), ["exists", "exists", "exists_with_different_amount"]);
    assert_eq!((events(&book).await, posted(&book).await), (vec!["AccountsCreated".to_owned(), "TransfersCreated".to_owned()], 12));
    let reused = create_transfers(&book.ctx, &keyed("k"), &transfers(&[transfer(12, 5)])).await;
    assert!(matches!(reused, Err(ExecuteError::KeyReused)));
}

#[tokio::test]
async fn only_finance_and_programs_move_value() {
    let book = opened().await;
    let batch = transfers(&[transfer(10, 5)]);
    let nobody = create_transfers(&book.ctx, &caller(Actor::Anonymous), &batch).await;
    assert_eq!(refusal(nobody), ("AUTH002".into(), String::new()));
    for role in [Role::Guest, Role::Admin, Role::Auditor] {
        let mut other = teller();
        other.roles = [role].into();
        assert_eq!(refusal(create_transfers(&book.ctx, &other, &batch).await), ("AUTH010".into(), String::new()));
        assert_eq!(refusal(create_accounts(&book.ctx, &other, &accounts([3])).await).0, "AUTH010");
    }
    assert_eq!(refusal(create_transfers(&book.ctx, &teller(), &transfers(&[])).await), ("SYS003".into(), "transfers".into()));
    assert_eq!(events(&book).await.len(), 1);
}

#[tokio::test]
async fn many_at_a_time_lose_nothing() {
    let book = Arc::new(opened().await);
    let clients = (0..32_u128).map(|client| {
        let book = Arc::clone(&book);
        tokio::spawn(async move {
            for n in 0..8 {
                let one = transfers(&[transfer(1_000 * (client + 1) + n, 1)]);
                let done = create_transfers(&book.ctx, &keyed(&format!("{client}.{n}")), &one).await.unwrap();
                assert_eq!(outcomes(&done), ["created"]);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(posted(&book).await, 256);
}

#[tokio::test]
async fn books_never_meet() {
    let book = opened().await;
    let other = CreateTransfers { book: "other".parse().unwrap(), ..transfers(&[transfer(10, 5)]) };
    let done = create_transfers(&book.ctx, &teller(), &other).await.unwrap();
    assert_eq!(outcomes(&done), ["debit_account_not_found"]);
}

#[tokio::test]
async fn what_is_over_is_released() {
    let book = opened().await;
    let pending = Transfer { timeout: 60, flags: TransferFlags::PENDING, ..transfer(10, 5) };
    create_transfers(&book.ctx, &teller(), &transfers(&[pending])).await.unwrap();
    expire_transfers(&book.ctx, &Caller::system("test", None, Uuid::nil()), &LedgerName::main()).await.unwrap();
    assert_eq!(events(&book).await.len(), 2, "not over yet");
    book.ctx.clock.advance_to(after(61));
    expire_transfers(&book.ctx, &Caller::system("test", None, Uuid::nil()), &LedgerName::main()).await.unwrap();
    assert_eq!(events(&book).await[2..], ["TransfersExpired"]);
    assert!(book.ctx.clock.now() > now() && posted(&book).await == 0);
}
