//! Why a shop order says no.

use kernel::{MoneyError, Refused};

use crate::ids::ProductId;

/// A line of which too few units are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortLine {
    /// Which product.
    pub product: ProductId,
    /// So many are free.
    pub available: u32,
}

/// One variant per rule (domain.md §4, SHOP).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order, or not the caller's.
    #[error("no such order")]
    NotFound,
    /// No lines, too many, or one product twice.
    #[error("{0} is malformed")]
    BadInput(&'static str),
    /// A quantity that nobody can order, or that the order does not have.
    #[error("the quantity of line {0} is out of range")]
    BadQuantity(usize),
    /// A line's product is not for sale, or not of the order's seller, or the buyer's own.
    #[error("the product of line {0} cannot be bought in this order")]
    NotForSale(usize),
    /// Too few units are free; all such lines.
    #[error("{} lines are short", .0.len())]
    Short(Vec<ShortLine>),
    /// The total is not what the buyer was shown.
    #[error("the price has changed")]
    PriceChanged,
    /// The expected total is in another currency.
    #[error("the expected total is in another currency")]
    WrongCurrency,
    /// Unpaid, shipped, or over.
    #[error("not possible in the order's present state")]
    WrongState,
    /// Delivered more than seven days ago.
    #[error("the time to return is over")]
    TooLateToReturn,
    /// The amount leaves the range of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        let line = |code: &str, index: &usize, field| Refused::at(code, &["lines", &index.to_string(), field]);
        match self {
            Self::NotFound => Refused::at("SYS007", &["orderId"]),
            Self::BadInput(field) => Refused::at("SYS003", &[field]),
            Self::BadQuantity(index) => line("SYS003", index, "quantity"),
            Self::NotForSale(index) => line("SHOP002", index, "productId"),
            Self::Short(lines) => {
                let list = |text: fn(&ShortLine) -> String| lines.iter().map(text).collect::<Vec<_>>().join(", ");
                Refused::at("SHOP001", &["lines"])
                    .with("products", list(|line| line.product.to_string()))
                    .with("available", list(|line| line.available.to_string()))
            }
            Self::PriceChanged => Refused::at("SHOP003", &["expectedTotal"]),
            Self::WrongCurrency => Refused::at("SYS003", &["expectedTotal", "currency"]),
            Self::WrongState => Refused::code("SHOP005"),
            Self::TooLateToReturn => Refused::code("SHOP006"),
            Self::Money(_) => Refused::code("SYS003"),
        }
    }
}
