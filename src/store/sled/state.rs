//! How the last run ended, in the file `state`.
//!
//! sled takes a log that ends early for one that a crash cut off, and goes on
//! without the rest: a truncated file loses data without a word. So we write
//! down how long the file was when it was last known to be safe, and refuse to
//! open a shorter one. The file also holds the clean mark, and the last version
//! given, so that versions grow even if the clock was set back meanwhile.
//!
//! It is one short line, always of the same length and overwritten in place,
//! so that it can be written with each commit and on a full disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::StoreError;
use super::digest;
use super::open::{RESTORE_FROM_BACKUP, at, sync_directory};

const NAME: &str = "state";

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mark {
    /// With a `close`.
    Clean,
    /// Not at all, or nothing is known about it.
    #[default]
    Running,
    /// As `Running`, after a sync that failed: what the kernel shows of the files
    /// may not be on disk, though it says so.
    Failed,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }
}

/// What is known about the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) mark: Mark,
    /// How long `db` was when it was last looked at; at the end, if clean.
    pub(super) length: u64,
    /// How much there was in `blobs`, where sled puts what is large; if clean.
    pub(super) blobs: u64,
    /// The last version given.
    pub(super) version: u64,
    /// The checksum of what the file `digest` says; if clean. Zero: nothing is known.
    pub(super) digest: u64,
}

impl State {
    fn line(self) -> String {
        let word = self.mark.word();
        let (length, blobs, version) = (self.length, self.blobs, self.version);
        let digest = self.digest;
        let line = format!(
            "{word:7} db {length:020} blobs {blobs:020} version {version:020} digest {digest:016x}"
        );
        format!("{line} sum {:016x}\n", digest::sum(line.as_bytes()))
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (words, digest) = match words[..] {
            [.., "digest", digest, "sum", _] => {
                let digest = u64::from_str_radix(digest, 16).ok()?;
                (&words[..words.len() - 4], Some(digest))
            }
            // Of an earlier version.
            _ => (&words[..], None),
        };
        let [word, "db", length, "blobs", blobs, "version", version] = words[..] else {
            return None;
        };
        let marks = [Mark::Clean, Mark::Running, Mark::Failed];
        let state = Self {
            mark: marks.into_iter().find(|mark| mark.word() == word)?,
            length: length.parse().ok()?,
            blobs: blobs.parse().ok()?,
            version: version.parse().ok()?,
            digest: digest.unwrap_or_default(),
        };
        // To the letter: the checksum is part of it.
        (digest.is_none() || state.line().trim_end() == line).then_some(state)
    }

    /// What the directory says about itself; the default (an unclean end and no
    /// expectations) if it says nothing.
    pub(super) fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        match std::fs::read(&path) {
            // Made, and not written to before the power went.
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => Ok(Self::default()),
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                // An earlier version's line is shorter and leaves the rest of this one's.
                let line = text.lines().next().unwrap_or_default();
                Self::parse(line).ok_or_else(|| StoreError::Corrupt {
                    place: path.display().to_string(),
                    why: format!(
                        "it is damaged, so it is not known how the last run ended; {RESTORE_FROM_BACKUP}. To go on as after a crash, remove that file"
                    ),
                })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(at("read", &path, &e)),
        }
    }

    /// Fails if data that was safe on disk is there no more, or is not what it was. Says how
    /// many bytes are, where that is known.
    pub(super) fn check(self, dir: &Path) -> Result<Option<u64>, StoreError> {
        let (length, blobs) = measure(dir)?;
        let lost = if length < self.length {
            Some(("db", self.length, length))
        } else if self.mark == Mark::Clean && blobs < self.blobs {
            Some(("blobs", self.blobs, blobs))
        } else {
            None
        };
        let Some((name, expected, found)) = lost else {
            let comparable = self.mark == Mark::Clean && self.digest != 0;
            return comparable
                .then(|| digest::check(dir, self.digest))
                .transpose();
        };
        Err(StoreError::Corrupt {
            place: dir.join(name).display().to_string(),
            why: format!(
                "it has {found} bytes, but {expected} were safely written; {RESTORE_FROM_BACKUP}. To go on with what is left, remove the file `{NAME}` beside it"
            ),
        })
    }
}

/// How long `db` is and how much `blobs` holds.
pub(super) fn measure(dir: &Path) -> Result<(u64, u64), StoreError> {
    let sum = || -> std::io::Result<(u64, u64)> {
        let length = size(&dir.join("db"))?;
        let mut blobs = 0;
        match std::fs::read_dir(dir.join("blobs")) {
            Ok(entries) => {
                for entry in entries {
                    blobs += size(&entry?.path())?;
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        Ok((length, blobs))
    };
    sum().map_err(|e| at("read", dir, &e))
}

fn size(path: &Path) -> std::io::Result<u64> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(e),
    }
}

/// The file, open for the whole run.
pub(super) struct StateFile {
    file: File,
    written: State,
}

impl StateFile {
    /// Withdraws the clean mark, before anything is changed.
    pub(super) fn start(dir: &Path, found: State) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| at("write", &path, &e))?;
        let mut this = Self {
            file,
            written: found,
        };
        // sled may shorten the file while it opens it, so nothing is expected of
        // a start that breaks off.
        let mark = match found.mark {
            Mark::Clean => Mark::Running,
            other => other,
        };
        this.write(State {
            mark,
            length: 0,
            digest: 0,
            ..found
        })
        .and_then(|()| this.file.sync_data())
        .and_then(|()| sync_directory(dir))
        .map_err(|e| at("write", &path, &e))?;
        Ok(this)
    }

    /// Notes how things are. A greater length is not synced: noting it costs
    /// next to nothing, survives the death of the process, and after a power cut
    /// the older note only expects less. A smaller one is, as it would expect
    /// too much.
    pub(super) fn note(&mut self, length: u64, version: u64) {
        let before = self.written;
        let state = State {
            length,
            version,
            ..before
        };
        if state == before {
            return;
        }
        let synced = self.write(state).and_then(|()| {
            if length < before.length {
                self.file.sync_data()
            } else {
                Ok(())
            }
        });
        if let Err(e) = synced {
            // To be tried again with the next note.
            self.written = before;
            tracing::warn!(%e, "cannot note the length of the data");
        }
    }

    /// Notes that a sync failed, or that what it left in doubt is on disk. Not
    /// synced: the doubt is about what the kernel remembers, and ends with it.
    pub(super) fn doubt(&mut self, doubtful: bool) {
        let mark = if doubtful {
            Mark::Failed
        } else {
            Mark::Running
        };
        let before = self.written;
        if mark == before.mark {
            return;
        }
        if let Err(e) = self.write(State { mark, ..before }) {
            tracing::warn!(%e, "cannot note that a sync failed");
        }
    }

    /// Sets the clean mark, after everything else is on disk.
    pub(super) fn finish(mut self, dir: &Path, version: u64) -> Result<(), StoreError> {
        let (length, blobs) = measure(dir)?;
        // On a full disk there is no room for it; that is no reason not to stop.
        let digest = digest::write(dir).unwrap_or_else(|error| {
            tracing::warn!(%error, "the next start cannot compare the data with what it is now");
            0
        });
        let state = State {
            mark: Mark::Clean,
            length,
            blobs,
            version,
            digest,
        };
        self.write(state)
            .and_then(|()| self.file.sync_data())
            .map_err(|e| at("write", &dir.join(NAME), &e))
    }

    fn write(&mut self, state: State) -> std::io::Result<()> {
        self.file.write_all_at(state.line().as_bytes(), 0)?;
        self.written = state;
        Ok(())
    }
}
