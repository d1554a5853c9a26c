//! What a power cut leaves: a directory made of a journal of `disk.c`.
//!
//! Of what was not synced, any part may be on disk, in pieces of 512 bytes, and
//! in any order: the kernel writes as it likes. Of what a sync was asked for that
//! failed, any part may be there as well, and no later sync changes that: Linux
//! takes it for written. Names come in the order in which they were made, as with
//! every file system with a journal, and are certain once a directory is synced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Dice;

/// One line of the journal.
#[derive(Debug, Clone)]
struct Line {
    kind: u8,
    path: String,
    at: u64,
    bytes: Vec<u8>,
}

/// All that a process did to its disk, and what it said meanwhile.
pub struct Journal(Vec<Line>);

impl Journal {
    pub fn read(path: &Path) -> Self {
        let all = std::fs::read(path).unwrap();
        let mut rest = all.as_slice();
        let mut lines = Vec::new();
        while let Some(line) = next(&mut rest) {
            lines.push(line);
        }
        assert!(rest.is_empty(), "the journal ends within a line");
        Self(lines)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The lines at which a sync failed.
    pub fn failed_syncs(&self) -> Vec<usize> {
        let lines = self.0.iter().enumerate();
        let failed = lines.filter(|(_, line)| line.kind == b'F');
        failed.map(|(number, _)| number).collect()
    }

    /// What was said up to a line.
    pub fn said(&self, until: usize) -> Vec<u8> {
        let said = self.0[..until].iter().filter(|line| line.kind == b'A');
        said.flat_map(|line| line.bytes.clone()).collect()
    }
}

fn next(rest: &mut &[u8]) -> Option<Line> {
    let (head, tail) = rest.split_at_checked(19)?;
    let number = |from: usize| u64::from_ne_bytes(head[from..from + 8].try_into().unwrap());
    let path = usize::from(u16::from_ne_bytes([head[1], head[2]]));
    let count = usize::try_from(number(11)).unwrap();
    let (path, tail) = tail.split_at_checked(path)?;
    let (bytes, tail) = tail.split_at_checked(count)?;
    *rest = tail;
    Some(Line {
        kind: head[0],
        path: String::from_utf8(path.to_vec()).unwrap(),
        at: number(3),
        bytes: bytes.to_vec(),
    })
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Default)]
struct Content {
    certain: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Name {
    File(String, usize),
    Dir(String),
    Gone(String),
    Moved(String, String),
    Linked(String, String),
}

/// The names at one moment.
#[derive(Clone, Default)]
struct Names {
    files: BTreeMap<String, usize>,
    dirs: BTreeSet<String>,
}

impl Names {
    fn apply(&mut self, change: &Name) {
        match change {
            Name::File(path, content) => {
                self.files.insert(path.clone(), *content);
            }
            Name::Dir(path) => {
                self.dirs.insert(path.clone());
            }
            Name::Gone(path) => {
                self.files.remove(path);
                self.dirs.remove(path);
            }
            Name::Moved(old, new) => {
                if let Some(content) = self.files.remove(old) {
                    self.files.insert(new.clone(), content);
                }
                let below = format!("{old}/");
                let moved: Vec<_> = self
                    .files
                    .keys()
                    .filter(|path| path.starts_with(&below))
                    .cloned()
                    .collect();
                for path in moved {
                    let content = self.files.remove(&path).unwrap();
                    self.files.insert(path.replacen(old, new, 1), content);
                }
                if self.dirs.remove(old) {
                    self.dirs.insert(new.clone());
                }
            }
            Name::Linked(old, new) => {
                let content = self.files[old];
                self.files.insert(new.clone(), content);
            }
        }
    }
}

/// What is on disk, certainly and perhaps, as the journal is gone through.
#[derive(Default)]
pub struct Model {
    contents: Vec<Content>,
    seen: Names,
    certain: Names,
    pending: Vec<Name>,
    done: usize,
}

impl Model {
    /// Goes on to a line of the journal.
    pub fn advance(&mut self, journal: &Journal, until: usize, dice: &mut Dice) {
        for line in &journal.0[self.done..until] {
            self.apply(line, dice);
        }
        self.done = until;
    }

    fn rename(&mut self, change: Name) {
        self.seen.apply(&change);
        self.pending.push(change);
    }

    fn apply(&mut self, line: &Line, dice: &mut Dice) {
        let text = || String::from_utf8(line.bytes.clone()).unwrap();
        let path = line.path.clone();
        let at = usize::try_from(line.at).unwrap();
        let file = self.seen.files.get(&path).copied();
        match (line.kind, file) {
            (b'C', _) => {
                self.contents.push(Content::default());
                self.rename(Name::File(path, self.contents.len() - 1));
            }
            (b'W', Some(file)) => {
                let change = Change::Write(at, line.bytes.clone());
                self.contents[file].pending.push(change);
            }
            (b'T', Some(file)) => self.contents[file].pending.push(Change::Length(at)),
            (b'S', Some(file)) => {
                let content = &mut self.contents[file];
                for change in std::mem::take(&mut content.pending) {
                    settle(&mut content.certain, &change, |_| true);
                }
            }
            (b'F', Some(file)) => {
                let content = &mut self.contents[file];
                for change in std::mem::take(&mut content.pending) {
                    settle(&mut content.certain, &change, |_| dice.roll(2) == 0);
                }
            }
            (b'S', None) if path.is_empty() || self.seen.dirs.contains(&path) => {
                for change in std::mem::take(&mut self.pending) {
                    self.certain.apply(&change);
                }
            }
            (b'M', _) => self.rename(Name::Dir(path)),
            (b'U' | b'X', _) => self.rename(Name::Gone(path)),
            (b'R', _) => self.rename(Name::Moved(path, text())),
            (b'L', _) => self.rename(Name::Linked(path, text())),
            // Said; or about a file that is gone.
            _ => {}
        }
    }

    /// Makes the directory that a power cut would leave now.
    pub fn cut(&self, to: &Path, dice: &mut Dice) {
        let mut names = self.certain.clone();
        for change in &self.pending[..dice.index(self.pending.len() + 1)] {
            names.apply(change);
        }
        for dir in &names.dirs {
            std::fs::create_dir_all(to.join(dir)).unwrap();
        }
        // Nothing of what is pending, all of it, or any part.
        let odds = [0, 4, 2, 1, 3][dice.index(5)];
        for (path, content) in names.files {
            let mut content = self.contents[content].clone();
            for change in &content.pending {
                settle(&mut content.certain, change, |_| dice.roll(4) < odds);
            }
            std::fs::write(to.join(path), content.certain).unwrap();
        }
    }
}

/// Puts a change on disk, as far as `lucky` says of each piece.
fn settle(content: &mut Vec<u8>, change: &Change, mut lucky: impl FnMut(usize) -> bool) {
    const PIECE: usize = 512;
    match change {
        Change::Length(length) => {
            if lucky(0) {
                content.resize(*length, 0);
            }
        }
        Change::Write(at, bytes) => {
            let (mut from, end) = (*at, at + bytes.len());
            while from < end {
                let to = end.min((from / PIECE + 1) * PIECE);
                if lucky(from) {
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    content[from..to].copy_from_slice(&bytes[from - at..to - at]);
                }
                from = to;
            }
        }
    }
}
