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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::super::StoreError;
use super::PATIENCE;
use super::open::at;
use super::reserve;
use crate::base::random;

/// How much is read.
const PIECE: usize = 4096;

/// One look at a time: each that never ends keeps a thread.
#[derive(Debug, Default)]
pub(super) struct Probe {
    under_way: Mutex<Option<Look>>,
}

#[derive(Debug)]
struct Look {
    began: Instant,
    /// Somebody waited for it in vain.
    overdue: bool,
}

impl Probe {
    /// Reads and writes a piece, unless that is just being done.
    pub(super) fn look(&self, dir: &Path) -> Result<(), StoreError> {
        {
            let mut under_way = self.under_way();
            match &*under_way {
                Some(look) if look.overdue || look.began.elapsed() >= PATIENCE => {
                    let waited = look.began.elapsed();
                    let why = format!("the disk has not answered for {waited:?}");
                    return Err(StoreError::Unavailable(why));
                }
                Some(_) => return Ok(()),
                None => {
                    *under_way = Some(Look {
                        began: Instant::now(),
                        overdue: false,
                    });
                }
            }
        }
        let read = piece(dir).map_err(|e| at("read", &dir.join("db"), &e));
        let path = dir.join("ready");
        let written = write(&path).map_err(|e| at("write", &path, &e));
        *self.under_way() = None;
        if written.is_ok() {
            // There is no room yet: that is told by everything else.
            let _ = reserve::again(dir);
        }
        read.and(written)
    }

    /// Notes that somebody waited in vain: until the look that is under way ends, all
    /// others are told so. It began a moment after they did.
    pub(super) fn waited_in_vain(&self) {
        if let Some(look) = &mut *self.under_way() {
            look.overdue = true;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, Option<Look>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks just after another's time was up is not told that all is well.
    #[test]
    fn d3_a_look_that_somebody_waited_for_in_vain_is_overdue_for_all() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("db"), [0; PIECE]).unwrap();
        let probe = Probe::default();
        probe.look(dir.path()).unwrap();
        *probe.under_way() = Some(Look {
            began: Instant::now(),
            overdue: false,
        });
        probe.look(dir.path()).unwrap();
        probe.waited_in_vain();
        probe.look(dir.path()).unwrap_err();
        *probe.under_way() = None;
        probe.waited_in_vain();
        probe.look(dir.path()).unwrap();
    }
}
