//! `import-postgres-es`: the events of a cqrs-es application on postgres-es, into this book. It appends; the source is only read.

use clap::Args;
use eventlog::cqrs::import::{AggregateSum, ImportError, Mode, Observer, Report, Source, import};
use eventlog::{Config, KeySource, Log};
use kernel::Timestamp;
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::progress::Progress;

/// Options of `import-postgres-es`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The source: the address of the PostgreSQL database that postgres-es writes to. It is only read.
    #[arg(value_name = "URL", env = "DAYBOOK_IMPORT_SOURCE_URL", hide_env_values = true)]
    pub source: String,
    /// The source's table.
    #[arg(long, value_name = "TABLE", default_value = "events")]
    pub table: String,
    /// The member of the metadata that says when an event happened (RFC 3339, or seconds or milliseconds since 1970). Events
    /// are then ordered by it; without it, by their sequence.
    #[arg(long, value_name = "KEY")]
    pub time_key: Option<String>,
    /// When the events happened whose metadata does not say it (RFC 3339); without it, now.
    #[arg(long, value_name = "TIME")]
    pub occurred_at: Option<Timestamp>,
    /// Append at most so many events in this run; the next one goes on from there.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "dry_run")]
    pub limit: Option<u64>,
    /// Look at the source and count what the book has of it; append nothing.
    #[arg(long)]
    pub dry_run: bool,
}

struct Watching {
    progress: Progress,
    json: bool,
}

impl Observer for Watching {
    fn progress(&mut self, done: u64, all: u64) {
        self.progress.at(done, all);
    }

    fn aggregate(&mut self, sum: &AggregateSum) {
        println!("{}", if self.json { aggregate_json(sum) } else { aggregate_text(sum) });
    }
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    // Receipts of an import are keyed by the names of its events and stand for no input: any secret keeps them as well. And
    // no personal value is sealed: what the other application stored is kept as it is.
    let config = Config { url: common.store()?, secret: [0; 32], migrate: false, keys: KeySource::Absent };
    let source = Source {
        url: options.source.clone(),
        table: options.table.clone(),
        time_key: options.time_key.clone(),
        occurred_at: options.occurred_at.unwrap_or_else(Timestamp::now),
    };
    let mode = if options.dry_run { Mode::DryRun } else { Mode::Append { limit: options.limit } };
    let log = Log::open(config).await?;
    let mut watching = Watching { progress: Progress::new("events", common.quiet), json: common.json };
    let done = import(&log, &source, mode, &mut watching).await;
    drop(watching);
    log.close().await;
    let report = done?;
    println!("{}", if common.json { report_json(&report, mode) } else { report_text(&report, mode) });
    if report.differ > 0 {
        let message = format!("{} aggregates differ: {}", report.differ, report.differing.join(", "));
        return Err(Failed::new(
            Exit::Refused,
            message,
            "their streams were written by somebody else, or the source was changed: use another book",
        ));
    }
    Ok(())
}

impl From<ImportError> for Failed {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Log(error) => error.into(),
            ImportError::Source(_) => Self::new(Exit::Unavailable, error, "check the address, the table and --time-key of the source"),
            ImportError::Gap { .. } => Self::new(Exit::Refused, error, "events are missing in the source: restore them first"),
            ImportError::Event { .. } => {
                Self::new(Exit::Refused, error, "nothing of its batch was appended: change it in a copy of the source")
            }
            ImportError::Busy => Self::new(Exit::Refused, error, "what is in stays in, and is not appended again"),
        }
    }
}

fn aggregate_text(sum: &AggregateSum) -> String {
    let holds = match sum.log {
        None => "",
        Some(log) if log == sum.source => " same",
        Some(_) => " DIFFERS",
    };
    format!("{} {} {} {}{holds}", hex(sum.source), sum.events, sum.aggregate_type, sum.aggregate_id)
}

fn aggregate_json(sum: &AggregateSum) -> String {
    json!({
        "aggregate_type": sum.aggregate_type,
        "aggregate_id": sum.aggregate_id,
        "events": sum.events,
        "source": hex(sum.source),
        "log": sum.log.map(hex),
    })
    .to_string()
}

fn report_text(report: &Report, mode: Mode) -> String {
    let Report { aggregates, events, present, appended, .. } = report;
    let digest = |name: &str, digest: Option<[u8; 32]>| digest.map_or_else(String::new, |digest| format!("\n{name} {}", hex(digest)));
    let ended = match mode {
        Mode::DryRun => "dry run: nothing was appended",
        Mode::Append { .. } if report.holds() => "imported: both sides are the same",
        Mode::Append { .. } if report.differ > 0 => "imported: the sides differ",
        Mode::Append { .. } => "not finished: run it again",
    };
    let counts = format!("{ended}\naggregates {aggregates}\nevents     {events}\npresent    {present}\nappended   {appended}");
    format!("{counts}{}{}", digest("source    ", report.source), digest("log       ", report.log))
}

fn report_json(report: &Report, mode: Mode) -> String {
    json!({
        "dry_run": mode == Mode::DryRun,
        "holds": report.holds(),
        "aggregates": report.aggregates,
        "events": report.events,
        "present": report.present,
        "appended": report.appended,
        "source": report.source.map(hex),
        "log": report.log.map(hex),
        "differ": report.differ,
        "differing": report.differing,
    })
    .to_string()
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable() {
        let sum = AggregateSum {
            aggregate_type: "Account".into(),
            aggregate_id: "7".into(),
            events: 2,
            source: [0xab; 32],
            log: Some([0xab; 32]),
        };
        let digest = "ab".repeat(32);
        assert_eq!(aggregate_text(&sum), format!("{digest} 2 Account 7 same"));
        assert_eq!(aggregate_text(&AggregateSum { log: Some([0; 32]), ..sum.clone() }), format!("{digest} 2 Account 7 DIFFERS"));
        assert_eq!(
            aggregate_json(&AggregateSum { log: None, ..sum }),
            format!(r#"{{"aggregate_id":"7","aggregate_type":"Account","events":2,"log":null,"source":"{digest}"}}"#)
        );
        let whole = Some([0xab; 32]);
        let report = Report { aggregates: 1, events: 2, present: 1, appended: 1, source: whole, log: whole, differ: 0, differing: vec![] };
        let append = Mode::Append { limit: None };
        let text = format!(
            "imported: both sides are the same\naggregates 1\nevents     2\npresent    1\nappended   1\nsource     {digest}\nlog        {digest}"
        );
        assert_eq!(report_text(&report, append), text);
        assert_eq!(
            report_json(&report, append),
            format!(
                r#"{{"aggregates":1,"appended":1,"differ":0,"differing":[],"dry_run":false,"events":2,"holds":true,"log":"{digest}","present":1,"source":"{digest}"}}"#
            )
        );
        let waiting = Report { appended: 0, source: None, log: None, ..report };
        assert!(report_text(&waiting, append).starts_with("not finished"));
    }
}
