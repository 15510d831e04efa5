//! What is printed: a line for each contestant and run, then medians of ratios.

use serde::Serialize;

use crate::clients::Measured;
use crate::error::Failure;

/// One contestant in one run.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The contestant.
    pub name: String,
    /// Clients at a time.
    pub clients: usize,
    /// Which run, from 1.
    pub run: usize,
    /// Commands answered a second.
    pub commands_per_s: f64,
    /// Median latency in microseconds.
    pub p50_us: u64,
    /// 99th percentile in microseconds.
    pub p99_us: u64,
    /// Commands that the rate counts.
    pub commands: u64,
    /// Events acknowledged, warm-up included.
    pub acknowledged: u64,
    /// Events that the database holds afterwards.
    pub counted: u64,
    /// Commands that failed.
    pub errors: u64,
    /// The first failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Memory of this process afterwards, in MiB.
    pub rss_mib: u64,
    /// CPU of this process while it ran, in hundredths of a core.
    pub client_cpu_percent: u64,
    /// CPU of the rest of the machine meanwhile (the server, mainly), in hundredths of a core.
    pub other_cpu_percent: u64,
}

/// One contestant against another, over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// Who against whom.
    pub ratio: String,
    /// Clients at a time.
    pub clients: usize,
    /// Pairs.
    pub runs: usize,
    /// Median of the pairs' ratios of commands a second.
    pub commands_per_s: f64,
    /// Median of the pairs' ratios of the 99th percentiles.
    pub p99: f64,
}

/// How a line is printed.
#[derive(Clone, Copy)]
pub struct Printer {
    /// As JSON, one object a line.
    pub json: bool,
}

impl Line {
    /// The line of a measurement.
    pub fn new(name: &str, clients: usize, run: usize, measured: &Measured) -> Self {
        let quantile = |q| measured.latencies.value_at_quantile(q);
        Self {
            name: name.to_owned(),
            clients,
            run,
            commands_per_s: measured.rate().round(),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            commands: measured.latencies.len(),
            acknowledged: measured.acknowledged,
            counted: 0,
            errors: measured.errors,
            first_error: measured.first_error.clone(),
            rss_mib: rss_mib(),
            client_cpu_percent: 0,
            other_cpu_percent: 0,
        }
    }

    /// Is the measurement worth anything?
    pub fn is_right(&self) -> bool {
        self.errors == 0 && self.commands > 0 && self.acknowledged == self.counted
    }
}

impl Ratio {
    /// Of all runs in which both took part; nothing when there are none.
    pub fn of(lines: &[Line], one: &str, other: &str, clients: usize) -> Option<Self> {
        let of = |name: &str, run: usize| lines.iter().find(|l| l.name == name && l.run == run && l.clients == clients);
        let last = lines.iter().map(|line| line.run).max()?;
        let pairs: Vec<_> = (1..=last).filter_map(|run| Some((of(one, run)?, of(other, run)?))).collect();
        let ratio = |get: &dyn Fn(&Line) -> f64| median(pairs.iter().map(|(a, b)| get(a) / get(b)).collect());
        let runs = pairs.len();
        let (commands_per_s, p99) = (ratio(&|line| line.commands_per_s)?, ratio(&|line| line.p99_us as f64)?);
        Some(Self { ratio: format!("{one} / {other}"), clients, runs, commands_per_s, p99 })
    }
}

/// The middle of some numbers; of the two in the middle their mean.
pub fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (numbers.get(numbers.len().checked_sub(1)? / 2)?, numbers.get(numbers.len() / 2)?);
    Some((low + high) / 2.0)
}

impl Printer {
    /// The settings of the server, as one line.
    pub fn settings(self, settings: &[(String, String)]) -> Result<(), Failure> {
        if self.json {
            let object: serde_json::Map<_, _> = settings.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
            println!("{}", serde_json::to_string(&object)?);
        } else {
            let list: Vec<_> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
            println!("{}", list.join(", "));
        }
        Ok(())
    }

    /// One contestant.
    pub fn line(self, line: &Line) -> Result<(), Failure> {
        if self.json {
            println!("{}", serde_json::to_string(line)?);
            return Ok(());
        }
        println!(
            "{:<14} {:>4} clients  run {}  {:>8.0} commands/s  p50 {:>7} µs  p99 {:>8} µs  acknowledged {:>8}, counted {:>8}, errors {}  \
             rss {} MiB  cpu {} % + {} %",
            line.name,
            line.clients,
            line.run,
            line.commands_per_s,
            line.p50_us,
            line.p99_us,
            line.acknowledged,
            line.counted,
            line.errors,
            line.rss_mib,
            line.client_cpu_percent,
            line.other_cpu_percent
        );
        if let Some(error) = &line.first_error {
            println!("  first error: {error}");
        }
        Ok(())
    }

    /// One pair of contestants.
    pub fn ratio(self, ratio: &Ratio) -> Result<(), Failure> {
        if self.json {
            println!("{}", serde_json::to_string(ratio)?);
        } else {
            let Ratio { ratio, clients, runs, commands_per_s, p99 } = ratio;
            println!("{ratio}  {clients} clients  median of {runs}: commands/s × {commands_per_s:.3}, p99 × {p99:.3}");
        }
        Ok(())
    }

    /// Who against whom: a name and how many times as much.
    pub fn ratios(self, name: &str, ratios: &[(&str, f64)]) -> Result<(), Failure> {
        if self.json {
            return self.figures(name, ratios);
        }
        let list: Vec<_> = ratios.iter().map(|(key, value)| format!("{key} × {value:.3}")).collect();
        println!("{name}  {}", list.join(", "));
        Ok(())
    }

    /// Anything else: a name and numbers.
    pub fn figures(self, name: &str, figures: &[(&str, f64)]) -> Result<(), Failure> {
        if self.json {
            let mut object = serde_json::Map::from_iter([("name".to_owned(), name.into())]);
            object.extend(figures.iter().map(|&(key, value)| (key.to_owned(), value.into())));
            println!("{}", serde_json::to_string(&object)?);
        } else {
            let list: Vec<_> = figures.iter().map(|(key, value)| format!("{key} {value:.1}")).collect();
            println!("{name:<14} {}", list.join("  "));
        }
        Ok(())
    }
}

/// Memory of this process in MiB; 0 where the system does not tell.
pub fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
