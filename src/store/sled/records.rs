//! Operations on the records of one space, that is, on one tree.
//!
//! A tree's key is the partition, a zero byte and the id; partitions contain no
//! zero. Its value is the version in eight bytes, then the record.

use ::sled::transaction::{ConflictableTransactionError, TransactionError, abort};
use ::sled::{Transactional, Tree};

use super::super::versions::Versions;
use super::super::{Entry, Key, Precondition, Scan, Space, Step, StoreError, Version};
use super::engine::Engine;
use super::fault;
use crate::base::Timestamp;

/// The records of one space at one moment.
pub(super) struct Records<'a> {
    pub(super) tree: Tree,
    pub(super) space: &'static Space,
    pub(super) now: Timestamp,
    pub(super) versions: &'a Versions,
}

/// What can be done with the records of one space.
pub(super) trait Operations {
    fn get(&mut self, key: &Key) -> Result<Option<Entry>, StoreError>;
    fn put(&mut self, key: &Key, value: Vec<u8>, when: Precondition)
    -> Result<Version, StoreError>;
    fn take(&mut self, key: &Key) -> Result<Option<Entry>, StoreError>;
    fn delete(&mut self, key: &Key, when: Precondition) -> Result<bool, StoreError>;
    fn scan(&mut self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError>;
    fn partitions(&mut self) -> Result<Vec<String>, StoreError>;
    fn purge(&mut self, surely: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

impl Records<'_> {
    /// Whether there is a record, be it expired.
    pub(super) fn has(&self, key: &Key) -> Result<bool, StoreError> {
        self.tree.contains_key(raw(key)).map_err(fault)
    }

    /// Jumps from partition to partition instead of walking over the records.
    fn next_partition(&self, from: &[u8]) -> Result<Option<String>, StoreError> {
        let Some(first) = self.tree.range(from..).keys().next() else {
            return Ok(None);
        };
        let first = first.map_err(fault)?;
        let name = first.split(|byte| *byte == 0).next().unwrap_or_default();
        match String::from_utf8(name.to_vec()) {
            Ok(name) => Ok(Some(name)),
            Err(e) => Err(corrupt(self.space, &format!("its key is not text: {e}"))),
        }
    }

    fn each_partition(
        &self,
        mut visit: impl FnMut(String) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut from = Vec::new();
        while let Some(partition) = self.next_partition(&from)? {
            from = [partition.as_bytes(), &[1]].concat();
            if !visit(partition)? {
                break;
            }
        }
        Ok(())
    }
}

impl Operations for Records<'_> {
    fn get(&mut self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.now) {
            return Ok(None);
        }
        let found = self.tree.get(raw(key)).map_err(fault)?;
        found.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Tries again until nobody came between the look and the write; of those
    /// who compete one always wins, so they don't try forever.
    fn put(
        &mut self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let at = raw(key);
        // A new record needs no look: the write itself finds out.
        let mut current = match when {
            Precondition::Absent => None,
            _ => self.tree.get(&at).map_err(fault)?,
        };
        loop {
            let previous = version_of(key, current.as_deref())?;
            if !when.holds(previous.filter(|_| !key.is_expired(self.now))) {
                return Err(StoreError::Conflict);
            }
            let version = self.versions.next(self.now, previous);
            let new = encode(version, &value);
            match self
                .tree
                .compare_and_swap(&at, current, Some(new))
                .map_err(fault)?
            {
                Ok(()) => return Ok(version),
                Err(lost) => current = lost.current,
            }
        }
    }

    fn take(&mut self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.now) {
            return Ok(None);
        }
        let taken = self.tree.remove(raw(key)).map_err(fault)?;
        taken.map(|bytes| decode(key, &bytes)).transpose()
    }

    fn delete(&mut self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let at = raw(key);
        let mut current = self.tree.get(&at).map_err(fault)?;
        loop {
            let live = current.as_deref().filter(|_| !key.is_expired(self.now));
            let previous = version_of(key, live)?;
            if !when.holds(previous) {
                return Err(StoreError::Conflict);
            }
            if previous.is_none() {
                return Ok(false);
            }
            let removed = self.tree.compare_and_swap(&at, current, None::<&[u8]>);
            match removed.map_err(fault)? {
                Ok(()) => return Ok(true),
                Err(lost) => current = lost.current,
            }
        }
    }

    fn scan(&mut self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let all = join(&scan.partition, &scan.prefix);
        let skip = scan.partition.len() + 1;
        let mut found = Vec::new();
        for item in self
            .tree
            .range(join(&scan.partition, &scan.start(self.now))..)
        {
            let (at, bytes) = item.map_err(fault)?;
            if found.len() == scan.limit || !at.starts_with(&all) {
                break;
            }
            let key = Key {
                space: scan.space,
                partition: scan.partition.clone(),
                id: at[skip..].to_vec(),
            };
            let entry = decode(&key, &bytes)?;
            found.push((key, entry));
        }
        Ok(found)
    }

    fn partitions(&mut self) -> Result<Vec<String>, StoreError> {
        let live = self.space.live_from(self.now);
        let mut found = Vec::new();
        self.each_partition(|partition| {
            let range = join(&partition, &live)..end(&partition);
            if let Some(first) = self.tree.range(range).keys().next() {
                first.map_err(fault)?;
                found.push(partition);
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// The expiry leads the id, so what has expired is one range a partition.
    fn purge(&mut self, surely: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut purged = 0;
        if !self.space.expiring {
            return Ok(purged);
        }
        let live = self.space.live_from(surely);
        self.each_partition(|partition| {
            for at in self
                .tree
                .range(join(&partition, &[])..join(&partition, &live))
                .keys()
            {
                if purged == limit {
                    return Ok(false);
                }
                let removed = self.tree.remove(at.map_err(fault)?).map_err(fault)?;
                purged += usize::from(removed.is_some());
            }
            Ok(true)
        })?;
        Ok(purged)
    }
}

/// All steps or none, in one transaction over the trees involved. It makes all
/// other operations stand still, which is why only admin changes do this.
pub(super) fn commit(
    engine: &Engine,
    steps: &[Step],
    now: Timestamp,
    versions: &Versions,
) -> Result<Vec<Version>, StoreError> {
    let mut spaces: Vec<&'static Space> = Vec::new();
    let mut places = Vec::with_capacity(steps.len());
    for space in steps.iter().map(|step| step.key().space) {
        let known = spaces.iter().position(|other| *other == space);
        places.push(known.unwrap_or(spaces.len()));
        if known.is_none() {
            spaces.push(space);
        }
    }
    let trees: Vec<Tree> = spaces
        .iter()
        .map(|space| engine.tree(space))
        .collect::<Result<_, _>>()?;
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    let done = trees.transaction(|views| {
        let current = |place: usize, key: &Key| {
            let bytes = views[place].get(raw(key))?;
            version_of(key, bytes.as_deref()).map_err(ConflictableTransactionError::Abort)
        };
        for (step, &place) in steps.iter().zip(&places) {
            if let Step::Check(key, when) = step {
                let version = current(place, key)?;
                if !when.holds(version.filter(|_| !key.is_expired(now))) {
                    return abort(StoreError::Conflict);
                }
            }
        }
        let mut made = Vec::new();
        for (step, &place) in steps.iter().zip(&places) {
            match step {
                Step::Check(..) => {}
                Step::Put(key, value) => {
                    let version = versions.next(now, current(place, key)?);
                    views[place].insert(raw(key), encode(version, value))?;
                    made.push(version);
                }
                Step::Delete(key) => {
                    views[place].remove(raw(key))?;
                }
            }
        }
        Ok(made)
    });
    done.map_err(|error| match error {
        TransactionError::Abort(error) => error,
        TransactionError::Storage(error) => fault(error),
    })
}

/// Writes a record as it is, version and all.
pub(super) fn keep(tree: &Tree, key: &Key, entry: &Entry) -> Result<(), StoreError> {
    let bytes = encode(entry.version, &entry.value);
    tree.insert(raw(key), bytes).map(drop).map_err(fault)
}

fn raw(key: &Key) -> Vec<u8> {
    join(&key.partition, &key.id)
}

fn join(partition: &str, id: &[u8]) -> Vec<u8> {
    debug_assert!(!partition.contains('\0'), "a partition with a zero byte");
    let mut raw = Vec::with_capacity(partition.len() + 1 + id.len());
    raw.extend_from_slice(partition.as_bytes());
    raw.push(0);
    raw.extend_from_slice(id);
    raw
}

/// Greater than every key of the partition, and not greater than any other's.
fn end(partition: &str) -> Vec<u8> {
    [partition.as_bytes(), &[1]].concat()
}

fn encode(version: Version, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + value.len());
    bytes.extend_from_slice(&version.0.to_be_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn decode(key: &Key, bytes: &[u8]) -> Result<Entry, StoreError> {
    match bytes.split_first_chunk() {
        Some((version, value)) => Ok(Entry {
            value: value.to_vec(),
            version: Version(u64::from_be_bytes(*version)),
        }),
        None => Err(corrupt(key.space, "it is too short to have a version")),
    }
}

fn version_of(key: &Key, bytes: Option<&[u8]>) -> Result<Option<Version>, StoreError> {
    bytes
        .map(|bytes| decode(key, bytes).map(|entry| entry.version))
        .transpose()
}

fn corrupt(space: &Space, why: &str) -> StoreError {
    StoreError::Corrupt {
        place: format!("a record of `{}`", space.name),
        why: why.to_owned(),
    }
}
