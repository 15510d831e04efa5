//! Who may do what to which object, where the Who column of domain.md §3 names a relation to it.

use domain::booking::{Booking, Refusal, Terms};
use domain::ids::{UserId, user_of};
use domain::shop_order::{self, Deal, ShopOrder};
use domain::text;
use eventlog::{Session, Stop};
use kernel::{Personal, Refused};

use crate::context::Caller;

/// The caller is known, and may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignIn,
    /// Somebody is, but not somebody who may.
    #[error("not allowed")]
    Forbidden,
}

impl kernel::Refusal for Denied {
    fn refused(&self) -> Refused {
        match self {
            Self::SignIn => Refused::code("AUTH002"),
            Self::Forbidden => Refused::code("AUTH010"),
        }
    }
}

/// A text that cannot be taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text in {0} is empty, too long or holds control characters")]
pub struct BadText(&'static str);

impl kernel::Refusal for BadText {
    fn refused(&self) -> Refused {
        Refused::at("SYS003", &[self.0])
    }
}

/// The longest free text that goes along with a command, in characters.
pub const MAX_NOTE_CHARS: usize = 1_000;

/// The signed-in person.
///
/// # Errors
/// [`Denied::SignIn`].
pub fn person(caller: &Caller) -> Result<UserId, Denied> {
    user_of(&caller.actor).ok_or(Denied::SignIn)
}

/// A free text of a person, checked and marked as theirs: it goes when they go.
///
/// # Errors
/// [`BadText`] naming the field.
pub fn note(by: UserId, field: &'static str, text: &str) -> Result<Personal<String>, BadText> {
    let text = text::note(text, MAX_NOTE_CHARS).map_err(|_| BadText(field))?;
    Ok(Personal::profile(by.uuid(), text))
}

/// Like [`note`], for a text that is part of a record which the law keeps: why a contract was withdrawn from, why money went back.
///
/// # Errors
/// [`BadText`] naming the field.
pub fn record(by: UserId, field: &'static str, text: &str) -> Result<Personal<String>, BadText> {
    let text = text::note(text, MAX_NOTE_CHARS).map_err(|_| BadText(field))?;
    Ok(Personal::retained(by.uuid(), text))
}

/// Like [`note`], for a text that may be left out; blank counts as left out.
///
/// # Errors
/// [`BadText`] naming the field.
pub fn optional_note(by: UserId, field: &'static str, text: Option<&str>) -> Result<Option<Personal<String>>, BadText> {
    text.filter(|text| !text.trim().is_empty()).map(|text| note(by, field, text)).transpose()
}

/// The signed-in person of a session.
///
/// # Errors
/// [`Denied::SignIn`].
pub fn actor_of(session: &Session) -> Result<UserId, Stop> {
    Ok(user_of(session.actor()).ok_or(Denied::SignIn)?)
}

/// Compares in the same time wherever the first difference is.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// The terms of a booking that the person takes part in; to everybody else there is no such booking.
///
/// # Errors
/// `BOOKING001`.
pub fn party_of(booking: &Booking, user: UserId) -> Result<&Terms, Refusal> {
    booking.terms().filter(|terms| terms.is_party(user)).ok_or(Refusal::NotFound)
}

/// The terms of a booking for its host: not found to strangers, forbidden to its guest.
///
/// # Errors
/// `BOOKING001` or `AUTH010`.
pub fn as_host(booking: &Booking, user: UserId) -> Result<&Terms, Stop> {
    let terms = party_of(booking, user)?;
    if terms.host == user { Ok(terms) } else { Err(Denied::Forbidden.into()) }
}

/// The deal of a shop order that the person takes part in; to everybody else there is no such order.
///
/// # Errors
/// `SYS007`.
pub fn deal_of(order: &ShopOrder, user: UserId) -> Result<&Deal, shop_order::Refusal> {
    order.deal().filter(|deal| deal.terms.is_party(user)).ok_or(shop_order::Refusal::NotFound)
}

/// The deal of a shop order for its seller: not found to strangers, forbidden to its buyer.
///
/// # Errors
/// `SYS007` or `AUTH010`.
pub fn as_seller(order: &ShopOrder, user: UserId) -> Result<&Deal, Stop> {
    let deal = deal_of(order, user)?;
    if deal.terms.seller == user { Ok(deal) } else { Err(Denied::Forbidden.into()) }
}
