//! An account, as far as decisions go.

use std::collections::BTreeSet;

use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::Role;
use crate::inbox::Preferences;

/// May an account be used?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Yes.
    #[default]
    Active,
    /// An administrator locked it.
    Suspended,
    /// It was closed, and may be opened again.
    Deactivated,
    /// Its erasure is under way.
    Erasing,
    /// Nobody can read whose it was.
    Erased,
}

impl Standing {
    /// Its name in read models.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
        }
    }
}

/// What people agree to without having to (domain.md §5, Notify).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// Advertising by mail.
    MarketingEmail,
    /// Advertising by SMS.
    MarketingSms,
    /// Advertising by push message.
    MarketingPush,
    /// Advertising between 21:00 and 08:00.
    NightMarketing,
    /// Use of where the device is.
    Location,
}

/// Where a driver's licence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenceStatus {
    /// Waits to be looked at.
    Submitted,
    /// Good.
    Verified,
    /// Not good.
    Rejected,
    /// Over.
    Expired,
}

/// A driver's licence, as far as decisions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Where it stands.
    pub status: LicenceStatus,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// May it be used?
    pub standing: Standing,
    /// Roles held.
    pub roles: BTreeSet<Role>,
    /// The address, as written: its claim is found by it.
    pub email: Personal<String>,
    /// The address that waits to be proved.
    pub new_email: Option<Personal<String>>,
    /// The telephone number: its code is made from it.
    pub phone: Personal<String>,
    /// Was the address proved?
    pub email_verified: bool,
    /// Was the telephone number proved?
    pub phone_verified: bool,
    /// Sessions of an earlier epoch are over.
    pub session_epoch: u32,
    /// How many passwords there were.
    pub credential_version: u32,
    /// The newest driver's licence.
    pub licence: Option<Licence>,
    /// The terms that were agreed to last.
    pub terms: Option<String>,
    /// What was agreed to.
    pub consents: BTreeSet<super::ConsentKind>,
    /// What the person wants to be told, by which way and when.
    pub preferences: Preferences,
    /// Digest of the address, while the account is erased.
    pub email_claim: Option<String>,
}
