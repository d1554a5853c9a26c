//! The storefronts of an account.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{
    Access, Caller, Changed, Condition, OperationError, Operations, Outcome, Page, Paging, limit,
};
use super::{AccountView, edit};
use crate::account::{Account, StoreFront};
use crate::base::ErrorCode;

/// A storefront.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreInput {
    /// Scheme, host and port, as a browser writes an origin.
    pub origin: String,
    /// The path under which its web server proxies to the broker; `/_auth` unless given.
    pub auth_path: Option<String>,
}

/// Which store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreQuery {
    /// Its origin.
    pub origin: String,
}

impl StoreInput {
    pub(super) fn check(&self) -> Outcome<StoreFront> {
        StoreFront::new(&self.origin, self.auth_path.as_deref().unwrap_or("/_auth"))
            .map_err(|error| OperationError::invalid(ErrorCode::StoreInvalid, "origin", error))
    }
}

/// Adds a store, or gives the one at this origin its new path.
pub(super) fn add(account: &mut Account, store: StoreFront) {
    match account.stores.iter_mut().find(|s| s.origin == store.origin) {
        Some(same) => *same = store,
        None => account.stores.push(store),
    }
}

/// Which stores of an account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoresQuery {
    /// Only those whose origin or path has this in it. Case doesn't matter.
    pub q: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

/// A page of an account's storefronts, or of those that are searched for.
pub async fn stores(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    query: StoresQuery,
) -> Outcome<Page<StoreFront>> {
    let found = ops.account(caller, Access::Read, id).await?;
    let paging = Paging::new(limit(query.limit)?, query.after.as_deref());
    let text = query.q.unwrap_or_default().trim().to_lowercase();
    let has = |other: &str| other.to_lowercase().contains(&text);
    let mut all = found.value.stores;
    all.retain(|store| has(&store.origin) || has(&store.auth_path));
    let page = Page::of_all(all, &paging, |store| store.origin.clone())?;
    Ok(page.tagged(found.version))
}

/// Adds a storefront, or gives the one at this origin another path.
pub async fn put_store(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    store: StoreInput,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    edit(ops, caller, id, when, "store.set", |account| {
        add(account, store.check()?);
        Ok(())
    })
    .await
}

/// Removes a storefront.
pub async fn remove_store(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    origin: &str,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    edit(ops, caller, id, when, "store.remove", |account| {
        let before = account.stores.len();
        let origin = origin.trim_end_matches('/');
        account.stores.retain(|store| store.origin != origin);
        if account.stores.len() == before {
            return Err(OperationError::missing("store"));
        }
        Ok(())
    })
    .await
}
