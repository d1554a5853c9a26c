//! `vestibule serve`

use std::sync::Arc;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{Global, log, traces};
use crate::base::SystemClock;
use crate::broker::Broker;
use crate::config::Config;
use crate::http::server::{Server, ServerOptions, Workers, bind, bind_unix};
use crate::http::{health, traced};

pub(super) async fn run(global: &Global) -> anyhow::Result<()> {
    let logs = log::start();
    let config = global.load()?;
    health::start_metrics();
    let traces = traces::start(config.traces.as_ref())?;
    // Ports first: a second start must not touch the data of the first.
    let listener = bind(&config.listen).await?;
    let broker = Broker::open(&config, Arc::new(SystemClock)).await?;
    let socket = bind_unix(config.admin_socket()).context("the admin socket cannot be made")?;
    let workers = Workers::start().context("the threads that serve cannot start")?;
    let mut server = Server::new(options(&config))
        .on(&workers)
        .listen(listener, traced::layered(broker.router()))
        .listen(socket, traced::layered(broker.admin_router()));
    if let Some(address) = &config.metrics_listen {
        match bind(address).await {
            Ok(listener) => server = server.listen(listener, broker.health_router()),
            Err(error) if config.metrics_required => return Err(error.into()),
            Err(error) => {
                warn!(why = %error, "health and metrics are not served; set `metrics.listen`");
            }
        }
    }
    // Who asks for an algorithm later makes its key, where it can't be made now.
    if let Err(error) = broker.provide_keys().await {
        warn!(why = %error, "a key of each algorithm could not be provided");
    }
    info!(
        listen = config.listen,
        public_url = broker.app().logins.public_url,
        data_dir = %config.data_dir.display(),
        "vestibule is serving"
    );
    // A full disk is no reason not to serve what can be read.
    let link = broker.first_operator().await.unwrap_or_else(|error| {
        warn!(why = %error, "no link for a first operator could be made; restart the broker once the store takes writes");
        None
    });
    if let Some(link) = link {
        // Not through the log: it is for whoever starts the broker, and works once.
        logs.flush();
        eprintln!(
            "\nThere is no operator yet. This link, good once within 24 hours, makes the first:\n\n    {link}\n"
        );
    }
    // An hang-up is no end: it asks to read again what can be read again. And a file
    // that grows beyond a limit is an error of that write, not of the program.
    let mut hang_up = signal(SignalKind::hangup())?;
    let _too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    let keys = Arc::clone(&broker.app().logins.keys);
    let reloading = tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            match keys.reload().await {
                Ok(()) => info!("SIGHUP: the signing keys were read again"),
                Err(error) => warn!(why = %error, "SIGHUP: the signing keys could not be read"),
            }
        }
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        info!("stopping: requests in flight may finish");
    };
    server.run(stop).await?;
    reloading.abort();
    broker.close().await?;
    drop(workers);
    traces.end().await;
    info!("stopped");
    Ok(())
}

/// `SIGXFSZ`, on every architecture of Linux that Rust is for but MIPS.
const SIGXFSZ: i32 = 25;
/// Descriptors that are not for the network: store, log, providers, listeners.
const RESERVED: u64 = 1_024;

/// As many connections as there are descriptors for, with some left for the store
/// and for providers. The limit is raised to what the system allows first.
fn options(config: &Config) -> ServerOptions {
    let options = ServerOptions {
        proxies: config.proxies.clone(),
        ..ServerOptions::default()
    };
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    let Some(descriptors) = limit.current else {
        return options;
    };
    let left = descriptors.saturating_sub(RESERVED).max(descriptors / 2);
    let most = usize::try_from(left).unwrap_or(usize::MAX);
    if most < options.max_connections {
        warn!(
            descriptors,
            connections = most,
            "fewer connections than usual: the limit of open files is low (`ulimit -n`, LimitNOFILE)"
        );
    }
    ServerOptions {
        max_connections: options.max_connections.min(most),
        ..options
    }
}
