//! What goes with an account.

use crate::account::{self, credential, directory, domain_proof, provider_tokens, setup_link};
use crate::authority::{Applications, consent};
use crate::base::AccountId;
use crate::login::journal;
use crate::operation::Operations;
use crate::session;
use crate::store::{Precondition, StoreError};

/// Removes what is left of an account that was removed, if anything is: where that broke
/// off, the next account of this id must not have it.
pub(super) async fn clear(ops: &Operations, id: &AccountId) -> Result<(), StoreError> {
    let store = &*ops.store;
    if !account::is_leaving(store, id).await? {
        return Ok(());
    }
    // Once two are at it, who comes to the end first lets the next account of this id be
    // made, and the other would take from that.
    let _alone = ops.clearing.lock().await;
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
    setup_link::remove_all(store, id).await?;
    domain_proof::remove_all(store, id).await?;
    journal::remove_all(store, id).await?;
    store.commit(vec![account::step_left(id)]).await.map(drop)
}
