//! The receipts, in step with the events: each names just the events of its command. Pure.

use uuid::Uuid;

use super::{Fault, Wrong};
use crate::leaf::LeafRecord;

/// What a receipt's row says about events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredReceipt {
    pub first_position: i64,
    pub events: i64,
    pub command_id: Uuid,
    pub refused: bool,
    /// Has it a correlation and a time of its own?
    pub alone: bool,
    /// Has it just one of the two?
    pub torn: bool,
}

/// Receipts in the order of their first positions, matched with the events as they come.
#[derive(Debug)]
pub(super) struct Keyed {
    /// Of the next receipt; those before are done.
    from: u64,
    to: u64,
    /// Is `to` the head, so that no receipt may reach beyond it?
    whole: bool,
    /// The head when the receipts were read; events and receipts may have come since the events were.
    limit: u64,
    /// The receipt that was read ahead, with its first and last position.
    next: Option<(StoredReceipt, u64, u64)>,
    exhausted: bool,
    /// The command of the event before, and whether its receipt covers no more than that.
    before: Option<Uuid>,
    closed: bool,
    seen: u64,
}

impl Keyed {
    /// Before the event at `from`; receipts that begin after `to` belong to nobody's concern.
    pub(super) const fn new(from: u64, to: u64, whole: bool, limit: u64) -> Self {
        Self { from, to, whole, limit, next: None, exhausted: false, before: None, closed: false, seen: 0 }
    }

    /// Receipts so far.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Must another receipt be read before the event at this position can be judged?
    pub(super) fn wants(&self, position: u64) -> bool {
        !self.exhausted && self.next.is_none_or(|(_, _, last)| last < position)
    }

    /// Takes the next receipt; `None`: there are no more.
    pub(super) fn take(&mut self, receipt: Option<StoredReceipt>) -> Result<(), Fault> {
        self.next = None;
        let Some(receipt) = receipt else {
            self.exhausted = true;
            return Ok(());
        };
        let says = |says| Wrong::Receipt { command: receipt.command_id, says };
        let (Ok(first), Ok(events)) = (u64::try_from(receipt.first_position), u64::try_from(receipt.events)) else {
            return Err(Fault { position: None, wrong: says("names no possible positions") });
        };
        // A command without events names the position after the head that it found.
        let after = u64::from(events == 0);
        if first == 0 {
            return Err(Fault { position: None, wrong: says("names no possible positions") });
        }
        if receipt.torn || receipt.alone != (events == 0) {
            return Err(Fault::at(first, says("has not just what it needs: time and correlation are those of its events, if it has any")));
        }
        if first > self.to.saturating_add(after) {
            if self.whole && first > self.limit.saturating_add(after) {
                return Err(Fault::at(first, says("names positions beyond the head")));
            }
            // Stored since the events' snapshot, or beyond the range.
            self.exhausted = !self.whole;
            return Ok(());
        }
        self.seen += 1;
        if events == 0 {
            return Ok(());
        }
        if receipt.refused {
            return Err(Fault::at(first, says("is a refusal, and names events")));
        }
        if first < self.from {
            return Err(Fault::at(first, says("names events of another receipt")));
        }
        let last = first.saturating_add(events - 1);
        if last > self.to && self.whole {
            return Err(Fault::at(self.to + 1, says("names more events than there are")));
        }
        self.from = last + 1;
        self.next = Some((receipt, first, last));
        Ok(())
    }

    /// The next event, of which all else holds.
    pub(super) fn event(&mut self, event: &LeafRecord<'_>) -> Result<(), Fault> {
        let continued = self.before.replace(event.command_id) == Some(event.command_id);
        let wrong = |command, says| Err(Fault::at(event.position, Wrong::Receipt { command, says }));
        if continued && self.closed {
            return wrong(event.command_id, "names fewer events than the command has");
        }
        self.closed = false;
        let Some((receipt, first, last)) = self.next.filter(|(_, first, _)| *first <= event.position) else { return Ok(()) };
        if receipt.command_id != event.command_id {
            return wrong(receipt.command_id, "names an event of another command");
        }
        if continued && first == event.position {
            return wrong(receipt.command_id, "begins after the command's first event");
        }
        self.closed = last == event.position;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: u64, command: u128) -> LeafRecord<'static> {
        LeafRecord {
            position,
            stream: "tally-1",
            version: position,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type: "Added",
            schema_version: 1,
            recorded_at: 10,
            occurred_at: 5,
            actor: "anonymous",
            correlation_id: Uuid::nil(),
            causation_id: None,
            command_id: Uuid::from_u128(command),
            payload_digest: [0; 32],
        }
    }

    fn receipt(command: u128, first_position: i64, events: i64) -> StoredReceipt {
        let command_id = Uuid::from_u128(command);
        StoredReceipt { first_position, events, command_id, refused: false, alone: events == 0, torn: false }
    }

    /// Position and text of the first fault; the commands are those of positions 1, 2, ….
    fn run(commands: &[u128], receipts: &[StoredReceipt]) -> Option<(Option<u64>, String)> {
        let (mut keyed, mut receipts) = (Keyed::new(1, commands.len() as u64, true, commands.len() as u64 + 4), receipts.iter().copied());
        let mut all = || -> Result<(), Fault> {
            for (at, &command) in commands.iter().enumerate() {
                let event = event(at as u64 + 1, command);
                while keyed.wants(event.position) {
                    keyed.take(receipts.next())?;
                }
                keyed.event(&event)?;
            }
            while keyed.wants(u64::MAX) {
                keyed.take(receipts.next())?;
            }
            Ok(())
        };
        all().err().map(|fault| (fault.position, fault.wrong.to_string()))
    }

    #[test]
    fn receipts_name_just_their_events() {
        assert_eq!(
            run(
                &[1, 1, 2, 3],
                &[receipt(1, 1, 2), receipt(9, 3, 0), receipt(3, 4, 1), receipt(8, 5, 0), receipt(7, 5, 2), receipt(6, 9, 0)]
            ),
            None
        );
        assert_eq!(run(&[1, 1, 2], &[]), None);
    }

    #[test]
    fn anything_else_is_found_where_it_begins() {
        let cases: [(&[u128], &[StoredReceipt], u64, &str); 10] = [
            (&[1, 1, 2], &[receipt(1, 1, 1)], 2, "fewer events"),
            (&[1, 2, 2], &[receipt(1, 1, 2)], 2, "another command"),
            (&[1, 1, 2], &[receipt(1, 2, 1)], 2, "after the command's first"),
            (&[1, 2], &[receipt(2, 2, 2)], 3, "more events than there are"),
            (&[1, 1, 2], &[receipt(1, 1, 2), receipt(2, 2, 1)], 2, "of another receipt"),
            (&[1], &[StoredReceipt { refused: true, ..receipt(1, 1, 1) }], 1, "is a refusal"),
            (&[1], &[StoredReceipt { alone: true, ..receipt(1, 1, 1) }], 1, "just what it needs"),
            (&[1], &[StoredReceipt { alone: false, ..receipt(1, 1, 0) }], 1, "just what it needs"),
            (&[1], &[receipt(1, 1, 1), receipt(2, 6, 1)], 6, "beyond the head"),
            (&[1], &[receipt(1, 1, 1), receipt(2, 7, 0)], 7, "beyond the head"),
        ];
        for (commands, receipts, position, text) in cases {
            let found = run(commands, receipts);
            assert!(found.as_ref().is_some_and(|(at, wrong)| *at == Some(position) && wrong.contains(text)), "{text}: {found:?}");
        }
    }

    #[test]
    fn positions_that_cannot_be_are_found() {
        for receipt in [receipt(1, 0, 1), receipt(1, -1, 1), receipt(1, 1, -1), receipt(1, 0, 0)] {
            let found = run(&[1], &[receipt]);
            assert!(found.as_ref().is_some_and(|(at, wrong)| at.is_none() && wrong.contains("no possible positions")), "{found:?}");
        }
    }
}
