//! The clock, passed as a value so that tests move time instead of sleeping.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::steady::{Jump, Steady};

/// How far another party's clock may be off, in seconds.
pub const SKEW: u64 = 60;

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the unit of JWT claims.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment plus `by`, saturating.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The moment so long before; the beginning of time at the earliest.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC, to the second.
    pub fn rfc3339(self) -> String {
        i64::try_from(self.as_secs())
            .ok()
            .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_else(|| format!("{} ms after the epoch", self.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// The present moment, or an earlier one while the clock is in doubt: what had
    /// ended by then has ended, whichever time is right. For removing things.
    fn surely(&self) -> Timestamp;

    /// Learns that it was this late already, in an earlier process.
    fn was(&self, moment: Timestamp);

    /// The last jump of the clock, while it is in doubt which time is right.
    fn jump(&self) -> Option<Jump>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// What is known of the machine's clock, which is one for all.
static STEADY: Mutex<Steady> = Mutex::new(Steady::new());

impl SystemClock {
    /// Time that passes whatever the clock shows, while the machine sleeps too.
    fn passed() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(time).unwrap_or_default()
    }

    fn look() -> (MutexGuard<'static, Steady>, Duration) {
        let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = Self::passed();
        steady.look(Self.now(), passed);
        (steady, passed)
    }
}

impl Clock for SystemClock {
    fn surely(&self) -> Timestamp {
        let (steady, passed) = Self::look();
        steady.earliest(passed).unwrap_or_else(|| self.now())
    }

    fn was(&self, moment: Timestamp) {
        let (mut steady, passed) = Self::look();
        steady.was(moment, passed);
    }

    fn jump(&self) -> Option<Jump> {
        Self::look().0.jump()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    passed: Duration,
    steady: Steady,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        let mut steady = Steady::new();
        steady.look(start, Duration::ZERO);
        Self(Arc::new(Mutex::new(Manual {
            now: start,
            passed: Duration::ZERO,
            steady,
        })))
    }

    /// Moves the clock forward, as time does.
    pub fn advance(&self, by: Duration) {
        let mut manual = self.open();
        manual.now = manual.now.plus(by);
        manual.passed = manual.passed.saturating_add(by);
    }

    /// Puts the clock at `moment`, which may be in its past; no time passes.
    pub fn set(&self, moment: Timestamp) {
        self.open().now = moment;
    }

    fn open(&self) -> MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> MutexGuard<'_, Manual> {
        let mut manual = self.open();
        let (now, passed) = (manual.now, manual.passed);
        manual.steady.look(now, passed);
        manual
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new(Timestamp::from_secs(1_800_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.open().now
    }

    fn surely(&self) -> Timestamp {
        let manual = self.look();
        let earliest = manual.steady.earliest(manual.passed);
        earliest.unwrap_or(manual.now)
    }

    fn was(&self, moment: Timestamp) {
        let mut manual = self.look();
        let passed = manual.passed;
        manual.steady.was(moment, passed);
    }

    fn jump(&self) -> Option<Jump> {
        self.look().steady.jump()
    }
}
