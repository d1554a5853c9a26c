//! Connections, and the way of a request through journal, handler and faults.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::body::{Plan, PlannedBody};
use crate::config::Config;
use crate::faults::{FaultKind, Spoilt, replacement, spoil};
use crate::params::Params;
use crate::request::Request;
use crate::state::Shared;
use crate::wire::{Head, Seen, Tap};
use crate::{authorize, control, dpop, login, login_page, openid, pushed, token, userinfo};

/// No request to an identity provider is longer.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Serves until its task is aborted; the connections end with it.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // Clears away what has ended.
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Err(error) => {
                // Mostly "too many open files": wait for some to close.
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without this a small answer may wait for the acknowledgement of the one before.
    let _best_effort = stream.set_nodelay(true);
    let (tap, seen) = Tap::new(stream);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (shared, seen) = (Arc::clone(&shared), seen.clone());
        async move { serve(&shared, &seen, request).await }
    });
    let served = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(tap), service);
    if let Err(error) = served.await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Answers one request; an error closes the connection without an answer.
async fn serve(
    shared: &Shared,
    seen: &Seen,
    request: hyper::Request<Incoming>,
) -> io::Result<Response<PlannedBody>> {
    let began = Instant::now();
    let (parts, incoming) = request.into_parts();
    let head = seen.take_head().unwrap_or_else(|| head_of(&parts));
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .map_or(Some(0), |length| length.to_str().ok()?.parse().ok())
        .filter(|_| !parts.headers.contains_key(header::TRANSFER_ENCODING));
    let Some(body) = read_body(incoming).await? else {
        let answer = Answer::empty(StatusCode::PAYLOAD_TOO_LARGE).with(header::CONNECTION, "close");
        return Ok(respond(finished(answer)));
    };
    seen.drop_body(declared);

    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: Params::form(parts.uri.query().unwrap_or_default().as_bytes()),
        headers: parts.headers,
        body,
    };
    if request.path.starts_with("/control/") {
        return Ok(respond(finished(control::answer(shared, &request))));
    }

    let config = shared.config();
    let seq = config.journal.then(|| {
        let method = request.method.as_str();
        shared
            .journal
            .record(config.journal_capacity, method, head, &request.body)
    });
    let request = Request {
        path: config.endpoint(request.method.as_str(), &request.path),
        ..request
    };
    let endpoint = endpoint(&request.path);
    let faults = shared.take_faults(endpoint, |kind| !kind.is_callback());
    let answer = faults
        .iter()
        .find_map(replacement)
        .unwrap_or_else(|| route(shared, &config, &request));
    let spoilt = spoil(endpoint, &config, answer, &faults).await;
    log(&request, spoilt.as_ref(), &faults, began);
    let Some(spoilt) = spoilt else {
        return Err(io::Error::other("closed, as asked"));
    };
    if let Some(seq) = seq {
        shared.journal.answered(seq, spoilt.status.as_u16());
    }
    Ok(respond(spoilt))
}

fn route(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if let Some(refusal) = dpop::refusal(shared, config, request) {
        return refusal;
    }
    match request.path.as_str() {
        "/" => login_page::index(shared, config),
        "/authorize" => authorize::answer(shared, config, request),
        "/login" => login::answer(shared, config, request),
        "/logout" => login::logout(shared, config, request),
        "/par" => pushed::answer(shared, config, request),
        "/token" => token::answer(shared, config, request),
        "/app_token" => token::app_token(shared, config, request),
        "/revoke" => token::revoke(shared, config, request),
        "/userinfo" => userinfo::answer(shared, config, request),
        "/.well-known/openid-configuration" => openid::discovery(shared, config, request),
        "/jwks.json" => openid::jwks(shared, config, request),
        "/foreign/jwks.json" => openid::foreign_jwks(shared),
        _ => userinfo::route(shared, config, request),
    }
}

/// The name faults know an endpoint by.
fn endpoint(path: &str) -> &str {
    match path {
        "/authorize" => "authorize",
        "/token" => "token",
        "/.well-known/openid-configuration" => "discovery",
        "/jwks.json" => "jwks",
        _ if path == "/userinfo" || path.starts_with("/userinfo/") => "userinfo",
        other => other,
    }
}

fn log(request: &Request, spoilt: Option<&Spoilt>, faults: &[FaultKind], began: Instant) {
    let status = spoilt.map_or("closed".to_owned(), |spoilt| {
        spoilt.status.as_u16().to_string()
    });
    let faults = match faults {
        [] => String::new(),
        some => {
            let names: Vec<String> = some.iter().map(FaultKind::name).collect();
            format!("  [fault: {}]", names.join(", "))
        }
    };
    let (method, path, ms) = (&request.method, &request.path, began.elapsed().as_millis());
    tracing::info!("{method} {path} → {status} in {ms} ms{faults}");
}

/// A head made from what hyper parsed.
fn head_of(parts: &Parts) -> Head {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Head {
        target: parts.uri.to_string(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    }
}

/// The whole body, or none if it is too long.
async fn read_body(mut incoming: Incoming) -> io::Result<Option<Bytes>> {
    let mut body = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut incoming).poll_frame(cx)).await
    {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            if body.len() + data.len() > MAX_BODY {
                return Ok(None);
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Some(Bytes::from(body)))
}

/// An answer without faults.
fn finished(answer: Answer) -> Spoilt {
    let (content_type, bytes) = answer.render();
    let mut headers = answer.headers;
    if !content_type.is_empty() {
        headers.push((header::CONTENT_TYPE, content_type));
    }
    Spoilt {
        status: answer.status,
        headers,
        plan: Plan::Whole(bytes),
    }
}

fn respond(spoilt: Spoilt) -> Response<PlannedBody> {
    let length = spoilt.plan.content_length();
    let mut response = Response::new(spoilt.plan.into_body());
    *response.status_mut() = spoilt.status;
    for (name, value) in spoilt.headers {
        // What no header can carry is left out: a fault may ask for anything.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().append(name, value);
        }
    }
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
