//! Businesses of hosts: the source of `corporateProfiles`.

use domain::corporate::{self, Status};
use domain::ids::{CorporateId, UploadId, UserId};
use domain::upload::ContentType;
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per profile; the key is the profile's id.
#[derive(Debug)]
pub struct CorporateProfiles;

/// A paper that proves a business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorporateDocument {
    /// Where its bytes are.
    pub upload: UploadId,
    /// Its format.
    pub content_type: ContentType,
}

/// A business as its host and administrators see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorporateProfileRow {
    /// Which.
    pub id: CorporateId,
    /// Whose.
    pub user: UserId,
    /// What it is called.
    pub company_name: Personal<String>,
    /// Its ten digits.
    pub registration_number: Personal<String>,
    /// Its number at the tax office, where that is another one.
    pub tax_id: Option<Personal<String>>,
    /// Where it stands.
    pub status: Status,
    /// Who answered last.
    pub answered_by: Option<UserId>,
    /// Why it was rejected, while it is.
    pub rejected_for: Option<Personal<String>>,
    /// Papers, in the order of time.
    pub documents: Vec<CorporateDocument>,
    /// Business time at which it was first shown.
    pub created_at: Timestamp,
}

impl ReadModel for CorporateProfiles {
    const NAME: &'static str = "corporate_profiles";
    const VERSION: u32 = 1;
    type Row = CorporateProfileRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("status").indexed(), Column::timestamp("created_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Corporate(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<CorporateProfileRow>, event: &Known) -> Result<Option<CorporateProfileRow>, Poison> {
        let Event::Corporate(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            corporate::Event::CorporateProfileSubmitted { user, company_name, registration_number, claim: _, tax_id } => {
                let (documents, created_at) = row.map_or((Vec::new(), event.recorded.occurred_at), |row| (row.documents, row.created_at));
                Ok(Some(CorporateProfileRow {
                    id: own_id(event)?,
                    user: *user,
                    company_name: company_name.clone(),
                    registration_number: registration_number.clone(),
                    tax_id: tax_id.clone(),
                    status: Status::Submitted,
                    answered_by: None,
                    rejected_for: None,
                    documents,
                    created_at,
                }))
            }
            corporate::Event::CorporateDocumentAdded { upload, content_type, sha256: _ } => change(row, event, |row| {
                row.documents.push(CorporateDocument { upload: *upload, content_type: *content_type });
            }),
            corporate::Event::CorporateVerified { by } => change(row, event, |row| {
                (row.status, row.answered_by) = (Status::Verified, Some(*by));
            }),
            corporate::Event::CorporateRejected { by, reason } => change(row, event, |row| {
                (row.status, row.answered_by, row.rejected_for) = (Status::Rejected, Some(*by), Some(reason.clone()));
            }),
        }
    }

    fn index(_key: &str, row: &CorporateProfileRow) -> Vec<Value> {
        vec![row.status.name().into(), row.created_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id, person};

    fn submitted() -> Event {
        Event::Corporate(corporate::Event::CorporateProfileSubmitted {
            user: id(1),
            company_name: person(id::<domain::ids::User>(1), "Acme"),
            registration_number: person(id::<domain::ids::User>(1), "1248100998"),
            claim: "c".to_owned(),
            tax_id: None,
        })
    }

    #[test]
    fn a_rejected_profile_comes_back_with_its_papers() {
        let profile: CorporateId = id(1);
        let paper = corporate::Event::CorporateDocumentAdded { upload: id(3), content_type: ContentType::Png, sha256: "a".to_owned() };
        let rejected = corporate::Event::CorporateRejected { by: id(2), reason: person(id::<domain::ids::User>(1), "blurred") };
        let history = History::default()
            .on(profile, submitted())
            .on(profile, Event::Corporate(paper))
            .on(profile, Event::Corporate(rejected))
            .on(profile, submitted())
            .on(profile, Event::Corporate(corporate::Event::CorporateVerified { by: id(2) }));
        let row = history.row::<CorporateProfiles>(&profile.to_string()).unwrap();
        assert_eq!((row.status, row.documents.len(), row.created_at), (Status::Verified, 1, at(1)));
        assert_eq!((row.answered_by, row.rejected_for), (Some(id(2)), None));
    }

    #[test]
    fn an_answer_to_nothing_is_a_poison() {
        let profile: CorporateId = id(1);
        let verified = Event::Corporate(corporate::Event::CorporateVerified { by: id(2) });
        assert!(History::default().on(profile, verified).is_poison::<CorporateProfiles>());
    }
}
