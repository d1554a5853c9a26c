//! Counts of an hour that all brokers on a store share, and a restart keeps.
//!
//! A record's key has its end in it, and that is the end of the hour after the one it
//! was written in: what was counted an hour ago at most is under this hour's key or
//! under the last one's.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::Timestamp;
use crate::store::{Key, Keyspace, Precondition, Store, StoreError};

/// How long a count is kept at least.
pub const HOUR: Duration = Duration::from_secs(3600);
/// How often a write is tried again when others write the same record.
const ATTEMPTS: usize = 100;

/// A kind of count.
pub struct Recent<T: 'static> {
    records: Keyspace<T>,
}

impl<T: Serialize + DeserializeOwned + Clone> Recent<T> {
    /// The counts of a space, which must be one that expires.
    pub const fn new(records: Keyspace<T>) -> Self {
        Self { records }
    }

    fn key(&self, id: &[u8], hour: u64) -> Key {
        let end = Timestamp::from_secs((hour + 2) * HOUR.as_secs());
        Key::expiring(self.records.space(), "", end, id)
    }

    /// What is counted now.
    pub async fn get(
        &self,
        store: &dyn Store,
        id: &[u8],
        now: Timestamp,
    ) -> Result<Option<T>, StoreError> {
        let found = self.find(store, id, now).await?;
        Ok(found.map(|(count, _)| count))
    }

    /// The count, and what must hold of this hour's record to write it.
    async fn find(
        &self,
        store: &dyn Store,
        id: &[u8],
        now: Timestamp,
    ) -> Result<Option<(T, Precondition)>, StoreError> {
        let hour = now.as_secs() / HOUR.as_secs();
        let found = self.records.get_at(store, &self.key(id, hour)).await?;
        if let Some(found) = found {
            return Ok(Some((found.value, Precondition::Version(found.version))));
        }
        let last = self.key(id, hour.saturating_sub(1));
        let found = self.records.get_at(store, &last).await?;
        Ok(found.map(|found| (found.value, Precondition::Absent)))
    }

    /// Changes a count in one step, however many do at the same moment. `change` gets
    /// what is there and gives what is to be there, or why nothing changes.
    pub async fn change<R>(
        &self,
        store: &dyn Store,
        id: &[u8],
        now: Timestamp,
        change: impl Fn(Option<T>) -> Result<T, R>,
    ) -> Result<Result<(), R>, StoreError> {
        let key = self.key(id, now.as_secs() / HOUR.as_secs());
        for _ in 0..ATTEMPTS {
            let found = self.find(store, id, now).await?;
            let (count, when) = match found {
                Some((count, when)) => (Some(count), when),
                None => (None, Precondition::Absent),
            };
            let new = match change(count) {
                Ok(new) => new,
                Err(why) => return Ok(Err(why)),
            };
            match self.records.put_at(store, key.clone(), &new, when).await {
                Ok(_) => return Ok(Ok(())),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Makes a count less, in one step; `None`: nothing is left of it, and no record is
    /// kept. Where nothing is counted nothing changes.
    pub async fn lessen(
        &self,
        store: &dyn Store,
        id: &[u8],
        now: Timestamp,
        less: impl Fn(T) -> Option<T>,
    ) -> Result<(), StoreError> {
        let hour = now.as_secs() / HOUR.as_secs();
        for _ in 0..ATTEMPTS {
            let Some((count, when)) = self.find(store, id, now).await? else {
                return Ok(());
            };
            let key = self.key(id, hour);
            let done = match (less(count), when) {
                (Some(new), _) => self.records.put_at(store, key, &new, when).await.map(drop),
                (None, Precondition::Version(_)) => store.delete(&key, when).await.map(drop),
                // It is the last hour's; whoever counts now writes this hour's.
                (None, _) => {
                    let last = self.key(id, hour.saturating_sub(1));
                    store.delete(&last, Precondition::Any).await.map(drop)
                }
            };
            match done {
                Err(StoreError::Conflict) => {}
                done => return done,
            }
        }
        Err(StoreError::Conflict)
    }

    /// Forgets a count.
    pub async fn forget(
        &self,
        store: &dyn Store,
        id: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hour = now.as_secs() / HOUR.as_secs();
        for hour in [hour, hour.saturating_sub(1)] {
            store.delete(&self.key(id, hour), Precondition::Any).await?;
        }
        Ok(())
    }
}
