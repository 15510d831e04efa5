//! The read side beside the log: how far it lags under load, how fast it answers, and what readers cost that wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eventlog::Log;
use hdrhistogram::Histogram;
use projections::models::{self, Bookings};
use projections::views::{Direction, PageArgs, Query, Views, Workers};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::clients::{Client, Contestant};
use crate::cpu::Cpu;
use crate::error::Failure;
use crate::place::{Place, Server};
use crate::real::Real;
use crate::report::Printer;
use crate::requests;

/// How often the lag is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The lag is bounded when its 99th percentile is below this, in milliseconds.
const BOUND_MS: u64 = 200;
/// Back to normal.
const CALM_MS: u64 = 50;
/// Longest wait for the models to catch up.
const CATCH_UP: Duration = Duration::from_secs(600);
/// Clients of the queries.
const CLIENTS: u32 = 32;
/// Longest time that is told apart, in microseconds: a minute. Without bounds, what is longer than the first few would be cut.
const LONGEST_US: u64 = 60_000_000;
/// A rate counts as reached when so many of a hundred of its commands were answered in time.
const REACHED_PERCENT: u64 = 95;

/// A log with its read side, every model installed and moved.
struct ReadSide {
    log: Log,
    views: Views,
    workers: Workers,
}

impl ReadSide {
    async fn open(place: &Place) -> Result<Self, Failure> {
        let log = place.log().await?;
        let views = Views::open(log.clone(), projections::decode).await.map_err(wrong)?;
        models::install_all(&views).await.map_err(wrong)?;
        let workers = Workers::start(&views);
        Ok(Self { log, views, workers })
    }

    async fn close(self) {
        self.workers.stop().await;
        self.views.close().await;
        self.log.close().await;
    }

    /// The last position that every model has applied.
    async fn applied(&self) -> Result<u64, Failure> {
        self.views.wait_all(0, Duration::ZERO).await.map_err(wrong)
    }
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    Failure::Wrong(error.to_string())
}

/// The lag in time: how long ago the log was where the slowest model is.
struct LagWatch {
    /// When the log was first seen at a position, oldest first.
    heads: VecDeque<(Instant, u64)>,
}

impl LagWatch {
    fn look(&mut self, head: u64, applied: u64) -> Duration {
        let now = Instant::now();
        if self.heads.back().is_none_or(|(_, last)| *last < head) {
            self.heads.push_back((now, head));
        }
        while self.heads.front().is_some_and(|(_, head)| *head <= applied) {
            self.heads.pop_front();
        }
        self.heads.front().map_or(Duration::ZERO, |(at, _)| now - *at)
    }
}

/// Finds the highest rate of the product's own commands at which the lag of all models stays bounded; doubles, then halves the step.
pub async fn lag(server: &Server, printer: Printer, seconds: u64, from: u64, clients: u32) -> Result<(), Failure> {
    let (mut best, mut rate, mut step) = (0, from, from);
    let mut rising = true;
    while step >= (from / 4).max(1) {
        let run = Run { rate, seconds, clients };
        let bounded = run.measure(server, printer).await?;
        if bounded {
            best = best.max(rate);
        }
        rising &= bounded;
        step = if rising { rate } else { step / 2 };
        rate = if bounded { rate + step } else { rate.saturating_sub(step).max(1) };
    }
    printer.figures("lag", &[("highest_sustained_commands_per_s", best as f64)])
}

/// One load of a certain rate.
struct Run {
    rate: u64,
    seconds: u64,
    clients: u32,
}

impl Run {
    async fn measure(&self, server: &Server, printer: Printer) -> Result<bool, Failure> {
        let place = server.fresh().await?;
        let side = ReadSide::open(&place).await?;
        let real = Real::new(side.log.clone());
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            clients.push(real.client().await?);
        }
        side.views.wait_all(side.log.head().await?, CATCH_UP).await.map_err(wrong)?;
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for client in clients {
            tasks.spawn(paced(client, f64::from(self.clients) / self.rate as f64, sent.clone(), stop.clone()));
        }
        let mut lags = Histogram::<u64>::new_with_bounds(1, LONGEST_US, 2).map_err(wrong)?;
        let (mut watch, news) = (LagWatch { heads: VecDeque::new() }, side.log.watch());
        let (began, cpu) = (Instant::now(), Cpu::now());
        while began.elapsed() < Duration::from_secs(self.seconds) {
            tokio::time::sleep(LOOK).await;
            let head = *news.borrow();
            let lag = watch.look(head, side.applied().await?);
            lags.saturating_record(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
        }
        stop.store(true, Ordering::Relaxed);
        let (own, other) = cpu.since();
        let answered = sent.load(Ordering::Relaxed);
        let ended = Instant::now();
        while let Some(task) = tasks.join_next().await {
            task.map_err(wrong)??;
        }
        let mut calm = Duration::ZERO;
        loop {
            let head = *news.borrow();
            let lag = watch.look(head, side.applied().await?);
            if lag <= Duration::from_millis(CALM_MS) || calm >= CATCH_UP {
                break;
            }
            tokio::time::sleep(LOOK).await;
            calm = ended.elapsed();
        }
        let p99 = lags.value_at_quantile(0.99);
        let reached = answered * 100 >= self.rate * self.seconds * REACHED_PERCENT;
        let commands_per_s = (answered / self.seconds) as f64;
        let figures = [
            ("asked_commands_per_s", self.rate as f64),
            ("commands_per_s", commands_per_s),
            ("lag_p50_ms", lags.value_at_quantile(0.5) as f64),
            ("lag_p99_ms", p99 as f64),
            ("calm_after_ms", calm.as_millis() as f64),
            ("own_cpu_percent", own as f64),
            ("other_cpu_percent", other as f64),
        ];
        printer.figures("lag_at", &figures)?;
        side.close().await;
        Ok(reached && p99 < BOUND_MS)
    }
}

/// One client at its share of the rate; what it is late with it sends at once.
async fn paced(mut client: impl Client, every_s: f64, sent: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(every_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        client.next().await?;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Queries by key and first pages by filter on a model of so many rows.
pub async fn query(server: &Server, printer: Printer, rows: u64, seconds: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let side = ReadSide::open(&place).await?;
    let began = Instant::now();
    let filled = requests::fill(&side.log, rows).await?;
    let head = side.log.head().await?;
    let appended = began.elapsed();
    side.views.wait::<Bookings>(head, CATCH_UP).await.map_err(wrong)?;
    printer
        .figures("filled", &[("rows", rows as f64), ("append_s", appended.as_secs_f64()), ("project_s", began.elapsed().as_secs_f64())])?;
    let filled = Arc::new(filled);
    for kind in [Kind::Key, Kind::Page] {
        let cpu = Cpu::now();
        let times = ask(&side.views, &filled, kind, Duration::from_secs(seconds)).await?;
        let (own, other) = cpu.since();
        let us = |quantile| times.value_at_quantile(quantile) as f64;
        let figures = [
            ("queries_per_s", (times.len() / seconds.max(1)) as f64),
            ("p50_us", us(0.5)),
            ("p99_us", us(0.99)),
            ("own_cpu_percent", own as f64),
            ("other_cpu_percent", other as f64),
        ];
        printer.figures(kind.name(), &figures)?;
    }
    side.close().await;
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Key,
    Page,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Key => "query_by_key",
            Self::Page => "query_first_page_by_filter",
        }
    }
}

async fn ask(views: &Views, filled: &Arc<requests::Filled>, kind: Kind, time: Duration) -> Result<Histogram<u64>, Failure> {
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS as usize {
        let (views, filled) = (views.clone(), filled.clone());
        tasks.spawn(async move {
            let mut times = Histogram::<u64>::new_with_bounds(1, LONGEST_US, 3).map_err(wrong)?;
            let (began, mut at) = (Instant::now(), client * 7_919);
            while began.elapsed() < time {
                // A step that is no divisor of the numbers: all over the table.
                at += 104_729;
                let asked = Instant::now();
                match kind {
                    Kind::Key => {
                        let key = &filled.bookings[at % filled.bookings.len()];
                        views.get::<Bookings>(key).await.map_err(wrong)?.ok_or_else(|| wrong("a booking is missing"))?;
                    }
                    Kind::Page => page(&views, filled.guests[at % filled.guests.len()]).await?,
                }
                times.saturating_record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut all = Histogram::<u64>::new_with_bounds(1, LONGEST_US, 3).map_err(wrong)?;
    while let Some(times) = tasks.join_next().await {
        all.add(times.map_err(wrong)??).map_err(wrong)?;
    }
    Ok(all)
}

/// What `myBookings` of a guest asks.
async fn page(views: &Views, guest: Uuid) -> Result<(), Failure> {
    let query = Query::new().eq("guest", guest).order_by("created_at", Direction::Desc);
    let page = views.page::<Bookings>(&query, &PageArgs::first(25)).await.map_err(wrong)?;
    if page.items.is_empty() { Err(wrong("a guest without bookings")) } else { Ok(()) }
}

/// So many readers wait for a position while the log goes on a little; what they cost.
pub async fn wait(server: &Server, printer: Printer, readers: usize, seconds: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let side = ReadSide::open(&place).await?;
    let mut client = Real::new(side.log.clone()).client().await?;
    let commands = seconds.max(1) * 10;
    let far = side.log.head().await? + commands * 10;
    let baseline = idle(&mut client, seconds).await?;
    let time = Duration::from_secs(seconds * 4 + 60);
    let mut waiting = JoinSet::new();
    for _ in 0..readers {
        let views = side.views.clone();
        waiting.spawn(async move { views.wait::<Bookings>(far, time).await });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let with = idle(&mut client, seconds).await?;
    let figures = [("readers", readers as f64), ("own_cpu_percent_without", baseline as f64), ("own_cpu_percent_with", with as f64)];
    printer.figures("wait", &figures)?;
    waiting.shutdown().await;
    side.close().await;
    Ok(())
}

/// Ten commands a second for a while; this process's CPU meanwhile, in hundredths of a core.
async fn idle(client: &mut impl Client, seconds: u64) -> Result<u64, Failure> {
    let cpu = Cpu::now();
    for _ in 0..seconds.max(1) * 10 {
        client.next().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(cpu.since().0)
}
