//! How many codes are sent: to an address, for a client, for an account.
//!
//! The counts are in the store: all brokers on it share them, and a restart keeps them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::error::{LoginError, Step};
use crate::base::{AccountId, Timestamp};
use crate::password::Bucket;
use crate::password::recent::{HOUR, Recent};
use crate::store::{Keyspace, Space, Store};

static SENT: Space = Space::transient("codes_sent").expiring();
const COUNTS: Recent<Count> = Recent::new(Keyspace::new(&SENT));

/// The time for which codes are counted.
const WINDOW: Duration = HOUR;
/// To one address.
const PER_ADDRESS: u32 = 5;
/// For one client. A store's proxy is one client too, so these are many.
const PER_CLIENT: u32 = 300;
/// For one account.
const PER_ACCOUNT: u32 = 3_000;

pub(super) fn space() -> &'static Space {
    &SENT
}

/// Who asks for a code.
pub(super) struct Asking<'a> {
    pub account: &'a AccountId,
    /// In lower case.
    pub email: &'a str,
    pub from: Option<IpAddr>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Count {
    since: Timestamp,
    sent: u32,
}

impl Count {
    /// Those that count now.
    fn sent(count: Option<&Self>, now: Timestamp) -> u32 {
        match count {
            Some(count) if now.since(count.since) < WINDOW => count.sent,
            _ => 0,
        }
    }
}

/// Counts codes.
pub struct CodeLimits {
    store: Arc<dyn Store>,
}

impl CodeLimits {
    /// Those counted in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Counts a sample that an operator sends to themselves: as a code, since it goes
    /// to anybody's address too.
    ///
    /// # Errors
    /// [`LoginError::TooManyCodes`]
    pub async fn begin_sample(
        &self,
        account: &AccountId,
        email: &str,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let from = None;
        let asking = Asking {
            account,
            email,
            from,
        };
        self.begin(&asking, now).await
    }

    /// Counts a code that is about to be sent.
    ///
    /// # Errors
    /// [`LoginError::TooManyCodes`]: none is to be sent, and none is counted, except
    /// where others asked at the same moment.
    pub(super) async fn begin(
        &self,
        asking: &Asking<'_>,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let failed = Step::Start.store();
        let account = asking.account.as_str();
        let place = Bucket::place(asking.from);
        let limits = [
            (Bucket::of(&["to", account, asking.email]), PER_ADDRESS),
            (Bucket::of(&["from", account, &place]), PER_CLIENT),
            (Bucket::of(&["for", account]), PER_ACCOUNT),
        ];
        for (bucket, most) in &limits {
            let count = COUNTS.get(&*self.store, bucket.as_bytes(), now).await;
            let count = count.map_err(&failed)?;
            if Count::sent(count.as_ref(), now) >= *most {
                return Err(LoginError::TooManyCodes);
            }
        }
        for (bucket, most) in &limits {
            let counted =
                COUNTS.change(
                    &*self.store,
                    bucket.as_bytes(),
                    now,
                    |count| match Count::sent(count.as_ref(), now) {
                        0 => Ok(Count {
                            since: now,
                            sent: 1,
                        }),
                        sent if sent >= *most => Err(LoginError::TooManyCodes),
                        sent => Ok(Count {
                            since: count.map_or(now, |count| count.since),
                            sent: sent + 1,
                        }),
                    },
                );
            counted.await.map_err(&failed)??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::store::MemoryStore;

    fn limits(now: Timestamp) -> CodeLimits {
        CodeLimits::new(Arc::new(MemoryStore::new(Arc::new(ManualClock::new(now)))))
    }

    async fn ask(limits: &CodeLimits, email: &str, from: &str, now: Timestamp) -> bool {
        let account = "acme".parse().unwrap();
        let asking = Asking {
            account: &account,
            email,
            from: Some(from.parse().unwrap()),
        };
        limits.begin(&asking, now).await.is_ok()
    }

    #[tokio::test]
    async fn codes_to_one_address_are_few_wherever_they_are_asked_from() {
        let now = Timestamp::from_secs(1_800_000_000);
        let limits = limits(now);
        let places = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
        let mut sent = 0;
        for n in 0..30 {
            sent += u32::from(ask(&limits, "a@x.test", places[n % 3], now).await);
        }
        assert_eq!(sent, 5);
        assert!(ask(&limits, "b@x.test", "192.0.2.1", now).await);
        assert!(ask(&limits, "a@x.test", "192.0.2.1", now.plus(WINDOW)).await);
    }

    async fn flood(
        limits: &CodeLimits,
        from: &str,
        addresses: std::ops::Range<u32>,
        now: Timestamp,
    ) -> u32 {
        let mut sent = 0;
        for n in addresses {
            sent += u32::from(ask(limits, &format!("u{n}@x.test"), from, now).await);
        }
        sent
    }

    #[tokio::test]
    async fn codes_for_one_client_and_one_account_have_an_end() {
        let now = Timestamp::from_secs(1_800_000_000);
        let limits = limits(now);
        assert_eq!(flood(&limits, "192.0.2.1", 0..1_000, now).await, 300);
        assert_eq!(flood(&limits, "192.0.2.2", 1_000..1_100, now).await, 100);
        let mut others = 0;
        for n in 3..30 {
            let addresses = n * 1_000..n * 1_000 + 300;
            others += flood(&limits, &format!("192.0.2.{n}"), addresses, now).await;
        }
        assert_eq!(others, 2_600);
    }
}
