//! Sessions by their records: listed, and ended by who is not in them.

use super::{SESSIONS, SPACE, Session, renewal, upstream};
use crate::base::{AccountId, Timestamp, UserId};
use crate::store::{Key, Step, Store, StoreError, Versioned};

/// A page of an account's sessions, those that end first in front.
pub async fn page(
    store: &dyn Store,
    account: &AccountId,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Key, Versioned<Session>)>, StoreError> {
    SPACE.page(store, account.as_str(), b"", after, limit).await
}

/// Ends the session whose record has this id, in one commit with `beside`; says whether
/// there was one. `beside` is written also where it is gone meanwhile.
pub async fn revoke_id(
    store: &dyn Store,
    account: &AccountId,
    id: &[u8],
    beside: Vec<Step>,
) -> Result<bool, StoreError> {
    let key = Key::of_id(&SESSIONS, account.as_str(), id);
    let (Some(key), Some(session)) = (key, get_id(store, account, id).await?) else {
        if !beside.is_empty() {
            store.commit(beside).await?;
        }
        return Ok(false);
    };
    session.forget_rest(store, account).await?;
    let mut steps = beside;
    steps.push(Step::Delete(key));
    store.commit(steps).await?;
    Ok(true)
}

/// The session whose record has this id.
pub async fn get_id(
    store: &dyn Store,
    account: &AccountId,
    id: &[u8],
) -> Result<Option<Session>, StoreError> {
    let Some(key) = Key::of_id(&SESSIONS, account.as_str(), id) else {
        return Ok(None);
    };
    let found = SPACE.get_at(store, &key).await?;
    Ok(found.map(|found| found.value))
}

/// A page of a user's sessions, those that end first in front.
pub async fn page_of(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Key, Versioned<Session>)>, StoreError> {
    SPACE
        .page_of(store, account.as_str(), user.as_bytes(), after, limit)
        .await
}

/// Ends all sessions of a user; says how many.
pub async fn revoke_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<usize, StoreError> {
    renewal::forget_user(store, account, user).await?;
    let mut after = None;
    loop {
        let found = page_of(store, account, user, after, 500).await?;
        let Some((last, _)) = found.last() else {
            break;
        };
        after = Some(last.id().to_vec());
        for (_, session) in &found {
            upstream::forget(store, account, &session.value).await?;
        }
    }
    SPACE
        .remove_of(store, account.as_str(), user.as_bytes())
        .await
}

/// Gives sessions of before their owners.
pub async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    SPACE.index(store, now).await
}
