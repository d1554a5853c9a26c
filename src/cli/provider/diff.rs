//! `vestibule provider diff`

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use similar::TextDiff;

use super::super::api::Api;
use super::MappingArguments;

#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    #[command(flatten)]
    which: MappingArguments,
    /// The older version; without it: the one before the current
    #[arg(long)]
    from: Option<u64>,
    /// The newer version; without it: the current
    #[arg(long)]
    to: Option<u64>,
}

impl Diff {
    pub async fn call(self, api: &mut Api) -> anyhow::Result<ExitCode> {
        let path = self.which.path(api).await?;
        let versions = api.list(&format!("{path}/history")).await?;
        let number = |mapping: &Value| mapping.get("version").and_then(Value::as_u64);
        let source = |wanted: u64| -> anyhow::Result<String> {
            versions
                .iter()
                .find(|mapping| number(mapping) == Some(wanted))
                .and_then(|mapping| Some(mapping.get("toml")?.as_str()?.to_owned()))
                .with_context(|| format!("there is no version {wanted}; see `provider history`"))
        };
        let to = self
            .to
            .or_else(|| number(versions.first()?))
            .context("there is no version yet")?;
        let from = self
            .from
            .or_else(|| to.checked_sub(1).filter(|n| *n > 0))
            .context("there is no earlier version")?;
        let (old, new) = (source(from)?, source(to)?);
        let diff = TextDiff::from_lines(&old, &new);
        let text = diff
            .unified_diff()
            .header(&format!("version {from}"), &format!("version {to}"))
            .to_string();
        print!("{text}");
        Ok(ExitCode::SUCCESS)
    }
}
