//! Why a user's command is refused.

use kernel::Refused;

use crate::text::PASSWORD_CHARS;

/// Why a user's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such user.
    #[error("no such user")]
    Unknown,
    /// The id is in use.
    #[error("the user exists already")]
    Exists,
    /// The account is locked or closed.
    #[error("the account may not be used")]
    NotActive,
    /// The account is being erased: nothing of it changes any more.
    #[error("the account is being erased")]
    Leaving,
    /// The address is malformed.
    #[error("not an e-mail address")]
    BadEmail,
    /// The password has too few or too many characters.
    #[error("a password has {} to {} characters", PASSWORD_CHARS.start(), PASSWORD_CHARS.end())]
    PasswordLength,
    /// People sign up as guest or host only, and nobody changes their own roles.
    #[error("role change not allowed")]
    RoleNotAllowed,
    /// The name is empty, too long or holds symbols.
    #[error("bad name")]
    BadName,
    /// Neither a Korean nor an international telephone number.
    #[error("bad telephone number")]
    BadPhone,
    /// The verification code is wrong, used or old.
    #[error("verification code wrong, used or old")]
    CodeNotValid,
    /// No such pair of address and password; never says which of the two.
    #[error("wrong e-mail address or password")]
    WrongCredentials,
    /// The present password is another.
    #[error("wrong password")]
    WrongPassword,
    /// Bookings, orders or money are open.
    #[error("obligations are open")]
    Obliged,
    /// The licence's number is none.
    #[error("not a licence number")]
    BadLicence,
    /// The licence has come to its end already.
    #[error("the licence has expired")]
    LicenceOver,
    /// There is no licence that waits for an answer.
    #[error("no licence waits to be looked at")]
    NoLicence,
    /// No name of terms of use.
    #[error("not a version of terms")]
    BadTerms,
    /// What is mandatory cannot be switched off.
    #[error("mandatory notifications cannot be switched off")]
    MandatoryKind,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::code("USER001"),
            Self::Exists | Self::Leaving | Self::NoLicence => Refused::code("SYS006"),
            Self::NotActive => Refused::code("AUTH007"),
            Self::BadEmail => Refused::at("SYS003", &["email"]),
            Self::PasswordLength => Refused::at("AUTH005", &["password"]),
            Self::RoleNotAllowed => Refused::at("AUTH011", &["role"]),
            Self::BadName => Refused::at("USER002", &["name"]),
            Self::BadPhone => Refused::at("USER002", &["phone"]),
            Self::CodeNotValid => Refused::at("AUTH008", &["code"]),
            Self::WrongCredentials => Refused::code("AUTH001"),
            Self::WrongPassword => Refused::at("AUTH001", &["oldPassword"]),
            Self::Obliged => Refused::code("USER003"),
            Self::BadLicence => Refused::at("SYS003", &["number"]),
            Self::LicenceOver => Refused::at("SYS003", &["expiresAt"]),
            Self::MandatoryKind => Refused::at("NOTI003", &["choices"]),
            Self::BadTerms => Refused::at("SYS003", &["version"]),
        }
    }
}
