//! A copy, taken line by line.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    BackupError, FORMAT, LIST, Listed, Manifest, Summed, at, create, damaged, file_of, lines,
    named, write,
};
use crate::store::lines::{Line, Mark, Said};

/// Partition and id: the order of a file.
type Place = (String, Vec<u8>);

/// Takes a copy line by line, and writes it in order.
pub struct Writer {
    dir: PathBuf,
    open: Option<(String, BufWriter<File>)>,
    /// What changed while the copy was made, by space.
    changes: Option<BTreeMap<String, BTreeMap<Place, Line>>>,
    spaces: Vec<String>,
    ended: bool,
}

impl Writer {
    /// Into a directory, which must be empty or not there.
    pub fn new(dir: &Path) -> Result<Self, BackupError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(at(dir))?;
        if dir.read_dir().map_err(at(dir))?.next().is_some() {
            return Err(damaged(dir, "it is not empty; name a new directory"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            open: None,
            changes: None,
            spaces: Vec::new(),
            ended: false,
        })
    }

    /// Takes a line.
    pub fn take(&mut self, text: &str) -> Result<(), BackupError> {
        let said = serde_json::from_str(text).map_err(|error| {
            damaged(
                &self.dir,
                format!("the broker said what is no record: {error}"),
            )
        })?;
        match said {
            Said::Mark {
                mark: Mark::Changes,
            } => {
                self.close()?;
                self.changes = Some(BTreeMap::new());
            }
            Said::Mark { mark: Mark::End } => self.ended = true,
            Said::Record(line) => match &mut self.changes {
                None => self.record(&line)?,
                Some(changes) => {
                    let place = place(&line).map_err(|why| damaged(&self.dir, why))?;
                    let of = changes.entry(line.space.clone()).or_default();
                    of.insert(place, line);
                }
            },
        }
        Ok(())
    }

    fn part(&self, space: &str) -> PathBuf {
        self.dir.join(format!("{space}.part"))
    }

    fn record(&mut self, line: &Line) -> Result<(), BackupError> {
        if self
            .open
            .as_ref()
            .is_none_or(|(space, _)| *space != line.space)
        {
            self.close()?;
            if !named(&line.space) || self.spaces.contains(&line.space) {
                return Err(damaged(&self.dir, "the records are not in order"));
            }
            let path = self.part(&line.space);
            let file = create(&path).map_err(at(&path))?;
            self.spaces.push(line.space.clone());
            self.open = Some((line.space.clone(), BufWriter::new(file)));
        }
        if let Some((_, file)) = &mut self.open {
            write(file, line).map_err(at(&self.dir))?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), BackupError> {
        match self.open.take() {
            Some((_, mut file)) => file.flush().map_err(at(&self.dir)),
            None => Ok(()),
        }
    }

    /// Writes the list, once everything else is on disk.
    ///
    /// # Errors
    /// Also if the copy broke off before its end.
    pub fn finish(mut self, made_at: String) -> Result<Manifest, BackupError> {
        self.close()?;
        let Some(mut changes) = self.changes.take().filter(|_| self.ended) else {
            return Err(damaged(
                &self.dir,
                "the export broke off before its end; it is no backup",
            ));
        };
        for space in changes.keys() {
            if !named(space) {
                return Err(damaged(&self.dir, "the broker named what is no space"));
            }
            if !self.spaces.contains(space) {
                self.spaces.push(space.clone());
            }
        }
        let mut manifest = Manifest {
            format: FORMAT,
            made_at,
            made_by: concat!("vestibule ", env!("CARGO_PKG_VERSION")).to_owned(),
            spaces: BTreeMap::new(),
        };
        for space in &self.spaces {
            let listed = self.merge(space, changes.remove(space).unwrap_or_default())?;
            manifest.spaces.insert(space.clone(), listed);
        }
        let path = self.dir.join(LIST);
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|e| at(&path)(e.into()))?;
        text.push(b'\n');
        let written = create(&path).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            File::open(&self.dir)?.sync_all()
        });
        written.map_err(at(&path))?;
        Ok(manifest)
    }

    /// What was copied of a space, with what changed since.
    fn merge(&self, space: &str, changes: BTreeMap<Place, Line>) -> Result<Listed, BackupError> {
        let path = file_of(&self.dir, space);
        let mut out = Summed::new(create(&path).map_err(at(&path))?);
        let mut changes = changes.into_iter().peekable();
        let part = self.part(space);
        if part.exists() {
            for line in lines(&part)? {
                let line = line?;
                let here = place(&line).map_err(|why| damaged(&part, why))?;
                while let Some((_, change)) = changes.next_if(|(at, _)| *at < here) {
                    out.record(&change).map_err(at(&path))?;
                }
                let line = match changes.next_if(|(at, _)| *at == here) {
                    Some((_, change)) => change,
                    None => line,
                };
                out.record(&line).map_err(at(&path))?;
            }
            std::fs::remove_file(&part).map_err(at(&part))?;
        }
        for (_, change) in changes {
            out.record(&change).map_err(at(&path))?;
        }
        out.finish().map_err(at(&path))
    }
}

fn place(line: &Line) -> Result<Place, String> {
    let id = STANDARD
        .decode(&line.id)
        .map_err(|error| error.to_string())?;
    Ok((line.partition.clone(), id))
}
