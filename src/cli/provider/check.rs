//! `vestibule provider check`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::super::Global;
use super::super::api::Api;
use super::{apply, providers, read};
use crate::broker::{policy, redirects};
use crate::document::Finding;
use crate::provider::compile::{Context, compile_toml};

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// Mapping files; `-` reads one from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The account they are for: its redirect URIs are shown, and what is live there is looked at
    #[arg(long)]
    account: Option<String>,
}

impl Check {
    pub async fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load()?;
        let (policy, redirects) = (policy(&config), redirects(&config));
        let context = Context {
            policy: &policy,
            redirects: &redirects,
        };
        let account = self.account.as_deref();
        let live = match account {
            Some(account) => self.live(account, global).await?,
            None => Vec::new(),
        };
        let mut failed = false;
        let mut reports = Vec::new();
        for file in &self.files {
            let name = file.display().to_string();
            let (mut redirect_uri, mut logout_uris) = (None, None);
            let findings = match read(file) {
                Ok(source) => match compile_toml(&source, context) {
                    Ok(provider) => {
                        let account = account.unwrap_or("{account}");
                        redirect_uri = Some(provider.redirect_uri(redirects.base(), account));
                        logout_uris = provider.logout_uris(redirects.base(), account);
                        let mut findings = of_live(&live, provider.id.as_str());
                        findings.extend(provider.warnings);
                        findings
                    }
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
                if let Some(uri) = &redirect_uri {
                    println!("{name}: redirect URI to register at the provider: {uri}");
                }
                if let Some([back, front]) = &logout_uris {
                    println!("{name}: its back-channel logout URI: {back}");
                    println!("{name}: its front-channel logout URI: {front}");
                }
            }
            let mut report = json!({ "file": name, "ok": errors == 0, "findings": findings });
            if let Some(uri) = redirect_uri {
                report["redirect_uri"] = uri.into();
            }
            if let Some([back, front]) = logout_uris {
                report["backchannel_logout_uri"] = back.into();
                report["frontchannel_logout_uri"] = front.into();
            }
            reports.push(report);
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

    /// What is live in the account.
    async fn live(&self, account: &str, global: &Global) -> anyhow::Result<Vec<Value>> {
        let path = providers(account);
        Api::with(global, async |api| api.list(&path).await).await
    }
}

/// What is to be said about the address of the live mapping of a provider.
fn of_live(live: &[Value], provider: &str) -> Vec<Finding> {
    let found = live.iter().find(|shown| shown["provider"] == provider);
    let mut findings = found.map(apply::findings).unwrap_or_default();
    for finding in &mut findings {
        (finding.line, finding.column, finding.text) = (None, None, None);
    }
    findings.retain(|finding| !finding.is_error());
    findings
}
