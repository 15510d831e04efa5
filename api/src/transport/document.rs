//! From the three parameters of a request to one operation that may be executed.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Name, Request, ServerError, Value, Variables};
use kernel::Refused;
use serde_json::{Map, Value as Json};

use super::admission::Cost;
use super::completion::Source;
use super::limits::{Asked, Limits, TooMuch};
use super::types::Types;
use crate::crowd::Place;
use crate::errors::{PAGE_SIZE_OUT_OF_RANGE, PARSE_FAILED, QUERY_TOO_EXPENSIVE, RequestError, VALIDATION_FAILED};

/// The parameters of a GraphQL request, of the right types but otherwise unchecked.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The document; empty when only its hash was sent.
    pub query: String,
    /// Values of variables.
    pub variables: Map<String, Json>,
    /// Which operation of the document; an empty name is none.
    pub operation_name: Option<String>,
    /// Extensions, for example the hash of a persisted document.
    pub extensions: Map<String, Json>,
    /// Bytes of the request that it came in, the bound of whatever is in it.
    pub bytes: usize,
}

/// The request is no GraphQL request: something is of the wrong type or missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadParams(pub String);

impl Params {
    /// Reads the JSON of a POST body or of a `subscribe` payload.
    ///
    /// # Errors
    /// [`BadParams`] when it is no object or a parameter is of the wrong type.
    pub fn from_json(json: Json, bytes: usize) -> Result<Self, BadParams> {
        let mut fields = match json {
            Json::Object(fields) => fields,
            Json::Array(_) => return Err(BadParams("batches are not supported: send one request object".to_owned())),
            _ => return Err(BadParams("the request must be a JSON object".to_owned())),
        };
        let extensions = object(&mut fields, "extensions")?;
        let query = match text(&mut fields, "query")? {
            Some(query) => query,
            None if extensions.contains_key("persistedQuery") => String::new(),
            None => return Err(BadParams("`query` is missing".to_owned())),
        };
        let variables = object(&mut fields, "variables")?;
        let operation_name = text(&mut fields, "operationName")?.filter(|name| !name.is_empty());
        Ok(Self { query, variables, operation_name, extensions, bytes })
    }
}

fn text(fields: &mut Map<String, Json>, name: &str) -> Result<Option<String>, BadParams> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadParams(format!("`{name}` must be a string"))),
    }
}

fn object(fields: &mut Map<String, Json>, name: &str) -> Result<Map<String, Json>, BadParams> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(object)) => Ok(object),
        Some(_) => Err(BadParams(format!("`{name}` must be an object"))),
    }
}

/// A request with its one operation known.
#[derive(Debug)]
pub struct Prepared {
    /// Ready to execute but for its data.
    pub request: Request,
    /// What the operation is.
    pub operation: OperationType,
    /// What it costs.
    pub(super) cost: Cost,
    /// Whose bucket pays for it.
    pub(super) payer: String,
    /// The place that a subscription holds.
    pub(super) place: Option<Place>,
    /// The document, to be read again when something fails.
    pub(super) source: Source,
}

/// Checks size and cost, parses, chooses the operation and checks that required variables are there.
///
/// # Errors
/// [`RequestError`]: the request is not executed at all.
pub(super) fn prepare(params: Params, types: &Types, limits: &Limits) -> Result<Prepared, RequestError> {
    limits.check_text(&params.query).map_err(too_much)?;
    let document = async_graphql::parser::parse_query(&params.query).map_err(unreadable)?;
    let operation = selected(&document, params.operation_name.as_deref())?;
    let kind = operation.ty;
    let variables = Variables::from_json(Json::Object(params.variables));
    let asked = Asked { document: &document, operation, variables: &variables };
    let price = limits.check_document(types, &asked, params.bytes).map_err(too_much)?;
    require_variables(operation, &variables, types)?;
    let mut request = Request::new(params.query.clone()).variables(variables);
    request.operation_name.clone_from(&params.operation_name);
    request.set_parsed_query(document.clone());
    let source = Source { query: params.query, operation_name: params.operation_name, document };
    Ok(Prepared { request, operation: kind, cost: Cost::of(price, limits), payer: String::new(), place: None, source })
}

fn too_much(error: TooMuch) -> RequestError {
    match error {
        TooMuch::Of { .. } => RequestError::new(QUERY_TOO_EXPENSIVE, error.to_string()),
        TooMuch::Cycle(_) | TooMuch::Roots => RequestError::new(VALIDATION_FAILED, error.to_string()),
        TooMuch::Misfit { at, .. } => RequestError { locations: vec![at], ..RequestError::new(VALIDATION_FAILED, error.to_string()) },
        TooMuch::Page { max, at } => RequestError { locations: vec![at], ..Refused::code(PAGE_SIZE_OUT_OF_RANGE).with("max", max).into() },
    }
}

fn unreadable(error: async_graphql::parser::Error) -> RequestError {
    let error = ServerError::from(error);
    RequestError { locations: error.locations, ..RequestError::new(PARSE_FAILED, error.message) }
}

fn selected<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Result<&'d OperationDefinition, RequestError> {
    let mut named = document.operations.iter().filter(|(n, _)| name.is_none() || n.map(Name::as_str) == name);
    let found = named.next().map(|(_, operation)| &operation.node);
    match (found, name) {
        (Some(operation), Some(_)) => Ok(operation),
        (Some(operation), None) if named.next().is_none() => Ok(operation),
        (Some(_), None) => Err(RequestError::new(VALIDATION_FAILED, "`operationName` is required: the document has several operations")),
        (None, name) => Err(RequestError::new(VALIDATION_FAILED, format!("unknown operation named \"{}\"", name.unwrap_or_default()))),
    }
}

/// async-graphql notices a missing variable, or one that is no object, only when a field asks for it, in the middle of the execution.
fn require_variables(operation: &OperationDefinition, variables: &Variables, types: &Types) -> Result<(), RequestError> {
    for definition in &operation.variable_definitions {
        let (name, ty) = (&definition.node.name.node, &definition.node.var_type.node);
        let value = variables.get(name);
        let missing = value.is_none() && definition.node.default_value.is_none();
        if !ty.nullable && (missing || value == Some(&Value::Null)) {
            let reason = format!("variable \"${name}\" of required type \"{ty}\" was not provided");
            return Err(RequestError { locations: vec![definition.pos], ..RequestError::new(VALIDATION_FAILED, reason) });
        }
        if let Some(of) = value.and_then(|value| types.misfit_variable(ty, value)) {
            let reason = format!("variable \"${name}\": expected an object of type \"{of}\"");
            return Err(RequestError { locations: vec![definition.pos], ..RequestError::new(VALIDATION_FAILED, reason) });
        }
    }
    Ok(())
}
