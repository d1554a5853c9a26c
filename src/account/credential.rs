//! The passwords of an account's people, as they are stored.

use serde::{Deserialize, Serialize};

use crate::base::{AccountId, Timestamp, UserId};
use crate::password::SlowHash;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Version, Versioned};

static PASSWORDS: Space = Space::durable("passwords").sealed();

pub(super) fn space() -> &'static Space {
    &PASSWORDS
}

/// By account and user.
const RECORDS: Keyspace<Credential> = Keyspace::new(&PASSWORDS);

/// Somebody's password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// What it hashes to.
    pub hash: SlowHash,
    /// When it was chosen.
    pub changed_at: Timestamp,
    /// Those before, the newest first, where the account lets none return.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<SlowHash>,
    /// An operator said that it counts no more until another is chosen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

impl Credential {
    /// A password chosen now.
    pub fn new(hash: SlowHash, now: Timestamp) -> Self {
        Self {
            hash,
            changed_at: now,
            former: Vec::new(),
            expired: false,
        }
    }
}

/// Reads a user's password.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<Option<Versioned<Credential>>, StoreError> {
    RECORDS.get(store, account.as_str(), user.as_bytes()).await
}

/// Writes a user's password if `when` holds.
pub async fn put(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
    credential: &Credential,
    when: Precondition,
) -> Result<Version, StoreError> {
    RECORDS
        .put(store, account.as_str(), user.as_bytes(), credential, when)
        .await
}

/// The step of a batch that writes a user's password.
pub fn step_put(
    account: &AccountId,
    user: UserId,
    credential: &Credential,
) -> Result<Step, StoreError> {
    RECORDS.step_put(account.as_str(), user.as_bytes(), credential)
}

/// The version of a user's password, if there is one.
pub async fn find(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<Option<Version>, StoreError> {
    Ok(get(store, account, user).await?.map(|found| found.version))
}

/// The step of a batch that fails it unless the password is of this version.
pub fn step_is(account: &AccountId, user: UserId, version: Version) -> Step {
    let when = Precondition::Version(version);
    RECORDS.step_check(account.as_str(), user.as_bytes(), when)
}

/// The step of a batch that takes a user's password away.
pub fn step_remove(account: &AccountId, user: UserId) -> Step {
    RECORDS.step_delete(account.as_str(), user.as_bytes())
}

/// Takes a user's password away; says whether there was one.
pub async fn remove(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<bool, StoreError> {
    RECORDS
        .delete(store, account.as_str(), user.as_bytes(), Precondition::Any)
        .await
}
