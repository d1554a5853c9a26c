//! `vestibule provider import`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::super::Global;
use crate::provider::import::{Format, Imported, import};

/// Reads a configuration of Dex, Grafana, Keycloak and others. What could not
/// be carried stands in the mapping as a comment.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The configuration; without it, or with `-`: stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Its format; without it the content decides
    #[arg(long, value_parser = PossibleValuesParser::new(Format::names()))]
    format: Option<String>,
    /// Which provider, by the id that it gets, where the configuration has several
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Write each mapping into a file of its own in this directory
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Import {
    pub fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let text = super::text_of(self.file.as_deref())?;
        let config = global.load()?;
        let format = self.format.as_deref().and_then(Format::named);
        let public_url = config.public_url.as_ref().map(ToString::to_string);
        let mut found = import(&text, format, public_url.as_deref())?;
        if let Some(id) = &self.provider {
            let ids = ids(&found);
            found.retain(|one| one.id == *id);
            if found.is_empty() {
                bail!("the configuration has no provider `{id}`; it has: {ids}");
            }
        }
        match &self.output {
            Some(directory) => write_all(directory, &found)?,
            None if global.json => println!("{}", serde_json::to_string_pretty(&found)?),
            None => match &found[..] {
                [only] => print!("{}", only.toml),
                several => bail!(
                    "the configuration has several providers; choose one with `--provider`, or write all with `--output`: {}",
                    ids(several)
                ),
            },
        }
        for one in &found {
            for warning in &one.warnings {
                eprintln!("{}: warning: {warning}", one.id);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn ids(found: &[Imported]) -> String {
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    ids.join(", ")
}

/// One file each; a file that is there is never overwritten.
fn write_all(directory: &Path, found: &[Imported]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    for one in found {
        let path = directory.join(format!("{}.toml", one.id));
        let file = fs::File::create_new(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        std::io::Write::write_all(&mut &file, one.toml.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
