//! A keep-alive HTTP connection, as thin as can be: what is measured is the server.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::error::Failure;

/// A connection of one client.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends one operation, as nobody when the token is empty, and gives its `data`.
    pub async fn send(&mut self, token: &str, query: &str, variables: Value) -> Result<Value, Failure> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{authorization}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (_, body) = self.read().await?;
        let mut answer: Value = serde_json::from_slice(&body)?;
        if answer["errors"].is_null() { Ok(answer["data"].take()) } else { Err(Failure::Wrong(answer["errors"].to_string())) }
    }

    /// Asks for a page: its status and text.
    pub async fn get(&mut self, path: &str) -> Result<(u16, String), Failure> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (status, body) = self.read().await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Opens a WebSocket on this connection, which is then given away with whatever was read of it.
    pub async fn upgrade(mut self, path: &str, protocol: &str) -> Result<BufReader<TcpStream>, Failure> {
        // The key is an example's: nobody here has to be convinced that the server is one of WebSockets.
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        match self.read().await?.0 {
            101 => Ok(self.stream),
            status => Err(Failure::Wrong(format!("the socket was not opened: {status}"))),
        }
    }

    async fn read(&mut self) -> Result<(u16, Vec<u8>), Failure> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(Failure::Wrong("the server closed the connection".to_owned()));
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = text.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                length = value.parse().map_err(|_| Failure::Wrong(format!("{name} is no number: {value}")))?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, body))
    }
}
