//! `vestibule data`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::Global;
use super::output::table;
use crate::base::SystemClock;
use crate::broker::{self, open_bare};
use crate::config::Config;
use crate::key::vault;
use crate::store::{SledStore, verify};

#[derive(Debug, Subcommand)]
pub(super) enum Data {
    /// Check the data directory and count its records; no broker may run
    ///
    /// First the files are compared with what they were when they were closed, and nothing is
    /// changed. Then every record is read, as the next start would find it: after a crash, without
    /// pending logins. The exit status is 1 if anything is damaged.
    Verify,
}

impl Data {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        if global.server.is_some() {
            anyhow::bail!("this is done where the data is: leave out `--server`");
        }
        let config = global.load()?;
        match self {
            Self::Verify => verify(&config, global.json).await,
        }
    }
}

async fn verify(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let dir = config.data_dir.clone();
    let looked = tokio::task::spawn_blocking(move || SledStore::verify(&dir)).await??;
    match looked {
        Some(bytes) => eprintln!("{bytes} bytes are what they were when they were closed"),
        None => eprintln!(
            "the data was not closed in order, so its files cannot be compared; its records are read"
        ),
    }
    let bare = open_bare(&config.data_dir, Arc::new(SystemClock)).await?;
    let read = async {
        let store = vault::open(
            Arc::clone(&bare),
            &config.auth,
            &config.data_dir,
            broker::spaces(),
        )
        .await?;
        let (mut rows, mut damaged) = (Vec::new(), Vec::new());
        for space in broker::spaces() {
            let counted = verify::count(&*store, &*bare, space).await?;
            let (records, wrong) = (counted.records, counted.damaged.len());
            if records + wrong > 0 {
                rows.push(json!({ "space": space.name, "records": records, "damaged": wrong }));
            }
            damaged.extend(counted.damaged);
        }
        anyhow::Ok((rows, damaged))
    };
    let read = read.await;
    bare.close().await?;
    let (rows, damaged) = read?;
    table(json, &rows, &["space", "records", "damaged"]);
    for one in &damaged {
        eprintln!("error: {one}");
    }
    Ok(if damaged.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
