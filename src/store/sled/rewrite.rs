//! After a failed sync: nothing is believed that was written before it.
//!
//! When a sync fails, Linux reports it once, takes what could not be written for
//! written, and lets the next sync succeed. What a program reads then is what it
//! wrote, and what is on disk is something else, until the machine loses its
//! power. So no later sync is a proof. Only writing all of it again is: then the
//! kernel has it to write once more, and the sync after that covers it.
//!
//! In place and with the same bytes, so that it needs no room, and that what is
//! on disk after a power cut in the middle is what was there, or what comes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::StoreError;
use super::open::{at, snapshots, sync_directory};

/// How much is held at once.
const STEP: usize = 1 << 20;

/// Writes all data of a directory again, as it reads. Nobody else may have its
/// files open meanwhile.
pub(super) fn write_again(dir: &Path) -> Result<(), StoreError> {
    let mut bytes = 0;
    for path in files(dir)? {
        bytes += file_again(&path).map_err(|e| at("write again", &path, &e))?;
    }
    for dir in [dir.join("blobs"), dir.to_owned()] {
        match sync_directory(&dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at("sync", &dir, &e)),
            _ => {}
        }
    }
    tracing::warn!(
        bytes,
        "a sync had failed: all data was written to disk again"
    );
    Ok(())
}

/// All files that hold data: sled's own.
pub(super) fn files(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = snapshots(dir)?;
    found.extend([dir.join("conf"), dir.join("db")]);
    let blobs = dir.join("blobs");
    match std::fs::read_dir(&blobs) {
        Ok(entries) => {
            for entry in entries {
                found.push(entry.map_err(|e| at("read", &blobs, &e))?.path());
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(at("read", &blobs, &e)),
    }
    found.retain(|path| path.exists());
    found.sort();
    Ok(found)
}

fn file_again(path: &Path) -> io::Result<u64> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut step = vec![0; STEP];
    let mut offset = 0;
    loop {
        let read = file.read_at(&mut step, offset)?;
        if read == 0 {
            break;
        }
        file.write_all_at(&step[..read], offset)?;
        offset += read as u64;
    }
    file.sync_all()?;
    Ok(offset)
}
