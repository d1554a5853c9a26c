//! How many codes are sent: to an address, for a client, for an account.
//!
//! The counts are in memory: a restart forgets them, and each of several brokers
//! counts for itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::error::LoginError;
use crate::base::{AccountId, Timestamp};
use crate::password::Bucket;

/// The time for which codes are counted.
const WINDOW: Duration = Duration::from_secs(3600);
/// To one address.
const PER_ADDRESS: u32 = 5;
/// For one client. A store's proxy is one client too, so these are many.
const PER_CLIENT: u32 = 300;
/// For one account.
const PER_ACCOUNT: u32 = 3_000;
/// The most that are counted.
const MAX_BUCKETS: usize = 100_000;

/// Who asks for a code.
pub(super) struct Asking<'a> {
    pub account: &'a AccountId,
    /// In lower case.
    pub email: &'a str,
    pub from: Option<IpAddr>,
}

/// Counts codes.
#[derive(Debug, Default)]
pub struct CodeLimits {
    counts: Mutex<HashMap<Bucket, Count>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Timestamp,
    sent: u32,
}

impl CodeLimits {
    /// Counts a sample that an operator sends to themselves: as a code, since it goes
    /// to anybody's address too.
    ///
    /// # Errors
    /// [`LoginError::TooManyCodes`]
    pub fn begin_sample(
        &self,
        account: &AccountId,
        email: &str,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let from = None;
        self.begin(
            &Asking {
                account,
                email,
                from,
            },
            now,
        )
    }

    /// Counts a code that is about to be sent.
    ///
    /// # Errors
    /// [`LoginError::TooManyCodes`]: none is to be sent, and none is counted.
    pub(super) fn begin(&self, asking: &Asking<'_>, now: Timestamp) -> Result<(), LoginError> {
        let account = asking.account.as_str();
        let place = Bucket::place(asking.from);
        let limits = [
            (Bucket::of(&["to", account, asking.email]), PER_ADDRESS),
            (Bucket::of(&["from", account, &place]), PER_CLIENT),
            (Bucket::of(&["for", account]), PER_ACCOUNT),
        ];
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: &Count| now.since(count.since) >= WINDOW;
        if counts.len() + limits.len() > MAX_BUCKETS {
            counts.retain(|_, count| !over(count));
            if counts.len() + limits.len() > MAX_BUCKETS {
                return Err(LoginError::TooManyCodes);
            }
        }
        let sent = |bucket: &Bucket| match counts.get(bucket) {
            Some(count) if !over(count) => count.sent,
            _ => 0,
        };
        if limits.iter().any(|(bucket, most)| sent(bucket) >= *most) {
            return Err(LoginError::TooManyCodes);
        }
        for (bucket, _) in limits {
            let count = counts.entry(bucket).or_insert(Count {
                since: now,
                sent: 0,
            });
            if over(count) {
                *count = Count {
                    since: now,
                    sent: 0,
                };
            }
            count.sent += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(limits: &CodeLimits, email: &str, from: &str, now: Timestamp) -> bool {
        let account = "acme".parse().unwrap();
        let asking = Asking {
            account: &account,
            email,
            from: Some(from.parse().unwrap()),
        };
        limits.begin(&asking, now).is_ok()
    }

    #[test]
    fn codes_to_one_address_are_few_wherever_they_are_asked_from() {
        let limits = CodeLimits::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let places = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
        let sent = (0..30).filter(|n| ask(&limits, "a@x.test", places[n % 3], now));
        assert_eq!(sent.count(), 5);
        assert!(ask(&limits, "b@x.test", "192.0.2.1", now));
        assert!(ask(&limits, "a@x.test", "192.0.2.1", now.plus(WINDOW)));
    }

    #[test]
    fn codes_for_one_client_and_one_account_have_an_end() {
        let limits = CodeLimits::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let flood = |from: &str, addresses: std::ops::Range<u32>| {
            addresses
                .filter(|n| ask(&limits, &format!("u{n}@x.test"), from, now))
                .count()
        };
        assert_eq!(flood("192.0.2.1", 0..1_000), 300);
        assert_eq!(flood("192.0.2.2", 1_000..1_100), 100);
        let others = (3..30).map(|n| flood(&format!("192.0.2.{n}"), n * 1_000..n * 1_000 + 300));
        assert_eq!(others.sum::<usize>(), 2_600);
    }
}
