//! `vestibule serve`

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{Global, log};
use crate::base::SystemClock;
use crate::broker::Broker;
use crate::http::health;
use crate::http::server::{Server, ServerOptions, bind, bind_unix};

pub(super) async fn run(global: &Global) -> anyhow::Result<()> {
    let logs = log::start();
    let config = global.load()?;
    health::start_metrics();
    // Ports first: a second start must not touch the data of the first.
    let listener = bind(&config.listen).await?;
    let broker = Broker::open(&config, Arc::new(SystemClock)).await?;
    let socket = bind_unix(config.admin_socket()).context("the admin socket cannot be made")?;
    let mut server = Server::new(ServerOptions::default())
        .listen(listener, broker.router())
        .listen(socket, broker.admin_router());
    if let Some(address) = &config.metrics_listen {
        match bind(address).await {
            Ok(listener) => server = server.listen(listener, broker.health_router()),
            Err(error) if config.metrics_required => return Err(error.into()),
            Err(error) => {
                warn!(why = %error, "health and metrics are not served; set `metrics.listen`");
            }
        }
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
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        info!("stopping: requests in flight may finish");
    };
    server.run(stop).await?;
    broker.close().await?;
    info!("stopped");
    Ok(())
}
