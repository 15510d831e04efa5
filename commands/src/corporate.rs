//! Businesses of hosts: shown by them, proved by papers, judged by administrators (IAM-16, IAM-17).

use domain::claim::{self, Claim};
use domain::corporate::{self, BusinessNumber, Corporate};
use domain::ids::{CorporateId, UploadId};
use domain::upload::{self, Target, Upload};
use eventlog::{ExecuteError, Executed};
use serde::Serialize;

use crate::{Caller, Context, access};

/// Input of [`submit_profile`]; texts as typed.
#[derive(Clone, Serialize)]
pub struct SubmitProfile {
    /// What the business is called.
    pub company_name: String,
    /// Its registration number.
    pub business_registration_number: String,
    /// Its number at the tax office, where that is another one.
    pub tax_id: Option<String>,
}

/// Shows a business. The claim on its number makes two registrations of it meet. That a host asks is checked before.
///
/// # Errors
/// CORP001, CORP002, SYS006 when one is shown already, SYS003; or the log's.
pub async fn submit_profile(ctx: &Context, caller: &Caller, input: &SubmitProfile) -> Result<Executed<CorporateId>, ExecuteError> {
    ctx.execute("submitCorporateProfile", caller, input, |s| async move {
        let user = access::actor_of(&s)?;
        let number = BusinessNumber::parse(&input.business_registration_number).map_err(|_| corporate::Refusal::BadNumber)?;
        let mut profile = s.load::<Corporate>(user.uuid()).await?;
        let digest = ctx.keys.claim(claim::Kind::BusinessNumber.name(), number.digits());
        let mut claim = s.load::<Claim>(claim::Kind::BusinessNumber.stream_id(&digest)).await?;
        s.decide(&mut claim, claim::Command::ClaimBusinessNumber { user })?;
        let before = profile.claim().filter(|before| *before != digest).map(str::to_owned);
        let submit = corporate::Command::Submit {
            user,
            company_name: input.company_name.clone(),
            number,
            claim: digest,
            tax_id: input.tax_id.clone(),
        };
        s.decide(&mut profile, submit)?;
        if let Some(before) = before {
            let mut claim = s.load::<Claim>(claim::Kind::BusinessNumber.stream_id(&before)).await?;
            s.decide(&mut claim, claim::Command::ReleaseBusinessNumber { user })?;
        }
        Ok(CorporateId::new(user.uuid()))
    })
    .await
}

/// Input of [`add_document`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AddDocument {
    /// Where its bytes are.
    pub upload_id: UploadId,
}

/// Adds a paper to the caller's business, and uses its upload up.
///
/// # Errors
/// SYS007, FILE001, SYS006 once it is verified; or the log's.
pub async fn add_document(ctx: &Context, caller: &Caller, input: &AddDocument) -> Result<Executed<CorporateId>, ExecuteError> {
    ctx.execute("addCorporateDocument", caller, input, |s| async move {
        let user = access::actor_of(&s)?;
        let mut profile = s.load::<Corporate>(user.uuid()).await?;
        if profile.claim().is_none() {
            return Err(corporate::Refusal::Unknown.into());
        }
        let mut upload = s.load::<Upload>(input.upload_id.uuid()).await?;
        s.decide(&mut upload, upload::Command::Use { target: Target::Person(user) })?;
        let ticket = upload.ticket_of(Some(user))?.clone();
        let (content_type, sha256) = (ticket.content_type, ticket.sha256);
        s.decide(&mut profile, corporate::Command::AddDocument { upload: input.upload_id, content_type, sha256 })?;
        Ok(CorporateId::new(user.uuid()))
    })
    .await
}

/// Input of [`verify_corporate`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfCorporate {
    /// Which profile.
    pub profile: CorporateId,
}

/// Says that a business is what it shows. That an administrator asks is checked before.
///
/// # Errors
/// SYS007, CORP003, SYS006; or the log's.
pub async fn verify_corporate(ctx: &Context, caller: &Caller, input: &OfCorporate) -> Result<Executed<CorporateId>, ExecuteError> {
    ctx.execute("verifyCorporate", caller, input, |s| async move {
        let by = access::actor_of(&s)?;
        let mut profile = s.load::<Corporate>(input.profile.uuid()).await?;
        s.decide(&mut profile, corporate::Command::Verify { by })?;
        Ok(input.profile)
    })
    .await
}

/// Input of [`reject_corporate`].
#[derive(Clone, Debug, Serialize)]
pub struct RejectCorporate {
    /// Which profile.
    pub profile: CorporateId,
    /// Why.
    pub reason: String,
}

/// Says that a business is not what it shows. That an administrator asks is checked before.
///
/// # Errors
/// SYS007, CORP003, SYS003 (reason), SYS006; or the log's.
pub async fn reject_corporate(ctx: &Context, caller: &Caller, input: &RejectCorporate) -> Result<Executed<CorporateId>, ExecuteError> {
    ctx.execute("rejectCorporate", caller, input, |s| async move {
        let by = access::actor_of(&s)?;
        let mut profile = s.load::<Corporate>(input.profile.uuid()).await?;
        // About the host, whose stream shares its UUID: it goes when they go.
        let reason = access::note(domain::ids::UserId::new(input.profile.uuid()), "reason", &input.reason);
        s.decide(&mut profile, corporate::Command::Reject { by, reason: reason? })?;
        Ok(input.profile)
    })
    .await
}

#[cfg(test)]
mod tests;
