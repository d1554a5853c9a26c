//! `vestibule data`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::Global;
use super::output::table;
use crate::base::SystemClock;
use crate::broker::{self, open_bare};
use crate::config::{Config, StorePlace};
use crate::key::vault;
use crate::store::{PostgresStore, SledStore, verify};

#[derive(Debug, Subcommand)]
pub(super) enum Data {
    /// Check the data directory and count its records; no broker may run
    ///
    /// First the files are compared with what they were when they were closed, and nothing is
    /// changed. Then every record is read, as the next start would find it: after a crash, without
    /// pending logins. The exit status is 1 if anything is damaged.
    Verify,
    /// Make the tables of this version in the database of `store.durable`
    ///
    /// Once before the first start, and after an update of Vestibule whose start asks for it.
    /// Doing it again does nothing, and so does a second one at the same time.
    Migrate,
}

impl Data {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        if global.server.is_some() {
            anyhow::bail!("this is done where the data is: leave out `--server`");
        }
        let config = global.load()?;
        match self {
            Self::Verify => verify(&config, global.json).await,
            Self::Migrate => migrate(&config).await,
        }
    }
}

async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    let StorePlace::Postgres(url) = &config.store else {
        anyhow::bail!(
            "`store.durable` names no database: a data directory needs no `vestibule data migrate`"
        );
    };
    let (before, now) = PostgresStore::migrate(url, Arc::new(SystemClock)).await?;
    if before == now {
        eprintln!("the database has schema {now} already");
    } else {
        eprintln!("the database had schema {before} and has schema {now} now");
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    if config.store == StorePlace::DataDir {
        let dir = config.data_dir.clone();
        let looked = tokio::task::spawn_blocking(move || SledStore::verify(&dir)).await??;
        match looked {
            Some(bytes) => eprintln!("{bytes} bytes are what they were when they were closed"),
            None => eprintln!(
                "the data was not closed in order, so its files cannot be compared; its records are read"
            ),
        }
    }
    let bare = open_bare(config, Arc::new(SystemClock)).await?;
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
