//! One listener's loop: accept, bound the number of connections, stop.

use std::fs;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::Connections;
use super::{Listener, Peer, ServerOptions};

/// After an error that the next attempt would meet too: no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// A listener and what it serves.
pub(super) struct AcceptLoop {
    listener: Listener,
    connections: Connections,
    slots: Arc<Semaphore>,
    drain: Duration,
}

enum Accepted {
    Tcp(TcpStream, Peer),
    Unix(UnixStream),
}

impl AcceptLoop {
    pub(super) fn new(listener: Listener, app: Router, options: ServerOptions) -> Self {
        let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            listener,
            slots: Arc::new(Semaphore::new(most)),
            drain: options.drain,
            connections: Connections::new(app, options),
        }
    }

    /// Accepts until `stopped` turns true, then drains.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        // In a set, so that no connection outlives the loop that opened it.
        let mut open = JoinSet::new();
        loop {
            let next = async {
                let slot = Arc::clone(&self.slots).acquire_owned().await;
                (slot, self.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            match accepted {
                Accepted::Tcp(stream, peer) => {
                    // Answers are small and whole: waiting to fill a packet only delays them.
                    drop(stream.set_nodelay(true));
                    let connection = self.connections.serve(stream, peer, &graceful);
                    open.spawn(holding(slot, connection));
                }
                Accepted::Unix(stream) => {
                    let connection = self.connections.serve(stream, Peer::Unix, &graceful);
                    open.spawn(holding(slot, connection));
                }
            }
            while open.try_join_next().is_some() {}
        }
        let drain = self.drain;
        self.close();
        if tokio::time::timeout(drain, graceful.shutdown())
            .await
            .is_err()
        {
            while open.try_join_next().is_some() {}
            tracing::warn!(
                connections = open.len(),
                "closing connections with unfinished requests"
            );
        }
        open.shutdown().await;
    }

    /// The next connection, however long that takes and whatever fails meanwhile.
    async fn accept(&self) -> Accepted {
        loop {
            let accepted = match &self.listener {
                Listener::Tcp(listener) => listener
                    .accept()
                    .await
                    .map(|(stream, address)| Accepted::Tcp(stream, Peer::Tcp(address))),
                Listener::Unix(listener) => listener
                    .accept()
                    .await
                    .map(|(stream, _)| Accepted::Unix(stream)),
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    /// Stops listening, so that new connections are refused or go to a successor.
    fn close(self) {
        if let Listener::Unix(listener) = &self.listener
            && let Ok(address) = listener.local_addr()
            && let Some(path) = address.as_pathname()
        {
            // While the listener is open no successor has put its own file there.
            drop(fs::remove_file(path));
        }
    }
}

/// Runs `connection`, then gives its place to another one.
async fn holding<T>(place: T, connection: impl Future<Output = ()>) {
    connection.await;
    drop(place);
}

/// True if the client went away before we accepted: nothing to wait for.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
