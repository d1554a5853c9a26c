//! Writes that nobody waits for: how many are not on disk, and since when.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::SOON;

/// Counts them between two syncs.
#[derive(Debug, Default)]
pub(super) struct Unawaited(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// All there ever were.
    written: u64,
    /// How many of them are on disk.
    settled: u64,
    /// When the first that is not was made, or a little earlier.
    since: Option<Instant>,
}

impl Unawaited {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after such a write: a sync that counts it has it.
    pub(super) fn add(&self) {
        let mut waiting = self.waiting();
        waiting.written += 1;
        waiting.since.get_or_insert_with(Instant::now);
    }

    /// Whether all are on disk.
    pub(super) fn is_none(&self) -> bool {
        self.waiting().since.is_none()
    }

    /// Whether one has waited for the disk longer than [`SOON`].
    pub(super) fn is_late(&self) -> bool {
        let since = self.waiting().since;
        since.is_some_and(|since| since.elapsed() >= SOON)
    }

    /// How many there are, and when: to be asked before a sync.
    pub(super) fn seen(&self) -> (u64, Instant) {
        (self.waiting().written, Instant::now())
    }

    /// Those that were seen before a sync are on disk after it.
    pub(super) fn settle(&self, (seen, at): (u64, Instant)) {
        let mut waiting = self.waiting();
        waiting.settled = seen;
        waiting.since = (waiting.written > seen).then_some(at);
    }

    /// All are lost; says how many.
    pub(super) fn forget(&self) -> u64 {
        let mut waiting = self.waiting();
        let lost = waiting.written - waiting.settled;
        waiting.settled = waiting.written;
        waiting.since = None;
        lost
    }
}
