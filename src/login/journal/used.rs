//! When each way of an account to log in was last used: one moment a way, and nothing
//! of who it was.

use std::collections::HashMap;
use std::time::Duration;

use super::{LoginEntry, SUCCESS};
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

/// What one broker wrote.
#[derive(Default)]
pub(super) struct Uses(HashMap<(AccountId, String), Timestamp>);

impl Uses {
    /// Notes the use of a login that led to a session.
    pub async fn note(
        &mut self,
        store: &dyn Store,
        entry: &LoginEntry,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (Some(account), Some(way)) = (&entry.account, &entry.provider) else {
            return Ok(());
        };
        let key = (account.clone(), way.clone());
        let known = self.0.get(&key);
        if entry.outcome != SUCCESS || known.is_some_and(|last| at.since(*last) < GRAIN) {
            return Ok(());
        }
        RECORDS
            .put_soon(
                store,
                account.as_str(),
                way.as_bytes(),
                &at,
                Precondition::Any,
            )
            .await?;
        self.0.insert(key, at);
        Ok(())
    }
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

/// Removes what is kept of an account's ways.
pub(super) async fn remove_all(
    store: &dyn Store,
    account: &AccountId,
) -> Result<usize, StoreError> {
    RECORDS.remove_all(store, account.as_str()).await
}
