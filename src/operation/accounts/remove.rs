//! How an account is removed: itself at once, then all that is left of it.

use super::write::write;
use super::{AccountView, address};
use crate::account::{self, credential, directory, provider_tokens};
use crate::authority::{Applications, consent};
use crate::base::AccountId;
use crate::login::journal;
use crate::operation::{Access, Caller, Condition, Done, Entry, Operations, Outcome};
use crate::session;
use crate::store::{Precondition, StoreError};

/// Removes an account with its mappings, users, sessions and applications.
pub async fn remove(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    when: &Condition,
) -> Outcome<Done> {
    let found = ops.account(caller, Access::Write, id).await?;
    let guard = when.over(Some(found.version))?;
    let id = found.value.id.clone();
    let before = AccountView::from(found.value.clone());
    let entry = || {
        Entry::new("account.remove", address(&id))
            .of(Some(&id))
            .before(&before)
    };
    // The account first: nobody can log in any more while the rest goes.
    write(ops, caller, Some(&found.value), None, guard, entry).await?;
    clear(ops, &id).await?;
    Ok(Done { tag: None })
}

/// Removes what is left of an account that was removed, if anything is: where that broke
/// off, the next account of this id must not have it.
pub(super) async fn clear(ops: &Operations, id: &AccountId) -> Result<(), StoreError> {
    let store = &*ops.store;
    if !account::is_leaving(store, id).await? {
        return Ok(());
    }
    for mapping in ops.mappings.list(id).await? {
        let provider = &mapping.value.provider;
        let (any, alone) = (Precondition::Any, Vec::new());
        ops.mappings.remove(id, provider, any, alone).await?;
    }
    directory::remove_all(store, id).await?;
    credential::remove_all(store, id).await?;
    Applications::remove_all(store, id).await?;
    consent::remove_all(store, id).await?;
    provider_tokens::forget_all(store, id).await?;
    session::revoke_all(store, id).await?;
    journal::remove_all(store, id).await?;
    store.commit(vec![account::step_left(id)]).await.map(drop)
}
