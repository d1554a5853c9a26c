//! `vestibule provider try`: a real login with a mapping that is registered nowhere.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::oneshot;

use super::super::Global;
use super::{compiled, read};
use crate::account::{self, Account, StoreFront};
use crate::base::{AccountId, Clock, SystemClock};
use crate::broker::Broker;
use crate::http::server::{Listener, ServerOptions, bind, serve};
use crate::login::journal::{self, LoginEntry};
use crate::login::{Logins, trial};
use crate::provider::trace::{SavedTrace, text};
use crate::store::{MemoryStore, Precondition, Store};

/// How often the terminal looks whether the login is over.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(in crate::cli) struct Try {
    /// A mapping file, or the name of a bundled one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the callback listens; the provider must allow `http://ADDRESS/callback/try/PROVIDER`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    listen: String,
    /// Keep the trace, secrets removed, for `provider replay`
    #[arg(long, value_name = "TRACE")]
    save: Option<PathBuf>,
}

impl Try {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let mut config = global.load()?;
        let source = read(&self.file)?;
        if compiled(&self.file, &source, &config).is_none() {
            return Ok(ExitCode::FAILURE);
        }
        let listener = bind(&self.listen).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let keys = tempdir()?;
        config.public_url = Some(origin.parse()?);
        config.data_dir.clone_from(&keys);
        config.auth.private_key = None;
        let clock = Arc::new(SystemClock);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
        let broker = Broker::on(Arc::clone(&store), &config, clock).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(
            vec![Listener::Tcp(listener)],
            broker.router(),
            ServerOptions::default(),
            async {
                let _ = stopped.await;
            },
        ));
        let outcome = login(&broker, &origin, &source, global.json).await;
        let _ = stop.send(());
        server.await??;
        let _ = std::fs::remove_dir_all(&keys);
        let trace = outcome?;
        if global.json {
            println!("{}", serde_json::to_string_pretty(&trace)?);
        } else {
            println!("{}", text(&trace));
        }
        if let Some(path) = &self.save {
            std::fs::write(path, serde_json::to_string_pretty(&trace)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            eprintln!(
                "the trace is in {}; it holds the test account's profile, and no secret",
                path.display()
            );
        }
        Ok(match trace.failure {
            None => ExitCode::SUCCESS,
            Some(_) => ExitCode::FAILURE,
        })
    }
}

/// A directory of its own for the keys of a broker that lives for one login.
fn tempdir() -> anyhow::Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!(
        "vestibule-try-{}",
        crate::base::random::support_id()
    ));
    std::fs::create_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    Ok(dir)
}

async fn login(
    broker: &Broker,
    origin: &str,
    source: &str,
    quiet: bool,
) -> anyhow::Result<SavedTrace> {
    let logins = &broker.app().logins;
    let id: AccountId = "try".parse()?;
    let account = Account::new(
        id.clone(),
        "Test",
        vec![StoreFront::new(origin, "/accounts/try")?],
        SystemClock.now(),
    );
    account::put(&*logins.store, &account, Precondition::Absent).await?;
    let opened = trial::open(logins, &id, source).await?;
    let link = format!(
        "{origin}/accounts/try/trial?ticket={}&go=true",
        opened.link.as_str()
    );
    if quiet {
        eprintln!("{link}");
    } else {
        let provider = logins.mappings.compile(source);
        if let Ok(provider) = &provider {
            let uri = logins.mappings.redirect_uri(&id, provider);
            println!("The provider must allow the redirect URI {uri}\n");
        }
        println!("Open this address in a browser and log in with a test account:\n\n  {link}\n");
        let wanted = provider
            .iter()
            .flat_map(|provider| &provider.login.required);
        let wanted: Vec<_> = wanted.map(|name| format!("&{name}=…")).collect();
        if !wanted.is_empty() {
            let wanted = wanted.concat();
            println!("Add to it what the mapping takes from the visitor: {wanted}\n");
        }
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted before the login was over"),
        }
        let found = trial::find(logins, &id, &opened.id).await?;
        if let Some(trace) = found.context("nobody logged in within an hour")?.trace {
            return Ok(trace);
        }
        if let Some(trace) = astray(logins, &id).await? {
            return Ok(trace);
        }
    }
}

/// A callback that failed and leads to no trial, as one without a state does: nobody
/// else logs in here, so it is ours.
async fn astray(logins: &Logins, account: &AccountId) -> anyhow::Result<Option<SavedTrace>> {
    logins.journal.flush().await;
    let store = &*logins.store;
    let place = (logins.now(), logins.journal.keep());
    for partition in ["", account.as_str()] {
        let failed = |entry: &LoginEntry| entry.failed_at.is_some();
        let (found, _) = journal::page(store, partition, failed, None, 1, place).await?;
        if let Some(entry) = found.into_iter().next() {
            return Ok(Some(trial::ended(logins, entry)));
        }
    }
    Ok(None)
}
