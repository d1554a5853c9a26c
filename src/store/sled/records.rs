//! Operations on the records of one space, that is, on one tree.

use std::sync::MutexGuard;

use ::sled::transaction::{ConflictableTransactionError, TransactionError, abort};
use ::sled::{IVec, Transactional, Tree};

use super::super::versions::Versions;
use super::super::{Entry, Key, Precondition, Scan, Space, Step, StoreError, Version};
use super::engine::Engine;
use super::layout::{corrupt, decode, encode, end, join, owner_of, raw, version_of, whole};
use super::owners::Owners;
use super::{fault, owners};
use crate::base::Timestamp;

/// The records of one space at one moment.
pub(super) struct Records<'a> {
    pub(super) tree: Tree,
    /// Where the space's records have owners.
    pub(super) owners: Option<Owners<'a>>,
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

impl<'a> Records<'a> {
    /// Whether there is a record, be it expired.
    pub(super) fn has(&self, key: &Key) -> Result<bool, StoreError> {
        self.tree.contains_key(raw(key)).map_err(fault)
    }

    /// The turn to change a record, where owners' entries change with it.
    fn turn(&self, at: &[u8]) -> Option<MutexGuard<'a, ()>> {
        let turns = self.owners.as_ref()?.turns;
        Some(turns.take(at))
    }

    /// To be called before a record is written.
    fn announce(&self, key: &Key) -> Result<(), StoreError> {
        match (&self.owners, key.owner()) {
            (Some(owners), Some(owner)) => {
                owners.add(&owners::entry(&key.partition, owner, &key.id))
            }
            _ => Ok(()),
        }
    }

    /// To be called once a record is no longer `owner`'s, unless it still is.
    fn withdraw(
        &self,
        (partition, id): (&str, &[u8]),
        owner: Option<&[u8]>,
        unless: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        match (&self.owners, owner) {
            (Some(owners), Some(owner)) if Some(owner) != unless => {
                owners.remove(&owners::entry(partition, owner, id))
            }
            _ => Ok(()),
        }
    }

    /// Tries again until nobody came between the look and the write; of those
    /// who compete one always wins, so they don't try forever. Gives what was
    /// there before, too.
    fn replace(
        &self,
        key: &Key,
        at: &[u8],
        value: &[u8],
        when: Precondition,
    ) -> Result<(Version, Option<IVec>), StoreError> {
        // A new record needs no look: the write itself finds out.
        let mut current = match when {
            Precondition::Absent => None,
            _ => self.tree.get(at).map_err(fault)?,
        };
        loop {
            let previous = version_of(key.space, current.as_deref())?;
            if !when.holds(previous.filter(|_| !key.is_expired(self.now))) {
                return Err(StoreError::Conflict);
            }
            let version = self.versions.next(self.now, previous);
            let new = encode(version, key.owner(), value);
            let swapped = self.tree.compare_and_swap(at, current.clone(), Some(new));
            match swapped.map_err(fault)? {
                Ok(()) => return Ok((version, current)),
                Err(lost) => current = lost.current,
            }
        }
    }

    /// The record at a key, if it is the owner's.
    fn of_owner(&self, at: &[u8], owner: &[u8]) -> Result<Option<IVec>, StoreError> {
        let found = self.tree.get(at).map_err(fault)?;
        let is_theirs = owner_of(self.space, found.as_deref())? == Some(owner);
        Ok(found.filter(|_| is_theirs))
    }

    /// A scan of what one owner has.
    fn scan_owner(
        &self,
        scan: &Scan,
        owner: &[u8],
        owners: &Owners<'_>,
    ) -> Result<Vec<(Key, Entry)>, StoreError> {
        let skip = owners::prefix(&scan.partition, owner).len();
        let all = owners::entry(&scan.partition, owner, &scan.prefix);
        let start = owners::entry(&scan.partition, owner, &scan.start(self.now));
        let mut found = Vec::new();
        for entry in owners.from(&start) {
            let entry = entry?;
            if found.len() == scan.limit || !entry.starts_with(&all) {
                break;
            }
            let at = join(&scan.partition, &entry[skip..]);
            let mut bytes = self.of_owner(&at, owner)?;
            if bytes.is_none() {
                let _turn = self.turn(&at);
                bytes = self.of_owner(&at, owner)?;
                if bytes.is_none() {
                    owners.remove(&entry)?;
                }
            }
            if let Some(bytes) = bytes {
                found.push(whole(scan, entry[skip..].to_vec(), &bytes)?);
            }
        }
        Ok(found)
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
        found.map(|bytes| decode(key.space, &bytes)).transpose()
    }

    fn put(
        &mut self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let at = raw(key);
        let _turn = self.turn(&at);
        self.announce(key)?;
        let place = (key.partition.as_str(), key.id.as_slice());
        match self.replace(key, &at, &value, when) {
            Ok((version, before)) => {
                let before = owner_of(key.space, before.as_deref())?;
                self.withdraw(place, before, key.owner())?;
                Ok(version)
            }
            Err(error) => {
                if self.owners.is_some() {
                    let current = self.tree.get(&at).map_err(fault)?;
                    let current = owner_of(key.space, current.as_deref())?;
                    self.withdraw(place, key.owner(), current)?;
                }
                Err(error)
            }
        }
    }

    fn take(&mut self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.now) {
            return Ok(None);
        }
        let at = raw(key);
        let _turn = self.turn(&at);
        let taken = self.tree.remove(&at).map_err(fault)?;
        let owner = owner_of(key.space, taken.as_deref())?;
        self.withdraw((&key.partition, &key.id), owner, None)?;
        taken.map(|bytes| decode(key.space, &bytes)).transpose()
    }

    fn delete(&mut self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let at = raw(key);
        let _turn = self.turn(&at);
        let mut current = self.tree.get(&at).map_err(fault)?;
        loop {
            let live = current.as_deref().filter(|_| !key.is_expired(self.now));
            let previous = version_of(key.space, live)?;
            if !when.holds(previous) {
                return Err(StoreError::Conflict);
            }
            if previous.is_none() {
                return Ok(false);
            }
            let removed = self
                .tree
                .compare_and_swap(&at, current.clone(), None::<&[u8]>);
            match removed.map_err(fault)? {
                Ok(()) => {
                    let owner = owner_of(key.space, current.as_deref())?;
                    self.withdraw((&key.partition, &key.id), owner, None)?;
                    return Ok(true);
                }
                Err(lost) => current = lost.current,
            }
        }
    }

    fn scan(&mut self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        if let Some(owner) = &scan.owner {
            return match &self.owners {
                Some(owners) => self.scan_owner(scan, owner, owners),
                None => Ok(Vec::new()),
            };
        }
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
            found.push(whole(scan, at[skip..].to_vec(), &bytes)?);
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
                let at = at.map_err(fault)?;
                let _turn = self.turn(&at);
                let removed = self.tree.remove(&at).map_err(fault)?;
                let owner = owner_of(self.space, removed.as_deref())?;
                self.withdraw((&partition, &at[partition.len() + 1..]), owner, None)?;
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
    let mut trees: Vec<Tree> = spaces
        .iter()
        .map(|space| engine.tree(space))
        .collect::<Result<_, _>>()?;
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::with_capacity(spaces.len());
    for space in spaces {
        let owners = engine.owners(space)?;
        entries.push(owners.is_some().then_some(trees.len()));
        trees.extend(owners.map(|owners| owners.tree));
    }
    let owned = steps.iter().filter(|step| step.key().space.owned);
    let owned: Vec<_> = owned.map(|step| raw(step.key())).collect();
    let _turns = engine.turns.take_all(owned.iter().map(Vec::as_slice));
    let done = trees.transaction(|views| {
        let version = |key: &Key, bytes: Option<&[u8]>| {
            version_of(key.space, bytes).map_err(ConflictableTransactionError::Abort)
        };
        let withdraw = |place: usize, key: &Key, bytes: Option<&[u8]>| {
            let owner = owner_of(key.space, bytes).map_err(ConflictableTransactionError::Abort)?;
            if let (Some(entries), Some(owner)) = (entries[place], owner) {
                views[entries].remove(owners::entry(&key.partition, owner, &key.id))?;
            }
            Ok::<_, ConflictableTransactionError<StoreError>>(())
        };
        for (step, &place) in steps.iter().zip(&places) {
            if let Step::Check(key, when) = step {
                let bytes = views[place].get(raw(key))?;
                let current = version(key, bytes.as_deref())?;
                if !when.holds(current.filter(|_| !key.is_expired(now))) {
                    return abort(StoreError::Conflict);
                }
            }
        }
        let mut made = Vec::new();
        for (step, &place) in steps.iter().zip(&places) {
            match step {
                Step::Check(..) => {}
                Step::Put(key, value) => {
                    let before = views[place].get(raw(key))?;
                    withdraw(place, key, before.as_deref())?;
                    if let (Some(entries), Some(owner)) = (entries[place], key.owner()) {
                        let entry = owners::entry(&key.partition, owner, &key.id);
                        views[entries].insert(entry, &[])?;
                    }
                    let version = versions.next(now, version(key, before.as_deref())?);
                    views[place].insert(raw(key), encode(version, key.owner(), value))?;
                    made.push(version);
                }
                Step::Delete(key) => {
                    let before = views[place].remove(raw(key))?;
                    withdraw(place, key, before.as_deref())?;
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
    let bytes = encode(entry.version, key.owner(), &entry.value);
    tree.insert(raw(key), bytes).map(drop).map_err(fault)
}
