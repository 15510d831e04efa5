//! How much one caller may hold open at once: connections, sockets, subscriptions. How often somebody may call is counted
//! elsewhere ([`crate::edge::Allowance`]); what stays open is bounded here.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// File handles that are kept for databases, logs and photos.
const OTHER_FILES: usize = 256;

/// What may be open at once. Zero means any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections of all callers, sockets included; the next ones wait in the listener's queue.
    pub connections: usize,
    /// Connections of one address, unless it is a trusted proxy's.
    pub connections_per_address: usize,
    /// WebSockets of one address.
    pub sockets_per_address: usize,
    /// Subscriptions of one user, over whatever connections; of one address where nobody is signed in.
    pub subscriptions_per_caller: usize,
}

impl Default for Room {
    /// That of `dev`: one machine's own clients.
    fn default() -> Self {
        Self { connections: 20_000, connections_per_address: 0, sockets_per_address: 0, subscriptions_per_caller: 0 }
    }
}

impl Room {
    /// No more connections than there can be file handles for: a listener without handles would spin.
    #[must_use]
    pub fn within_file_handles(self) -> Self {
        let most = open_files().map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES).max(OTHER_FILES));
        if self.connections > most {
            tracing::warn!(wanted = self.connections, possible = most, "fewer connections than configured: raise the limit of open files");
        }
        Self { connections: self.connections.min(most), ..self }
    }
}

/// The soft limit of open files, where the system tells it.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    limit_of_files(&limits)
}

fn limit_of_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Counts what each caller holds open, up to a limit. Clones count together.
#[derive(Clone, Debug)]
pub struct Crowd {
    most: usize,
    inside: Arc<Mutex<HashMap<String, usize>>>,
}

impl Crowd {
    /// So many for each caller; zero for any number.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self { most, inside: Arc::default() }
    }

    /// Takes a place until it is dropped; none when the caller holds as many as they may.
    #[must_use]
    pub fn enter(&self, who: &str) -> Option<Place> {
        if self.most == 0 {
            return Some(Place(None));
        }
        let mut inside = self.lock();
        let held = inside.get(who).copied().unwrap_or(0);
        if held >= self.most {
            return None;
        }
        inside.insert(who.to_owned(), held + 1);
        drop(inside);
        Some(Place(Some((self.clone(), who.to_owned()))))
    }

    fn leave(&self, who: &str) {
        let mut inside = self.lock();
        match inside.get_mut(who) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) | None => {
                inside.remove(who);
            }
        }
    }

    /// It guards plain numbers.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a [`Crowd`], given back when it is dropped.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub struct Place(Option<(Crowd, String)>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((crowd, who)) = &self.0 {
            crowd.leave(who);
        }
    }
}

/// What a connection holds. It travels with each request, so that a connection that becomes a socket goes on holding it.
#[derive(Clone)]
pub struct Held(Arc<dyn Any + Send + Sync>);

impl Held {
    /// Holds something as long as any clone is there.
    #[must_use]
    pub fn new(what: impl Any + Send + Sync) -> Self {
        Self(Arc::new(what))
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("by", &Arc::strong_count(&self.0)).finish()
    }
}

/// The address that a caller counts by: one host of IPv6 has a whole /64 to call from.
#[must_use]
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) & !u128::from(u64::MAX))),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn each_holds_so_many_and_gives_them_back() {
        let crowd = Crowd::of(2);
        let (one, two) = (crowd.enter("a").unwrap(), crowd.clone().enter("a").unwrap());
        assert!(crowd.enter("a").is_none() && crowd.enter("b").is_some());
        drop(one);
        let again = crowd.enter("a");
        assert!(again.is_some() && crowd.enter("a").is_none());
        drop((two, again));
        assert!(crowd.lock().is_empty(), "nobody is remembered who holds nothing");
        let any = Crowd::of(0);
        let many: Vec<_> = (0..1_000).map(|_| any.enter("a").unwrap()).collect();
        assert_eq!((many.len(), any.lock().len()), (1_000, 0));
    }

    #[test]
    fn a_host_of_ipv6_is_one_caller() {
        let same = |a: &str, b: &str| host(a.parse().unwrap()) == host(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:1.2.3.4", "1.2.3.4") && !same("1.2.3.4", "1.2.3.5"));
    }

    #[test]
    fn file_handles_bound_connections() {
        let said = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             63434                63434                processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(limit_of_files(said), Some(1_024));
        assert_eq!(limit_of_files("Max open files            unlimited            unlimited            files"), None);
        let room = Room { connections: usize::MAX, ..Room::default() }.within_file_handles();
        assert!(room.connections >= OTHER_FILES);
    }
}
