//! What a read has to have seen: the `Daybook-Consistency` header for a whole request, the argument `consistency` for one field of
//! the query root and all below it (api.md §2).
//!
//! The argument is not written at any field: [`Consistent`] adds it to every field of the type that it wraps, so that a new query
//! cannot forget it.

use std::borrow::Cow;
use std::time::Duration;

use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaInputValue, MetaType, Registry};
use async_graphql::{ContainerType, Context, ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value};

use crate::errors::ApiError;

/// How long a read waits, unless told otherwise.
pub const WAIT: Duration = Duration::from_secs(2);
/// Longest wait that a reader may ask for.
const MAX_WAIT_S: u64 = 10;
/// The argument's name.
const ARGUMENT: &str = "consistency";
const DESCRIPTION: &str = "The token of a receipt: answer with what it wrote, or say `PROJECTION_LAGGING` after 2 seconds. `TOKEN;wait=SECONDS` \
     waits up to 10. It takes the place of the header `Daybook-Consistency`.";

/// A position that a read must have seen, and how long it waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The position.
    pub position: u64,
    /// How long.
    pub wait: Duration,
}

impl Consistency {
    /// Reads `db1.1f` or `db1.1f;wait=10`.
    ///
    /// # Errors
    /// SYS003 at `consistency` when it is neither.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let malformed = || ApiError::from(kernel::Refused::at(crate::errors::MALFORMED, &[ARGUMENT]));
        let (token, options) = text.split_once(';').map_or((text, None), |(token, options)| (token, Some(options)));
        let position = position_of(token.trim())?;
        let Some(options) = options else { return Ok(Self { position, wait: WAIT }) };
        let seconds = options.trim().strip_prefix("wait=").and_then(|seconds| seconds.trim().parse::<u64>().ok());
        let seconds = seconds.filter(|seconds| *seconds <= MAX_WAIT_S).ok_or_else(malformed)?;
        Ok(Self { position, wait: Duration::from_secs(seconds) })
    }
}

/// A token for a position: what a receipt carries and a later read may wait for.
#[must_use]
pub fn token(position: u64) -> String {
    format!("db1.{position:x}")
}

/// The position of a token.
///
/// # Errors
/// SYS003 at `consistency` when it is none of ours.
pub fn position_of(token: &str) -> Result<u64, ApiError> {
    let hex = token.strip_prefix("db1.").filter(|hex| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    hex.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or_else(|| kernel::Refused::at(crate::errors::MALFORMED, &[ARGUMENT]).into())
}

tokio::task_local! {
    static ASKED: Consistency;
}

/// What the field of the query root asked for within which this runs.
#[must_use]
pub fn asked() -> Option<Consistency> {
    ASKED.try_with(|asked| *asked).ok()
}

/// A root type each of whose fields takes `consistency`.
#[derive(Debug, Default)]
pub struct Consistent<T>(T);

/// Fields whose arguments Relay's compiler prescribes to the last; there the header does it.
const FIXED: [&str; 2] = ["node", "nodes"];

impl<T: ObjectType> OutputType for Consistent<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = T::create_type_info(registry);
        if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(T::type_name().as_ref()) {
            for (_, field) in fields.iter_mut().filter(|(name, _)| !FIXED.contains(&name.as_str())) {
                field.args.insert(ARGUMENT.to_owned(), argument());
            }
        }
        name
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        async_graphql::resolver_utils::resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ContainerType for Consistent<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        let (pos, text) = ctx.param_value::<Option<String>>(ARGUMENT, None)?;
        let Some(text) = text else { return self.0.resolve_field(ctx).await };
        let asked = Consistency::parse(&text).map_err(|error| {
            let error = async_graphql::Error::from(error).into_server_error(pos);
            ctx.set_error_path(error)
        })?;
        ASKED.scope(asked, self.0.resolve_field(ctx)).await
    }

    async fn find_entity(&self, ctx: &Context<'_>, params: &Value) -> ServerResult<Option<Value>> {
        self.0.find_entity(ctx, params).await
    }
}

impl<T: ObjectType> ObjectType for Consistent<T> {}

fn argument() -> MetaInputValue {
    MetaInputValue {
        name: ARGUMENT.to_owned(),
        description: Some(DESCRIPTION.to_owned()),
        ty: "String".to_owned(),
        deprecation: async_graphql::registry::Deprecation::NoDeprecated,
        default_value: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        is_secret: false,
        directive_invocations: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema, Variables};

    use super::*;

    #[derive(Default)]
    struct Probe;

    #[Object(name = "Query")]
    impl Probe {
        async fn required(&self) -> Option<u64> {
            asked().map(|asked| asked.position)
        }
        async fn below(&self) -> Below {
            Below
        }
    }

    struct Below;

    #[Object]
    impl Below {
        async fn required(&self) -> Option<u64> {
            asked().map(|asked| asked.position)
        }
    }

    #[tokio::test]
    async fn the_argument_holds_for_its_field_and_all_below_it() {
        let schema = Schema::build(Consistent::<Probe>::default(), EmptyMutation, EmptySubscription).finish();
        let query = "query($t: String) { a: required(consistency: \"db1.1f\") b: required below(consistency: $t) { required } \
                     none: required(consistency: null) }";
        let request = Request::new(query).variables(Variables::from_json(serde_json::json!({ "t": "db1.5;wait=0" })));
        let data = schema.execute(request).await.into_result().unwrap().data.into_json().unwrap();
        assert_eq!(data, serde_json::json!({ "a": 31, "b": null, "below": { "required": 5 }, "none": null }));
        let response = schema.execute("{ a: required b: required(consistency: \"nonsense\") }").await;
        assert_eq!(response.errors.len(), 1);
        let error = response.errors[0].source::<ApiError>().unwrap();
        assert_eq!((error.public_code(), response.errors[0].path.len()), ("SYS003", 1));
        let refused = schema.execute("{ below { required(consistency: \"db1.1\") } }").await;
        assert!(!refused.errors.is_empty(), "only the query root takes it");
    }

    #[test]
    fn a_token_may_say_how_long_to_wait() {
        let read = |text: &str| Consistency::parse(text).ok().map(|read| (read.position, read.wait.as_secs()));
        assert_eq!(read(&token(31)), Some((31, 2)));
        assert_eq!((read("db1.1f;wait=10"), read("db1.1F ; wait= 0 ")), (Some((31, 10)), Some((31, 0))));
        for wrong in ["", "1f", "db1.", "db1.+1f", "db1.xyz", "db1.1f;wait=11", "db1.1f;wait=-1", "db1.1f;waits=1", "db1.10000000000000000"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
