//! One store for what is durable, another for what is transient.
//!
//! The second may lose what it acknowledged, at a failover or when it starts from an
//! old snapshot, and removals too: a login's state that was used would be there
//! again, and count again. So the first one remembers, for as long as such a record
//! lives, that a version of it has ended: it was taken, or another took its place.
//! A version ends once, whatever the second store says.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::recording::Copies;
use super::{Class, Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version};
use crate::base::digest::sha256;

static ENDED: Space = Space::durable("ended_records").expiring();

pub(super) fn space() -> &'static Space {
    &ENDED
}

/// A store of two.
pub struct SplitStore {
    durable: Arc<dyn Store>,
    transient: Arc<dyn Store>,
}

impl SplitStore {
    /// Puts them together.
    pub fn new(durable: Arc<dyn Store>, transient: Arc<dyn Store>) -> Self {
        Self { durable, transient }
    }

    fn of(&self, space: &Space) -> &dyn Store {
        match space.class {
            Class::Durable => &*self.durable,
            Class::Transient => &*self.transient,
        }
    }

    /// Notes that a version of a transient record has ended.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it had before.
    async fn end(&self, key: &Key, version: Version) -> Result<(), StoreError> {
        let Some(until) = key
            .expires_at()
            .filter(|_| key.space.class == Class::Transient)
        else {
            return Ok(());
        };
        let (space, partition) = (key.space.name.as_bytes(), key.partition.as_bytes());
        let id = [
            space,
            &[0],
            partition,
            &[0],
            &key.id,
            &version.0.to_be_bytes(),
        ]
        .concat();
        let ended = Key::expiring(&ENDED, "", until, &sha256(&id));
        // Not waited for on disk: to be lost, both stores must fail within a moment.
        let noted = self
            .durable
            .put_soon(&ended, Vec::new(), Precondition::Absent);
        noted.await.map(|_| ())
    }
}

#[async_trait]
impl Store for SplitStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.of(key.space).get(key).await
    }

    async fn recall(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.of(key.space).recall(key).await
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let version = self.of(key.space).put(key, value, when).await?;
        if let Precondition::Version(before) = when {
            self.end(key, before).await?;
        }
        Ok(version)
    }

    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let version = self.of(key.space).put_soon(key, value, when).await?;
        if let Precondition::Version(before) = when {
            self.end(key, before).await?;
        }
        Ok(version)
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let Some(taken) = self.of(key.space).take(key).await? else {
            return Ok(None);
        };
        match self.end(key, taken.version).await {
            Ok(()) => Ok(Some(taken)),
            // It came back after it had been taken.
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        if key.space.class == Class::Transient && when == Precondition::Any {
            return Ok(self.take(key).await?.is_some());
        }
        let removed = self.of(key.space).delete(key, when).await?;
        if let Precondition::Version(version) = when {
            self.end(key, version).await?;
        }
        Ok(removed)
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.of(scan.space).scan(scan).await
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.of(space).partitions(space).await
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.durable.commit(steps).await
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.of(space).purge_expired(space, limit).await
    }

    fn revision(&self, space: &'static Space) -> Option<u64> {
        self.of(space).revision(space)
    }

    fn heard(&self) -> Option<watch::Receiver<u64>> {
        self.durable.heard()
    }

    fn recorder(&self) -> Option<Arc<dyn Copies>> {
        self.durable.recorder()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let (durable, transient) = tokio::join!(self.durable.ready(), self.transient.ready());
        durable.and(transient)
    }

    async fn readiness(&self) -> Vec<(&'static str, Result<(), StoreError>)> {
        let (durable, transient) = tokio::join!(self.durable.ready(), self.transient.ready());
        vec![("durable", durable), ("transient", transient)]
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (durable, transient) = tokio::join!(self.durable.close(), self.transient.close());
        durable.and(transient)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::MemoryStore;
    use super::*;
    use crate::base::{Clock, ManualClock};

    static STATES: Space = Space::transient("states").expiring();

    /// A transient store that forgets removals: what was there before is put back.
    #[tokio::test]
    async fn what_comes_back_counts_for_nobody() {
        let clock = ManualClock::default();
        let durable = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let transient = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let split = SplitStore::new(durable.clone(), transient.clone());
        let key = Key::expiring(
            &STATES,
            "",
            clock.now().plus(Duration::from_secs(600)),
            b"x",
        );
        let first = split
            .put(&key, b"pending".to_vec(), Precondition::Absent)
            .await
            .unwrap();
        let old = Revived(transient.get(&key).await.unwrap().unwrap());
        split
            .put(&key, b"used".to_vec(), Precondition::Version(first))
            .await
            .unwrap();
        let revived = SplitStore::new(durable.clone(), Arc::new(old.clone()));
        let again = revived
            .put(&key, b"used".to_vec(), Precondition::Version(first))
            .await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");

        let taken = split.take(&key).await.unwrap().unwrap();
        assert_eq!(taken.value, b"used");
        let revived = SplitStore::new(durable, Arc::new(Revived(taken)));
        assert_eq!(revived.take(&key).await.unwrap(), None);
        assert!(!revived.delete(&key, Precondition::Any).await.unwrap());
    }

    /// Has one record, whatever is done to it.
    #[derive(Clone)]
    struct Revived(Entry);

    #[async_trait]
    impl Store for Revived {
        async fn get(&self, _: &Key) -> Result<Option<Entry>, StoreError> {
            Ok(Some(self.0.clone()))
        }
        async fn put(&self, _: &Key, _: Vec<u8>, _: Precondition) -> Result<Version, StoreError> {
            Ok(Version(self.0.version.0 + 1))
        }
        async fn take(&self, _: &Key) -> Result<Option<Entry>, StoreError> {
            Ok(Some(self.0.clone()))
        }
        async fn delete(&self, _: &Key, _: Precondition) -> Result<bool, StoreError> {
            Ok(true)
        }
        async fn scan(&self, _: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
            Ok(Vec::new())
        }
        async fn partitions(&self, _: &'static Space) -> Result<Vec<String>, StoreError> {
            Ok(Vec::new())
        }
        async fn commit(&self, _: Vec<Step>) -> Result<Vec<Version>, StoreError> {
            Ok(Vec::new())
        }
        async fn purge_expired(&self, _: &'static Space, _: usize) -> Result<usize, StoreError> {
            Ok(0)
        }
        async fn ready(&self) -> Result<(), StoreError> {
            Ok(())
        }
        async fn close(&self) -> Result<(), StoreError> {
            Ok(())
        }
    }
}
