//! The store that forgets: for tests and for trying things out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::memory_table::MemoryTable;
use super::versions::Versions;
use super::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version, check_batch};
use crate::base::{Clock, Timestamp};

/// Keeps everything in memory, under one lock.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    spaces: BTreeMap<&'static str, MemoryTable>,
    versions: Versions,
}

impl MemoryStore {
    /// An empty store that lives by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            spaces: BTreeMap::new(),
            versions: Versions::after(0),
        };
        Self {
            clock,
            inner: Mutex::new(inner),
        }
    }

    /// The records and the time. No operation leaves them half changed, so a
    /// panic elsewhere need not end the store too.
    fn open(&self) -> (MutexGuard<'_, Inner>, Timestamp) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner, self.clock.now())
    }
}

impl Inner {
    fn held(&mut self, space: &'static Space) -> &mut MemoryTable {
        self.spaces.entry(space.name).or_default()
    }

    fn find(&mut self, key: &Key, now: Timestamp) -> Option<&Entry> {
        if key.is_expired(now) {
            return None;
        }
        self.held(key.space).get(key)
    }

    fn check(
        &mut self,
        key: &Key,
        when: Precondition,
        now: Timestamp,
    ) -> Result<Option<Version>, StoreError> {
        let current = self.find(key, now).map(|entry| entry.version);
        if when.holds(current) {
            Ok(current)
        } else {
            Err(StoreError::Conflict)
        }
    }

    fn write(&mut self, key: &Key, value: Vec<u8>, now: Timestamp) -> Version {
        let version = self.versions.next(now, None);
        let entry = Entry { value, version };
        self.held(key.space).insert(key, entry);
        version
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        self.held(key.space).remove(key)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let (mut inner, now) = self.open();
        Ok(inner.find(key, now).cloned())
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let (mut inner, now) = self.open();
        inner.check(key, when, now)?;
        Ok(inner.write(key, value, now))
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let (mut inner, now) = self.open();
        Ok(if key.is_expired(now) {
            None
        } else {
            inner.remove(key)
        })
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let (mut inner, now) = self.open();
        let found = inner.check(key, when, now)?.is_some();
        if found {
            inner.remove(key);
        }
        Ok(found)
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let (mut inner, now) = self.open();
        Ok(inner.held(scan.space).scan(scan, now))
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        let (mut inner, now) = self.open();
        let live = space.live_from(now);
        Ok(inner.held(space).partitions(&live))
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        check_batch(&steps)?;
        let (mut inner, now) = self.open();
        for step in &steps {
            if let Step::Check(key, when) = step {
                inner.check(key, *when, now)?;
            }
        }
        let mut versions = Vec::new();
        for step in steps {
            match step {
                Step::Check(..) => {}
                Step::Put(key, value) => versions.push(inner.write(&key, value, now)),
                Step::Delete(key) => {
                    inner.remove(&key);
                }
            }
        }
        Ok(versions)
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let live = space.live_from(self.clock.surely());
        Ok(self.open().0.held(space).purge(&live, limit))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
