//! A real book in a temporary folder, for what only a database can show.

use std::path::PathBuf;

use domain::geo::GeoPoint;
use domain::ids::{ProductId, UserId, VehicleId};
use domain::product::{self, Details, Product};
use domain::upload::ContentType;
use domain::vehicle::{self, Registration, Vehicle};
use eventlog::{CommandMeta, Config, KeySource, Log, StoreUrl};
use kernel::{Actor, Decider};
use uuid::Uuid;

use super::{at, id, won};
use crate::model::ReadModel;
use crate::models::{AccountBalances, Journal, LedgerBlocks, LedgerLines, LedgerTotals, Products, Vehicles, install_all};
use crate::views::{Projector, Step, Views};

/// A log on SQLite with all models installed.
pub(crate) struct Store {
    pub views: Views,
    folder: PathBuf,
}

impl Drop for Store {
    fn drop(&mut self) {
        // Only litter is left behind when it fails.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Store {
    pub(crate) async fn open(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-models-{name}-{}", Uuid::now_v7()));
        let url = StoreUrl::Sqlite(folder.clone());
        let config = Config { keys: KeySource::beside(&url), url, secret: [7; 32], migrate: true };
        let views = Views::open(Log::open(config).await.unwrap(), crate::decode).await.unwrap();
        install_all(&views).await.unwrap();
        Self { views, folder }
    }

    /// One command on one stream, by nobody in particular.
    pub(crate) async fn decide<D: Decider>(&self, stream: Uuid, minute: u64, command: D::Command)
    where
        D::Command: Clone + Sync,
        D::Refusal: kernel::Refusal,
    {
        self.decide_as::<D>(Actor::Anonymous, stream, minute, command).await;
    }

    async fn decide_as<D: Decider>(&self, actor: Actor, stream: Uuid, minute: u64, command: D::Command)
    where
        D::Command: Clone + Sync,
        D::Refusal: kernel::Refusal,
    {
        let meta = CommandMeta::new("test", actor, at(minute));
        let run = |session: eventlog::Session| {
            let command = command.clone();
            async move {
                let mut loaded = session.load::<D>(stream).await?;
                session.decide(&mut loaded, command)?;
                Ok(())
            }
        };
        self.views.log().execute(&meta, run).await.unwrap();
    }

    /// Lists a car and activates it when it has a place.
    pub(crate) async fn list_vehicle(&self, vehicle: VehicleId, owner: UserId, location: Option<GeoPoint>) {
        let registration = Registration {
            license_plate: "12가3456".into(),
            make: "Hyundai".into(),
            model: "Ioniq 5".into(),
            year: 2025,
            color: None,
            fuel_type: None,
            transmission: None,
            hourly_rate: won(12_000),
            location_address: "Seoul".into(),
            location,
            time_zone: "Asia/Seoul".parse().unwrap(),
            description: None,
        };
        let (content_type, sha256) = (ContentType::Png, "00".repeat(32));
        let mut commands =
            vec![vehicle::Command::Register(Box::new(registration)), vehicle::Command::AttachPhoto { upload: id(1), content_type, sha256 }];
        if location.is_some() {
            commands.push(vehicle::Command::Activate { owner_verified: true });
        }
        for command in commands {
            self.decide_as::<Vehicle>(Actor::User(owner.uuid()), vehicle.uuid(), 0, command).await;
        }
    }

    /// Puts a product on the shelf.
    pub(crate) async fn create_product(&self, product: ProductId, seller: UserId, name: &str, category: &str) {
        let details = Details { name: name.to_owned(), category: category.to_owned(), description: None, max_per_buyer: None };
        self.decide::<Product>(product.uuid(), 0, product::Command::Create { seller, details, price: won(10_000) }).await;
    }

    /// Brings the products up to the end of the log.
    pub(crate) async fn catch_up_products(&self) {
        self.advance::<Products>().await;
    }

    /// Brings the models that are asked questions here up to the end of the log.
    pub(crate) async fn catch_up(&self) {
        self.advance::<Vehicles>().await;
        self.advance::<LedgerLines>().await;
        self.advance::<Journal>().await;
        self.advance::<AccountBalances>().await;
        self.advance::<LedgerTotals>().await;
        self.advance::<LedgerBlocks>().await;
    }

    async fn advance<M: ReadModel>(&self) {
        let mut projector = Projector::new::<M>(&self.views).unwrap();
        while projector.step(1_000).await.unwrap() != Step::Idle {}
        projector.release().await.unwrap();
    }

    pub(crate) async fn close(self) {
        self.views.close().await;
    }
}
