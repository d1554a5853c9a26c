//! `vestibule provider`

pub(super) mod apply;
mod check;
pub(super) mod diff;
mod import;
mod preview;
mod sample;
mod trial;
mod watch;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, RequestBody};
use super::confirm::Consent;
use super::output::{Listed, Most, show, text};
use crate::broker::{policy, redirects};
use crate::config::Config;
use crate::provider::compile::{Context as CompileContext, compile_toml};
use crate::provider::{self, gallery};

#[derive(Debug, Subcommand)]
pub(super) enum Provider {
    /// Compile mappings and report every error at once
    Check(check::Check),
    /// Show the exact requests a mapping makes and the answers it expects
    Preview(preview::Preview),
    /// Log in for real with a mapping that is registered nowhere, and see every exchange
    Try(trial::Try),
    /// Apply a mapping to a saved trace; fails if the identity it yields differs
    Replay(sample::Replay),
    /// Suggest the `[userinfo.response]` section for a sample profile
    Infer(sample::Infer),
    /// Make a mapping of another broker's configuration
    Import(import::Import),
    /// Apply a mapping to an account
    Apply(apply::Apply),
    /// Show the mapping of an account, secrets redacted
    Show(MappingArguments),
    /// List the providers of an account, or the bundled mappings
    List {
        /// The account; without it: the bundled mappings
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// List the versions of a mapping
    History {
        #[command(flatten)]
        which: MappingArguments,
        #[command(flatten)]
        most: Most,
    },
    /// Make a link with which anyone can try a draft on a running broker, once
    Link(watch::Link),
    /// Show how a provider's answers drifted
    Drift(watch::Drift),
    /// Ask a second mapping beside the live one, and report what it would change
    Shadow(watch::Shadow),
    /// Show what changed between two versions of a mapping
    Diff(diff::Diff),
    /// Apply an earlier version of a mapping again
    Rollback {
        #[command(flatten)]
        which: MappingArguments,
        /// The version; without it: the one before the current
        #[arg(long)]
        to: Option<u64>,
        #[command(flatten)]
        accept: apply::Accept,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a mapping; its history stays
    Remove {
        #[command(flatten)]
        which: MappingArguments,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Which mapping is meant.
#[derive(Debug, Args)]
pub(super) struct MappingArguments {
    /// The account
    #[arg(long)]
    account: String,
    /// Which provider, where the account has several
    provider: Option<String>,
}

impl Provider {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        if let Self::Try(trial) = self {
            return trial.run(global).await;
        }
        match &self {
            Self::Check(check) => return check.run(global).await,
            Self::Preview(preview) => return preview.run(global),
            Self::Replay(replay) => return replay.run(global),
            Self::Infer(infer) => return infer.run(global),
            Self::Import(import) => return import.run(global),
            Self::List {
                account: None,
                most,
            } => {
                let after = most.after.as_deref();
                let all = gallery::all()
                    .skip_while(|(name, _)| after.is_some_and(|after| *name <= after))
                    .map(|(name, source)| json!({ "name": name, "about": gallery::about(source) }));
                Listed::of(all, most, "name").print(global.json, &["name", "about"]);
                return Ok(ExitCode::SUCCESS);
            }
            _ => {}
        }
        Api::with(global, async |api| self.call(api, global).await).await
    }

    async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(_)
            | Self::Preview(_)
            | Self::Try(_)
            | Self::Replay(_)
            | Self::Infer(_)
            | Self::Import(_)
            | Self::List { account: None, .. } => {}
            Self::Link(link) => return link.call(api, global).await,
            Self::Drift(drift) => return drift.call(api, global).await,
            Self::Shadow(shadow) => return shadow.call(api, global).await,
            Self::Diff(diff) => return diff.call(api).await,
            Self::Apply(apply) => return apply.call(api, global).await,
            Self::Show(which) => {
                let path = which.path(api).await?;
                if global.json {
                    show(
                        true,
                        &api.send(Method::GET, &path, None)
                            .await?
                            .unwrap_or_default(),
                    );
                } else {
                    // Only the mapping goes to stdout, so that it can go to a file.
                    let shown = api.send(Method::GET, &path, None).await?;
                    print!("{}", api.toml(&path).await?);
                    let shown = shown.unwrap_or_default();
                    if let Some(uri) = shown.get("redirect_uri") {
                        eprintln!("redirect URI: {}", text(uri));
                    }
                    warn_of_address(&shown);
                }
            }
            Self::List {
                account: Some(account),
                most,
            } => {
                let found = api.part(&providers(&account), &most).await?;
                found.print(
                    global.json,
                    &[
                        "provider",
                        "name",
                        "version",
                        "applied_at",
                        "author",
                        "redirect_uri",
                    ],
                );
                if !global.json {
                    found.items.iter().for_each(warn_of_address);
                }
            }
            Self::History { which, most } => {
                let path = which.path(api).await?;
                let found = api.part(&format!("{path}/history"), &most).await?;
                found.print(global.json, &["version", "applied_at", "author", "name"]);
            }
            Self::Rollback {
                which,
                to,
                accept,
                consent,
            } => {
                let applied = roll_back(api, &which, to, &accept, &consent).await?;
                show(global.json, &applied);
            }
            Self::Remove { which, consent } => {
                let path = which.path(api).await?;
                let ends =
                    "Shoppers can no longer log in through it. Its history and its users are kept.";
                consent.ask(&format!("remove the mapping {path}"), ends)?;
                api.send(Method::DELETE, &path, None).await?;
                if !global.json {
                    println!(
                        "the mapping is removed; `provider history` and `provider rollback` still know it"
                    );
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Applies an earlier version again, once what changes by it was seen.
async fn roll_back(
    api: &mut Api,
    which: &MappingArguments,
    to: Option<u64>,
    accept: &apply::Accept,
    consent: &Consent,
) -> anyhow::Result<Value> {
    let path = which.path(api).await?;
    let version = match to {
        Some(version) => version,
        None => previous(api, &path).await?,
    };
    let changes = diff::of_versions(api, &path, version).await?;
    let ends = format!("{changes}\nIt counts from the next login on, as a new version.");
    consent.ask(&format!("roll back to version {version}"), &ends)?;
    let body = json!({ "version": version });
    let applied = api
        .send(
            Method::POST,
            &format!("{path}/rollback{}", accept.query()),
            Some(RequestBody::json(&body)),
        )
        .await?;
    Ok(applied.unwrap_or_default())
}

/// Says on stderr where a provider's answers come to an address that is not its own.
fn warn_of_address(shown: &Value) {
    for finding in apply::findings(shown) {
        if finding.key.starts_with("callback") {
            eprintln!("\n{}: {finding}", text(&shown["provider"]));
        }
    }
}

fn providers(account: &str) -> String {
    format!("/accounts/{}/providers", segment(account))
}

impl MappingArguments {
    /// The path of the provider that is meant.
    async fn path(&self, api: &mut Api) -> anyhow::Result<String> {
        let base = providers(&self.account);
        if let Some(provider) = &self.provider {
            return Ok(format!("{base}/{}", segment(provider)));
        }
        let found = api.list(&base).await?;
        let ids: Vec<String> = found
            .iter()
            .filter_map(|p| Some(text(p.get("provider")?)))
            .collect();
        let account = &self.account;
        match &ids[..] {
            [] => bail!(
                "account {account} has no provider yet; apply a mapping with `vestibule provider apply`"
            ),
            [only] => Ok(format!("{base}/{only}")),
            _ => bail!(
                "account {account} has several providers; name one of: {}",
                ids.join(", ")
            ),
        }
    }
}

async fn previous(api: &mut Api, path: &str) -> anyhow::Result<u64> {
    let versions = api.list(&format!("{path}/history")).await?;
    versions
        .get(1)
        .and_then(|mapping| mapping.get("version")?.as_u64())
        .context("there is no earlier version")
}

/// Reads a file; without one, or with `-`, stdin.
fn text_of(path: Option<&Path>) -> anyhow::Result<String> {
    match path {
        Some(path) if path != Path::new("-") => {
            fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
        }
        _ => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            Ok(text)
        }
    }
}

/// Reads a mapping: a file, stdin, or a bundled one.
fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        return text_of(None);
    }
    if file.exists() || file.extension().is_some() {
        return fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()));
    }
    let name = file.to_string_lossy();
    gallery::get(&name).map(str::to_owned).with_context(|| {
        format!(
            "{name} is neither a file nor a bundled mapping; `vestibule provider list` shows those"
        )
    })
}

/// Compiles a mapping; prints what is wrong with it if it does not.
fn compiled(file: &Path, source: &str, config: &Config) -> Option<provider::Provider> {
    let (policy, redirects) = (policy(config), redirects(config));
    let context = CompileContext {
        policy: &policy,
        redirects: &redirects,
    };
    match compile_toml(source, context) {
        Ok(provider) => Some(provider),
        Err(findings) => {
            for finding in findings.iter().filter(|finding| finding.is_error()) {
                eprintln!("{}:{finding}\n", file.display());
            }
            None
        }
    }
}
