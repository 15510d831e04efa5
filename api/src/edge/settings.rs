//! What the edge is set to.

use std::net::IpAddr;

use super::{Network, Origin};

/// The edge's settings; the default lets everything pass, as in `dev`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeSettings {
    /// Send the headers that a browser obeys, and refuse foreign origins.
    pub guarded: bool,
    /// Whose word about addresses and protocols counts: the load balancer's.
    pub trusted: Vec<Network>,
    /// Origins of web pages that may call, besides our own.
    pub origins: Vec<Origin>,
    /// How clients reach us, without a slash at the end.
    pub public_url: String,
    /// Plain HTTP that a proxy passes on is sent to HTTPS, and HTTPS is announced for a year.
    pub https_only: bool,
}

impl EdgeSettings {
    /// Is this address a proxy's that is trusted?
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}
