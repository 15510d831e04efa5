//! `diff`: does a live read model hold what the log says?

use clap::Args;
use serde_json::json;

use crate::book;
use crate::cli::{Common, Exit, Failed};
use crate::rebuild::{Watching, comparison_json, comparison_text};

/// Options of `diff`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The read model, for example `bookings`.
    #[arg(value_name = "NAME")]
    pub name: String,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let views = book::views(common).await?;
    let mut watching = Watching::new(common, &options.name);
    let compared = views.diff(&options.name, &mut watching).await;
    drop(watching);
    book::close(&views).await;
    let compared = compared?;
    if common.json {
        println!("{}", json!({ "name": options.name, "comparison": comparison_json(&compared) }));
    } else {
        println!("{}", comparison_text(&compared));
    }
    if compared.differences == 0 {
        return Ok(());
    }
    let message = format!("{} rows of {} are not what the log says", compared.differences, options.name);
    Err(Failed::new(
        Exit::Refused,
        message,
        format!("`daybook-replay rebuild {} --accept` puts the log's rows in their place", options.name),
    ))
}
