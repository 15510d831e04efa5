//! When an outside system is asked again (domain.md §7: 5 s · 15 s · 1 min · 5 min …, alert after 1 h).

use kernel::Timestamp;
use kernel::jiff::SignedDuration;

/// Waits between two questions, in seconds; the last one repeats.
const WAITS_S: [i64; 10] = [5, 15, 60, 300, 900, 1_800, 3_600, 10_800, 43_200, 86_400];
/// An outcome that is unknown for longer than this is an operator's business (L8).
pub const ALERT_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// When to ask for the `asked + 1`-th time.
#[must_use]
pub fn ask_again_at(now: Timestamp, asked: u32) -> Timestamp {
    let last = WAITS_S.len() - 1;
    let wait = WAITS_S[usize::try_from(asked).map_or(last, |n| n.min(last))];
    now.checked_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX)
}
