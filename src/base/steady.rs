//! Whether the clock on the wall goes with the time that passes.
//!
//! An NTP step, a restored virtual machine, an operator's mistake: the time of day
//! can be days ahead for a minute. What is removed then, because it seems to have
//! ended, is missing when the clock goes back. So what removes goes by the
//! earliest of the times that it has been lately.

use std::fmt;
use std::time::Duration;

use super::timestamp::Timestamp;

/// A difference that is no jump: clocks are slewed all the time.
const TOLERANCE: Duration = Duration::from_secs(2);
/// How long a time must last until what it was before does not count any more.
pub const SETTLES: Duration = Duration::from_secs(24 * 3600);

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// By how much, in seconds; less than zero if it was set back.
    pub seconds: i64,
    /// The time that it showed then.
    pub to: Timestamp,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, to } = self;
        let how = if *seconds < 0 { "back" } else { "forward" };
        let seconds = seconds.unsigned_abs();
        write!(
            f,
            "jumped {how} by {seconds} s, to {to}; what would have ended by one time and not by the other is kept for a day"
        )
    }
}

/// What is known of the clock.
#[derive(Debug, Default)]
pub struct Steady {
    /// The times that it has been lately, the present one last. None is empty
    /// after the first look.
    courses: Vec<Course>,
    jump: Option<Jump>,
}

/// A time of day that the clock kept to for a while.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// What the clock showed when no time had passed, in milliseconds.
    origin: i64,
    /// How much time had passed when it last was this.
    until: Duration,
}

impl Steady {
    /// One that has not been looked at.
    pub const fn new() -> Self {
        Self {
            courses: Vec::new(),
            jump: None,
        }
    }

    /// Looks at the clock, when so much time has passed since some moment that is
    /// always the same.
    pub fn look(&mut self, wall: Timestamp, passed: Duration) {
        let now = Course {
            origin: signed(wall).saturating_sub(millis(passed)),
            until: passed,
        };
        if let Some(last) = self.courses.last_mut()
            && !is_close(last.origin, now.origin)
        {
            // It may have been that until a moment ago.
            last.until = passed;
            self.jump = Some(Jump {
                seconds: now.origin.saturating_sub(last.origin) / 1000,
                to: wall,
            });
        }
        self.courses.retain(|course| {
            let lately = passed.saturating_sub(course.until) <= SETTLES;
            lately && !is_close(course.origin, now.origin)
        });
        self.courses.push(now);
    }

    /// Learns what the time was before the first look: of a process that ran
    /// before this one, say. Any time may have passed since, so it counts as one
    /// that the clock has been lately.
    pub fn was(&mut self, wall: Timestamp, passed: Duration) {
        let then = Course {
            origin: signed(wall).saturating_sub(millis(passed)),
            until: passed,
        };
        self.courses.insert(0, then);
    }

    /// The earliest that it can be.
    pub fn earliest(&self, passed: Duration) -> Option<Timestamp> {
        let origin = self.courses.iter().map(|course| course.origin).min()?;
        let millis = origin.saturating_add(millis(passed));
        Some(Timestamp::from_millis(
            u64::try_from(millis).unwrap_or_default(),
        ))
    }

    /// The last jump, as long as it is in doubt which time is right.
    pub fn jump(&self) -> Option<Jump> {
        self.jump.filter(|_| self.courses.len() > 1)
    }
}

fn is_close(one: i64, other: i64) -> bool {
    u128::from(one.abs_diff(other)) <= TOLERANCE.as_millis()
}

fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_clock_that_is_slewed_does_not_jump() {
        let mut steady = Steady::new();
        for minute in 0..10_000 {
            // Half a millisecond a second.
            let wall = NOON
                .plus(secs(minute * 60))
                .plus(Duration::from_millis(minute * 30));
            steady.look(wall, secs(minute * 60));
            assert_eq!(steady.jump(), None);
            assert_eq!(steady.earliest(secs(minute * 60)), Some(wall));
        }
    }

    #[test]
    fn f12_d7_ahead_for_a_minute() {
        let mut steady = Steady::new();
        steady.look(NOON, secs(0));
        steady.look(NOON.plus(3 * DAY), secs(30));
        let jump = steady.jump().unwrap();
        assert_eq!(jump.seconds, 3 * 24 * 3600 - 30);
        assert_eq!(steady.earliest(secs(60)), Some(NOON.plus(secs(60))));
        steady.look(NOON.plus(secs(100)), secs(100));
        assert!(steady.jump().unwrap().seconds < 0, "back again");
        assert_eq!(steady.earliest(secs(200)), Some(NOON.plus(secs(200))));
    }

    #[test]
    fn a_time_that_lasts_is_believed() {
        let mut steady = Steady::new();
        steady.look(NOON, secs(0));
        let passed = SETTLES + secs(1);
        steady.look(NOON.plus(3 * DAY), secs(1));
        steady.look(NOON.plus(3 * DAY).plus(passed), secs(1) + passed);
        assert_eq!(steady.jump(), None);
        let now = NOON.plus(3 * DAY).plus(passed);
        assert_eq!(steady.earliest(secs(1) + passed), Some(now));
    }

    #[test]
    fn f12_d7_ahead_when_the_process_starts() {
        let mut steady = Steady::new();
        steady.look(NOON.plus(3 * DAY), secs(5));
        steady.was(NOON, secs(5));
        assert_eq!(steady.earliest(secs(6)), Some(NOON.plus(secs(1))));
        assert_eq!(steady.jump(), None, "or the machine was off for three days");
    }

    #[test]
    fn set_back_before_the_epoch_and_beyond_its_end() {
        let mut steady = Steady::new();
        steady.look(Timestamp::from_millis(u64::MAX), secs(1));
        steady.look(Timestamp::from_millis(0), secs(u64::MAX));
        assert!(steady.earliest(secs(2)).is_some());
    }
}
