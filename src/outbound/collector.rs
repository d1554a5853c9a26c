//! The way of traces to their collector.
//!
//! The collector is the operator's own and named in the configuration, inside as a rule:
//! the guards of providers' URLs don't stand before it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use reqwest::Client;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::error::{OutboundError, root};

/// How long the collector may take. Who traces waits for nothing of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// What of its answer is read.
const MAX_ANSWER: usize = 64 << 10;

/// Sends what the exporter made. Its requests run on the runtime that it was made on,
/// since the exporter's thread has none.
#[derive(Clone)]
pub struct Collector {
    client: Client,
    runtime: Handle,
    /// Whether the last request failed: only what changes is logged.
    failing: Arc<AtomicBool>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    /// On the present runtime.
    ///
    /// # Errors
    /// [`OutboundError::Client`] if the system has no certificate authorities to trust.
    pub fn new() -> Result<Self, OutboundError> {
        let client = Client::builder()
            .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the headers' secrets elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| OutboundError::Client(root(&error)))?;
        Ok(Self {
            client,
            runtime: Handle::current(),
            failing: Arc::default(),
        })
    }

    fn tell(&self, failure: Option<String>) {
        let before = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !before => {
                warn!(
                    why,
                    "traces do not reach their collector and are lost meanwhile; see `traces.endpoint`"
                );
            }
            None if before => info!("traces reach their collector again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(send(self.client.clone(), request));
        let sent = sent.await.unwrap_or_else(|ended| Err(ended.into()));
        self.tell(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered with {}", answer.status())),
            Err(error) => Some(root(&**error)),
        });
        sent
    }
}

async fn send(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut made = Response::builder().status(answer.status());
    if let Some(headers) = made.headers_mut() {
        std::mem::swap(headers, answer.headers_mut());
    }
    let mut body = BytesMut::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err("its answer is too long".into());
        }
        body.extend_from_slice(&part);
    }
    Ok(made.body(body.freeze())?)
}
