//! Numbers for writes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Version;
use crate::base::Timestamp;

/// Gives each write a greater number than any before.
///
/// The clock alone would not do: two writes can share a millisecond, and a
/// record that was removed no longer tells which version it had. The counter
/// alone would start again with the process. So each number is the greater of
/// both, in microseconds since the epoch. None has its two highest bits set, so
/// that it fits a signed number and leaves a bit for a mark.
#[derive(Debug)]
pub(super) struct Versions(AtomicU64);

/// A clock that says more is wrong by a hundred thousand years.
const LATEST: u64 = 1 << 61;

impl Versions {
    /// Continues after `last`.
    pub(super) fn after(last: u64) -> Self {
        Self(AtomicU64::new(last))
    }

    /// The version of a write at `now` over a record of version `previous`.
    pub(super) fn next(&self, now: Timestamp, previous: Option<Version>) -> Version {
        let micros = now.as_millis().saturating_mul(1000).min(LATEST);
        let floor = micros.max(previous.map_or(0, |version| version.0 + 1));
        let step = |last: u64| Some(floor.max(last + 1));
        let last = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step)
            .unwrap_or_default();
        Version(floor.max(last + 1))
    }

    /// The last number given.
    pub(super) fn last(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
