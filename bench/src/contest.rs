//! The contestants side by side, on the same server, in one run.

use std::time::Duration;

use clap::ValueEnum;

use crate::clients::{Contestant, Load, Measured, drive};
use crate::cpu::Cpu;
use crate::daybook::{Daybook, Mix, requested};
use crate::error::Failure;
use crate::limit;
use crate::peer::Peer;
use crate::place::{Place, Server};
use crate::profile::{self, Profile};
use crate::real::Real;
use crate::report::{Line, Printer, Ratio};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// The log.
    Daybook,
    /// The peer.
    PostgresEs,
    /// Bare inserts.
    Limit,
    /// The product's commands.
    DaybookReal,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The log against peer, limit and the product's commands.
    Peers,
    /// The log with so many bad commands in a hundred against the log without.
    Bad(u32),
    /// All clients on one aggregate against each on their own.
    Hot,
}

/// A series of runs.
pub struct Contest<'a> {
    /// Where.
    pub server: &'a Server,
    /// How it is printed.
    pub printer: Printer,
    /// What is compared.
    pub question: Question,
    /// Who takes part, when the peers are asked for; empty: everybody who can.
    pub only: Vec<Name>,
    /// Runs; the ratios are medians over them.
    pub runs: usize,
    /// Before anything counts.
    pub warm_up: Duration,
    /// What counts.
    pub measured: Duration,
    /// Also show what the server does meanwhile.
    pub profile: bool,
}

impl Contest<'_> {
    /// All runs at one number of clients; the places are removed also when a run fails.
    pub async fn hold(&self, clients: usize) -> Result<Vec<Line>, Failure> {
        let load = Load { clients, warm_up: self.warm_up, measured: self.measured };
        let mut lines = Vec::new();
        for run in 1..=self.runs {
            let result = self.run(run, &load).await;
            self.server.clean_up().await?;
            for line in result? {
                lines.push(line);
            }
        }
        for (one, other) in self.pairs() {
            if let Some(ratio) = Ratio::of(&lines, &one, other, clients) {
                self.printer.ratio(&ratio)?;
            }
        }
        Ok(lines)
    }

    fn pairs(&self) -> Vec<(String, &'static str)> {
        match self.question {
            Question::Peers => {
                let names = [("daybook", "postgres-es"), ("daybook", "limit"), ("daybook-real", "daybook")];
                names.map(|(one, other)| (one.to_owned(), other)).to_vec()
            }
            Question::Bad(percent) => vec![(format!("daybook-bad-{percent}"), "daybook")],
            Question::Hot => vec![("daybook-hot".to_owned(), "daybook")],
        }
    }

    /// Everybody once. Who goes first changes from run to run.
    async fn run(&self, run: usize, load: &Load) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        match self.question {
            Question::Peers => self.peers(run, load, &mut lines).await?,
            Question::Bad(_) | Question::Hot => {
                let other_first = !run.is_multiple_of(2);
                for other in [other_first, !other_first] {
                    let place = self.server.fresh().await?;
                    let line = if other { self.other(&place, load, run).await? } else { self.daybook(&place, load, run).await? };
                    self.keep(line, &mut lines)?;
                }
            }
        }
        Ok(lines)
    }

    async fn peers(&self, run: usize, load: &Load, lines: &mut Vec<Line>) -> Result<(), Failure> {
        let mut pair = [Name::Daybook, Name::PostgresEs];
        if run.is_multiple_of(2) {
            pair.reverse();
        }
        let mut source = None;
        for name in pair.into_iter().filter(|name| self.takes_part(*name)) {
            let place = self.server.fresh().await?;
            let line = if name == Name::PostgresEs {
                self.measure("postgres-es", &Peer::open(&place).await?, &place, load, run).await?
            } else {
                let line = self.daybook(&place, load, run).await?;
                source = Some(place);
                line
            };
            self.keep(line, lines)?;
        }
        if let Some(source) = source.filter(|_| self.takes_part(Name::Limit)) {
            let line = self.limit(&source, load, run).await?;
            self.keep(line, lines)?;
        }
        if self.takes_part(Name::DaybookReal) {
            let place = self.server.fresh().await?;
            let line = self.real(&place, load, run).await?;
            self.keep(line, lines)?;
        }
        Ok(())
    }

    fn takes_part(&self, name: Name) -> bool {
        (self.only.is_empty() || self.only.contains(&name)) && (name != Name::PostgresEs || self.server.is_postgres())
    }

    fn keep(&self, line: Line, lines: &mut Vec<Line>) -> Result<(), Failure> {
        self.printer.line(&line)?;
        lines.push(line);
        Ok(())
    }

    async fn daybook(&self, place: &Place, load: &Load, run: usize) -> Result<Line, Failure> {
        let log = place.log().await?;
        let line = self.measure("daybook", &Daybook { log: log.clone(), mix: Mix::Spread }, place, load, run).await;
        log.close().await;
        line
    }

    /// The log under the question's own mix.
    async fn other(&self, place: &Place, load: &Load, run: usize) -> Result<Line, Failure> {
        let log = place.log().await?;
        let (name, mix, before) = match self.question {
            Question::Bad(percent) => (format!("daybook-bad-{percent}"), Mix::Bad(percent), 0),
            Question::Hot => ("daybook-hot".to_owned(), Mix::Hot(requested(&log).await?), 1),
            Question::Peers => ("daybook".to_owned(), Mix::Spread, 0),
        };
        let line = self.measure(&name, &Daybook { log: log.clone(), mix }, place, load, run).await;
        log.close().await;
        line.map(|line| Line { acknowledged: line.acknowledged + before, ..line })
    }

    async fn real(&self, place: &Place, load: &Load, run: usize) -> Result<Line, Failure> {
        let log = place.log().await?;
        let real = Real::new(log.clone());
        let line = self.measure("daybook-real", &real, place, load, run).await;
        log.close().await;
        let prepared = u64::from(real.prepared.load(std::sync::atomic::Ordering::Relaxed));
        line.map(|line| Line { acknowledged: line.acknowledged + prepared, ..line })
    }

    /// One connection; the line names the clients of the run that it belongs to.
    async fn limit(&self, source: &Place, load: &Load, run: usize) -> Result<Line, Failure> {
        self.server.settle().await?;
        let target = self.server.fresh().await?;
        let cpu = Cpu::now();
        let measured = limit::measure(source, &target).await?;
        self.line("limit", load.clients, run, &measured, &cpu, &target).await
    }

    async fn measure<C: Contestant>(&self, name: &str, contestant: &C, place: &Place, load: &Load, run: usize) -> Result<Line, Failure> {
        self.server.settle().await?;
        let profile = if self.profile { Profile::start(place).await? } else { None };
        let cpu = Cpu::now();
        let measured = drive(contestant, load).await?;
        let line = self.line(name, load.clients, run, &measured, &cpu, place).await?;
        if let Some(profile) = profile {
            profile.print(self.printer).await?;
            profile::tables(place, line.counted, self.printer).await?;
        }
        Ok(line)
    }

    async fn line(&self, name: &str, clients: usize, run: usize, measured: &Measured, cpu: &Cpu, place: &Place) -> Result<Line, Failure> {
        let (client_cpu_percent, other_cpu_percent) = cpu.since();
        let counted = place.count_events().await?;
        Ok(Line { counted, client_cpu_percent, other_cpu_percent, ..Line::new(name, clients, run, measured) })
    }
}
