//! Records that live minutes: in memory, with the tree for what is too much.
//!
//! A crash drops them in any case, so the log has no need of them, and nearly
//! all are gone again before sled would have written them down. Memory is
//! bounded: a flood of logins that nobody finishes goes on to the trees, those
//! that end first in front. An orderly stop writes the rest there, too.
//!
//! A record is in memory or in the tree, and stays there until it is removed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ::sled::Tree;

use super::super::memory_table::MemoryTable;
use super::super::{Entry, Key, Precondition, Scan, Space, StoreError, Version};
use super::records::{Operations, Records};
use crate::base::Timestamp;

/// How many go to the tree for one that comes when memory is full.
const STEP: usize = 4;

/// The transient records in memory, by space.
pub(super) struct Transient {
    /// The most memory they take together, roughly.
    most: usize,
    spaces: RwLock<HashMap<&'static str, SpacePart>>,
    bytes: AtomicUsize,
    spread: AtomicBool,
}

/// A space and its records.
type SpacePart = (&'static Space, Arc<Mutex<Part>>);

#[derive(Default)]
struct Part {
    memory: MemoryTable,
    /// The tree may have records, too.
    below: bool,
}

impl Transient {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            spaces: RwLock::default(),
            bytes: AtomicUsize::new(0),
            spread: AtomicBool::new(false),
        }
    }

    /// Whether operations may have reached the trees.
    pub(super) fn is_spread(&self) -> bool {
        self.spread.load(Ordering::Relaxed)
    }

    /// Does something with the records of one space, whose tree is `below`.
    pub(super) fn with<T>(
        &self,
        below: Records<'_>,
        operation: impl FnOnce(&mut dyn Operations) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let part = self.part(below.space, &below.tree);
        let mut part = lock(&part);
        let before = part.memory.bytes();
        let result = operation(&mut MergedSpace {
            part: &mut part,
            below,
            full: self.bytes.load(Ordering::Relaxed) >= self.most,
        });
        if part.below {
            self.spread.store(true, Ordering::Relaxed);
        }
        let after = part.memory.bytes();
        self.bytes.fetch_add(after, Ordering::Relaxed);
        self.bytes.fetch_sub(before, Ordering::Relaxed);
        result
    }

    fn part(&self, space: &'static Space, tree: &Tree) -> Arc<Mutex<Part>> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, part)) = spaces.get(space.name) {
            return Arc::clone(part);
        }
        drop(spaces);
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let part = Part {
                memory: MemoryTable::default(),
                below: !tree.is_empty(),
            };
            (space, Arc::new(Mutex::new(part)))
        };
        Arc::clone(&spaces.entry(space.name).or_insert_with(new).1)
    }

    /// Writes all of it to the trees, for an orderly stop.
    pub(super) fn settle(
        &self,
        tree: impl Fn(&'static Space) -> Result<Tree, StoreError>,
    ) -> Result<(), StoreError> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        for (space, part) in spaces.values() {
            let tree = tree(space)?;
            let mut part = lock(part);
            while let Some((key, entry)) = part.memory.pop_first(space) {
                super::records::keep(&tree, &key, &entry)?;
            }
        }
        Ok(())
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records of one space, in memory and in the tree.
struct MergedSpace<'a> {
    part: &'a mut Part,
    below: Records<'a>,
    /// Memory has no room.
    full: bool,
}

impl MergedSpace<'_> {
    /// Whether the tree has the record, be it expired.
    fn is_below(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.part.below && self.below.has(key)?)
    }

    /// Makes room in memory. What can't be written stays where it is.
    fn make_room(&mut self) -> Result<(), StoreError> {
        if !self.full {
            return Ok(());
        }
        for _ in 0..STEP {
            let Some((key, entry)) = self.part.memory.pop_first(self.below.space) else {
                break;
            };
            self.part.below = true;
            if let Err(error) = super::records::keep(&self.below.tree, &key, &entry) {
                self.part.memory.insert(&key, entry);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Operations for MergedSpace<'_> {
    fn get(&mut self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.below.now) {
            return Ok(None);
        }
        match self.part.memory.get(key) {
            Some(entry) => Ok(Some(entry.clone())),
            None if self.part.below => self.below.get(key),
            None => Ok(None),
        }
    }

    fn put(
        &mut self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        if self.is_below(key)? {
            return self.below.put(key, value, when);
        }
        let previous = self.part.memory.get(key).map(|entry| entry.version);
        if !when.holds(previous.filter(|_| !key.is_expired(self.below.now))) {
            return Err(StoreError::Conflict);
        }
        // Not for a record that is replaced: it could be the one that has to go.
        if previous.is_none() {
            self.make_room()?;
        }
        let version = self.below.versions.next(self.below.now, previous);
        self.part.memory.insert(key, Entry { value, version });
        Ok(version)
    }

    fn take(&mut self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.below.now) {
            return Ok(None);
        }
        match self.part.memory.remove(key) {
            Some(entry) => Ok(Some(entry)),
            None if self.part.below => self.below.take(key),
            None => Ok(None),
        }
    }

    fn delete(&mut self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        if self.is_below(key)? {
            return self.below.delete(key, when);
        }
        let live = !key.is_expired(self.below.now);
        let current = self.part.memory.get(key).map(|entry| entry.version);
        let current = current.filter(|_| live);
        if !when.holds(current) {
            return Err(StoreError::Conflict);
        }
        Ok(current.is_some() && self.part.memory.remove(key).is_some())
    }

    fn scan(&mut self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let mut found = self.part.memory.scan(scan, self.below.now);
        if self.part.below {
            found.extend(self.below.scan(scan)?);
            found.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
            found.truncate(scan.limit);
        }
        Ok(found)
    }

    fn partitions(&mut self) -> Result<Vec<String>, StoreError> {
        let live = self.below.space.live_from(self.below.now);
        let mut found = self.part.memory.partitions(&live);
        if self.part.below {
            found.extend(self.below.partitions()?);
            found.sort();
            found.dedup();
        }
        Ok(found)
    }

    fn purge(&mut self, surely: Timestamp, limit: usize) -> Result<usize, StoreError> {
        if !self.below.space.expiring {
            return Ok(0);
        }
        let live = self.below.space.live_from(surely);
        let mut purged = self.part.memory.purge(&live, limit);
        if self.part.below {
            purged += self.below.purge(surely, limit - purged)?;
            self.part.below = !self.below.tree.is_empty();
        }
        Ok(purged)
    }
}
