//! Which account has a store where. An origin and a path below it are one account's,
//! and whoever administers one account only takes no origin that another has
//! (threat F23).
//!
//! There is one record an origin. An account's stores are in the account's own
//! record; what an account claims here is written in the same commit as that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Account, StoreFront};
use crate::base::AccountId;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Version};

static ORIGINS: Space = Space::durable("store_origins");

pub(super) fn space() -> &'static Space {
    &ORIGINS
}

const SPACE: Keyspace<Origin> = Keyspace::new(&ORIGINS);
/// The record that says that the stores of all accounts are here. No origin is
/// written like this.
const BUILT: &[u8] = b"all";
/// How often a record is tried again that others write too.
const TRIES: usize = 20;
/// How many accounts are read at once.
const STEP: usize = 500;

/// Whose an origin is, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    paths: BTreeMap<String, AccountId>,
}

impl Origin {
    /// Whether another account has this path, one above it or one below it.
    fn is_taken(&self, path: &str, account: &AccountId) -> bool {
        let below = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths
            .iter()
            .any(|(known, of)| of != account && (below(path, known) || below(known, path)))
    }

    fn has_others(&self, account: &AccountId) -> bool {
        self.paths.values().any(|of| of != account)
    }
}

/// Why stores can't be an account's.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another account has a store there.
    #[error("another account has a store at `{0}`")]
    Taken(String),
    /// The store of records.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an account claims and gives back, as steps of a batch that hold only while
/// nobody else claims the same.
pub struct Claim {
    /// The steps.
    pub steps: Vec<Step>,
    seen: Vec<(String, Option<Version>)>,
}

impl Claim {
    /// Whether somebody else claimed or gave back something at these origins since.
    pub async fn is_outdated(&self, store: &dyn Store) -> Result<bool, StoreError> {
        for (origin, version) in &self.seen {
            let found = SPACE.get(store, "", origin.as_bytes()).await?;
            if found.map(|found| found.version) != *version {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The claim of an account that had the stores `before` and is to have `after`.
/// A new store may be at an origin that another account has only where `may_share`
/// says so.
pub async fn claim(
    store: &dyn Store,
    account: &AccountId,
    before: &[StoreFront],
    after: &[StoreFront],
    may_share: impl Fn(&StoreFront) -> bool,
) -> Result<Claim, ClaimError> {
    let mut claim = Claim {
        steps: Vec::new(),
        seen: Vec::new(),
    };
    let mut origins: Vec<&str> = before.iter().chain(after).map(|s| &*s.origin).collect();
    origins.sort_unstable();
    origins.dedup();
    for name in origins {
        let found = SPACE.get(store, "", name.as_bytes()).await?;
        let (version, known) = found.map_or((None, Origin::default()), |found| {
            (Some(found.version), found.value)
        });
        let mut wanted = known.clone();
        wanted.paths.retain(|_, of| of != account);
        for front in after.iter().filter(|front| front.origin == name) {
            let new = !before.contains(front);
            let path = &front.auth_path;
            let refused =
                known.is_taken(path, account) || (known.has_others(account) && !may_share(front));
            if new && refused {
                return Err(ClaimError::Taken(front.origin.clone()));
            }
            // Where two had the same before there was a claim, the first keeps it.
            wanted
                .paths
                .entry(path.clone())
                .or_insert_with(|| account.clone());
        }
        claim.seen.push((name.to_owned(), version));
        if wanted == known {
            continue;
        }
        let when = version.map_or(Precondition::Absent, Precondition::Version);
        let id = name.as_bytes();
        claim.steps.push(SPACE.step_check("", id, when));
        claim.steps.push(if wanted.paths.is_empty() {
            SPACE.step_delete("", id)
        } else {
            SPACE.step_put("", id, &wanted)?
        });
    }
    Ok(claim)
}

/// The accounts that have a store at an origin.
pub async fn accounts_at(store: &dyn Store, origin: &str) -> Result<Vec<AccountId>, StoreError> {
    let found = SPACE.get(store, "", origin.as_bytes()).await?;
    let mut accounts: Vec<AccountId> = found
        .map(|found| found.value.paths.into_values().collect())
        .unwrap_or_default();
    accounts.sort_unstable();
    accounts.dedup();
    Ok(accounts)
}

/// Claims what accounts of before have, once in a store's life.
pub async fn index(store: &dyn Store) -> Result<(), StoreError> {
    if SPACE.get(store, "", BUILT).await?.is_some() {
        return Ok(());
    }
    let mut after = None;
    loop {
        let found = super::page(store, after.as_ref(), STEP).await?;
        let Some(last) = found.last() else { break };
        after = Some(last.value.id.clone());
        for account in found {
            claim_for(store, &account.value).await?;
        }
    }
    SPACE
        .put(store, "", BUILT, &Origin::default(), Precondition::Any)
        .await?;
    Ok(())
}

async fn claim_for(store: &dyn Store, account: &Account) -> Result<(), StoreError> {
    let stores = &account.stores;
    for _ in 0..TRIES {
        let claim = match claim(store, &account.id, stores, stores, |_| true).await {
            Ok(claim) => claim,
            Err(ClaimError::Store(error)) => return Err(error),
            Err(ClaimError::Taken(_)) => return Ok(()),
        };
        if claim.steps.is_empty() {
            return Ok(());
        }
        match store.commit(claim.steps).await {
            // Another broker on the same store does the same.
            Err(StoreError::Conflict) => {}
            other => return other.map(|_| ()),
        }
    }
    Err(StoreError::Conflict)
}
