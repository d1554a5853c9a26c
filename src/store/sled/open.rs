//! From a directory to an open database, without ever deleting data.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::StoreError;
use super::engine::Engine;
use super::reserve::{self, Failure};
use super::rewrite::write_again;
use super::state::{Mark, State, StateFile};
use super::{SledOptions, fault};

/// The way back, the same for all damage.
pub(super) const RESTORE_FROM_BACKUP: &str = "nothing was deleted; restore the data directory from a backup (see \"Backup and restore\" in the README)";

/// A process that was told to end may hold its locks for another moment.
const OPEN_ATTEMPTS: u32 = 20;
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(50);

/// An open database and what belongs to it.
pub(super) struct OpenedDatabase {
    pub(super) engine: Engine,
    /// The room that was kept for this is given up, and the disk full.
    pub(super) without_reserve: bool,
    /// Held for as long as the directory is ours.
    pub(super) lock: File,
    pub(super) state: StateFile,
    pub(super) last_version: u64,
}

/// Opens the directory: lock, look, mark as running, and only then let sled
/// touch anything.
pub(super) fn open(dir: &Path, options: SledOptions) -> Result<OpenedDatabase, StoreError> {
    create(dir)?;
    let lock = lock(dir)?;
    let found = State::read(dir)?;
    found.check(dir)?;
    let mut state = StateFile::start(dir, found)?;
    remove_half_snapshots(dir)?;
    configure(dir)?;
    if found.mark == Mark::Failed {
        write_again(dir)?;
        state.doubt(false);
    }
    let crashed = found.mark != Mark::Clean;
    let opened = reserve::open(dir, || usable(dir, options, crashed));
    let ((engine, length), without_reserve) = opened.map_err(|failure| {
        if failure.doubtful {
            state.doubt(true);
        }
        failure.error
    })?;
    sync_directory(dir).map_err(|e| at("write", dir, &e))?;
    state.note(length, found.version);
    Ok(OpenedDatabase {
        engine,
        without_reserve,
        lock,
        state,
        last_version: found.version,
    })
}

/// Looks whether the directory is what was closed, and changes nothing.
pub(super) fn verify(dir: &Path) -> Result<Option<u64>, StoreError> {
    let db = dir.join("db");
    if !db.try_exists().map_err(|e| at("read", &db, &e))? {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(at("read", &db, &missing));
    }
    let _lock = lock(dir)?;
    State::read(dir)?.check(dir)
}

/// Opens it again in the same process, after a failure; `doubtful` after one of
/// a sync. Like after a crash: what was not committed is gone, and so is all that
/// is transient. Tells whether it took the room that was kept for it.
pub(super) fn reopen(
    dir: &Path,
    options: SledOptions,
    doubtful: bool,
) -> Result<(Engine, bool), StoreError> {
    remove_half_snapshots(dir)?;
    if doubtful {
        wait_for_sled(dir)?;
        write_again(dir)?;
    }
    let opened = reserve::open(dir, || usable(dir, options, true));
    let ((engine, _), without_reserve) = opened.map_err(|failure| failure.error)?;
    Ok((engine, without_reserve))
}

/// An I/O error with the file and the way out.
pub(super) fn at(doing: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "cannot {doing} {}: {error}; check `data_dir`, its owner and the free space",
        path.display()
    ))
}

/// Makes names in a directory survive a power cut.
pub(super) fn sync_directory(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

fn create(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| at("create", dir, &e))?;
    let mode = std::fs::metadata(dir)
        .map_err(|e| at("read", dir, &e))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let dir = dir.display();
        tracing::warn!(%dir, "others on this machine can look into the data directory; chmod 700");
    }
    Ok(())
}

/// What sled writes into `conf` when it makes a directory, its checksum included.
const CONF: &[u8] =
    b"segment_size: 524288\nuse_compression: false\nversion: 0.34\n\x76\x19\x51\xc1";

/// Makes sled's `conf` for a new directory. sled would too, but never sync it: a
/// power cut within the next half minute would leave a file that it can't read.
fn configure(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("conf");
    if path.exists() || dir.join("db").exists() {
        return Ok(());
    }
    let draft = dir.join("conf.new");
    let made = File::create(&draft)
        .and_then(|mut file| file.write_all(CONF).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, &path))
        .and_then(|()| sync_directory(dir));
    made.map_err(|e| at("write", &path, &e))
}

/// Our own lock, taken before anything is read: sled takes its own only after it
/// has written to the directory.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| at("write", &path, &e))?;
    if wait_for_lock(&file).map_err(|e| at("lock", &path, &e))? {
        Ok(file)
    } else {
        Err(StoreError::Locked(dir.display().to_string()))
    }
}

/// Takes a file's lock; false if someone else keeps it.
pub(super) fn wait_for_lock(file: &File) -> std::io::Result<bool> {
    for _ in 0..OPEN_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(ATTEMPT_INTERVAL),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
    Ok(false)
}

/// A snapshot that was being written when the process died holds no data, but sled
/// would take it for damage.
fn remove_half_snapshots(dir: &Path) -> Result<(), StoreError> {
    for path in snapshots(dir)? {
        if path
            .extension()
            .is_some_and(|extension| extension == "generating")
        {
            std::fs::remove_file(&path).map_err(|e| at("remove", &path, &e))?;
        }
    }
    Ok(())
}

pub(super) fn snapshots(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = std::fs::read_dir(dir).map_err(|e| at("read", dir, &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| at("read", dir, &e))?;
        if entry.file_name().as_encoded_bytes().starts_with(b"snap.") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Opens it, and shows that it takes writes; gives how long the file is then. Of
/// one that `crashed`, what is transient is gone.
fn usable(dir: &Path, options: SledOptions, crashed: bool) -> Result<(Engine, u64), Failure> {
    let engine = open_or_replay(dir, options)?;
    let ready = || {
        if crashed {
            engine.drop_transient()?;
        }
        engine.make_durable()
    };
    match ready() {
        Ok(length) => Ok((engine, length)),
        Err(error) => {
            let doubtful = engine.is_doubtful();
            engine.discard();
            Err(Failure { error, doubtful })
        }
    }
}

/// Snapshots only save reading the whole log. So if sled finds damage, they are
/// put aside and the log is read; if that fails too, they get their names back.
fn open_or_replay(dir: &Path, options: SledOptions) -> Result<Engine, StoreError> {
    let damage = match open_with_retries(dir, options) {
        Err(StoreError::Corrupt { why, .. }) => why,
        other => return other,
    };
    let aside = put_aside(dir)?;
    if !aside.is_empty()
        && let Ok(engine) = open_with_retries(dir, options)
    {
        let dir = dir.display();
        tracing::warn!(%dir, %damage, "a snapshot was damaged and the log was read instead; what is called `aside-snap.*` can be removed");
        return Ok(engine);
    }
    // sled may have begun a snapshot of its own meanwhile; that one would win
    // over the old ones, so it must not stay either.
    remove_half_snapshots(dir)?;
    for (old, new) in aside {
        std::fs::rename(&new, &old).map_err(|e| at("rename", &new, &e))?;
    }
    Err(StoreError::Corrupt {
        place: dir.display().to_string(),
        why: format!("{damage}; {RESTORE_FROM_BACKUP}"),
    })
}

/// The new names must not begin with `snap.`: sled would read them all the same,
/// and remove them with the next snapshot.
fn put_aside(dir: &Path) -> Result<Vec<(PathBuf, PathBuf)>, StoreError> {
    let mut moved = Vec::new();
    for old in snapshots(dir)? {
        let name = old.file_name().unwrap_or_default().to_string_lossy();
        let new = dir.join(format!("aside-{name}"));
        std::fs::rename(&old, &new).map_err(|e| at("rename", &old, &e))?;
        moved.push((old, new));
    }
    Ok(moved)
}

/// sled lets go of its own lock a moment after it was dropped.
fn wait_for_sled(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("db");
    if let Ok(file) = File::open(&path)
        && !wait_for_lock(&file).map_err(|e| at("lock", &path, &e))?
    {
        return Err(StoreError::Locked(dir.display().to_string()));
    }
    Ok(())
}

fn open_with_retries(dir: &Path, options: SledOptions) -> Result<Engine, StoreError> {
    wait_for_sled(dir)?;
    // What sled can't make sense of it reports or asserts, as the case may be.
    let opened = std::panic::catch_unwind(|| Engine::open(dir, options));
    match opened {
        Ok(Ok(engine)) => Ok(engine),
        Ok(Err(::sled::Error::Io(e))) => Err(at("open", dir, &e)),
        Ok(Err(::sled::Error::Corruption { .. })) | Err(_) => Err(StoreError::Corrupt {
            place: dir.display().to_string(),
            why: "sled cannot read the data".into(),
        }),
        Ok(Err(::sled::Error::Unsupported(why))) => Err(StoreError::Corrupt {
            place: dir.join("conf").display().to_string(),
            why,
        }),
        Ok(Err(other)) => Err(fault(other)),
    }
}
