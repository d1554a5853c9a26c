//! `vestibule schema`

use clap::{Args, ValueEnum};

use crate::{config, provider};

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Of what
    of: SchemaKind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaKind {
    /// A provider mapping
    Provider,
    /// The configuration
    Config,
}

impl Schema {
    pub fn run(&self) -> anyhow::Result<()> {
        let schema = match self.of {
            SchemaKind::Provider => &*provider::compile::SCHEMA,
            SchemaKind::Config => &*config::SCHEMA,
        };
        println!("{}", serde_json::to_string_pretty(schema)?);
        Ok(())
    }
}
