//! The admin API as commands call it: over the socket of a running broker, or
//! in this process on the data directory where none runs.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt;

use super::Global;
use super::output::{Listed, Most};
use super::remote::Remote;
use crate::admin;
use crate::base::SystemClock;
use crate::broker::open_admin;
use crate::config::Config;
use crate::document::Finding;
use crate::http::server::Peer;
use crate::provider::request::encode;
use crate::store::Store;

/// How many things the API gives at a time.
const LONGEST_PAGE: usize = 500;

/// The admin API.
pub(super) struct Api(Transport);

enum Transport {
    Elsewhere(Box<Remote>),
    Socket {
        sender: hyper::client::conn::http1::SendRequest<Body>,
        timeout: Duration,
    },
    Here {
        router: Router,
        store: Arc<dyn Store>,
    },
}

/// An answer that says no.
#[derive(Debug, serde::Deserialize, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refused {
    detail: String,
    /// What a check of a mapping found.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

impl Api {
    /// Finds the API.
    async fn open(global: &Global) -> anyhow::Result<Self> {
        if let Some(server) = &global.server {
            let remote = Remote::open(server, global.timeout).await?;
            return Ok(Self(Transport::Elsewhere(Box::new(remote))));
        }
        let config = global.load()?;
        if let Some(stream) = connect(&config).await? {
            let (sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            return Ok(Self(Transport::Socket {
                sender,
                timeout: global.timeout,
            }));
        }
        let admin = open_admin(&config, Arc::new(SystemClock)).await?;
        let store = Arc::clone(&admin.store);
        Ok(Self(Transport::Here {
            router: admin::router(admin),
            store,
        }))
    }

    /// Opens it for one command, and closes it whatever comes of that.
    pub async fn with<T>(
        global: &Global,
        command: impl AsyncFnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut api = Self::open(global).await?;
        let outcome = command(&mut api).await;
        api.close().await?;
        outcome
    }

    /// Sends a request; `None` where the answer has no body.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<RequestBody>,
    ) -> anyhow::Result<Option<Value>> {
        let (status, bytes) = self.raw(method, path, body, "application/json").await?;
        if status == StatusCode::NO_CONTENT || bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&bytes)?))
    }

    /// Reads a mapping as its text.
    pub async fn toml(&mut self, path: &str) -> anyhow::Result<String> {
        let (_, bytes) = self
            .raw(Method::GET, path, None, "application/toml")
            .await?;
        Ok(String::from_utf8(bytes)?)
    }

    /// Reads what is as long as it is, part by part; not from elsewhere.
    pub async fn lines(
        &mut self,
        path: &str,
    ) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "vestibule")
            .header(header::ACCEPT, "application/jsonl");
        let mut request = request.body(Body::empty())?;
        let answer = match &mut self.0 {
            Transport::Elsewhere(_) => bail!("this is done where the broker runs"),
            Transport::Socket { sender, .. } => {
                sender.ready().await?;
                sender.send_request(request).await?.map(Body::new)
            }
            Transport::Here { router, .. } => {
                request.extensions_mut().insert(Peer::Unix);
                router.clone().oneshot(request).await?
            }
        };
        if !answer.status().is_success() {
            let status = answer.status();
            let bytes = answer.into_body().collect().await?.to_bytes();
            answered(status, bytes.to_vec())?;
            return Ok(futures_util::stream::empty().boxed());
        }
        let parts = answer.into_body().into_data_stream();
        Ok(parts.map(|part| part.map_err(anyhow::Error::from)).boxed())
    }

    /// Reads all pages of a list.
    pub async fn list(&mut self, path: &str) -> anyhow::Result<Vec<Value>> {
        let all = Most {
            limit: None,
            after: None,
        };
        Ok(self.part(path, &all).await?.items)
    }

    /// Goes through a list, however long it is.
    pub async fn each(&mut self, path: &str, mut with: impl FnMut(&Value)) -> anyhow::Result<()> {
        let mut most = Most {
            limit: u32::try_from(LONGEST_PAGE).ok(),
            after: None,
        };
        loop {
            let part = self.part(path, &most).await?;
            part.items.iter().for_each(&mut with);
            most.after = part.next;
            if most.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads pages of a list until so many things are there, or all.
    pub async fn part(&mut self, path: &str, most: &Most) -> anyhow::Result<Listed> {
        let mut part = Listed {
            items: Vec::new(),
            next: most.after.clone(),
        };
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let limit = (most.count() - part.items.len()).min(LONGEST_PAGE);
            let after = part.next.map(|after| format!("&after={}", encode(&after)));
            let page = format!("{path}{join}limit={limit}{}", after.unwrap_or_default());
            let answer = self.send(Method::GET, &page, None).await?;
            let mut answer = answer.unwrap_or_default();
            if let Some(Value::Array(items)) = answer.get_mut("items").map(Value::take) {
                part.items.extend(items);
            }
            part.next = answer
                .get("next")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if part.next.is_none() || part.items.len() >= most.count() {
                return Ok(part);
            }
        }
    }

    async fn raw(
        &mut self,
        method: Method,
        path: &str,
        body: Option<RequestBody>,
        accept: &str,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        if let Transport::Elsewhere(remote) = &self.0 {
            let (status, bytes) = remote.send(method, path, body, accept).await?;
            return answered(status, bytes);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "vestibule")
            .header(header::ACCEPT, accept);
        let body = match body {
            None => Body::empty(),
            Some(RequestBody { kind, text }) => {
                request = request.header(header::CONTENT_TYPE, kind);
                Body::from(text)
            }
        };
        let mut request = request.body(body)?;
        let (status, bytes) = match &mut self.0 {
            Transport::Elsewhere(_) => unreachable!("answered above"),
            Transport::Socket { sender, timeout } => {
                let exchange = async {
                    sender.ready().await?;
                    let answer = sender.send_request(request).await?;
                    let status = answer.status();
                    let bytes = answer.into_body().collect().await?.to_bytes();
                    anyhow::Ok((status, bytes))
                };
                tokio::time::timeout(*timeout, exchange)
                    .await
                    .map_err(|_| {
                        anyhow::anyhow!(
                            "the broker runs, but gave no answer within {timeout:?}; whether the command was carried out is not known. Its log says what it waits for"
                        )
                    })??
            }
            Transport::Here { router, .. } => {
                request.extensions_mut().insert(Peer::Unix);
                let answer = router.clone().oneshot(request).await?;
                let status = answer.status();
                (status, answer.into_body().collect().await?.to_bytes())
            }
        };
        answered(status, bytes.to_vec())
    }

    /// Writes everything down; needed where no broker runs.
    async fn close(self) -> anyhow::Result<()> {
        if let Transport::Here { router, store } = self.0 {
            drop(router);
            store.close().await?;
        }
        Ok(())
    }
}

/// An answer, unless it says no.
fn answered(status: StatusCode, bytes: Vec<u8>) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    if status.is_success() {
        return Ok((status, bytes));
    }
    // Only what is printed: the broker may be newer and know more codes.
    let refused: Refused =
        serde_json::from_slice(&bytes).with_context(|| format!("the broker answered {status}"))?;
    Err(refused.into())
}

/// A request's body.
pub(super) struct RequestBody {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl RequestBody {
    pub fn json(value: &Value) -> Self {
        Self {
            kind: "application/json",
            text: value.to_string(),
        }
    }

    pub fn toml(text: String) -> Self {
        Self {
            kind: "application/toml",
            text,
        }
    }
}

/// A text as the API takes it: an empty one takes away what there was.
pub(super) fn or_null(text: String) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        text.into()
    }
}

/// The socket of a running broker, if one runs.
async fn connect(config: &Config) -> anyhow::Result<Option<UnixStream>> {
    let path = config.admin_socket();
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Some(stream)),
        // Nobody there, or left over from a broker that was killed.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => bail!(
            "the broker's socket {} cannot be opened: {error}",
            path.display()
        ),
    }
}
