//! `vestibule provider apply`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::Global;
use super::super::api::{Api, Refused, RequestBody};
use super::super::output::{show, text};
use super::{providers, read};
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
        let body = RequestBody::toml(self.source()?);
        match api
            .send(Method::POST, &providers(&self.account), Some(body))
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
                        "{name}: applied to account {} as version {} of provider {}",
                        self.account,
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
}

/// A TOML string, whose basic form is JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn findings(applied: &Value) -> Vec<Finding> {
    applied
        .get("findings")
        .and_then(|found| serde_json::from_value(found.clone()).ok())
        .unwrap_or_default()
}
