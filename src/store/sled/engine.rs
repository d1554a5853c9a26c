//! The open database.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use ::sled::{Db, Tree};

use super::super::{Class, Space, StoreError};
use super::open::{at, sync_directory};
use super::owners::{Owners, Turns};
use super::transient::Transient;
use super::{SledOptions, fault, overheard};

/// sled, with what it lacks.
pub(super) struct Engine {
    db: Db,
    dir: PathBuf,
    /// A second handle, since sled's own isn't ours to sync.
    file: File,
    trees: RwLock<HashMap<(&'static str, &'static str), Tree>>,
    /// For changes of records that have owners.
    pub(super) turns: Turns,
    blobs: Mutex<Blobs>,
    /// A sync has failed: no later one is believed.
    doubtful: AtomicBool,
    /// How many had failed in sled's own threads when it was opened.
    failed_syncs: u64,
    /// What of the transient spaces is not in their trees.
    pub(super) transient: Transient,
}

/// What is known of the files for large pages.
#[derive(Default)]
struct Blobs {
    synced: HashSet<OsString>,
    /// When the directory last changed, if it was listed long enough after that
    /// for any later change to have another time.
    unchanged_since: Option<SystemTime>,
}

/// Coarser than the clock of any file system in use.
const FILE_TIME: Duration = Duration::from_secs(3);

impl Engine {
    pub(super) fn open(dir: &Path, options: SledOptions) -> ::sled::Result<Self> {
        overheard::listen();
        let failed_syncs = overheard::failed_syncs();
        let db = ::sled::Config::new()
            .path(dir)
            .cache_capacity(options.cache_bytes)
            // The commit thread does that, and knows whether it worked.
            .flush_every_ms(None)
            .use_compression(false)
            .open()?;
        Ok(Self {
            db,
            dir: dir.to_owned(),
            file: File::open(dir.join("db"))?,
            trees: RwLock::default(),
            turns: Turns::default(),
            blobs: Mutex::default(),
            doubtful: AtomicBool::new(false),
            failed_syncs,
            transient: Transient::new(options.transient_bytes),
        })
    }

    /// The tree of a space. Its name says what a crash may do to it, so that
    /// the next start knows, also of spaces that this program has no more.
    pub(super) fn tree(&self, space: &'static Space) -> Result<Tree, StoreError> {
        let prefix = match space.class {
            Class::Durable => "d:",
            Class::Transient => "t:",
        };
        self.named(prefix, space.name)
    }

    /// By whom the records of a space are found, where they have owners.
    pub(super) fn owners(&self, space: &'static Space) -> Result<Option<Owners<'_>>, StoreError> {
        if !space.owned {
            return Ok(None);
        }
        let tree = self.named("i:", space.name)?;
        let turns = &self.turns;
        Ok(Some(Owners { tree, turns }))
    }

    fn named(&self, prefix: &'static str, name: &'static str) -> Result<Tree, StoreError> {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&(prefix, name)) {
            return Ok(tree.clone());
        }
        drop(trees);
        let tree = self.db.open_tree([prefix, name].concat()).map_err(fault)?;
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        trees.insert((prefix, name), tree.clone());
        Ok(tree)
    }

    /// Writes down what is only in memory, for an orderly stop.
    pub(super) fn settle_transient(&self) -> Result<(), StoreError> {
        self.transient.settle(|space| self.tree(space))
    }

    /// Forgets everything transient.
    pub(super) fn drop_transient(&self) -> Result<(), StoreError> {
        for name in self.db.tree_names() {
            if name.starts_with(b"t:") {
                self.db.drop_tree(&name).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// Puts all that was written so far on disk; says how long the file is then.
    ///
    /// sled's `flush` hands its buffers to the kernel and, on Linux, waits with
    /// `sync_file_range`, which neither covers the file's new length nor empties
    /// the disk's own cache. And it never syncs the files it makes for pages
    /// above 128 KiB.
    pub(super) fn make_durable(&self) -> Result<u64, StoreError> {
        self.db.flush().map_err(fault)?;
        self.health()?;
        let synced = || -> std::io::Result<u64> {
            self.sync_blobs()?;
            self.file.sync_data()?;
            self.length()
        };
        let length = synced().map_err(|e| {
            self.doubtful.store(true, Ordering::SeqCst);
            at("sync", &self.dir, &e)
        })?;
        // Asked for last: sled may have hit upon it just before this sync.
        if self.is_doubtful() {
            return Err(StoreError::Unavailable(
                "a sync has failed, so it is not known what is on disk".into(),
            ));
        }
        Ok(length)
    }

    /// Whether what was written may not be on disk, whatever a sync says. A full
    /// disk is another matter: it refuses what it can't take.
    pub(super) fn is_doubtful(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let failed = match self.db.context.global_error() {
            Err(::sled::Error::Io(e)) => {
                !matches!(e.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            _ => false,
        };
        failed
            || self.doubtful.load(Ordering::SeqCst)
            || self.failed_syncs != overheard::failed_syncs()
    }

    /// Lets go of a database that failed. sled syncs its file once more as it
    /// goes, and panics if that fails.
    pub(super) fn discard(self) {
        let gone = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(self)));
        if gone.is_err() {
            tracing::warn!("sled could not sync its file as it was closed");
        }
    }

    /// How long the file is.
    pub(super) fn length(&self) -> std::io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Fails if sled gave up in one of its own threads, which it does silently.
    pub(super) fn health(&self) -> Result<(), StoreError> {
        self.db.context.global_error().map_err(fault)
    }

    /// Blobs never change once written, so each needs it once.
    fn sync_blobs(&self) -> std::io::Result<()> {
        let dir = self.dir.join("blobs");
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = std::fs::metadata(&dir)?.modified()?;
        if blobs.unchanged_since == Some(changed) {
            return Ok(());
        }
        // A clock set back makes this no worse than a listing too many.
        let settled = changed.elapsed().is_ok_and(|age| age > FILE_TIME);
        blobs.unchanged_since = None;
        let mut present = HashSet::new();
        let mut fresh = false;
        for entry in std::fs::read_dir(&dir)? {
            let name = entry?.file_name();
            if !blobs.synced.contains(&name) {
                fresh = true;
                match File::open(dir.join(&name)) {
                    Ok(file) => file.sync_data()?,
                    // Replaced meanwhile by a newer one.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
            present.insert(name);
        }
        if fresh {
            sync_directory(&dir)?;
        }
        blobs.synced = present;
        blobs.unchanged_since = settled.then_some(changed);
        Ok(())
    }
}
