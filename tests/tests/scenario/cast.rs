//! Who takes part, and what they do again and again.

use daybook_tests::server::{Client, Daybook, Outcome, PASSWORD, Variant};
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What most checks want to know of a booking.
pub const BOOKING: &str = "booking { id status isConfirmed confirmedAt cancelCause startsAt endsAt paymentDueAt total { amount } \
     platformFee { amount } hostAmount { amount } payment { id orderId status amount { amount } refunded { amount } settledAt } }";
/// What most checks want to know of a payment.
pub const PAYMENT: &str = "payment { id orderId status paidAt method settledAt amount { amount currency minorUnits } refunded { amount } \
     lastFailure { code } booking { id status isConfirmed } refunds { id status amount { amount } feeShare { amount } } }";
/// What most checks want to know of a settlement.
pub const SETTLEMENT: &str = "settlement { id status periodEnd total { amount } openedBy { id } approvedBy { id } \
     lines(first: 100) { nodes { gross { amount } fee { amount } net { amount } booking { id } payment { id } host { id } } } \
     payouts(first: 100) { nodes { id status completedAt amount { amount } host { id } } } }";
/// A picture of one pixel.
pub const PIXEL: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63,
    0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];
const HOUR: i64 = 3_600;

/// A server and the people around one car.
pub struct Cast {
    pub book: Daybook,
    pub guest: Client,
    pub guest2: Client,
    pub host: Client,
    pub finance: Client,
    pub finance2: Client,
    pub auditor: Client,
    pub vehicle: String,
}

/// A booking under way.
#[derive(Clone, Debug)]
pub struct Trip {
    pub id: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub total: i64,
}

impl Trip {
    /// The account that holds its money.
    pub fn escrow(&self) -> String {
        format!("escrow:{}", self.id.trim_start_matches("booking-"))
    }
}

/// Plays a scenario on one variant: a test for each, so that they run side by side.
pub fn scenario(variant: Variant, play: impl FnOnce(&mut Cast)) {
    play(&mut Cast::gather(variant));
}

impl Cast {
    /// Starts a server, signs everybody up and lists a car for 10,000 won an hour.
    pub fn gather(variant: Variant) -> Self {
        let book = Daybook::start(variant);
        let [guest, guest2, host] =
            [("guest", "GUEST"), ("rider", "GUEST"), ("owner", "HOST")].map(|(name, role)| sign_up(&book, name, role));
        let [finance, finance2, auditor] = ["finance", "finance2", "auditor"].map(|name| match variant {
            Variant::Embedded => book.demo(name),
            Variant::Server => book.staff(name, name.trim_end_matches('2')),
        });
        let vehicle = list_car(&host, "11가1111", "10000");
        Self { book, guest, guest2, host, finance, finance2, auditor, vehicle }
    }

    /// The same people after a restart of the server. Until the leases of a killed server have run out, nobody moves the
    /// read models and reads may answer PROJECTION_LAGGING: this waits until they are moved again.
    pub fn again(&mut self) {
        for client in [&mut self.guest, &mut self.guest2, &mut self.host, &mut self.finance, &mut self.finance2, &mut self.auditor] {
            *client = self.book.again(client);
        }
        self.advance(SignedDuration::ZERO);
    }

    /// Moves the business clock; everything that fell due has run when this returns.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let data = self.auditor.query("mutation($by: Int!) { advanceClock(by: $by) }", json!({ "by": by.as_secs() }));
        instant(&data["advanceClock"])
    }

    /// The business time.
    pub fn now(&self) -> Timestamp {
        self.advance(SignedDuration::ZERO)
    }

    /// Moves the business clock to an instant (or not at all when that has passed).
    pub fn advance_to(&self, at: Timestamp) {
        let ahead = at.duration_since(self.now());
        // The clock goes on by itself as well: a second more is on the safe side.
        self.advance(if ahead.is_negative() { SignedDuration::ZERO } else { ahead + SignedDuration::from_secs(1) });
    }

    /// Moves the business clock to the next moment at which banks pay, whatever day it is.
    pub fn banks_open(&self) {
        self.advance_to(domain::calendar::payable_from(self.now()));
    }

    /// A slot of `hours` that starts at the first full hour at least `ahead` hours from now.
    pub fn slot(&self, ahead: i64, hours: i64) -> (Timestamp, Timestamp) {
        let start = (self.now().as_second() / HOUR + ahead + 1) * HOUR;
        (Timestamp::from_second(start).unwrap(), Timestamp::from_second(start + hours * HOUR).unwrap())
    }

    /// A request for our car.
    pub fn wish(&self, (starts_at, ends_at): (Timestamp, Timestamp)) -> Value {
        json!({ "vehicleId": self.vehicle, "startsAt": starts_at.to_string(), "endsAt": ends_at.to_string() })
    }

    /// The guest asks for our car.
    pub fn request(&self, ahead: i64, hours: i64) -> Trip {
        let slot = self.slot(ahead, hours);
        let booking = self.guest.command("requestBooking", BOOKING, self.wish(slot)).done()["booking"].clone();
        assert_eq!(booking["status"], "PENDING");
        Trip { id: text(&booking["id"]), starts_at: slot.0, ends_at: slot.1, total: won(&booking["total"]) }
    }

    /// The guest asks, the host agrees.
    pub fn approved(&self, ahead: i64, hours: i64) -> Trip {
        let trip = self.request(ahead, hours);
        let booking = self.host.command("approveBooking", BOOKING, json!({ "bookingId": trip.id })).done()["booking"].clone();
        assert_eq!(booking["status"], "APPROVED");
        assert_eq!(booking["payment"]["status"], "PENDING");
        trip
    }

    /// The guest asks, the host agrees, the guest pays.
    pub fn paid(&self, ahead: i64, hours: i64) -> Trip {
        let trip = self.approved(ahead, hours);
        let payment = self.pay(&trip, "sandbox-ok-card").done()["payment"].clone();
        assert_eq!(payment["status"], "COMPLETED");
        trip
    }

    /// A paid booking whose trip is over.
    pub fn driven(&self, ahead: i64, hours: i64) -> Trip {
        let trip = self.paid(ahead, hours);
        self.advance_to(trip.starts_at);
        let start = json!({ "bookingId": trip.id, "odometerKm": 12_000, "fuelPercent": 80 });
        assert_eq!(self.guest.command("startTrip", BOOKING, start).done()["booking"]["status"], "ACTIVE");
        self.advance_to(trip.ends_at.checked_sub(SignedDuration::from_mins(10)).unwrap());
        let end = json!({ "bookingId": trip.id, "odometerKm": 12_080, "fuelPercent": 60 });
        assert_eq!(self.guest.command("endTrip", BOOKING, end).done()["booking"]["status"], "COMPLETED");
        trip
    }

    /// What the guest's browser would send to pay a booking.
    pub fn payment_input(&self, trip: &Trip, payment_key: &str) -> Value {
        let payment = self.booking(trip)["payment"].clone();
        json!({
            "bookingId": trip.id,
            "paymentKey": format!("{payment_key}-{}", uuid::Uuid::new_v4().simple()),
            "orderId": payment["orderId"],
            "amount": { "amount": payment["amount"]["amount"], "currency": "KRW" },
        })
    }

    /// The guest pays.
    pub fn pay(&self, trip: &Trip, payment_key: &str) -> Outcome {
        self.guest.command("confirmPayment", PAYMENT, self.payment_input(trip, payment_key))
    }

    /// The guest calls a booking off.
    pub fn cancel(&self, by: &Client, trip: &Trip) -> Outcome {
        by.command("cancelBooking", BOOKING, json!({ "bookingId": trip.id, "reason": "일정이 바뀌었습니다" }))
    }

    /// Somebody calls a booking off by its id.
    pub fn cancel_of(&self, by: &Client, id: &str) {
        by.command("cancelBooking", BOOKING, json!({ "bookingId": id, "reason": "취소" })).done();
    }

    /// The booking as its guest sees it.
    pub fn booking(&self, trip: &Trip) -> Value {
        let query = format!("query($id: ID!) {{ {} }}", BOOKING.replacen("booking", "booking(id: $id)", 1));
        self.guest.query(&query, json!({ "id": trip.id }))["booking"].clone()
    }

    /// Its payment as its guest sees it.
    pub fn payment(&self, trip: &Trip) -> Value {
        let query = format!("query($id: ID!) {{ {} }}", PAYMENT.replacen("payment", "payment(id: $id)", 1));
        self.guest.query(&query, json!({ "id": self.booking(trip)["payment"]["id"] }))["payment"].clone()
    }

    /// The balance of an account in won, positive on the account's own side.
    pub fn balance(&self, account: &str) -> i64 {
        let data = self
            .auditor
            .query("query($a: String!) { accountBalance(account: $a) { balance { amount currency } } }", json!({ "a": account }));
        data["accountBalance"].as_array().unwrap().iter().map(|row| won(&row["balance"])).sum()
    }

    /// How many events there are, once everybody who is concerned was told of them.
    pub fn head(&self) -> i64 {
        self.advance(SignedDuration::ZERO);
        let data = self.auditor.query("{ events(last: 1) { nodes { position } } }", json!({}));
        data["events"]["nodes"][0]["position"].as_str().unwrap().parse().unwrap()
    }
}

/// Registers somebody, proves their address with the code from the log, and signs in.
pub fn sign_up(book: &Daybook, name: &str, role: &str) -> Client {
    let email = format!("{name}@people.example");
    let input = json!({ "email": email, "password": PASSWORD, "name": "김하늘", "phone": "010-1234-5678", "role": role });
    let registered = book.client().mutate("registerUser", "accessToken refreshToken expiresAt user { id name isVerified }", &input).done();
    assert_eq!(registered["user"]["isVerified"], false);
    let verified = book.client().mutate("verifyEmail", "user { id isVerified }", &json!({ "code": book.code_for(&email) })).done();
    assert_eq!(verified["user"]["isVerified"], true);
    book.client().login(&email, PASSWORD)
}

/// Registers a car, puts a photo on it and opens it for bookings; its id.
pub fn list_car(host: &Client, plate: &str, hourly: &str) -> String {
    let car = register_car(host, plate, hourly, "Asia/Seoul");
    open_car(host, &car);
    car
}

/// Registers a car in this zone; its id.
pub fn register_car(host: &Client, plate: &str, hourly: &str, zone: &str) -> String {
    let input = json!({
        "licensePlate": plate, "make": "현대", "model": "아이오닉 5", "year": 2024, "fuelType": "ELECTRIC", "transmission": "AUTOMATIC",
        "hourlyRate": { "amount": hourly, "currency": "KRW" }, "timeZone": zone,
        "locationAddress": "서울특별시 중구 세종대로 110", "location": { "lat": 37.5665, "lng": 126.978 },
    });
    let vehicle = host.command("registerVehicle", "vehicle { id status timeZone hourlyRate { amount currency minorUnits } }", input).done();
    assert_eq!(vehicle["vehicle"]["status"], "INACTIVE");
    text(&vehicle["vehicle"]["id"])
}

/// Uploads a photo of a vehicle or booking; the upload's id.
pub fn upload(by: &Client, of: &Value) -> String {
    let sha256: String = Sha256::digest(PIXEL).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut input = of.clone();
    input["contentType"] = "image/png".into();
    input["bytes"] = PIXEL.len().into();
    input["sha256"] = sha256.into();
    let ticket = by.command("requestPhotoUpload", "uploadId uploadUrl expiresAt", input).done();
    let answer = by.put(ticket["uploadUrl"].as_str().unwrap(), "image/png", &PIXEL);
    assert!(answer.status == 200 && answer.body["success"] == true, "{answer:?}");
    text(&ticket["uploadId"])
}

/// Puts a photo on a car and opens it for bookings.
pub fn open_car(host: &Client, vehicle: &str) {
    let upload = upload(host, &json!({ "vehicleId": vehicle }));
    let photo = json!({ "vehicleId": vehicle, "uploadId": upload });
    assert_eq!(host.command("attachVehiclePhoto", "vehicle { images }", photo).done()["vehicle"]["images"].as_array().unwrap().len(), 1);
    let active = host.command("activateVehicle", "vehicle { status }", json!({ "vehicleId": vehicle })).done();
    assert_eq!(active["vehicle"]["status"], "ACTIVE");
}

/// A text of JSON.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// An instant of JSON.
pub fn instant(value: &Value) -> Timestamp {
    text(value).parse().unwrap()
}

/// An amount in won.
pub fn won(money: &Value) -> i64 {
    text(&money["amount"]).parse().unwrap()
}
