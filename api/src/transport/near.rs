//! Near misses: what was perhaps meant where a value is of no enumeration and a field of no input or type. The library names the
//! near misses of arguments by itself, and those of longer fields.

use super::types::Types;
use crate::config::nearest;

/// The library's words around a name that it does not know and the type that does not have it.
const FORMS: [(&str, Order); 3] = [
    ("enumeration type \"|\" does not contain the value \"|\"", Order::TypeFirst),
    ("unknown field \"|\" of type \"|\"", Order::NameFirst),
    ("Unknown field \"|\" on type \"|\".", Order::NameFirst),
];

#[derive(Clone, Copy)]
enum Order {
    TypeFirst,
    NameFirst,
}

/// The text with its near miss, when there is one.
pub(super) fn named(types: &Types, message: &str) -> Option<String> {
    let (of, name) = FORMS.iter().find_map(|(form, order)| {
        let (first, second) = between(message, form)?;
        Some(match order {
            Order::TypeFirst => (first, second),
            Order::NameFirst => (second, first),
        })
    })?;
    let meant = nearest(name, types.names(of))?;
    let message = message.trim_end_matches('.');
    Some(format!("{message}. Did you mean \"{meant}\"?"))
}

/// What stands where a form has its two bars.
fn between<'m>(message: &'m str, form: &str) -> Option<(&'m str, &'m str)> {
    let mut parts = form.split('|');
    let (start, middle, end) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, rest) = message.split_once(start)?;
    let (first, rest) = rest.split_once(middle)?;
    Some((first, rest.strip_suffix(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_named() {
        let types = Types::from_sdl(
            "enum Fuel { GASOLINE DIESEL } input Where { minSeats: Int make: String } type Query { a: Int } type User { me: Int zebra: Int }",
        );
        for (message, meant) in [
            ("Invalid value for argument \"fuel\", enumeration type \"Fuel\" does not contain the value \"gasolin\"", Some("GASOLINE")),
            ("Invalid value for argument \"w.0\", unknown field \"minSeat\" of type \"Where\"", Some("minSeats")),
            ("Unknown field \"aa\" on type \"Query\"", None),
            ("Unknown field \"nme\" on type \"User\".", Some("me")),
            ("Unknown field \"nam\" on type \"User\". Did you mean \"name\"?", None),
            ("unknown field \"colour\" of type \"Where\"", None),
            ("enumeration type \"Fuel\" does not contain the value \"HYDROGEN\"", None),
            ("expected type \"Int\"", None),
        ] {
            let text = named(&types, message);
            let message = message.trim_end_matches('.');
            assert_eq!(text, meant.map(|meant| format!("{message}. Did you mean \"{meant}\"?")));
        }
    }
}
