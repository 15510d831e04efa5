//! Corrections of the books and where they stand: the source of `adjustments`.

use domain::adjustment::{self, Proposal};
use domain::ids::UserId;
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per adjustment; the key is its id.
#[derive(Debug)]
pub struct Adjustments;

/// Where an adjustment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentStatus {
    /// A second person must agree.
    Proposed,
    /// In the books.
    Posted,
    /// Called off.
    Declined,
}

impl AdjustmentStatus {
    /// Lower-case name, as the column has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Posted => "posted",
            Self::Declined => "declined",
        }
    }
}

/// An adjustment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdjustmentRow {
    /// What is to be posted, and who asked.
    pub proposal: Proposal,
    /// Why.
    pub reason: Personal<String>,
    /// Where it stands.
    pub status: AdjustmentStatus,
    /// Who agreed or did not.
    pub decided_by: Option<UserId>,
    /// Business time at which it was asked for.
    pub proposed_at: Timestamp,
}

impl ReadModel for Adjustments {
    const NAME: &'static str = "adjustments";
    const VERSION: u32 = 1;
    type Row = AdjustmentRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("status"), Column::timestamp("proposed_at").indexed()] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Adjustment(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<AdjustmentRow>, event: &Known) -> Result<Option<AdjustmentRow>, Poison> {
        let Event::Adjustment(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            adjustment::Event::AdjustmentProposed { proposal, reason } => {
                let (proposal, reason, status) = (proposal.clone(), reason.clone(), AdjustmentStatus::Proposed);
                begin(row, event, AdjustmentRow { proposal, reason, status, decided_by: None, proposed_at: event.recorded.occurred_at })
            }
            adjustment::Event::AdjustmentPosted { approved_by, .. } => change(row, event, |row| {
                (row.status, row.decided_by) = (AdjustmentStatus::Posted, Some(*approved_by));
            }),
            adjustment::Event::AdjustmentDeclined { by, .. } => change(row, event, |row| {
                (row.status, row.decided_by) = (AdjustmentStatus::Declined, Some(*by));
            }),
        }
    }

    fn index(_key: &str, row: &AdjustmentRow) -> Vec<Value> {
        vec![row.status.name().into(), row.proposed_at.into()]
    }
}
