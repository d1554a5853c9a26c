//! Limits to guessing at many names, which no name's own pauses slow (threat F30).
//!
//! A try counts at its broker from its beginning, so that a hundred at once are a
//! hundred. A try that failed counts in the store too, so that all brokers on it share
//! the limit, and one that ends takes nothing with it. So a limit is passed at most by
//! the tries that are under way at the other brokers, which is what they hash at once.
//! A try that was right writes nothing.

use std::net::IpAddr;
use std::sync::Arc;

use super::recent::Recent;
use super::throttle::{Bucket, NotNow, Paused};
use crate::base::{Allowance, Rate, Spent, Timestamp, digest};
use crate::store::{Keyspace, Space, Store, StoreError};

static FAILURES: Space = Space::transient("failures").expiring();
/// When all that was used of an allowance will be there again, which is within the hour.
const FULL_AT: Recent<Timestamp> = Recent::new(Keyspace::new(&FAILURES));

pub(super) fn space() -> &'static Space {
    &FAILURES
}

/// Failures that count against an allowance, for each bucket.
pub struct Failures {
    store: Arc<dyn Store>,
    /// What fails, a word of the caller's.
    whose: &'static str,
    allowance: Allowance,
    here: Rate<Bucket>,
}

impl Failures {
    /// The failures in a store of what `whose` says.
    pub fn new(store: Arc<dyn Store>, whose: &'static str, allowance: Allowance) -> Self {
        Self {
            store,
            whose,
            allowance,
            here: Rate::new(allowance),
        }
    }

    fn id(&self, bucket: Bucket) -> [u8; 32] {
        digest::sha256(&[self.whose.as_bytes(), &[0], bucket.as_bytes()].concat())
    }

    /// Begins a try, which counts as failed at this broker unless
    /// [`Failures::take_back`] follows, and at all once [`Failures::failed`] does.
    ///
    /// # Errors
    /// [`NotNow`]: the try is refused and not counted.
    pub async fn begin(&self, bucket: Bucket, now: Timestamp) -> Result<(), NotNow> {
        let paused = |Spent(left)| NotNow::Paused(Paused(left));
        let known = FULL_AT.get(&*self.store, &self.id(bucket), now).await;
        let known = known.map_err(NotNow::Store)?;
        self.allowance.after_one_more(known, now).map_err(paused)?;
        self.here.take(bucket, now).map_err(paused)
    }

    /// The try was right, or nothing was compared.
    pub fn take_back(&self, bucket: Bucket, now: Timestamp) {
        self.here.give_back(&bucket, now);
    }

    /// The try failed.
    pub async fn failed(&self, bucket: Bucket, now: Timestamp) -> Result<(), StoreError> {
        let id = self.id(bucket);
        let counted = FULL_AT.change(&*self.store, &id, now, |known| {
            self.allowance.after_one_more(known, now)
        });
        // What is used up already stays so.
        counted.await.map(drop)
    }
}

/// Failures by the range of addresses that they come from, and in all.
pub struct Spread {
    by_range: Failures,
    in_all: Failures,
}

impl Spread {
    /// The failures in a store of what `whose` says.
    pub fn new(
        store: &Arc<dyn Store>,
        whose: &'static str,
        by_range: Allowance,
        in_all: Allowance,
    ) -> Self {
        Self {
            by_range: Failures::new(Arc::clone(store), whose, by_range),
            in_all: Failures::new(Arc::clone(store), whose, in_all),
        }
    }

    fn all() -> Bucket {
        Bucket::of(&["in all"])
    }

    /// Begins a try, which counts as failed unless [`Spread::take_back`] follows.
    /// `from` is a client's address, where clients are told apart.
    ///
    /// # Errors
    /// [`NotNow`]: the try is refused and not counted.
    pub async fn begin(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), NotNow> {
        let range = from.map(Bucket::range);
        if let Some(range) = range {
            self.by_range.begin(range, now).await?;
        }
        let begun = self.in_all.begin(Self::all(), now).await;
        if let (Err(_), Some(range)) = (&begun, range) {
            self.by_range.take_back(range, now);
        }
        begun
    }

    /// The try was right, or no password was compared.
    pub fn take_back(&self, from: Option<IpAddr>, now: Timestamp) {
        if let Some(from) = from {
            self.by_range.take_back(Bucket::range(from), now);
        }
        self.in_all.take_back(Self::all(), now);
    }

    /// The try failed.
    pub async fn failed(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), StoreError> {
        if let Some(from) = from {
            self.by_range.failed(Bucket::range(from), now).await?;
        }
        self.in_all.failed(Self::all(), now).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::ManualClock;
    use crate::store::MemoryStore;

    const BY_RANGE: Allowance = Allowance {
        burst: 5,
        every: Duration::from_secs(10),
    };
    const IN_ALL: Allowance = Allowance {
        burst: 12,
        every: Duration::from_secs(1),
    };

    /// How many of so many tries from an address are let through, and fail.
    async fn fail(spread: &Spread, from: &str, times: u32, now: Timestamp) -> u32 {
        let from = Some(from.parse().unwrap());
        let mut failed = 0;
        for _ in 0..times {
            match spread.begin(from, now).await {
                Ok(()) => {
                    spread.failed(from, now).await.unwrap();
                    failed += 1;
                }
                Err(NotNow::Paused(Paused(left))) => assert!(!left.is_zero()),
                Err(NotNow::Store(error)) => panic!("{error}"),
            }
        }
        failed
    }

    #[tokio::test]
    async fn f30_brokers_on_a_store_share_the_limit_and_a_new_one_has_it_too() {
        let now = Timestamp::from_secs(1_000_000);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(ManualClock::new(now))));
        let broker = || Spread::new(&store, "tests", BY_RANGE, IN_ALL);
        let (one, two) = (broker(), broker());
        assert_eq!(fail(&one, "192.0.2.1", 3, now).await, 3);
        // Of the same range, at another broker.
        assert_eq!(fail(&two, "192.0.2.77", 10, now).await, 2);
        assert_eq!(fail(&broker(), "192.0.2.1", 10, now).await, 0);
        // From elsewhere, until it is too much in all.
        assert_eq!(fail(&one, "198.51.100.1", 10, now).await, 5);
        assert_eq!(fail(&two, "203.0.113.1", 10, now).await, 2);
        assert_eq!(fail(&broker(), "2001:db8::1", 10, now).await, 0);
        let later = now.plus(Duration::from_secs(10));
        assert_eq!(fail(&two, "192.0.2.1", 10, later).await, 1);
        // Another kind of failures is counted apart.
        let other = Spread::new(&store, "others", BY_RANGE, IN_ALL);
        assert_eq!(fail(&other, "192.0.2.1", 10, now).await, 5);
    }

    #[tokio::test]
    async fn tries_that_are_under_way_count_and_right_ones_do_not() {
        let now = Timestamp::from_secs(1_000_000);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(ManualClock::new(now))));
        let spread = Spread::new(&store, "tests", BY_RANGE, IN_ALL);
        let from = Some("192.0.2.1".parse().unwrap());
        for _ in 0..100 {
            spread.begin(from, now).await.unwrap();
            spread.take_back(from, now);
        }
        for _ in 0..5 {
            spread.begin(from, now).await.unwrap();
        }
        spread.begin(from, now).await.unwrap_err();
    }
}
