//! Documents by their hash: automatic persisted queries, and a list of the only documents that are executed.
//!
//! A client sends the SHA-256 of its document first (`extensions.persistedQuery`) and the document only when it is not known.
//! Where an operator lists the documents of their own clients, nothing else is executed, whoever asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::document::{BadParams, Params};
use crate::errors::{PERSISTED_QUERY_NOT_FOUND, RequestError};

/// Documents of one generation; twice as many are kept at most.
const KEPT: usize = 1_000;
/// A longer document is executed but not kept, in bytes.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// The documents that a server knows.
#[derive(Debug, Default)]
pub struct Documents {
    listed: Option<Listed>,
    recent: Mutex<Recent>,
}

/// Why a document is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The request is malformed.
    Bad(BadParams),
    /// It is not known, or not allowed.
    Unknown(RequestError),
}

/// An operator's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed(HashMap<String, Arc<str>>);

/// Why a list of documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    NoJson(#[from] serde_json::Error),
    /// It is JSON of another shape.
    #[error("it is neither an object of documents by their ids, nor a manifest with `operations` of `id` and `body`")]
    Shape,
}

impl Listed {
    /// Reads a list as the tools of clients write it: an object of documents by their ids (Relay's compiler), or a manifest whose
    /// `operations` have `id` and `body` (Apollo's).
    ///
    /// # Errors
    /// [`ListError`].
    pub fn read(json: &str) -> Result<Self, ListError> {
        let Json::Object(list) = serde_json::from_str(json)? else { return Err(ListError::Shape) };
        let documents: Option<Vec<_>> = match list.get("operations") {
            Some(Json::Array(operations)) => operations.iter().map(|o| Some((o["id"].as_str()?, o["body"].as_str()?))).collect(),
            Some(Json::String(_)) | None => list.iter().map(|(id, text)| Some((id.as_str(), text.as_str()?))).collect(),
            Some(_) => None,
        };
        let mut listed = Self::default();
        for (id, text) in documents.ok_or(ListError::Shape)? {
            let text: Arc<str> = text.into();
            listed.0.insert(hash(&text), Arc::clone(&text));
            listed.0.insert(id.to_owned(), text);
        }
        Ok(listed)
    }
}

/// Two generations: the older goes when the newer is full, what is asked for in time comes over.
#[derive(Debug, Default)]
struct Recent {
    newer: HashMap<String, Arc<str>>,
    older: HashMap<String, Arc<str>>,
}

impl Recent {
    fn get(&mut self, hash: &str) -> Option<Arc<str>> {
        if let Some(known) = self.newer.get(hash) {
            return Some(Arc::clone(known));
        }
        let known = self.older.remove(hash)?;
        self.keep(hash.to_owned(), Arc::clone(&known));
        Some(known)
    }

    fn keep(&mut self, hash: String, document: Arc<str>) {
        if self.newer.len() >= KEPT {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(hash, document);
    }
}

impl Documents {
    /// Only these documents.
    #[must_use]
    pub fn only(listed: Listed) -> Self {
        Self { listed: Some(listed), recent: Mutex::default() }
    }

    /// Fills in the document of a request that names it by its hash. Answers the hash to remember the document under, once it is
    /// known to be a good one.
    pub(super) fn complete(&self, params: &mut Params) -> Result<Option<String>, Missing> {
        let named = named_hash(&params.extensions).map_err(Missing::Bad)?;
        if let Some(listed) = &self.listed {
            let id = named.clone().filter(|_| params.query.is_empty()).unwrap_or_else(|| hash(&params.query));
            let text = listed.0.get(&id).ok_or_else(|| unlisted(named.is_some()))?;
            params.query = text.as_ref().to_owned();
            return Ok(None);
        }
        let Some(named) = named else { return Ok(None) };
        if params.query.is_empty() {
            let known = self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(&named);
            params.query = known.ok_or_else(|| unknown("PersistedQueryNotFound"))?.as_ref().to_owned();
            return Ok(None);
        }
        if hash(&params.query) != named {
            return Err(Missing::Bad(BadParams("`sha256Hash` is not the SHA-256 of `query` in lower-case hexadecimal".to_owned())));
        }
        Ok(Some(named).filter(|_| params.query.len() <= MAX_KEPT_BYTES))
    }

    /// Keeps a document that was found to be well formed and small enough.
    pub(super) fn remember(&self, hash: String, document: &str) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).keep(hash, document.into());
    }
}

fn unknown(reason: &str) -> Missing {
    Missing::Unknown(RequestError::new(PERSISTED_QUERY_NOT_FOUND, reason))
}

/// Nobody needs to send the whole document: it would not be executed either.
fn unlisted(by_hash: bool) -> Missing {
    unknown(if by_hash { "PersistedQueryNotFound" } else { "only the listed documents are executed here, and this is none of them" })
}

/// The hash that a request names its document by.
fn named_hash(extensions: &Map<String, Json>) -> Result<Option<String>, BadParams> {
    let bad = |reason: &str| BadParams(format!("`extensions.persistedQuery` {reason}"));
    let Some(named) = extensions.get("persistedQuery") else { return Ok(None) };
    if named["version"] != 1 {
        return Err(bad("must be of `version` 1"));
    }
    named["sha256Hash"].as_str().map(str::to_owned).map(Some).ok_or_else(|| bad("must have a `sha256Hash`"))
}

/// SHA-256 in lower-case hexadecimal.
fn hash(document: &str) -> String {
    Sha256::digest(document).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    fn params(query: &str, hash: Option<&str>) -> Params {
        let extensions = hash.map(|hash| json!({"persistedQuery": {"version": 1, "sha256Hash": hash}}));
        Params { query: query.to_owned(), extensions: extensions.unwrap_or(json!({})).as_object().unwrap().clone(), ..Params::default() }
    }

    fn completed(documents: &Documents, query: &str, hash: Option<&str>) -> Result<(String, Option<String>), Missing> {
        let mut params = params(query, hash);
        documents.complete(&mut params).map(|kept| (params.query, kept))
    }

    #[test]
    fn a_document_is_known_once_it_was_remembered() {
        let documents = Documents::default();
        let sum = hash("{ me }");
        assert!(matches!(completed(&documents, "", Some(&sum)), Err(Missing::Unknown(_))));
        assert_eq!(completed(&documents, "{ me }", Some(&sum)), Ok(("{ me }".to_owned(), Some(sum.clone()))));
        assert!(matches!(completed(&documents, "", Some(&sum)), Err(Missing::Unknown(_))), "it was not said to be good");
        documents.remember(sum.clone(), "{ me }");
        assert_eq!(completed(&documents, "", Some(&sum)), Ok(("{ me }".to_owned(), None)));
        assert!(matches!(completed(&documents, "{ you }", Some(&sum)), Err(Missing::Bad(_))), "a hash of something else");
        assert!(matches!(completed(&documents, "{ me }", Some("")), Err(Missing::Bad(_))));
    }

    #[test]
    fn old_documents_go_and_used_ones_stay() {
        let documents = Documents::default();
        documents.remember("used".to_owned(), "{ used }");
        documents.remember("idle".to_owned(), "{ idle }");
        for n in 0..2 * KEPT {
            documents.remember(format!("n{n}"), "{ n }");
            assert!(completed(&documents, "", Some("used")).is_ok());
        }
        assert!(matches!(completed(&documents, "", Some("idle")), Err(Missing::Unknown(_))));
    }

    #[test]
    fn a_list_admits_nothing_else() {
        let manifest = json!({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "body": "{ me }"}]});
        for list in [json!({"one": "{ me }"}), manifest] {
            let documents = Documents::only(Listed::read(&list.to_string()).unwrap());
            for (query, hash) in [("", Some("one")), ("{ me }", None), ("", Some(hash("{ me }").as_str()))] {
                assert_eq!(completed(&documents, query, hash), Ok(("{ me }".to_owned(), None)));
            }
            for (query, hash) in [("", Some("two")), ("{ you }", None), ("{ you }", Some("one"))] {
                assert!(matches!(completed(&documents, query, hash), Err(Missing::Unknown(_))), "{query} {hash:?}");
            }
        }
        for bad in ["", "[]", "{\"one\": 1}", "{\"operations\": {}}", "{\"operations\": [{\"id\": 1}]}"] {
            assert!(Listed::read(bad).is_err(), "{bad}");
        }
    }
}
