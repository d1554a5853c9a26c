//! Owners for records that were written before their space had any.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keyspace::STEP;
use super::{Keyspace, Precondition, Scan, Space, Store, StoreError};
use crate::base::Timestamp;

static INDEXED: Space = Space::durable("indexed_spaces");

pub(super) fn space() -> &'static Space {
    &INDEXED
}

/// By the name of a space: since when all its records have their owners.
const DONE: Keyspace<Timestamp> = Keyspace::new(&INDEXED);

/// Whether an index that records of before have to be put into has all of them.
pub async fn index_is_done(store: &dyn Store, name: &str) -> Result<bool, StoreError> {
    Ok(DONE.get(store, "", name.as_bytes()).await?.is_some())
}

/// Notes that it has. Behind all the others in the log.
pub async fn note_indexed(store: &dyn Store, name: &str, now: Timestamp) -> Result<(), StoreError> {
    DONE.put(store, "", name.as_bytes(), &now, Precondition::Any)
        .await
        .map(|_| ())
}

impl<T: Serialize + DeserializeOwned> Keyspace<T> {
    /// Gives an owner to each record that has none and should have, once in a
    /// store's life. To be called before the first look for what is someone's.
    pub async fn index(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let name = self.space.name;
        if index_is_done(store, name).await? {
            return Ok(());
        }
        let mut changed = 0;
        for partition in store.partitions(self.space).await? {
            let mut scan = Scan::all(self.space, partition, STEP);
            loop {
                let found = store.scan(&scan).await?;
                let Some((last, _)) = found.last() else {
                    break;
                };
                scan.after = Some(last.id().to_vec());
                for (key, entry) in found {
                    let (bytes, version) = (entry.value.clone(), entry.version);
                    let owner = match self.encoded(entry).decode() {
                        Ok(value) => self.owner.and_then(|owner| owner(&value)),
                        Err(error) => {
                            tracing::warn!(space = name, %error, "a record was left without its owner");
                            continue;
                        }
                    };
                    if let Some(owner) = owner.filter(|owner| key.owner() != Some(owner)) {
                        let when = Precondition::Version(version);
                        match store.put_soon(&key.owned_by(&owner), bytes, when).await {
                            // Written by another replica, and so with its owner.
                            Err(StoreError::Conflict) => {}
                            other => changed += other.map(|_| 1)?,
                        }
                    }
                }
            }
        }
        if changed > 0 {
            tracing::info!(
                space = name,
                records = changed,
                "records were given their owners"
            );
        }
        note_indexed(store, name, now).await
    }
}
