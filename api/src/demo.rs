//! The small demo that `dev` begins with: the same users, vehicles and ids every time.

use std::collections::BTreeMap;

use commands::user::{NewPassword, RegisterUser, VerifyEmail};
use commands::{Caller, Context, Ids};
use domain::geo::GeoPoint;
use domain::ids::{UserId, VehicleId};
use domain::user::Role;
use kernel::{Actor, Currency, Money};
use projections::models::Vehicles;
use projections::views::Query;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::app::{App, real_now};
use crate::boot::Book;
use crate::tokens::{Claims, Lifetime};

/// The password of every demo user.
pub const PASSWORD: &str = "daybook-demo";
/// Where the demo's ids begin.
const SEED: u64 = 4_480;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Demo users: how they are called in the output, their name, the role that they sign up with and those that they are granted.
const USERS: [(&str, &str, Role, &[Role]); 9] = [
    ("guest", "김하늘", Role::Guest, &[]),
    ("guest2", "이도윤", Role::Guest, &[]),
    ("host", "박서연", Role::Host, &[]),
    ("finance", "최지우", Role::Guest, &[Role::Finance]),
    ("finance2", "정민준", Role::Guest, &[Role::Finance]),
    ("auditor", "한예린", Role::Guest, &[Role::Auditor]),
    ("support", "윤서준", Role::Guest, &[Role::Support]),
    ("engineer", "임건우", Role::Guest, &[Role::Engineer]),
    ("admin", "오지호", Role::Guest, &[Role::Admin]),
];

/// Plate, maker, model, year, won per hour, address, latitude and longitude in 10⁻⁷ degrees.
type Car = (&'static str, &'static str, &'static str, i32, i128, &'static str, i32, i32);

const CARS: [Car; 4] = [
    ("12가3456", "현대", "아이오닉 5", 2024, 12_000, "서울특별시 중구 세종대로 110", 375_662_950, 1_269_779_451),
    ("34나5678", "기아", "레이 EV", 2025, 8_000, "서울특별시 종로구 세종대로 172", 375_718_000, 1_269_769_000),
    ("56다7890", "현대", "캐스퍼", 2023, 7_000, "서울특별시 용산구 한강대로 405", 375_546_000, 1_269_707_000),
    ("78라9012", "제네시스", "GV70", 2025, 22_000, "서울특별시 중구 을지로 281", 375_665_000, 1_270_092_000),
];

/// A picture of one pixel: enough of a photo for a demo.
pub(crate) const PIXEL: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63,
    0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];

/// What the demo holds.
#[derive(Debug)]
pub struct Demo {
    /// Access tokens without an end, by the user's name in the output.
    pub tokens: BTreeMap<String, String>,
    /// Vehicles that can be booked, in the order in which they were listed.
    pub vehicles: Vec<VehicleId>,
}

/// Fills an empty log, or finds what an earlier start put there; either way signs the demo users in.
///
/// # Errors
/// When a command fails, or a log that is not empty has no demo users.
pub async fn prepare(book: &Book) -> Result<Demo, AnyError> {
    let app = &book.app;
    let fresh = app.ctx.log.head().await? == 0;
    if fresh {
        fill(app).await?;
    }
    let mut tokens = BTreeMap::new();
    for (name, ..) in USERS {
        let found = commands::user::candidate(&app.ctx, &email(name)).await?;
        if let Some(user) = found.map(|candidate| candidate.user) {
            tokens.insert(name.to_owned(), token(app, user).await?);
        }
    }
    let head = app.ctx.log.head().await?;
    app.views.wait_all(head, std::time::Duration::from_secs(60)).await?;
    let rows = app.views.all::<Vehicles>(&Query::new().eq("active", true), 100).await?;
    let mut vehicles: Vec<_> = rows.into_iter().map(|(_, row)| (row.created_at, row.id)).collect();
    vehicles.sort_unstable();
    Ok(Demo { tokens, vehicles: vehicles.into_iter().map(|(_, id)| id).collect() })
}

fn email(name: &str) -> String {
    format!("{name}@demo.daybook.example")
}

fn caller(user: Option<UserId>) -> Caller {
    let actor = user.map_or(Actor::Anonymous, |user| Actor::User(user.uuid()));
    Caller { actor, ..Caller::system("seed", None, Uuid::new_v4()) }
}

async fn fill(app: &App) -> Result<(), AnyError> {
    let ctx = Context { ids: Ids::seeded(SEED), ..app.ctx.clone() };
    let phc = app.passwords.hash(PASSWORD.to_owned()).await?;
    for (index, (name, shown, role, granted)) in USERS.into_iter().enumerate() {
        let account = RegisterUser { email: email(name), name: shown.to_owned(), phone: format!("010-0000-{index:04}"), role };
        let password = NewPassword { chars: PASSWORD.chars().count(), phc: phc.clone(), mark: String::new() };
        let user = commands::user::register_user(&ctx, &caller(None), &account, &password, real_now()).await?.value.user;
        let code = commands::user::verification_code(&ctx, user, real_now());
        commands::user::verify_email(&ctx, &caller(Some(user)), &VerifyEmail { code }, real_now()).await?;
        for role in granted {
            let grant = commands::user::GrantRole { user, role: *role };
            commands::user::grant_role(&ctx, &Caller::system("seed", None, Uuid::new_v4()), &grant).await?;
        }
        if name == "host" {
            for car in CARS {
                list(app, &ctx, user, car).await?;
            }
        }
    }
    Ok(())
}

async fn list(app: &App, ctx: &Context, host: UserId, car: Car) -> Result<(), AnyError> {
    let (plate, make, model, year, rate, address, lat_e7, lng_e7) = car;
    let by = caller(Some(host));
    let input = commands::vehicle::RegisterVehicle {
        license_plate: plate.to_owned(),
        make: make.to_owned(),
        model: model.to_owned(),
        year,
        color: None,
        fuel_type: None,
        transmission: None,
        hourly_rate: Money::new(rate, Currency::Krw),
        location_address: address.to_owned(),
        location: Some(GeoPoint::new(lat_e7, lng_e7)?),
        time_zone: "Asia/Seoul".to_owned(),
        description: None,
    };
    let vehicle_id = commands::vehicle::register_vehicle(ctx, &by, &input).await?.value;
    let sha256: String = Sha256::digest(PIXEL).iter().map(|byte| format!("{byte:02x}")).collect();
    let announced = commands::upload::RequestPhotoUpload {
        vehicle_id: Some(vehicle_id),
        booking_id: None,
        content_type: "image/png".to_owned(),
        bytes: i64::try_from(PIXEL.len())?,
        sha256: sha256.clone(),
    };
    let upload_id = commands::upload::request_photo_upload(ctx, &by, &announced, real_now()).await?.value.upload;
    app.objects.put(upload_id.to_string().parse()?, adapters::ContentType::Png, PIXEL.to_vec()).await?;
    let stored = commands::upload::StoreUpload { upload_id, sha256, bytes: PIXEL.len() as u64 };
    commands::upload::store_upload(ctx, &by, &stored, real_now()).await?;
    let photo = commands::vehicle::AttachVehiclePhoto { vehicle_id, upload_id };
    commands::vehicle::attach_vehicle_photo(ctx, &by, &photo).await?;
    commands::vehicle::activate_vehicle(ctx, &by, &commands::vehicle::ActivateVehicle { vehicle_id }).await?;
    Ok(())
}

/// Signs a user in, with an access token that does not end: for the demo, and for measuring.
///
/// # Errors
/// The log's, or the signer's.
pub async fn token(app: &App, user: UserId) -> Result<String, AnyError> {
    let now = real_now();
    let login = commands::session::Login { proven: Some(user), device: Some("demo".to_owned()) };
    let session = commands::session::login(&app.ctx, &caller(None), &login, None, now).await?.value.session;
    let principal = commands::session::principal(&app.ctx, session, now).await?;
    let roles = principal.iter().flat_map(|found| found.roles.iter().map(|role| role.name().to_owned())).collect();
    let claims = Claims::new(user.uuid(), session.uuid(), roles, now.as_second(), Lifetime::Endless);
    Ok(app.tokens.access(&claims)?)
}
