//! What people say of themselves: name, number, picture.

use domain::ids::{UploadId, UserId};
use domain::upload::{self, Target, Upload};
use domain::user::{self, User};
use eventlog::{ExecuteError, Executed, LogError};
use kernel::Timestamp;
use serde::Serialize;

use super::{Letter, code, self_or_admin};
use crate::{Caller, Context, access};

/// Input of [`update_profile`]; what is left out stays.
#[derive(Clone, Serialize)]
pub struct UpdateProfile {
    /// Whose.
    pub user: UserId,
    /// Name as typed.
    pub name: Option<String>,
    /// Telephone number as typed.
    pub phone: Option<String>,
}

/// Goes by another name or number (IAM-09); a new number is to be proved.
///
/// # Errors
/// AUTH010, USER001, USER002; or the log's.
pub async fn update_profile(ctx: &Context, caller: &Caller, input: &UpdateProfile) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("updateProfile", caller, input, |s| async move {
        self_or_admin(caller, input.user)?;
        let mut user = s.load::<User>(input.user.uuid()).await?;
        let (name, phone) = (input.name.clone(), input.phone.clone());
        s.decide(&mut user, user::Command::UpdateProfile { user: input.user, name, phone })?;
        Ok(input.user)
    })
    .await
}

/// Input of [`set_profile_image`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SetProfileImage {
    /// Whose picture; it is uploaded by whoever sets it.
    pub user: UserId,
    /// Where its bytes are.
    pub upload_id: UploadId,
}

/// Shows another picture, and uses its upload up. Administrators set anybody's, from uploads of their own.
///
/// # Errors
/// AUTH010, USER001, SYS007, FILE001, AUTH007; or the log's.
pub async fn set_profile_image(ctx: &Context, caller: &Caller, input: &SetProfileImage) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("setProfileImage", caller, input, |s| async move {
        let by = access::actor_of(&s)?;
        self_or_admin(caller, input.user)?;
        let mut user = s.load::<User>(input.user.uuid()).await?;
        user.account().ok_or(user::Refusal::Unknown)?;
        let mut upload = s.load::<Upload>(input.upload_id.uuid()).await?;
        s.decide(&mut upload, upload::Command::Use { target: Target::Person(by) })?;
        let content_type = upload.ticket_of(Some(by))?.content_type;
        s.decide(&mut user, user::Command::SetImage { upload: input.upload_id, content_type })?;
        Ok(input.user)
    })
    .await
}

/// The number of an account with a new code to prove it, when there is something to prove.
///
/// # Errors
/// When the log cannot be read.
pub async fn phone_code(ctx: &Context, user: UserId, now_real: Timestamp) -> Result<Option<Letter>, LogError> {
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    let Some(account) = state.active().filter(|account| !account.phone_verified) else { return Ok(None) };
    let to = ctx.log.open_personal(&account.phone).await?.value();
    Ok(to.map(|to| Letter { user, code: code::sms(ctx, user, &to, now_real), to }))
}

/// Input of [`verify_phone`].
#[derive(Clone, Serialize)]
pub struct VerifyPhone {
    /// The code that came by SMS.
    pub code: String,
}

/// Counts the number as proved (IAM-18).
///
/// # Errors
/// AUTH007, AUTH008; or the log's.
pub async fn verify_phone(
    ctx: &Context,
    caller: &Caller,
    input: &VerifyPhone,
    now_real: Timestamp,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("verifyPhone", caller, input, |s| async move {
        let id = access::actor_of(&s)?;
        let mut user = s.load::<User>(id.uuid()).await?;
        let phone = match user.account() {
            Some(account) => ctx.log.open_personal(&account.phone).await?.value(),
            None => None,
        };
        let code_fits = phone.is_some_and(|phone| code::sms_fits(ctx, id, &phone, &input.code, now_real));
        s.decide(&mut user, user::Command::VerifyPhone { code_fits })?;
        Ok(id)
    })
    .await
}
