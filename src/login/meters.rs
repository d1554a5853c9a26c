//! The metrics of logins.
//!
//! Looking a metric up by its labels costs 4 KiB of allocations each time, three
//! times a login: more than what it counts. So handles of each provider are kept.
//!
//! Each set of labels is a series, here and in whoever scrapes us, for as long as the
//! broker runs. So `MOST_LABELLED` providers have labels of their own, those that were
//! used first, and all others are counted together as `other`.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use metrics::{Counter, Histogram};
use quick_cache::sync::Cache;

use super::error::{LoginError, Step};
use crate::base::{AccountId, LoginMethod, ProviderId};

/// Handles remembered; others are looked up when they are needed.
const MOST: usize = 4_096;
/// Providers, counted with their accounts, that have labels of their own.
const MOST_LABELLED: usize = 1_000;
/// What stands for account and provider of all others.
const OTHER: &str = "other";

/// As the registry of metrics: one a process.
static LABELLED: LazyLock<Mutex<HashSet<(String, String)>>> = LazyLock::new(Mutex::default);

/// The labels of an account's provider.
fn labels(account: &str, provider: &str) -> (String, String) {
    let own = (account.to_owned(), provider.to_owned());
    let mut labelled = LABELLED.lock().unwrap_or_else(PoisonError::into_inner);
    if labelled.len() < MOST_LABELLED {
        labelled.insert(own.clone());
        return own;
    }
    if labelled.contains(&own) {
        own
    } else {
        (OTHER.to_owned(), OTHER.to_owned())
    }
}

/// Counts a login that failed. `provider` is one of the account's, or empty: what a
/// stranger invents must not become a label.
pub fn failed(account: &str, provider: &str, failure: &LoginError) {
    let (account, provider) = labels(account, provider);
    metrics::counter!(
        "vestibule_logins_failed_total",
        "account" => account,
        "provider" => provider,
        "step" => failure.step().name(),
        "code" => failure.code().as_str()
    )
    .increment(1);
}

/// Counts that a provider's answers changed their shape.
pub(super) fn drifted(account: &AccountId, provider: &ProviderId) {
    let (account, provider) = labels(account.as_str(), provider.as_str());
    metrics::counter!(
        "vestibule_provider_drift_total",
        "account" => account,
        "provider" => provider
    )
    .increment(1);
}

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
            let (account, provider) = labels(account.as_str(), provider.as_str());
            let found = metrics::histogram!(
                "vestibule_provider_seconds",
                "account" => account,
                "provider" => provider,
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
            let (account, provider) = labels(account.as_str(), method.as_str());
            let found = metrics::counter!(
                "vestibule_logins_total",
                "account" => account,
                "provider" => provider
            );
            self.logins.insert(key, found.clone());
            found
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_without_end_do_not_make_labels_without_end() {
        let first = labels("acme", "google");
        let all: HashSet<_> = (0..5 * MOST_LABELLED)
            .map(|n| labels("acme", &format!("provider{n}")))
            .collect();
        assert!(all.len() <= MOST_LABELLED + 1, "{}", all.len());
        assert!(all.contains(&(OTHER.to_owned(), OTHER.to_owned())));
        // Who has labels keeps them.
        assert_eq!(labels("acme", "google"), first);
    }
}
