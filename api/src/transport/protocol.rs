//! The messages and close codes of graphql-transport-ws: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::document::Params;
use super::http::Written;

/// The one subprotocol that is spoken.
pub const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Longest id of an operation that is accepted, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Why a socket is closed: code and reason as the protocol names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server goes away, or the client has.
    GoingAway,
    /// A message larger than the limit.
    TooLarge,
    /// The door cannot decide now.
    TryAgainLater,
    /// A message that the protocol does not know.
    Invalid,
    /// `subscribe` before `connection_ack`.
    Unauthorized,
    /// The token was refused, or has expired.
    Forbidden,
    /// The client does not speak the subprotocol.
    Subprotocol,
    /// No `connection_init` in time.
    InitTimeout,
    /// The id is in use.
    Duplicate,
    /// A second `connection_init`.
    TooManyInits,
}

impl Close {
    /// The close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::TooLarge => 1009,
            Self::TryAgainLater => 1013,
            Self::Invalid => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden => 4403,
            Self::Subprotocol => 4406,
            Self::InitTimeout => 4408,
            Self::Duplicate => 4409,
            Self::TooManyInits => 4429,
        }
    }

    /// The reason, at most 123 bytes.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "Going away",
            Self::TooLarge => "Message too big",
            Self::TryAgainLater => "Try again later",
            Self::Invalid => "Invalid message",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::Subprotocol => "Subprotocol not acceptable",
            Self::InitTimeout => "Connection initialisation timeout",
            Self::Duplicate => "Subscriber already exists",
            Self::TooManyInits => "Too many initialisation requests",
        }
    }
}

/// What a client says.
#[derive(Debug)]
pub enum FromClient {
    /// `connection_init`, with the value of `Authorization` in its payload.
    Init {
        /// For example `Bearer …`.
        authorization: Option<String>,
    },
    /// `ping`, with its payload to send back.
    Ping(Option<Json>),
    /// `pong`.
    Pong,
    /// `subscribe`: any operation.
    Subscribe {
        /// The client's name for the operation.
        id: String,
        /// What to execute.
        params: Box<Params>,
    },
    /// `complete`: the client has heard enough.
    Complete {
        /// The operation.
        id: String,
    },
}

impl FromClient {
    /// Reads one message; `None` when the protocol does not know it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let Ok(Json::Object(mut message)) = serde_json::from_str(text) else { return None };
        let Some(Json::String(kind)) = message.remove("type") else { return None };
        match kind.as_str() {
            "connection_init" => authorization(payload(&mut message)?).map(|authorization| Self::Init { authorization }),
            "ping" => Some(Self::Ping(payload(&mut message)?.map(Json::Object))),
            "pong" => payload(&mut message).map(|_| Self::Pong),
            "subscribe" => {
                let id = id(&mut message)?;
                let params = Params::from_json(message.remove("payload")?, text.len()).ok()?;
                Some(Self::Subscribe { id, params: Box::new(params) })
            }
            "complete" => id(&mut message).map(|id| Self::Complete { id }),
            _ => None,
        }
    }
}

fn id(message: &mut Map<String, Json>) -> Option<String> {
    match message.remove("id") {
        Some(Json::String(id)) if !id.is_empty() && id.len() <= MAX_ID_BYTES => Some(id),
        _ => None,
    }
}

/// The optional payload: an object or nothing. The outer `None` is anything else.
#[expect(clippy::option_option, reason = "a malformed payload is not an absent one")]
fn payload(message: &mut Map<String, Json>) -> Option<Option<Map<String, Json>>> {
    match message.remove("payload") {
        None | Some(Json::Null) => Some(None),
        Some(Json::Object(payload)) => Some(Some(payload)),
        Some(_) => None,
    }
}

/// The outer `None` is a credential that is not even text.
#[expect(clippy::option_option, reason = "a malformed credential is not an absent one")]
fn authorization(payload: Option<Map<String, Json>>) -> Option<Option<String>> {
    let field = payload.and_then(|p| p.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")));
    match field {
        None | Some((_, Json::Null)) => Some(None),
        Some((_, Json::String(value))) => Some(Some(value)),
        Some(_) => None,
    }
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromServer<'m> {
    ConnectionAck,
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Json>,
    },
    Next {
        id: &'m str,
        payload: Written<'m>,
    },
    Error {
        id: &'m str,
        payload: &'m [async_graphql::ServerError],
    },
    Complete {
        id: &'m str,
    },
}
