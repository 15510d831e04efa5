//! A small world in a book of its own: four guests, two hosts with three cars and three products, two people of finance, an administrator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use commands::product::CreateProduct;
use commands::stock::ReceiveStock;
use commands::upload::{RequestPhotoUpload, StoreUpload};
use commands::user::{NewPassword, RegisterUser, VerifyEmail};
use commands::vehicle::{ActivateVehicle, AttachVehiclePhoto, RegisterVehicle};
use commands::{Caller, Clock, Context, Ids, Keys};
use domain::geo::GeoPoint;
use domain::settings::Settings;
use domain::stock::sku_of;
use domain::user::Role;
use eventlog::{Config, KeySource, Log, StoreUrl};
use kernel::{Actor, Currency, Money, Timestamp};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// People by number: guests 0 to 3, hosts 4 and 5, finance 6 and 7, administrator 8.
pub const PEOPLE: usize = 9;
/// The hosts among them.
pub const HOSTS: [usize; 2] = [4, 5];
/// Finance among them.
pub const FINANCE: [usize; 2] = [6, 7];
/// The administrator.
pub const ADMIN: usize = 8;
/// Owner and hourly rate of each car; odd amounts, so that rounding is seen.
pub const CARS: [(usize, i128); 3] = [(4, 12_000), (4, 10_007), (5, 7_777)];
/// Seller, price, limit per buyer and units of each product; so few units that people meet.
pub const PRODUCTS: [(usize, i128, Option<i32>, i32); 3] = [(4, 9_999, None, 4), (4, 3_333, Some(3), 9), (5, 50_001, None, 1)];
/// When every sequence begins: a Monday, nine in the morning in Seoul.
pub const BEGINNING: &str = "2026-11-02T00:00:00Z";
/// So many requests of one guest may wait.
pub const MAX_PENDING: usize = 1;
/// A refund above this needs a second person.
pub const REFUND_LIMIT: i128 = 20_000;
/// Earnings rest so long before they are settled.
pub const HOLDING_DAYS: u32 = 1;
/// Less is not paid out.
pub const MINIMUM_PAYOUT: i128 = 1_000;

/// Who and what there is.
#[derive(Clone, Debug)]
pub struct Cast {
    /// By number.
    pub people: Vec<Uuid>,
    /// By number, as in [`CARS`].
    pub cars: Vec<Uuid>,
    /// By number, as in [`PRODUCTS`].
    pub products: Vec<Uuid>,
}

/// A book that goes with its folder.
pub struct World {
    /// What commands need.
    pub ctx: Context,
    /// Who and what there is.
    pub cast: Cast,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        // Only litter is left behind when it fails.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl World {
    /// A copy of the world as it begins, with ids of its own.
    pub async fn new(seed: u64) -> Self {
        let (template, cast) = TEMPLATE.get_or_init(build).await;
        let folder = fresh_folder();
        for (path, bytes) in template {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self { ctx: open(&folder, seed).await, cast: cast.clone(), folder }
    }

    /// The program ends and starts again: what it knew is gone, what was acknowledged is there.
    pub async fn restart(&mut self) {
        self.ctx.log.close().await;
        self.ctx.log = log(&self.folder).await;
    }

    /// The caller behind a person's number.
    pub fn caller(&self, person: usize, key: Option<String>) -> Caller {
        let roles = match person {
            ADMIN => [Role::Admin].into(),
            6 | 7 => [Role::Finance].into(),
            4 | 5 => [Role::Host].into(),
            _ => [Role::Guest].into(),
        };
        let actor = self.cast.people.get(person).map_or(Actor::Anonymous, |id| Actor::User(*id));
        Caller { actor, roles, ..Caller::system("test", key, Uuid::nil()) }
    }
}

/// The files of a world as it begins, log and keys, which takes a while to make, and its cast.
static TEMPLATE: OnceCell<(Files, Cast)> = OnceCell::const_new();

/// Files by their path in a data folder.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// All files of a folder.
fn files(folder: &Path, below: &Path) -> Files {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(folder, &path));
        } else {
            found.push((path, std::fs::read(entry.path()).unwrap()));
        }
    }
    found
}

/// Memory where there is some: a sequence is about rules, not about disks.
fn fresh_folder() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    base.join(format!("daybook-properties-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
}

async fn log(folder: &Path) -> Log {
    let url = StoreUrl::Sqlite(folder.to_owned());
    let config = Config { keys: KeySource::beside(&url), url, secret: [7; 32], migrate: true };
    Log::open(config).await.unwrap()
}

async fn open(folder: &Path, seed: u64) -> Context {
    let log = log(folder).await;
    let won = |minor| Money::new(minor, Currency::Krw);
    let settings = Settings {
        max_pending_per_guest: MAX_PENDING,
        refund_approval_limit: won(REFUND_LIMIT),
        holding_days: HOLDING_DAYS,
        minimum_payout: won(MINIMUM_PAYOUT),
        ..Settings::default()
    };
    let clock = Clock::frozen(beginning());
    Context { log, clock, ids: Ids::seeded(seed), settings: Arc::new(settings), keys: Keys::new([9; 32]) }
}

/// [`BEGINNING`] as an instant.
pub fn beginning() -> Timestamp {
    BEGINNING.parse().unwrap()
}

async fn build() -> (Files, Cast) {
    let folder = fresh_folder();
    let ctx = open(&folder, u64::MAX).await;
    let mut cast = Cast { people: Vec::new(), cars: Vec::new(), products: Vec::new() };
    for person in 0..PEOPLE {
        cast.people.push(sign_up(&ctx, person).await);
    }
    for (number, (owner, rate)) in CARS.into_iter().enumerate() {
        cast.cars.push(list_car(&ctx, cast.people[owner], number, rate).await);
    }
    for (number, (seller, price, max_per_buyer, units)) in PRODUCTS.into_iter().enumerate() {
        let (name, category) = (format!("상품 {number}"), "캠핑".to_owned());
        let product = CreateProduct { name, category, description: None, price: Money::new(price, Currency::Krw), max_per_buyer };
        cast.products.push(sell(&ctx, cast.people[seller], &product, units).await);
    }
    ctx.log.close().await;
    let template = files(&folder, Path::new(""));
    std::fs::remove_dir_all(&folder).unwrap();
    (template, cast)
}

async fn sign_up(ctx: &Context, person: usize) -> Uuid {
    let anonymous = Caller { actor: Actor::Anonymous, ..Caller::system("test", None, Uuid::nil()) };
    let role = if HOSTS.contains(&person) { Role::Host } else { Role::Guest };
    let (email, phone) = (format!("person{person}@example.com"), format!("010-0000-000{person}"));
    let form = RegisterUser { email, name: "김하늘".to_owned(), phone, role };
    let password = NewPassword { chars: 12, phc: "$argon2id$test".to_owned(), mark: String::new() };
    let user = commands::user::register_user(ctx, &anonymous, &form, &password, beginning()).await.unwrap().value.user;
    let code = commands::user::verification_code(ctx, user, beginning());
    commands::user::verify_email(ctx, &anonymous, &VerifyEmail { code }, beginning()).await.unwrap();
    user.uuid()
}

async fn sell(ctx: &Context, seller: Uuid, product: &CreateProduct, units: i32) -> Uuid {
    let seller = Caller { actor: Actor::User(seller), ..Caller::system("test", None, Uuid::nil()) };
    let id = commands::product::create_product(ctx, &seller, product).await.unwrap().value;
    commands::product::publish_product(ctx, &seller, id).await.unwrap();
    let received = ReceiveStock { sku: sku_of(id), quantity: units };
    commands::stock::receive_stock(ctx, &seller, &received).await.unwrap();
    id.uuid()
}

async fn list_car(ctx: &Context, owner: Uuid, number: usize, rate: i128) -> Uuid {
    let host = Caller { actor: Actor::User(owner), ..Caller::system("test", None, Uuid::nil()) };
    let car = RegisterVehicle {
        license_plate: format!("12가 340{number}"),
        make: "현대".to_owned(),
        model: "아이오닉 5".to_owned(),
        year: 2025,
        color: None,
        fuel_type: None,
        transmission: None,
        hourly_rate: Money::new(rate, Currency::Krw),
        location_address: "서울특별시 중구 세종대로 110".to_owned(),
        location: Some(GeoPoint::new(375_665_000, 1_269_780_000).unwrap()),
        time_zone: "Asia/Seoul".to_owned(),
        description: None,
    };
    let vehicle_id = commands::vehicle::register_vehicle(ctx, &host, &car).await.unwrap().value;
    let sha256 = "0".repeat(64);
    let (target, content_type) = (Some(vehicle_id), "image/png".to_owned());
    let ticket = RequestPhotoUpload { vehicle_id: target, booking_id: None, content_type, bytes: 9, sha256: sha256.clone() };
    let upload_id = commands::upload::request_photo_upload(ctx, &host, &ticket, beginning()).await.unwrap().value.upload;
    commands::upload::store_upload(ctx, &host, &StoreUpload { upload_id, sha256, bytes: 9 }, beginning()).await.unwrap();
    commands::vehicle::attach_vehicle_photo(ctx, &host, &AttachVehiclePhoto { vehicle_id, upload_id }).await.unwrap();
    commands::vehicle::activate_vehicle(ctx, &host, &ActivateVehicle { vehicle_id }).await.unwrap();
    vehicle_id.uuid()
}
