//! What goes out by mail and SMS. A message that is lost costs a new code, never the account.

use adapters::{Message, Recipient};
use commands::user::{self, Letter};
use domain::ids::{SessionId, UserId};
use eventlog::LogError;

use crate::app::{App, real_now};
use crate::reading::Reader;

/// The code that proves an address, when there is something to prove.
pub(super) async fn prove_email(reader: &Reader<'_>, user: UserId) {
    let letter = user::unproved_email(&reader.app.ctx, user, real_now()).await;
    if let Some(letter) = made(letter) {
        let text = format!("인증 코드 / verification code: {}", letter.code);
        send(reader.app, Recipient::Email(letter.to), "Daybook: 이메일 인증 / verify your address", text).await;
    }
}

/// The code that proves a telephone number, when there is something to prove.
pub(super) async fn prove_phone(reader: &Reader<'_>, user: UserId) {
    if let Some(letter) = made(user::phone_code(&reader.app.ctx, user, real_now()).await) {
        let text = format!("인증번호 / phone code: {}", letter.code);
        send(reader.app, Recipient::Phone(letter.to), "[Daybook] 휴대전화 인증 / verify your number", text).await;
    }
}

/// The code that shows that a proved telephone is at hand; none where none is proved.
pub(super) async fn second_factor(reader: &Reader<'_>, user: UserId, session: SessionId) -> Option<Letter> {
    made(user::second_factor(&reader.app.ctx, user, session, real_now()).await)
}

/// Sends it.
pub(super) async fn send_second_factor(reader: &Reader<'_>, letter: Letter) {
    let text = format!("추가 인증번호 / second factor: {}", letter.code);
    send(reader.app, Recipient::Phone(letter.to), "[Daybook] 추가 인증 / confirm that it is you", text).await;
}

/// The code that proves the address that is to take the place of another, and a word to that one.
pub(super) async fn prove_new_email(reader: &Reader<'_>, user: UserId) {
    let Some((letter, old)) = made(user::email_change_code(&reader.app.ctx, user, real_now()).await) else { return };
    let text = format!("이메일 변경 코드 / e-mail change code: {}", letter.code);
    send(reader.app, Recipient::Email(letter.to), "Daybook: 이메일 변경 / change of address", text).await;
    if let Some(old) = old {
        let text = "이메일 변경이 요청되었습니다. 본인이 아니라면 비밀번호를 바꿔 주세요. / \
                    A change of your address was asked for. If that was not you, change your password.";
        send(reader.app, Recipient::Email(old), "Daybook: 이메일 변경 / change of address", text.to_owned()).await;
    }
}

/// The code that sets a password anew, if the address has an account. Made and sent beside the answer, which therefore takes as
/// long for an address that has none.
pub(super) fn reset_password(app: &App, email: String) {
    let app = app.clone();
    tokio::spawn(async move {
        let letter: Result<Option<Letter>, LogError> = user::password_reset(&app.ctx, &email, real_now()).await;
        if let Some(letter) = made(letter) {
            let text = format!("비밀번호 재설정 코드 / password reset code: {}", letter.code);
            send(&app, Recipient::Email(letter.to), "Daybook: 비밀번호 재설정 / reset your password", text).await;
        }
    });
}

fn made<T>(letter: Result<Option<T>, LogError>) -> Option<T> {
    letter.unwrap_or_else(|error| {
        tracing::warn!(%error, "a code could not be made");
        None
    })
}

async fn send(app: &App, to: Recipient, subject: &str, text: String) {
    let message = Message { to, subject: subject.to_owned(), text };
    if let Err(error) = app.messenger.send(message).await {
        tracing::warn!(%error, "a message could not be sent");
    }
}
