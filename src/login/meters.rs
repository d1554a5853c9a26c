//! The metrics of a login, found once for each provider.
//!
//! Looking a metric up by its labels costs 4 KiB of allocations each time, three
//! times a login: more than what it counts.

use metrics::{Counter, Histogram};
use quick_cache::sync::Cache;

use super::error::Step;
use crate::base::{AccountId, LoginMethod, ProviderId};

/// Metrics remembered; those of others are looked up when they are needed.
const MOST: usize = 4_096;

/// Handles of metrics, by their labels.
#[derive(Debug)]
pub struct Meters {
    seconds: Cache<(AccountId, ProviderId, Step), Histogram>,
    logins: Cache<(AccountId, LoginMethod), Counter>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            seconds: Cache::new(MOST),
            logins: Cache::new(MOST),
        }
    }
}

impl Meters {
    /// How long the provider took to answer the request of `step`, in seconds.
    pub(super) fn provider_seconds(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        step: Step,
    ) -> Histogram {
        let key = (account.clone(), provider.clone(), step);
        self.seconds.get(&key).unwrap_or_else(|| {
            let found = metrics::histogram!(
                "vestibule_provider_seconds",
                "account" => account.to_string(),
                "provider" => provider.to_string(),
                "step" => step.name()
            );
            self.seconds.insert(key, found.clone());
            found
        })
    }

    /// Logins that came to their end.
    pub(super) fn logins(&self, account: &AccountId, method: &LoginMethod) -> Counter {
        let key = (account.clone(), method.clone());
        self.logins.get(&key).unwrap_or_else(|| {
            let found = metrics::counter!(
                "vestibule_logins_total",
                "account" => account.to_string(),
                "provider" => method.to_string()
            );
            self.logins.insert(key, found.clone());
            found
        })
    }
}
