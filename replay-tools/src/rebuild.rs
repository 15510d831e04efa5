//! `rebuild`: a read model anew, beside the live one. Writes tables of the read side, and nothing else.

use clap::Args;
use projections::views::Views;
use projections::views::rebuild::{Comparison, Difference, MAX_JOBS, Pace, RebuildOptions, Rebuilt, Stage, Watch};
use serde_json::json;

use crate::book::{self, hex};
use crate::cli::{Common, Exit, Failed};
use crate::progress::Progress;

/// Options of `rebuild`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The read model, for example `bookings`.
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub name: Option<String>,
    /// Every read model, one after the other.
    #[arg(long)]
    pub all: bool,
    /// Build and compare; do not switch, and throw away what was built.
    #[arg(long)]
    pub dry_run: bool,
    /// Keep what a dry run has built: the next rebuild goes on from there.
    #[arg(long, requires = "dry_run")]
    pub keep: bool,
    /// Throw away what an earlier rebuild has left unfinished.
    #[arg(long)]
    pub restart: bool,
    /// Switch although rows differ: the live model is what is wrong.
    #[arg(long, conflicts_with = "dry_run")]
    pub accept: bool,
    /// Go back to what was live before the last switch.
    #[arg(long, conflicts_with_all = ["dry_run", "restart", "accept"])]
    pub rollback: bool,
    /// Parts that are loaded at once; as many as there are processors without it.
    #[arg(long, value_name = "PARTS", value_parser = clap::value_parser!(u64).range(1..=MAX_JOBS as u64))]
    pub jobs: Option<u64>,
    /// Write what was loaded at least every so many events: as much is lost by a kill at most.
    #[arg(long, value_name = "EVENTS", default_value_t = Pace::default().write_events, value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint: u64,
}

/// Tells how it goes: progress on standard error, differing rows on standard output.
pub(crate) struct Watching {
    progress: Progress,
    name: String,
    json: bool,
}

impl Watching {
    pub(crate) fn new(common: &Common, name: &str) -> Self {
        let progress = Progress::new("events loaded", common.quiet).json(common.json);
        Self { progress, name: name.to_owned(), json: common.json }
    }
}

impl Watch for Watching {
    fn stage(&mut self, stage: Stage) {
        self.progress.begin(match stage {
            Stage::Loading => "events loaded",
            Stage::Indexing => "indexes made",
            Stage::Tailing => "events followed",
            Stage::Comparing => "rows compared",
            Stage::Switching => "pointers switched",
        });
    }

    fn progress(&mut self, done: u64, all: u64) {
        self.progress.at(done, all);
    }

    fn difference(&mut self, difference: &Difference) {
        println!("{}", if self.json { difference_json(&self.name, difference) } else { difference_text(difference) });
    }
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let views = book::views(common).await?;
    let names: Vec<String> = match &options.name {
        Some(name) => vec![name.clone()],
        None => views.models().into_iter().map(|(name, _)| name.to_owned()).collect(),
    };
    let mut differing = Vec::new();
    for name in names {
        match rebuild(common, options, &views, &name).await {
            Ok(true) => {}
            Ok(false) => differing.push(name),
            Err(failed) => {
                book::close(&views).await;
                return Err(Failed { message: format!("{name}: {}", failed.message), ..failed });
            }
        }
    }
    book::close(&views).await;
    if differing.is_empty() {
        return Ok(());
    }
    let hint = "if the live model is what is wrong, `--accept` switches; what was built is kept unless it was a dry run";
    Err(Failed::new(Exit::Refused, format!("rows differ, nothing was switched: {}", differing.join(", ")), hint))
}

/// Rebuilds one model; false when rows differ and nothing was switched.
async fn rebuild(common: &Common, options: &Options, views: &Views, name: &str) -> Result<bool, Failed> {
    let mut watching = Watching::new(common, name);
    let rebuilt = if options.rollback {
        views.roll_back(name, &mut watching).await?
    } else {
        let Options { dry_run, keep, restart, accept, .. } = *options;
        let jobs = options.jobs.and_then(|jobs| usize::try_from(jobs).ok());
        let default = RebuildOptions::default();
        let pace = paced(options.checkpoint);
        let options = RebuildOptions { dry_run, keep, restart, accept, jobs: jobs.unwrap_or(default.jobs), pace };
        views.rebuild(name, &options, &mut watching).await?
    };
    drop(watching);
    println!("{}", if common.json { json_of(&rebuilt) } else { text_of(&rebuilt) });
    let differ = rebuilt.comparison.as_ref().is_some_and(|comparison| comparison.differences > 0);
    Ok(rebuilt.switched || !differ)
}

/// A load that writes at least every so many events.
fn paced(checkpoint: u64) -> Pace {
    let default = Pace::default();
    let events = usize::try_from(checkpoint).unwrap_or(usize::MAX);
    Pace { write_events: checkpoint, write_rows: default.write_rows.min(events), page: default.page.min(events), ..default }
}

fn rate(rebuilt: &Rebuilt) -> u64 {
    let millis = u64::try_from(rebuilt.load.as_millis()).unwrap_or(u64::MAX).max(1);
    rebuilt.events.saturating_mul(1_000) / millis
}

fn text_of(rebuilt: &Rebuilt) -> String {
    let Rebuilt { name, version, before, generation, position, events, .. } = rebuilt;
    let ended = if rebuilt.switched { "switched" } else { "built, not switched" };
    let head = format!("{name} v{version}: {ended} (generation {before} to {generation}) at position {position}");
    let folded = format!("events   {events} folded, {}/s", rate(rebuilt));
    let compared = rebuilt.comparison.as_ref().map_or_else(|| "compared with nothing".to_owned(), comparison_text);
    format!("{head}\n{folded}\n{compared}")
}

fn json_of(rebuilt: &Rebuilt) -> String {
    json!({
        "name": rebuilt.name,
        "version": rebuilt.version,
        "before": rebuilt.before,
        "generation": rebuilt.generation,
        "position": rebuilt.position,
        "events": rebuilt.events,
        "events_per_second": rate(rebuilt),
        "load_milliseconds": u64::try_from(rebuilt.load.as_millis()).unwrap_or(u64::MAX),
        "total_milliseconds": u64::try_from(rebuilt.total.as_millis()).unwrap_or(u64::MAX),
        "comparison": rebuilt.comparison.as_ref().map(comparison_json),
        "switched": rebuilt.switched,
    })
    .to_string()
}

/// A comparison for people.
pub(crate) fn comparison_text(comparison: &Comparison) -> String {
    let Comparison { position, live_rows, built_rows, differences, .. } = comparison;
    let (live, built) = (hex(comparison.live_digest), hex(comparison.built_digest));
    format!("live     {live_rows} rows {live}\nfolded   {built_rows} rows {built}\ndiffer   {differences} rows at position {position}")
}

/// A comparison with stable keys.
pub(crate) fn comparison_json(comparison: &Comparison) -> serde_json::Value {
    json!({
        "position": comparison.position,
        "live_rows": comparison.live_rows,
        "built_rows": comparison.built_rows,
        "live_digest": hex(comparison.live_digest),
        "built_digest": hex(comparison.built_digest),
        "differences": comparison.differences,
    })
}

fn difference_text(difference: &Difference) -> String {
    let shown = |row: &Option<String>| row.clone().unwrap_or_else(|| "(no row)".to_owned());
    format!("differs  {}\n  live   {}\n  folded {}", difference.key, shown(&difference.live), shown(&difference.built))
}

fn difference_json(name: &str, difference: &Difference) -> String {
    let row = |row: &Option<String>| row.as_deref().and_then(|row| serde_json::from_str::<serde_json::Value>(row).ok());
    json!({ "name": name, "key": difference.key, "live": row(&difference.live), "built": row(&difference.built) }).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_are_stable() {
        let zero = [0; 32];
        let comparison = Comparison { position: 9, live_rows: 2, built_rows: 3, live_digest: zero, built_digest: zero, differences: 1 };
        let (load, total) = (Duration::from_millis(500), Duration::from_millis(700));
        let rebuilt = Rebuilt {
            name: "bookings",
            version: 1,
            before: 0,
            generation: 1,
            position: 9,
            events: 9,
            load,
            total,
            comparison: Some(comparison),
            switched: true,
        };
        let digest = hex(zero);
        assert_eq!(
            json_of(&rebuilt),
            format!(
                r#"{{"before":0,"comparison":{{"built_digest":"{digest}","built_rows":3,"differences":1,"live_digest":"{digest}","live_rows":2,"position":9}},"events":9,"events_per_second":18,"generation":1,"load_milliseconds":500,"name":"bookings","position":9,"switched":true,"total_milliseconds":700,"version":1}}"#
            )
        );
        assert!(text_of(&rebuilt).starts_with("bookings v1: switched (generation 0 to 1) at position 9\nevents   9 folded, 18/s\nlive"));
        let difference = Difference { key: "a".into(), live: None, built: Some("{}".into()) };
        assert_eq!(difference_json("bookings", &difference), r#"{"built":{},"key":"a","live":null,"name":"bookings"}"#);
        assert_eq!(difference_text(&difference), "differs  a\n  live   (no row)\n  folded {}");
    }
}
