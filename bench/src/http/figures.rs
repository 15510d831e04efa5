//! What a server says of itself, and what the system says of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::wire::Wire;
use crate::cpu::{Cpu, ticks_of};
use crate::error::Failure;

/// Between two looks at the lag.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks while it is waited for.
const WAIT: Duration = Duration::from_millis(10);
/// CPU ticks a second, as Linux counts them for everybody.
const TICKS: f64 = 100.0;

/// The greatest value of a metric over all of its labels.
fn greatest(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.split_whitespace().last()?.parse::<f64>().ok());
    values.reduce(f64::max)
}

/// The greatest value of one of a server's metrics.
pub async fn metric(address: SocketAddr, name: &str) -> Result<f64, Failure> {
    let (_, text) = Wire::connect(address).await?.get("/metrics").await?;
    greatest(&text, name).ok_or_else(|| Failure::Wrong(format!("no metric {name}")))
}

/// Events that the slowest read model has not applied.
pub async fn lag_events(address: SocketAddr) -> Result<f64, Failure> {
    metric(address, "daybook_projection_lag_events{").await
}

/// Waits until every read model has applied everything.
pub async fn caught_up(address: SocketAddr, time: Duration) -> Result<(), Failure> {
    let until = Instant::now() + time;
    while lag_events(address).await? > 0.0 {
        if Instant::now() >= until {
            return Err(Failure::Wrong("the read models do not catch up".to_owned()));
        }
        tokio::time::sleep(WAIT).await;
    }
    Ok(())
}

/// An eye on the lag of the slowest read model.
pub struct Lag {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Result<Duration, Failure>>,
}

impl Lag {
    /// Looks twice a second, from now on.
    pub fn watch(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let looking = tokio::spawn(async move {
            let mut worst = 0.0_f64;
            while !stopped.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
                worst = worst.max(metric(address, "daybook_projection_lag_seconds{").await?);
            }
            Ok(Duration::from_secs_f64(worst))
        });
        Self { stop, looking }
    }

    /// The worst that was seen.
    pub async fn worst(self) -> Result<Duration, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.await.map_err(|error| Failure::Wrong(error.to_string()))?
    }
}

/// Who used the processors, and how much memory a server has, in one stretch of time.
pub struct Usage {
    pid: u32,
    cpu: Cpu,
    began: Instant,
    ticks: u64,
    client_percent: f64,
    server_percent: f64,
    other_percent: f64,
    rss_kib: u64,
}

impl Usage {
    /// From now on.
    pub fn since(pid: u32) -> Self {
        let (cpu, began, ticks) = (Cpu::now(), Instant::now(), ticks_of(pid));
        Self { pid, cpu, began, ticks, client_percent: 0.0, server_percent: 0.0, other_percent: 0.0, rss_kib: 0 }
    }

    /// Up to now.
    pub fn until_now(self) -> Self {
        let (client, rest) = self.cpu.since();
        let seconds = self.began.elapsed().as_secs_f64().max(f64::EPSILON);
        let server = ticks_of(self.pid).saturating_sub(self.ticks) as f64 / TICKS / seconds * 100.0;
        Self {
            client_percent: client as f64,
            server_percent: server.round(),
            other_percent: (rest as f64 - server).max(0.0).round(),
            rss_kib: rss_kib(self.pid),
            ..self
        }
    }

    /// In hundredths of a core: the clients, the server, everybody else (the database, mainly).
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("client_cpu_percent", self.client_percent),
            ("server_cpu_percent", self.server_percent),
            ("other_cpu_percent", self.other_percent),
            ("server_rss_mib", self.rss_kib as f64 / 1_024.0),
        ]
    }
}

/// Memory of a process.
pub fn rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::greatest;

    #[test]
    fn the_greatest_of_a_metric_is_found_over_its_labels() {
        let text = "# HELP lag Events.\nlag{projection=\"a\"} 3\nlag{projection=\"b c\"} 12\nlagging{projection=\"d\"} 99\n";
        assert_eq!(greatest(text, "lag{"), Some(12.0));
        assert_eq!(greatest(text, "none{"), None);
    }
}
