//! Vehicles whose owner gave no coordinates are looked up by their address (VEH-09, K31).

use domain::ids::VehicleId;
use domain::vehicle;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// Asks the geocoder for vehicles that were registered without coordinates.
#[derive(Debug)]
pub struct Geocoding;

impl Process for Geocoding {
    const NAME: &'static str = "geocoding";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        match (&event.event, id_of(event)) {
            (domain::Event::Vehicle(vehicle::Event::VehicleRegistered { location: None, .. }), Some(id)) => {
                vec![Reaction::Effect(Call::Geocode { vehicle: VehicleId::new(id) })]
            }
            _ => Vec::new(),
        }
    }
}
