//! The product's own commands: request, approve, confirm and capture a booking. Each loads and checks several streams and
//! appends up to four events. Every client is a guest with a host and cars of their own; the provider is in memory and
//! always captures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use commands::booking::{Answer, RequestBooking, approve_booking, request_booking};
use commands::payment::{CaptureAnswer, ConfirmPayment, Confirming, confirm_payment, record_capture};
use commands::upload::{RequestPhotoUpload, StoreUpload, request_photo_upload, store_upload};
use commands::user::{NewPassword, RegisterUser, VerifyEmail, register_user, verification_code, verify_email};
use commands::vehicle::{
    ActivateVehicle, AttachVehiclePhoto, LocateVehicle, RegisterVehicle, activate_vehicle, attach_vehicle_photo, locate_vehicle,
    register_vehicle,
};
use commands::{Caller, Clock, Context, Executed, Ids, Keys};
use domain::geo::GeoPoint;
use domain::ids::{BookingId, UserId, VehicleId};
use domain::payment::Payment;
use domain::settings::Settings;
use domain::user::Role;
use eventlog::{Log, Receipt};
use kernel::jiff::SignedDuration;
use kernel::{Actor, Currency, Money, Timestamp};
use uuid::Uuid;

use crate::booking::MESSAGE;
use crate::clients::{Client, Contestant};
use crate::error::Failure;
use crate::place::SECRET;

/// Bookings of one car before the next one is listed: a calendar of ordinary length.
const BOOKINGS_PER_CAR: i64 = 50;

/// The product's commands over one log.
#[derive(Clone)]
pub struct Real {
    ctx: Context,
    /// Events of preparations, which are in the log as well.
    pub prepared: Arc<AtomicU32>,
    cars: Arc<AtomicU32>,
}

/// One guest, their host, and the booking that they are at.
pub struct RealClient {
    ctx: Context,
    prepared: Arc<AtomicU32>,
    cars: Arc<AtomicU32>,
    guest: UserId,
    host: UserId,
    car: VehicleId,
    booked: i64,
    step: Step,
}

enum Step {
    Request,
    Approve(BookingId),
    Confirm(BookingId, Confirmation),
    Capture(Confirming),
}

/// What the payer's browser brings back from the provider.
struct Confirmation {
    order_id: String,
    amount: Money,
}

impl Real {
    /// Over a log of its own.
    pub fn new(log: Log) -> Self {
        let settings = Arc::new(Settings::default());
        let keys = Keys::new(SECRET);
        let ctx = Context { log, clock: Clock::shifted(0), ids: Ids::time_ordered(), settings, keys };
        Self { ctx, prepared: Arc::default(), cars: Arc::default() }
    }

    /// Proves the address of somebody who registered over HTTP, as the link in their mail would.
    pub async fn prove(&self, user: UserId) -> Result<(), Failure> {
        let now = Timestamp::now();
        let code = verification_code(&self.ctx, user, now);
        prepared(&self.prepared, verify_email(&self.ctx, &caller(Actor::Anonymous), &VerifyEmail { code }, now).await?);
        Ok(())
    }

    /// Lists another car of a host.
    pub async fn car(&self, host: UserId) -> Result<VehicleId, Failure> {
        car(&self.ctx, &self.prepared, &self.cars, host).await
    }
}

impl Contestant for Real {
    type Client = RealClient;

    async fn client(&self) -> Result<RealClient, Failure> {
        let ctx = self.ctx.clone();
        let guest = person(&ctx, &self.prepared, Role::Guest).await?;
        let host = person(&ctx, &self.prepared, Role::Host).await?;
        let car = car(&ctx, &self.prepared, &self.cars, host).await?;
        let (prepared, cars) = (self.prepared.clone(), self.cars.clone());
        Ok(RealClient { ctx, prepared, cars, guest, host, car, booked: 0, step: Step::Request })
    }
}

impl Client for RealClient {
    async fn next(&mut self) -> Result<u64, Failure> {
        let step = std::mem::replace(&mut self.step, Step::Request);
        let (step, receipt) = match step {
            Step::Request => self.request().await?,
            Step::Approve(booking) => {
                let input = Answer { booking_id: booking, response: None };
                let done = approve_booking(&self.ctx, &by(self.host), &input).await?;
                (Step::Confirm(booking, self.checkout(booking).await?), done.receipt)
            }
            Step::Confirm(booking_id, Confirmation { order_id, amount }) => {
                let input = ConfirmPayment { purpose: booking_id.into(), payment_key: Uuid::new_v4().to_string(), order_id, amount };
                let done = confirm_payment(&self.ctx, &by(self.guest), &input).await?;
                (Step::Capture(done.value), done.receipt)
            }
            Step::Capture(confirming) => {
                let (paid_at, reference) = (self.ctx.clock.now(), confirming.payment.to_string());
                let answer = CaptureAnswer::Captured { paid_at, method: "card".to_owned(), reference };
                let caller = Caller::system("provider", Uuid::new_v4().to_string(), Uuid::new_v4());
                (Step::Request, record_capture(&self.ctx, &caller, confirming, &answer).await?.receipt)
            }
        };
        self.step = step;
        Ok(receipt.event_ids.len() as u64)
    }
}

impl RealClient {
    async fn request(&mut self) -> Result<(Step, Receipt), Failure> {
        if self.booked == BOOKINGS_PER_CAR {
            self.car = car(&self.ctx, &self.prepared, &self.cars, self.host).await?;
            self.booked = 0;
        }
        let starts_at = after(self.ctx.clock.now(), 48 + 2 * self.booked);
        let ends_at = after(starts_at, 1);
        let message = Some(MESSAGE.to_owned());
        let input = RequestBooking { vehicle_id: self.car, starts_at, ends_at, message, expected_total: None };
        let done = request_booking(&self.ctx, &by(self.guest), &input).await?;
        self.booked += 1;
        Ok((Step::Approve(done.value), done.receipt))
    }

    /// What the checkout page shows: read from the payment itself.
    async fn checkout(&self, booking: BookingId) -> Result<Confirmation, Failure> {
        let (booking, _) = self.ctx.log.load::<domain::booking::Booking>(booking.uuid()).await?;
        let missing = || Failure::Wrong("an approved booking has no payment".to_owned());
        let (payment, _) = self.ctx.log.load::<Payment>(booking.payment().ok_or_else(missing)?.uuid()).await?;
        let order = payment.order().ok_or_else(missing)?;
        Ok(Confirmation { order_id: order.order_id.clone(), amount: order.amount })
    }
}

fn after(from: Timestamp, hours: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_hours(hours)).unwrap_or(from)
}

fn caller(actor: Actor) -> Caller {
    Caller { actor, ..Caller::system("bench", Uuid::new_v4().to_string(), Uuid::new_v4()) }
}

fn by(user: UserId) -> Caller {
    caller(Actor::User(user.uuid()))
}

/// Counts the events of a preparation.
fn prepared<T>(count: &AtomicU32, done: Executed<T>) -> T {
    count.fetch_add(u32::try_from(done.receipt.event_ids.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    done.value
}

async fn person(ctx: &Context, count: &AtomicU32, role: Role) -> Result<UserId, Failure> {
    let now = Timestamp::now();
    let email = format!("{}@example.kr", Uuid::new_v4().simple());
    let form = RegisterUser { email, name: "김민준".to_owned(), phone: "010-1234-5678".to_owned(), role };
    let password = NewPassword { chars: 12, phc: "$argon2id$bench".to_owned(), mark: String::new() };
    let user = prepared(count, register_user(ctx, &caller(Actor::Anonymous), &form, &password, now).await?).user;
    let code = verification_code(ctx, user, now);
    prepared(count, verify_email(ctx, &caller(Actor::Anonymous), &VerifyEmail { code }, now).await?);
    Ok(user)
}

/// An active car with a plate of its own.
async fn car(ctx: &Context, count: &AtomicU32, cars: &AtomicU32, host: UserId) -> Result<VehicleId, Failure> {
    let (now, number) = (Timestamp::now(), cars.fetch_add(1, Ordering::Relaxed));
    let listing = RegisterVehicle {
        license_plate: format!("{}가{:04}", 100 + number / 10_000, number % 10_000),
        make: "현대".to_owned(),
        model: "아이오닉 5".to_owned(),
        year: 2025,
        color: None,
        fuel_type: None,
        transmission: None,
        hourly_rate: Money::new(12_000, Currency::Krw),
        location_address: "서울특별시 중구 세종대로 110".to_owned(),
        location: None,
        time_zone: "Asia/Seoul".to_owned(),
        description: None,
    };
    let vehicle_id = prepared(count, register_vehicle(ctx, &by(host), &listing).await?);
    let found = GeoPoint::new(375_665_000, 1_269_780_000).map_err(|e| e.to_string());
    prepared(count, locate_vehicle(ctx, &by(host), &LocateVehicle { vehicle_id, found }).await?);
    let sha256 = "0".repeat(64);
    let (bytes, content_type) = (9, "image/png".to_owned());
    let request = RequestPhotoUpload { vehicle_id: Some(vehicle_id), booking_id: None, content_type, bytes: 9, sha256: sha256.clone() };
    let upload_id = prepared(count, request_photo_upload(ctx, &by(host), &request, now).await?).upload;
    prepared(count, store_upload(ctx, &caller(Actor::Anonymous), &StoreUpload { upload_id, sha256, bytes }, now).await?);
    prepared(count, attach_vehicle_photo(ctx, &by(host), &AttachVehiclePhoto { vehicle_id, upload_id }).await?);
    prepared(count, activate_vehicle(ctx, &by(host), &ActivateVehicle { vehicle_id }).await?);
    Ok(vehicle_id)
}
