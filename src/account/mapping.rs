//! The provider mappings of accounts: kept as the text that was applied, every
//! version of it, and compiled once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{AccountId, ProviderId, Timestamp};
use crate::document::Finding;
use crate::outbound::Policy;
use crate::provider::Provider;
use crate::provider::compile::{Context, compile_toml};
use crate::store::{
    DecodedCache, Encoded, Keyspace, Precondition, RevisionCache, Space, Store, StoreError,
    Version, Versioned,
};

static MAPPINGS: Space = Space::durable("mappings");
static HISTORY: Space = Space::durable("mapping_history");

/// Providers that stand beside an account's one custom mapping.
pub const BUILT_IN: &[&str] = &[
    "google",
    "facebook",
    "apple",
    "microsoft",
    "github",
    "gitlab",
    "linkedin",
    "discord",
    "slack",
    "line",
    "kakao",
    "naver",
    "yandex",
    "vk",
    "wechat",
    "qq",
    "feishu",
    "dingtalk",
    "amazon",
    "bitbucket",
    "gov-br",
    "hubspot",
    "intuit",
    "mail-ru",
    "mercado-libre",
    "notion",
    "paypal",
    "reddit",
    "spotify",
    "strava",
    "tiktok",
    "twitch",
    "twitter",
    "weibo",
    "yahoo-japan",
    "zalo",
    "zoom",
];

/// A mapping as it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The provider it describes.
    pub provider: ProviderId,
    /// Its name as shoppers read it.
    pub name: String,
    /// Which of the account's versions of this mapping it is, from 1.
    pub number: u64,
    /// The TOML, comments and all.
    pub source: String,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// Who applied it.
    pub author: String,
    /// The mapping that is asked beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
}

/// A mapping that is asked beside the live one; no login uses its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// The TOML.
    pub source: String,
    /// Since when it is asked.
    pub started_at: Timestamp,
    /// Who set it.
    pub author: String,
}

impl Mapping {
    /// Whether it is one of the built-in choices rather than the account's custom one.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.provider.as_str())
    }
}

/// Why a mapping was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It does not compile.
    #[error("the mapping has {} error(s)", .0.iter().filter(|f| f.is_error()).count())]
    Findings(Vec<Finding>),
    /// The account has another custom mapping.
    #[error(
        "account `{account}` has the custom provider `{existing}` already, and may have one; remove it first or give this mapping its id"
    )]
    SecondCustom {
        /// The account.
        account: AccountId,
        /// The custom mapping it has.
        existing: ProviderId,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const CURRENT: Keyspace<Mapping> = Keyspace::new(&MAPPINGS);
const VERSIONS: Keyspace<Mapping> = Keyspace::new(&HISTORY);

/// Compiled mappings that are remembered.
const MAX_CACHED: usize = 10_000;

/// A compiled mapping, or why it does not compile any more.
pub type Compiled = Result<Arc<Provider>, Vec<Finding>>;

/// How many providers an account has.
pub enum ProviderCount {
    /// None.
    None,
    /// One: this.
    One(Compiled),
    /// A choice of them.
    Several,
}

/// The mappings of all accounts, with those in use compiled.
pub struct Mappings {
    store: Arc<dyn Store>,
    policy: Policy,
    compiled: DecodedCache<(AccountId, ProviderId), Provider>,
    /// Of accounts with one provider.
    single: RevisionCache<AccountId, Arc<Provider>>,
}

impl Mappings {
    /// The mappings in a store.
    pub fn new(store: Arc<dyn Store>, policy: Policy) -> Self {
        Self {
            store,
            policy,
            compiled: DecodedCache::new(MAX_CACHED),
            single: RevisionCache::new(MAX_CACHED),
        }
    }

    /// Where mappings' URLs may point.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Compiles and stores a mapping; it counts from the next login on.
    ///
    /// A mapping that does not compile changes nothing.
    pub async fn apply(
        &self,
        account: &AccountId,
        source: &str,
        author: &str,
        now: Timestamp,
        when: Option<Precondition>,
    ) -> Result<(Mapping, Arc<Provider>, Version), ApplyError> {
        let provider = self.compile(source).map_err(ApplyError::Findings)?;
        let existing = self.list(account).await?;
        let previous = existing.iter().find(|m| m.value.provider == provider.id);
        if !BUILT_IN.contains(&provider.id.as_str())
            && let Some(other) = existing
                .iter()
                .find(|m| m.value.provider != provider.id && !m.value.is_built_in())
        {
            return Err(ApplyError::SecondCustom {
                account: account.clone(),
                existing: other.value.provider.clone(),
            });
        }
        let last = self.history(account, &provider.id, None, 1).await?;
        let mapping = Mapping {
            provider: provider.id.clone(),
            name: provider.name.clone(),
            number: last.first().map_or(1, |m| m.number + 1),
            source: source.to_owned(),
            applied_at: now,
            author: author.to_owned(),
            shadow: None,
        };
        let id = mapping.provider.as_str().as_bytes();
        let guard = when.unwrap_or(match previous {
            Some(found) => Precondition::Version(found.version),
            None => Precondition::Absent,
        });
        self.store
            .commit(vec![
                CURRENT.step_check(account.as_str(), id, guard),
                CURRENT.step_put(account.as_str(), id, &mapping)?,
                VERSIONS.step_put(
                    account.as_str(),
                    &history_id(&mapping.provider, mapping.number),
                    &mapping,
                )?,
            ])
            .await?;
        let version = CURRENT
            .get(&*self.store, account.as_str(), id)
            .await?
            .map_or(Version(0), |found| found.version);
        let provider = Arc::new(provider);
        let key = (account.clone(), provider.id.clone());
        self.compiled.put(key, version, &provider);
        Ok((mapping, provider, version))
    }

    /// The current mapping of a provider.
    pub async fn get(
        &self,
        account: &AccountId,
        provider: &ProviderId,
    ) -> Result<Option<Versioned<Mapping>>, StoreError> {
        CURRENT
            .get(&*self.store, account.as_str(), provider.as_str().as_bytes())
            .await
    }

    /// The current mappings of an account, the custom one first.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<Versioned<Mapping>>, StoreError> {
        let mut found: Vec<_> = CURRENT
            .page(&*self.store, account.as_str(), b"", None, 100)
            .await?
            .into_iter()
            .map(|(_, mapping)| mapping)
            .collect();
        found.sort_by_key(|m| m.value.is_built_in());
        Ok(found)
    }

    /// Versions of a mapping, the newest first, beginning below `before`.
    pub async fn history(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Mapping>, StoreError> {
        let prefix = history_prefix(provider);
        let after = before.map(|number| history_id(provider, number));
        let found = VERSIONS
            .page(&*self.store, account.as_str(), &prefix, after, limit)
            .await?;
        Ok(found
            .into_iter()
            .map(|(_, mapping)| mapping.value)
            .collect())
    }

    /// Sets or removes the shadow of a current mapping, if that is still the one
    /// that was read.
    pub async fn set_shadow(
        &self,
        account: &AccountId,
        found: Versioned<Mapping>,
        shadow: Option<Shadow>,
    ) -> Result<Version, ApplyError> {
        if let Some(shadow) = &shadow {
            self.compile(&shadow.source).map_err(ApplyError::Findings)?;
        }
        let mapping = Mapping {
            shadow,
            ..found.value
        };
        let when = Precondition::Version(found.version);
        let id = mapping.provider.as_str().as_bytes();
        let version = CURRENT
            .put(&*self.store, account.as_str(), id, &mapping, when)
            .await?;
        Ok(version)
    }

    /// Compiles a mapping that need not be applied.
    pub fn compile(&self, source: &str) -> Result<Provider, Vec<Finding>> {
        compile_toml(
            source,
            Context {
                policy: &self.policy,
            },
        )
    }

    /// Removes a mapping; its history stays.
    pub async fn remove(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        when: Precondition,
    ) -> Result<bool, StoreError> {
        let id = provider.as_str().as_bytes();
        if CURRENT
            .get(&*self.store, account.as_str(), id)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        self.store
            .commit(vec![
                CURRENT.step_check(account.as_str(), id, when),
                CURRENT.step_delete(account.as_str(), id),
            ])
            .await?;
        Ok(true)
    }

    /// The compiled provider of a current mapping.
    ///
    /// Where the store can't tell that nothing has changed, the record is read
    /// each time, so that a change made by another replica counts at the next
    /// login too.
    pub async fn provider(
        &self,
        account: &AccountId,
        provider: &ProviderId,
    ) -> Result<Option<Compiled>, StoreError> {
        let revision = self.store.revision(CURRENT.space());
        let key = (account.clone(), provider.clone());
        if let Some(provider) = self.compiled.unchanged(&key, revision) {
            return Ok(Some(Ok(provider)));
        }
        let id = provider.as_str().as_bytes();
        let found = CURRENT
            .get_encoded(&*self.store, account.as_str(), id)
            .await?;
        found
            .map(|found| self.known(key, revision, &found))
            .transpose()
    }

    /// The compiled provider of an account that has one and no other.
    pub async fn only(&self, account: &AccountId) -> Result<ProviderCount, StoreError> {
        let revision = self.store.revision(CURRENT.space());
        if let Some(provider) = self.single.get(account, revision) {
            return Ok(ProviderCount::One(Ok(provider)));
        }
        let found = CURRENT
            .first_encoded(&*self.store, account.as_str(), 2)
            .await?;
        let [(key, found)] = &found[..] else {
            return Ok(match found[..] {
                [] => ProviderCount::None,
                _ => ProviderCount::Several,
            });
        };
        let provider = std::str::from_utf8(key.id())
            .ok()
            .and_then(|id| id.parse().ok());
        let provider = match provider {
            Some(provider) => provider,
            None => found.decode()?.provider,
        };
        let compiled = self.known((account.clone(), provider), revision, found)?;
        if let Ok(provider) = &compiled {
            self.single
                .put(account.clone(), revision, Arc::clone(provider));
        }
        Ok(ProviderCount::One(compiled))
    }

    /// Compiles a mapping that was read, unless it is compiled already.
    pub fn compiled(&self, account: &AccountId, found: &Versioned<Mapping>) -> Compiled {
        let key = (account.clone(), found.value.provider.clone());
        self.compiled
            .get_or(key, None, found.version, || self.live(&found.value))
    }

    /// The same, of a mapping that is decoded only if it must be compiled.
    fn known(
        &self,
        key: (AccountId, ProviderId),
        revision: Option<u64>,
        found: &Encoded<Mapping>,
    ) -> Result<Compiled, StoreError> {
        enum Failed {
            Store(StoreError),
            Findings(Vec<Finding>),
        }
        let made = self.compiled.get_or(key, revision, found.version(), || {
            let mapping = found.decode().map_err(Failed::Store)?;
            self.live(&mapping).map_err(Failed::Findings)
        });
        match made {
            Ok(provider) => Ok(Ok(provider)),
            Err(Failed::Findings(findings)) => Ok(Err(findings)),
            Err(Failed::Store(error)) => Err(error),
        }
    }

    /// Compiles a current mapping with its shadow.
    fn live(&self, mapping: &Mapping) -> Result<Provider, Vec<Finding>> {
        let mut provider = self.compile(&mapping.source)?;
        // A shadow that no longer compiles does not stop logins.
        provider.shadow = mapping
            .shadow
            .as_ref()
            .and_then(|shadow| self.compile(&shadow.source).ok())
            .map(Arc::new);
        Ok(provider)
    }
}

fn history_prefix(provider: &ProviderId) -> Vec<u8> {
    let mut id = provider.as_str().as_bytes().to_vec();
    id.push(0);
    id
}

/// Newer versions sort first.
fn history_id(provider: &ProviderId, number: u64) -> Vec<u8> {
    let mut id = history_prefix(provider);
    id.extend_from_slice(&(u64::MAX - number).to_be_bytes());
    id
}
