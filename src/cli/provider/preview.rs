//! `vestibule provider preview`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::super::Global;
use super::{compiled, read};
use crate::broker::redirects;
use crate::provider::preview::{curl, preview, text};

#[derive(Debug, Args)]
pub(in crate::cli) struct Preview {
    /// A mapping file, or the name of a bundled one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to show it
    #[arg(long = "as", value_enum, default_value_t = Form::Text)]
    form: Form,
    /// The account whose redirect URI is shown
    #[arg(long, default_value = "{account}")]
    account: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// Commands for a shell
    Curl,
}

impl Preview {
    pub fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load()?;
        let Some(provider) = compiled(&self.file, &read(&self.file)?, &config) else {
            return Ok(ExitCode::FAILURE);
        };
        let redirect_uri = redirects(&config)
            .public_url
            .map(|base| provider.redirect_uri(&base, &self.account));
        let shown = preview(&provider, redirect_uri.as_deref())?;
        match self.form {
            Form::Json => println!("{}", serde_json::to_string_pretty(&shown)?),
            Form::Text if global.json => println!("{}", serde_json::to_string_pretty(&shown)?),
            Form::Text => print!("{}", text(&shown)),
            Form::Curl => print!("{}", curl(&shown)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
