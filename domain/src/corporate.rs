//! A host who rents out as a business shows what it is; an administrator, never the host themselves, says whether it is so.
//! One profile a person: its stream shares the person's UUID. The registration number is unique by its claim stream.
//!
//! ```text
//! Absent ── submit ──▶ Submitted ⟲ add document
//! Submitted ── verify ──▶ Verified;  Submitted ── reject ──▶ Rejected ── submit ──▶ Submitted
//! ```

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{UploadId, UserId, user_of};
use crate::text;
use crate::upload::ContentType;

mod number;

pub use number::{BusinessNumber, NotABusinessNumber};

/// Longest name of a company, in characters (IAM-16).
pub const MAX_COMPANY_CHARS: usize = 200;
/// Longest tax id, in characters (IAM-16).
pub const MAX_TAX_ID_CHARS: usize = 50;
/// Most documents of one profile.
pub const MAX_DOCUMENTS: u32 = 10;

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a corporate profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A host showed their business.
    CorporateProfileSubmitted {
        /// Who.
        user: UserId,
        /// What it is called; a sole trader's is a person's name.
        company_name: Personal<String>,
        /// Its ten digits.
        registration_number: Personal<String>,
        /// Digest of the number: names its claim.
        claim: String,
        /// Its number at the tax office, where that is another one.
        tax_id: Option<Personal<String>>,
    },
    /// A paper that proves it.
    CorporateDocumentAdded {
        /// Where its bytes are.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
        /// Digest of its bytes.
        sha256: String,
    },
    /// It is so.
    CorporateVerified {
        /// Who says so.
        by: UserId,
    },
    /// It is not so.
    CorporateRejected {
        /// Who says so.
        by: UserId,
        /// Why.
        reason: Personal<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::CorporateProfileSubmitted { .. } => "CorporateProfileSubmitted",
            Self::CorporateDocumentAdded { .. } => "CorporateDocumentAdded",
            Self::CorporateVerified { .. } => "CorporateVerified",
            Self::CorporateRejected { .. } => "CorporateRejected",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

// --- state --------------------------------------------------------------------------------------------------

/// Where a profile stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for an administrator.
    Submitted,
    /// It is so.
    Verified,
    /// It is not so.
    Rejected,
}

impl Status {
    /// Its name in read models.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }
}

/// A corporate profile, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Corporate {
    /// None was shown.
    #[default]
    Absent,
    /// One was.
    Shown {
        /// Whose.
        user: UserId,
        /// Digest of its number.
        claim: String,
        /// Where it stands.
        status: Status,
        /// How many papers there are.
        documents: u32,
    },
}

impl Corporate {
    /// The digest under which its number is claimed.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Shown { claim, .. } => Some(claim),
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a corporate profile.
#[derive(Clone, Debug)]
pub enum Command {
    /// Show it, or show it anew after a rejection.
    Submit {
        /// Whose.
        user: UserId,
        /// As typed.
        company_name: String,
        /// Parsed before, since its claim is found by it.
        number: BusinessNumber,
        /// Digest of the number.
        claim: String,
        /// As typed.
        tax_id: Option<String>,
    },
    /// Add a paper.
    AddDocument {
        /// Where its bytes are.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
        /// Digest of its bytes.
        sha256: String,
    },
    /// Say that it is so.
    Verify {
        /// Who says so.
        by: UserId,
    },
    /// Say that it is not so.
    Reject {
        /// Who says so.
        by: UserId,
        /// Why.
        reason: Personal<String>,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a corporate profile's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such profile, or another's.
    #[error("no such corporate profile")]
    Unknown,
    /// Empty or too long.
    #[error("bad name of a company")]
    BadName,
    /// The number's check digit is wrong.
    #[error("not a business registration number")]
    BadNumber,
    /// Empty or too long.
    #[error("bad tax id")]
    BadTaxId,
    /// Nobody approves of themselves.
    #[error("one's own company")]
    Own,
    /// It was answered already.
    #[error("the profile does not wait for an answer")]
    WrongState,
    /// There are as many papers as there may be.
    #[error("too many documents")]
    TooManyDocuments,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["corporateProfileId"]),
            Self::BadName => Refused::at("SYS003", &["companyName"]),
            Self::BadNumber => Refused::at("CORP001", &["businessRegistrationNumber"]),
            Self::BadTaxId => Refused::at("SYS003", &["taxId"]),
            Self::Own => Refused::code("CORP003"),
            Self::WrongState => Refused::code("SYS006"),
            Self::TooManyDocuments => Refused::at("FILE001", &["uploadId"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Corporate {
    const KIND: &'static str = "corp";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Submit { user, company_name, number, claim, tax_id } => self.submit(user, &company_name, &number, claim, tax_id),
            Command::AddDocument { upload, content_type, sha256 } => match self {
                Self::Shown { user, documents, status: Status::Submitted | Status::Rejected, .. } if user_of(&at.actor) == Some(*user) => {
                    match *documents < MAX_DOCUMENTS {
                        true => Ok(vec![Event::CorporateDocumentAdded { upload, content_type, sha256 }]),
                        false => Err(Refusal::TooManyDocuments),
                    }
                }
                Self::Shown { user, .. } if user_of(&at.actor) == Some(*user) => Err(Refusal::WrongState),
                Self::Absent | Self::Shown { .. } => Err(Refusal::Unknown),
            },
            Command::Verify { by } => self.answer(by, Status::Verified, Event::CorporateVerified { by }),
            Command::Reject { by, reason } => self.answer(by, Status::Rejected, Event::CorporateRejected { by, reason }),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let documents = match &self {
            Self::Absent => 0,
            Self::Shown { documents, .. } => *documents,
        };
        match (self, event) {
            (_, Event::CorporateProfileSubmitted { user, claim, company_name: _, registration_number: _, tax_id: _ }) => {
                Self::Shown { user: *user, claim: claim.clone(), status: Status::Submitted, documents }
            }
            (Self::Shown { user, claim, status, documents }, Event::CorporateDocumentAdded { .. }) => {
                Self::Shown { user, claim, status, documents: documents.saturating_add(1) }
            }
            (Self::Shown { user, claim, documents, .. }, Event::CorporateVerified { .. }) => {
                Self::Shown { user, claim, status: Status::Verified, documents }
            }
            (Self::Shown { user, claim, documents, .. }, Event::CorporateRejected { .. }) => {
                Self::Shown { user, claim, status: Status::Rejected, documents }
            }
            (Self::Absent, Event::CorporateDocumentAdded { .. } | Event::CorporateVerified { .. } | Event::CorporateRejected { .. }) => {
                Self::Absent
            }
        }
    }
}

impl Corporate {
    fn submit(
        &self,
        user: UserId,
        company_name: &str,
        number: &BusinessNumber,
        claim: String,
        tax_id: Option<String>,
    ) -> Result<Vec<Event>, Refusal> {
        if let Self::Shown { status: Status::Submitted | Status::Verified, .. } = self {
            return Err(Refusal::WrongState);
        }
        let own = |text: String| Personal::profile(user.uuid(), text);
        let company_name = text::line(company_name, MAX_COMPANY_CHARS).map_err(|_| Refusal::BadName)?;
        let tax_id = tax_id.map(|id| text::line(&id, MAX_TAX_ID_CHARS)).transpose().map_err(|_| Refusal::BadTaxId)?;
        Ok(vec![Event::CorporateProfileSubmitted {
            user,
            company_name: own(company_name),
            registration_number: own(number.digits().to_owned()),
            claim,
            tax_id: tax_id.map(own),
        }])
    }

    fn answer(&self, by: UserId, answer: Status, event: Event) -> Result<Vec<Event>, Refusal> {
        match self {
            Self::Absent => Err(Refusal::Unknown),
            Self::Shown { user, .. } if *user == by => Err(Refusal::Own),
            Self::Shown { status, .. } if *status == answer => Ok(vec![]),
            Self::Shown { status: Status::Submitted, .. } => Ok(vec![event]),
            Self::Shown { .. } => Err(Refusal::WrongState),
        }
    }
}

#[cfg(test)]
mod tests;
