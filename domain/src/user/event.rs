//! What happens to a user.

use kernel::{DomainEvent, Fact, Personal, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::{ConsentKind, Role};
use crate::ids::UploadId;
use crate::inbox::Preferences;
use crate::upload::ContentType;

/// What happened to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A person opened an account.
    UserRegistered {
        /// Address as written; unique by its claim stream.
        email: Personal<String>,
        /// Name.
        name: Personal<String>,
        /// Digits, or E.164.
        phone: Personal<String>,
        /// How many passwords this account has had; the hash is in the vault under [`super::credential_name`].
        credential_version: u32,
    },
    /// The person may act in one more role.
    RoleGranted {
        /// The role.
        role: Role,
    },
    /// The person may act in that role no longer.
    RoleRevoked {
        /// The role.
        role: Role,
    },
    /// The person proved to read the mail of their address.
    EmailVerified {},
    /// The person proved to read the messages of their telephone.
    PhoneVerified {},
    /// Every session of an earlier epoch is over.
    SessionsRevoked {
        /// Sessions that start from now on carry this number.
        epoch: u32,
    },
    /// The account has another password; its hash is in the vault.
    PasswordChanged {
        /// How many passwords this account has had: codes to set one anew carry it, so that each works once.
        credential_version: u32,
    },
    /// Name or telephone number are others now; a new number is not proved yet.
    ProfileUpdated {
        /// The new name.
        name: Option<Personal<String>>,
        /// The new number: digits, or E.164.
        phone: Option<Personal<String>>,
    },
    /// The person shows another picture of themselves.
    ProfileImageSet {
        /// Where its bytes are.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
    },
    /// The person wants to be reached at another address, and has to prove it.
    EmailChangeRequested {
        /// Address as written.
        email: Personal<String>,
    },
    /// The person is reached at another address, and proved it.
    EmailChanged {
        /// Address as written; unique by its claim stream.
        email: Personal<String>,
    },
    /// An administrator locked the account.
    UserSuspended {
        /// In their words.
        reason: Personal<String>,
    },
    /// The account may be used again.
    UserReactivated {},
    /// The account was closed; an administrator may open it again.
    UserDeactivated {},
    /// The person is to be forgotten; the account is closed for good.
    UserErasureRequested {
        /// Digest of the address: names its claim, when nobody can read the address any more.
        email_claim: String,
    },
    /// Something that the person owes or is owed is still open.
    UserErasureBlocked {
        /// When it is looked at again.
        retry_at: Timestamp,
    },
    /// The person's key is destroyed: nobody can read who they were.
    UserErased {
        /// From then on another may register with the address.
        email_free_at: Timestamp,
        /// What the law keeps is destroyed then.
        retained_until: Timestamp,
    },
    /// The person showed a driver's licence.
    DriverLicenceSubmitted {
        /// Its number.
        number: Personal<String>,
        /// When it expires.
        expires_at: Timestamp,
    },
    /// The licence was looked at and is good.
    DriverLicenceVerified {
        /// When it expires.
        expires_at: Timestamp,
    },
    /// The licence was looked at and is not good.
    DriverLicenceRejected {
        /// Why.
        reason: Personal<String>,
    },
    /// The licence has come to its end.
    DriverLicenceExpired {},
    /// The person agreed to the terms of use.
    TermsAccepted {
        /// Which ones.
        version: String,
    },
    /// The person agreed to something that is not needed to use the service.
    ConsentGranted {
        /// To what.
        kind: ConsentKind,
    },
    /// The person agrees to that no longer.
    ConsentWithdrawn {
        /// To what.
        kind: ConsentKind,
    },
    /// The person chose what they want to be told, by which way and when.
    PreferencesSet {
        /// All of it.
        preferences: Preferences,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::UserRegistered { .. } => "UserRegistered",
            Self::RoleGranted { .. } => "RoleGranted",
            Self::RoleRevoked { .. } => "RoleRevoked",
            Self::EmailVerified {} => "EmailVerified",
            Self::PhoneVerified {} => "PhoneVerified",
            Self::SessionsRevoked { .. } => "SessionsRevoked",
            Self::PasswordChanged { .. } => "PasswordChanged",
            Self::ProfileUpdated { .. } => "ProfileUpdated",
            Self::ProfileImageSet { .. } => "ProfileImageSet",
            Self::EmailChangeRequested { .. } => "EmailChangeRequested",
            Self::EmailChanged { .. } => "EmailChanged",
            Self::UserSuspended { .. } => "UserSuspended",
            Self::UserReactivated {} => "UserReactivated",
            Self::UserDeactivated {} => "UserDeactivated",
            Self::UserErasureRequested { .. } => "UserErasureRequested",
            Self::UserErasureBlocked { .. } => "UserErasureBlocked",
            Self::UserErased { .. } => "UserErased",
            Self::DriverLicenceSubmitted { .. } => "DriverLicenceSubmitted",
            Self::DriverLicenceVerified { .. } => "DriverLicenceVerified",
            Self::DriverLicenceRejected { .. } => "DriverLicenceRejected",
            Self::DriverLicenceExpired {} => "DriverLicenceExpired",
            Self::TermsAccepted { .. } => "TermsAccepted",
            Self::ConsentGranted { .. } => "ConsentGranted",
            Self::ConsentWithdrawn { .. } => "ConsentWithdrawn",
            Self::PreferencesSet { .. } => "PreferencesSet",
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
