#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::ids::UserId;
use domain::user::Role;

use super::*;
use crate::testing::{Book, book, by, events, refusal, sign_up};

const NUMBER: &str = "124-81-00998";
const OTHER: &str = "220-81-62517";

fn form(number: &str) -> SubmitProfile {
    SubmitProfile { company_name: "㈜한국렌터카".to_owned(), business_registration_number: number.to_owned(), tax_id: None }
}

async fn submit(book: &Book, user: UserId, number: &str) -> Result<Executed<CorporateId>, ExecuteError> {
    submit_profile(&book.ctx, &by(user), &form(number)).await
}

#[tokio::test]
async fn a_number_belongs_to_one_host() {
    let book = book().await;
    let host = sign_up(&book, "a@example.com", Role::Host).await.user;
    let rival = sign_up(&book, "b@example.com", Role::Host).await.user;
    assert_eq!(refusal(submit(&book, host, "124-81-00999").await), ("CORP001".into(), "businessRegistrationNumber".into()));
    submit(&book, host, NUMBER).await.unwrap();
    assert_eq!(refusal(submit(&book, rival, "1248100998").await), ("CORP002".into(), "businessRegistrationNumber".into()));
    assert_eq!(refusal(submit(&book, host, NUMBER).await).0, "SYS006", "it waits for an answer");
}

#[tokio::test]
async fn a_rejected_host_may_come_back_with_another_number() {
    let book = book().await;
    let host = sign_up(&book, "a@example.com", Role::Host).await.user;
    let rival = sign_up(&book, "b@example.com", Role::Host).await.user;
    let profile = submit(&book, host, NUMBER).await.unwrap().value;
    let reject = RejectCorporate { profile, reason: "서류가 흐립니다".to_owned() };
    assert_eq!(refusal(reject_corporate(&book.ctx, &by(host), &reject).await).0, "CORP003");
    assert_eq!(refusal(verify_corporate(&book.ctx, &by(host), &OfCorporate { profile }).await).0, "CORP003");
    reject_corporate(&book.ctx, &by(rival), &reject).await.unwrap();
    submit(&book, host, OTHER).await.unwrap();
    assert!(events(&book).await.contains(&"BusinessNumberReleased".to_owned()));
    submit(&book, rival, NUMBER).await.unwrap();
    verify_corporate(&book.ctx, &by(rival), &OfCorporate { profile }).await.unwrap();
    let nobody = OfCorporate { profile: CorporateId::new(uuid::Uuid::nil()) };
    assert_eq!(refusal(verify_corporate(&book.ctx, &by(rival), &nobody).await).0, "SYS007");
}
