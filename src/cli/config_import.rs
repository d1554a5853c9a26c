//! `vestibule config`

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use super::Global;
use crate::config::appsettings;

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print a vestibule.toml made of an appsettings.json of Virto Commerce
    ///
    /// The platform's (`Auth`, `Authorization`, `PasswordLogin`) or its storefront's (`Endpoint`).
    /// What could not be carried is told beside it, and so are the commands for the rest.
    Import {
        /// The file
        file: PathBuf,
    },
}

impl Config {
    pub fn run(self, global: &Global) -> anyhow::Result<()> {
        let Self::Import { file } = self;
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let found = appsettings::import(&text).with_context(|| format!("{}", file.display()))?;
        if global.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
            return Ok(());
        }
        print!("{}", found.toml);
        for warning in &found.warnings {
            eprintln!("warning: {warning}");
        }
        for command in &found.commands {
            eprintln!("then: {command}");
        }
        Ok(())
    }
}
