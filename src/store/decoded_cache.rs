//! What was decoded before.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Keyspace, Store, StoreError, Version};

/// What records became when they were read, for those that are read at every
/// request and seldom written.
///
/// Where the space's revision is the same as then (see
/// [`Store::revision`](super::Store::revision)), nothing need be read. Otherwise,
/// and with a store that has none, the record is read, so that a change counts
/// at once, whoever made it; what its version then spares is making the same
/// thing of the same bytes.
#[derive(Debug)]
pub struct DecodedCache<K, T>(Cache<K, (Option<u64>, Version, Arc<T>)>);

impl<K: Eq + Hash, T> DecodedCache<K, T> {
    /// Remembers about `most` of them.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// What the record of `key` became, if nothing has changed since.
    pub fn unchanged(&self, key: &K, revision: Option<u64>) -> Option<Arc<T>> {
        let (known, _, made) = self.0.get(key)?;
        (known.is_some() && known == revision).then_some(made)
    }

    /// What the record of `key` becomes in this `version`, read after `revision`
    /// was asked for; made if that is not known.
    pub fn get_or<E>(
        &self,
        key: K,
        revision: Option<u64>,
        version: Version,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let made = match self.0.get(&key) {
            Some((then, known, made)) if known == version => {
                if revision.is_none() || revision == then {
                    return Ok(made);
                }
                made
            }
            _ => Arc::new(make()?),
        };
        self.0.insert(key, (revision, version, Arc::clone(&made)));
        Ok(made)
    }

    /// Reads the record of `key`, which has this `id` in no partition.
    pub async fn read(
        &self,
        store: &dyn Store,
        records: &Keyspace<T>,
        key: &K,
        id: &[u8],
    ) -> Result<Option<Arc<T>>, StoreError>
    where
        K: Clone,
        T: Serialize + DeserializeOwned,
    {
        let revision = store.revision(records.space());
        if let Some(made) = self.unchanged(key, revision) {
            return Ok(Some(made));
        }
        let found = records.get_encoded(store, "", id).await?;
        found
            .map(|found| self.get_or(key.clone(), revision, found.version(), || found.decode()))
            .transpose()
    }

    /// Remembers what a record became.
    pub fn put(&self, key: K, version: Version, made: &Arc<T>) {
        self.0.insert(key, (None, version, Arc::clone(made)));
    }
}

/// What was read from a space, for as long as nothing in the space changes: see
/// [`Store::revision`](super::Store::revision).
#[derive(Debug)]
pub struct RevisionCache<K, V>(Cache<K, (u64, V)>);

impl<K: Eq + Hash, V: Clone> RevisionCache<K, V> {
    /// Remembers about `most` of them.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// What was read at this revision of the space.
    pub fn get(&self, key: &K, revision: Option<u64>) -> Option<V> {
        let (known, value) = self.0.get(key)?;
        (Some(known) == revision).then_some(value)
    }

    /// Remembers what was read after `revision` was asked for.
    pub fn put(&self, key: K, revision: Option<u64>, value: V) {
        if let Some(revision) = revision {
            self.0.insert(key, (revision, value));
        }
    }
}
