//! Lanes: what one provider does must not be felt by the logins of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::OutboundError;
use crate::base::{Clock, Timestamp};

/// Requests that may be under way in one lane.
const IN_FLIGHT: usize = 64;
/// The part of a request's time that it may spend waiting for its turn.
const WAIT_DIVISOR: u32 = 4;
/// Failures in a row that open the breaker.
const FAILURES: u32 = 5;
/// Faults in a row that open it: answers such as 500, which some providers give to a
/// code that a visitor made up.
const FAULTS: u32 = 20;
/// What a failure and a fault count, and what opens the breaker.
const FAILURE: u32 = FAULTS;
const FAULT: u32 = FAILURES;
const OPEN_AT: u32 = FAILURES * FAULTS;
/// How long an open breaker lets nothing through.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// When to come back while somebody else's probe is under way.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// Lanes remembered.
const MAX_LANES: usize = 10_000;

/// How a request in a lane went, as far as the provider's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered.
    Good,
    /// It didn't, or said that it can't.
    Bad,
    /// It answered with a fault of its own, which a visitor may have brought about.
    Faulty,
    /// Nothing was learnt.
    Unknown,
}

/// All lanes.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<String, Arc<Lane>>>);

impl Lanes {
    /// The lane of that name, if it is in use.
    pub(super) fn known(&self, name: &str) -> Option<Arc<Lane>> {
        lock(&self.0).get(name).map(Arc::clone)
    }

    /// The lane of that name.
    pub(super) fn get(&self, name: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.0);
        if let Some(lane) = lanes.get(name) {
            return Arc::clone(lane);
        }
        if lanes.len() >= MAX_LANES {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lock(&lane.breaker).is_new());
            if lanes.len() >= MAX_LANES {
                // Every one of them is failing: forget that rather than grow.
                lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
            }
        }
        let lane = Arc::new(Lane::default());
        lanes.insert(name.to_owned(), Arc::clone(&lane));
        lane
    }
}

/// A bulkhead and a circuit breaker.
pub(super) struct Lane {
    slots: Semaphore,
    breaker: Mutex<Breaker>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            slots: Semaphore::new(IN_FLIGHT),
            breaker: Mutex::default(),
        }
    }
}

impl Lane {
    /// Fails while the breaker lets nothing through.
    ///
    /// # Errors
    /// [`OutboundError::BreakerOpen`].
    pub(super) fn check(&self, clock: &dyn Clock) -> Result<(), OutboundError> {
        lock(&self.breaker).is_open(clock.now())
    }

    /// Waits for a turn, for a fraction of `total` at most.
    ///
    /// # Errors
    /// [`OutboundError::BreakerOpen`] or [`OutboundError::Busy`].
    pub(super) async fn enter(
        &self,
        clock: &dyn Clock,
        total: Duration,
    ) -> Result<LanePermit<'_>, OutboundError> {
        let slot = if let Ok(slot) = self.slots.try_acquire() {
            slot
        } else {
            // A full lane is a slow one: don't add to the line in front of an open breaker.
            lock(&self.breaker).check(clock.now())?;
            match tokio::time::timeout(total / WAIT_DIVISOR, self.slots.acquire()).await {
                Ok(Ok(slot)) => slot,
                Ok(Err(_)) | Err(_) => return Err(OutboundError::Busy),
            }
        };
        let probe = lock(&self.breaker).admit(clock.now())?;
        Ok(LanePermit {
            lane: self,
            probe,
            settled: false,
            _slot: slot,
        })
    }
}

/// A turn in a lane. Dropped without [`LanePermit::settle`] (the visitor went away), it
/// teaches nothing, but gives the turn back.
pub(super) struct LanePermit<'a> {
    lane: &'a Lane,
    probe: bool,
    settled: bool,
    _slot: SemaphorePermit<'a>,
}

impl LanePermit<'_> {
    /// Ends the turn and remembers how it went.
    pub(super) fn settle(mut self, now: Timestamp, health: Health) {
        self.settled = true;
        lock(&self.lane.breaker).record(now, self.probe, health);
    }
}

impl Drop for LanePermit<'_> {
    fn drop(&mut self) {
        if self.probe && !self.settled {
            lock(&self.lane.breaker).probing = false;
        }
    }
}

/// Closed while `open_until` is `None`, open until that moment, half-open after it.
#[derive(Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Timestamp>,
    probing: bool,
}

impl Breaker {
    fn is_new(&self) -> bool {
        self.failures == 0 && self.open_until.is_none()
    }

    /// Fails while it lets nothing through.
    fn is_open(&self, now: Timestamp) -> Result<(), OutboundError> {
        let left = self
            .open_until
            .map_or(Duration::ZERO, |until| until.since(now));
        // More than it was opened for: the clock was set back. Don't wait for it.
        if left.is_zero() || left > OPEN_FOR {
            return Ok(());
        }
        Err(OutboundError::BreakerOpen { retry_after: left })
    }

    fn check(&self, now: Timestamp) -> Result<(), OutboundError> {
        self.is_open(now)?;
        if self.probing {
            return Err(OutboundError::BreakerOpen {
                retry_after: PROBE_WAIT,
            });
        }
        Ok(())
    }

    /// Lets one through; true if it is the probe of a half-open breaker.
    fn admit(&mut self, now: Timestamp) -> Result<bool, OutboundError> {
        self.check(now)?;
        self.probing = self.open_until.is_some();
        Ok(self.probing)
    }

    fn record(&mut self, now: Timestamp, probe: bool, health: Health) {
        if probe {
            self.probing = false;
        } else if self.open_until.is_some() {
            // A straggler from before it opened: the probe decides, not this.
            return;
        }
        match health {
            Health::Good => *self = Self::default(),
            Health::Bad => {
                self.failures = self.failures.saturating_add(FAILURE);
                if probe || self.failures >= OPEN_AT {
                    self.open_until = Some(now.plus(OPEN_FOR));
                }
            }
            // The probe may be a visitor's who wants it to stay open: the next tells.
            Health::Faulty if probe => {}
            Health::Faulty => {
                self.failures = self.failures.saturating_add(FAULT);
                if self.failures >= OPEN_AT {
                    self.open_until = Some(now.plus(OPEN_FOR));
                }
            }
            Health::Unknown => {}
        }
    }
}

/// No code panics while it holds one of these locks, and what they guard is
/// whole at any moment; a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_lanes_make_room_and_busy_or_failing_ones_stay() {
        let lanes = Lanes::default();
        let busy = lanes.get("busy");
        let now = Timestamp::from_secs(1);
        lock(&lanes.get("failing").breaker).record(now, false, Health::Bad);
        for n in 0..MAX_LANES {
            lanes.get(&n.to_string());
        }
        assert!(lock(&lanes.0).len() < MAX_LANES);
        assert!(Arc::ptr_eq(&busy, &lanes.get("busy")));
        assert_eq!(lock(&lanes.get("failing").breaker).failures, FAILURE);
    }

    #[test]
    fn a_clock_set_back_does_not_keep_the_breaker_open() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.record(Timestamp::from_secs(10_000), false, Health::Bad);
        }
        assert!(breaker.check(Timestamp::from_secs(10_005)).is_err());
        assert!(breaker.check(Timestamp::from_secs(5_000)).is_ok());
    }

    #[test]
    fn f16_faults_in_a_row_open_it_and_a_fault_as_probe_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        let start = Timestamp::from_secs(100);
        for _ in 1..FAULTS {
            breaker.record(start, false, Health::Faulty);
        }
        assert!(breaker.check(start).is_ok());
        breaker.record(start, false, Health::Good);
        for _ in 0..FAULTS {
            assert!(breaker.check(start).is_ok());
            breaker.record(start, false, Health::Faulty);
        }
        assert!(breaker.is_open(start).is_err());
        let later = start.plus(OPEN_FOR);
        assert!(breaker.admit(later).is_ok_and(|probe| probe));
        breaker.record(later, true, Health::Faulty);
        assert!(
            breaker.admit(later).is_ok_and(|probe| probe),
            "the next is the probe"
        );
        breaker.record(later, true, Health::Good);
        assert!(breaker.is_new());
    }

    #[test]
    fn stragglers_neither_close_nor_prolong() {
        let mut breaker = Breaker::default();
        let start = Timestamp::from_secs(100);
        for _ in 0..FAILURES {
            breaker.record(start, false, Health::Bad);
        }
        breaker.record(start, false, Health::Good);
        assert!(breaker.check(start).is_err());
        let later = Timestamp::from_secs(110);
        breaker.record(later, false, Health::Bad);
        assert!(breaker.admit(later).is_ok_and(|probe| probe));
        assert!(breaker.admit(later).is_err(), "one probe at a time");
        breaker.record(later, true, Health::Bad);
        assert!(breaker.check(later).is_err(), "a failed probe opens again");
    }
}
