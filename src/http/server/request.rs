//! One request on its way into the router.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use tower::ServiceExt;

use super::connection::ConnectionState;
use super::{ClientAddress, Peer, ServerOptions};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Lets the router answer what may be answered at all.
pub(super) fn answer(
    app: Router,
    request: Request<Incoming>,
    peer: Peer,
    facts: &ConnectionState,
    options: &ServerOptions,
) -> impl Future<Output = Response> + Send + use<> {
    let refusal = refusal(&request, facts);
    let client = ClientAddress::read(&options.proxies, peer, request.headers());
    let body_timeout = options.body_timeout;
    async move {
        if let Some((status, reason)) = refusal {
            return refuse(status, reason);
        }
        let close = request.headers().contains_key(TRANSFER_ENCODING);
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(peer);
        parts.extensions.insert(client);
        let body = if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(TimedBody::new(body, body_timeout))
        };
        let Ok(mut response) = app.oneshot(Request::from_parts(parts, body)).await;
        if close {
            // Behind a chunked body our watcher has lost its place.
            response.headers_mut().insert(CONNECTION, CLOSE);
        }
        response
    }
}

/// Why a request is refused before anybody looks at it.
fn refusal<B>(request: &Request<B>, facts: &ConnectionState) -> Option<(StatusCode, &'static str)> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    if facts.ambiguous() {
        return Some((BAD, "The request says twice where its body ends."));
    }
    if facts.unknown_coding() {
        // RFC 9112 §6.1. Who decodes it as something else sees another request.
        let reason = "The only transfer coding that is known here is `chunked`.";
        return Some((StatusCode::NOT_IMPLEMENTED, reason));
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    // RFC 9112 §3.2. Two of them are how a proxy and we come to see two stores.
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some((BAD, "The request needs exactly one Host header."));
    }
    None
}

fn refuse(status: StatusCode, reason: &'static str) -> Response {
    let mut response = Response::new(Body::from(format!("{reason}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, CLOSE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A request's body that fails if it isn't whole in time.
struct TimedBody {
    body: Incoming,
    limit: Duration,
    /// Runs from the first time that somebody had to wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    fn new(body: Incoming, limit: Duration) -> Self {
        Self {
            body,
            limit,
            timer: None,
        }
    }
}

/// Why a request's body came to no end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// It took longer than [`super::ServerOptions::body_timeout`].
    #[error("the request's body did not arrive in time")]
    Late,
}

impl HttpBody for TimedBody {
    type Data = bytes::Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BodyError>>> {
        // The timer comes first: a body that drips always has the next byte ready.
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(BodyError::Late)));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_pending() && self.timer.is_none() {
            let mut timer = Box::pin(sleep(self.limit));
            // Polled once, so that it wakes this task. A limit of zero has passed.
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Some(Err(BodyError::Late)));
            }
            self.timer = Some(timer);
        }
        frame.map_err(BodyError::Broken)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
