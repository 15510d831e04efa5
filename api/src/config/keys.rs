//! Every key there is.

/// What may be shown of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// All of it.
    Plain,
    /// All but the password within the URL.
    Url,
    /// Nothing.
    Secret,
}

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in `daybook.toml`; with hyphens, its flag.
    pub name: &'static str,
    /// Its environment variable; with `_FILE` behind it, a file that holds the value.
    pub env: &'static str,
    /// The value when nobody gives one.
    pub default: Option<&'static str>,
    /// What may be shown.
    pub sensitivity: Sensitivity,
    /// What it is, to follow "`key` is …".
    pub about: &'static str,
}

const fn key(name: &'static str, env: &'static str, default: Option<&'static str>, about: &'static str) -> Key {
    Key { name, env, default, sensitivity: Sensitivity::Plain, about }
}

const fn masked(key: Key, sensitivity: Sensitivity) -> Key {
    Key { sensitivity, ..key }
}

/// Every key, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    masked(key("database_url", "DATABASE_URL", None, "postgres://… or sqlite://FOLDER"), Sensitivity::Url),
    masked(
        key("owner_database_url", "DAYBOOK_OWNER_DATABASE_URL", None, "the database as its owner, who may migrate: postgres://…"),
        Sensitivity::Url,
    ),
    masked(
        key(
            "listen_database_url",
            "DAYBOOK_LISTEN_DATABASE_URL",
            None,
            "the same database past a pooling proxy, for LISTEN: postgres://… (without it, database_url)",
        ),
        Sensitivity::Url,
    ),
    masked(key("redis_url", "REDIS_URL", None, "redis://… (without it, hot models are kept in process)"), Sensitivity::Url),
    key("listen", "DAYBOOK_LISTEN", Some("127.0.0.1:4480"), "address and port, as 0.0.0.0:4480"),
    key("worker_listen", "DAYBOOK_WORKER_LISTEN", None, "address and port of a worker's health and metrics (127.0.0.1:4481 if it is free)"),
    masked(key("secret", "DAYBOOK_SECRET", None, "32 random bytes in hexadecimal or base64"), Sensitivity::Secret),
    key("data", "DAYBOOK_DATA", Some("daybook-data"), "the folder of uploads and embedded databases"),
    key(
        "keys_dir",
        "DAYBOOK_KEYS_DIR",
        None,
        "the folder of the keys that personal data are sealed under (keys beside an embedded database)",
    ),
    key("provider_book", "DAYBOOK_PROVIDER_BOOK", None, "the sandbox payment provider's file (provider.ndjson in the data folder)"),
    key("public_url", "DAYBOOK_PUBLIC_URL", None, "how clients reach this server, as https://api.example.org"),
    key("advance_clock", "DAYBOOK_ADVANCE_CLOCK", Some("off"), "on or off: may the business clock be moved (tests only)"),
    key("migrate", "DAYBOOK_MIGRATE", Some("on"), "on or off: migrate the database at start"),
    key("workers", "DAYBOOK_WORKERS", Some("on"), "on or off: run projectors, processes, timers and effects here"),
    key("introspection", "DAYBOOK_INTROSPECTION", Some("off"), "on or off: answer questions about the schema"),
    key(
        "cost_per_minute",
        "DAYBOOK_COST_PER_MINUTE",
        Some("60000"),
        "the points that one caller's operations may cost in a minute, 0 for no end",
    ),
    key("documents", "DAYBOOK_DOCUMENTS", None, "a JSON file with the only documents that are executed (without it, any)"),
    key("log", "DAYBOOK_LOG", Some("info,sqlx=warn"), "a filter of log lines, as info,sqlx=warn"),
    key("limits", "DAYBOOK_LIMITS", Some("on"), "on or off: limit callers, send a browser its headers, refuse foreign origins"),
    key("limit_address_per_minute", "DAYBOOK_LIMIT_ADDRESS_PER_MINUTE", Some("100"), "how much one address may call in a minute"),
    key("limit_user_per_hour", "DAYBOOK_LIMIT_USER_PER_HOUR", Some("1000"), "how much one user may call in an hour"),
    key("max_connections", "DAYBOOK_MAX_CONNECTIONS", Some("20000"), "how many connections there may be at once, sockets included"),
    key(
        "limit_connections_per_address",
        "DAYBOOK_LIMIT_CONNECTIONS_PER_ADDRESS",
        Some("1000"),
        "how many connections one address may have at once, 0 for any number; trusted_proxies are not counted",
    ),
    key(
        "limit_sockets_per_address",
        "DAYBOOK_LIMIT_SOCKETS_PER_ADDRESS",
        Some("200"),
        "how many WebSockets one address may have open, 0 for any number",
    ),
    key(
        "limit_subscriptions_per_caller",
        "DAYBOOK_LIMIT_SUBSCRIPTIONS_PER_CALLER",
        Some("100"),
        "how many subscriptions one user, or an address that nobody is signed in from, may have open, 0 for any number",
    ),
    key(
        "send_timeout_s",
        "DAYBOOK_SEND_TIMEOUT_S",
        Some("60"),
        "seconds after which a client is cut off that takes nothing of what is ready for it, 1 at least",
    ),
    key("trusted_proxies", "DAYBOOK_TRUSTED_PROXIES", None, "addresses or networks of our proxies, as 10.0.0.0/8,192.168.1.7"),
    key(
        "cors_origins",
        "DAYBOOK_CORS_ORIGINS",
        None,
        "origins of web pages that may call, as https://app.example.org,http://localhost:3000",
    ),
    key("tls_cert", "DAYBOOK_TLS_CERT", None, "a PEM file with the certificate and its chain, for TLS without a proxy"),
    key("tls_key", "DAYBOOK_TLS_KEY", None, "a PEM file with the certificate's private key"),
    key("redirect_listen", "DAYBOOK_REDIRECT_LISTEN", None, "a second address, as 0.0.0.0:80, that sends plain HTTP to public_url"),
    key("otlp_endpoint", "DAYBOOK_OTLP_ENDPOINT", None, "where traces go, as http://collector:4318 (without it, nowhere)"),
    key("origin", "DAYBOOK_ORIGIN", Some("daybook.local/dev"), "the name of this log in its signed tree heads"),
    masked(
        key(
            "tree_key",
            "DAYBOOK_TREE_KEY",
            None,
            "the key that signs tree heads, as `daybook tree new-key` makes it; older keys on further lines",
        ),
        Sensitivity::Secret,
    ),
    key(
        "heads_dir",
        "DAYBOOK_HEADS_DIR",
        None,
        "the folder of the last signed head, outside of the database and its backups (heads in the data folder)",
    ),
    key(
        "provider_fee_bps",
        "DAYBOOK_PROVIDER_FEE_BPS",
        None,
        "what the payment provider charges by contract, in basis points, VAT included",
    ),
    key("supplier_registration_number", "DAYBOOK_SUPPLIER_REGISTRATION_NUMBER", None, "the business registration number on fee invoices"),
    key("supplier_name", "DAYBOOK_SUPPLIER_NAME", None, "the company's name on fee invoices"),
    key("supplier_representative", "DAYBOOK_SUPPLIER_REPRESENTATIVE", None, "who represents it, on fee invoices"),
    key("supplier_address", "DAYBOOK_SUPPLIER_ADDRESS", None, "its address, on fee invoices"),
    key("seal_every_ms", "DAYBOOK_SEAL_EVERY_MS", Some("1000"), "milliseconds between two signed tree heads"),
    key("seal_events", "DAYBOOK_SEAL_EVENTS", Some("10000"), "so many new events are sealed without waiting"),
];

/// The key of a name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The value as it may be shown.
pub(super) fn shown(key: &Key, value: &str) -> String {
    match key.sensitivity {
        Sensitivity::Plain => value.to_owned(),
        Sensitivity::Url => masked_url(value),
        Sensitivity::Secret => "********".to_owned(),
    }
}

/// A URL without its password; credentials in the query are cut off with all of it.
pub(super) fn masked_url(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?…"));
    let masked = url.split_once("://").and_then(|(scheme, rest)| {
        let (credentials, host) = rest.rsplit_once('@')?;
        let user = credentials.split_once(':')?.0;
        Some(format!("{scheme}://{user}:********@{host}{query}"))
    });
    masked.unwrap_or_else(|| format!("{url}{query}"))
}
