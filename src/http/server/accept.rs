//! One listener's loop: accept, bound the number of connections, stop.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{Connections, Leave};
use super::workers::Pool;
use super::{Listener, Peer, ServerOptions};
use crate::config::Proxies;

/// After an error that the next attempt would meet too: no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// How long to wait for a place before idle connections are asked again to go.
const GIVE_WAY: Duration = Duration::from_millis(500);
/// When the server stops: how long a request may take to be whole.
const UNFINISHED: Duration = Duration::from_secs(3);

/// A listener and what it serves.
pub(super) struct AcceptLoop {
    listener: Listener,
    connections: Connections,
    slots: Arc<Semaphore>,
    shares: Shares,
    proxies: Proxies,
    drain: Duration,
    /// Where connections of the network are served, if not here.
    pool: Option<Arc<Pool>>,
}

enum Accepted {
    Tcp(TcpStream, Peer),
    Unix(UnixStream),
}

impl AcceptLoop {
    pub(super) fn new(
        listener: Listener,
        app: Router,
        options: ServerOptions,
        pool: Option<Arc<Pool>>,
    ) -> Self {
        let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            listener,
            slots: Arc::new(Semaphore::new(most)),
            shares: Shares::of(most),
            proxies: options.proxies.clone(),
            drain: options.drain,
            pool,
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
                let slot = self.slot().await;
                (slot, self.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            match accepted {
                Accepted::Tcp(stream, peer) => {
                    let of = peer.ip();
                    let shared = of.is_some_and(|ip| self.proxies.trusts(ip));
                    let share = of.filter(|_| !shared).and_then(|ip| self.shares.take(ip));
                    if share.is_none() && !shared {
                        self.connections.leave(Leave::Idle(of));
                        tracing::debug!(?peer, "one address holds half of all connections");
                        continue;
                    }
                    // Answers are small and whole: waiting to fill a packet only delays them.
                    drop(stream.set_nodelay(true));
                    let place = self.pool.as_ref().and_then(Pool::place);
                    let Some(place) = place else {
                        let connection = self.connections.serve(stream, peer, graceful.watcher());
                        open.spawn(holding((share, slot), connection));
                        continue;
                    };
                    let Ok(stream) = stream.into_std() else {
                        continue;
                    };
                    let worker = place.handle().clone();
                    let (connections, watcher) = (self.connections.clone(), graceful.watcher());
                    let connection = async move {
                        // Known to the runtime that waits for it from here on.
                        if let Ok(stream) = TcpStream::from_std(stream) {
                            connections.serve(stream, peer, watcher).await;
                        }
                    };
                    open.spawn_on(holding((share, place, slot), connection), &worker);
                }
                Accepted::Unix(stream) => {
                    let watcher = graceful.watcher();
                    let connection = self.connections.serve(stream, Peer::Unix, watcher);
                    open.spawn(holding(slot, connection));
                }
            }
            while open.try_join_next().is_some() {}
        }
        let Self {
            listener,
            connections,
            drain,
            ..
        } = self;
        close(listener);
        let unfinished = async {
            tokio::time::sleep(UNFINISHED).await;
            connections.leave(Leave::Unfinished);
            std::future::pending::<()>().await;
        };
        let drained = tokio::select! {
            drained = tokio::time::timeout(drain, graceful.shutdown()) => drained,
            () = unfinished => Ok(()),
        };
        if drained.is_err() {
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

    /// A place for a connection. Where there is none, idle ones give way.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(slot);
            }
            self.connections.leave(Leave::Idle(None));
            let slot = Arc::clone(&self.slots).acquire_owned();
            if let Ok(slot) = tokio::time::timeout(GIVE_WAY, slot).await {
                return slot.ok();
            }
        }
    }
}

/// Stops listening, so that new connections are refused or go to a successor.
fn close(listener: Listener) {
    if let Listener::Unix(listener) = &listener
        && let Ok(address) = listener.local_addr()
        && let Some(path) = address.as_pathname()
    {
        // While the listener is open no successor has put its own file there.
        drop(fs::remove_file(path));
    }
    drop(listener);
}

/// How many connections each address has: at most half of all, so that no single
/// one shuts out the others.
struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's part of its address's share.
struct Share {
    of: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Shares {
    fn of(connections: usize) -> Self {
        Self {
            most: (connections / 2).max(1),
            taken: Arc::default(),
        }
    }

    /// `None` if the address has its share.
    fn take(&self, ip: IpAddr) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(ip).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share {
            of: ip,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

/// Runs `connection`, then gives its place to another one: what the tuple has last
/// goes last, so whoever gets the slot finds the address's share free as well.
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
