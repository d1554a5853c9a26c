//! One connection: hyper, with our limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};

use super::header_timer::HeaderTimer;
use super::request::answer;
use super::stream::WatchedStream;
use super::{Peer, ServerOptions};

/// What the stream's watcher tells the timer and the requests of its connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    inside_head: AtomicBool,
    ambiguous: AtomicBool,
}

impl ConnectionState {
    /// Some but not all bytes of a request's head have arrived.
    pub(super) fn inside_head(&self) -> bool {
        self.inside_head.load(Ordering::Relaxed)
    }

    /// A request said twice where its body ends.
    pub(super) fn ambiguous(&self) -> bool {
        self.ambiguous.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, inside_head: bool, ambiguous: bool) {
        self.inside_head.store(inside_head, Ordering::Relaxed);
        self.ambiguous.store(ambiguous, Ordering::Relaxed);
    }
}

/// Serves the connections of one listener.
pub(super) struct Connections {
    app: Router,
    options: Arc<ServerOptions>,
}

impl Connections {
    pub(super) fn new(app: Router, options: ServerOptions) -> Self {
        Self {
            app,
            options: Arc::new(options),
        }
    }

    /// The life of one connection.
    pub(super) fn serve<S>(
        &self,
        stream: S,
        peer: Peer,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let facts = Arc::new(ConnectionState::default());
        let options = Arc::clone(&self.options);
        let stream = WatchedStream::new(stream, Arc::clone(&facts), options.write_timeout);
        let most_bytes = options.max_header_bytes.max(8192);
        let mut http = http1::Builder::new();
        http.timer(HeaderTimer::new(Arc::clone(&facts), &options))
            .header_read_timeout(options.header_timeout)
            .max_headers(options.max_headers)
            .max_header_size(most_bytes)
            .max_buf_size(most_bytes);
        let app = self.app.clone();
        let service = service_fn(move |request| {
            let answer = answer(app.clone(), request, peer, &facts, options.body_timeout);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        async move {
            if let Err(error) = connection.await {
                // A connection that its client breaks is not an error of ours.
                tracing::debug!(?peer, %error, "connection ended");
            }
        }
    }
}
