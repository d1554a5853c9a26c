//! `vestibule provider diff`

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use similar::TextDiff;

use super::super::account::segment;
use super::super::api::Api;
use super::{MappingArguments, providers, read};
use crate::document::redact::redact;
use crate::document::structure::parse_toml;

#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// The account
    #[arg(long)]
    account: String,
    /// A provider of the account, or a mapping file, which is compared with what is live
    #[arg(value_name = "PROVIDER|FILE")]
    what: Option<String>,
    /// The older version; without it: the one before the current
    #[arg(long)]
    from: Option<u64>,
    /// The newer version; without it: the current
    #[arg(long)]
    to: Option<u64>,
}

impl Diff {
    pub async fn call(self, api: &mut Api) -> anyhow::Result<ExitCode> {
        if let Some(file) = self.what.as_deref().filter(|what| names_a_file(what)) {
            if self.from.is_some() || self.to.is_some() {
                bail!("a file is compared with what is live; leave out --from and --to");
            }
            let changes = against_live(api, &self.account, &read(Path::new(file))?).await?;
            print!("{}", changes.text);
            return Ok(ExitCode::SUCCESS);
        }
        let which = MappingArguments {
            account: self.account,
            provider: self.what,
        };
        let path = which.path(api).await?;
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
        print!(
            "{}",
            unified(
                &old,
                &new,
                &format!("version {from}"),
                &format!("version {to}")
            )
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// What a rollback to a version would change.
pub(super) async fn of_versions(api: &mut Api, path: &str, to: u64) -> anyhow::Result<String> {
    let versions = api.list(&format!("{path}/history")).await?;
    let text = |mapping: Option<&Value>| {
        mapping
            .and_then(|mapping| mapping.get("toml")?.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let wanted = versions
        .iter()
        .find(|mapping| mapping.get("version").and_then(Value::as_u64) == Some(to));
    let (live, wanted) = (text(versions.first()), text(wanted));
    Ok(unified(&live, &wanted, "live", &format!("version {to}")))
}

/// Ids of providers have neither dots nor slashes.
fn names_a_file(what: &str) -> bool {
    what == "-" || what.contains(['.', '/'])
}

/// From one text to another, as `diff -u` says it.
pub(in crate::cli) fn unified(old: &str, new: &str, from: &str, to: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .header(from, to)
        .to_string()
}

/// What applying a mapping would change.
pub(in crate::cli) struct Changes {
    /// The provider that it is of.
    pub provider: String,
    /// Whether the account has this provider already.
    pub live: bool,
    /// A unified diff, secrets redacted; empty where nothing changes.
    pub text: String,
}

/// Compares a mapping with the one that is live under its id.
pub(in crate::cli) async fn against_live(
    api: &mut Api,
    account: &str,
    source: &str,
) -> anyhow::Result<Changes> {
    let (value, _, _) = parse_toml(source);
    let provider = value
        .pointer("/provider/id")
        .and_then(Value::as_str)
        .context("the mapping has no `provider.id`")?
        .to_owned();
    let base = providers(account);
    let live = api
        .list(&base)
        .await?
        .iter()
        .any(|found| found["provider"] == provider.as_str());
    let old = if live {
        api.toml(&format!("{base}/{}", segment(&provider))).await?
    } else {
        String::new()
    };
    let text = unified(&old, &redact(source), "live", "file");
    Ok(Changes {
        provider,
        live,
        text,
    })
}
