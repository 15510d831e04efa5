//! `daybook dev`: everything in one process, nothing to install, loopback only.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use commands::Ids;
use eventlog::tree::{Sealing, key_file};
use eventlog::{KeySource, StoreUrl};
use kernel::jiff::SignedDuration;
use kernel::jiff::tz::TimeZone;
use serde_json::json;
use tokio::net::TcpListener;

use super::{failed, unavailable};
use crate::boot::{Book, Options};
use crate::cli::{Dev, Exit, Failed};
use crate::console::Facts;
use crate::demo::{self, Demo};
use crate::{observe, server};

/// So many ports are tried after the one that was asked for.
const PORTS_TRIED: u16 = 20;
/// A business registration number that nobody has; its check digit is right.
const DEMO_NUMBER: &str = "9998100015";

pub(super) async fn run(options: Dev, quiet: bool) -> Result<(), Failed> {
    observe::start(if quiet { "error" } else { "warn,daybook::outbox=info" }, None).map_err(failed)?;
    let (data, temporary) = match options.data {
        Some(folder) => (folder, false),
        None => (std::env::temp_dir().join(format!("daybook-dev-{}", uuid::Uuid::new_v4().simple())), true),
    };
    let ended = serve(&data, &Dev { data: None, ..options }, quiet).await;
    if temporary {
        // Best effort: it is in the folder for temporary files.
        let _ = tokio::fs::remove_dir_all(&data).await;
    }
    ended
}

async fn serve(data: &Path, options: &Dev, quiet: bool) -> Result<(), Failed> {
    tokio::fs::create_dir_all(data).await.map_err(|e| failed(format!("the data folder {} cannot be made: {e}", data.display())))?;
    let (listener, address) = listen(options.port)?;
    let url = format!("http://{address}");
    let book = Book::open(&options_for(data, &url, &options.origin).await?).await.map_err(|e| Failed::new(Exit::Failure, e, ""))?;
    let demo = if options.no_seed { None } else { Some(demo::prepare(&book).await.map_err(failed)?) };
    let example = demo.as_ref().map(|demo| example(&url, demo, book.app.ctx.clock.now()));
    if options.json {
        let tokens = demo.as_ref().map_or_else(BTreeMap::new, |demo| demo.tokens.clone());
        println!("{}", json!({ "url": url, "graphqlUrl": format!("{url}/graphql"), "tokens": tokens }));
    } else if !quiet {
        print_ready(&url, data, options.port, address.port(), demo.as_ref(), example.as_deref());
    }
    if options.open {
        open(&url);
    }
    let fills = demo.as_ref().map_or_else(BTreeMap::new, fills);
    let facts = Facts { url, mode: "dev, SQLite".to_owned(), rows: vec![("data".to_owned(), data.display().to_string())], example, fills };
    let setup = server::Setup { introspection: true, ..server::Setup::default() };
    server::serve(listener, book.app.clone(), &facts, setup, server::interrupted()).await;
    book.close().await;
    Ok(())
}

/// The port that was asked for or, when it is busy, the next free one; 0 for any.
fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Failed> {
    let last = if port == 0 { 0 } else { port.saturating_add(PORTS_TRIED) };
    for candidate in port..=last {
        if let Ok(listener) = server::listen((Ipv4Addr::LOCALHOST, candidate).into()) {
            let address = listener.local_addr().map_err(failed)?;
            return Ok((listener, address));
        }
    }
    Err(unavailable(format!("ports {port} to {last} are busy"), "choose another one with --port, or 0 for any"))
}

async fn options_for(data: &Path, url: &str, origin: &str) -> Result<Options, Failed> {
    let store = StoreUrl::Sqlite(data.to_path_buf());
    Ok(Options {
        keys: KeySource::beside(&store),
        listen: None,
        store,
        secret: secret(&data.join("secret")).await?,
        data: data.to_path_buf(),
        provider_book: data.join("provider.ndjson"),
        redis_url: None,
        public_url: url.to_owned(),
        migrate: true,
        workers: true,
        advance_clock: true,
        endless_tokens: true,
        ids: Ids::time_ordered(),
        settings: domain::settings::Settings { supplier: demo_supplier(), ..Default::default() },
        sealing: Some(sealing(data, origin)?),
        heads: data.join("heads"),
    })
}

/// Who invoices in the demo: nobody that exists.
fn demo_supplier() -> domain::fee_invoice::Supplier {
    domain::fee_invoice::Supplier {
        registration_number: Some(DEMO_NUMBER.to_owned()),
        name: Some("데이북 (데모)".to_owned()),
        representative: Some("김데모".to_owned()),
        address: Some("서울특별시 중구 세종대로 110".to_owned()),
    }
}

/// The key that belongs to the data and its origin, made once; the head beside it.
fn sealing(data: &Path, origin: &str) -> Result<Sealing, Failed> {
    let name: String = origin.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let keys = key_file(&data.join(format!("tree-{name}.key")), origin);
    let sealing = keys.and_then(|keys| Sealing::new(keys, data.join("heads")));
    sealing.map_err(|error| Failed::new(Exit::Usage, error, "--origin is a name without spaces and plus signs, as daybook.local/dev"))
}

/// The secret that belongs to the data, made once.
pub(super) async fn secret(file: &PathBuf) -> Result<[u8; 32], Failed> {
    use tokio::io::AsyncWriteExt as _;
    let wrong = |_| failed(format!("{} does not hold 32 bytes", file.display()));
    match tokio::fs::read(file).await {
        Ok(bytes) => bytes.try_into().map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            bytes[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
            bytes[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
            let mut made = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).await.map_err(failed)?;
            made.write_all(&bytes).await.map_err(failed)?;
            made.sync_all().await.map_err(failed)?;
            Ok(bytes)
        }
        Err(error) => Err(failed(error)),
    }
}

/// A booking that can be asked for as it stands: tomorrow at ten in Seoul.
fn example(url: &str, demo: &Demo, now: kernel::Timestamp) -> String {
    let seoul = TimeZone::get("Asia/Seoul").unwrap_or(TimeZone::UTC);
    let day = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now).to_zoned(seoul.clone()).date();
    let at = |hour| day.at(hour, 0, 0, 0).to_zoned(seoul.clone()).map_or(now, |zoned| zoned.timestamp());
    let input = json!({
        "idempotencyKey": uuid::Uuid::new_v4().to_string(),
        "vehicleId": demo.vehicles.first().map(ToString::to_string),
        "startsAt": at(10).to_string(),
        "endsAt": at(14).to_string(),
        "message": "Hello!",
    });
    let query = "mutation($input: RequestBookingInput!) { requestBooking(input: $input) { booking { id status total { amount currency } host { name } } receipt { position replayed } userErrors { code message } } }";
    let body = json!({ "query": query, "variables": { "input": input } });
    let token = demo.tokens.get("guest").cloned().unwrap_or_default();
    format!(
        "curl -s {url}/graphql \\\n  -H 'content-type: application/json' \\\n  -H 'accept-language: en' \\\n  -H 'authorization: Bearer {token}' \\\n  -d '{body}'"
    )
}

/// What makes GraphiQL's examples run as they stand: a car, and everybody's token.
fn fills(demo: &Demo) -> BTreeMap<String, String> {
    let tokens = demo.tokens.iter().map(|(name, token)| (name.clone(), format!("Bearer {token}")));
    let car = demo.vehicles.first().map(|car| ("car".to_owned(), car.to_string()));
    tokens.chain(car).collect()
}

fn print_ready(url: &str, data: &Path, wanted: u16, got: u16, demo: Option<&Demo>, example: Option<&str>) {
    println!("Daybook is ready.\n");
    if wanted != 0 && wanted != got {
        println!("  port     {got} ({wanted} is busy)");
    }
    println!("  console  {url}/\n  graphql  {url}/graphql\n  graphiql {url}/graphiql\n  data     {}\n", data.display());
    if let Some(demo) = demo {
        println!("Demo users (password {}) and their tokens:", demo::PASSWORD);
        for (name, token) in &demo.tokens {
            println!("  {name:<9} {token}");
        }
    }
    if let Some(example) = example {
        println!("\nBook a car, as it stands:\n\n{example}\n");
    }
    println!("Ctrl-C ends it.");
}

fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(error) = std::process::Command::new(opener).arg(url).spawn() {
        tracing::warn!(%error, "the browser could not be opened");
    }
}
