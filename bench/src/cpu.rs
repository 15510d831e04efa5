//! Who used the processor meanwhile: this process, or the rest of the machine (the server, mainly).

use std::time::Instant;

/// Ticks of CPU time a second, as Linux counts them for everybody.
const TICKS: f64 = 100.0;

/// A moment.
pub struct Cpu {
    at: Instant,
    own: u64,
    all: u64,
}

impl Cpu {
    /// Now.
    pub fn now() -> Self {
        Self { at: Instant::now(), own: own_ticks(), all: busy_ticks() }
    }

    /// Own and other use since then, in hundredths of a core; 0 where the system does not tell.
    pub fn since(&self) -> (u64, u64) {
        let seconds = self.at.elapsed().as_secs_f64().max(f64::EPSILON);
        let (own, all) = (own_ticks().saturating_sub(self.own), busy_ticks().saturating_sub(self.all));
        let percent = |ticks: u64| (ticks as f64 / TICKS / seconds * 100.0).round() as u64;
        (percent(own), percent(all.saturating_sub(own)))
    }
}

fn own_ticks() -> u64 {
    ticks_in("/proc/self/stat")
}

/// CPU ticks that a process has used so far; 0 when there is none.
pub fn ticks_of(pid: u32) -> u64 {
    ticks_in(&format!("/proc/{pid}/stat"))
}

fn ticks_in(file: &str) -> u64 {
    let stat = std::fs::read_to_string(file).unwrap_or_default();
    // The name, in parentheses, may hold blanks: count from its end. User and system time are the 12th and 13th after it.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn busy_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal: all but idle and waiting.
    fields.iter().take(8).enumerate().filter(|(i, _)| !matches!(i, 3 | 4)).map(|(_, ticks)| ticks).sum()
}
