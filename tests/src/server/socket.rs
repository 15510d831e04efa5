//! A client of graphql-transport-ws.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use super::{Client, Watch};

/// How long the next message may take.
const WAIT: Duration = Duration::from_secs(20);

/// An open connection.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket<TcpStream>,
    token: Option<String>,
    watch: Watch,
}

impl Socket {
    /// Connects and signs in as the client.
    ///
    /// # Panics
    /// When the server does not acknowledge.
    #[must_use]
    pub fn open(client: &Client) -> Self {
        let mut socket = Self::connect(client);
        let payload = client.token().map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
        socket.say(&json!({ "type": "connection_init", "payload": payload }));
        assert_eq!(socket.hear().expect("an answer")["type"], "connection_ack");
        socket
    }

    /// Connects and says nothing.
    ///
    /// # Panics
    /// When there is no server.
    #[must_use]
    pub fn connect(client: &Client) -> Self {
        let address = client.url().trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(WAIT)).expect("a timeout can be set");
        let mut request = format!("ws://{address}/graphql").into_client_request().expect("an address");
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::tungstenite::client(request, stream).expect("the server upgrades");
        Self { socket, token: client.token().map(str::to_owned), watch: client.watch().clone() }
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When the connection is broken.
    pub fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).expect("the connection is open");
    }

    /// Starts an operation.
    pub fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        self.say(&json!({ "id": id, "type": "subscribe", "payload": { "query": query, "variables": variables } }));
    }

    /// The next message that is no ping, or the code that the server closes with.
    ///
    /// # Errors
    /// The close code; none when the connection just broke.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub fn hear(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).expect("messages are JSON");
                    self.watch.listen(self.token.as_deref(), &Value::Null, &message);
                    if message["type"] == "ping" {
                        self.say(&json!({ "type": "pong" }));
                    } else {
                        return Ok(message);
                    }
                }
                Ok(Message::Close(frame)) => return Err(frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(tokio_tungstenite::tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("no message in time")
                }
                Err(_) => return Err(None),
            }
        }
    }

    /// The next item of an operation: its data under the one field's name.
    ///
    /// # Panics
    /// When something else comes.
    pub fn next(&mut self, id: &str, field: &str) -> Value {
        let message = self.hear().expect("an item");
        assert!(message["type"] == "next" && message["id"] == id && message["payload"]["errors"].is_null(), "{message}");
        message["payload"]["data"][field].clone()
    }
}
