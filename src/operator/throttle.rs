//! A limit to guessing that a third party can't turn against an operator.
//!
//! Guesses are counted by email *and* by where they come from: the browser, if
//! it has logged in as this operator before, else the neighbour's address. A
//! stranger's guesses therefore never slow down a browser the operator has used
//! (attack K10). A guess counts before its password is checked, so that a
//! hundred at once are a hundred (K9).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Timestamp, digest};

/// Guesses that cost nothing.
const FREE: u32 = 5;
/// The longest wait between two guesses.
const LONGEST: Duration = Duration::from_secs(300);
/// When a place that was silent is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// How many places are remembered.
const PLACES: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    next: Timestamp,
    last: Timestamp,
}

/// Who tries how often.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<[u8; 32], Tries>>);

impl Throttle {
    fn key(email: &str, place: &str) -> [u8; 32] {
        digest::sha256(format!("{email}\n{place}").as_bytes())
    }

    /// Counts a guess; an error says how long to wait instead.
    pub fn guess(&self, email: &str, place: &str, now: Timestamp) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PLACES {
            known.retain(|_, tries| now.since(tries.last) < FORGET);
        }
        if known.len() >= PLACES {
            // Room for the newest: the least determined are forgotten.
            known.retain(|_, tries| tries.count > FREE);
        }
        let tries = known.entry(Self::key(email, place)).or_insert(Tries {
            count: 0,
            next: now,
            last: now,
        });
        if now.since(tries.last) >= FORGET {
            tries.count = 0;
        }
        if now < tries.next {
            return Err(tries.next.since(now));
        }
        tries.count += 1;
        tries.last = now;
        if tries.count >= FREE {
            let wait = Duration::from_secs(1 << (tries.count - FREE + 1).min(10));
            tries.next = now.plus(wait.min(LONGEST));
        }
        Ok(())
    }

    /// Forgets the guesses of someone who then knew the password.
    pub fn succeeded(&self, email: &str, place: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&Self::key(email, place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_does_not_lock_out_the_operators_own_browser() {
        let throttle = Throttle::default();
        let now = Timestamp::from_secs(1_000);
        for _ in 0..200 {
            let _ = throttle.guess("ada@example.test", "203.0.113.9", now);
        }
        assert!(
            throttle
                .guess("ada@example.test", "203.0.113.9", now)
                .is_err()
        );
        assert!(throttle.guess("ada@example.test", "device", now).is_ok());
        let later = now.plus(LONGEST);
        assert!(
            throttle
                .guess("ada@example.test", "203.0.113.9", later)
                .is_ok()
        );
    }

    #[test]
    fn waits_grow_and_a_success_ends_them() {
        let throttle = Throttle::default();
        let now = Timestamp::from_secs(1_000);
        for _ in 0..FREE {
            throttle.guess("a@b", "x", now).unwrap();
        }
        let wait = throttle.guess("a@b", "x", now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
        throttle.guess("a@b", "x", now.plus(wait)).unwrap();
        let longer = throttle.guess("a@b", "x", now.plus(wait)).unwrap_err();
        assert_eq!(longer, Duration::from_secs(4));
        throttle.succeeded("a@b", "x");
        throttle.guess("a@b", "x", now).unwrap();
    }
}
