//! What other brokers change, and what is remembered until they do.
//!
//! Whoever writes to a [watched](Space::watched) space leaves a row in the table of
//! changes, in the same transaction. Every broker reads the latest rows four times
//! a second. What it remembers counts only while its last good look *began* less
//! than [`FRESH`] ago: so nothing that another broker removed is told for longer
//! than a second, and where looking fails everything is read anew.
//!
//! Rows carry the time at which they were written, and transactions do not become
//! visible in that order. So each look goes back by [`WINDOW`], which is longer
//! than a write that is acknowledged takes.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use super::super::revisions::Revisions;
use super::super::{Entry, Key, Space, StoreError, Watched};
use super::pool::Pool;
use super::statements::{FORGET_CHANGES, LOOK};

/// How often a broker looks.
const EVERY: Duration = Duration::from_millis(250);
/// How long after the beginning of a good look what is remembered counts.
const FRESH: Duration = Duration::from_millis(700);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far back a look goes.
const WINDOW: Duration = Duration::from_secs(20);
/// After so long without a good look a row may have been missed.
const BLIND: Duration = Duration::from_secs(5);
/// Rows are kept for so long, and removed about as often.
const KEPT: Duration = Duration::from_secs(60);
/// A record is read again after so long, whatever was heard: a write that a
/// standby holds up for longer than the window was answered with an error, and
/// may happen all the same.
const REMEMBERED: Duration = Duration::from_secs(10);
/// What is remembered in all, in bytes: some 80,000 sessions.
const ROOM: u64 = 64 << 20;
/// Of so many counters one stands for a key.
const MARKS: usize = 256;

/// What a broker knows of changes, and what it remembers.
pub(super) struct Changes {
    revisions: Revisions,
    records: Cache<Vec<u8>, (Instant, Entry), Bytes>,
    /// Raised before a record is forgotten: who read it before then must not
    /// remember it afterwards.
    marks: [AtomicU64; MARKS],
    looked: Mutex<Looked>,
    heard: watch::Sender<u64>,
}

/// What came of the looks so far.
#[derive(Default)]
struct Looked {
    /// When the last good one began.
    well: Option<Instant>,
    /// The rows that it found.
    seen: HashSet<String>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Vec<u8>, (Instant, Entry)> for Bytes {
    fn weight(&self, key: &Vec<u8>, (_, entry): &(Instant, Entry)) -> u64 {
        (key.len() + entry.value.len() + 128) as u64
    }
}

/// Forgets a record when it goes: a write may have happened whatever came of it,
/// and whether or not somebody still waits for it.
pub(super) struct Writing<'a> {
    changes: &'a Changes,
    keys: Vec<&'a Key>,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        for key in &self.keys {
            let space = key.space();
            self.changes
                .changed(space.name, key.partition(), key.id(), space.watched);
        }
    }
}

impl Changes {
    pub(super) fn new() -> Self {
        let usual = usize::try_from(ROOM / 768).unwrap_or(usize::MAX);
        Self {
            revisions: Revisions::default(),
            records: Cache::with_weighter(usual, ROOM, Bytes),
            marks: [const { AtomicU64::new(0) }; MARKS],
            looked: Mutex::default(),
            heard: watch::channel(0).0,
        }
    }

    /// Whether what is remembered counts now.
    fn is_fresh(&self) -> bool {
        let well = self.looked().well;
        well.is_some_and(|began| began.elapsed() < FRESH)
    }

    pub(super) fn revision(&self, space: &'static Space) -> Option<u64> {
        (space.watched == Watched::Writes && self.is_fresh()).then(|| self.revisions.of(space))
    }

    pub(super) fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// What is remembered of a record, else what `read` gives.
    pub(super) async fn recall(
        &self,
        key: &Key,
        read: impl Future<Output = Result<Option<Entry>, StoreError>>,
    ) -> Result<Option<Entry>, StoreError> {
        if key.space().watched != Watched::Removals || !self.is_fresh() {
            return read.await;
        }
        let name = name(key.space().name, key.partition(), key.id());
        if let Some((since, entry)) = self.records.get(&name)
            && since.elapsed() < REMEMBERED
        {
            return Ok(Some(entry));
        }
        let mark = self.mark(&name);
        let before = mark.load(Ordering::SeqCst);
        let since = Instant::now();
        let found = read.await?;
        if let Some(entry) = &found {
            self.records.insert(name.clone(), (since, entry.clone()));
            if mark.load(Ordering::SeqCst) != before {
                self.records.remove(&name);
            }
        }
        Ok(found)
    }

    /// To be held while a record is written to.
    pub(super) fn writing<'a>(&'a self, keys: impl IntoIterator<Item = &'a Key>) -> Writing<'a> {
        let watched = |key: &&Key| key.space().watched != Watched::No;
        Writing {
            changes: self,
            keys: keys.into_iter().filter(watched).collect(),
        }
    }

    fn changed(&self, space: &str, part: &str, id: &[u8], watched: Watched) {
        if watched == Watched::Writes {
            self.revisions.changed(space);
        } else {
            let name = name(space, part, id);
            self.mark(&name).fetch_add(1, Ordering::SeqCst);
            self.records.remove(&name);
        }
    }

    fn mark(&self, name: &[u8]) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        &self.marks[usize::try_from(hasher.finish() % MARKS as u64).unwrap_or(0)]
    }

    fn forget_all(&self) {
        self.revisions.all_changed();
        for mark in &self.marks {
            mark.fetch_add(1, Ordering::SeqCst);
        }
        self.records.clear();
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the latest changes.
    async fn look(&self, pool: &Pool) -> Result<(), StoreError> {
        let began = Instant::now();
        let lease = pool.lease().await?;
        let rows = lease
            .rows_within(PATIENCE, LOOK, &[&millis(WINDOW)])
            .await?;
        drop(lease);
        let (blind, mut seen) = {
            let mut looked = self.looked();
            let blind = looked.well.is_none_or(|well| began - well > BLIND);
            (blind, std::mem::take(&mut looked.seen))
        };
        if blind {
            self.forget_all();
            seen.clear();
        }
        let (mut news, mut now_seen) = (blind, HashSet::with_capacity(rows.len()));
        for row in &rows {
            let nonce: String = row.get(0);
            if !seen.contains(&nonce) {
                let (space, part, id): (&str, &str, &[u8]) = (row.get(1), row.get(2), row.get(3));
                // Which of both it is, this version may see otherwise than another.
                self.changed(space, part, id, Watched::Writes);
                self.changed(space, part, id, Watched::Removals);
                news = true;
            }
            now_seen.insert(nonce);
        }
        {
            let mut looked = self.looked();
            looked.well = Some(began);
            looked.seen = now_seen;
        }
        if news {
            self.heard
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }

    /// Looks for changes as long as the task lives.
    pub(super) fn follow(self: &Arc<Self>, pool: Pool) -> JoinHandle<()> {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut every = interval(EVERY);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut well, mut cleaned) = (true, Instant::now());
            loop {
                every.tick().await;
                let looked = this.look(&pool).await;
                match &looked {
                    Ok(()) if !well => info!("changes by other brokers are heard of again"),
                    Err(error) if well => warn!(
                        why = %error,
                        "changes by other brokers can't be heard of; everything is read from the store meanwhile"
                    ),
                    _ => {}
                }
                well = looked.is_ok();
                if well && cleaned.elapsed() > KEPT {
                    cleaned = Instant::now();
                    if let Err(error) = forget(&pool).await {
                        warn!(why = %error, "old rows of `vestibule_change` could not be removed");
                    }
                }
            }
        })
    }
}

/// Removes rows that every look has passed.
async fn forget(pool: &Pool) -> Result<(), StoreError> {
    let lease = pool.lease().await?;
    lease.rows(FORGET_CHANGES, &[&millis(KEPT)]).await?;
    Ok(())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Neither a space's name nor a partition has a zero in it.
fn name(space: &str, part: &str, id: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(space.len() + part.len() + id.len() + 2);
    name.extend_from_slice(space.as_bytes());
    name.push(0);
    name.extend_from_slice(part.as_bytes());
    name.push(0);
    name.extend_from_slice(id);
    name
}
