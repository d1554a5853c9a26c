//! What of a user is asked again and again: whether they are there, and whether what
//! was issued to them still counts. The rest of the record is not read for that.

use serde::{Deserialize, Serialize};

use super::{RECORDS, USERS};
use crate::base::{AccountId, UserId};
use crate::store::{Keyspace, Store, StoreError};

/// The part of a [`User`](super::User) that decides.
#[derive(Serialize, Deserialize)]
struct Standing {
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    generation: u64,
}

const STANDINGS: Keyspace<Standing> = Keyspace::new(&USERS);

/// Whether a user is there, and what was issued to them in this generation counts:
/// see [`User::may_act`](super::User::may_act).
pub async fn may_act(
    store: &dyn Store,
    account: &AccountId,
    id: UserId,
    generation: u64,
) -> Result<bool, StoreError> {
    let found = STANDINGS.get(store, account.as_str(), id.as_bytes());
    let now = found.await?.map(|found| found.value);
    Ok(now.is_some_and(|user| !user.disabled && user.generation == generation))
}

/// Whether there is such a user.
pub async fn exists(
    store: &dyn Store,
    account: &AccountId,
    id: UserId,
) -> Result<bool, StoreError> {
    let found = RECORDS.get_encoded(store, account.as_str(), id.as_bytes());
    Ok(found.await?.is_some())
}
