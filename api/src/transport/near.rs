//! Near misses: what was perhaps meant where a value is of no enumeration and a field of no input. The library names the near
//! misses of fields and arguments by itself.

use super::types::Types;
use crate::config::nearest;

/// The library's words around a name that it does not know and the type that does not have it.
const FORMS: [(&str, Order); 2] = [
    ("enumeration type \"|\" does not contain the value \"|\"", Order::TypeFirst),
    ("unknown field \"|\" of type \"|\"", Order::NameFirst),
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
        let types = Types::from_sdl("enum Fuel { GASOLINE DIESEL } input Where { minSeats: Int make: String } type Query { a: Int }");
        for (message, meant) in [
            ("Invalid value for argument \"fuel\", enumeration type \"Fuel\" does not contain the value \"gasolin\"", Some("GASOLINE")),
            ("Invalid value for argument \"w.0\", unknown field \"minSeat\" of type \"Where\"", Some("minSeats")),
            ("unknown field \"colour\" of type \"Where\"", None),
            ("enumeration type \"Fuel\" does not contain the value \"HYDROGEN\"", None),
            ("expected type \"Int\"", None),
        ] {
            let text = named(&types, message);
            assert_eq!(text, meant.map(|meant| format!("{message}. Did you mean \"{meant}\"?")));
        }
    }
}
