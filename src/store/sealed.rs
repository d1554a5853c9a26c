//! A store whose secrets are encrypted before a backend sees them.

use std::sync::Arc;

use async_trait::async_trait;

use super::keyspace::STEP;
use super::recording::Copies;
use super::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version};

/// The first byte of a value that is encrypted; see the schema of a keyspace.
pub(super) const SEALED: u8 = 2;

/// Encrypts and decrypts records: the master key, as far as a store knows it.
pub trait Seal: Send + Sync + 'static {
    /// Encrypts a record. It can be opened with the same `place` only, so that
    /// nobody can put one record's content under another's key.
    ///
    /// # Errors
    /// Says why, in a sentence.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String>;

    /// Decrypts a record.
    ///
    /// # Errors
    /// Says why, in a sentence: another key, another place, damage.
    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String>;

    /// Whether that is encrypted under the key that [`Seal::seal`] uses now.
    fn is_current(&self, sealed: &[u8]) -> bool;
}

/// A store before another, in which the records of spaces that are
/// [`sealed`](Space::sealed) are encrypted.
///
/// Records that were written before their space was sealed are read as they are:
/// see [`SealedStore::seal_again`].
pub struct SealedStore {
    inner: Arc<dyn Store>,
    seal: Arc<dyn Seal>,
}

impl SealedStore {
    /// Puts encryption before a store.
    pub fn new(inner: Arc<dyn Store>, seal: Arc<dyn Seal>) -> Self {
        Self { inner, seal }
    }

    /// Encrypts the records of a space that are not, or under a former key; says
    /// how many. Doing it again goes on where it stopped.
    pub async fn seal_again(&self, space: &'static Space) -> Result<usize, StoreError> {
        let mut changed = 0;
        for partition in self.inner.partitions(space).await? {
            let mut scan = Scan::all(space, partition, STEP);
            loop {
                let found = self.inner.scan(&scan).await?;
                let Some((last, _)) = found.last() else {
                    break;
                };
                scan.after = Some(last.id().to_vec());
                for (key, entry) in found {
                    if sealed(&entry.value).is_some_and(|sealed| self.seal.is_current(sealed)) {
                        continue;
                    }
                    let when = Precondition::Version(entry.version);
                    let value = self.sealed(&key, self.opened(&key, entry)?.value)?;
                    match self.inner.put_soon(&key, value, when).await {
                        // Written by somebody else, and so encrypted.
                        Err(StoreError::Conflict) => {}
                        other => changed += other.map(|_| 1)?,
                    }
                }
            }
        }
        Ok(changed)
    }

    /// What the backend is to keep.
    fn sealed(&self, key: &Key, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if !key.space().sealed {
            return Ok(value);
        }
        let sealed = self
            .seal
            .seal(&place(key), &value)
            .map_err(|why| corrupt(key, why))?;
        Ok([&[SEALED], sealed.as_slice()].concat())
    }

    /// What the backend has kept.
    fn opened(&self, key: &Key, entry: Entry) -> Result<Entry, StoreError> {
        let Some(sealed) = key.space().sealed.then(|| sealed(&entry.value)).flatten() else {
            return Ok(entry);
        };
        let value = self
            .seal
            .open(&place(key), sealed)
            .map_err(|why| corrupt(key, why))?;
        Ok(Entry { value, ..entry })
    }
}

/// The encrypted part, where there is one.
fn sealed(value: &[u8]) -> Option<&[u8]> {
    match value.split_first() {
        Some((&SEALED, sealed)) => Some(sealed),
        _ => None,
    }
}

/// Where a record is: neither a space's name nor a partition has a zero in it.
fn place(key: &Key) -> Vec<u8> {
    let (space, partition) = (key.space().name.as_bytes(), key.partition().as_bytes());
    [space, &[0], partition, &[0], key.id()].concat()
}

fn corrupt(key: &Key, why: String) -> StoreError {
    StoreError::Corrupt {
        place: format!("a record of `{}`", key.space().name),
        why,
    }
}

#[async_trait]
impl Store for SealedStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let found = self.inner.get(key).await?;
        found.map(|entry| self.opened(key, entry)).transpose()
    }

    async fn recall(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let found = self.inner.recall(key).await?;
        found.map(|entry| self.opened(key, entry)).transpose()
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.inner.put(key, self.sealed(key, value)?, when).await
    }

    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let value = self.sealed(key, value)?;
        self.inner.put_soon(key, value, when).await
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let taken = self.inner.take(key).await?;
        taken.map(|entry| self.opened(key, entry)).transpose()
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.inner.delete(key, when).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let found = self.inner.scan(scan).await?;
        if !scan.space.sealed {
            return Ok(found);
        }
        let open = |(key, entry)| {
            let entry = self.opened(&key, entry)?;
            Ok((key, entry))
        };
        found.into_iter().map(open).collect()
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.inner.partitions(space).await
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        let seal = |step| {
            Ok(match step {
                Step::Put(key, value) => {
                    let value = self.sealed(&key, value)?;
                    Step::Put(key, value)
                }
                other => other,
            })
        };
        let steps: Result<_, StoreError> = steps.into_iter().map(seal).collect();
        self.inner.commit(steps?).await
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.inner.purge_expired(space, limit).await
    }

    fn heard(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        self.inner.heard()
    }

    fn revision(&self, space: &'static Space) -> Option<u64> {
        self.inner.revision(space)
    }

    /// What is sealed stays sealed in a copy.
    fn recorder(&self) -> Option<Arc<dyn Copies>> {
        self.inner.recorder()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }

    async fn readiness(&self) -> Vec<(&'static str, Result<(), StoreError>)> {
        self.inner.readiness().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
