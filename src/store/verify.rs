//! Reading every record there is, to see whether it can be.

use serde::de::IgnoredAny;

use super::keyspace::{SCHEMA, STEP};
use super::{Key, Scan, Space, Store, StoreError};

/// What became of reading the records of a space.
#[derive(Debug, Default)]
pub struct Counted {
    /// How many can be read.
    pub records: usize,
    /// What is wrong with the others, a sentence each.
    pub damaged: Vec<String>,
}

/// Reads every live record of a space through `store`, by the keys that the store
/// `below` it gives: one that is damaged hides none of the others.
pub async fn count(
    store: &dyn Store,
    below: &dyn Store,
    space: &'static Space,
) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    for partition in below.partitions(space).await? {
        let mut scan = Scan::all(space, partition, STEP);
        loop {
            let found = below.scan(&scan).await?;
            let Some((last, _)) = found.last() else {
                break;
            };
            scan.after = Some(last.id().to_vec());
            for (key, _) in found {
                match read(store, &key).await {
                    Ok(there) => counted.records += usize::from(there),
                    Err(StoreError::Corrupt { place, why }) => {
                        let partition = key.partition();
                        counted
                            .damaged
                            .push(format!("{place}, in the partition `{partition}`: {why}"));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(counted)
}

/// Whether a record is there still, and what this program would write.
async fn read(store: &dyn Store, key: &Key) -> Result<bool, StoreError> {
    let Some(entry) = store.get(key).await? else {
        return Ok(false);
    };
    let read = match entry.value.split_first() {
        Some((&SCHEMA, json)) => {
            serde_json::from_slice::<IgnoredAny>(json).map_err(|error| error.to_string())
        }
        Some((other, _)) => Err(format!(
            "it has schema {other}, this program reads {SCHEMA}"
        )),
        None => Err("it is empty".to_owned()),
    };
    read.map(|_| true).map_err(|why| StoreError::Corrupt {
        place: format!("a record of `{}`", key.space().name),
        why,
    })
}
