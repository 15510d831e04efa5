//! The month's way in through GraphQL only: every intent is a mutation of its own person, every look a query.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use adapters::sandbox::Book;
use api::month::driver::{
    Answer, AnyError, Bill, Books, Car, Cart, Driver, No, Office, Person, Policy, Seen, SeenOrder, Span, Status, Wanted,
};
use api::month::shop::Ware;
use domain::cancellation::{CancelCause, CancellationPolicy};
use domain::ids::{BookingId, PaymentId, ProductId, RefundId, SettlementId, ShopOrderId, UserId, VehicleId};
use domain::purpose::Purpose;
use domain::stock::sku_of;
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::server::{Client, Daybook, Outcome, PASSWORD};

mod shop;

const SEEN: &str = "query Seen($id: ID!) { booking(id: $id) { status isConfirmed cancelCause paymentDueAt \
     payment { id orderId amount { minorUnits } } } }";
const TAKEN: &str = "query Taken($id: ID!, $from: DateTime!, $to: DateTime!) \
     { vehicleCalendar(vehicleId: $id, from: $from, to: $to) { startsAt endsAt } }";
const BALANCES: &str = "query Balances($after: String) { trialBalance { balanced currencies { currency \
     accounts(first: 100, after: $after) { nodes { account debits { minorUnits } credits { minorUnits } } \
     pageInfo { hasNextPage endCursor } } } } }";
const MOVED: &str = "mutation Moved($by: Int!) { advanceClock(by: $by) }";
/// The signature is all that makes it a picture.
const PHOTO: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];

/// A client for each person of the month.
pub struct GraphQlDriver<'b> {
    book: &'b Daybook,
    data: PathBuf,
    people: BTreeMap<UserId, Client>,
    office: BTreeMap<Office, UserId>,
    auditor: Client,
    /// The business clock when it was last heard of; it goes on by itself.
    clock: (Timestamp, Instant),
}

impl<'b> GraphQlDriver<'b> {
    /// A way into a server that was started with the demo.
    ///
    /// # Errors
    /// When the server does not tell its time.
    pub fn new(book: &'b Daybook) -> Result<Self, AnyError> {
        let auditor = book.demo("auditor");
        let now = moved(&auditor, 0)?;
        let (people, office) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { book, data: book.data().to_path_buf(), people, office, auditor, clock: (now, Instant::now()) })
    }

    /// The first midnight in Seoul that is still to come.
    ///
    /// # Errors
    /// When there is none.
    pub fn next_midnight(&self) -> Result<Timestamp, AnyError> {
        let (seoul, day) = (9 * 3_600, 86_400);
        Ok(Timestamp::from_second(((self.clock.0.as_second() + seoul).div_euclid(day) + 1) * day - seoul)?)
    }

    fn person(&self, user: UserId) -> Result<&Client, AnyError> {
        Ok(self.people.get(&user).ok_or("nobody of ours")?)
    }

    fn act(&self, by: UserId, name: &str, selection: &str, input: Value) -> Answer<Value> {
        let Outcome(payload) = self.person(by)?.command(name, selection, input);
        Ok(match payload["userErrors"][0]["code"].as_str() {
            None => Ok(payload),
            Some(code) => Err(No(code.to_owned())),
        })
    }

    fn just(&self, by: UserId, name: &str, input: Value) -> Answer<()> {
        Ok(self.act(by, name, "", input)?.map(|_| ()))
    }

    fn photograph(&self, host: UserId, vehicle: VehicleId) -> Result<(), AnyError> {
        let sha256: String = Sha256::digest(PHOTO).iter().map(|byte| format!("{byte:02x}")).collect();
        let announced = json!({ "vehicleId": vehicle.to_string(), "contentType": "image/png", "bytes": PHOTO.len(), "sha256": sha256 });
        let client = self.person(host)?;
        let ticket = client.command("requestPhotoUpload", "uploadId uploadUrl", announced).done();
        let stored = client.put(ticket["uploadUrl"].as_str().ok_or("no upload URL")?, "image/png", &PHOTO);
        if stored.status != 200 {
            return Err(format!("the photo was not stored: {stored:?}").into());
        }
        let photo = json!({ "vehicleId": vehicle.to_string(), "uploadId": ticket["uploadId"] });
        client.command("attachVehiclePhoto", "", photo).done();
        Ok(())
    }
}

impl Driver for GraphQlDriver<'_> {
    async fn now(&mut self) -> Result<Timestamp, AnyError> {
        let (told, when) = self.clock;
        Ok(told.checked_add(SignedDuration::try_from(when.elapsed())?)?)
    }

    async fn advance_to(&mut self, at: Timestamp) -> Result<(), AnyError> {
        let ahead = at.duration_since(self.now().await?);
        if ahead.is_positive() {
            // Whole seconds, rounded up: never before the instant that was meant.
            let seconds = ahead.as_secs() + i64::from(ahead.subsec_nanos() > 0);
            self.clock = (moved(&self.auditor, seconds)?, Instant::now());
        }
        Ok(())
    }

    async fn office(&mut self, office: Office) -> Result<UserId, AnyError> {
        if let Some(user) = self.office.get(&office) {
            return Ok(*user);
        }
        let client = self.book.demo(match office {
            Office::Finance => "finance",
            Office::SecondFinance => "finance2",
            Office::Support => "support",
            Office::Admin => "admin",
        });
        let user: UserId = parsed(&client.query("{ me { id } }", json!({}))["me"]["id"])?;
        self.people.insert(user, client);
        self.office.insert(office, user);
        Ok(user)
    }

    async fn register(&mut self, person: &Person) -> Result<UserId, AnyError> {
        let role = if person.is_host { "HOST" } else { "GUEST" };
        let input = json!({ "email": person.email, "password": PASSWORD, "name": person.name, "phone": person.phone, "role": role });
        let signed_up = self.book.client().mutate("registerUser", "accessToken user { id }", &input).done();
        let client = self.book.client().with_token(signed_up["accessToken"].as_str().ok_or("no access token")?);
        client.mutate("verifyEmail", "user { isVerified }", &json!({ "code": self.book.code_for(&person.email) })).done();
        let user = parsed(&signed_up["user"]["id"])?;
        self.people.insert(user, client);
        Ok(user)
    }

    async fn list_vehicle(&mut self, host: UserId, car: &Car) -> Result<VehicleId, AnyError> {
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let input = json!({
            "licensePlate": car.plate, "make": car.make, "model": car.model, "year": car.year,
            "hourlyRate": won(car.rate_won), "locationAddress": car.address,
            "location": { "lat": degrees(car.lat_e7), "lng": degrees(car.lng_e7) },
        });
        let listed = self.person(host)?.command("registerVehicle", "vehicle { id }", input).done();
        let vehicle = parsed(&listed["vehicle"]["id"])?;
        self.photograph(host, vehicle)?;
        self.person(host)?.command("activateVehicle", "", json!({ "vehicleId": vehicle.to_string() })).done();
        Ok(vehicle)
    }

    async fn set_policy(&mut self, host: UserId, vehicle: VehicleId, policy: &Policy) -> Answer<()> {
        let cancellation = match policy.cancellation {
            CancellationPolicy::Flexible => "FLEXIBLE",
            CancellationPolicy::Standard => "STANDARD",
            CancellationPolicy::Strict => "STRICT",
        };
        let (instant, before, after) = (policy.instant, policy.buffer_before, policy.buffer_after);
        let input = json!({
            "vehicleId": vehicle.to_string(), "instantBook": instant, "bufferBeforeMinutes": before, "bufferAfterMinutes": after,
            "cancellationPolicy": cancellation,
        });
        self.just(host, "setBookingPolicy", input)
    }

    async fn set_hours(&mut self, host: UserId, vehicle: VehicleId, (from, to): (u16, u16)) -> Answer<()> {
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let windows: Vec<_> = (0..7).map(|day| json!({ "dayOfWeek": day, "startTime": time(from), "endTime": time(to) })).collect();
        self.just(host, "setWeeklyAvailability", json!({ "vehicleId": vehicle.to_string(), "windows": windows }))
    }

    async fn block(&mut self, host: UserId, vehicle: VehicleId, (from, to): Span) -> Answer<()> {
        let input = json!({ "vehicleId": vehicle.to_string(), "startsAt": from.to_string(), "endsAt": to.to_string(), "reason": "정비" });
        self.just(host, "blockPeriod", input)
    }

    async fn request(&mut self, guest: UserId, wanted: &Wanted) -> Answer<BookingId> {
        let (from, to) = (wanted.span.0.to_string(), wanted.span.1.to_string());
        let total = won(wanted.total_won);
        let input = json!({ "vehicleId": wanted.vehicle.to_string(), "startsAt": from, "endsAt": to, "expectedTotal": total });
        Ok(match self.act(guest, "requestBooking", "booking { id }", input)? {
            Ok(payload) => Ok(parsed(&payload["booking"]["id"])?),
            Err(no) => Err(no),
        })
    }

    async fn approve(&mut self, host: UserId, booking: BookingId) -> Answer<()> {
        self.just(host, "approveBooking", of(booking))
    }

    async fn reject(&mut self, host: UserId, booking: BookingId) -> Answer<()> {
        self.just(host, "rejectBooking", json!({ "bookingId": booking.to_string(), "response": "그 시간에는 어렵습니다." }))
    }

    async fn cancel(&mut self, by: UserId, booking: BookingId) -> Answer<()> {
        self.just(by, "cancelBooking", json!({ "bookingId": booking.to_string(), "reason": "일정이 바뀌었습니다." }))
    }

    async fn report_no_show(&mut self, host: UserId, booking: BookingId) -> Answer<()> {
        self.just(host, "reportNoShow", of(booking))
    }

    async fn start_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()> {
        self.just(by, "startTrip", json!({ "bookingId": booking.to_string(), "odometerKm": 10_000, "fuelPercent": 80 }))
    }

    async fn end_trip(&mut self, by: UserId, booking: BookingId) -> Answer<()> {
        self.just(by, "endTrip", json!({ "bookingId": booking.to_string(), "odometerKm": 10_080, "fuelPercent": 60 }))
    }

    async fn pay(&mut self, guest: UserId, purpose: Purpose, bill: &Bill, payment_key: &str) -> Answer<()> {
        let (order, amount) = (&bill.order_id, won(bill.won));
        let input = json!({ "bookingId": purpose.to_string(), "paymentKey": payment_key, "orderId": order, "amount": amount });
        self.just(guest, "confirmPayment", input)
    }

    async fn refund(&mut self, by: UserId, payment: PaymentId, amount_won: i128) -> Answer<Option<RefundId>> {
        let input = json!({ "paymentId": payment.to_string(), "amount": won(amount_won), "reason": "고객 불편 보상" });
        Ok(match self.act(by, "requestRefund", "payment { refunds { id status } }", input)? {
            Ok(payload) => {
                let refunds = payload["payment"]["refunds"].as_array();
                let proposed = refunds.and_then(|refunds| refunds.iter().find(|refund| refund["status"] == "PROPOSED"));
                Ok(proposed.map(|refund| parsed(&refund["id"])).transpose()?)
            }
            Err(no) => Err(no),
        })
    }

    async fn approve_refund(&mut self, by: UserId, payment: PaymentId, refund: RefundId) -> Answer<()> {
        self.just(by, "approveRefund", json!({ "paymentId": payment.to_string(), "refundId": refund.to_string() }))
    }

    async fn sell(&mut self, seller: UserId, ware: &Ware) -> Result<ProductId, AnyError> {
        shop::sell(self.person(seller)?, ware)
    }

    async fn receive(&mut self, seller: UserId, product: ProductId, units: u32) -> Answer<()> {
        self.just(seller, "receiveStock", json!({ "sku": sku_of(product).to_string(), "quantity": units }))
    }

    async fn order(&mut self, buyer: UserId, cart: &Cart) -> Answer<ShopOrderId> {
        Ok(match self.act(buyer, "placeShopOrder", "shopOrder { id }", shop::cart(cart))? {
            Ok(payload) => Ok(parsed(&payload["shopOrder"]["id"])?),
            Err(no) => Err(no),
        })
    }

    async fn cancel_order(&mut self, by: UserId, order: ShopOrderId) -> Answer<()> {
        self.just(by, "cancelShopOrder", json!({ "orderId": order.to_string(), "reason": "마음이 바뀌었습니다." }))
    }

    async fn ship(&mut self, seller: UserId, order: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()> {
        let (order, lines) = (order.to_string(), shop::listed(lines));
        let input = json!({ "orderId": order, "lines": lines, "carrier": "한진택배", "trackingNumber": "1234567890" });
        self.just(seller, "shipShopOrder", input)
    }

    async fn confirm_delivery(&mut self, buyer: UserId, order: ShopOrderId) -> Answer<()> {
        self.just(buyer, "confirmDelivery", json!({ "orderId": order.to_string() }))
    }

    async fn ask_back(&mut self, buyer: UserId, order: ShopOrderId, lines: &[(ProductId, u32)]) -> Answer<()> {
        let input = json!({ "orderId": order.to_string(), "lines": shop::listed(lines), "reason": "생각과 다릅니다." });
        self.just(buyer, "requestReturn", input)
    }

    async fn take_back(&mut self, seller: UserId, order: ShopOrderId) -> Answer<()> {
        self.just(seller, "approveReturn", json!({ "orderId": order.to_string() }))
    }

    async fn see_order(&mut self, buyer: UserId, order: ShopOrderId) -> Result<SeenOrder, AnyError> {
        shop::see(self.person(buyer)?, order)
    }

    async fn stocks(&mut self, seller: UserId) -> Result<BTreeMap<ProductId, (i64, i64)>, AnyError> {
        shop::stocks(self.person(seller)?)
    }

    async fn open_settlement(&mut self, by: UserId, period_end: Timestamp) -> Answer<SettlementId> {
        let input = json!({ "periodEnd": period_end.to_string() });
        Ok(match self.act(by, "openSettlement", "settlement { id }", input)? {
            Ok(payload) => Ok(parsed(&payload["settlement"]["id"])?),
            Err(no) => Err(no),
        })
    }

    async fn approve_settlement(&mut self, by: UserId, settlement: SettlementId) -> Answer<()> {
        self.just(by, "approveSettlement", json!({ "settlementId": settlement.to_string() }))
    }

    async fn cancel_settlement(&mut self, by: UserId, settlement: SettlementId) -> Answer<()> {
        self.just(by, "cancelSettlement", json!({ "settlementId": settlement.to_string(), "reason": "기간을 다시 정합니다." }))
    }

    fn decline_payouts(&mut self, _payouts: usize) -> Result<bool, AnyError> {
        Ok(false)
    }

    async fn see(&mut self, by: UserId, booking: BookingId) -> Result<Seen, AnyError> {
        let seen = self.person(by)?.query(SEEN, json!({ "id": booking.to_string() }))["booking"].clone();
        let payment = &seen["payment"];
        let bill = match payment.is_null() {
            true => None,
            false => Some(Bill {
                payment: parsed(&payment["id"])?,
                order_id: payment["orderId"].as_str().unwrap_or_default().to_owned(),
                won: parsed(&payment["amount"]["minorUnits"])?,
            }),
        };
        let due = &seen["paymentDueAt"];
        Ok(Seen {
            status: status(seen["status"].as_str())?,
            confirmed: seen["isConfirmed"] == true,
            cause: seen["cancelCause"].as_str().map(cause).transpose()?,
            due_at: if due.is_null() { None } else { Some(parsed(due)?) },
            bill,
        })
    }

    async fn taken(&mut self, vehicle: VehicleId, (from, to): Span) -> Result<Vec<Span>, AnyError> {
        let asked = json!({ "id": vehicle.to_string(), "from": from.to_string(), "to": to.to_string() });
        let busy = self.auditor.query(TAKEN, asked)["vehicleCalendar"].clone();
        busy.as_array().into_iter().flatten().map(|busy| Ok((parsed(&busy["startsAt"])?, parsed(&busy["endsAt"])?))).collect()
    }

    async fn balances(&mut self) -> Result<BTreeMap<String, i128>, AnyError> {
        let (mut balances, mut after) = (BTreeMap::new(), Value::Null);
        loop {
            let trial = self.auditor.query(BALANCES, json!({ "after": after }))["trialBalance"].clone();
            let currencies = trial["currencies"].as_array().ok_or("no currencies")?;
            let [only] = currencies.as_slice() else { return Err(format!("not one currency: {currencies:?}").into()) };
            for node in only["accounts"]["nodes"].as_array().into_iter().flatten() {
                let debits: i128 = parsed(&node["debits"]["minorUnits"])?;
                let credits: i128 = parsed(&node["credits"]["minorUnits"])?;
                balances.insert(node["account"].as_str().unwrap_or_default().to_owned(), debits - credits);
            }
            let page = &only["accounts"]["pageInfo"];
            if page["hasNextPage"] != true {
                return if trial["balanced"] == true { Ok(balances) } else { Err("the trial balance is not balanced".into()) };
            }
            after = page["endCursor"].clone();
        }
    }

    async fn books(&mut self) -> Result<Books, AnyError> {
        let read = |name: &str| Book::read(&self.data.join(name));
        Ok(Books { provider: read("provider.ndjson")?, bank: read("bank.ndjson")? })
    }
}

fn moved(by: &Client, seconds: i64) -> Result<Timestamp, AnyError> {
    parsed(&by.query(MOVED, json!({ "by": seconds }))["advanceClock"])
}

fn of(booking: BookingId) -> Value {
    json!({ "bookingId": booking.to_string() })
}

fn won(amount: i128) -> Value {
    json!({ "amount": amount.to_string(), "currency": "KRW" })
}

/// A text of JSON as what it stands for.
fn parsed<T: std::str::FromStr>(value: &Value) -> Result<T, AnyError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    Ok(value.as_str().ok_or_else(|| format!("{value} is no text"))?.parse()?)
}

fn status(name: Option<&str>) -> Result<Status, AnyError> {
    Ok(match name {
        Some("PENDING") => Status::Pending,
        Some("APPROVED") => Status::Approved,
        Some("REJECTED") => Status::Rejected,
        Some("ACTIVE") => Status::Active,
        Some("COMPLETED") => Status::Completed,
        Some("CANCELLED") => Status::Cancelled,
        other => return Err(format!("no status: {other:?}").into()),
    })
}

fn cause(name: &str) -> Result<CancelCause, AnyError> {
    Ok(match name {
        "GUEST" => CancelCause::Guest,
        "HOST" => CancelCause::Host,
        "ADMIN" => CancelCause::Admin,
        "EXPIRED" => CancelCause::Expired,
        "PAYMENT_LAPSED" => CancelCause::PaymentLapsed,
        "NO_SHOW" => CancelCause::NoShow,
        other => return Err(format!("no cause: {other}").into()),
    })
}
