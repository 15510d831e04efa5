//! What may be asked of a user. Codes, hashes and claims are looked at outside; what they came to is said here.

use kernel::{Personal, Timestamp};

use super::{ConsentKind, Role};
use crate::catalogue::Language;
use crate::ids::{UploadId, UserId};
use crate::inbox::{Choice, QuietHours};
use crate::text::Email;
use crate::upload::ContentType;

/// What may be asked of a user.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open an account.
    Register {
        /// The new user.
        user: UserId,
        /// Parsed before, since its claim is found by it.
        email: Email,
        /// Name as typed.
        name: String,
        /// Telephone number as typed.
        phone: String,
        /// Role asked for.
        role: Role,
        /// Length of the password in characters; all that a rule needs of it.
        password_chars: usize,
    },
    /// Count the address as proved; the code was found to be ours and for this user.
    VerifyEmail {
        /// When the code stops working.
        expires_at: Timestamp,
        /// Real time: codes do not age with the business clock.
        now_real: Timestamp,
    },
    /// Count the telephone number as proved.
    VerifyPhone {
        /// The code is the one that was sent to this number not long ago.
        code_fits: bool,
    },
    /// Let the user act in one more role.
    GrantRole {
        /// The user.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// Let the user act in that role no longer.
    RevokeRole {
        /// The user.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// End every session.
    SignOutEverywhere {},
    /// Set another password and end every session.
    ChangePassword {
        /// The present password was given.
        known: bool,
        /// Length of the new one in characters.
        password_chars: usize,
    },
    /// Set another password with a code that came by mail, and end every session.
    ResetPassword {
        /// The number of the password that the code is to replace; none: the code is not ours, or for somebody else.
        replaces: Option<u32>,
        /// Length of the new one in characters.
        password_chars: usize,
    },
    /// Go by another name or number; what is left out stays.
    UpdateProfile {
        /// The user.
        user: UserId,
        /// Name as typed.
        name: Option<String>,
        /// Telephone number as typed.
        phone: Option<String>,
    },
    /// Show another picture.
    SetImage {
        /// Where its bytes are.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
    },
    /// Be reached at another address, once it is proved.
    RequestEmailChange {
        /// The user.
        user: UserId,
        /// The address.
        email: Email,
    },
    /// The other address was proved.
    ConfirmEmailChange {
        /// The code is for the address that waits, and not too old.
        code_fits: bool,
    },
    /// Lock the account.
    Suspend {
        /// In an administrator's words.
        reason: Personal<String>,
    },
    /// Open it again.
    Reactivate {},
    /// Close it.
    Deactivate {},
    /// Have it erased.
    RequestErasure {
        /// Digest of the address.
        email_claim: String,
    },
    /// It cannot be erased yet.
    BlockErasure {
        /// When it is looked at again.
        retry_at: Timestamp,
    },
    /// The key is destroyed.
    Erase {
        /// The address is free from then on.
        email_free_at: Timestamp,
        /// What the law keeps is destroyed then.
        retained_until: Timestamp,
    },
    /// Show a driver's licence.
    SubmitLicence {
        /// The user.
        user: UserId,
        /// Its number as typed.
        number: String,
        /// When it expires.
        expires_at: Timestamp,
    },
    /// The licence is good.
    VerifyLicence {},
    /// The licence is not good.
    RejectLicence {
        /// Why.
        reason: Personal<String>,
    },
    /// The licence has come to its end.
    ExpireLicence {},
    /// Agree to the terms of use.
    AcceptTerms {
        /// Which ones.
        version: String,
    },
    /// Agree to something, or no longer.
    SetConsent {
        /// To what.
        kind: ConsentKind,
        /// Yes or no.
        granted: bool,
    },
    /// Choose what to be told, and by which way.
    SetPreferences {
        /// In order.
        choices: Vec<Choice>,
        /// The language of what goes out; none leaves it.
        language: Option<Language>,
    },
    /// Be left alone in these hours; none: in none.
    SetQuietHours {
        /// Which.
        quiet: Option<QuietHours>,
    },
}
