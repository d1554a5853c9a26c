//! The default store: one directory, one process, the embedded database sled.
//!
//! sled is fast and keeps its own promises only partly, so this module stands
//! between: [`open`] takes the lock and refuses damaged data before sled would
//! quietly repair it; [`commit`] makes writes durable, many at a time;
//! [`engine`] is the open database; [`records`] are the operations on one tree;
//! stored as [`layout`] says; [`owners`] finds the records of one owner;
//! [`transient`] keeps what is short-lived out of the trees; [`Revisions`] tell
//! that nothing has changed; [`state`] remembers how the last run ended, and [`digest`] what the
//! files had in them then;
//! [`rewrite`] and [`overheard`] see to it that a failed sync is not forgotten.
//!
//! **When a write is seen and when it is safe.** A write is visible to others
//! as soon as it is made, and acknowledged once it is on disk. Between the two,
//! - a read may see what a crash still undoes. Whatever the reader then writes
//!   durably lies behind it in the log, so it can't outlive what it built on;
//! - a refusal ([`StoreError::Conflict`]) may be due to such a write. The
//!   refused one can try again, so nothing is lost by not waiting;
//! - "there is none (any more)", the answer of `take` and `delete`, must not be
//!   undone: someone was told that a session is over. It waits with the rest.

mod commit;
mod digest;
mod engine;
mod layout;
mod open;
mod overheard;
mod owners;
mod probe;
mod records;
mod reserve;
mod rewrite;
mod state;
mod transient;
mod unawaited;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use async_trait::async_trait;

use self::commit::{Committer, Pending};
use self::engine::Engine;
use self::probe::Probe;
use self::records::{Operations, Records};
use self::unawaited::Unawaited;
use super::revisions::Revisions;
use super::versions::Versions;
use super::{
    Class, Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version, check_batch,
};
use crate::base::{Clock, Timestamp};

/// Up to so many records a scan is done on the spot, a few microseconds each;
/// a longer one would hold up the other tasks of its worker thread.
const SHORT_SCAN: usize = 256;

/// How long a disk may take that is ready for more.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be set about a [`SledStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SledOptions {
    /// Memory for pages; sled's own default would be 1 GiB.
    pub cache_bytes: u64,
    /// How long what nobody waits for stays in memory before it is put on disk.
    pub flush_every_ms: u64,
    /// Memory for transient records; what is more goes to the trees.
    pub transient_bytes: usize,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 8 << 20,
            flush_every_ms: 50,
            transient_bytes: 32 << 20,
        }
    }
}

/// A store in a directory of its own.
///
/// Dropping it without [`Store::close`] counts as a crash.
pub struct SledStore {
    shared: Arc<Shared>,
}

/// What the store, its commit thread and its longer tasks have in common.
struct Shared {
    dir: PathBuf,
    options: SledOptions,
    clock: Arc<dyn Clock>,
    versions: Versions,
    revisions: Revisions,
    /// `None` once closed, or if it could not be opened again after a failure.
    engine: RwLock<Option<Engine>>,
    /// Grows when the engine is opened again: what was written before that and
    /// not committed is lost, and must not be acknowledged.
    generation: AtomicU64,
    /// How long the file is according to the note about it.
    noted_length: AtomicU64,
    /// A write has failed; none is accepted until a recovery succeeds.
    failed: AtomicBool,
    /// A sync has failed: the database must be opened anew, and not believed.
    doubtful: AtomicBool,
    /// The room that is kept for a start on a full disk is given up: nothing is
    /// written before there is some again, so that the next start has it.
    without_reserve: AtomicBool,
    /// Writes that nobody waits for since the last sync.
    unawaited: Unawaited,
    committer: Committer,
    probe: Probe,
}

impl SledStore {
    /// Opens the store in `dir`, creating it where needed. Blocks: it reads the
    /// whole log, and waits up to a second for a process that is just ending.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it, [`StoreError::Corrupt`]
    /// if its files are damaged, [`StoreError::Unavailable`] if they can't be
    /// read or written.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        options: SledOptions,
    ) -> Result<Self, StoreError> {
        let opened = open::open(dir, options)?;
        // Versions are microseconds: what the last run last wrote says when it was.
        if opened.last_version > 0 {
            clock.was(Timestamp::from_millis(opened.last_version / 1000));
        }
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            clock,
            versions: Versions::after(opened.last_version),
            revisions: Revisions::default(),
            engine: RwLock::new(Some(opened.engine)),
            generation: AtomicU64::new(0),
            noted_length: AtomicU64::new(0),
            failed: AtomicBool::new(opened.without_reserve),
            doubtful: AtomicBool::new(false),
            without_reserve: AtomicBool::new(opened.without_reserve),
            unawaited: Unawaited::default(),
            committer: Committer::new(),
            probe: Probe::default(),
        });
        commit::start(Arc::clone(&shared), opened.lock, opened.state)?;
        Ok(Self { shared })
    }
}

impl SledStore {
    /// Compares the files in `dir` with what they were when they were closed, and
    /// changes nothing. Gives how many bytes that were, or `None` where the last
    /// run did not end in order, so that there is nothing to compare.
    ///
    /// # Errors
    /// As [`SledStore::open`]; also where there is no data.
    pub fn verify(dir: &Path) -> Result<Option<u64>, StoreError> {
        open::verify(dir)
    }
}

impl Drop for SledStore {
    /// Only tells the commit thread to end; it lets go of the files soon after.
    fn drop(&mut self) {
        self.shared.committer.abandon();
    }
}

impl Shared {
    /// Does something with the open database.
    ///
    /// Never blocks on its lock: that is held only while the database is being
    /// closed or opened again, and then no operation has a chance anyway.
    fn with<T>(
        &self,
        operation: impl FnOnce(&Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let guard = match self.engine.try_read() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Unavailable(
                    "it is just being reopened or closed".into(),
                ));
            }
        };
        let engine = guard
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("it is closed".into()))?;
        let result = operation(engine);
        if let Err(StoreError::Unavailable(why)) = &result
            && !self.failed.swap(true, Ordering::SeqCst)
        {
            tracing::error!(%why, "the store fails; writes are refused until it recovers");
        }
        result
    }

    /// Does something with the records of one space.
    fn records<T>(
        &self,
        space: &'static Space,
        operation: impl FnOnce(&mut dyn Operations) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|engine| {
            let mut records = Records {
                tree: engine.tree(space)?,
                owners: engine.owners(space)?,
                space,
                now: self.clock.now(),
                versions: &self.versions,
            };
            match space.class {
                Class::Durable => operation(&mut records),
                Class::Transient => engine.transient.with(records, operation),
            }
        })
    }

    /// The same for what may change them.
    fn change<T>(
        &self,
        space: &'static Space,
        operation: impl FnOnce(&mut dyn Operations) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.records(space, operation);
        self.revisions.changed(space.name);
        result
    }

    fn commit(&self, steps: &[Step]) -> Result<Vec<Version>, StoreError> {
        let result =
            self.with(|engine| records::commit(engine, steps, self.clock.now(), &self.versions));
        for step in steps {
            self.revisions.changed(step.key().space.name);
        }
        result
    }

    /// To be called before a write: fails if none would be safe now, and makes
    /// a durable one known, so that others can tell that it isn't on disk yet.
    async fn begin(&self, space: &'static Space) -> Result<Option<Pending>, StoreError> {
        self.sound().await?;
        let generation = self.generation.load(Ordering::SeqCst);
        let durable = space.class == Class::Durable;
        Ok(durable.then(|| self.committer.begin(generation, space)))
    }

    /// Has a failure been recovered from, where there was one.
    async fn sound(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::SeqCst) {
            self.committer.wait(None).await?;
        }
        Ok(())
    }

    /// To be called after a write: returns when it is as safe as its class says.
    async fn settle(&self, pending: Option<Pending>) -> Result<(), StoreError> {
        if let Some(pending) = pending {
            return self.committer.wait(Some(pending)).await;
        }
        if self.with(|engine| Ok(engine.transient.is_spread()))? {
            self.look();
        }
        Ok(())
    }

    /// To be called after a write to a tree that nobody waits for.
    fn look(&self) {
        if self.has_shrunk() {
            self.committer.look();
        }
    }

    /// Whether sled has made its file shorter since that was noted. It does so
    /// now and then, and if the process died before it is noted, the next start
    /// would take it for damage. A commit looks by itself; after other writes
    /// this costs half a microsecond and leaves next to no time for that.
    fn has_shrunk(&self) -> bool {
        let noted = self.noted_length.load(Ordering::Relaxed);
        let length = self.with(|engine| Ok(engine.length().unwrap_or(noted)));
        length.is_ok_and(|length| length < noted)
    }

    /// The same where nothing may have been changed: then it waits only if
    /// others' writes are on their way, since the answer may rest on them.
    async fn settle_answer(
        &self,
        pending: Option<Pending>,
        changed: bool,
    ) -> Result<(), StoreError> {
        match pending {
            Some(pending) if !changed && pending.is_alone() => Ok(()),
            pending => self.settle(pending).await,
        }
    }
}

/// Runs what takes long away from the threads that serve requests.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(StoreError::Unavailable(e.to_string())))
}

/// Single operations run where they are called: they take microseconds in
/// memory, less than handing them to another thread would.
#[async_trait]
impl Store for SledStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.shared.records(key.space, |records| records.get(key))
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let pending = self.shared.begin(key.space).await?;
        let version = self
            .shared
            .change(key.space, |records| records.put(key, value, when))?;
        self.shared.settle(pending).await?;
        Ok(version)
    }

    /// The log is one for all trees, and what a crash leaves of it is its
    /// beginning; what no commit follows, the commit thread puts on disk at its
    /// next tick.
    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        if self.shared.unawaited.is_late() {
            return self.put(key, value, when).await;
        }
        self.shared.sound().await?;
        let version = self
            .shared
            .change(key.space, |records| records.put(key, value, when))?;
        self.shared.unawaited.add();
        self.shared.look();
        Ok(version)
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let pending = self.shared.begin(key.space).await?;
        let taken = self.shared.change(key.space, |records| records.take(key))?;
        self.shared.settle_answer(pending, taken.is_some()).await?;
        Ok(taken)
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let pending = self.shared.begin(key.space).await?;
        let deleted = self
            .shared
            .change(key.space, |records| records.delete(key, when))?;
        self.shared.settle_answer(pending, deleted).await?;
        Ok(deleted)
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        if scan.limit <= SHORT_SCAN {
            return self
                .shared
                .records(scan.space, |records| records.scan(scan));
        }
        let (shared, scan) = (Arc::clone(&self.shared), scan.clone());
        on_blocking_thread(move || shared.records(scan.space, |records| records.scan(&scan))).await
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        let shared = Arc::clone(&self.shared);
        on_blocking_thread(move || shared.records(space, |records| records.partitions())).await
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        check_batch(&steps)?;
        let Some(first) = steps.first() else {
            return Ok(Vec::new());
        };
        let pending = self.shared.begin(first.key().space).await?;
        let shared = Arc::clone(&self.shared);
        // A transaction waits until all other operations stand still. Once it
        // has begun, its commit is awaited even if the caller goes away.
        let (versions, pending) =
            on_blocking_thread(move || Ok((shared.commit(&steps)?, pending))).await?;
        self.shared.settle(pending).await?;
        Ok(versions)
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (shared, surely) = (Arc::clone(&self.shared), self.shared.clock.surely());
        on_blocking_thread(move || shared.change(space, |records| records.purge(surely, limit)))
            .await
    }

    fn revision(&self, space: &'static Space) -> Option<u64> {
        Some(self.shared.revisions.of(space))
    }

    /// A disk that stalls gives no answer: that is one, too.
    async fn ready(&self) -> Result<(), StoreError> {
        let looked = tokio::time::timeout(PATIENCE, async {
            self.shared.committer.wait(None).await?;
            let shared = Arc::clone(&self.shared);
            on_blocking_thread(move || shared.probe.look(&shared.dir)).await
        });
        looked.await.unwrap_or_else(|_| {
            self.shared.probe.waited_in_vain();
            let why = format!("the disk has not answered for {PATIENCE:?}");
            Err(StoreError::Unavailable(why))
        })
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.shared.committer.close().await
    }
}

/// What sled says, in our words. What it can't read is damage; all else is a
/// disk that fails, and sled accepts no write after that until it is reopened.
fn fault(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Corruption { at, .. } => StoreError::Corrupt {
            place: "the file `db` of the data directory".into(),
            why: format!("the page at {at:?} is damaged; restore the data directory from a backup"),
        },
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// Takes the database out, so that no operation can use it any more.
fn withdraw(shared: &Shared) -> Option<Engine> {
    shared
        .engine
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}
