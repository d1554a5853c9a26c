//! `vestibule export` and `vestibule import`

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::Global;
use super::api::Api;
use super::output::table;
use super::plan::write_directory;
use crate::audit;
use crate::base::{Clock, SystemClock};
use crate::broker;
use crate::key::vault;
use crate::operation::Caller;
use crate::store::backup::{Backup, Listed, Writer};
use crate::store::{MemoryStore, Store};

/// The longest line of a copy; records are far below it.
const LONGEST: usize = 64 << 20;

/// Copies everything into a directory, whether or not the broker runs
///
/// The copy is what there was at one moment. Secrets stay encrypted: keep the
/// master key too, `master.key` or `auth.master_key`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Where to; a new directory
    dir: PathBuf,
    /// Write accounts, mappings and applications as files for `vestibule plan` in place of a copy
    #[arg(long)]
    configuration: bool,
}

/// Fills an empty store from a copy; no broker may run
///
/// One that was interrupted goes on when it is done again. All records are read back and
/// compared with the copy, of which each file has its digest. The master key of the copy must be in place: `master.key` in the data
/// directory, or `auth.master_key`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// What `vestibule export` made
    dir: PathBuf,
}

impl Export {
    /// A directory that `vestibule plan` compares.
    async fn configuration(self, global: &Global) -> anyhow::Result<()> {
        let redacted = Api::with(global, async |api| write_directory(api, &self.dir).await).await?;
        for file in redacted {
            eprintln!(
                "{file}: a secret stands in the mapping itself and is left out; the broker keeps it as long as `[redacted]` stands there, another broker needs it, best as `{{ env = \"NAME\" }}`"
            );
        }
        Ok(())
    }

    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if self.configuration {
            return self.configuration(global).await;
        }
        if global.server.is_some() {
            bail!("this is done where the broker runs: leave out `--server`");
        }
        let mut writer = Writer::new(&self.dir)?;
        let live = stderr().is_terminal();
        let mut taken: u64 = 0;
        Api::with(global, async |api| {
            let mut bytes = std::pin::pin!(api.lines("/export").await?);
            let mut rest: Vec<u8> = Vec::new();
            while let Some(part) = bytes.try_next().await.context("the export broke off")? {
                rest.extend_from_slice(&part);
                let mut from = 0;
                while let Some(end) = memchr::memchr(b'\n', &rest[from..]) {
                    writer.take(std::str::from_utf8(&rest[from..from + end])?)?;
                    from += end + 1;
                    taken += 1;
                    // How many there will be is known when the broker has said the last.
                    if live && taken.is_multiple_of(1_000) {
                        eprint!("\r{taken} records");
                    }
                }
                rest.drain(..from);
                if rest.len() > LONGEST {
                    bail!("the broker sends no lines");
                }
            }
            Ok(())
        })
        .await?;
        if live {
            eprintln!("\r{taken} records");
        }
        let manifest = writer.finish(SystemClock.now().rfc3339())?;
        counted(
            global.json,
            manifest
                .spaces
                .iter()
                .map(|(space, Listed { records, .. })| (space, *records)),
        );
        Ok(())
    }
}

impl Import {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if global.server.is_some() {
            bail!("this is done where the data is: leave out `--server`");
        }
        let config = global.load()?;
        let clock = Arc::new(SystemClock);
        let backup = Backup::open(&self.dir, broker::spaces())?;
        let store = broker::open_bare(&config, clock.clone()).await?;
        let done = async {
            backup.check_target(&*store).await?;
            // Whether the master key is the right one is known before anything is written.
            let keys: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
            let named = crate::key::spaces();
            backup
                .restore(
                    &*keys,
                    &*clock,
                    |space| named.contains(&space),
                    |_, _, _| {},
                )
                .await?;
            vault::open(keys, &config.auth, &config.data_dir, []).await?;
            let counts = backup
                .restore(&*store, &*clock, |_| true, progress())
                .await?;
            note(&*store, &*clock, &self.dir, &backup).await?;
            anyhow::Ok(counts)
        };
        let done = done.await;
        store.close().await?;
        counted(
            global.json,
            done?.iter().map(|(space, records)| (space, *records)),
        );
        Ok(())
    }
}

/// Shows on a terminal how far it is; elsewhere only how far it came, by space.
fn progress() -> impl Fn(&str, u64, u64) {
    const WIDTH: u64 = 30;
    let live = stderr().is_terminal();
    move |space, done, all| {
        // A hundred times a space at most: writing to a terminal takes longer than a record.
        let step = (all / 100).max(1);
        if live && (done == all || done % step == 0) {
            let full = usize::try_from(done * WIDTH / all.max(1)).unwrap_or(0);
            let end = if done == all { "\n" } else { "" };
            eprint!(
                "\r{space:24} [{:30}] {done} of {all}{end}",
                "#".repeat(full)
            );
        } else if !live && done == all {
            eprintln!("{space}: {done} of {all}");
        }
    }
}

/// The audit log tells where all the rest came from.
async fn note(
    store: &dyn Store,
    clock: &dyn Clock,
    dir: &Path,
    backup: &Backup,
) -> anyhow::Result<()> {
    let entry = audit::Entry {
        id: String::new(),
        at: String::new(),
        who: Caller::local().name().to_owned(),
        what: "data.import".to_owned(),
        account: None,
        target: "/".to_owned(),
        before: Value::Null,
        after: json!({ "from": dir, "made_at": backup.manifest().made_at }),
    };
    Ok(audit::write(store, clock.now(), entry).await?)
}

fn counted<'a>(json: bool, counts: impl Iterator<Item = (&'a String, u64)>) {
    let rows: Vec<_> = counts
        .filter(|(_, records)| *records > 0)
        .map(|(space, records)| json!({ "space": space, "records": records }))
        .collect();
    table(json, &rows, &["space", "records"]);
}
