//! Typed records over the bytes of a [`Store`].

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Token, Version};

/// The first byte of each value: which way of writing it follows.
pub(super) const SCHEMA: u8 = 1;
/// How many records one read fetches.
pub(super) const STEP: usize = 500;

/// A record with the write that made it.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// The write that made it, for [`Precondition::Version`] and entity tags.
    pub version: Version,
}

/// A record that is not decoded yet: its version may be all one needs to know.
#[derive(Debug)]
pub struct Encoded<T> {
    entry: Entry,
    space: &'static Space,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Encoded<T> {
    /// The write that made it.
    pub fn version(&self) -> Version {
        self.entry.version
    }

    /// The record.
    pub fn decode(&self) -> Result<T, StoreError> {
        let corrupt = |why: String| StoreError::Corrupt {
            place: format!("a record of `{}`", self.space.name),
            why,
        };
        let (schema, json) = self
            .entry
            .value
            .split_first()
            .ok_or_else(|| corrupt("it is empty".into()))?;
        if *schema != SCHEMA {
            return Err(corrupt(format!(
                "it has schema {schema}, this program reads {SCHEMA}; use the program that wrote it to export"
            )));
        }
        serde_json::from_slice(json).map_err(|e| corrupt(e.to_string()))
    }
}

/// Whose a record is.
type OwnerOf<T> = fn(&T) -> Option<Vec<u8>>;

/// The records of one space, all of type `T`.
#[derive(Debug)]
pub struct Keyspace<T> {
    pub(super) space: &'static Space,
    /// Where the space's records have owners.
    pub(super) owner: Option<OwnerOf<T>>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Keyspace<T> {
    /// The records of `space`.
    pub const fn new(space: &'static Space) -> Self {
        Self {
            space,
            owner: None,
            of: PhantomData,
        }
    }

    /// The same, with a record's owner as the record says: each write carries it.
    #[must_use]
    pub const fn owned_by(self, owner: OwnerOf<T>) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    /// The space they are in.
    pub fn space(&self) -> &'static Space {
        self.space
    }

    fn key(&self, partition: &str, id: &[u8]) -> Key {
        Key::new(self.space, partition, id)
    }

    /// The key by which a record is written.
    fn owned(&self, key: Key, value: &T) -> Key {
        match self.owner.and_then(|owner| owner(value)) {
            Some(owner) => key.owned_by(&owner),
            None => key,
        }
    }

    fn encode(value: &T) -> Result<Vec<u8>, StoreError> {
        // Most records are as long; growing there in steps costs more than room.
        let mut bytes = Vec::with_capacity(512);
        bytes.push(SCHEMA);
        serde_json::to_writer(&mut bytes, value).map_err(|e| StoreError::Corrupt {
            place: "a record to be written".into(),
            why: e.to_string(),
        })?;
        Ok(bytes)
    }

    pub(super) fn encoded(&self, entry: Entry) -> Encoded<T> {
        Encoded {
            entry,
            space: self.space,
            of: PhantomData,
        }
    }

    fn decode(&self, entry: Entry) -> Result<Versioned<T>, StoreError> {
        let found = self.encoded(entry);
        Ok(Versioned {
            value: found.decode()?,
            version: found.version(),
        })
    }

    /// Reads a record without decoding it.
    pub async fn get_encoded(
        &self,
        store: &dyn Store,
        partition: &str,
        id: &[u8],
    ) -> Result<Option<Encoded<T>>, StoreError> {
        let entry = store.get(&self.key(partition, id)).await?;
        Ok(entry.map(|entry| self.encoded(entry)))
    }

    /// Reads a record.
    pub async fn get(
        &self,
        store: &dyn Store,
        partition: &str,
        id: &[u8],
    ) -> Result<Option<Versioned<T>>, StoreError> {
        self.get_at(store, &self.key(partition, id)).await
    }

    /// Reads the record of a key.
    pub async fn get_at(
        &self,
        store: &dyn Store,
        key: &Key,
    ) -> Result<Option<Versioned<T>>, StoreError> {
        let entry = store.get(key).await?;
        entry.map(|entry| self.decode(entry)).transpose()
    }

    /// Writes a record if `when` holds.
    pub async fn put(
        &self,
        store: &dyn Store,
        partition: &str,
        id: &[u8],
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.put_at(store, self.key(partition, id), value, when)
            .await
    }

    /// Writes the record of a key if `when` holds.
    pub async fn put_at(
        &self,
        store: &dyn Store,
        key: Key,
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let key = self.owned(key, value);
        store.put(&key, Self::encode(value)?, when).await
    }

    /// Writes a record if `when` holds, see [`Store::put_soon`].
    pub async fn put_soon(
        &self,
        store: &dyn Store,
        partition: &str,
        id: &[u8],
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.put_soon_at(store, self.key(partition, id), value, when)
            .await
    }

    /// Writes the record of a key if `when` holds, see [`Store::put_soon`].
    pub async fn put_soon_at(
        &self,
        store: &dyn Store,
        key: Key,
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let key = self.owned(key, value);
        store.put_soon(&key, Self::encode(value)?, when).await
    }

    /// Removes a record; says whether there was one.
    pub async fn delete(
        &self,
        store: &dyn Store,
        partition: &str,
        id: &[u8],
        when: Precondition,
    ) -> Result<bool, StoreError> {
        store.delete(&self.key(partition, id), when).await
    }

    /// Reads the record of a token.
    pub async fn get_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
    ) -> Result<Option<Versioned<T>>, StoreError> {
        self.get_at(store, &token.key(self.space, partition)).await
    }

    /// Reads the record of a key without decoding it.
    pub async fn get_encoded_at(
        &self,
        store: &dyn Store,
        key: &Key,
    ) -> Result<Option<Encoded<T>>, StoreError> {
        let entry = store.get(key).await?;
        Ok(entry.map(|entry| self.encoded(entry)))
    }

    /// The same, see [`Store::recall`].
    pub async fn recall_encoded(
        &self,
        store: &dyn Store,
        key: &Key,
    ) -> Result<Option<Encoded<T>>, StoreError> {
        let entry = store.recall(key).await?;
        Ok(entry.map(|entry| self.encoded(entry)))
    }

    /// Writes the record of a token if `when` holds.
    pub async fn put_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.put_at(store, token.key(self.space, partition), value, when)
            .await
    }

    /// Writes the record of a token if `when` holds, see [`Store::put_soon`].
    pub async fn put_soon_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
        value: &T,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.put_soon_at(store, token.key(self.space, partition), value, when)
            .await
    }

    /// Reads and removes the record of a token: one taker gets it.
    pub async fn take_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
    ) -> Result<Option<T>, StoreError> {
        self.take_at(store, &token.key(self.space, partition)).await
    }

    /// Reads and removes the record of a key: one taker gets it.
    pub async fn take_at(&self, store: &dyn Store, key: &Key) -> Result<Option<T>, StoreError> {
        let entry = store.take(key).await?;
        let found = entry.map(|entry| self.decode(entry)).transpose()?;
        Ok(found.map(|found| found.value))
    }

    /// Removes the record of a token; says whether there was one.
    pub async fn delete_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
    ) -> Result<bool, StoreError> {
        store
            .delete(&token.key(self.space, partition), Precondition::Any)
            .await
    }

    /// A page of records whose ids begin with `prefix`, after the id `after`.
    pub async fn page(
        &self,
        store: &dyn Store,
        partition: &str,
        prefix: &[u8],
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<T>)>, StoreError> {
        self.decoded(store, partition, None, prefix, after, limit)
            .await
    }

    /// A page of what is `owner`'s, after the id `after`.
    pub async fn page_of(
        &self,
        store: &dyn Store,
        partition: &str,
        owner: &[u8],
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<T>)>, StoreError> {
        self.decoded(store, partition, Some(owner), b"", after, limit)
            .await
    }

    async fn decoded(
        &self,
        store: &dyn Store,
        partition: &str,
        owner: Option<&[u8]>,
        prefix: &[u8],
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<T>)>, StoreError> {
        let scan = Scan {
            owner: owner.map(<[u8]>::to_vec),
            prefix: prefix.to_vec(),
            after,
            ..Scan::all(self.space, partition, limit)
        };
        let found = store.scan(&scan).await?.into_iter();
        found
            .map(|(key, entry)| self.decode(entry).map(|value| (key, value)))
            .collect()
    }

    /// Removes all that is `owner`'s in a partition; says how many there were.
    pub async fn remove_of(
        &self,
        store: &dyn Store,
        partition: &str,
        owner: &[u8],
    ) -> Result<usize, StoreError> {
        let all = Scan::all(self.space, partition, STEP);
        let owner = Some(owner.to_vec());
        Self::remove(store, Scan { owner, ..all }).await
    }

    /// Removes all that is in a partition; says how many there were.
    pub async fn remove_all(
        &self,
        store: &dyn Store,
        partition: &str,
    ) -> Result<usize, StoreError> {
        Self::remove(store, Scan::all(self.space, partition, STEP)).await
    }

    async fn remove(store: &dyn Store, mut scan: Scan) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let found = store.scan(&scan).await?;
            let Some((last, _)) = found.last() else {
                return Ok(removed);
            };
            scan.after = Some(last.id().to_vec());
            for (key, _) in found {
                removed += usize::from(store.delete(&key, Precondition::Any).await?);
            }
        }
    }

    /// The first records of a partition, not decoded.
    pub async fn first_encoded(
        &self,
        store: &dyn Store,
        partition: &str,
        limit: usize,
    ) -> Result<Vec<(Key, Encoded<T>)>, StoreError> {
        let found = store.scan(&Scan::all(self.space, partition, limit)).await?;
        Ok(found
            .into_iter()
            .map(|(key, entry)| (key, self.encoded(entry)))
            .collect())
    }

    /// A batch step that writes a record.
    pub fn step_put(&self, partition: &str, id: &[u8], value: &T) -> Result<Step, StoreError> {
        self.step_put_at(self.key(partition, id), value)
    }

    /// A batch step that writes the record of a key.
    pub fn step_put_at(&self, key: Key, value: &T) -> Result<Step, StoreError> {
        Ok(Step::Put(self.owned(key, value), Self::encode(value)?))
    }

    /// A batch step that fails the batch unless `when` holds.
    pub fn step_check(&self, partition: &str, id: &[u8], when: Precondition) -> Step {
        Step::Check(self.key(partition, id), when)
    }

    /// A batch step that removes a record.
    pub fn step_delete(&self, partition: &str, id: &[u8]) -> Step {
        Step::Delete(self.key(partition, id))
    }
}
