//! Clients of Daybook: people who are signed in, with keys, over one connection each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::{UserId, VehicleId};
use eventlog::Log;
use hdrhistogram::Histogram;
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::Interval;
use uuid::Uuid;

use super::Plan;
use super::served::Served;
use super::usual::{pace, text};
use super::wire::Wire;
use crate::booking::MESSAGE;
use crate::clients::{Client, Contestant, Measured};
use crate::error::Failure;
use crate::place::Place;
use crate::real::Real;
use crate::report::Printer;

/// Hours from one booking of a car to the next.
const APART_H: i64 = 2;
/// Bookings of one car before the next one is taken: a calendar of ordinary length.
const BOOKINGS_PER_CAR: i64 = 50;
/// Cars of one client that are listed before anything is measured; whoever needs more lists them on the way.
const CARS: usize = 4;
const REGISTER: &str =
    "mutation($input: RegisterUserInput!) { registerUser(input: $input) { accessToken user { id } userErrors { code } } }";
const REQUEST: &str = "mutation($input: RequestBookingInput!) { requestBooking(input: $input) { booking { id status total { amount } } \
                       receipt { position } userErrors { code } } }";
const APPROVE: &str = "mutation($input: ApproveBookingInput!) { approveBooking(input: $input) { booking { id status payment { orderId } } \
                       receipt { position } userErrors { code } } }";
const CONFIRM: &str = "mutation($input: ConfirmPaymentInput!) { confirmPayment(input: $input) { payment { id status } \
                       receipt { position } userErrors { code } } }";
const POINT: &str = "query($id: ID!) { booking(id: $id) { id status startsAt total { amount currency } vehicle { id make model } \
                     guest { id name } payment { id status orderId } } }";

/// A served book, and a second way into its log for what is prepared.
pub struct Product {
    /// Its process.
    pub served: Served,
    /// How long each mutation takes.
    pub steps: Arc<Steps>,
    log: Log,
    real: Real,
    rate: Option<f64>,
}

impl Product {
    /// Serves a fresh book.
    pub async fn start(place: &Place, plan: &Plan) -> Result<Self, Failure> {
        let served = Served::daybook(place, plan).await?;
        let log = place.log().await?;
        Ok(Self { served, steps: Arc::default(), real: Real::new(log.clone()), log, rate: plan.rate })
    }

    /// Ends it.
    pub async fn stop(self) -> Result<(), Failure> {
        self.log.close().await;
        self.served.stop().await
    }

    /// Somebody who registered, proved their address and is signed in.
    async fn person(&self, wire: &mut Wire, role: &str) -> Result<(UserId, String), Failure> {
        let input = json!({
            "email": format!("{}@example.kr", Uuid::new_v4().simple()), "password": "Correct-horse-battery-9", "name": "김민준",
            "phone": "010-1234-5678", "role": role,
        });
        let data = wire.send("", REGISTER, json!({ "input": input })).await?;
        let payload = accepted(&data, "registerUser")?;
        let user = text(&payload["user"]["id"]).parse().map_err(|_| Failure::Wrong(payload.to_string()))?;
        self.real.prove(user).await?;
        Ok((user, text(&payload["accessToken"])))
    }

    /// A guest and a host with cars, on one connection.
    pub async fn pair(&self, cars: usize) -> Result<Pair, Failure> {
        let mut wire = Wire::connect(self.served.address).await?;
        let (_, guest) = self.person(&mut wire, "GUEST").await?;
        let (owner, host) = self.person(&mut wire, "HOST").await?;
        let mut listed = Vec::with_capacity(cars);
        for _ in 0..cars {
            listed.push(self.real.car(owner).await?);
        }
        Ok(Pair { wire, real: self.real.clone(), owner, guest, host, cars: listed, booked: 0 })
    }
}

/// A guest and a host, on one connection.
pub struct Pair {
    wire: Wire,
    real: Real,
    owner: UserId,
    /// The guest's token.
    pub guest: String,
    host: String,
    cars: Vec<VehicleId>,
    booked: i64,
}

/// What the payer's browser brings back.
pub struct Checkout {
    booking: String,
    total: String,
    order: String,
}

/// A booking that waits for its host.
pub struct Requested {
    /// Its id.
    pub booking: String,
    total: String,
}

impl Pair {
    /// The guest asks for a car.
    pub async fn request(&mut self) -> Result<Requested, Failure> {
        if self.booked == BOOKINGS_PER_CAR {
            self.cars.pop();
            self.booked = 0;
        }
        if self.cars.is_empty() {
            self.cars.push(self.real.car(self.owner).await?);
        }
        let now = Timestamp::now();
        let at = |hours| now.checked_add(SignedDuration::from_hours(hours)).unwrap_or(now).to_string();
        let from = 48 + APART_H * self.booked;
        let input = json!({
            "idempotencyKey": Uuid::new_v4(), "vehicleId": self.cars.last().map(ToString::to_string), "startsAt": at(from),
            "endsAt": at(from + 1), "message": MESSAGE,
        });
        let data = self.wire.send(&self.guest, REQUEST, json!({ "input": input })).await?;
        let booking = &accepted(&data, "requestBooking")?["booking"];
        self.booked += 1;
        Ok(Requested { booking: text(&booking["id"]), total: text(&booking["total"]["amount"]) })
    }

    /// The host says yes.
    pub async fn approve(&mut self, Requested { booking, total }: Requested) -> Result<Checkout, Failure> {
        let input = json!({ "idempotencyKey": Uuid::new_v4(), "bookingId": booking });
        let data = self.wire.send(&self.host, APPROVE, json!({ "input": input })).await?;
        let order = text(&accepted(&data, "approveBooking")?["booking"]["payment"]["orderId"]);
        Ok(Checkout { booking, total, order })
    }

    /// The guest pays.
    async fn confirm(&mut self, Checkout { booking, total, order }: Checkout) -> Result<(), Failure> {
        let input = json!({
            "idempotencyKey": Uuid::new_v4(), "bookingId": booking, "orderId": order,
            "paymentKey": format!("sandbox-ok-{}", Uuid::new_v4()),
            "amount": { "amount": total, "currency": "KRW" },
        });
        let data = self.wire.send(&self.guest, CONFIRM, json!({ "input": input })).await?;
        let payload = accepted(&data, "confirmPayment")?;
        if payload["payment"]["status"] == "COMPLETED" { Ok(()) } else { Err(Failure::Wrong(payload.to_string())) }
    }
}

/// The one field of a payload, which must not be refused.
fn accepted<'a>(data: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    let payload = &data[name];
    match payload["userErrors"].as_array() {
        Some(errors) if errors.is_empty() => Ok(payload),
        Some(_) | None => Err(Failure::Wrong(data.to_string())),
    }
}

/// A client, from booking to booking.
pub struct ProductClient {
    pair: Pair,
    step: Step,
    steps: Arc<Steps>,
    pace: Option<Interval>,
}

enum Step {
    Request,
    Approve(Requested),
    Confirm(Checkout),
}

impl Contestant for Product {
    type Client = ProductClient;

    async fn client(&self) -> Result<ProductClient, Failure> {
        Ok(ProductClient { pair: self.pair(CARS).await?, step: Step::Request, steps: self.steps.clone(), pace: self.rate.map(pace) })
    }
}

impl Client for ProductClient {
    async fn due(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.tick().await;
        }
    }

    async fn next(&mut self) -> Result<u64, Failure> {
        let began = Instant::now();
        let (which, step) = match std::mem::replace(&mut self.step, Step::Request) {
            Step::Request => (0, Step::Approve(self.pair.request().await?)),
            Step::Approve(requested) => (1, Step::Confirm(self.pair.approve(requested).await?)),
            Step::Confirm(checkout) => {
                self.pair.confirm(checkout).await?;
                (2, Step::Request)
            }
        };
        self.steps.record(which, began.elapsed());
        self.step = step;
        Ok(1)
    }
}

/// How long each of the three mutations takes, in microseconds.
pub struct Steps([Mutex<Histogram<u64>>; 3]);

impl Default for Steps {
    fn default() -> Self {
        let empty = || Mutex::new(Measured::new().latencies);
        Self([empty(), empty(), empty()])
    }
}

impl Steps {
    fn record(&self, step: usize, took: Duration) {
        if let Some(histogram) = self.0.get(step) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            histogram.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
        }
    }

    /// A line for each.
    pub fn print(&self, printer: Printer) -> Result<(), Failure> {
        for (name, histogram) in ["  requestBooking", "  approveBooking", "  confirmPayment"].iter().zip(&self.0) {
            let histogram = histogram.lock().unwrap_or_else(PoisonError::into_inner);
            let us = |quantile| histogram.value_at_quantile(quantile) as f64;
            printer.figures(name, &[("p50_us", us(0.5)), ("p99_us", us(0.99)), ("max_us", us(1.0))])?;
        }
        Ok(())
    }
}

/// Clients who ask for one booking each, again and again.
pub struct Points<'p>(pub &'p Product);

/// One of them.
pub struct PointClient {
    pair: Pair,
    booking: String,
}

impl Contestant for Points<'_> {
    type Client = PointClient;

    async fn client(&self) -> Result<PointClient, Failure> {
        let mut pair = self.0.pair(1).await?;
        let requested = pair.request().await?;
        let Checkout { booking, .. } = pair.approve(requested).await?;
        Ok(PointClient { pair, booking })
    }
}

impl Client for PointClient {
    async fn next(&mut self) -> Result<u64, Failure> {
        let data = self.pair.wire.send(&self.pair.guest, POINT, json!({ "id": self.booking })).await?;
        let whole = ["vehicle", "guest", "payment"].iter().all(|name| data["booking"][name]["id"].is_string());
        if whole { Ok(0) } else { Err(Failure::Wrong(data.to_string())) }
    }
}
