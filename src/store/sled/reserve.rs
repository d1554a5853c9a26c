//! Room for a start on a disk that is full.
//!
//! sled writes as it opens its log, so on a full disk it could not even be read.
//! A file keeps some room; a start that finds none gives it up. Until it is made
//! again nothing is written: what is left is for the next start.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::super::StoreError;

const NAME: &str = "reserve";
/// Four segments of sled's log.
const ROOM: u64 = 2 << 20;

/// Why a database did not open.
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// A sync failed: what the disk has must not be believed, and more room helps
    /// nobody.
    pub(super) doubtful: bool,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            doubtful: false,
        }
    }
}

/// Opens the database; once more with the room that was kept, where that helps.
/// Tells whether that was given up.
pub(super) fn open<T>(
    dir: &Path,
    open: impl Fn() -> Result<T, Failure>,
) -> Result<(T, bool), Failure> {
    let path = dir.join(NAME);
    match open() {
        Err(Failure {
            error: StoreError::Unavailable(why),
            doubtful: false,
        }) if path.exists() => {
            tracing::warn!(%why, "the room that was kept for this is given up");
            // A file that can't be removed leaves things as they are.
            let _ = std::fs::remove_file(&path);
            Ok((open()?, true))
        }
        Ok(opened) => {
            if let Err(error) = keep(&path) {
                tracing::warn!(%error, "no room is kept for a start on a full disk");
            }
            Ok((opened, false))
        }
        Err(failure) => Err(failure),
    }
}

/// Makes it again once there is room.
pub(super) fn again(dir: &Path) -> io::Result<()> {
    keep(&dir.join(NAME))
}

fn keep(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|found| found.len() >= ROOM) {
        return Ok(());
    }
    let kept = File::create(path).and_then(|file| {
        match fallocate(&file, FallocateFlags::empty(), 0, ROOM).map_err(io::Error::from) {
            // Not every file system can; then nothing is kept.
            Err(e) if e.kind() == ErrorKind::Unsupported => Ok(()),
            other => other,
        }
    });
    kept.inspect_err(|_| drop(std::fs::remove_file(path)))
}
