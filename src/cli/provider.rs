//! `vestibule provider`

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, Refused, Sent};
use super::output::{show, table, text};
use crate::broker::policy;
use crate::document::Finding;
use crate::provider::compile::{Context as CompileContext, compile_toml};
use crate::provider::gallery;

#[derive(Debug, Subcommand)]
pub(super) enum Provider {
    /// Compile mappings and report every error at once
    Check {
        /// Mapping files; `-` reads one from stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Apply a mapping to an account
    Apply {
        /// A mapping file, or the name of a bundled one (`google`, `facebook` …)
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        client: Client,
    },
    /// Show the mapping of an account, secrets redacted
    Show {
        /// The account
        #[arg(long)]
        account: String,
        /// Which provider, where the account has several
        provider: Option<String>,
    },
    /// List the providers of an account, or the bundled mappings
    List {
        /// The account; without it: the bundled mappings
        #[arg(long)]
        account: Option<String>,
    },
    /// List the versions of a mapping
    History {
        /// The account
        #[arg(long)]
        account: String,
        /// Which provider, where the account has several
        provider: Option<String>,
    },
    /// Apply an earlier version of a mapping again
    Rollback {
        /// The account
        #[arg(long)]
        account: String,
        /// Which provider, where the account has several
        provider: Option<String>,
        /// The version; without it: the one before the current
        #[arg(long)]
        to: Option<u64>,
    },
    /// Remove a mapping; its history stays
    Remove {
        /// The account
        #[arg(long)]
        account: String,
        /// Which provider, where the account has several
        provider: Option<String>,
    },
}

/// Who we are to a provider, in place of what the mapping says.
#[derive(Debug, Args)]
pub(super) struct Client {
    /// The client id
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The variable of the broker's environment that holds the client secret
    #[arg(long, value_name = "NAME", conflicts_with = "client_secret_file")]
    client_secret_env: Option<String>,
    /// The file that holds the client secret
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<String>,
}

impl Provider {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        if let Self::Check { files } = &self {
            return check(files, global);
        }
        if let Self::List { account: None } = &self {
            let items: Vec<Value> = gallery::all()
                .map(|(name, source)| json!({ "name": name, "about": gallery::about(source) }))
                .collect();
            table(global.json, &items, &["name", "about"]);
            return Ok(ExitCode::SUCCESS);
        }
        let mut api = Api::open(global).await?;
        let outcome = self.call(&mut api, global).await;
        api.close().await?;
        outcome
    }

    async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check { .. } | Self::List { account: None } => {}
            Self::Apply {
                file,
                account,
                client,
            } => return apply(api, &file, &account, client, global).await,
            Self::Show { account, provider } => {
                let path = one(api, &account, provider).await?;
                if global.json {
                    show(
                        true,
                        &api.send(Method::GET, &path, None)
                            .await?
                            .unwrap_or_default(),
                    );
                } else {
                    print!("{}", api.toml(&path).await?);
                }
            }
            Self::List {
                account: Some(account),
            } => {
                let items = api.list(&providers(&account)).await?;
                table(
                    global.json,
                    &items,
                    &["provider", "name", "version", "applied_at", "author"],
                );
            }
            Self::History { account, provider } => {
                let path = one(api, &account, provider).await?;
                let items = api.list(&format!("{path}/history")).await?;
                table(
                    global.json,
                    &items,
                    &["version", "applied_at", "author", "name"],
                );
            }
            Self::Rollback {
                account,
                provider,
                to,
            } => {
                let path = one(api, &account, provider).await?;
                let version = match to {
                    Some(version) => version,
                    None => previous(api, &path).await?,
                };
                let body = json!({ "version": version });
                let applied = api
                    .send(
                        Method::POST,
                        &format!("{path}/rollback"),
                        Some(Sent::json(&body)),
                    )
                    .await?;
                show(global.json, &applied.unwrap_or_default());
            }
            Self::Remove { account, provider } => {
                let path = one(api, &account, provider).await?;
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

fn providers(account: &str) -> String {
    format!("/accounts/{}/providers", segment(account))
}

/// The path of the provider that is meant.
async fn one(api: &mut Api, account: &str, provider: Option<String>) -> anyhow::Result<String> {
    let base = providers(account);
    if let Some(provider) = provider {
        return Ok(format!("{base}/{}", segment(&provider)));
    }
    let found = api.list(&base).await?;
    let ids: Vec<String> = found
        .iter()
        .filter_map(|p| Some(text(p.get("provider")?)))
        .collect();
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

async fn previous(api: &mut Api, path: &str) -> anyhow::Result<u64> {
    let versions = api.list(&format!("{path}/history")).await?;
    versions
        .get(1)
        .and_then(|mapping| mapping.get("version")?.as_u64())
        .context("there is no earlier version")
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
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

fn check(files: &[PathBuf], global: &Global) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    let policy = policy(&config);
    let context = CompileContext { policy: &policy };
    let mut failed = false;
    let mut reports = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let findings = match read(file) {
            Ok(source) => match compile_toml(&source, context) {
                Ok(provider) => provider.warnings,
                Err(findings) => findings,
            },
            Err(error) => vec![Finding::error("", format!("{error:#}"))],
        };
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        failed |= errors > 0;
        if !global.json {
            for finding in &findings {
                println!("{name}:{finding}\n");
            }
            let warnings = findings.len() - errors;
            match errors {
                0 => println!("{name}: compiles, {warnings} warning(s)"),
                _ => println!("{name}: {errors} error(s), {warnings} warning(s)"),
            }
        }
        reports.push(json!({ "file": name, "ok": errors == 0, "findings": findings }));
    }
    if global.json {
        println!("{:#}", Value::Array(reports));
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn apply(
    api: &mut Api,
    file: &Path,
    account: &str,
    client: Client,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let name = file.display().to_string();
    let mut source = read(file)?;
    if let Some(id) = &client.client_id {
        source = gallery::set(&source, "client.id", &Value::from(id.as_str()).to_string())?;
    }
    let secret = match (&client.client_secret_env, &client.client_secret_file) {
        (Some(env), _) => Some(format!("{{ env = {} }}", Value::from(env.as_str()))),
        (None, Some(file)) => Some(format!("{{ file = {} }}", Value::from(file.as_str()))),
        (None, None) => None,
    };
    if let Some(secret) = secret {
        source = gallery::set(&source, "client.secret", &secret)?;
    }
    match api
        .send(Method::POST, &providers(account), Some(Sent::toml(source)))
        .await
    {
        Ok(applied) => {
            let applied = applied.unwrap_or_default();
            if global.json {
                show(true, &applied);
            } else {
                for finding in findings(&applied) {
                    println!("{name}:{finding}\n");
                }
                println!(
                    "{name}: applied to account {account} as version {} of provider {}",
                    text(&applied["version"]),
                    text(&applied["provider"])
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if let Some(refused) = error.downcast_ref::<Refused>() {
                for finding in &refused.findings {
                    eprintln!("{name}:{finding}\n");
                }
            }
            Err(error)
        }
    }
}

fn findings(applied: &Value) -> Vec<Finding> {
    applied
        .get("findings")
        .and_then(|found| serde_json::from_value(found.clone()).ok())
        .unwrap_or_default()
}
