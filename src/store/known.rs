//! What was decoded before.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::Version;

/// What records became when they were read, for those that are read at every
/// request and seldom written.
///
/// The store is asked each time all the same, so that a change counts at once,
/// whoever made it. What is spared is making the same thing of the same bytes.
#[derive(Debug)]
pub struct Known<K, T>(Cache<K, (Version, Arc<T>)>);

impl<K: Eq + Hash, T> Known<K, T> {
    /// Remembers about `most` of them.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// What the record of `key` becomes in this `version`; made if that is not known.
    pub fn get_or<E>(
        &self,
        key: K,
        version: Version,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some((known, made)) = self.0.get(&key)
            && known == version
        {
            return Ok(made);
        }
        let made = Arc::new(make()?);
        self.put(key, version, &made);
        Ok(made)
    }

    /// Remembers what a record became.
    pub fn put(&self, key: K, version: Version, made: &Arc<T>) {
        self.0.insert(key, (version, Arc::clone(made)));
    }
}

/// What was read from a space, for as long as nothing in the space changes: see
/// [`Store::revision`](super::Store::revision).
#[derive(Debug)]
pub struct Unchanged<K, V>(Cache<K, (u64, V)>);

impl<K: Eq + Hash, V: Clone> Unchanged<K, V> {
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
