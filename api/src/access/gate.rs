//! The one place where rules are enforced: before a root field is resolved.

use std::borrow::Cow;
use std::pin::Pin;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::ContainerType;
use async_graphql::{
    Context, ContextSelectionSet, ObjectType, OutputType, Positioned, Response, ServerError, ServerResult, SubscriptionType, Value,
};
use futures_util::stream::{self, Stream};

use super::{Root, admit};
use crate::errors::ApiError;
use crate::viewer::Viewer;

/// A root type of the schema with its rules before it.
pub struct Gate<T> {
    root: Root,
    inner: T,
}

impl<T> Gate<T> {
    /// Puts the rules of a root before it.
    pub const fn new(root: Root, inner: T) -> Self {
        Self { root, inner }
    }

    /// Lets the caller through to a field, or not. Without a rule nobody passes.
    fn admit(&self, ctx: &Context<'_>) -> Result<(), ServerError> {
        let viewer = ctx.data::<Viewer>().map_err(|missing| ApiError::internal(missing.message));
        let admitted = viewer.and_then(|viewer| Ok(admit(self.root, ctx.item.node.name.node.as_str(), viewer)?));
        admitted.map_err(|refused| ctx.set_error_path(async_graphql::Error::from(refused).into_server_error(ctx.item.pos)))
    }
}

impl<T: OutputType> OutputType for Gate<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        self.inner.resolve(ctx, field).await
    }
}

impl<T: ContainerType> ContainerType for Gate<T> {
    fn is_empty() -> bool {
        T::is_empty()
    }

    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.admit(ctx)?;
        self.inner.resolve_field(ctx).await
    }

    async fn find_entity(&self, ctx: &Context<'_>, params: &Value) -> ServerResult<Option<Value>> {
        self.inner.find_entity(ctx, params).await
    }
}

impl<T: ObjectType> ObjectType for Gate<T> {}

impl<T: SubscriptionType> SubscriptionType for Gate<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    fn is_empty() -> bool {
        T::is_empty()
    }

    fn create_field_stream<'a>(&'a self, ctx: &'a Context<'_>) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        match self.admit(ctx) {
            Ok(()) => self.inner.create_field_stream(ctx),
            Err(refused) => Some(Box::pin(stream::once(std::future::ready(Response::from_errors(vec![refused]))))),
        }
    }
}
