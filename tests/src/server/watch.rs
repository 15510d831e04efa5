//! An eye on what is told and written down: whoever talks to a server under test is overheard, and what was said in confidence must
//! not turn up in an answer to somebody else, in an event or in a log line.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

/// What nobody may be told, and no log line or event may hold, whoever it is about.
const NEVER: [&str; 4] = ["$argon2", "$2a$", "$2b$", "PRIVATE+KEY+"];
/// The beginning of every access token: `{"typ":"JWT"` and `{"alg":"HS256"` in base64.
const ACCESS_TOKENS: [&str; 2] = ["eyJ0eXAi", "eyJhbGci"];
/// What stands before a token in a request's header; in answers, it may be explained.
const BEARER: &str = "Bearer ";
/// Inputs that nobody is told again.
const SECRET_INPUTS: [&str; 5] = ["password", "oldPassword", "newPassword", "apiKey", "apiSecret"];
/// Answers that hold a secret, told once to whom it belongs.
const SECRET_ANSWERS: [&str; 3] = ["accessToken", "refreshToken", "secret"];
/// The stub of mail and SMS shows whole messages, with their codes: that is what it is for.
const OUTBOX: &str = "daybook::outbox";
/// Shorter words are no secrets of ours.
const SECRET_CHARS: usize = 40;
/// A shorter password is a wrong one: it may be any word.
const PASSWORD_CHARS: usize = 8;

/// What was overheard at one server. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<Overheard>>);

#[derive(Debug, Default)]
struct Overheard {
    /// Passwords, and keys of exchanges.
    given: BTreeSet<String>,
    /// Refresh tokens and API keys.
    tokens: HashSet<String>,
    /// Telephone numbers, as typed.
    phones: BTreeSet<String>,
    /// Whose address an access token stands for.
    holders: HashMap<String, String>,
    /// The addresses of everybody.
    addresses: BTreeSet<String>,
}

impl Watch {
    fn heard(&self) -> MutexGuard<'_, Overheard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to a request and its answer.
    ///
    /// # Panics
    /// When the answer tells what it must not tell this caller.
    pub fn listen(&self, caller: Option<&str>, variables: &Value, answer: &Value) {
        let mut heard = self.heard();
        let input = variables.get("input").and_then(Value::as_object);
        // What was turned away may be any word.
        input.filter(|_| accepted(answer)).into_iter().for_each(|input| heard.input(input));
        let email = input.and_then(|input| input.get("email")).and_then(Value::as_str);
        let told = heard.answer(answer, email);
        assert_eq!(told, Vec::<String>::new(), "told to everybody who asks: {answer}");
        let others = heard.of_others(caller, &answer.to_string());
        assert_eq!(others, Vec::<&String>::new(), "another's address is told: {answer}");
    }

    /// Looks through what a server has written: its log, and the payloads of its events.
    ///
    /// # Panics
    /// When something that was said in confidence stands there.
    pub fn look_through(&self, log: &str, payloads: &str) {
        let heard = self.heard();
        let lines: String = log.lines().filter(|line| !line.contains(OUTBOX)).collect::<Vec<_>>().join("\n");
        for (place, text) in [("a log line", lines.as_str()), ("an event", payloads)] {
            let fixed = NEVER.into_iter().chain(ACCESS_TOKENS).chain([BEARER]);
            let given = heard.given.iter().chain(&heard.phones).map(String::as_str);
            if let Some(secret) = fixed.chain(given).find(|secret| text.contains(secret)) {
                let line = text.lines().find(|line| line.contains(secret)).unwrap_or_default();
                panic!("{place} holds {secret}: {}", line.chars().take(400).collect::<String>());
            }
            let token = words(text).find(|word| heard.tokens.contains(*word));
            assert_eq!(token, None, "{place} holds a token");
            assert!(!holds_api_key(text), "{place} holds an API key");
        }
        // Whoever writes a number into a public text has told everybody; a log line masks it all the same.
        assert_eq!(full_phone(&lines), None, "a log line holds a telephone number");
    }
}

impl Overheard {
    fn input(&mut self, input: &Map<String, Value>) {
        for (name, value) in input {
            let Some(text) = value.as_str() else { continue };
            if SECRET_INPUTS.contains(&name.as_str()) && text.chars().count() >= PASSWORD_CHARS {
                self.given.insert(text.to_owned());
            }
            if name == "phone" && text.chars().filter(char::is_ascii_digit).count() >= 10 {
                self.phones.insert(text.to_owned());
            }
        }
    }

    /// What an answer tells that nobody is told. Tokens are noted, with the address that they were given to.
    fn answer(&mut self, answer: &Value, email: Option<&str>) -> Vec<String> {
        let mut told = Vec::new();
        let mut texts = Vec::new();
        gather("", answer, &mut texts);
        for (name, text) in texts {
            if SECRET_ANSWERS.contains(&name) {
                self.note(name, text, email);
                continue;
            }
            let fixed = NEVER.into_iter().chain(ACCESS_TOKENS).filter(|secret| text.contains(secret)).map(str::to_owned);
            let given = self.given.iter().filter(|secret| text.contains(*secret)).cloned();
            told.extend(fixed.chain(given));
            told.extend(words(text).filter(|word| self.tokens.contains(*word)).map(str::to_owned));
        }
        told
    }

    fn note(&mut self, name: &str, text: &str, email: Option<&str>) {
        match (name, email) {
            ("accessToken", Some(email)) => {
                self.addresses.insert(email.to_owned());
                self.holders.insert(text.to_owned(), email.to_owned());
            }
            ("accessToken", None) => {}
            (_, _) => {
                self.tokens.insert(text.to_owned());
            }
        }
    }

    /// The addresses of others that a person is told who does not work here.
    fn of_others(&self, caller: Option<&str>, answer: &str) -> Vec<&String> {
        let Some(own) = caller.and_then(|token| self.holders.get(token)).filter(|own| own.ends_with("@people.example")) else {
            return Vec::new();
        };
        self.addresses.iter().filter(|address| *address != own && answer.contains(&format!("\"{address}\""))).collect()
    }
}

/// Was it done what was asked for?
fn accepted(answer: &Value) -> bool {
    let payload = answer["data"].as_object().and_then(|data| data.values().next());
    answer["errors"].is_null() && payload.is_some_and(|payload| payload["userErrors"].as_array().is_none_or(Vec::is_empty))
}

/// Every text of an answer, with the name that it stands under.
fn gather<'v>(name: &'v str, value: &'v Value, texts: &mut Vec<(&'v str, &'v str)>) {
    match value {
        Value::String(text) => texts.push((name, text)),
        Value::Array(items) => items.iter().for_each(|item| gather(name, item, texts)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| gather(name, value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What could be a token: long words of base64 for addresses.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).filter(|word| word.len() >= SECRET_CHARS)
}

/// More of an API key than the beginning that its owner is shown.
fn holds_api_key(text: &str) -> bool {
    text.match_indices("dbk_").any(|(at, _)| text[at + 4..].chars().take_while(char::is_ascii_hexdigit).count() > 8)
}

/// A whole Korean mobile number, however it is written; a part of an id is none.
fn full_phone(text: &str) -> Option<&str> {
    let within = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    ["010", "+8210", "+82 10"].into_iter().find_map(|start| {
        text.match_indices(start).find_map(|(at, _)| {
            let rest = &text[at + start.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(rest.len());
            let digits = rest[..end].chars().filter(char::is_ascii_digit).count();
            let alone = !within(text[..at].chars().next_back()) && !within(rest[end..].chars().next());
            (digits == 8 && alone).then(|| &text[at..at + start.len() + end])
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_found_and_parts_of_ids_are_not() {
        for text in ["call 010-1234-5678!", "\"phone\":\"01012345678\"", "+82 10-7654-3210", "(+821012345678)"] {
            assert!(full_phone(text).is_some(), "{text}");
        }
        for text in ["010-****-5678", "a010-1234-5678", "019f010-1234-5678-9abc", "0101234567", "1010123456789", "010-1234-56789"] {
            assert_eq!(full_phone(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_said_in_confidence_is_recognised() {
        let watch = Watch::default();
        let refresh = "r".repeat(70);
        let input = json!({ "input": { "email": "ann@people.example", "password": "Correct-horse-1", "phone": "010-1111-2222" } });
        let answer = json!({ "data": { "registerUser": { "accessToken": "eyJ0eXAi.ann", "refreshToken": refresh } } });
        watch.listen(None, &input, &answer);
        watch.look_through("{\"msg\":\"registered\",\"phone\":\"010-****-2222\"}", "{}");
        let caught = |act: &(dyn Fn() + std::panic::RefUnwindSafe)| std::panic::catch_unwind(act).is_err();
        for line in ["Correct-horse-1", "Bearer x", "eyJhbGciOi", "010-3333-4444", &refresh, "010-1111-2222", "$argon2id$"] {
            let (watch, line) = (std::panic::AssertUnwindSafe(&watch), line.to_owned());
            assert!(caught(&move || watch.look_through(&line, "{}")), "in a log line");
        }
        let input = json!({ "input": { "email": "bob@people.example" } });
        watch.listen(None, &input, &json!({ "data": { "login": { "accessToken": "eyJ0eXAi.bob" } } }));
        let told = json!({ "user": { "email": "ann@people.example" } });
        watch.listen(Some("eyJ0eXAi.ann"), &json!({}), &told);
        let watch = std::panic::AssertUnwindSafe(&watch);
        assert!(caught(&move || watch.listen(Some("eyJ0eXAi.bob"), &json!({}), &told)), "another's address");
    }
}
