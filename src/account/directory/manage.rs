//! What administrators do to users.

use serde_json::Map;

use super::{RECORDS, TRIES, User, get, steps};
use crate::base::{AccountId, Timestamp, UserId};
use crate::store::{Precondition, Store, StoreError, Version, Versioned};

/// Creates a user who never logged in through a provider; `None` if someone has
/// this email, which must be normalized.
pub async fn create(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    name: Option<String>,
    now: Timestamp,
) -> Result<Option<Versioned<User>>, StoreError> {
    let mut user = new(email, name, now);
    match steps::create(store, account, &mut user, now).await? {
        Err(_) => Ok(None),
        Ok(steps) => match store.commit(steps).await {
            Ok(versions) => Ok(Some(Versioned {
                value: user,
                version: versions.first().copied().unwrap_or(Version(0)),
            })),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        },
    }
}

/// A user who never logged in, for whose email, which must be normalized, whoever
/// creates them answers.
pub fn new(email: &str, name: Option<String>, now: Timestamp) -> User {
    User {
        id: UserId::new(),
        email: email.to_owned(),
        name,
        links: Vec::new(),
        created_at: now,
        last_login_at: now,
        email_trusted: true,
        disabled: false,
        more: Map::new(),
        last_link: None,
        generation: 0,
    }
}

/// Changes a user in what they are not found by; gives what it was and what it became. With `only`, the record
/// must be of that version, and nobody else's write is followed.
///
/// # Errors
/// [`StoreError::Conflict`] if the record is of another version, or if others
/// kept writing it.
pub async fn change(
    store: &dyn Store,
    account: &AccountId,
    id: UserId,
    only: Option<Version>,
    change: impl Fn(&mut User),
) -> Result<Option<(User, Versioned<User>)>, StoreError> {
    for _ in 0..TRIES {
        let Some(found) = get(store, account, id).await? else {
            return Ok(None);
        };
        if only.is_some_and(|version| version != found.version) {
            return Err(StoreError::Conflict);
        }
        let mut user = found.value.clone();
        change(&mut user);
        let when = Precondition::Version(found.version);
        match RECORDS
            .put(store, account.as_str(), id.as_bytes(), &user, when)
            .await
        {
            Ok(version) => {
                let changed = Versioned {
                    value: user,
                    version,
                };
                return Ok(Some((found.value, changed)));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

/// Allows or forbids a user to log in.
///
/// # Errors
/// [`StoreError::Conflict`] if others kept writing the same record.
pub async fn set_disabled(
    store: &dyn Store,
    account: &AccountId,
    id: UserId,
    disabled: bool,
) -> Result<Option<User>, StoreError> {
    let changed = change(store, account, id, None, |user| user.disabled = disabled).await?;
    Ok(changed.map(|(_, user)| user.value))
}
