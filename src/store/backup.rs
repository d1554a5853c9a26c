//! A copy of a store as files: one of each space, its records in order, and a
//! list of them that is written last.

mod restore;
mod write;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

pub use self::restore::Backup;
pub use self::write::Writer;
use super::lines::Line;
use super::{Keyspace, Space, Store, StoreError};
use crate::base::digest::hex;

static IMPORTING: Space = Space::durable("importing");

/// There while a store is filled.
const UNFINISHED: Keyspace<Begun> = Keyspace::new(&IMPORTING);
const ID: &[u8] = b"backup";

const LIST: &str = "manifest.json";
const FORMAT: u32 = 1;
/// How many records are written at once.
const AT_ONCE: usize = 64;
/// After how many it is written down how far an import came.
const PART: usize = 5_000;

/// How far an import came.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Begun {
    /// The digest of the copy's list.
    copy: String,
    /// Of each space, how many records of the copy are in the store.
    done: BTreeMap<String, u64>,
}

pub(super) fn space() -> &'static Space {
    &IMPORTING
}

/// What a copy consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// When it was made.
    pub made_at: String,
    /// By which program.
    pub made_by: String,
    /// What is in it, by space.
    pub spaces: BTreeMap<String, Listed>,
}

/// The records of a space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many there are.
    pub records: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Why there is no copy, or no store of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file.
    #[error("`{path}`: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The copy is not what was written.
    #[error("`{path}`: {why}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// What should be there is not, or other than it should be.
    #[error("the store does not have what the backup has: {0}")]
    Differs(String),
    /// There is something already.
    #[error(
        "the store is not empty (there are records of `{0}`); a backup is imported into an empty one"
    )]
    NotEmpty(&'static str),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.display().to_string();
    move |error| BackupError::File {
        path: path.clone(),
        error,
    }
}

fn damaged(path: &Path, why: impl Into<String>) -> BackupError {
    BackupError::Damaged {
        path: path.display().to_string(),
        why: why.into(),
    }
}

/// Fails if a store was being filled from a copy and that did not end.
pub async fn check_finished(store: &dyn Store) -> Result<(), StoreError> {
    match UNFINISHED.get(store, "", ID).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Corrupt {
            place: "the store".into(),
            why: "an import into it did not finish; run `vestibule import` again".into(),
        }),
    }
}

/// A file whose records are counted and summed as they are written.
struct Summed {
    file: BufWriter<File>,
    sum: Context,
    records: u64,
}

impl Summed {
    fn new(file: File) -> Self {
        Self {
            file: BufWriter::new(file),
            sum: Context::new(&SHA256),
            records: 0,
        }
    }

    fn record(&mut self, line: &Line) -> io::Result<()> {
        if line.value.is_none() {
            return Ok(());
        }
        let mut text = Vec::new();
        write(&mut text, line)?;
        self.sum.update(&text);
        self.records += 1;
        self.file.write_all(&text)
    }

    fn finish(mut self) -> io::Result<Listed> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(Listed {
            records: self.records,
            sha256: hex(self.sum.finish().as_ref()),
        })
    }
}

/// A name that is a file's, too.
fn named(space: &str) -> bool {
    !space.is_empty()
        && space
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn file_of(dir: &Path, space: &str) -> PathBuf {
    dir.join(format!("{space}.jsonl"))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn write(out: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Line, BackupError>> + use<>, BackupError> {
    let file = BufReader::new(File::open(path).map_err(at(path))?);
    let path = path.to_owned();
    Ok(file.lines().map(move |line| {
        let line = line.map_err(at(&path))?;
        serde_json::from_str(&line).map_err(|error| damaged(&path, error.to_string()))
    }))
}
