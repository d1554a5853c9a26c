//! Who may try a password now.
//!
//! Tries are counted by who is tried, through which application and from which
//! address, all three: whoever guesses elsewhere can't lock a user out where
//! that user is (attack K10). The address is that of the connection; headers
//! that claim another don't count (attack K11). Names that nobody has are
//! counted the same, so the lock tells nothing.
//!
//! A try counts from its beginning, so that a hundred at once are a hundred
//! (attack K9). After [`FREE`] failures come pauses, one minute at first,
//! doubled with each further failure up to [`LONGEST`]. Tries within a pause
//! are not looked at and lengthen nothing: after it, the next try counts. A
//! success forgets all.
//!
//! The counts are in memory: a restart forgets them, and each of several
//! brokers counts for itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Timestamp, digest};

/// Failures without a pause.
pub const FREE: u32 = 5;
/// The first pause.
pub const FIRST: Duration = Duration::from_secs(60);
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After so long without a try all is forgotten.
const MEMORY: Duration = Duration::from_secs(3600);
/// The most that are counted.
const MAX: usize = 100_000;

/// Who is tried, through what, from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket([u8; 32]);

impl Bucket {
    /// The bucket of a try. Of an IPv6 address the network counts.
    pub fn new(account: &str, user: &str, client_id: &str, from: Option<IpAddr>) -> Self {
        let from = match from.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V6(ip)) => format!("{:?}", &ip.segments()[..4]),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            None => String::new(),
        };
        let user = user.to_lowercase();
        let text = format!("{account}\0{user}\0{client_id}\0{from}");
        Self(digest::sha256(text.as_bytes()))
    }
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Counts tries.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Bucket, Count>>);

/// There is a pause, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused(pub Duration);

impl Throttle {
    /// Begins a try, which counts as failed unless [`Throttle::succeeded`] follows.
    ///
    /// # Errors
    /// [`Paused`], and then it was none.
    pub fn begin(&self, bucket: Bucket, now: Timestamp) -> Result<(), Paused> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX && !counts.contains_key(&bucket) {
            counts.retain(|_, count| now.since(count.last) < MEMORY);
            if counts.len() >= MAX {
                counts.retain(|_, count| now < count.until);
            }
            if counts.len() >= MAX {
                return Err(Paused(FIRST));
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
        if now.since(count.last) >= MEMORY {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        if count.failures >= FREE {
            let doublings = (count.failures - FREE).min(10);
            count.until = now.plus(FIRST.saturating_mul(1 << doublings).min(LONGEST));
        }
        Ok(())
    }

    /// A try was none after all: nothing was looked at.
    pub fn forgive(&self, bucket: Bucket) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&bucket) {
            count.failures = count.failures.saturating_sub(1);
            count.until = count.last;
        }
    }

    /// A try was right.
    pub fn succeeded(&self, bucket: Bucket) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&bucket);
    }
}
