//! Clients of the peer: the same three mutations, as nobody and without keys.

use serde_json::{Value, json};
use tokio::time::Interval;
use uuid::Uuid;

use super::served::Served;
use super::wire::Wire;
use crate::clients::{Client, Contestant};
use crate::error::Failure;
use crate::place::Place;

const REQUEST: &str = "mutation($vehicle: UUID!) { requestBooking(vehicle: $vehicle) { id total status } }";
const APPROVE: &str = "mutation($booking: UUID!) { approveBooking(booking: $booking) { id total status } }";
const CONFIRM: &str = "mutation($booking: UUID!) { confirmPayment(booking: $booking) { id total status } }";

/// The peer, served.
pub struct Usual {
    /// Its process.
    pub served: Served,
    /// Mutations a second of one client.
    rate: Option<f64>,
}

impl Usual {
    /// Serves it on a fresh database.
    pub async fn start(place: &Place, rate: Option<f64>) -> Result<Self, Failure> {
        Ok(Self { served: Served::peer(place).await?, rate })
    }
}

/// One client.
pub struct UsualClient {
    wire: Wire,
    booking: Option<String>,
    step: u8,
    pace: Option<Interval>,
}

impl Contestant for Usual {
    type Client = UsualClient;

    async fn client(&self) -> Result<UsualClient, Failure> {
        Ok(UsualClient { wire: Wire::connect(self.served.address).await?, booking: None, step: 0, pace: self.rate.map(pace) })
    }
}

/// So many a second; what comes late is sent at once.
pub fn pace(rate: f64) -> Interval {
    tokio::time::interval(std::time::Duration::from_secs_f64(1.0 / rate.max(0.001)))
}

impl Client for UsualClient {
    async fn due(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.tick().await;
        }
    }

    async fn next(&mut self) -> Result<u64, Failure> {
        let booking = || json!({ "booking": self.booking });
        let (name, query, variables, status) = match self.step {
            0 => ("requestBooking", REQUEST, json!({ "vehicle": Uuid::new_v4() }), "REQUESTED"),
            1 => ("approveBooking", APPROVE, booking(), "APPROVED"),
            _ => ("confirmPayment", CONFIRM, booking(), "PAID"),
        };
        let data = self.wire.send("", query, variables).await?;
        let shown = &data[name];
        if shown["status"] != status || shown["total"].is_null() {
            return Err(Failure::Wrong(data.to_string()));
        }
        self.booking = shown["id"].as_str().map(str::to_owned);
        self.step = (self.step + 1) % 3;
        Ok(1)
    }
}

/// What a payload is not to lack.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
