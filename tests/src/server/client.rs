//! A GraphQL client, as thin as can be.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Watch;

/// Longer than the server ever takes (it waits 10 s for a payment's outcome).
const TIMEOUT: Duration = Duration::from_secs(60);

/// Somebody who talks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    token: Option<String>,
    agent: ureq::Agent,
    horizon: Horizon,
    watch: Watch,
}

/// The latest receipt that anybody on this server got, and its token: what one did, another wants to see.
pub(super) type Horizon = Arc<Mutex<(u64, Option<String>)>>;

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The data, of an answer without errors.
    ///
    /// # Panics
    /// When there are errors.
    #[must_use]
    pub fn data(self) -> Value {
        assert!(self.status == 200 && self.body["errors"].is_null(), "{self:?}");
        self.body["data"].clone()
    }

    /// The code of the first error.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

/// What a mutation answered.
#[derive(Clone, Debug)]
pub struct Outcome(pub Value);

impl Outcome {
    /// The codes of its user errors.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        texts(&self.0["userErrors"], "code")
    }

    /// The payload of an accepted command.
    ///
    /// # Panics
    /// When it was refused.
    pub fn done(self) -> Value {
        assert!(self.codes().is_empty(), "{}", self.0);
        assert!(!self.0["receipt"].is_null(), "accepted without a receipt: {}", self.0);
        self.0
    }

    /// What it comes to in one word: the codes of its user errors, or that it was accepted.
    #[must_use]
    pub fn verdict(&self) -> String {
        let codes = self.codes();
        if codes.is_empty() { "accepted".to_owned() } else { codes.join(", ") }
    }

    /// The one code of a refused command.
    ///
    /// # Panics
    /// When it was not refused with exactly one code and texts, or left an entity or a receipt.
    pub fn refused(self) -> String {
        let codes = self.codes();
        let [code] = codes.as_slice() else { panic!("not refused by one code: {}", self.0) };
        assert!(self.0["userErrors"][0]["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.0);
        for (name, value) in
            self.0.as_object().into_iter().flatten().filter(|(name, _)| !["userErrors", "clientMutationId"].contains(&name.as_str()))
        {
            assert!(value.is_null(), "refused with {code}, and yet {name}: {value}");
        }
        code.clone()
    }
}

/// The codes of a list of errors.
#[must_use]
pub fn codes(errors: &Value) -> Vec<String> {
    errors.as_array().into_iter().flatten().filter_map(|error| error["extensions"]["code"].as_str().map(str::to_owned)).collect()
}

/// One text of each object in a list.
#[must_use]
pub fn texts(list: &Value, name: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item[name].as_str().map(str::to_owned)).collect()
}

impl Client {
    /// Nobody in particular, talking to this server.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self::seeing(url, Arc::default(), Watch::default())
    }

    /// Nobody in particular, who reads what others on this server wrote.
    pub(super) fn seeing(url: &str, horizon: Horizon, watch: Watch) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self { url: url.to_owned(), token: None, agent: config.build().into(), horizon, watch }
    }

    /// The same with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends an operation.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn send(&self, query: &str, variables: &Value) -> Answer {
        self.try_send(query, variables).expect("the server answers")
    }

    /// Sends an operation to a server that may die of it.
    #[must_use]
    pub fn try_send(&self, query: &str, variables: &Value) -> Option<Answer> {
        self.post(query, variables, &[])
    }

    /// Sends an operation with headers of its own.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn send_with(&self, headers: &[(&str, String)], query: &str, variables: &Value) -> Answer {
        self.post(query, variables, headers).expect("the server answers")
    }

    fn post(&self, query: &str, variables: &Value, headers: &[(&str, String)]) -> Option<Answer> {
        let mut request = self.agent.post(format!("{}/graphql", self.url));
        request = request.header("content-type", "application/json").header("accept-language", "en");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = request.send(json!({ "query": query, "variables": variables }).to_string()).ok()?;
        let body = response.body_mut().read_to_string().ok()?;
        let body = serde_json::from_str(&body).unwrap_or_default();
        self.watch.listen(self.token(), variables, &body);
        Some(Answer { status: response.status().as_u16(), body })
    }

    /// What is overheard of everybody who talks to this server.
    #[must_use]
    pub const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Asks for data that covers everything that anybody on this server was told to have done.
    ///
    /// # Panics
    /// When there are errors.
    #[must_use]
    pub fn query(&self, query: &str, variables: Value) -> Value {
        let consistency = self.horizon.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        let headers: Vec<_> = consistency.into_iter().map(|token| ("daybook-consistency", token)).collect();
        self.post(query, &variables, &headers).expect("the server answers").data()
    }

    /// Sends one mutation that follows the conventions (one `input`, a payload with `userErrors` and `receipt`).
    #[must_use]
    pub fn mutate(&self, name: &str, selection: &str, input: &Value) -> Outcome {
        let payload = self.send(&mutation(name, selection), &json!({ "input": input })).data()[name].clone();
        self.note(&payload["receipt"]);
        Outcome(payload)
    }

    fn note(&self, receipt: &Value) {
        let position = receipt["position"].as_str().and_then(|position| position.parse().ok()).unwrap_or(0);
        let mut horizon = self.horizon.lock().unwrap_or_else(PoisonError::into_inner);
        if position > horizon.0 {
            *horizon = (position, receipt["token"].as_str().map(str::to_owned));
        }
    }

    /// The same, with a fresh idempotency key.
    #[must_use]
    pub fn command(&self, name: &str, selection: &str, mut input: Value) -> Outcome {
        input["idempotencyKey"] = Uuid::new_v4().to_string().into();
        self.mutate(name, selection, &input)
    }

    /// Signs in.
    ///
    /// # Panics
    /// When the pair is wrong.
    #[must_use]
    pub fn login(&self, email: &str, password: &str) -> Self {
        let payload = self.mutate("login", "accessToken", &json!({ "email": email, "password": password })).done();
        self.with_token(payload["accessToken"].as_str().expect("an access token"))
    }

    /// GETs a path; nothing when the server is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
    }

    /// The status of a GET, whatever the body is; nothing when the server is not there.
    #[must_use]
    pub fn status(&self, path: &str) -> Option<u16> {
        Some(self.agent.get(format!("{}{path}", self.url)).call().ok()?.status().as_u16())
    }

    /// Sends a request as it is, with nothing of our own but the token; nothing when the server does not answer.
    ///
    /// # Panics
    /// When it is no request.
    #[must_use]
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        // A server that refuses a body unread closes the connection: the next request must not try to use it.
        request = request.header("connection", "close");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = if body.is_empty() {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            self.agent.run(request.body(body.to_owned()).expect("a request"))
        };
        let mut response = answer.ok()?;
        let body = response.body_mut().read_to_string().ok()?;
        Some(Answer { status: response.status().as_u16(), body: serde_json::from_str(&body).unwrap_or_default() })
    }

    /// PUTs bytes to an address that the server gave.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn put(&self, url: &str, content_type: &str, bytes: &[u8]) -> Answer {
        let request = self.agent.put(url).header("content-type", content_type);
        let mut response = request.send(bytes).expect("the server answers");
        let body = response.body_mut().read_to_string().expect("a text");
        Answer { status: response.status().as_u16(), body: serde_json::from_str(&body).unwrap_or_default() }
    }

    /// POSTs lines of JSON to a path under an idempotency key; the status and the answer's text.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn post_lines(&self, path: &str, key: &str, lines: &str) -> (u16, String) {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/x-ndjson");
        request = request.header("idempotency-key", key);
        if let Some(token) = self.token() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.send(lines).expect("the server answers");
        (response.status().as_u16(), response.body_mut().read_to_string().expect("a text"))
    }
}

/// The document of a mutation that follows the conventions.
fn mutation(name: &str, selection: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!(
        "mutation Sent($input: {}{rest}Input!) {{ {name}(input: $input) {{ {selection} \
         receipt {{ commandId correlationId eventIds position token replayed committedAt }} \
         userErrors {{ code message field details }} clientMutationId }} }}",
        first.to_uppercase()
    )
}
