//! The serving loop: from an open listener to requests in the router.
//!
//! `axum::serve` waits for a request's head without end and takes connections
//! without limit, so this module drives hyper itself: every wait has a limit,
//! framing that two servers could read differently is refused, and stopping
//! lets the requests in flight finish. HTTP/1.1 only: a TLS proxy stands in
//! front, and proxies speak HTTP/1.1 to what stands behind them.
//!
//! ```no_run
//! # use vestibule::http::server::{self, Listener, Server, ServerOptions};
//! # async fn run(public: axum::Router, admin: axum::Router) -> std::io::Result<()> {
//! Server::new(ServerOptions::default())
//!     .listen(Listener::Tcp(server::bind("127.0.0.1:8080").await?), public)
//!     .listen(Listener::Unix(server::bind_unix("/var/lib/vestibule/admin.sock")?), admin)
//!     .run(async { drop(tokio::signal::ctrl_c().await) })
//!     .await
//! # }
//! ```

mod accept;
mod bind;
mod client;
mod connection;
pub mod framing;
mod header_timer;
mod request;
mod stream;
mod workers;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use bind::{bind, bind_unix};
pub use client::ClientAddress;
pub use workers::Workers;

use crate::config::Proxies;

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// From the first byte of a request's head to its last; also from the
    /// opening of a connection to its first byte.
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests. Longer than
    /// the 60 s of the usual proxies: whoever keeps a connection longer must be
    /// the client, or it sends a request into a connection that is just closing.
    pub idle_timeout: Duration,
    /// From the first wait for a request's body to its last byte.
    pub body_timeout: Duration,
    /// How long a client may refuse to take the bytes of an answer.
    pub write_timeout: Duration,
    /// Header lines of one request; more are answered with 431.
    pub max_headers: usize,
    /// Bytes of one request's head, at least 8192; more are answered with 431.
    pub max_header_bytes: usize,
    /// Connections open at one time, per listener: a flood on the network leaves
    /// the administrator's socket free. More wait in the kernel's queue.
    pub max_connections: usize,
    /// After the signal to stop: how long requests in flight may take to finish.
    pub drain: Duration,
    /// The proxies that are believed about whom they speak for. They have no share
    /// of the connections: theirs are everybody's.
    pub proxies: Proxies,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_headers: 100,
            max_header_bytes: 64 * 1024,
            max_connections: 10_000,
            drain: Duration::from_secs(20),
            proxies: Proxies::default(),
        }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// The network.
    Tcp(TcpListener),
    /// A socket in the file system; its file is removed when the server stops.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// Who is at the other end of the connection; an extension of every request.
///
/// This is the peer of the connection, a proxy as a rule, and not the visitor: that
/// is the [`ClientAddress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the network.
    Tcp(SocketAddr),
    /// Somebody who may open our socket in the file system.
    Unix,
}

impl Peer {
    /// The address, unless the connection came through the file system.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            // An IPv4 client of a dual-stack listener is an IPv4 client.
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix => None,
        }
    }

    /// True for the socket in the file system, which only the owner may open.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix)
    }
}

/// Listeners, each with what it serves.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    doors: Vec<(Listener, Router)>,
    pool: Option<Arc<workers::Pool>>,
}

impl Server {
    /// A server that listens nowhere yet.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            options,
            doors: Vec::new(),
            pool: None,
        }
    }

    /// Serves `app` to whoever connects to `listener`.
    #[must_use]
    pub fn listen(mut self, listener: impl Into<Listener>, app: Router) -> Self {
        self.doors.push((listener.into(), app));
        self
    }

    /// Serves the network's connections on `workers` instead of the caller's runtime.
    #[must_use]
    pub fn on(mut self, workers: &Workers) -> Self {
        self.pool = Some(workers.pool());
        self
    }

    /// Serves until `shutdown` is ready, then stops accepting, closes idle
    /// connections and waits for the requests in flight, at most
    /// [`ServerOptions::drain`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        if self.doors.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is no address to listen on",
            ));
        }
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        for (listener, app) in self.doors {
            let door =
                accept::AcceptLoop::new(listener, app, self.options.clone(), self.pool.clone());
            loops.spawn(door.run(stopped.clone()));
        }
        tokio::select! {
            () = shutdown => {}
            // A loop ends by itself only if it panicked.
            Some(ended) = loops.join_next() => ended.map_err(io::Error::other)?,
        }
        stop.send_replace(true);
        while let Some(ended) = loops.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// [`Server`] for listeners that all serve the same.
pub async fn serve(
    listeners: Vec<Listener>,
    app: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listeners
        .into_iter()
        .fold(Server::new(options), |server, listener| {
            server.listen(listener, app.clone())
        })
        .run(shutdown)
        .await
}
