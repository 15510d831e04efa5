//! Opens an empty book for a month, and closes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use adapters::{ConsoleMessenger, ConsolePush, FolderStore, SandboxFiles, SeoulGeocoder};
use commands::user::NewPassword;
use commands::{Clock, Context, Ids, Keys};
use domain::settings::Settings;
use eventlog::{Config as LogConfig, KeySource, Log, StoreUrl};
use kernel::Timestamp;
use projections::models;
use projections::processes::{Desk, Outside};
use projections::views::{Views, Workers};

use super::{CommandDriver, PASSWORD};
use crate::month::driver::AnyError;
use crate::password::Passwords;

/// Where a month is to be kept.
#[derive(Clone, Debug)]
pub struct Place {
    /// The log and the read models.
    pub store: StoreUrl,
    /// What every key is derived from.
    pub secret: [u8; 32],
    /// Where the keys of personal data are wrapped from.
    pub keys: KeySource,
    /// Photos.
    pub data: PathBuf,
    /// The provider's book; the bank's is beside it.
    pub provider_book: PathBuf,
    /// Bring the schema up to date.
    pub migrate: bool,
}

/// A month is generated into an empty log only: its table would not be its own.
#[derive(Debug, thiserror::Error)]
#[error("the log holds {0} events already")]
pub struct NotEmpty(pub u64);

impl CommandDriver {
    /// Opens a book whose clock stands at an instant and whose ids follow from a seed.
    ///
    /// # Errors
    /// [`NotEmpty`], or when a store or file cannot be used.
    pub async fn open(place: &Place, seed: u64, at: Timestamp) -> Result<Self, AnyError> {
        tokio::fs::create_dir_all(&place.data).await?;
        let config = LogConfig { url: place.store.clone(), secret: place.secret, migrate: place.migrate, keys: place.keys.clone() };
        let log = Log::open(config).await?;
        match log.head().await? {
            0 => {}
            head => return Err(NotEmpty(head).into()),
        }
        let views = Views::open(log.clone(), projections::decode).await?;
        models::install_all(&views).await?;
        let clock = Clock::frozen(at);
        let ids = Ids::seeded(seed);
        let ctx = Context { log, clock: clock.clone(), ids, settings: Arc::new(Settings::default()), keys: Keys::new(place.secret) };
        let folder = place.provider_book.parent().map(PathBuf::from).unwrap_or_default();
        let files = SandboxFiles { provider: place.provider_book.clone(), bank: folder.join("bank.ndjson") };
        let sandbox = crate::boot::sandbox(&place.provider_book, &clock).await?;
        // No breakers: they go by real time, and here a month passes in minutes.
        let (provider, bank) = (Arc::new(sandbox.clone()), Arc::new(sandbox.clone()));
        let (geocoder, messenger, push) = (Arc::new(SeoulGeocoder), Arc::new(ConsoleMessenger::new()), Arc::new(ConsolePush::new()));
        let desk = Desk::new(ctx.clone(), Outside { provider, bank, geocoder, messenger, push, guards: Vec::new() });
        let runtime = crate::boot::processes(&views, desk, clock).manual().await?;
        let workers = Workers::start(&views);
        let phc = Passwords::new()?.hash(PASSWORD.to_owned()).await?;
        let photos = FolderStore::open(place.data.join("photos"), adapters::objects::DEFAULT_MAX_BYTES)?;
        let password = NewPassword { chars: PASSWORD.chars().count(), phc, mark: String::new() };
        let office = BTreeMap::new();
        Ok(Self { ctx, runtime, views, workers, sandbox, files, photos, password, office })
    }

    /// Stops the workers and closes the stores.
    pub async fn close(self) {
        self.runtime.stop().await;
        self.workers.stop().await;
        self.views.close().await;
        self.ctx.log.close().await;
    }
}
