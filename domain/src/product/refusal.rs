//! Why a product says no.

use kernel::Refused;

/// One variant per rule (domain.md §4, SHOP).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such product.
    #[error("no such product")]
    Unknown,
    /// Another's product.
    #[error("not the seller")]
    NotSeller,
    /// The id is in use.
    #[error("the product exists already")]
    Exists,
    /// It is no longer sold, and nothing of it changes any more.
    #[error("the product is archived")]
    Archived,
    /// A text is empty, too long or holds forbidden characters, or the limit per buyer is none.
    #[error("bad {0}")]
    Bad(&'static str),
    /// Nothing, negative, or more than anybody pays.
    #[error("bad price")]
    BadPrice,
    /// Prices are in won.
    #[error("the price is not in won")]
    PriceCurrency,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["productId"]),
            Self::NotSeller => Refused::code("AUTH010"),
            Self::Exists => Refused::code("SYS006"),
            Self::Archived => Refused::at("SHOP002", &["productId"]),
            Self::Bad(field) => Refused::at("SHOP002", &[field]),
            Self::BadPrice => Refused::at("SHOP002", &["price", "amount"]),
            Self::PriceCurrency => Refused::at("SYS003", &["price", "currency"]),
        }
    }
}
