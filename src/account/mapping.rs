//! The provider mappings of accounts: kept as the text that was applied, every
//! version of it, and compiled once.

mod apply;
mod issuers;
mod lineage;

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::warn;

pub use self::apply::{ApplyError, Consent, People, Question};
use crate::base::{AccountId, ProviderId, Timestamp};
use crate::document::Finding;
use crate::outbound::Policy;
use crate::provider::Provider;
use crate::provider::compile::{Context, compile_toml};
pub use crate::provider::gallery::BUILT_IN;
use crate::provider::model::RedirectUri;
use crate::provider::redirect::{self, Redirects};
use crate::store::{
    DecodedCache, Encoded, Keyspace, Precondition, RevisionCache, Space, Step, Store, StoreError,
    Version, Versioned, Watched,
};

static MAPPINGS: Space = Space::durable("mappings").sealed().watched(Watched::Writes);
static HISTORY: Space = Space::durable("mapping_history").sealed();

/// The rules under which mappings are applied now. Under those before, 0, all
/// mappings had one redirect URI; one applied then keeps it until it is applied
/// again, since the provider only knows that one.
pub const RULES: u32 = 1;

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
    /// Which rules it was applied under: [`RULES`] of that day.
    #[serde(default)]
    pub rules: u32,
    /// Which of the servers that the provider's id has stood for it talks to, from
    /// 0: users are linked to one of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lineage: u64,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn spaces() -> [&'static Space; 2] {
    [&MAPPINGS, &HISTORY]
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
    /// The same for what was applied when less was refused: it keeps working.
    policy_from_before: Policy,
    redirects: Redirects,
    compiled: DecodedCache<(AccountId, ProviderId), Provider>,
    /// Of accounts with one provider.
    single: RevisionCache<AccountId, Arc<Provider>>,
    /// What all mappings name as issuer.
    issuers: RevisionCache<(), Arc<HashSet<String>>>,
}

impl Mappings {
    /// The mappings in a store.
    pub fn new(store: Arc<dyn Store>, policy: Policy, redirects: Redirects) -> Self {
        Self {
            store,
            policy_from_before: Policy {
                bundled_ids_elsewhere: true,
                ..policy.clone()
            },
            policy,
            redirects,
            compiled: DecodedCache::new(MAX_CACHED),
            single: RevisionCache::new(MAX_CACHED),
            issuers: RevisionCache::new(1),
        }
    }

    /// What mappings are compiled against.
    pub fn context(&self) -> Context<'_> {
        Context {
            policy: &self.policy,
            redirects: &self.redirects,
        }
    }

    /// The addresses at which a provider ends sessions, where it knows of such.
    pub fn logout_uris(&self, account: &AccountId, provider: &Provider) -> Option<[String; 2]> {
        provider.logout_uris(self.redirects.base(), account.as_str())
    }

    /// The redirect URI to register at a provider of an account.
    pub fn redirect_uri(&self, account: &AccountId, provider: &Provider) -> String {
        provider.redirect_uri(self.redirects.base(), account.as_str())
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
    /// that was read, together with other steps of a batch.
    pub async fn set_shadow(
        &self,
        account: &AccountId,
        found: Versioned<Mapping>,
        shadow: Option<Shadow>,
        beside: Vec<Step>,
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
        let mut steps = vec![
            CURRENT.step_check(account.as_str(), id, when),
            CURRENT.step_put(account.as_str(), id, &mapping)?,
        ];
        steps.extend(beside);
        let versions = self.store.commit(steps).await?;
        Ok(versions.first().copied().unwrap_or(found.version))
    }

    /// Compiles a mapping that need not be applied.
    pub fn compile(&self, source: &str) -> Result<Provider, Vec<Finding>> {
        compile_toml(source, self.context())
    }

    /// Removes a mapping, together with other steps of a batch; its history stays.
    pub async fn remove(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        when: Precondition,
        beside: Vec<Step>,
    ) -> Result<bool, StoreError> {
        let id = provider.as_str().as_bytes();
        if CURRENT
            .get(&*self.store, account.as_str(), id)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        let mut steps = vec![
            CURRENT.step_check(account.as_str(), id, when),
            CURRENT.step_delete(account.as_str(), id),
        ];
        steps.extend(beside);
        self.store.commit(steps).await?;
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

    /// The compiled provider of an account that has one and no other, beside those
    /// that are switched off.
    pub async fn only(
        &self,
        account: &AccountId,
        off: &[ProviderId],
    ) -> Result<ProviderCount, StoreError> {
        if !off.is_empty() {
            let found = self.list(account).await?;
            let mut on = found.iter().filter(|m| !off.contains(&m.value.provider));
            return Ok(match (on.next(), on.next()) {
                (None, _) => ProviderCount::None,
                (Some(one), None) => ProviderCount::One(self.compiled(account, one)),
                _ => ProviderCount::Several,
            });
        }
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
        self.compiled.get_or(key, None, found.version, || {
            self.live(account, &found.value)
        })
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
        let account = key.0.clone();
        let made = self.compiled.get_or(key, revision, found.version(), || {
            let mapping = found.decode().map_err(Failed::Store)?;
            self.live(&account, &mapping).map_err(Failed::Findings)
        });
        match made {
            Ok(provider) => Ok(Ok(provider)),
            Err(Failed::Findings(findings)) => Ok(Err(findings)),
            Err(Failed::Store(error)) => Err(error),
        }
    }

    /// Compiles a current mapping with its shadow.
    fn live(&self, account: &AccountId, mapping: &Mapping) -> Result<Provider, Vec<Finding>> {
        let mut provider = self.applied(account, mapping)?;
        // A shadow that no longer compiles does not stop logins.
        provider.shadow = mapping
            .shadow
            .as_ref()
            .and_then(|shadow| self.compile(&shadow.source).ok())
            .map(Arc::new);
        Ok(provider)
    }

    /// Compiles a mapping under the rules it was applied under.
    fn applied(&self, account: &AccountId, mapping: &Mapping) -> Result<Provider, Vec<Finding>> {
        let mut provider = if mapping.rules > 0 {
            let context = Context {
                policy: &self.policy_from_before,
                redirects: &self.redirects,
            };
            compile_toml(&mapping.source, context)?
        } else {
            self.applied_before(account, mapping)?
        };
        provider.lineage = mapping.lineage;
        Ok(provider)
    }

    /// The same of one that was applied when all had one redirect URI.
    fn applied_before(
        &self,
        account: &AccountId,
        mapping: &Mapping,
    ) -> Result<Provider, Vec<Finding>> {
        // Then every mapping might have what only some may have now.
        let lenient = Redirects {
            allow_shared: true,
            ..self.redirects.clone()
        };
        let mut provider = compile_toml(
            &mapping.source,
            Context {
                policy: &self.policy_from_before,
                redirects: &lenient,
            },
        )?;
        provider.callback.from_before = true;
        let base = self.redirects.base();
        let message = match &provider.callback.redirect_uri {
            RedirectUri::Store(_) => {
                "this mapping was applied before redirect URIs belonged to one provider: its answers still count at the address of all accounts, where another account's provider may collect its codes (RFC 9700 §4.4)".to_owned()
            }
            RedirectUri::Own | RedirectUri::Shared => format!(
                "this mapping was applied when `{}` was the redirect URI of all accounts, and keeps it: another account's provider may collect its codes (RFC 9700 §4.4)",
                provider.redirect_uri(base, account.as_str())
            ),
        };
        let own = redirect::own(base, account.as_str(), mapping.provider.as_str());
        let hint = match &provider.callback.redirect_uri {
            RedirectUri::Store(url) => format!(
                "see that `{url}` is proxied to a path below `/accounts/{account}/`, then apply the mapping again with `--accept redirect-uri`"
            ),
            RedirectUri::Own | RedirectUri::Shared => format!(
                "register `{own}` at the provider, then apply the mapping again with `--accept redirect-uri`"
            ),
        };
        warn!(
            account = %account,
            provider = %mapping.provider,
            register = own,
            "a mapping from before has the redirect URI of all accounts; register its own at the provider and apply it again"
        );
        provider
            .warnings
            .insert(0, Finding::warning("callback", message).hint(hint));
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
