//! The way in through the command layer: a book of its own with a clock that stands still until it is moved.

mod open;
mod shop;

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::sandbox::{Book, Call, Fault};
use adapters::{ContentType, FolderStore, ObjectStore, Sandbox, SandboxFiles};
use commands::booking::{Answer as HostAnswer, CancelBooking, Readings, RequestBooking};
use commands::payment::{ApproveRefund, ConfirmPayment, RequestRefund};
use commands::settlement::CancelSettlement;
use commands::shop_order::{CancelShopOrder, PlaceShopOrder, RequestReturn, ShipShopOrder};
use commands::stock::ReceiveStock;
use commands::user::{GrantRole, NewPassword, RegisterUser, VerifyEmail};
use commands::vehcal::{BlockPeriod, PolicyChange, SetBookingPolicy, SetWeeklyAvailability};
use commands::{Caller, Context, ExecuteError, Executed};
use domain::booking::Booking;
use domain::cancellation::CancelCause;
use domain::geo::GeoPoint;
use domain::ids::{BookingId, PaymentId, ProductId, RefundId, SettlementId, ShopOrderId, UserId, VehicleId};
use domain::payment::{Payment, Phase, RefundPhase};
use domain::purpose::Purpose;
use domain::stock::sku_of;
use domain::user::Role;
use domain::vehcal::{VehicleCalendar, WindowInput};
use kernel::{Actor, Currency, Money, Timestamp};
use projections::models::AccountBalances;
use projections::process::Runtime;
use projections::processes::Desk;
use projections::views::{Query, Views, Workers};
use sha2::{Digest, Sha256};

use super::driver::{Answer, AnyError, Bill, Books, Car, Cart, Driver, No, Office, Person, Policy, Seen, SeenOrder, Span, Status, Wanted};
use super::shop::Ware;
pub use open::{NotEmpty, Place};

/// The password of everybody in the month. Hashed once: the month is about bookings.
pub const PASSWORD: &str = "daybook-month";
/// How long the read models may take to catch up in the end.
const CATCH_UP: Duration = Duration::from_secs(900);
/// More accounts than a month can have.
const MAX_ACCOUNTS: u64 = 10_000;
/// Days of a week.
const WEEK: std::ops::Range<u8> = 0..7;

/// Issues commands, and takes the steps of the processes itself, one after the other.
pub struct CommandDriver {
    ctx: Context,
    runtime: Runtime<Desk>,
    views: Views,
    workers: Workers,
    sandbox: Sandbox,
    files: SandboxFiles,
    photos: FolderStore,
    password: NewPassword,
    office: BTreeMap<Office, UserId>,
}

/// A refusal becomes an answer; everything else breaks the month.
fn answer<T>(result: Result<Executed<T>, ExecuteError>) -> Answer<T> {
    match result {
        Ok(executed) => Ok(Ok(executed.value)),
        Err(ExecuteError::Refused { refused, .. }) => Ok(Err(No(refused.code))),
        Err(error) => Err(error.into()),
    }
}

fn done<T>(result: Result<Executed<T>, ExecuteError>) -> Answer<()> {
    Ok(answer(result)?.map(|_| ()))
}

impl CommandDriver {
    fn by(&self, user: UserId) -> Caller {
        self.caller(Actor::User(user.uuid()))
    }

    /// The edge checks most roles; the one that a command looks at is the administrator's.
    fn caller(&self, actor: Actor) -> Caller {
        let admin = self.office.get(&Office::Admin).is_some_and(|admin| actor.user() == Some(admin.uuid()));
        let roles = admin.then_some(Role::Admin).into_iter().collect();
        Caller { actor, roles, ..Caller::system("month", None, self.ctx.ids.mint()) }
    }

    async fn sign_up(&self, person: &Person) -> Result<UserId, AnyError> {
        let now = self.ctx.clock.now();
        let Person { email, name, phone, is_host } = person.clone();
        let form = RegisterUser { email, name, phone, role: if is_host { Role::Host } else { Role::Guest } };
        let nobody = self.caller(Actor::Anonymous);
        let user = commands::user::register_user(&self.ctx, &nobody, &form, &self.password, now).await?.value.user;
        let code = commands::user::verification_code(&self.ctx, user, now);
        commands::user::verify_email(&self.ctx, &self.by(user), &VerifyEmail { code }, now).await?;
        Ok(user)
    }

    async fn photograph(&self, host: UserId, vehicle_id: VehicleId) -> Result<(), AnyError> {
        let (ctx, by, now) = (&self.ctx, self.by(host), self.ctx.clock.now());
        let sha256: String = Sha256::digest(crate::demo::PIXEL).iter().map(|byte| format!("{byte:02x}")).collect();
        let announced = commands::upload::RequestPhotoUpload {
            vehicle_id: Some(vehicle_id),
            booking_id: None,
            content_type: "image/png".to_owned(),
            bytes: i64::try_from(crate::demo::PIXEL.len())?,
            sha256: sha256.clone(),
        };
        let upload_id = commands::upload::request_photo_upload(ctx, &by, &announced, now).await?.value.upload;
        self.photos.put(upload_id.to_string().parse()?, ContentType::Png, crate::demo::PIXEL.to_vec()).await?;
        let stored = commands::upload::StoreUpload { upload_id, sha256, bytes: crate::demo::PIXEL.len() as u64 };
        commands::upload::store_upload(ctx, &by, &stored, now).await?;
        let photo = commands::vehicle::AttachVehiclePhoto { vehicle_id, upload_id };
        commands::vehicle::attach_vehicle_photo(ctx, &by, &photo).await?;
        Ok(())
    }

    async fn payment(&self, payment: PaymentId) -> Result<Payment, AnyError> {
        Ok(self.ctx.log.load::<Payment>(payment.uuid()).await?.0)
    }

    fn readings(&self, booking_id: BookingId, odometer_km: i32) -> Readings {
        Readings { booking_id, odometer_km, fuel_percent: Some(80) }
    }
}

impl Driver for CommandDriver {
    async fn now(&mut self) -> Result<Timestamp, AnyError> {
        Ok(self.ctx.clock.now())
    }

    /// From timer to timer, so that whatever falls due happens at its own time and in order.
    async fn advance_to(&mut self, at: Timestamp) -> Result<(), AnyError> {
        loop {
            self.runtime.settle().await?;
            match self.runtime.next_timer_due().await? {
                Some(due) if due <= at => self.ctx.clock.advance_to(due),
                Some(_) | None => break,
            }
        }
        self.ctx.clock.advance_to(at);
        Ok(())
    }

    async fn office(&mut self, office: Office) -> Result<UserId, AnyError> {
        if let Some(user) = self.office.get(&office) {
            return Ok(*user);
        }
        let (name, role, number) = match office {
            Office::Finance => ("finance", Role::Finance, 1),
            Office::SecondFinance => ("finance2", Role::Finance, 2),
            Office::Support => ("support", Role::Support, 3),
            Office::Admin => ("admin", Role::Admin, 4),
        };
        let email = format!("{name}@month.daybook.example");
        let person = Person { email, name: name.to_owned(), phone: format!("02-000-000{number}"), is_host: false };
        let user = self.sign_up(&person).await?;
        let system = Caller::system("month", None, self.ctx.ids.mint());
        commands::user::grant_role(&self.ctx, &system, &GrantRole { user, role }).await?;
        self.office.insert(office, user);
        Ok(user)
    }

    async fn register(&mut self, person: &Person) -> Result<UserId, AnyError> {
        self.sign_up(person).await
    }

    async fn list_vehicle(&mut self, host: UserId, car: &Car) -> Result<VehicleId, AnyError> {
        let input = commands::vehicle::RegisterVehicle {
            license_plate: car.plate.clone(),
            make: car.make.to_owned(),
            model: car.model.to_owned(),
            year: car.year,
            color: None,
            fuel_type: None,
            transmission: None,
            hourly_rate: won(car.rate_won),
            location_address: car.address.clone(),
            location: Some(GeoPoint::new(car.lat_e7, car.lng_e7)?),
            time_zone: "Asia/Seoul".to_owned(),
            description: None,
        };
        let by = self.by(host);
        let vehicle_id = commands::vehicle::register_vehicle(&self.ctx, &by, &input).await?.value;
        self.photograph(host, vehicle_id).await?;
        commands::vehicle::activate_vehicle(&self.ctx, &by, &commands::vehicle::ActivateVehicle { vehicle_id }).await?;
        Ok(vehicle_id)
    }

    async fn set_policy(&mut self, host: UserId, vehicle_id: VehicleId, policy: &Policy) -> Answer<()> {
        let change = PolicyChange {
            instant_book: Some(policy.instant),
            buffer_before_minutes: Some(i32::try_from(policy.buffer_before)?),
            buffer_after_minutes: Some(i32::try_from(policy.buffer_after)?),
            cancellation: Some(policy.cancellation),
            ..PolicyChange::default()
        };
        done(commands::vehcal::set_booking_policy(&self.ctx, &self.by(host), &SetBookingPolicy { vehicle_id, change }).await)
    }

    async fn set_hours(&mut self, host: UserId, vehicle_id: VehicleId, (from, to): (u16, u16)) -> Answer<()> {
        let windows = WEEK.map(|day| WindowInput { day, start: Some(from), end: Some(to) }).collect();
        let input = SetWeeklyAvailability { vehicle_id, windows };
        done(commands::vehcal::set_weekly_availability(&self.ctx, &self.by(host), &input).await)
    }

    async fn block(&mut self, host: UserId, vehicle_id: VehicleId, (starts_at, ends_at): Span) -> Answer<()> {
        let input = BlockPeriod { vehicle_id, starts_at, ends_at, reason: Some("정비".to_owned()) };
        done(commands::vehcal::block_period(&self.ctx, &self.by(host), &input).await)
    }

    async fn request(&mut self, guest: UserId, wanted: &Wanted) -> Answer<BookingId> {
        let (starts_at, ends_at) = wanted.span;
        let expected_total = Some(won(wanted.total_won));
        let input = RequestBooking { vehicle_id: wanted.vehicle, starts_at, ends_at, message: None, expected_total };
        answer(commands::booking::request_booking(&self.ctx, &self.by(guest), &input).await)
    }

    async fn approve(&mut self, host: UserId, booking_id: BookingId) -> Answer<()> {
        let input = HostAnswer { booking_id, response: None };
        done(commands::booking::approve_booking(&self.ctx, &self.by(host), &input).await)
    }

    async fn reject(&mut self, host: UserId, booking_id: BookingId) -> Answer<()> {
        let input = HostAnswer { booking_id, response: Some("그 시간에는 어렵습니다.".to_owned()) };
        done(commands::booking::reject_booking(&self.ctx, &self.by(host), &input).await)
    }

    async fn cancel(&mut self, by: UserId, booking_id: BookingId) -> Answer<()> {
        let input = CancelBooking { booking_id, reason: "일정이 바뀌었습니다.".to_owned() };
        done(commands::booking::cancel_booking(&self.ctx, &self.by(by), &input).await)
    }

    async fn report_no_show(&mut self, host: UserId, booking: BookingId) -> Answer<()> {
        done(commands::booking::report_no_show(&self.ctx, &self.by(host), booking).await)
    }

    async fn start_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()> {
        done(commands::booking::start_trip(&self.ctx, &self.by(by), &self.readings(booking, 10_000)).await)
    }

    async fn end_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()> {
        done(commands::booking::end_trip(&self.ctx, &self.by(by), &self.readings(booking, 10_080)).await)
    }

    async fn pay(&mut self, guest: UserId, purpose: Purpose, bill: &Bill, payment_key: &str) -> Answer<()> {
        let (payment_key, order_id, amount) = (payment_key.to_owned(), bill.order_id.clone(), won(bill.won));
        let input = ConfirmPayment { purpose, payment_key, order_id, amount };
        if let Err(no) = answer(commands::payment::confirm_payment(&self.ctx, &self.by(guest), &input).await)? {
            return Ok(Err(no));
        }
        self.runtime.settle().await?;
        let no = |code: &str| Ok(Err(No(code.to_owned())));
        match self.payment(bill.payment).await?.phase() {
            Some(Phase::Completed { .. }) => Ok(Ok(())),
            Some(Phase::Confirming { .. } | Phase::Unknown { .. }) => no("PAY008"),
            Some(Phase::Pending { .. } | Phase::Expired { .. } | Phase::Voided { .. }) | None => no("PAY001"),
        }
    }

    async fn refund(&mut self, by: UserId, payment_id: PaymentId, amount_won: i128) -> Answer<Option<RefundId>> {
        let reason = "고객 불편 보상".to_owned();
        let input = RequestRefund { payment_id, amount: Some(won(amount_won)), reason };
        if let Err(no) = answer(commands::payment::request_refund(&self.ctx, &self.by(by), &input).await)? {
            return Ok(Err(no));
        }
        let Payment::Requested { refunds, .. } = self.payment(payment_id).await? else { return Ok(Ok(None)) };
        let proposed = refunds.iter().find(|(_, refund)| matches!(refund.phase, RefundPhase::Proposed { .. }));
        Ok(Ok(proposed.map(|(id, _)| *id)))
    }

    async fn approve_refund(&mut self, by: UserId, payment_id: PaymentId, refund_id: RefundId) -> Answer<()> {
        let input = ApproveRefund { payment_id, refund_id };
        done(commands::payment::approve_refund(&self.ctx, &self.by(by), &input).await)
    }

    async fn sell(&mut self, seller: UserId, ware: &Ware) -> Result<ProductId, AnyError> {
        self.shop_sell(seller, ware).await
    }

    async fn receive(&mut self, seller: UserId, product: ProductId, units: u32) -> Answer<()> {
        let input = ReceiveStock { sku: sku_of(product), quantity: i32::try_from(units)? };
        done(commands::stock::receive_stock(&self.ctx, &self.by(seller), &input).await)
    }

    async fn order(&mut self, buyer: UserId, cart: &Cart) -> Answer<ShopOrderId> {
        let input =
            PlaceShopOrder { lines: shop::listed(&cart.lines)?, address: shop::address(), expected_total: Some(won(cart.total_won)) };
        answer(commands::shop_order::place_shop_order(&self.ctx, &self.by(buyer), &input).await)
    }

    async fn cancel_order(&mut self, by: UserId, order_id: ShopOrderId) -> Answer<()> {
        let input = CancelShopOrder { order_id, reason: "마음이 바뀌었습니다.".to_owned() };
        done(commands::shop_order::cancel_shop_order(&self.ctx, &self.by(by), &input).await)
    }

    async fn ship(&mut self, seller: UserId, order_id: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()> {
        let (carrier, tracking_number) = ("한진택배".to_owned(), "1234567890".to_owned());
        let input = ShipShopOrder { order_id, lines: shop::listed(lines)?, carrier, tracking_number };
        done(commands::shop_order::ship_shop_order(&self.ctx, &self.by(seller), &input).await)
    }

    async fn confirm_delivery(&mut self, buyer: UserId, order: ShopOrderId) -> Answer<()> {
        done(commands::shop_order::confirm_delivery(&self.ctx, &self.by(buyer), order).await)
    }

    async fn ask_back(&mut self, buyer: UserId, order_id: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()> {
        let input = RequestReturn { order_id, lines: shop::listed(lines)?, reason: "생각과 다릅니다.".to_owned() };
        done(commands::shop_order::request_return(&self.ctx, &self.by(buyer), &input).await)
    }

    async fn take_back(&mut self, seller: UserId, order: ShopOrderId) -> Answer<()> {
        done(commands::shop_order::approve_return(&self.ctx, &self.by(seller), order).await)
    }

    async fn see_order(&mut self, _buyer: UserId, order: ShopOrderId) -> Result<SeenOrder, AnyError> {
        self.shop_see(order).await
    }

    async fn stocks(&mut self, seller: UserId) -> Result<BTreeMap<ProductId, (i64, i64)>, AnyError> {
        self.shop_stocks(seller).await
    }

    async fn open_settlement(&mut self, by: UserId, period_end: Timestamp) -> Answer<SettlementId> {
        answer(commands::settlement::open_settlement(&self.ctx, &self.by(by), period_end).await)
    }

    async fn approve_settlement(&mut self, by: UserId, settlement: SettlementId) -> Answer<()> {
        done(commands::settlement::approve_settlement(&self.ctx, &self.by(by), settlement).await)
    }

    async fn cancel_settlement(&mut self, by: UserId, settlement_id: SettlementId) -> Answer<()> {
        let input = CancelSettlement { settlement_id, reason: "기간을 다시 정합니다.".to_owned() };
        done(commands::settlement::cancel_settlement(&self.ctx, &self.by(by), &input).await)
    }

    fn decline_payouts(&mut self, payouts: usize) -> Result<bool, AnyError> {
        for _ in 0..payouts {
            self.sandbox.script(Call::Pay, Fault::Decline)?;
        }
        Ok(true)
    }

    async fn see(&mut self, _by: UserId, booking: BookingId) -> Result<Seen, AnyError> {
        let (state, _) = self.ctx.log.load::<Booking>(booking.uuid()).await?;
        let (status, confirmed, cause, due_at) = shown(&state).ok_or("there is no such booking")?;
        let bill = match state.payment() {
            None => None,
            Some(payment) => self.payment(payment).await?.order().map(|order| Bill {
                payment,
                order_id: order.order_id.clone(),
                won: order.amount.minor(),
            }),
        };
        Ok(Seen { status, confirmed, cause, due_at, bill })
    }

    async fn taken(&mut self, vehicle: VehicleId, _within: Span) -> Result<Vec<Span>, AnyError> {
        let (calendar, _) = self.ctx.log.load::<VehicleCalendar>(vehicle.uuid()).await?;
        Ok(calendar.slots.values().map(|slot| (slot.occupied.start(), slot.occupied.end())).collect())
    }

    async fn balances(&mut self) -> Result<BTreeMap<String, i128>, AnyError> {
        let head = self.ctx.log.head().await?;
        self.views.wait_all(head, CATCH_UP).await?;
        let rows = self.views.all::<AccountBalances>(&Query::new(), MAX_ACCOUNTS).await?;
        Ok(rows.into_iter().map(|(_, row)| (row.account, row.debits.minor() - row.credits.minor())).collect())
    }

    async fn books(&mut self) -> Result<Books, AnyError> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || {
            Ok::<_, adapters::sandbox::BookError>(Books { provider: Book::read(&files.provider)?, bank: Book::read(&files.bank)? })
        });
        Ok(read.await??)
    }
}

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

/// Status, paid in time, why called off, by when to be paid.
fn shown(booking: &Booking) -> Option<(Status, bool, Option<CancelCause>, Option<Timestamp>)> {
    match booking {
        Booking::Absent => None,
        Booking::Pending { .. } => Some((Status::Pending, false, None, None)),
        Booking::Approved { due_at, .. } => Some((Status::Approved, false, None, Some(*due_at))),
        Booking::Confirmed { .. } => Some((Status::Approved, true, None, None)),
        Booking::Active { .. } => Some((Status::Active, true, None, None)),
        Booking::Completed { .. } => Some((Status::Completed, true, None, None)),
        Booking::Rejected { .. } => Some((Status::Rejected, false, None, None)),
        Booking::Cancelled { cause, .. } => Some((Status::Cancelled, false, Some(*cause), None)),
    }
}

#[cfg(test)]
mod tests;
