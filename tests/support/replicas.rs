//! Several brokers on one store, behind no proxy: a test moves its browser from
//! one to the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use http::Request;
use mock_idp::MockIdp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use url::Url;
use vestibule::base::{Clock, Secret, SystemClock};
use vestibule::broker::{Broker, OpenError};
use vestibule::config::{self, Config, StorePlace};
use vestibule::http::server::{Listener, Peer, ServerOptions, serve};
use vestibule::store::Store;

use super::{Browser, mapping_for};

/// What all brokers are to the world.
pub const HOST: &str = "localhost";
pub const ORIGIN: &str = "http://localhost";
pub const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// What changed at one broker is seen by all within this.
pub const BOUND: Duration = Duration::from_secs(1);

/// One of them.
pub struct Replica {
    pub broker: Broker,
    pub address: SocketAddr,
    _data: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Replica {
    pub async fn start(durable: &Secret, transient: Option<&Secret>) -> Self {
        let place = StorePlace::Postgres(durable.clone());
        Self::with(|config| {
            config.store = place;
            config.transient = transient.cloned();
        })
        .await
    }

    /// One on a store and a clock of the test's.
    pub async fn on(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self::make(
            |_| {},
            async |config| Broker::on(store, config, clock).await.unwrap(),
        )
        .await
    }

    /// One with a configuration of the test's.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::make(change, async |config| {
            Broker::open(config, Arc::new(SystemClock)).await.unwrap()
        })
        .await
    }

    /// The same, where it may be refused.
    pub async fn try_with(change: impl FnOnce(&mut Config)) -> Result<Broker, OpenError> {
        let data = tempfile::tempdir().unwrap();
        let mut config = config::from_parts("", [], None).unwrap();
        config.public_url = Some(Url::parse(ORIGIN).unwrap());
        config.data_dir = data.path().to_owned();
        config.auth.master_key = Some(Secret::new(MASTER_KEY));
        change(&mut config);
        Broker::open(&config, Arc::new(SystemClock)).await
    }

    async fn make(
        change: impl FnOnce(&mut Config),
        open: impl AsyncFnOnce(&Config) -> Broker,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut config = config::from_parts("", [], None).unwrap();
        config.public_url = Some(Url::parse(ORIGIN).unwrap());
        config.data_dir = data.path().to_owned();
        config.outbound.allow_http = true;
        config.outbound.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.auth.master_key = Some(Secret::new(MASTER_KEY));
        change(&mut config);
        let broker = open(&config).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(
            vec![Listener::Tcp(listener)],
            broker.router(),
            ServerOptions {
                proxies: config.proxies.clone(),
                ..ServerOptions::default()
            },
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            broker,
            address,
            _data: data,
            _stop: stop,
            task,
        }
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.task.abort();
        self.broker.close().await.unwrap();
    }

    /// Ends it as a kill would: nothing is written down.
    pub fn kill(self) {
        self.task.abort();
    }

    /// A request to its admin API, which must be done.
    pub async fn admin(&self, method: Method, path: &str, kind: &str, body: &str) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("content-type", kind)
            .extension(Peer::Unix)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.broker.admin_router().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The account `acme` with the mock as its provider.
    pub async fn acme(&self, idp: &MockIdp) {
        let store = json!({ "origin": ORIGIN, "auth_path": "/accounts/acme" });
        let account = json!({ "id": "acme", "stores": [store] }).to_string();
        self.admin(Method::POST, "/accounts", "application/json", &account)
            .await;
        self.apply(&mapping_for(idp)).await;
    }

    /// Applies a mapping to `acme`.
    pub async fn apply(&self, mapping: &str) {
        let path = "/accounts/acme/providers";
        self.admin(Method::POST, path, "application/toml", mapping)
            .await;
    }
}

/// A URL below `acme`, whichever broker it is asked of.
pub fn acme(endpoint: &str) -> String {
    format!("{ORIGIN}/accounts/acme/{endpoint}")
}

impl Browser {
    /// From now on it talks to this broker.
    pub fn moves_to(&mut self, replica: &Replica) {
        self.goes_to(HOST, replica.address);
    }

    /// A whole login of `ada` at one broker.
    pub async fn logs_in_at(&mut self, replica: &Replica) {
        self.moves_to(replica);
        let start = acme("login?return_to=/welcome");
        let end = self.log_in(&start, "ada", "lovelace").await;
        assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
        assert_eq!(self.check().await, StatusCode::OK);
    }

    /// What `check` answers.
    pub async fn check(&mut self) -> StatusCode {
        self.get(acme("check")).await.status
    }
}

/// Asks again and again until it is so, which must be within [`BOUND`].
pub async fn soon(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !ask().await {
        assert!(began.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
