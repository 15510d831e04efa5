//! `daybook serve`, `worker`, `migrate`, `config` and `doctor`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use commands::Ids;
use eventlog::{Config as LogConfig, KeySource, Log, LogError, SchemaStatus, StoreUrl};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{failed, hints, unavailable};
use crate::boot::{Book, Options};
use crate::cli::{Exit, Failed, MigrateAction, ServerFlags, SettingFlags};
use crate::config::{Config, Settings};
use crate::console::Facts;
use crate::edge::Meter;
use crate::transport::{Budget, Documents, Listed};
use crate::{observe, server};

const DATABASE_HINT: &str = "check DATABASE_URL and that the database is up";
const OWNER_HINT: &str = "check DAYBOOK_OWNER_DATABASE_URL: postgres:// of the same database as DATABASE_URL, under the role that owns it";

/// Where a worker tells how it is, unless somebody says otherwise: for this machine only.
const WORKER_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4481);

fn settings(flags: &SettingFlags, values: &crate::config::Flags) -> Result<Settings, Failed> {
    let file = Settings::file(flags.config.as_deref());
    Ok(Settings::resolve(values, std::env::vars(), file.as_deref())?)
}

fn store(config: &Config) -> Result<StoreUrl, Failed> {
    config.database()?.0.parse().map_err(|error| Failed::new(Exit::Usage, error, "postgres://user@host/database or sqlite://FOLDER"))
}

fn options(config: &Config, workers: bool) -> Result<Options, Failed> {
    let (_, secret) = config.production()?;
    Ok(Options {
        store: store(config)?,
        listen: config.listen_database_url.as_ref().map(|url| url.0.clone()),
        secret: secret.0,
        keys: keys(config)?,
        sealing: if workers { Some(config.sealing()?) } else { None },
        heads: config.heads_dir.clone(),
        data: config.data.clone(),
        provider_book: config.provider_book.clone(),
        redis_url: config.redis_url.as_ref().map(|url| url.0.clone()),
        public_url: config.public_url.trim_end_matches('/').to_owned(),
        migrate: false,
        workers,
        advance_clock: config.advance_clock,
        endless_tokens: false,
        ids: Ids::time_ordered(),
        settings: domain::settings::Settings {
            provider_fee_bps: config.provider_fee_bps,
            supplier: config.supplier.clone(),
            ..Default::default()
        },
    })
}

fn keys(config: &Config) -> Result<KeySource, Failed> {
    Ok(config.keys(&store(config)?)?)
}

/// Migrates when the configuration says so: with SQLite always, with PostgreSQL only as the owner.
async fn bring_up_to_date(config: &Config) -> Result<(), Failed> {
    let as_owner = match store(config)? {
        StoreUrl::Sqlite(_) => true,
        StoreUrl::Postgres(_) => config.owner_database_url.is_some(),
    };
    if config.migrate && as_owner { migrate_now(config).await } else { Ok(()) }
}

/// As the owner, who then gives the application's role its rights; without one, as the application itself.
async fn migrate_now(config: &Config) -> Result<(), Failed> {
    let url = store(config)?;
    let owner = match (&url, &config.owner_database_url) {
        (StoreUrl::Sqlite(_), _) | (StoreUrl::Postgres(_), None) => None,
        (StoreUrl::Postgres(_), Some(owner)) => Some(owner.0.parse().map_err(|error| Failed::new(Exit::Usage, error, OWNER_HINT))?),
    };
    eventlog::migrate(&url, owner.as_ref()).await.map_err(|error| match owner {
        Some(_) => unavailable(error, OWNER_HINT),
        None => cannot_open(&error),
    })
}

async fn open(config: &Config, workers: bool) -> Result<Book, Failed> {
    let options = options(config, workers)?;
    bring_up_to_date(config).await?;
    Book::open(&options).await.map_err(|error| cannot_open(&*error))
}

/// A book that cannot be opened, with what to look at.
fn cannot_open(error: &(dyn std::error::Error + 'static)) -> Failed {
    unavailable(error, hints::of(error))
}

/// Opens a book for a command that only issues commands: no workers.
pub(super) async fn open_for(flags: &SettingFlags) -> Result<Book, Failed> {
    open(&Config::read(&settings(flags, &flags.flags())?)?, false).await
}

fn read(flags: &ServerFlags) -> Result<Config, Failed> {
    let config = Config::read(&settings(&flags.settings, &flags.flags())?)?;
    // Before anything is opened, or even made.
    config.production()?;
    observe::start(&config.log, config.door.otlp_endpoint.as_deref())
        .map_err(|e| Failed::new(Exit::Usage, e, "check log and otlp_endpoint"))?;
    Ok(config)
}

pub(super) async fn serve(flags: &ServerFlags) -> Result<(), Failed> {
    let config = read(flags)?;
    let book = open(&config, config.workers).await?;
    let busy = |error| unavailable(format!("{} cannot be listened on: {error}", config.listen), "choose another with --listen");
    let listener = server::listen(config.listen).map_err(busy)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = config.public_url.trim_end_matches('/').to_owned();
    caught_up(&book).await;
    tracing::info!(%address, "serving");
    let facts = Facts { url, mode: "serve".to_owned(), rows: Vec::new(), example: None, fills: std::collections::BTreeMap::new() };
    let setup = setup(&config, &book)?;
    let (stop_redirect, stopped) = watch::channel(false);
    if let Some(address) = config.door.redirect_listen {
        let busy = |error| unavailable(format!("{address} cannot be listened on: {error}"), "choose another redirect_listen");
        let listener = TcpListener::bind(address).await.map_err(busy)?;
        let url = facts.url.clone();
        tokio::spawn(async move { server::redirect(listener, &url, stopped).await });
    }
    server::serve(listener, book.app.clone(), &facts, setup, server::interrupted()).await;
    stop_redirect.send_replace(true);
    book.close().await;
    Ok(())
}

/// How the configuration sets the server up.
fn setup(config: &Config, book: &Book) -> Result<server::Setup, Failed> {
    let door = &config.door;
    let tls = door.tls.as_ref().map(|(certificate, key)| server::tls::acceptor(certificate, key)).transpose();
    let documents = config.documents.as_deref().map(listed).transpose()?;
    Ok(server::Setup {
        introspection: config.introspection,
        budget: config.cost_per_minute.filter(|points| *points > 0).map(|points| Budget::new(points, Arc::clone(&book.app.hot))),
        documents: documents.map_or_else(Documents::default, Documents::only),
        edge: door.edge(&config.public_url),
        meter: door.limits.then(|| Meter::new(Arc::clone(&book.app.hot), door.allowance)),
        notices: config.payout_notice_secret.clone(),
        room: door.room,
        send_timeout: server::SendTimeout(door.send_timeout),
        tls: tls.map_err(|error| Failed::new(Exit::Usage, error, "tls_cert and tls_key are PEM files that belong together"))?,
    })
}

/// The only documents that are executed here.
fn listed(path: &std::path::Path) -> Result<Listed, Failed> {
    let unusable = |error: &dyn std::fmt::Display| {
        let hint = "`documents` is the JSON file that a client's build writes: documents by their ids, or a manifest of operations";
        Failed::new(Exit::Usage, format!("{} is not usable: {error}", path.display()), hint)
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
    Listed::read(&text).map_err(|error| unusable(&error))
}

/// How long a start waits for its read models: a few times as long as a killed server's leases last.
const CATCH_UP: std::time::Duration = std::time::Duration::from_secs(15);

/// Whoever acknowledged a write before a crash must find it from the first answer on. Read models that take longer say so
/// themselves, request by request.
async fn caught_up(book: &Book) {
    let Ok(head) = book.app.ctx.log.head().await else { return };
    if let Err(error) = book.app.views.wait_all(head, CATCH_UP).await {
        tracing::warn!(%error, "serving before every read model has caught up");
    }
}

pub(super) async fn worker(flags: &ServerFlags) -> Result<(), Failed> {
    let config = read(flags)?;
    let book = open(&config, true).await?;
    let listener = operating_listener(&config).await?;
    tracing::info!("working");
    match listener {
        Some(listener) => server::operate(listener, book.app.clone(), server::interrupted()).await,
        None => server::interrupted().await,
    }
    book.close().await;
    Ok(())
}

/// Where a worker tells how it is. An address that somebody named must be free; the usual one need not: several workers of one
/// machine share it by nobody's wish.
async fn operating_listener(config: &Config) -> Result<Option<TcpListener>, Failed> {
    let address = config.worker_listen.unwrap_or(WORKER_LISTEN);
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let address = listener.local_addr().map_err(failed)?;
            tracing::info!(%address, "health and metrics");
            Ok(Some(listener))
        }
        Err(error) if config.worker_listen.is_some() => {
            Err(unavailable(format!("{address} cannot be listened on: {error}"), "choose another worker_listen"))
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no health and metrics of this worker: set worker_listen");
            Ok(None)
        }
    }
}

pub(super) async fn migrate(action: MigrateAction, dry_run: bool, quiet: bool, flags: &SettingFlags) -> Result<(), Failed> {
    let config = Config::read(&settings(flags, &flags.flags())?)?;
    let url = store(&config)?;
    let status = eventlog::schema_status(&url).await.map_err(|error| match &error {
        LogError::Altered { .. } => Failed::new(Exit::Refused, error, "check that DATABASE_URL names the database that you mean"),
        _ => unavailable(error, DATABASE_HINT),
    })?;
    let SchemaStatus { found, known, missing } = &status;
    if found > known {
        let error = format!("the database's schema ({found}) is newer than this program ({known})");
        return Err(Failed::new(Exit::Refused, error, "use the newer program"));
    }
    let say = |line: String| {
        if !quiet {
            println!("{line}")
        }
    };
    if missing.is_empty() {
        say(format!("the schema is up to date ({found})"));
        // Rights of the application's role may be missing all the same.
        return if action == MigrateAction::Up && !dry_run { migrate_now(&config).await } else { Ok(()) };
    }
    let names = missing.join(", ");
    match (action, dry_run) {
        (MigrateAction::Up, false) => {
            migrate_now(&config).await?;
            say(format!("the schema is up to date ({known}); applied: {names}"));
            Ok(())
        }
        (MigrateAction::Up, true) => {
            say(format!("schema {found}; would apply up to {known}: {names}"));
            Ok(())
        }
        (MigrateAction::Status, _) => {
            let error = format!("the schema ({found}) is older than this program needs ({known}); missing: {names}");
            Err(Failed::new(Exit::Refused, error, "run `daybook migrate up`"))
        }
    }
}

pub(super) fn show(flags: &SettingFlags, sources: bool) -> Result<(), Failed> {
    let settings = settings(flags, &flags.flags())?;
    print!("{}", settings.shown(sources));
    Config::read(&settings)?;
    Ok(())
}

pub(super) async fn doctor(flags: &SettingFlags, json: bool) -> Result<(), Failed> {
    let config = Config::read(&settings(flags, &flags.flags())?)?;
    let (_, secret) = config.production()?;
    let log = Log::open(LogConfig { url: store(&config)?, secret: secret.0, migrate: false, keys: keys(&config)? }).await;
    let redis = match &config.redis_url {
        Some(url) => projections::hot::ping(&url.0).await.map(|()| "answers").map_err(|e| e.to_string()),
        None => Ok("not configured: hot models are kept in process"),
    };
    let folder = tokio::fs::create_dir_all(&config.data).await.map(|()| "writable").map_err(|e| e.to_string());
    let database = match &log {
        Ok(log) => log.head().await.map(|head| format!("{head} events")).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let tree = match &log {
        Ok(log) => super::tree::check(log, &config).await,
        Err(_) => Err("the database cannot be asked".to_owned()),
    };
    let checks = [("database", database), ("redis", redis.map(str::to_owned)), ("data", folder.map(str::to_owned)), ("tree", tree)];
    for (name, result) in &checks {
        let (ok, said) = result.as_ref().map_or_else(|bad| (false, bad), |good| (true, good));
        if json {
            println!("{}", serde_json::json!({ "check": name, "ok": ok, "message": said }));
        } else {
            println!("{} {name:<9} {said}", if ok { "ok    " } else { "failed" });
        }
    }
    if checks.iter().all(|(_, result)| result.is_ok()) { Ok(()) } else { Err(unavailable("not everything is in order", DATABASE_HINT)) }
}
