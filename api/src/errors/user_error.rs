//! A refused command as GraphQL shows it.

use async_graphql::{Context, Object};
use kernel::Refused;

use super::{Language, text};
use crate::scalars::Json;
use crate::transport::RequestMeta;

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError(pub Refused);

impl From<Refused> for UserError {
    fn from(refused: Refused) -> Self {
        Self(refused)
    }
}

/// What a refused command says: which rule it broke, in words for a person, and where in the input.
#[Object]
impl UserError {
    /// The public code of the rule, for example `BOOKING002`. Stable; never reused.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// What happened and what to do, in the caller's language: Korean unless `Accept-Language` prefers English.
    async fn message(&self, ctx: &Context<'_>) -> String {
        text(&self.0, ctx.data_opt::<RequestMeta>().map_or(Language::Ko, |meta| meta.language))
    }

    /// The path into the input that is to blame; null when the whole command is meant.
    async fn field(&self) -> Option<&[String]> {
        (!self.0.field.is_empty()).then_some(&self.0.field)
    }

    /// What the rule is about, by name, for programs: for SHOP001 the products that are short and how many units are left of
    /// each. Null when there is nothing more to say.
    async fn details(&self) -> Option<Json> {
        let params = self.0.params.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        (!self.0.params.is_empty()).then(|| async_graphql::Json(serde_json::Value::Object(params.collect())))
    }
}
