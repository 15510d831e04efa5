//! What of the configuration is about the network: limits, proxies, origins, TLS, and where traces go.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Settings};
use crate::crowd::Room;
use crate::edge::{Allowance, EdgeSettings, Network, Origin};

/// How the server meets the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Are callers limited and browsers told what to obey?
    pub limits: bool,
    /// How much somebody may call.
    pub allowance: Allowance,
    /// What may be open at once.
    pub room: Room,
    /// How long a client may take nothing of what is ready for it.
    pub send_timeout: Duration,
    /// Whose word about addresses counts.
    pub trusted: Vec<Network>,
    /// Whose web pages may call.
    pub origins: Vec<Origin>,
    /// Certificate and key, for TLS without a proxy.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where plain HTTP is sent to HTTPS.
    pub redirect_listen: Option<SocketAddr>,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
}

impl Door {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let tls = match (settings.optional("tls_cert")?, settings.optional("tls_key")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(half(settings, "tls_cert", "tls_key")),
            (None, Some(_)) => return Err(half(settings, "tls_key", "tls_cert")),
        };
        let allowance = Allowance {
            address_per_minute: settings.required("limit_address_per_minute")?,
            user_per_hour: settings.required("limit_user_per_hour")?,
        };
        let limits = settings.switch("limits")?;
        Ok(Self {
            limits,
            allowance,
            room: room(settings, limits)?,
            send_timeout: Duration::from_secs(settings.required::<NonZeroU64>("send_timeout_s")?.get()),
            trusted: list(settings, "trusted_proxies")?,
            origins: list(settings, "cors_origins")?,
            tls,
            redirect_listen: settings.optional("redirect_listen")?,
            otlp_endpoint: settings.optional("otlp_endpoint")?,
        })
    }

    /// What the edge is set to, for clients that know us by this address.
    #[must_use]
    pub fn edge(&self, public_url: &str) -> EdgeSettings {
        EdgeSettings {
            guarded: self.limits,
            trusted: self.trusted.clone(),
            origins: self.origins.clone(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            https_only: self.limits && public_url.starts_with("https://"),
        }
    }
}

/// Without limits, only that there is an end to all connections stays.
fn room(settings: &Settings, limits: bool) -> Result<Room, ConfigError> {
    let each = |name| settings.required(name).map(|most: usize| if limits { most } else { 0 });
    let connections: std::num::NonZeroUsize = settings.required("max_connections")?;
    Ok(Room {
        connections: connections.get(),
        connections_per_address: each("limit_connections_per_address")?,
        sockets_per_address: each("limit_sockets_per_address")?,
        subscriptions_per_caller: each("limit_subscriptions_per_caller")?,
    })
}

fn half(settings: &Settings, given: &'static str, missing: &str) -> ConfigError {
    ConfigError::Invalid { key: given, source_name: settings.source_name(given), reason: format!("`{missing}` must be set, too") }
}

/// Several values with commas between them.
fn list<T: FromStr<Err: fmt::Display>>(settings: &Settings, name: &'static str) -> Result<Vec<T>, ConfigError> {
    let text: String = settings.optional(name)?.unwrap_or_default();
    let invalid = |error: T::Err| ConfigError::Invalid { key: name, source_name: settings.source_name(name), reason: error.to_string() };
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| item.parse().map_err(invalid)).collect()
}
