//! Whether the disk can be read, and written to.
//!
//! sled reads from its memory what was read before, and so does the kernel, so a
//! disk that no longer gives anything back goes unnoticed until the first record
//! that is not there. So now and then a piece of the log is read, another one each
//! time: on a store that is larger than memory most of them come from the disk.
//! And a small file is written and removed: a sync of nothing finds no full disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::StoreError;
use super::PATIENCE;
use super::open::at;
use super::reserve;
use crate::base::random;

/// How much is read.
const PIECE: usize = 4096;

/// One read at a time: each that never ends keeps a thread.
#[derive(Debug, Default)]
pub(super) struct Probe {
    since: Mutex<Option<Instant>>,
}

impl Probe {
    /// Reads and writes a piece, unless that is just being done.
    pub(super) fn look(&self, dir: &Path) -> Result<(), StoreError> {
        {
            let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
            match *since {
                Some(began) if began.elapsed() >= PATIENCE => {
                    let why = format!("the disk has not answered for {:?}", began.elapsed());
                    return Err(StoreError::Unavailable(why));
                }
                Some(_) => return Ok(()),
                None => *since = Some(Instant::now()),
            }
        }
        let read = piece(dir).map_err(|e| at("read", &dir.join("db"), &e));
        let path = dir.join("ready");
        let written = write(&path).map_err(|e| at("write", &path, &e));
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if written.is_ok() {
            // There is no room yet: that is told by everything else.
            let _ = reserve::again(dir);
        }
        read.and(written)
    }
}

fn write(path: &Path) -> std::io::Result<()> {
    let written = File::create(path).and_then(|file| file.write_all_at(&[1; PIECE], 0));
    let removed = std::fs::remove_file(path);
    written.and(removed)
}

fn piece(dir: &Path) -> std::io::Result<()> {
    let file = File::open(dir.join("db"))?;
    let pieces = (file.metadata()?.len() / PIECE as u64).max(1);
    let place = u64::from_be_bytes(random::bytes()) % pieces * PIECE as u64;
    file.read_at(&mut [0; PIECE], place).map(drop)
}
