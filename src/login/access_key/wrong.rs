//! Wrong codes: how often an address may be guessed at.
//!
//! They are counted for an address, whatever login and browser they come from,
//! and whether or not anybody has it. After [`MOST`] within a window of an hour
//! that address gets no code and none of its codes counts until the window ends;
//! all other ways to log in stay open. A try counts from its beginning, so that a
//! hundred at once are a hundred.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::error::{LoginError, Step};
use crate::base::{AccountId, Timestamp, digest};
use crate::store::{self, Key, Keyspace, Precondition, Space, Store, StoreError, Versioned};

static WRONG: Space = Space::durable("access_key_tries").expiring();
const TRIED: Keyspace<Tried> = Keyspace::new(&WRONG);

/// How many wrong codes an address may have in an hour.
pub const MOST: u32 = 5;
/// For how long they are counted.
const WINDOW: Duration = Duration::from_secs(3600);
/// How often a write is tried again when others write the same record.
const WRITES: usize = 50;

pub(super) fn space() -> &'static Space {
    &WRONG
}

/// What was tried for an address in this window.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tried {
    email: String,
    count: u32,
}

/// An address that gets no code for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The address, in lower case.
    pub email: String,
    /// Until when.
    pub until: Timestamp,
}

fn window_end(now: Timestamp) -> Timestamp {
    let window = WINDOW.as_secs();
    Timestamp::from_secs((now.as_secs() / window + 1) * window)
}

fn key(account: &AccountId, email: &str, now: Timestamp) -> Key {
    let id = digest::sha256(email.as_bytes());
    Key::expiring(&WRONG, account.as_str(), window_end(now), &id)
}

/// Whether codes count for an address now.
///
/// # Errors
/// [`LoginError::AccessKeyBlocked`]
pub(super) async fn check(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    now: Timestamp,
) -> Result<(), LoginError> {
    let found = TRIED.get_at(store, &key(account, email, now)).await;
    match found.map_err(Step::Start.store())? {
        Some(tried) if tried.value.count >= MOST => Err(LoginError::AccessKeyBlocked),
        _ => Ok(()),
    }
}

/// Counts a try, which stays counted unless `forget` follows. Gives how many
/// are left.
///
/// # Errors
/// [`LoginError::AccessKeyBlocked`]: the try is not to be looked at.
pub async fn begin(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    now: Timestamp,
) -> Result<u32, LoginError> {
    let failed = Step::Callback.store();
    let key = key(account, email, now);
    for _ in 0..WRITES {
        let found = TRIED.get_at(store, &key).await.map_err(&failed)?;
        let (count, when) = match &found {
            Some(found) => (found.value.count, Precondition::Version(found.version)),
            None => (0, Precondition::Absent),
        };
        if count >= MOST {
            return Err(LoginError::AccessKeyBlocked);
        }
        let tried = Tried {
            email: email.to_owned(),
            count: count + 1,
        };
        match TRIED.put_at(store, key.clone(), &tried, when).await {
            Ok(_) => return Ok(MOST - tried.count),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(StoreError::Conflict))
}

/// Forgets what was tried for an address: somebody had the right code.
pub(super) async fn forget(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = key(account, email, now);
    store.delete(&key, Precondition::Any).await.map(|_| ())
}

/// An address that is blocked now.
pub async fn find(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    now: Timestamp,
) -> Result<Option<Versioned<Blocked>>, StoreError> {
    let found = TRIED.get_at(store, &key(account, email, now)).await?;
    let blocked = found.filter(|tried| tried.value.count >= MOST);
    Ok(blocked.map(|tried| Versioned {
        value: Blocked {
            email: tried.value.email,
            until: window_end(now),
        },
        version: tried.version,
    }))
}

/// The steps of a batch that let codes count for an address again, if `when` holds.
pub fn steps_lift(
    account: &AccountId,
    email: &str,
    now: Timestamp,
    when: Precondition,
) -> Vec<store::Step> {
    let key = key(account, email, now);
    vec![
        store::Step::Check(key.clone(), when),
        store::Step::Delete(key),
    ]
}

/// The addresses of an account that are blocked now, at most so many.
pub async fn blocked(
    store: &dyn Store,
    account: &AccountId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Blocked>, StoreError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = TRIED.page(store, account.as_str(), b"", after, 500).await?;
        let full = page.len() == 500;
        after = page.last().map(|(key, _)| key.id().to_vec());
        for (key, tried) in page {
            let until = key.expires_at().filter(|until| *until > now);
            if let Some(until) = until.filter(|_| tried.value.count >= MOST) {
                all.push(Blocked {
                    email: tried.value.email,
                    until,
                });
            }
        }
        if !full || all.len() >= limit {
            all.truncate(limit);
            return Ok(all);
        }
    }
}
