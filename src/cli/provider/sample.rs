//! `vestibule provider replay` and `vestibule provider infer`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::super::Global;
use super::super::output::text;
use super::{compiled, read};
use crate::provider::infer::{infer, read as read_sample};
use crate::provider::replay::replay;
use crate::provider::trace::SavedTrace;

#[derive(Debug, Args)]
pub(in crate::cli) struct Replay {
    /// A mapping file, or the name of a bundled one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A trace that `provider try --save` kept
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
}

impl Replay {
    pub fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load()?;
        let Some(provider) = compiled(&self.file, &read(&self.file)?, &config) else {
            return Ok(ExitCode::FAILURE);
        };
        let name = self.trace.display();
        let saved =
            fs::read_to_string(&self.trace).with_context(|| format!("{name} cannot be read"))?;
        let trace: SavedTrace = serde_json::from_str(&saved)
            .with_context(|| format!("{name} is not a trace; `provider try --save` makes one"))?;
        let outcome = replay(&provider, &trace);
        if global.json {
            println!("{}", serde_json::to_string_pretty(&outcome)?);
        } else {
            for note in &outcome.notes {
                println!("{note}");
            }
            if let Some(failure) = &outcome.failure {
                println!("fails: {failure}");
            }
            for difference in &outcome.differences {
                println!(
                    "{}: recorded {}, now {}",
                    difference.field,
                    text(&difference.recorded),
                    text(&difference.replayed)
                );
            }
            if outcome.agrees() {
                println!("the mapping yields the identity that was recorded");
            }
        }
        Ok(if outcome.agrees() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Infer {
    /// A profile as JSON, an answer as `curl -i` prints it, or a HAR file; without it: stdin
    #[arg(value_name = "SAMPLE")]
    sample: Option<PathBuf>,
}

impl Infer {
    pub fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let sample = super::text_of(self.sample.as_deref())?;
        let found = infer(&read_sample(&sample)?);
        if global.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            print!("{}", found.toml);
            for warning in &found.warnings {
                eprintln!("warning: {warning}");
            }
        }
        let usable = !found.user_id.is_empty() && !found.email.is_empty();
        Ok(if usable {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
