//! How often something may happen: so many times at once, and one more after each
//! period. In memory; a restart forgets.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Timestamp;

/// The most that are told apart.
const MAX_KEYS: usize = 100_000;

/// So many times at once, and one more after each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many at once.
    pub burst: u32,
    /// After how long there is one more.
    pub every: Duration,
}

impl Allowance {
    /// Uses one more, where all that was used will be there again at `full_at`. Gives
    /// when that will be then.
    ///
    /// # Errors
    /// [`Spent`]: there is none.
    pub fn after_one_more(
        self,
        full_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Timestamp, Spent> {
        let whole = self.every.saturating_mul(self.burst);
        // A clock that was set back leaves nobody waiting for longer than the whole.
        let full = full_at.unwrap_or(now).clamp(now, now.plus(whole));
        let after = full.plus(self.every);
        let over = after.since(now).saturating_sub(whole);
        if over.is_zero() {
            Ok(after)
        } else {
            Err(Spent(over))
        }
    }
}

/// Counts against an allowance, for each key.
#[derive(Debug)]
pub struct Rate<K> {
    allowance: Allowance,
    /// When all that was used will be there again.
    full_at: Mutex<HashMap<K, Timestamp>>,
}

/// There is nothing left, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent(pub Duration);

impl<K: Eq + Hash> Rate<K> {
    /// Nothing is used yet.
    pub fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            full_at: Mutex::default(),
        }
    }

    /// Uses one.
    ///
    /// # Errors
    /// [`Spent`]: there is none, and nothing is counted.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), Spent> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KEYS && !all.contains_key(&key) {
            all.retain(|_, full| *full > now);
            if all.len() >= MAX_KEYS {
                return Err(Spent(self.allowance.every));
            }
        }
        let known = all.get(&key).copied();
        let after = self.allowance.after_one_more(known, now)?;
        all.insert(key, after);
        Ok(())
    }

    /// Gives one back.
    pub fn give_back(&self, key: &K, now: Timestamp) {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = all.get_mut(key) {
            *full = full.minus(self.allowance.every);
            if *full <= now {
                all.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_one_more_after_each_period() {
        let rate = Rate::new(Allowance {
            burst: 3,
            every: Duration::from_secs(10),
        });
        let now = Timestamp::from_secs(1_000);
        for _ in 0..3 {
            rate.take("a", now).unwrap();
        }
        assert_eq!(rate.take("a", now), Err(Spent(Duration::from_secs(10))));
        rate.take("b", now).unwrap();
        let later = now.plus(Duration::from_secs(10));
        rate.take("a", later).unwrap();
        assert_eq!(rate.take("a", later), Err(Spent(Duration::from_secs(10))));
        rate.give_back(&"a", later);
        rate.take("a", later).unwrap();
        let much_later = now.plus(Duration::from_secs(1_000));
        for _ in 0..3 {
            rate.take("a", much_later).unwrap();
        }
        rate.take("a", much_later).unwrap_err();
        // The clock is set back.
        rate.take("a", now.minus(Duration::from_secs(500)))
            .unwrap_err();
    }
}
