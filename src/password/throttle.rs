//! Who may try a password now.
//!
//! Tries are counted by who is tried *and* by where the try comes from, so that
//! whoever guesses elsewhere can't lock anybody out where they are (threat K10).
//! Names that nobody has are counted the same, so a pause tells nothing.
//!
//! A try counts from its beginning, so that a hundred at once are a hundred
//! (threat K9). After [`FAILURES_BEFORE_PAUSE`] failures come pauses, doubled with each further
//! failure up to the longest. Tries within a pause are not looked at and
//! lengthen nothing: after it, the next try counts. A success forgets all.
//!
//! The counts are in memory: a restart forgets them, and each of several
//! brokers counts for itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Allowance, Rate, Spent, Timestamp, digest};

/// Failures without a pause.
pub const FAILURES_BEFORE_PAUSE: u32 = 5;
/// After so long without a try all is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// The most that are counted.
const MAX_BUCKETS: usize = 100_000;

/// Who is tried, from where, and whatever else tells tries apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket([u8; 32]);

impl Bucket {
    /// The bucket of these words.
    pub fn of(words: &[&str]) -> Self {
        Self(digest::sha256(words.join("\0").as_bytes()))
    }

    /// The word for a client's address, which headers count for only where a trusted
    /// proxy wrote them (threat K11). Of an IPv6 address the network counts.
    pub fn place(from: Option<IpAddr>) -> String {
        match from.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V6(ip)) => format!("{:?}", &ip.segments()[..4]),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            None => String::new(),
        }
    }

    /// The range of addresses that a client's belongs to, as somebody may have many
    /// of it: 256 of IPv4, a /48 of IPv6.
    pub fn range(from: IpAddr) -> Self {
        match from.to_canonical() {
            IpAddr::V6(ip) => Self::of(&["6", &format!("{:?}", &ip.segments()[..3])]),
            IpAddr::V4(ip) => Self::of(&["4", &format!("{:?}", &ip.octets()[..3])]),
        }
    }
}

/// Limits to guessing at many names, which no name's own pauses slow: failures by the
/// range of addresses that they come from, and in all (threat F30).
pub struct Spread {
    by_range: Rate<Bucket>,
    in_all: Rate<()>,
}

impl Spread {
    /// One that knows of no failure yet.
    pub fn new(by_range: Allowance, in_all: Allowance) -> Self {
        Self {
            by_range: Rate::new(by_range),
            in_all: Rate::new(in_all),
        }
    }

    /// Begins a try, which counts as failed unless [`Spread::take_back`] follows.
    /// `from` is a client's address, where clients are told apart.
    ///
    /// # Errors
    /// [`Paused`]: the try is refused and not counted.
    pub fn begin(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Paused> {
        let paused = |Spent(left)| Paused(left);
        let range = from.map(Bucket::range);
        if let Some(range) = range {
            self.by_range.take(range, now).map_err(paused)?;
        }
        self.in_all.take((), now).map_err(|spent| {
            if let Some(range) = range {
                self.by_range.give_back(&range, now);
            }
            paused(spent)
        })
    }

    /// The try was right, or no password was compared.
    pub fn take_back(&self, from: Option<IpAddr>, now: Timestamp) {
        if let Some(from) = from {
            self.by_range.give_back(&Bucket::range(from), now);
        }
        self.in_all.give_back(&(), now);
    }
}

/// How long one must wait after too many failures.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Counts tries.
pub struct Throttle {
    pauses: Pauses,
    counts: Mutex<HashMap<Bucket, Count>>,
}

/// There is a pause, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused(pub Duration);

impl Throttle {
    /// One that knows of no try yet.
    pub fn new(pauses: Pauses) -> Self {
        Self {
            pauses,
            counts: Mutex::default(),
        }
    }

    /// Begins a try, which counts as failed unless [`Throttle::succeeded`] follows.
    ///
    /// # Errors
    /// [`Paused`]: the try is refused and not counted.
    pub fn begin(&self, bucket: Bucket, now: Timestamp) -> Result<(), Paused> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_BUCKETS && !counts.contains_key(&bucket) {
            counts.retain(|_, count| now.since(count.last) < FORGET_AFTER);
            if counts.len() >= MAX_BUCKETS {
                counts.retain(|_, count| now < count.until);
            }
            if counts.len() >= MAX_BUCKETS {
                return Err(Paused(self.pauses.first));
            }
        }
        let count = counts.entry(bucket).or_insert(Count {
            failures: 0,
            last: now,
            until: now,
        });
        if now < count.until {
            return Err(Paused(count.until.since(now)));
        }
        if now.since(count.last) >= FORGET_AFTER {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        if count.failures >= FAILURES_BEFORE_PAUSE {
            let doublings = (count.failures - FAILURES_BEFORE_PAUSE).min(10);
            let pause = self.pauses.first.saturating_mul(1 << doublings);
            count.until = now.plus(pause.min(self.pauses.longest));
        }
        Ok(())
    }

    /// Takes a try back: no password was compared.
    pub fn forgive(&self, bucket: Bucket) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&bucket) {
            count.failures = count.failures.saturating_sub(1);
            count.until = count.last;
        }
    }

    /// A try was right.
    pub fn succeeded(&self, bucket: Bucket) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: Pauses = Pauses {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(300),
    };

    #[test]
    fn k10_a_stranger_does_not_lock_anybody_out_elsewhere() {
        let throttle = Throttle::new(PAUSES);
        let now = Timestamp::from_secs(1_000);
        let stranger = Bucket::of(&["ada@example.test", "203.0.113.9"]);
        for _ in 0..200 {
            let _ = throttle.begin(stranger, now);
        }
        assert!(throttle.begin(stranger, now).is_err());
        let own = Bucket::of(&["ada@example.test", "device"]);
        assert!(throttle.begin(own, now).is_ok());
        let later = now.plus(PAUSES.longest);
        assert!(throttle.begin(stranger, later).is_ok());
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_a_success_ends_them() {
        let throttle = Throttle::new(PAUSES);
        let mut now = Timestamp::from_secs(1_000);
        let bucket = Bucket::of(&["a@b.test", "x"]);
        for _ in 0..FAILURES_BEFORE_PAUSE {
            throttle.begin(bucket, now).unwrap();
        }
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let Paused(pause) = throttle.begin(bucket, now).unwrap_err();
            pauses.push(pause.as_secs());
            now = now.plus(pause);
            throttle.begin(bucket, now).unwrap();
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        throttle.succeeded(bucket);
        throttle.begin(bucket, now).unwrap();
    }

    #[test]
    fn of_an_ipv6_address_the_network_counts() {
        let place = |text: &str| Bucket::place(Some(text.parse().unwrap()));
        assert_eq!(place("2001:db8:1:2::7"), place("2001:db8:1:2:ffff::8"));
        assert_ne!(place("2001:db8:1:2::7"), place("2001:db8:1:3::7"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }
}
