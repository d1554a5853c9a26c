//! What goes with an account: all that is in its partition, its applications, and what
//! operators may there.

use std::time::Duration;

use serde_json::json;

use crate::account::{self, Leaving};
use crate::authority::Applications;
use crate::base::AccountId;
use crate::login::journal;
use crate::operation::{Caller, Entry, Operations, Outcome};
use crate::operator::{self, Operator, session};
use crate::store::{Class, Precondition, Scan, Space, Step, StoreError, Versioned};

/// How many records go at once.
const STEP: usize = 200;
/// How often it is begun again because another broker is at it.
const TRIES: usize = 20;
/// How long another broker that is at it is waited for, and how often it is looked.
const POLLS: usize = 50;
const POLL: Duration = Duration::from_millis(100);

/// Removes what is left of an account that was removed, if anything is: where that broke
/// off, the next account of this id must not have it.
///
/// Two brokers may be at it. Whoever came last has the mark, and each removal holds only
/// as long as its own is the last: who is told so late takes nothing from the next
/// account of this id.
pub(super) async fn clear(ops: &Operations, caller: &Caller, id: &AccountId) -> Outcome<()> {
    let store = &*ops.store;
    if !account::is_leaving(store, id).await? {
        return Ok(());
    }
    let _alone = ops.clearing.lock().await;
    for _ in 0..TRIES {
        let Some(leaving) = account::leave(store, id).await? else {
            return Ok(());
        };
        match remove(ops, caller, id, &leaving).await {
            Err(error) if error.is_stale() => {}
            done => return done,
        }
        for _ in 0..POLLS {
            if !account::is_leaving(store, id).await? {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Err(StoreError::Conflict.into())
}

async fn remove(
    ops: &Operations,
    caller: &Caller,
    id: &AccountId,
    leaving: &Leaving,
) -> Outcome<()> {
    let store = &*ops.store;
    for mapping in ops.mappings.list(id).await? {
        let provider = &mapping.value.provider;
        let (any, while_ours) = (Precondition::Any, vec![leaving.check()]);
        ops.mappings.remove(id, provider, any, while_ours).await?;
    }
    loop {
        let page = Applications::page(store, Some(id), None, STEP).await?;
        if page.is_empty() {
            break;
        }
        let gone = page.iter().flat_map(|application| {
            Applications::step_remove(&application.value.client_id, Precondition::Any)
        });
        let steps = [leaving.check()].into_iter().chain(gone);
        store.commit(steps.collect()).await?;
    }
    let mut after = None;
    loop {
        let page = operator::page(store, after.as_deref(), STEP).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.value.email.to_string());
        for found in &page {
            part(ops, caller, id, leaving, found).await?;
        }
    }
    journal::forget(store, id).await?;
    for space in &ops.spaces {
        empty(ops, id, leaving, space).await?;
    }
    store.commit(vec![leaving.check(), leaving.left()]).await?;
    Ok(())
}

/// Parts an operator from an account, so that the next of its id is none of theirs. Who
/// had no other may not log in until an owner says where to: with an empty list they
/// would administer all.
async fn part(
    ops: &Operations,
    caller: &Caller,
    id: &AccountId,
    leaving: &Leaving,
    found: &Versioned<Operator>,
) -> Outcome<()> {
    let before = &found.value;
    let mut after = before.clone();
    if !after.accounts.remove(id) {
        return Ok(());
    }
    if after.accounts.is_empty() {
        after.accounts.clone_from(&before.accounts);
        after.disabled = true;
    }
    if after == *before {
        return Ok(());
    }
    let said = |operator: &Operator| json!({ "accounts": operator.accounts, "disabled": operator.disabled });
    let address = format!("/operators/{}", before.email);
    let entry = Entry::new("operator.change", address)
        .before(&said(before))
        .after(&said(&after));
    let mut steps = operator::step_put(&after, Precondition::Version(found.version))?;
    steps.push(leaving.check());
    ops.commit(caller, entry, steps).await?;
    if after.disabled {
        session::revoke_all(&*ops.store, &after.email).await?;
    }
    Ok(())
}

/// Removes what an account has in a space.
async fn empty(
    ops: &Operations,
    id: &AccountId,
    leaving: &Leaving,
    space: &'static Space,
) -> Result<(), StoreError> {
    let store = &*ops.store;
    let mut scan = Scan::all(space, id.as_str(), STEP);
    loop {
        let found = store.scan(&scan).await?;
        let Some((last, _)) = found.last() else {
            return Ok(());
        };
        scan.after = Some(last.id().to_vec());
        let keys = found.into_iter().map(|(key, _)| key);
        if space.class == Class::Durable {
            let steps = [leaving.check()].into_iter().chain(keys.map(Step::Delete));
            store.commit(steps.collect()).await?;
            continue;
        }
        // A batch has none of these: who is late with them costs the next account a login
        // that is under way, and no more.
        for key in keys {
            store.delete(&key, Precondition::Any).await?;
        }
    }
}
