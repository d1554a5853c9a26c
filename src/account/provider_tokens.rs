//! Tokens of providers that are kept for applications: encrypted, by user and
//! provider, those of the last login.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{AccountId, ProviderId, Timestamp, UserId};
use crate::store::{Keyspace, Precondition, Space, Store, StoreError, Version, Versioned};

static TOKENS: Space = Space::durable("provider_tokens").owned().sealed();
const RECORDS: Keyspace<ProviderTokens> =
    Keyspace::new(&TOKENS).owned_by(|kept| Some(kept.user.as_bytes().to_vec()));

/// A token that ends this soon is refreshed.
const MARGIN: Duration = Duration::from_secs(60);
/// The most providers that somebody logs in through.
const PAGE: usize = 100;

pub(super) fn space() -> &'static Space {
    &TOKENS
}

/// What a provider gave at a login, or at the last refresh.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProviderTokens {
    /// Whose.
    pub user: UserId,
    /// Which provider's.
    pub provider: ProviderId,
    /// Which of the servers that its id has stood for.
    #[serde(default)]
    pub lineage: u64,
    /// The person's `sub` at an OpenID provider; absent from what was before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The access token.
    pub access_token: String,
    /// The refresh token, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What the access token may do, where the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When the access token ends, where the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When they came.
    pub received_at: Timestamp,
    /// Somebody is refreshing them, and surely done by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshing_until: Option<Timestamp>,
    /// The refresh token came with an ID token that was refused: the next answer counts
    /// with a good one only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_prove: bool,
}

/// Without the tokens.
impl fmt::Debug for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderTokens")
            .field("user", &self.user)
            .field("provider", &self.provider)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl ProviderTokens {
    /// Whether the access token can be used for a while.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now.plus(MARGIN) < end)
    }

    /// Whether somebody is refreshing them.
    pub fn is_refreshing(&self, now: Timestamp) -> bool {
        self.refreshing_until.is_some_and(|until| now < until)
    }
}

fn id(user: UserId, provider: &ProviderId) -> Vec<u8> {
    let mut id = user.as_bytes().to_vec();
    id.extend_from_slice(provider.as_str().as_bytes());
    id
}

/// Keeps them; on disk when this returns.
///
/// # Errors
/// The store's; a conflict if `when` does not hold.
pub async fn put(
    store: &dyn Store,
    account: &AccountId,
    tokens: &ProviderTokens,
    when: Precondition,
) -> Result<Version, StoreError> {
    let id = id(tokens.user, &tokens.provider);
    RECORDS
        .put(store, account.as_str(), &id, tokens, when)
        .await
}

/// What is kept of a user and a provider.
///
/// # Errors
/// The store's.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
    provider: &ProviderId,
) -> Result<Option<Versioned<ProviderTokens>>, StoreError> {
    let id = id(user, provider);
    RECORDS.get(store, account.as_str(), &id).await
}

/// The provider whose tokens of a user came last.
///
/// # Errors
/// The store's.
pub async fn latest(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<Option<ProviderId>, StoreError> {
    let found = RECORDS
        .page_of(store, account.as_str(), user.as_bytes(), None, PAGE)
        .await?;
    let last = found
        .into_iter()
        .map(|(_, found)| found.value)
        .max_by_key(|tokens| tokens.received_at);
    Ok(last.map(|tokens| tokens.provider))
}

/// Forgets those of a user and a provider.
///
/// # Errors
/// The store's; a conflict if `when` does not hold.
pub async fn forget(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
    provider: &ProviderId,
    when: Precondition,
) -> Result<bool, StoreError> {
    let id = id(user, provider);
    RECORDS.delete(store, account.as_str(), &id, when).await
}

/// Forgets all of a user.
///
/// # Errors
/// The store's.
pub async fn forget_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<(), StoreError> {
    RECORDS
        .remove_of(store, account.as_str(), user.as_bytes())
        .await
        .map(|_| ())
}
