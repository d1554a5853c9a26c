//! A store, filled from a copy.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    AT_ONCE, BackupError, Begun, FORMAT, ID, LIST, Manifest, PART, Summed, UNFINISHED, at, damaged,
    file_of, lines, named,
};
use crate::base::Clock;
use crate::base::digest::{hex, sha256};
use crate::store::keyspace::STEP;
use crate::store::{Key, Precondition, Scan, Space, Store};

async fn mark(store: &dyn Store, begun: &Begun) -> Result<(), BackupError> {
    UNFINISHED
        .put(store, "", ID, begun, Precondition::Any)
        .await?;
    Ok(())
}

/// A copy that was looked through.
pub struct Backup {
    dir: PathBuf,
    manifest: Manifest,
    digest: String,
    spaces: BTreeMap<&'static str, &'static Space>,
}

impl Backup {
    /// Looks through a copy: every file is what was written.
    pub fn open(
        dir: &Path,
        spaces: impl IntoIterator<Item = &'static Space>,
    ) -> Result<Self, BackupError> {
        let path = dir.join(LIST);
        let text = std::fs::read(&path).map_err(at(&path))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| damaged(&path, error.to_string()))?;
        if manifest.format != FORMAT {
            let why = format!(
                "it has format {}, this program reads {FORMAT}",
                manifest.format
            );
            return Err(damaged(&path, why));
        }
        let this = Self {
            dir: dir.to_owned(),
            manifest,
            digest: hex(&sha256(&text)),
            spaces: spaces
                .into_iter()
                .map(|space| (space.name, space))
                .collect(),
        };
        for (space, listed) in &this.manifest.spaces {
            let path = file_of(&this.dir, space);
            if !named(space) || !this.spaces.contains_key(space.as_str()) {
                return Err(damaged(&path, "this program has no such space"));
            }
            let mut found = Summed::new(
                File::options()
                    .write(true)
                    .open("/dev/null")
                    .map_err(at(&path))?,
            );
            for line in lines(&path)? {
                let line = line?;
                let record = line
                    .record(&this.names())
                    .map_err(|why| damaged(&path, why.to_string()))?;
                if record.0.space().name != space {
                    return Err(damaged(&path, "it has a record of another space"));
                }
                found.record(&line).map_err(at(&path))?;
            }
            let (records, sum) = (found.records, hex(found.sum.finish().as_ref()));
            if records != listed.records || sum != listed.sha256 {
                return Err(damaged(
                    &path,
                    "its records are not those that were exported",
                ));
            }
        }
        Ok(this)
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn names(&self) -> BTreeMap<&str, &'static Space> {
        self.spaces
            .iter()
            .map(|(name, space)| (*name, *space))
            .collect()
    }

    /// Fails unless the store is empty, or was being filled from this very copy.
    pub async fn check_target(&self, store: &dyn Store) -> Result<(), BackupError> {
        if self.begun(store).await?.is_some() {
            return Ok(());
        }
        for space in self.spaces.values() {
            if !store.partitions(space).await?.is_empty() {
                return Err(BackupError::NotEmpty(space.name));
            }
        }
        Ok(())
    }

    /// How far an import of this very copy came, if one was begun.
    async fn begun(&self, store: &dyn Store) -> Result<Option<Begun>, BackupError> {
        let found = UNFINISHED.get(store, "", ID).await?;
        let begun = found.map(|found| found.value);
        Ok(begun.filter(|begun| begun.copy == self.digest))
    }

    /// Fills a store with the records of the spaces that `which` wants, and reads
    /// them back. What has expired since is left out. Gives how many there are, and
    /// tells meanwhile: the space, how many are done and how many there are. One that
    /// was interrupted goes on where it was; what was there already is compared too.
    pub async fn restore(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        which: impl Fn(&Space) -> bool,
        tell: impl Fn(&str, u64, u64),
    ) -> Result<BTreeMap<String, u64>, BackupError> {
        self.check_target(store).await?;
        let mut begun = self.begun(store).await?.unwrap_or_else(|| Begun {
            copy: self.digest.clone(),
            done: BTreeMap::new(),
        });
        mark(store, &begun).await?;
        let mut counts = BTreeMap::new();
        let wanted = |name: &&String| {
            self.spaces
                .get(name.as_str())
                .is_some_and(|space| which(space))
        };
        for name in self.manifest.spaces.keys().filter(wanted) {
            self.fill(store, clock, name, &mut begun, &tell).await?;
            counts.insert(name.clone(), self.compare(store, clock, name).await?);
        }
        // Behind all the others, so that they are on disk when this is.
        UNFINISHED.delete(store, "", ID, Precondition::Any).await?;
        Ok(counts)
    }

    fn records(
        &self,
        space: &str,
    ) -> Result<impl Iterator<Item = Result<(Key, Vec<u8>), BackupError>> + use<'_>, BackupError>
    {
        let path = file_of(&self.dir, space);
        let names = self.names();
        let found = lines(&path)?;
        Ok(found.map(move |line| {
            let (key, value) = line?
                .record(&names)
                .map_err(|why| damaged(&path, why.to_string()))?;
            Ok((key, value.unwrap_or_default()))
        }))
    }

    async fn fill(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        space: &str,
        begun: &mut Begun,
        tell: &impl Fn(&str, u64, u64),
    ) -> Result<(), BackupError> {
        let all = self.manifest.spaces[space].records;
        let mut there = begun.done.get(space).copied().unwrap_or(0);
        let mut records = self.records(space)?;
        let skipped = usize::try_from(there).unwrap_or(usize::MAX);
        if let Some(last) = skipped.checked_sub(1) {
            records.nth(last);
        }
        tell(space, there, all);
        loop {
            let part: Vec<_> = records.by_ref().take(PART).collect();
            if part.is_empty() {
                return Ok(());
            }
            let done = AtomicU64::new(there);
            there += u64::try_from(part.len()).unwrap_or(0);
            stream::iter(part)
                .map(|record| async {
                    let (key, value) = record?;
                    if !key.is_expired(clock.now()) {
                        store.put_soon(&key, value, Precondition::Any).await?;
                    }
                    tell(space, done.fetch_add(1, Ordering::Relaxed) + 1, all);
                    Ok::<_, BackupError>(())
                })
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            // Behind these records, so that they are on disk when it is.
            begun.done.insert(space.to_owned(), there);
            mark(store, begun).await?;
        }
    }

    /// Both are in the same order.
    async fn compare(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        name: &str,
    ) -> Result<u64, BackupError> {
        let space = self.spaces[name];
        let mut records = self.records(name)?;
        let mut count = 0;
        let differs = |key: &Key, why: &str| {
            let id = STANDARD.encode(key.id());
            BackupError::Differs(format!(
                "a record of `{name}` in `{}`, {id}, {why}",
                key.partition()
            ))
        };
        for partition in store.partitions(space).await? {
            let mut scan = Scan::all(space, partition, STEP);
            loop {
                let found = store.scan(&scan).await?;
                let Some((last, _)) = found.last() else {
                    break;
                };
                scan.after = Some(last.id().to_vec());
                for (key, entry) in found {
                    loop {
                        let Some(record) = records.next() else {
                            return Err(differs(&key, "is in the store only"));
                        };
                        let (wanted, value) = record?;
                        if wanted == key && wanted.owner() == key.owner() && value == entry.value {
                            break;
                        }
                        if !wanted.is_expired(clock.now()) {
                            return Err(differs(&wanted, "is missing or another"));
                        }
                    }
                    count += 1;
                }
            }
        }
        for record in records {
            let (wanted, _) = record?;
            if !wanted.is_expired(clock.now()) {
                return Err(differs(&wanted, "is missing"));
            }
        }
        Ok(count)
    }
}
