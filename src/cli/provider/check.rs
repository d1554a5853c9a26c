//! `vestibule provider check`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::super::Global;
use super::read;
use crate::broker::policy;
use crate::document::Finding;
use crate::provider::compile::{Context, compile_toml};

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// Mapping files; `-` reads one from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Check {
    pub fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load()?;
        let policy = policy(&config);
        let context = Context { policy: &policy };
        let mut failed = false;
        let mut reports = Vec::new();
        for file in &self.files {
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
}
