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
//! These counts are in the store: all brokers on it share them, and a restart keeps
//! them. How many are made in an hour is limited by [`Spread`] and by what a password
//! costs to check.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recent::{HOUR, Recent};
use crate::base::{Timestamp, digest};
use crate::store::{Keyspace, Space, Store, StoreError};

static TRIES: Space = Space::transient("password_tries").expiring();
const COUNTS: Recent<Count> = Recent::new(Keyspace::new(&TRIES));

/// Failures without a pause, as a rule.
pub const FAILURES_BEFORE_PAUSE: u32 = 5;
/// After so long without a try all is forgotten.
const FORGET_AFTER: Duration = HOUR;

pub(super) fn space() -> &'static Space {
    &TRIES
}

/// Who is tried, from where, and whatever else tells tries apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket([u8; 32]);

impl Bucket {
    /// The bucket of these words.
    pub fn of(words: &[&str]) -> Self {
        Self(digest::sha256(words.join("\0").as_bytes()))
    }

    /// Its name in a store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
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

/// How long one must wait after too many failures.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// How many failures there may be before the first; as a rule [`FAILURES_BEFORE_PAUSE`].
    pub after: u32,
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

#[derive(Clone, Serialize, Deserialize)]
struct Count {
    failures: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Counts tries.
pub struct Throttle {
    store: Arc<dyn Store>,
    /// Whose passwords they are, as people of one name may be shoppers and operators.
    whose: &'static str,
    pauses: Pauses,
}

/// There is a pause, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused(pub Duration);

/// Why a try does not begin.
#[derive(Debug)]
pub enum NotNow {
    /// There is a pause.
    Paused(Paused),
    /// It could not be counted.
    Store(StoreError),
}

impl Throttle {
    /// The tries in a store at the passwords of `whose`, a word of the caller's.
    pub fn new(store: Arc<dyn Store>, whose: &'static str, pauses: Pauses) -> Self {
        Self {
            store,
            whose,
            pauses,
        }
    }

    fn id(&self, bucket: Bucket) -> [u8; 32] {
        digest::sha256(&[self.whose.as_bytes(), &bucket.0[..]].concat())
    }

    /// Begins a try, which counts as failed unless [`Throttle::succeeded`] follows.
    ///
    /// # Errors
    /// [`NotNow`]: the try is refused and not counted.
    pub async fn begin(&self, bucket: Bucket, now: Timestamp) -> Result<(), NotNow> {
        let id = self.id(bucket);
        let counted = COUNTS.change(&*self.store, &id, now, |count| self.next(count, now));
        match counted.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(paused)) => Err(NotNow::Paused(paused)),
            Err(error) => Err(NotNow::Store(error)),
        }
    }

    fn next(&self, count: Option<Count>, now: Timestamp) -> Result<Count, Paused> {
        let fresh = Count {
            failures: 0,
            last: now,
            until: now,
        };
        let mut count = count.unwrap_or(fresh);
        // A clock that was set back leaves nobody waiting for longer than the longest.
        let left = count.until.since(now).min(self.pauses.longest);
        if !left.is_zero() {
            return Err(Paused(left));
        }
        if now.since(count.last) >= FORGET_AFTER {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        if count.failures >= self.pauses.after {
            let doublings = (count.failures - self.pauses.after).min(10);
            let pause = self.pauses.first.saturating_mul(1 << doublings);
            count.until = now.plus(pause.min(self.pauses.longest));
        }
        Ok(count)
    }

    /// Takes a try back: no password was compared. Where it was the only one, nothing is
    /// kept: who tries names without end would fill the memory.
    pub async fn forgive(&self, bucket: Bucket, now: Timestamp) -> Result<(), StoreError> {
        let less = |count: Count| {
            (count.failures > 1).then(|| Count {
                failures: count.failures - 1,
                until: count.last,
                ..count
            })
        };
        let id = self.id(bucket);
        COUNTS.lessen(&*self.store, &id, now, less).await
    }

    /// A try was right.
    pub async fn succeeded(&self, bucket: Bucket, now: Timestamp) -> Result<(), StoreError> {
        COUNTS.forget(&*self.store, &self.id(bucket), now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::store::MemoryStore;

    const PAUSES: Pauses = Pauses {
        after: FAILURES_BEFORE_PAUSE,
        first: Duration::from_secs(2),
        longest: Duration::from_secs(300),
    };

    fn throttle() -> Throttle {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000)));
        Throttle::new(Arc::new(MemoryStore::new(clock)), "people", PAUSES)
    }

    fn pause(outcome: Result<(), NotNow>) -> Duration {
        match outcome {
            Err(NotNow::Paused(Paused(left))) => left,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn k10_a_stranger_does_not_lock_anybody_out_elsewhere() {
        let throttle = throttle();
        let now = Timestamp::from_secs(1_000);
        let stranger = Bucket::of(&["ada@example.test", "203.0.113.9"]);
        for _ in 0..200 {
            let _ = throttle.begin(stranger, now).await;
        }
        pause(throttle.begin(stranger, now).await);
        let own = Bucket::of(&["ada@example.test", "device"]);
        throttle.begin(own, now).await.unwrap();
        let later = now.plus(PAUSES.longest);
        throttle.begin(stranger, later).await.unwrap();
    }

    #[tokio::test]
    async fn pauses_grow_up_to_the_longest_and_a_success_ends_them() {
        let throttle = throttle();
        let mut now = Timestamp::from_secs(1_000);
        let bucket = Bucket::of(&["a@b.test", "x"]);
        for _ in 0..FAILURES_BEFORE_PAUSE {
            throttle.begin(bucket, now).await.unwrap();
        }
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let pause = pause(throttle.begin(bucket, now).await);
            pauses.push(pause.as_secs());
            now = now.plus(pause);
            throttle.begin(bucket, now).await.unwrap();
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        throttle.succeeded(bucket, now).await.unwrap();
        throttle.begin(bucket, now).await.unwrap();
    }

    /// What was counted in an hour's last minute counts in the next one's first.
    #[tokio::test]
    async fn an_hours_end_forgets_nothing() {
        let throttle = throttle();
        let bucket = Bucket::of(&["a@b.test", "x"]);
        let before = Timestamp::from_secs(2 * 3600 - 1);
        for _ in 0..FAILURES_BEFORE_PAUSE {
            throttle.begin(bucket, before).await.unwrap();
        }
        let after = Timestamp::from_secs(2 * 3600);
        assert_eq!(pause(throttle.begin(bucket, after).await).as_secs(), 1);
        let next = after.plus(Duration::from_secs(1));
        throttle.begin(bucket, next).await.unwrap();
        assert_eq!(pause(throttle.begin(bucket, next).await).as_secs(), 4);
        let much_later = next.plus(HOUR);
        for _ in 0..FAILURES_BEFORE_PAUSE {
            throttle.begin(bucket, much_later).await.unwrap();
        }
    }

    #[test]
    fn of_an_ipv6_address_the_network_counts() {
        let place = |text: &str| Bucket::place(Some(text.parse().unwrap()));
        assert_eq!(place("2001:db8:1:2::7"), place("2001:db8:1:2:ffff::8"));
        assert_ne!(place("2001:db8:1:2::7"), place("2001:db8:1:3::7"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }
}
