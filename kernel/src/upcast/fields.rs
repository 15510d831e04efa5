//! The members of a stored payload. Those that a step does not touch keep their bytes.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::upcast::Failed;

/// A JSON object whose members are kept as they were written: no number loses digits, no sealed value is opened, and a
/// member may itself be read as [`Fields`].
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// An object without members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The object as JSON, its members in order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let members = self.0.iter().map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    /// Is there such a member?
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// The value of a member.
    ///
    /// # Errors
    /// [`Failed`] when there is none, or it is of another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failed> {
        let found = self.0.iter().find(|(found, _)| found == name);
        let (_, value) = found.ok_or_else(|| Failed::new(format_args!("it has no {name}")))?;
        // What serde says would quote the value, which may be about a person.
        serde_json::from_str(value.get()).map_err(|_| Failed::new(format_args!("its {name} is not what it should be")))
    }

    /// Takes a member out and gives its value.
    ///
    /// # Errors
    /// [`Failed`] when there is none, or it is of another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Failed> {
        let value = self.get(name)?;
        self.remove(name);
        Ok(value)
    }

    /// Gives a member a value, in its place or at the end.
    ///
    /// # Errors
    /// [`Failed`] when the value does not serialise.
    pub fn set(&mut self, name: &str, value: &impl Serialize) -> Result<(), Failed> {
        let value = serde_json::value::to_raw_value(value).map_err(|_| Failed::new(format_args!("its new {name} has no JSON form")))?;
        match self.0.iter_mut().find(|(found, _)| found == name) {
            Some(member) => member.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Gives a member another name.
    ///
    /// # Errors
    /// [`Failed`] when there is none, or the new name is taken.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Failed> {
        if self.has(to) {
            return Err(Failed::new(format_args!("it has {to} already")));
        }
        let member = self.0.iter_mut().find(|(found, _)| found == from);
        to.clone_into(&mut member.ok_or_else(|| Failed::new(format_args!("it has no {from}")))?.0);
        Ok(())
    }

    /// Removes a member, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(found, _)| found != name);
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::new();
                while let Some(member) = members.next_entry()? {
                    fields.0.push(member);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
