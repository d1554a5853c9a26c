//! The store that forgets: for tests and for trying things out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::versions::Versions;
use super::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version, check_batch};
use crate::base::{Clock, Timestamp};

type Records = BTreeMap<Vec<u8>, Entry>;
type Partitions = BTreeMap<String, Records>;

/// Keeps everything in memory, under one lock.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    spaces: BTreeMap<&'static str, Partitions>,
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
    fn records(&mut self, space: &'static Space, partition: &str) -> &mut Records {
        let partitions = self.spaces.entry(space.name).or_default();
        partitions.entry(partition.to_owned()).or_default()
    }

    fn find(&mut self, key: &Key, now: Timestamp) -> Option<&Entry> {
        if key.is_expired(now) {
            return None;
        }
        self.records(key.space, &key.partition).get(&key.id)
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
        self.records(key.space, &key.partition)
            .insert(key.id.clone(), entry);
        version
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        self.records(key.space, &key.partition).remove(&key.id)
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
        let found = inner
            .records(scan.space, &scan.partition)
            .range(scan.start(now)..)
            .take_while(|(id, _)| id.starts_with(&scan.prefix))
            .take(scan.limit)
            .map(|(id, entry)| {
                let key = Key {
                    space: scan.space,
                    partition: scan.partition.clone(),
                    id: id.clone(),
                };
                (key, entry.clone())
            });
        Ok(found.collect())
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        let (mut inner, now) = self.open();
        let live = space.live_from(now);
        let partitions = inner.spaces.entry(space.name).or_default();
        let used = partitions
            .iter()
            .filter(|(_, records)| records.range(live.clone()..).next().is_some())
            .map(|(partition, _)| partition.clone());
        Ok(used.collect())
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<(), StoreError> {
        check_batch(&steps)?;
        let (mut inner, now) = self.open();
        for step in &steps {
            if let Step::Check(key, when) = step {
                inner.check(key, *when, now)?;
            }
        }
        for step in steps {
            match step {
                Step::Check(..) => {}
                Step::Put(key, value) => {
                    inner.write(&key, value, now);
                }
                Step::Delete(key) => {
                    inner.remove(&key);
                }
            }
        }
        Ok(())
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (mut inner, now) = self.open();
        let live = space.live_from(now);
        let mut purged = 0;
        let partitions = inner.spaces.entry(space.name).or_default();
        for records in partitions.values_mut() {
            while purged < limit && records.first_key_value().is_some_and(|(id, _)| *id < live) {
                records.pop_first();
                purged += 1;
            }
        }
        partitions.retain(|_, records| !records.is_empty());
        Ok(purged)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
