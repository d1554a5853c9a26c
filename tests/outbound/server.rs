//! Servers on loopback, and requests to them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vestibule::base::SystemClock;
use vestibule::outbound::{Limits, Outbound, OutboundError, Policy, PreparedRequest};

pub(crate) const SECRET: &str = "s3cr3t";

pub(crate) fn loopback() -> Policy {
    Policy {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        allow_http: true,
        ..Policy::default()
    }
}

pub(crate) fn outbound(policy: Policy) -> Outbound {
    Outbound::new(policy, Arc::new(SystemClock)).unwrap()
}

pub(crate) fn get(url: &str) -> PreparedRequest {
    PreparedRequest {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: vec![("Authorization".to_owned(), format!("Bearer {SECRET}"))],
        body: None,
    }
}

pub(crate) fn post(url: &str) -> PreparedRequest {
    PreparedRequest {
        method: Method::POST,
        body: Some(format!("code={SECRET}").into_bytes()),
        ..get(url)
    }
}

pub(crate) fn short() -> Limits {
    Limits {
        connect: Duration::from_millis(250),
        total: Duration::from_millis(300),
        max_body: 10_000,
    }
}

/// A server on loopback, and what it has seen.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request on each connection by `respond`, which is told the
    /// request's head and returns false to close.
    pub(crate) async fn start<F, R>(respond: F) -> Self
    where
        F: Fn(String, Peer) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = (Peer, bool)> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (respond, requests) = (respond.clone(), requests.clone());
                tokio::spawn(async move {
                    let mut peer = Peer(stream);
                    while let Some(request) = peer.request().await {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let (back, go_on) = respond(request, peer).await;
                        peer = back;
                        if !go_on {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    /// Answers every request by the same bytes; `close` after the first.
    pub(crate) async fn canned(answer: impl Into<Vec<u8>>, close: bool) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |_, mut peer: Peer| {
            let answer = answer.clone();
            async move {
                peer.write(&answer).await;
                (peer, !close)
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    /// Head and body of one request.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&seen).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase()
                            .strip_prefix("content-length: ")?
                            .parse()
                            .ok()
                    })
                    .unwrap_or(0);
                if body.len() >= length {
                    return Some(text);
                }
            }
            match self.0.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => seen.extend_from_slice(&buffer[..read]),
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }
}

pub(crate) async fn fails(server: &Server, limits: &Limits) -> OutboundError {
    let url = server.url(&format!("/token?code={SECRET}"));
    let error = outbound(loopback())
        .send("a/b", post(&url), limits)
        .await
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(SECRET) && !text.contains("code="), "{text}");
    error
}

/// Limits that are never hit, even on a busy machine.
pub(crate) fn roomy() -> Limits {
    Limits {
        max_body: 10_000,
        ..Limits::default()
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
