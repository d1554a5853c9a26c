//! Links: who a user is at which provider, and whom its id stands for.
//!
//! A provider's id may stand for one server after another. Their user ids have
//! nothing to do with each other, so each has a lineage of its own: user `1` of
//! the second is not user `1` of the first (threat F5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BY_LINK, is_zero};
use crate::base::{AccountId, ProviderId, UserId};
use crate::provider::Provider;
use crate::provider::extract::Profile;
use crate::provider::file::EmailTrust;
use crate::store::{Store, StoreError};

/// Who a user is at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The provider.
    pub provider: ProviderId,
    /// Which of the servers that this provider's id has stood for, from 0. The
    /// same user id at two of them is two people.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lineage: u64,
    /// The user's id there.
    pub user_id: String,
}

impl Link {
    /// The key of its index: neither NUL nor `#` is in a provider's id.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = links_of(&self.provider, self.lineage);
        key.extend_from_slice(self.user_id.as_bytes());
        key
    }
}

/// What the keys of all links to a provider begin with.
fn links_of(provider: &ProviderId, lineage: u64) -> Vec<u8> {
    let mut key = provider.as_str().as_bytes().to_vec();
    if lineage > 0 {
        key.extend_from_slice(format!("#{lineage}").as_bytes());
    }
    key.push(0);
    key
}

/// Whether anyone was ever linked to a provider.
///
/// # Errors
/// The store's.
pub async fn has_links(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
    lineage: u64,
) -> Result<bool, StoreError> {
    let prefix = links_of(provider, lineage);
    let found = BY_LINK
        .page(store, account.as_str(), &prefix, None, 1)
        .await?;
    Ok(!found.is_empty())
}

/// Whose user id that is at a provider, if anyone's.
///
/// # Errors
/// The store's.
pub async fn linked(
    store: &dyn Store,
    account: &AccountId,
    link: &Link,
) -> Result<Option<UserId>, StoreError> {
    let found = BY_LINK.get(store, account.as_str(), &link.key()).await?;
    Ok(found.map(|found| found.value))
}

/// Where a profile is from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The provider.
    pub provider: &'a ProviderId,
    /// As in [`Link`].
    pub lineage: u64,
    /// Whether its email may link.
    pub email_trust: EmailTrust,
}

impl<'a> From<&'a Provider> for Source<'a> {
    fn from(provider: &'a Provider) -> Self {
        Self {
            provider: &provider.id,
            lineage: provider.lineage,
            email_trust: provider.email_trust,
        }
    }
}

impl Source<'_> {
    pub(super) fn link(&self, profile: &Profile) -> Link {
        Link {
            provider: self.provider.clone(),
            lineage: self.lineage,
            user_id: profile.user_id.clone(),
        }
    }
}
