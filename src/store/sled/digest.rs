//! What the files of a directory that was closed in order have in them.
//!
//! sled takes a record that it can't read for the end of its log, or for one that
//! was not written to its end, and goes on without it: one flipped bit loses what
//! stood there, and brings back what it took the place of. So a `close` writes
//! down a checksum of each block, and a start compares them before sled touches
//! anything. It reads every file once, in order, at the speed of the disk. After
//! a crash there is nothing to compare; then sled's own checksums have to do.
//!
//! Snapshots are left out: they have nothing that is not in the log, and a
//! damaged one is put aside.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::Path;

use super::super::StoreError;
use super::open::{RESTORE_FROM_BACKUP, at, snapshots, sync_directory};
use super::rewrite::files;
use crate::base::digest::sha256;

/// The file, beside `state`.
const NAME: &str = "digest";
const HEAD: &str = "vestibule digest 1";
/// How much one checksum is of.
const BLOCK: usize = 1 << 16;

/// A checksum: part of a SHA-256.
type Sum = u64;

/// Writes down what the files have in them; gives the checksum of what it wrote.
pub(super) fn write(dir: &Path) -> Result<Sum, StoreError> {
    let mut text = format!("{HEAD}\n");
    for path in covered(dir)? {
        let (length, sums) = read(&path).map_err(|e| at("read", &path, &e))?;
        let name = path.strip_prefix(dir).unwrap_or(&path);
        let _ = writeln!(text, "file {length} {}", name.display());
        for sum in sums {
            let _ = writeln!(text, "{sum:016x}");
        }
    }
    let path = dir.join(NAME);
    let draft = dir.join(format!("{NAME}.new"));
    let written = File::create(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| std::fs::rename(&draft, &path))
        .and_then(|()| sync_directory(dir));
    written.map_err(|e| {
        // Half of one would only take room from a disk that is full.
        let _ = std::fs::remove_file(&draft);
        at("write", &path, &e)
    })?;
    Ok(sum(text.as_bytes()))
}

/// Fails if a file is not what it was; says how many bytes were compared.
pub(super) fn check(dir: &Path, written: Sum) -> Result<u64, StoreError> {
    let path = dir.join(NAME);
    let text = match std::fs::read(&path) {
        Ok(text) if sum(&text) == written => text,
        Ok(_) => return Err(damaged(&path, "it is not what was written")),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(damaged(&path, "it is missing")),
        Err(e) => return Err(at("read", &path, &e)),
    };
    let text = String::from_utf8_lossy(&text);
    let mut known = text.lines().skip(1).peekable();
    let mut compared = 0;
    let mut named = Vec::new();
    while let Some(head) = known.next() {
        let parts = head
            .strip_prefix("file ")
            .and_then(|rest| rest.split_once(' '));
        let (length, name) = parts.ok_or_else(|| damaged(&path, "it cannot be read"))?;
        let mut sums = Vec::new();
        while let Some(line) = known.next_if(|line| !line.starts_with("file ")) {
            sums.push(Sum::from_str_radix(line, 16).ok());
        }
        let path = dir.join(name);
        let (found, read) = match read(&path) {
            Ok(read) => read,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(damaged(&path, "it is missing"));
            }
            Err(e) => return Err(at("read", &path, &e)),
        };
        if length != found.to_string() {
            let why = format!("it has {found} bytes, but {length} were safely written");
            return Err(damaged(&path, &why));
        }
        let blocks = read.iter().zip(&sums);
        let wrong: Vec<usize> = blocks
            .enumerate()
            .filter(|(_, (found, known))| Some(**found) != **known)
            .map(|(block, _)| block)
            .collect();
        if let Some(first) = wrong.first() {
            let (from, count) = (first * BLOCK, wrong.len());
            let to = (from + BLOCK).min(usize::try_from(found).unwrap_or(usize::MAX));
            let why = format!(
                "the bytes {from} to {to} are not what was written ({count} of {} blocks are damaged)",
                sums.len()
            );
            return Err(damaged(&path, &why));
        }
        compared += found;
        named.push(path);
    }
    // What is there besides was not there: sled would read it.
    match covered(dir)?.into_iter().find(|path| !named.contains(path)) {
        Some(path) => Err(damaged(&path, "it was not there when the store was closed")),
        None => Ok(compared),
    }
}

/// The files with records in them.
fn covered(dir: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    let summaries = snapshots(dir)?;
    let mut found = files(dir)?;
    found.retain(|path| !summaries.contains(path));
    Ok(found)
}

/// The length of a file, and the checksum of each block.
fn read(path: &Path) -> io::Result<(u64, Vec<Sum>)> {
    let mut file = File::open(path)?;
    let mut block = Vec::with_capacity(BLOCK);
    let (mut length, mut sums) = (0, Vec::new());
    loop {
        block.clear();
        let read = Read::by_ref(&mut file)
            .take(BLOCK as u64)
            .read_to_end(&mut block)?;
        if read == 0 {
            return Ok((length, sums));
        }
        length += read as u64;
        sums.push(sum(&block));
    }
}

/// A checksum.
pub(super) fn sum(bytes: &[u8]) -> Sum {
    let digest = sha256(bytes);
    digest[..8]
        .iter()
        .fold(0, |sum, byte| sum << 8 | Sum::from(*byte))
}

fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Corrupt {
        place: path.display().to_string(),
        why: format!(
            "{why}; {RESTORE_FROM_BACKUP}. To go on with what can be read, remove the file `state` beside `db`"
        ),
    }
}
