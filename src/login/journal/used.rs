//! When each way of an account to log in was last used: one moment a way, and nothing
//! of who it was.

use std::collections::HashMap;
use std::time::Duration;

use super::{Noted, SUCCESS};
use crate::base::{AccountId, LoginMethod, Timestamp};
use crate::store::{Keyspace, Precondition, Space, Store, StoreError};

static USES: Space = Space::durable("ways_used");

/// By account and the way's name.
const RECORDS: Keyspace<Timestamp> = Keyspace::new(&USES);

/// A use so soon after the last one that was written is not written.
const GRAIN: Duration = Duration::from_secs(60);

pub(super) fn space() -> &'static Space {
    &USES
}

/// When ways of accounts were used.
type Used = HashMap<(AccountId, String), Timestamp>;

/// What one broker wrote.
#[derive(Default)]
pub(super) struct Uses(Used);

impl Uses {
    /// Notes uses, as far as they are newer than what is known.
    pub async fn note(&mut self, store: &dyn Store, used: Used) -> Result<(), StoreError> {
        for ((account, way), at) in used {
            let key = (account, way);
            let known = self.0.get(&key);
            if known.is_some_and(|last| at.since(*last) < GRAIN) {
                continue;
            }
            let (account, way) = (key.0.as_str(), key.1.as_bytes());
            RECORDS
                .put_soon(store, account, way, &at, Precondition::Any)
                .await?;
            self.0.insert(key, at);
        }
        Ok(())
    }
}

/// The newest use of each way among logins: of those that led to a session.
pub(super) fn newest(entries: &[Noted]) -> Used {
    let mut used = Used::new();
    for Noted { entry, at, .. } in entries {
        let (Some(account), Some(way)) = (&entry.account, &entry.provider) else {
            continue;
        };
        if entry.outcome == SUCCESS {
            let last = used.entry((account.clone(), way.clone())).or_insert(*at);
            *last = (*last).max(*at);
        }
    }
    used
}

/// When a way was last used, to the minute; `None` where it never was.
pub async fn last_use(
    store: &dyn Store,
    account: &AccountId,
    way: &LoginMethod,
) -> Result<Option<Timestamp>, StoreError> {
    let found = RECORDS.get(store, account.as_str(), way.as_str().as_bytes());
    Ok(found.await?.map(|found| found.value))
}
