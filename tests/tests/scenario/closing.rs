//! What holds at the end of every scenario.

use daybook_tests::server::PASSWORD;
use serde_json::{Value, json};

use crate::cast::{Cast, won};

/// Most pages of a list: more is a defect of the test or of the list.
const MAX_PAGES: usize = 200;

impl Cast {
    /// The books balance, no escrow holds money of a finished booking or order, the log is dense and nobody's secret is in it.
    pub fn close(&self) {
        self.advance(kernel::jiff::SignedDuration::ZERO);
        self.assert_books_balance();
        self.assert_log_is_sound();
        let logged = self.book.logged();
        for secret in self.secrets().iter().chain(["01012345678", "010-1234-5678"].map(str::to_owned).iter()) {
            assert!(!logged.contains(secret.as_str()), "the server's log shows {secret}");
        }
        assert!(!logged.contains("\"level\":\"error\""), "the server logged an error:\n{logged}");
    }

    fn assert_books_balance(&self) {
        let query = "{ trialBalance { position balanced currencies { currency debits { amount } credits { amount } } } }";
        let trial = self.auditor.query(query, json!({}))["trialBalance"].clone();
        assert_eq!(trial["balanced"], true, "{trial}");
        for currency in trial["currencies"].as_array().unwrap() {
            assert_eq!(currency["debits"], currency["credits"], "{trial}");
            for account in self.accounts() {
                let name = account["account"].as_str().unwrap();
                assert!(!name.contains("escrow") || won(&account["balance"]) == 0, "{account}");
                assert!(name != "refund_payable" || won(&account["balance"]) == 0, "{account}");
            }
        }
    }

    /// Every account with its balance.
    pub fn accounts(&self) -> Vec<Value> {
        let query = "query($after: String) { trialBalance { currencies { accounts(first: 100, after: $after) \
                     { nodes { account balance { amount } side } pageInfo { hasNextPage endCursor } } } } }";
        self.pages(query, |data| data["trialBalance"]["currencies"][0]["accounts"].clone())
    }

    /// Every event of the log, page by page.
    pub fn events(&self) -> Vec<Value> {
        let query = "query($after: String) { events(first: 100, after: $after) { nodes { id position stream version type payloadText \
                     actor commandId correlationId recordedAt occurredAt } pageInfo { hasNextPage endCursor } } }";
        self.pages(query, |data| data["events"].clone())
    }

    fn pages(&self, query: &str, list: impl Fn(&Value) -> Value) -> Vec<Value> {
        let (mut nodes, mut after) = (Vec::new(), Value::Null);
        for _ in 0..MAX_PAGES {
            let page = list(&self.auditor.query(query, json!({ "after": after })));
            nodes.extend(page["nodes"].as_array().into_iter().flatten().cloned());
            if page["pageInfo"]["hasNextPage"] != true {
                return nodes;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        panic!("a list without an end");
    }

    fn assert_log_is_sound(&self) {
        let events = self.events();
        let mut versions = std::collections::HashMap::new();
        let secrets = self.secrets();
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["position"], (index + 1).to_string(), "positions are dense");
            let version = versions.entry(event["stream"].as_str().unwrap().to_owned()).or_insert(0);
            *version += 1;
            assert_eq!(event["version"], *version, "versions are dense: {event}");
            let payload = event["payloadText"].as_str().unwrap();
            for secret in &secrets {
                assert!(!payload.contains(secret.as_str()), "{} shows {secret}: {payload}", event["type"]);
            }
        }
        assert!(events.windows(2).all(|pair| pair[0]["recordedAt"].as_str() <= pair[1]["recordedAt"].as_str()), "recording goes forward");
    }

    /// What nobody may find in the log or in events.
    fn secrets(&self) -> Vec<String> {
        let people = [&self.guest, &self.guest2, &self.host, &self.finance, &self.finance2, &self.auditor];
        let tokens = people.iter().filter_map(|client| client.token().map(str::to_owned));
        tokens.chain([PASSWORD.to_owned(), "$argon2".to_owned()]).collect()
    }
}
