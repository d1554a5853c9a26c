//! `vestibule provider link`, `drift` and `shadow`: a mapping and real logins.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::Global;
use super::super::account::segment;
use super::super::api::{Api, RequestBody};
use super::super::output::{show, table, text};
use super::{MappingArguments, read};
use crate::provider::trace::{SavedTrace, text as trace_text};

/// How often a waiting command asks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(in crate::cli) struct Link {
    /// A mapping file, or the name of a bundled one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The account
    #[arg(long)]
    account: String,
    /// Wait for the login and print its trace
    #[arg(long)]
    wait: bool,
}

impl Link {
    pub async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        let base = format!("/accounts/{}/trials", segment(&self.account));
        let body = RequestBody::toml(read(&self.file)?);
        let opened = api
            .send(Method::POST, &base, Some(body))
            .await?
            .unwrap_or_default();
        if !self.wait {
            show(global.json, &opened);
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!(
            "Open this address in a browser; it counts once:\n\n  {}\n",
            text(&opened["link"])
        );
        let path = format!("{base}/{}", text(&opened["id"]));
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let answer = api
                .send(Method::GET, &path, None)
                .await?
                .unwrap_or_default();
            let Some(found) = answer.get("trace").filter(|trace| !trace.is_null()) else {
                continue;
            };
            let trace: SavedTrace =
                serde_json::from_value(found.clone()).context("the trace cannot be read")?;
            if global.json {
                show(true, found);
            } else {
                println!("{}", trace_text(&trace));
            }
            return Ok(if trace.failure.is_none() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Drift {
    #[command(flatten)]
    which: MappingArguments,
    /// Take what comes from now on as the norm
    #[arg(long)]
    forget: bool,
}

impl Drift {
    pub async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        let path = format!("{}/drift", self.which.path(api).await?);
        if self.forget {
            api.send(Method::DELETE, &path, None).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let shape = api
            .send(Method::GET, &path, None)
            .await?
            .unwrap_or_default();
        if global.json {
            show(true, &shape);
            return Ok(ExitCode::SUCCESS);
        }
        let drifts = shape
            .get("drifts")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        println!("{} login(s) looked at", text(&shape["logins"]));
        table(false, &drifts, &["at", "field", "place", "was", "now"]);
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Shadow {
    #[command(flatten)]
    which: MappingArguments,
    /// The mapping to ask beside the live one; without it: what came of it so far
    #[arg(long, value_name = "FILE", conflicts_with = "stop")]
    set: Option<PathBuf>,
    /// Stop asking it
    #[arg(long)]
    stop: bool,
}

impl Shadow {
    pub async fn call(self, api: &mut Api, global: &Global) -> anyhow::Result<ExitCode> {
        let path = format!("{}/shadow", self.which.path(api).await?);
        if let Some(file) = &self.set {
            api.send(Method::PUT, &path, Some(RequestBody::toml(read(file)?)))
                .await?;
        } else if self.stop {
            api.send(Method::DELETE, &path, None).await?;
        } else {
            show(
                global.json,
                &api.send(Method::GET, &path, None)
                    .await?
                    .unwrap_or_default(),
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
