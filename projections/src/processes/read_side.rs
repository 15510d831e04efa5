//! Rebuilds that operators ask for: work that is leased, repeated and reported like a call to the outside, and is none.

use domain::projection;

use super::{Call, Intent, Reactions};
use crate::Known;
use crate::process::{Process, Reaction};

/// Has read models built anew.
#[derive(Debug)]
pub struct Rebuilds;

impl Process for Rebuilds {
    const NAME: &'static str = "rebuilds";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        use projection::Event as E;
        let domain::Event::Projection(happened) = &event.event else { return Vec::new() };
        match happened {
            E::ProjectionRebuildRequested { projection, number, dry_run, accept, reason: _ } => {
                let (projection, number, dry_run, accept) = (projection.clone(), *number, *dry_run, *accept);
                vec![Reaction::Effect(Call::Rebuild { projection, number, dry_run, accept })]
            }
            E::ProjectionRebuilt { .. } | E::ProjectionRebuildFailed { .. } | E::ProjectionPaused { .. } | E::ProjectionResumed { .. } => {
                Vec::new()
            }
        }
    }
}
