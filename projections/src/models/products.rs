//! What the shop sells: the source of `Product` and `products`.

use domain::ids::{ProductId, UserId};
use domain::product::{self, Details, Status};
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};
use crate::views::{Filter, Query};

/// One row per product; the key is the product's id.
#[derive(Debug)]
pub struct Products;

/// Longest text that is searched for, in characters; bounds the conditions of one query.
pub const MAX_SEARCH_CHARS: usize = 100;

/// A product as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRow {
    /// Which product.
    pub id: ProductId,
    /// Whose it is.
    pub seller: UserId,
    /// What it is, in the seller's words.
    pub details: Details,
    /// Of one unit.
    pub price: Money,
    /// May it be bought?
    pub status: Status,
    /// Business time of its creation.
    pub created_at: Timestamp,
}

impl ProductRow {
    /// May anybody see it? What was published once stays to be seen by those who bought it.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        match self.status {
            Status::Published | Status::Archived => true,
            Status::Draft => false,
        }
    }
}

/// The value of the column `status`.
#[must_use]
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Draft => "DRAFT",
        Status::Published => "PUBLISHED",
        Status::Archived => "ARCHIVED",
    }
}

/// Words in the form in which they are compared: compatibility forms and case folded, one space between them.
#[must_use]
pub fn folded(text: &str) -> String {
    let characters: String = text.nfkc().flat_map(char::to_lowercase).map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    characters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Products whose name or category holds every word of the text, each anywhere: Korean puts words together without spaces, and a
/// word of two syllables is a whole word (K11). A text without any word finds nothing.
#[must_use]
pub fn matching(query: Query, text: &str) -> Query {
    let folded = folded(text);
    if folded.is_empty() {
        return query.filter(Filter::Any(Vec::new()));
    }
    folded.split(' ').fold(query, |query, word| query.contains("search", word))
}

impl ReadModel for Products {
    const NAME: &'static str = "products";
    const VERSION: u32 = 1;
    type Row = ProductRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("seller").indexed(),
                Column::text("status"),
                Column::text("category").indexed(),
                Column::text("search").searched(),
                Column::timestamp("created_at").indexed(),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Product(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<ProductRow>, event: &Known) -> Result<Option<ProductRow>, Poison> {
        let Event::Product(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            product::Event::ProductCreated { seller, details, price } => {
                let created = ProductRow {
                    id: own_id(event)?,
                    seller: *seller,
                    details: details.clone(),
                    price: *price,
                    status: Status::Draft,
                    created_at: event.recorded.occurred_at,
                };
                begin(row, event, created)
            }
            product::Event::ProductUpdated { details } => change(row, event, |row| row.details = details.clone()),
            product::Event::ProductPriceChanged { price } => change(row, event, |row| row.price = *price),
            product::Event::ProductPublished {} => change(row, event, |row| row.status = Status::Published),
            product::Event::ProductArchived {} => change(row, event, |row| row.status = Status::Archived),
        }
    }

    fn index(_key: &str, row: &ProductRow) -> Vec<Value> {
        let Details { name, category, .. } = &row.details;
        vec![
            row.seller.into(),
            status_name(row.status).into(),
            folded(category).into(),
            folded(&format!("{name} {category}")).into(),
            row.created_at.into(),
        ]
    }
}

#[cfg(test)]
mod tests;
