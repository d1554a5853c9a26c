//! A store before another that can be copied while it is in use.
//!
//! A copy of all records takes a while, and they change meanwhile. So all keys
//! that are written to are remembered as long as a copy is made. What was written
//! to is then read again, in rounds that get shorter, and the last one while
//! nobody writes. Then the copy is what there was at that one moment: no change
//! is in it in part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{RwLock, mpsc};

use super::keyspace::STEP;
use super::{Class, Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version};

/// So few are read while writers wait.
const FEW: usize = 256;
/// So often what was written to meanwhile is read while writers go on.
const ROUNDS: usize = 8;

/// What a copy consists of, in the order in which it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// A record; space by space, in the order of partitions and ids.
    Record(Key, Vec<u8>),
    /// From here on: records that changed meanwhile, as they are now.
    Changes,
    /// One that is gone.
    Gone(Key),
    /// The copy is whole.
    End,
}

/// A part of a copy, or why there is no more.
pub type Part = Result<Vec<Copied>, StoreError>;

/// Makes copies of a store while it is in use.
#[async_trait]
pub trait Copies: Send + Sync {
    /// Copies everything into a channel, as fast as it is
    /// read. Where nobody reads any more, the copy ends.
    async fn copy(&self, out: mpsc::Sender<Part>);
}

/// Remembers what is written to while a copy is made.
pub struct Recorder {
    inner: Arc<dyn Store>,
    /// Held by each write; by the last round of a copy alone.
    gate: RwLock<()>,
    /// One copy at a time.
    copying: tokio::sync::Mutex<()>,
    touched: Mutex<Option<Touched>>,
    /// What is copied.
    spaces: Vec<&'static Space>,
}

/// Keys, by name of the space, partition and id.
type Touched = BTreeMap<(&'static str, String, Vec<u8>), &'static Space>;

/// A store of which copies can be made while it is in use.
pub struct RecordingStore {
    inner: Arc<dyn Store>,
    recorder: Arc<Recorder>,
}

impl RecordingStore {
    /// Puts it before a store that nobody else writes to; the durable ones of these
    /// spaces are copied.
    pub fn new(inner: Arc<dyn Store>, spaces: impl IntoIterator<Item = &'static Space>) -> Self {
        let spaces = spaces.into_iter();
        let durable = spaces.filter(|space| space.class == Class::Durable);
        let recorder = Recorder {
            inner: Arc::clone(&inner),
            gate: RwLock::new(()),
            copying: tokio::sync::Mutex::new(()),
            touched: Mutex::default(),
            spaces: durable.collect(),
        };
        Self {
            inner,
            recorder: Arc::new(recorder),
        }
    }

    /// Does a write, and remembers what it was to: also if whoever asked for it
    /// goes away, since it may happen all the same.
    async fn writing<T>(&self, keys: Vec<Key>, write: impl Future<Output = T>) -> T {
        let _gate = self.recorder.gate.read().await;
        let _note = Note {
            recorder: &self.recorder,
            keys,
        };
        write.await
    }
}

/// Remembers keys when it goes, so after the write: a round that reads before
/// the write is seen has another one behind it.
struct Note<'a> {
    recorder: &'a Recorder,
    keys: Vec<Key>,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if let Some(touched) = self.recorder.touched().as_mut() {
            for key in self.keys.drain(..) {
                let space = key.space;
                touched.insert((space.name, key.partition, key.id), space);
            }
        }
    }
}

/// Ends the remembering, also where a copy breaks off.
struct Ends<'a>(&'a Recorder);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        *self.0.touched() = None;
    }
}

#[async_trait]
impl Copies for Recorder {
    async fn copy(&self, out: mpsc::Sender<Part>) {
        let _alone = self.copying.lock().await;
        let _ends = Ends(self);
        if let Err(Some(error)) = self.all(&out).await {
            let _ = out.send(Err(error)).await;
        }
    }
}

impl Recorder {
    fn touched(&self) -> MutexGuard<'_, Option<Touched>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` as the error: nobody reads any more.
    async fn all(&self, out: &mpsc::Sender<Part>) -> Result<(), Option<StoreError>> {
        let send = async |part| out.send(Ok(part)).await.map_err(|_| None);
        {
            let _gate = self.gate.write().await;
            *self.touched() = Some(Touched::new());
        }
        for space in &self.spaces {
            for partition in self.inner.partitions(space).await? {
                let mut scan = Scan::all(space, partition, STEP);
                loop {
                    let found = self.inner.scan(&scan).await?;
                    let Some((last, _)) = found.last() else {
                        break;
                    };
                    scan.after = Some(last.id().to_vec());
                    let records = found.into_iter();
                    send(
                        records
                            .map(|(key, entry)| Copied::Record(key, entry.value))
                            .collect(),
                    )
                    .await?;
                }
            }
        }
        send(vec![Copied::Changes]).await?;
        for _ in 0..ROUNDS {
            if self
                .touched()
                .as_ref()
                .is_none_or(|touched| touched.len() <= FEW)
            {
                break;
            }
            for part in self.changes().await? {
                send(part).await?;
            }
        }
        let last = {
            let _gate = self.gate.write().await;
            self.changes().await?
        };
        for part in last {
            send(part).await?;
        }
        send(vec![Copied::End]).await
    }

    /// What was written to, as it is now.
    async fn changes(&self) -> Result<Vec<Vec<Copied>>, StoreError> {
        let touched = self.touched().replace(Touched::new()).unwrap_or_default();
        let (mut parts, mut part) = (Vec::new(), Vec::new());
        for ((_, partition, id), space) in touched {
            if !self.spaces.contains(&space) {
                continue;
            }
            // Only a scan says whose a record is.
            let scan = Scan {
                prefix: id.clone(),
                ..Scan::all(space, partition.clone(), 1)
            };
            let found = self.inner.scan(&scan).await?.into_iter().next();
            let copied = match found.filter(|(key, _)| key.id() == id) {
                Some((key, entry)) => Copied::Record(key, entry.value),
                None => match Key::of_id(space, partition, id) {
                    Some(key) => Copied::Gone(key),
                    None => continue,
                },
            };
            part.push(copied);
            if part.len() == STEP {
                parts.push(std::mem::take(&mut part));
            }
        }
        parts.push(part);
        Ok(parts)
    }
}

#[async_trait]
impl Store for RecordingStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn recall(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.inner.recall(key).await
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let write = self.inner.put(key, value, when);
        self.writing(vec![key.clone()], write).await
    }

    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let write = self.inner.put_soon(key, value, when);
        self.writing(vec![key.clone()], write).await
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let write = self.inner.take(key);
        self.writing(vec![key.clone()], write).await
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let write = self.inner.delete(key, when);
        self.writing(vec![key.clone()], write).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.inner.scan(scan).await
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.inner.partitions(space).await
    }

    /// In a task of its own: a backend may finish a batch that nobody waits for
    /// any more, and until then it must keep the last round of a copy waiting.
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        let keys = steps.iter().map(|step| step.key().clone()).collect();
        let this = Self {
            inner: Arc::clone(&self.inner),
            recorder: Arc::clone(&self.recorder),
        };
        let done =
            tokio::spawn(async move { this.writing(keys, this.inner.commit(steps)).await }).await;
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    /// What has expired is in no copy, removed or not.
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

    fn recorder(&self) -> Option<Arc<dyn Copies>> {
        Some(Arc::clone(&self.recorder) as _)
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
