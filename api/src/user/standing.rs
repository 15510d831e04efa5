//! What an account is like: may it be used, what did its person agree to.

use async_graphql::{Enum, SimpleObject};
use domain::user::{ConsentKind as Kind, Standing};
use projections::models::users::AcceptedTerms;

use crate::scalars::DateTime;

/// May an account be used?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserStatus {
    /// Yes.
    Active,
    /// An administrator locked it.
    Suspended,
    /// It was closed; an administrator may open it again.
    Deactivated,
    /// It is being erased.
    Erasing,
    /// Nobody can read whose it was.
    Erased,
}

impl From<Standing> for UserStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Suspended => Self::Suspended,
            Standing::Deactivated => Self::Deactivated,
            Standing::Erasing => Self::Erasing,
            Standing::Erased => Self::Erased,
        }
    }
}

impl UserStatus {
    /// As the read model's column has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => Standing::Active.name(),
            Self::Suspended => Standing::Suspended.name(),
            Self::Deactivated => Standing::Deactivated.name(),
            Self::Erasing => Standing::Erasing.name(),
            Self::Erased => Standing::Erased.name(),
        }
    }
}

/// What people agree to without having to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
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

impl ConsentKind {
    /// As the domain knows it.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::MarketingEmail => Kind::MarketingEmail,
            Self::MarketingSms => Kind::MarketingSms,
            Self::MarketingPush => Kind::MarketingPush,
            Self::NightMarketing => Kind::NightMarketing,
            Self::Location => Kind::Location,
        }
    }
}

impl From<Kind> for ConsentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::MarketingEmail => Self::MarketingEmail,
            Kind::MarketingSms => Self::MarketingSms,
            Kind::MarketingPush => Self::MarketingPush,
            Kind::NightMarketing => Self::NightMarketing,
            Kind::Location => Self::Location,
        }
    }
}

/// Terms of use that were agreed to.
#[derive(Clone, Debug, SimpleObject)]
pub struct TermsOfUse {
    /// Which ones.
    version: String,
    /// When they were agreed to.
    accepted_at: DateTime,
}

impl From<AcceptedTerms> for TermsOfUse {
    fn from(AcceptedTerms { version, at }: AcceptedTerms) -> Self {
        Self { version, accepted_at: at.into() }
    }
}
