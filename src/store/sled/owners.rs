//! Which records an owner has.
//!
//! Beside the tree of a space whose records have owners stands another one, of
//! keys only: the partition, a zero byte, the owner with its length in front, and
//! the id. An entry is there before its record is and goes after it, and the log
//! is one for all trees; so a record always has its entry. A crash may leave an
//! entry without its record: a reader passes over it and removes it.
//!
//! Both trees change under a lock of the record, one of a few that all records
//! share: else whoever removes an entry could take one that was just made.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::sled::{IVec, Tree};

use super::super::StoreError;
use super::fault;

/// Of a power of two, so that a hash chooses by its lowest bits.
const LOCKS: usize = 64;

/// One for the records whose key's hash chooses it.
pub(super) struct Turns([Mutex<()>; LOCKS]);

impl Default for Turns {
    fn default() -> Self {
        Self([const { Mutex::new(()) }; LOCKS])
    }
}

impl Turns {
    fn place(raw: &[u8]) -> usize {
        let mut hasher = DefaultHasher::new();
        raw.hash(&mut hasher);
        usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default()
    }

    fn at(&self, place: usize) -> MutexGuard<'_, ()> {
        self.0[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to change the record with this key.
    pub(super) fn take(&self, raw: &[u8]) -> MutexGuard<'_, ()> {
        self.at(Self::place(raw))
    }

    /// The turns for several, in one order for all who take several.
    pub(super) fn take_all<'a>(
        &self,
        raw: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<MutexGuard<'_, ()>> {
        let mut places: Vec<usize> = raw.map(Self::place).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| self.at(place)).collect()
    }
}

/// The entries of one space.
#[derive(Clone)]
pub(super) struct Owners<'a> {
    pub(super) tree: Tree,
    pub(super) turns: &'a Turns,
}

impl Owners<'_> {
    pub(super) fn add(&self, entry: &[u8]) -> Result<(), StoreError> {
        self.tree.insert(entry, &[]).map(drop).map_err(fault)
    }

    pub(super) fn remove(&self, entry: &[u8]) -> Result<(), StoreError> {
        self.tree.remove(entry).map(drop).map_err(fault)
    }

    /// The entries from `from` on, in order.
    pub(super) fn from(&self, from: &[u8]) -> impl Iterator<Item = Result<IVec, StoreError>> {
        self.tree.range(from..).keys().map(|at| at.map_err(fault))
    }
}

/// What the entries of an owner in a partition begin with.
pub(super) fn prefix(partition: &str, owner: &[u8]) -> Vec<u8> {
    let length = u8::try_from(owner.len()).unwrap_or(u8::MAX);
    [partition.as_bytes(), &[0, length], owner].concat()
}

/// The entry of the record with this id.
pub(super) fn entry(partition: &str, owner: &[u8], id: &[u8]) -> Vec<u8> {
    let mut entry = prefix(partition, owner);
    entry.extend_from_slice(id);
    entry
}
