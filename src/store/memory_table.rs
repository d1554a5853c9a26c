//! The records of one space that are held in memory, in the order of their keys.

use std::collections::BTreeMap;

use super::{Entry, Key, Scan, Space};
use crate::base::Timestamp;

/// What a record costs beside its own bytes, roughly.
const OVERHEAD: usize = 128;

/// Records by partition and id. What is held is little, so that the records of
/// one owner are found by looking at all of a partition.
#[derive(Debug, Default)]
pub(super) struct MemoryTable {
    partitions: BTreeMap<String, BTreeMap<Vec<u8>, Record>>,
    bytes: usize,
}

#[derive(Debug)]
struct Record {
    entry: Entry,
    owner: Option<Box<[u8]>>,
}

impl MemoryTable {
    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        let record = self.partitions.get(&key.partition)?.get(&key.id)?;
        Some(&record.entry)
    }

    pub(super) fn insert(&mut self, key: &Key, entry: Entry) {
        self.bytes += size(&key.id, &entry);
        let records = match self.partitions.get_mut(&key.partition) {
            Some(records) => records,
            None => self.partitions.entry(key.partition.clone()).or_default(),
        };
        let owner = key.owner.clone();
        if let Some(old) = records.insert(key.id.clone(), Record { entry, owner }) {
            self.bytes -= size(&key.id, &old.entry);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let removed = self.partitions.get_mut(&key.partition)?.remove(&key.id)?;
        self.bytes -= size(&key.id, &removed.entry);
        Some(removed.entry)
    }

    /// The first record of the first partition: in a space that expires the one
    /// that ends first there.
    pub(super) fn pop_first(&mut self, space: &'static Space) -> Option<(Key, Entry)> {
        loop {
            let mut first = self.partitions.first_entry()?;
            if let Some((id, Record { entry, owner })) = first.get_mut().pop_first() {
                self.bytes -= size(&id, &entry);
                let partition = first.key().clone();
                let key = Key {
                    space,
                    partition,
                    id,
                    owner,
                };
                return Some((key, entry));
            }
            first.remove();
        }
    }

    pub(super) fn scan(&self, scan: &Scan, now: Timestamp) -> Vec<(Key, Entry)> {
        let Some(records) = self.partitions.get(&scan.partition) else {
            return Vec::new();
        };
        let found = records
            .range(scan.start(now)..)
            .take_while(|(id, _)| id.starts_with(&scan.prefix))
            .filter(|(_, record)| {
                scan.owner.is_none() || record.owner.as_deref() == scan.owner.as_deref()
            })
            .take(scan.limit);
        let with_keys = found.map(|(id, record)| {
            let key = Key {
                space: scan.space,
                partition: scan.partition.clone(),
                id: id.clone(),
                owner: record.owner.clone(),
            };
            (key, record.entry.clone())
        });
        with_keys.collect()
    }

    /// The partitions with an id from `live` on, in order.
    pub(super) fn partitions(&self, live: &[u8]) -> Vec<String> {
        let used = self
            .partitions
            .iter()
            .filter(|(_, records)| records.range(live.to_vec()..).next().is_some());
        used.map(|(partition, _)| partition.clone()).collect()
    }

    /// Removes at most `limit` records with ids below `live`; says how many.
    pub(super) fn purge(&mut self, live: &[u8], limit: usize) -> usize {
        let mut purged = 0;
        for records in self.partitions.values_mut() {
            while purged < limit
                && let Some(first) = records.first_entry()
                && first.key().as_slice() < live
            {
                let (id, record) = first.remove_entry();
                self.bytes -= size(&id, &record.entry);
                purged += 1;
            }
        }
        self.partitions.retain(|_, records| !records.is_empty());
        purged
    }

    /// The memory they take, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(id: &[u8], entry: &Entry) -> usize {
    id.len() + entry.value.len() + OVERHEAD
}
