//! One connection: hyper, with our limits.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::framing::Framing;
use super::header_timer::HeaderTimer;
use super::request::answer;
use super::stream::WatchedStream;
use super::{Peer, ServerOptions};

/// Nothing came or went for so long: then a connection may be closed for another.
const IDLE: Duration = Duration::from_secs(1);

/// What the stream's watcher tells the timer and the requests of its connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    inside_head: AtomicBool,
    inside_body: AtomicBool,
    ambiguous: AtomicBool,
    unknown_coding: AtomicBool,
    /// The client does not take what is written.
    blocked: AtomicBool,
    /// Requests that are being answered.
    answering: AtomicUsize,
    opened: Instant,
    /// When something last came or went, in milliseconds since `opened`.
    active: AtomicU64,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self {
            inside_head: AtomicBool::default(),
            inside_body: AtomicBool::default(),
            ambiguous: AtomicBool::default(),
            unknown_coding: AtomicBool::default(),
            blocked: AtomicBool::default(),
            answering: AtomicUsize::default(),
            opened: Instant::now(),
            active: AtomicU64::default(),
        }
    }
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

    /// A request came in a transfer coding that is not known here.
    pub(super) fn unknown_coding(&self) -> bool {
        self.unknown_coding.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self, framing: &Framing) {
        let set = |fact: &AtomicBool, is| fact.store(is, Ordering::Relaxed);
        set(&self.inside_head, framing.inside_head());
        set(&self.inside_body, framing.inside_body());
        set(&self.ambiguous, framing.ambiguous());
        set(&self.unknown_coding, framing.unknown_coding());
        self.touch();
    }

    /// Whether the client takes what is written.
    pub(super) fn takes(&self, taken: bool) {
        self.blocked.store(!taken, Ordering::Relaxed);
    }

    /// Something came or went.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active.store(now, Ordering::Relaxed);
    }

    /// Between two requests, or before the first, for a while.
    fn is_idle(&self) -> bool {
        let active = Duration::from_millis(self.active.load(Ordering::Relaxed));
        self.answering.load(Ordering::Relaxed) == 0
            && !self.blocked.load(Ordering::Relaxed)
            && self.opened.elapsed().saturating_sub(active) >= IDLE
    }

    /// A request has begun to arrive, and is not whole.
    fn is_unfinished(&self) -> bool {
        self.inside_head() || self.inside_body.load(Ordering::Relaxed)
    }
}

/// Which connections are to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// None yet.
    Nobody,
    /// Those that are idle, of one address where it is named: others want their
    /// places.
    Idle(Option<IpAddr>),
    /// Those whose request is not whole: the server stops.
    Unfinished,
}

impl Leave {
    fn means(self, peer: Peer, facts: &ConnectionState) -> bool {
        match self {
            Self::Nobody => false,
            Self::Idle(of) => of.is_none_or(|ip| peer.ip() == Some(ip)) && facts.is_idle(),
            Self::Unfinished => facts.is_unfinished(),
        }
    }
}

/// Serves the connections of one listener.
#[derive(Clone)]
pub(super) struct Connections {
    app: Router,
    options: Arc<ServerOptions>,
    leave: watch::Sender<Leave>,
}

impl Connections {
    pub(super) fn new(app: Router, options: ServerOptions) -> Self {
        Self {
            app,
            options: Arc::new(options),
            leave: watch::Sender::new(Leave::Nobody),
        }
    }

    /// Has connections close that this is about.
    pub(super) fn leave(&self, which: Leave) {
        self.leave.send_replace(which);
    }

    /// The life of one connection.
    pub(super) fn serve<S>(
        &self,
        stream: S,
        peer: Peer,
        graceful: Watcher,
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
        let (state, mut leave) = (Arc::clone(&facts), self.leave.subscribe());
        let service = service_fn(move |request| {
            let answer = answer(app.clone(), request, peer, &facts, options.body_timeout);
            let answering = Answering::begin(&facts);
            async move {
                let answer = answer.await;
                drop(answering);
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        async move {
            tokio::pin!(connection);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut connection => {
                        if let Err(error) = ended {
                            // A connection that its client breaks is not an error of ours.
                            tracing::debug!(?peer, %error, "connection ended");
                        }
                        return;
                    }
                    Ok(()) = leave.changed() => {
                        let which = *leave.borrow_and_update();
                        if which.means(peer, &state) {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// A request that is being answered.
struct Answering(Arc<ConnectionState>);

impl Answering {
    fn begin(state: &Arc<ConnectionState>) -> Self {
        state.answering.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}
