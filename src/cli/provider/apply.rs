//! `vestibule provider apply`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::{Value, json};

use super::super::Global;
use super::super::account::segment;
use super::super::api::{Api, Refused, RequestBody};
use super::super::output::{show, text};
use super::diff::against_live;
use super::{providers, read};
use crate::account::mapping::Consent;
use crate::document::Finding;
use crate::provider::gallery;

#[derive(Debug, Args)]
pub(in crate::cli) struct Apply {
    /// A mapping file, or the name of a bundled one (`google`, `facebook` …)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The account
    #[arg(long)]
    account: String,
    /// The client id, in place of the mapping's
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The variable of the broker's environment that holds the client secret
    #[arg(long, value_name = "NAME", conflicts_with = "client_secret_file")]
    client_secret_env: Option<String>,
    /// The file that holds the client secret
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<String>,
    #[command(flatten)]
    accept: Accept,
    /// Check the mapping and show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is agreed to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Accept {
    /// Agree to what a refusal asked for: `redirect-uri`, that the provider knows
    /// the new redirect URI; `same-people` or `new-people`, whom the user ids of
    /// another server mean
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(Consent::NAMES))]
    accept: Vec<String>,
}

impl Accept {
    /// The query that says so.
    pub fn query(&self) -> String {
        match &self.accept[..] {
            [] => String::new(),
            names => format!("?accept={}", names.join(",")),
        }
    }
}

impl Apply {
    /// The mapping with what was given on the command line in it.
    fn source(&self) -> anyhow::Result<String> {
        let mut source = read(&self.file)?;
        if let Some(id) = &self.client_id {
            source = gallery::set(&source, "client.id", &quoted(id))?;
        }
        let secret = match (&self.client_secret_env, &self.client_secret_file) {
            (Some(env), _) => Some(format!("{{ env = {} }}", quoted(env))),
            (None, Some(file)) => Some(format!("{{ file = {} }}", quoted(file))),
            (None, None) => None,
        };
        if let Some(secret) = secret {
            source = gallery::set(&source, "client.secret", &secret)?;
        }
        Ok(source)
    }

    pub async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        let name = self.file.display().to_string();
        let source = self.source()?;
        let path = if self.dry_run {
            format!("/accounts/{}/preview", segment(&self.account))
        } else {
            format!("{}{}", providers(&self.account), self.accept.query())
        };
        let body = RequestBody::toml(source.clone());
        match api.send(Method::POST, &path, Some(body)).await {
            Ok(_) if self.dry_run => {
                let changes = against_live(api, &self.account, &source).await?;
                let (provider, account) = (&changes.provider, &self.account);
                if global.json {
                    let answer = json!({ "provider": provider, "live": changes.live, "changes": !changes.text.is_empty(), "diff": changes.text });
                    show(true, &answer);
                } else if changes.text.is_empty() {
                    println!("{name}: provider {provider} of account {account} is this already");
                } else {
                    print!("{}", changes.text);
                    println!(
                        "{name}: provider {provider} of account {account} would {}; nothing was changed",
                        if changes.live { "change" } else { "be new" }
                    );
                }
                Ok(ExitCode::SUCCESS)
            }
            Ok(applied) => {
                let applied = applied.unwrap_or_default();
                if global.json {
                    show(true, &applied);
                } else {
                    for finding in findings(&applied) {
                        println!("{name}:{finding}\n");
                    }
                    println!(
                        "{name}: applied to account {} as version {} of provider {}",
                        self.account,
                        text(&applied["version"]),
                        text(&applied["provider"])
                    );
                    register(&applied);
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
}

/// What to register at the provider.
pub(super) fn register(applied: &Value) {
    if let Some(uri) = applied.get("redirect_uri") {
        println!("redirect URI to register at the provider: {}", text(uri));
    }
    for (key, name) in [
        ("backchannel_logout_uri", "back-channel logout URI"),
        ("frontchannel_logout_uri", "front-channel logout URI"),
    ] {
        if let Some(uri) = applied.get(key) {
            println!(
                "{name}, where the provider has a field for it: {}",
                text(uri)
            );
        }
    }
}

/// A TOML string, whose basic form is JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub(super) fn findings(applied: &Value) -> Vec<Finding> {
    applied
        .get("findings")
        .and_then(|found| serde_json::from_value(found.clone()).ok())
        .unwrap_or_default()
}
