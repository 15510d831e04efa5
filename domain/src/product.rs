//! Something that a seller sells (domain.md §3.8): described, priced, published, and one day archived for good. Its units are
//! a stream of their own (`stock-…`), so that selling and describing never wait for each other.
//!
//! ```text
//! Absent ── create ──▶ Draft ── publish ──▶ Published;  Draft | Published ── archive ──▶ Archived
//! ```

use kernel::{At, Currency, Decider, DomainEvent, Fact, Money, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::text::{self, TextError};

mod refusal;
pub use refusal::Refusal;

/// Longest name, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// Longest category, in characters.
pub const MAX_CATEGORY_CHARS: usize = 50;
/// Longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// The highest price of one unit, in won.
pub const MAX_PRICE_WON: i128 = 100_000_000;
/// No buyer may be limited to more: an order line cannot ask for more either.
pub const MAX_UNITS: u32 = 999;

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A seller described it; nobody else sees it yet.
    ProductCreated {
        /// Whose it is; that never changes.
        seller: UserId,
        /// What it is.
        details: Details,
        /// Of one unit.
        price: Money,
    },
    /// It was described anew.
    ProductUpdated {
        /// All of it.
        details: Details,
    },
    /// One unit costs something else now; orders keep the price that they were placed at.
    ProductPriceChanged {
        /// Of one unit.
        price: Money,
    },
    /// It may be found and bought.
    ProductPublished {},
    /// It is no longer sold.
    ProductArchived {},
}

/// What a product is, in the seller's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// What it is called.
    pub name: String,
    /// What it is found under.
    pub category: String,
    /// More about it.
    pub description: Option<String>,
    /// One buyer may have so many units in all (SHOP004); none: as many as there are.
    pub max_per_buyer: Option<u32>,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ProductCreated { .. } => "ProductCreated",
            Self::ProductUpdated { .. } => "ProductUpdated",
            Self::ProductPriceChanged { .. } => "ProductPriceChanged",
            Self::ProductPublished {} => "ProductPublished",
            Self::ProductArchived {} => "ProductArchived",
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

/// May a product be bought?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet.
    Draft,
    /// Yes.
    Published,
    /// No longer.
    Archived,
}

/// A product, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Product {
    /// No such product.
    #[default]
    Absent,
    /// One that a seller created.
    Created(Offer),
}

/// What decisions need to know of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Whose it is.
    pub seller: UserId,
    /// May it be bought?
    pub status: Status,
    /// What it is.
    pub details: Details,
    /// Of one unit.
    pub price: Money,
}

impl Product {
    /// The product, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub const fn offer(&self) -> Result<&Offer, Refusal> {
        match self {
            Self::Absent => Err(Refusal::Unknown),
            Self::Created(offer) => Ok(offer),
        }
    }

    /// The product, for its seller. A draft does not exist for others; what was published once is forbidden to them.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] or [`Refusal::NotSeller`], in this order.
    pub fn offer_of(&self, user: UserId) -> Result<&Offer, Refusal> {
        let offer = self.offer()?;
        match (user == offer.seller, offer.status) {
            (true, _) => Ok(offer),
            (false, Status::Draft) => Err(Refusal::Unknown),
            (false, Status::Published | Status::Archived) => Err(Refusal::NotSeller),
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a product. Who may ask is the caller's to check.
#[derive(Clone, Debug)]
pub enum Command {
    /// Describe a new one.
    Create {
        /// Whose it is.
        seller: UserId,
        /// What it is; texts as typed.
        details: Details,
        /// Of one unit.
        price: Money,
    },
    /// Describe it anew.
    Update(Details),
    /// Ask for another price.
    ChangePrice(Money),
    /// Sell it.
    Publish,
    /// Sell it no longer.
    Archive,
}

impl Decider for Product {
    const KIND: &'static str = "product";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        if let (Self::Absent, Command::Create { seller, details, price }) = (self, &at.command) {
            return Ok(vec![Event::ProductCreated { seller: *seller, details: checked(details)?, price: priced(*price)? }]);
        }
        let offer = self.offer()?;
        if offer.status == Status::Archived {
            // Archiving twice changes nothing; nothing else is possible any more.
            return if matches!(at.command, Command::Archive) { Ok(Vec::new()) } else { Err(Refusal::Archived) };
        }
        let event = match at.command {
            Command::Create { .. } => return Err(Refusal::Exists),
            Command::Update(details) => {
                let details = checked(&details)?;
                (details != offer.details).then_some(Event::ProductUpdated { details })
            }
            Command::ChangePrice(price) => (priced(price)? != offer.price).then_some(Event::ProductPriceChanged { price }),
            Command::Publish => (offer.status == Status::Draft).then_some(Event::ProductPublished {}),
            Command::Archive => Some(Event::ProductArchived {}),
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(self, event: &Event) -> Self {
        let offer = match (self, event) {
            (_, Event::ProductCreated { seller, details, price }) => {
                Offer { seller: *seller, status: Status::Draft, details: details.clone(), price: *price }
            }
            (Self::Created(offer), Event::ProductUpdated { details }) => Offer { details: details.clone(), ..offer },
            (Self::Created(offer), Event::ProductPriceChanged { price }) => Offer { price: *price, ..offer },
            (Self::Created(offer), Event::ProductPublished {}) => Offer { status: Status::Published, ..offer },
            (Self::Created(offer), Event::ProductArchived {}) => Offer { status: Status::Archived, ..offer },
            (
                Self::Absent,
                Event::ProductUpdated { .. } | Event::ProductPriceChanged { .. } | Event::ProductPublished {} | Event::ProductArchived {},
            ) => return Self::Absent,
        };
        Self::Created(offer)
    }
}

/// The description in normal form; SHOP002 names the first field that does not do.
fn checked(details: &Details) -> Result<Details, Refusal> {
    let line = |field: &'static str, value: &str, max| text::line(value, max).map_err(|_| Refusal::Bad(field));
    let description = match details.description.as_deref().map(|words| text::note(words, MAX_DESCRIPTION_CHARS)) {
        None | Some(Err(TextError::Empty)) => None,
        Some(words) => Some(words.map_err(|_| Refusal::Bad("description"))?),
    };
    if details.max_per_buyer.is_some_and(|units| !(1..=MAX_UNITS).contains(&units)) {
        return Err(Refusal::Bad("maxPerBuyer"));
    }
    Ok(Details {
        name: line("name", &details.name, MAX_NAME_CHARS)?,
        category: line("category", &details.category, MAX_CATEGORY_CHARS)?,
        description,
        max_per_buyer: details.max_per_buyer,
    })
}

/// A price in another currency is malformed (SYS003), one that nobody pays is SHOP002.
fn priced(price: Money) -> Result<Money, Refusal> {
    if price.currency() != Currency::Krw {
        return Err(Refusal::PriceCurrency);
    }
    if (1..=MAX_PRICE_WON).contains(&price.minor()) { Ok(price) } else { Err(Refusal::BadPrice) }
}

#[cfg(test)]
mod tests;
