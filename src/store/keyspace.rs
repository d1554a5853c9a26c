//! Typed records over the bytes of a [`Store`].

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Token, Version};

/// The first byte of each value: which way of writing it follows.
const SCHEMA: u8 = 1;

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

/// The records of one space, all of type `T`.
#[derive(Debug)]
pub struct Keyspace<T> {
    space: &'static Space,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Keyspace<T> {
    /// The records of `space`.
    pub const fn new(space: &'static Space) -> Self {
        Self {
            space,
            of: PhantomData,
        }
    }

    /// The space they are in.
    pub fn space(&self) -> &'static Space {
        self.space
    }

    fn key(&self, partition: &str, id: &[u8]) -> Key {
        Key::new(self.space, partition, id)
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

    fn encoded(&self, entry: Entry) -> Encoded<T> {
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
        let entry = store.get(&self.key(partition, id)).await?;
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
        store
            .put(&self.key(partition, id), Self::encode(value)?, when)
            .await
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
        store
            .put_soon(&self.key(partition, id), Self::encode(value)?, when)
            .await
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
        let entry = store.get(&token.key(self.space, partition)).await?;
        entry.map(|entry| self.decode(entry)).transpose()
    }

    /// Reads the record of a token without decoding it.
    pub async fn get_encoded_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
    ) -> Result<Option<Encoded<T>>, StoreError> {
        let entry = store.get(&token.key(self.space, partition)).await?;
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
        store
            .put(
                &token.key(self.space, partition),
                Self::encode(value)?,
                when,
            )
            .await
    }

    /// Reads and removes the record of a token: one taker gets it.
    pub async fn take_by(
        &self,
        store: &dyn Store,
        partition: &str,
        token: &Token,
    ) -> Result<Option<T>, StoreError> {
        let entry = store.take(&token.key(self.space, partition)).await?;
        entry
            .map(|entry| self.decode(entry).map(|found| found.value))
            .transpose()
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
        let scan = self.scan(partition, prefix, after, limit);
        store
            .scan(&scan)
            .await?
            .into_iter()
            .map(|(key, entry)| self.decode(entry).map(|value| (key, value)))
            .collect()
    }

    /// A record as it is written, for a batch on keys of tokens.
    pub fn bytes(&self, value: &T) -> Result<Vec<u8>, StoreError> {
        Self::encode(value)
    }

    /// The first records of a partition, not decoded.
    pub async fn first_encoded(
        &self,
        store: &dyn Store,
        partition: &str,
        limit: usize,
    ) -> Result<Vec<(Key, Encoded<T>)>, StoreError> {
        let found = store.scan(&self.scan(partition, b"", None, limit)).await?;
        Ok(found
            .into_iter()
            .map(|(key, entry)| (key, self.encoded(entry)))
            .collect())
    }

    fn scan(&self, partition: &str, prefix: &[u8], after: Option<Vec<u8>>, limit: usize) -> Scan {
        Scan {
            space: self.space,
            partition: partition.to_owned(),
            prefix: prefix.to_vec(),
            after,
            limit,
        }
    }

    /// A batch step that writes a record.
    pub fn step_put(&self, partition: &str, id: &[u8], value: &T) -> Result<Step, StoreError> {
        Ok(Step::Put(self.key(partition, id), Self::encode(value)?))
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
